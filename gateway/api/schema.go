package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"traceledger/chaincode/trace"
)

// schema is a JSON Schema object as OpenAPI 3.0 writes it.
type schema = map[string]any

// schemas collects the named schemas of Go types, so that the document cannot say
// anything the types do not.
type schemas struct {
	named map[string]any
}

// of returns a schema or a reference to one. Structs become named components.
func (s *schemas) of(t reflect.Type) schema {
	switch t {
	case reflect.TypeFor[trace.Time]():
		return schema{"type": "string", "format": "date-time"}
	case reflect.TypeFor[trace.Date]():
		return schema{"type": "string", "format": "date", "description": "civil day at +08:00"}
	case reflect.TypeFor[trace.Decimal]():
		return schema{"type": "string", "pattern": `^-?[0-9]{1,12}(\.[0-9]{1,6})?$`, "description": "decimal number as text"}
	case reflect.TypeFor[trace.Digest]():
		return schema{"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256, hex"}
	case reflect.TypeFor[trace.GTIN]():
		return schema{"type": "string", "pattern": "^[0-9]{14}$"}
	case reflect.TypeFor[trace.SSCC]():
		return schema{"type": "string", "pattern": "^([0-9]{18})?$"}
	case reflect.TypeFor[json.RawMessage]():
		return schema{"type": "object"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64:
		return schema{"type": "integer"}
	case reflect.Slice:
		return schema{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.component(t)
	}
	return schema{}
}

func (s *schemas) component(t reflect.Type) schema {
	name := t.Name()
	ref := schema{"$ref": "#/components/schemas/" + name}
	if _, done := s.named[name]; done {
		return ref
	}
	s.named[name] = nil // a placeholder against recursion, replaced below
	properties, required := schema{}, []string{}
	s.fields(t, properties, &required)
	slices.Sort(required)
	object := schema{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		object["required"] = required
	}
	s.named[name] = object
	return ref
}

// fields adds a struct's fields, embedded ones flattened as encoding/json does. A
// field without omitempty or omitzero is required in what the server sends; in what
// it takes the contract is stricter and says so itself.
func (s *schemas) fields(t reflect.Type, properties schema, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "-" || !f.IsExported() {
			continue
		}
		if f.Anonymous && tag == "" {
			s.fields(f.Type, properties, required)
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		properties[tag] = s.of(f.Type)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, tag)
		}
	}
}

// request returns the schema of a write's body: the request type without its
// idempotency key, which travels as a header.
func (s *schemas) request(sample any) schema {
	t := reflect.TypeOf(sample).Elem()
	ref := s.component(t)
	object, ok := s.named[t.Name()].(schema)
	if !ok {
		return ref
	}
	delete(object["properties"].(schema), "idempotencyKey")
	if required, ok := object["required"].([]string); ok {
		object["required"] = slices.DeleteFunc(required, func(f string) bool { return f == "idempotencyKey" })
	}
	return ref
}
