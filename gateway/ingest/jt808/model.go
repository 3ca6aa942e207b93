package jt808

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"traceledger/chaincode/trace"
)

//go:embed models.yaml
var standardModels []byte

// humidity is the one value of a model that is no temperature probe.
const humidity = "humidity"

// StandardModel is the model of a device that names none.
const StandardModel = "standard"

// Models says for each device model where its values lie.
type Models struct{ byName map[string]*model }

// model is compiled for reading: an item by its id, the values it holds by index into
// names.
type model struct {
	names []string // of the values, each once
	items [256]*itemRule
}

type itemRule struct {
	values     []int8 // of each value in the item: its index in names; -1: skipped
	bytes      int
	scale      int64 // hundredths of °C or % a count
	complement bool  // two's complement; else sign and magnitude
	absent     []uint32
	order      int // of the items: where two hold the same probe, the first one's value counts
}

// modelFile is the YAML form.
type modelFile struct {
	Models []struct {
		Model string `yaml:"model"`
		Items []struct {
			Item   int      `yaml:"item"`   // 1 to 255
			Values []string `yaml:"values"` // probes in their order in the item, "humidity", or "" to skip one
			Bytes  int      `yaml:"bytes"`  // of each value: 1, 2 or 4
			Unit   string   `yaml:"unit"`   // °C or % a count: "1", "0.1" or "0.01"
			Sign   string   `yaml:"sign"`   // magnitude or complement
			Absent []uint32 `yaml:"absent"` // raw values that mean that there is none
		} `yaml:"items"`
	} `yaml:"models"`
}

// StandardModels are those of the standard and of general use.
func StandardModels() *Models {
	m, err := ParseModels(standardModels)
	if err != nil {
		panic(err) // the file is part of the program; a test reads it
	}
	return m
}

// ParseModels reads a file of device models. A field that does not exist is refused.
// It must hold the model "standard".
func ParseModels(content []byte) (*Models, error) {
	var file modelFile
	if err := yaml.UnmarshalWithOptions(content, &file, yaml.Strict()); err != nil {
		return nil, trace.Errorf(trace.CodeMalformed, "device models: %v", err)
	}
	m := &Models{byName: map[string]*model{}}
	for _, entry := range file.Models {
		if entry.Model == "" || m.byName[entry.Model] != nil {
			return nil, trace.Errorf(trace.CodeInvalid, "device models: model %q must be named, and once", entry.Model)
		}
		compiled := &model{}
		for order, item := range entry.Items {
			at := fmt.Sprintf("device model %s, item %#02x", entry.Model, item.Item)
			if item.Item < 1 || item.Item > 255 || compiled.items[item.Item] != nil {
				return nil, trace.Errorf(trace.CodeInvalid, "%s: items are 0x01 to 0xFF, each once", at)
			}
			scale, known := map[string]int64{"1": 100, "0.1": 10, "0.01": 1}[item.Unit]
			switch {
			case item.Bytes != 1 && item.Bytes != 2 && item.Bytes != 4:
				return nil, trace.Errorf(trace.CodeInvalid, "%s: bytes is %d, must be 1, 2 or 4", at, item.Bytes)
			case !known:
				return nil, trace.Errorf(trace.CodeInvalid, "%s: unit is %q, must be \"1\", \"0.1\" or \"0.01\"", at, item.Unit)
			case item.Sign != "magnitude" && item.Sign != "complement":
				return nil, trace.Errorf(trace.CodeInvalid, "%s: sign is %q, must be magnitude or complement", at, item.Sign)
			case len(item.Values) == 0 || len(item.Values)*item.Bytes > 255:
				return nil, trace.Errorf(trace.CodeInvalid, "%s: %d values", at, len(item.Values))
			}
			rule := &itemRule{bytes: item.Bytes, scale: scale, complement: item.Sign == "complement", absent: item.Absent, order: order}
			for _, name := range item.Values {
				rule.values = append(rule.values, compiled.index(name))
			}
			compiled.items[item.Item] = rule
		}
		if len(compiled.names) > maxNames {
			return nil, trace.Errorf(trace.CodeTooLarge, "device model %s has %d different values, at most %d", entry.Model, len(compiled.names), maxNames)
		}
		m.byName[entry.Model] = compiled
	}
	if m.byName[StandardModel] == nil {
		return nil, trace.Errorf(trace.CodeMissing, "device models: there is no model %q", StandardModel)
	}
	return m, nil
}

// maxNames is how many different values a model may have.
const maxNames = 16

func (m *model) index(name string) int8 {
	if name == "" {
		return -1
	}
	if at := slices.Index(m.names, name); at >= 0 {
		return int8(at)
	}
	m.names = append(m.names, name)
	return int8(min(len(m.names)-1, 127))
}

// named finds a model; the standard one where the device names none.
func (m *Models) named(name string) (*model, error) {
	if name == "" {
		name = StandardModel
	}
	if found := m.byName[name]; found != nil {
		return found, nil
	}
	return nil, trace.Errorf(trace.CodeNotFound, "there is no device model %q", name)
}

// value reads one raw value of an item. False: absent.
func (r *itemRule) value(data []byte) (int64, bool) {
	var raw uint32
	for _, c := range data {
		raw = raw<<8 | uint32(c)
	}
	for _, absent := range r.absent {
		if raw == absent {
			return 0, false
		}
	}
	sign := uint32(1) << (8*len(data) - 1)
	v := int64(raw)
	switch {
	case raw&sign == 0:
	case r.complement:
		v -= int64(sign) * 2
	default:
		v = -int64(raw &^ sign)
	}
	return v * r.scale, true
}
