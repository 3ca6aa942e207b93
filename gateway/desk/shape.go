package desk

import (
	"reflect"
	"strings"

	"traceledger/chaincode/trace"
)

// widget is how a value is entered.
type widget string

const (
	widgetText     widget = "text"
	widgetArea     widget = "area"
	widgetLines    widget = "lines"  // several texts, one a line
	widgetNumber   widget = "number" // an integer of some unit, typed as a decimal
	widgetDecimal  widget = "decimal"
	widgetQuantity widget = "quantity" // an amount and its unit
	widgetTime     widget = "time"
	widgetDate     widget = "date"
	widgetSelect   widget = "select"
	widgetChecks   widget = "checks" // several choices
	widgetCheck    widget = "check"
	widgetFile     widget = "file" // becomes the file's hash
	widgetFiles    widget = "files"
	widgetGroup    widget = "group" // a struct
	widgetList     widget = "list"  // a slice of structs
)

// member is one field of a request type, embedded structs flattened.
type member struct {
	index    []int
	name     string // in JSON
	owner    string // name of the struct type that declares it
	optional bool
	typ      reflect.Type
}

// members lists the fields a person fills in. The idempotency key is the page's own.
func members(t reflect.Type) []member {
	var out []member
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for _, m := range members(f.Type) {
				m.index = append([]int{i}, m.index...)
				if m.owner != "Write" {
					m.owner = t.Name()
				}
				out = append(out, m)
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || name == "idempotencyKey" {
			continue
		}
		out = append(out, member{index: []int{i}, name: name, owner: t.Name(), optional: strings.Contains(options, "omit"), typ: f.Type})
	}
	return out
}

// widget picks how the member is entered.
func (m member) widget() widget {
	switch m.typ {
	case reflect.TypeFor[trace.Time]():
		return widgetTime
	case reflect.TypeFor[trace.Date]():
		return widgetDate
	case reflect.TypeFor[trace.Quantity]():
		return widgetQuantity
	case reflect.TypeFor[trace.Decimal](), reflect.TypeFor[*trace.Decimal]():
		return widgetDecimal
	case reflect.TypeFor[trace.Digest]():
		switch m.name {
		case "root", "previous", "genesis", "tip", "archive": // of no file that could be uploaded
			return widgetText
		}
		return widgetFile
	case reflect.TypeFor[[]trace.Digest]():
		return widgetFiles
	}
	if len(choicesOf(m)) > 0 {
		if m.typ.Kind() == reflect.Slice {
			return widgetChecks
		}
		return widgetSelect
	}
	switch m.typ.Kind() {
	case reflect.Bool:
		return widgetCheck
	case reflect.Int, reflect.Int32, reflect.Int64:
		return widgetNumber
	case reflect.Pointer:
		if m.typ.Elem().Kind() != reflect.Struct { // a number that may be absent
			return widgetNumber
		}
		return widgetGroup
	case reflect.Struct:
		return widgetGroup
	case reflect.Slice:
		if m.typ.Elem().Kind() == reflect.Struct {
			return widgetList
		}
		return widgetLines
	}
	if m.owner == "InspectionItem" {
		return widgetText // a word in a row of a table
	}
	switch m.name {
	case "note", "reason", "description", "text", "textEnglish", "correctionReason":
		return widgetArea
	}
	return widgetText
}

// structType is the struct behind a group or a list.
func (m member) structType() reflect.Type {
	if k := m.typ.Kind(); k == reflect.Pointer || k == reflect.Slice {
		return m.typ.Elem()
	}
	return m.typ
}

// scale is how many of the ledger's integer units make one of the unit people use,
// and what that unit is called.
type scale struct {
	units int64
	name  words
}

func (m member) scale() scale {
	switch m.typ {
	case reflect.TypeFor[trace.CentiCelsius](), reflect.TypeFor[*trace.CentiCelsius]():
		return scale{100, words{"°C", "°C"}}
	case reflect.TypeFor[trace.CentiPercent]():
		return scale{100, words{"%", "%"}}
	case reflect.TypeFor[trace.Lux]():
		return scale{1, words{"lx", "lx"}}
	case reflect.TypeFor[trace.MicroDegrees]():
		return scale{1_000_000, words{"°", "°"}}
	case reflect.TypeFor[trace.BasisPoints]():
		return scale{100, words{"%", "%"}}
	case reflect.TypeFor[trace.SquareMetres]():
		return scale{1, words{"平方米", "m²"}}
	}
	switch m.name {
	case "gramsPerHectare":
		return scale{1_000_000, words{"吨/公顷", "t/ha"}}
	case "defrostSeconds", "gapSeconds", "excursionSeconds", "windowSeconds", "resetSeconds":
		return scale{60, words{"分钟", "min"}}
	case "preHarvestDays", "intervalDays", "shelfLifeDays":
		return scale{1, words{"天", "days"}}
	}
	return scale{1, words{}}
}

// quantityUnit is a unit that people count in and what it is on the ledger.
type quantityUnit struct {
	name  string
	unit  trace.Unit
	units int64
	words words
}

func quantityUnits() []quantityUnit {
	return []quantityUnit{
		{"kg", trace.Gram, 1000, words{"千克 kg", "kg"}},
		{"g", trace.Gram, 1, words{"克 g", "g"}},
		{"l", trace.Millilitre, 1000, words{"升 L", "L"}},
		{"ml", trace.Millilitre, 1, words{"毫升 ml", "ml"}},
		{"piece", trace.Piece, 1, words{"件", "pieces"}},
	}
}
