package desk

import (
	"math/big"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// fill writes a request into a form's values: the inverse of the decoder, used to
// open a form on what is recorded already, for a correction.
func fill(values url.Values, v reflect.Value, prefix string) {
	for _, m := range members(v.Type()) {
		fillMember(values, v.FieldByIndex(m.index), m, prefix+m.name)
	}
}

func fillMember(values url.Values, v reflect.Value, m member, name string) {
	if m.widget() == widgetList {
		values.Set(name+".rows", strconv.Itoa(v.Len()))
		for i := range v.Len() {
			fill(values, v.Index(i), name+"."+strconv.Itoa(i)+".")
		}
		return
	}
	if w := m.widget(); v.IsZero() && (m.optional || w != widgetNumber && w != widgetGroup) {
		return
	}
	switch m.widget() {
	case widgetGroup:
		fill(values, reflect.Indirect(v), name+".")
	case widgetQuantity:
		fillQuantity(values, v.Interface().(trace.Quantity), name)
	case widgetChecks, widgetFiles:
		for i := range v.Len() {
			values.Add(name, plain(v.Index(i)))
		}
	case widgetLines:
		lines := make([]string, v.Len())
		for i := range lines {
			lines[i] = plain(v.Index(i))
		}
		values.Set(name, strings.Join(lines, "\n"))
	case widgetCheck:
		values.Set(name, "yes")
	case widgetNumber:
		values.Set(name, unscaled(v.Int(), m.scale().units))
	default:
		values.Set(name, plain(reflect.Indirect(v)))
	}
}

func fillQuantity(values url.Values, q trace.Quantity, name string) {
	for _, u := range quantityUnits() {
		if u.unit == q.Unit && (q.Amount%u.units == 0 || u.units == 1) {
			values.Set(name+".amount", unscaled(q.Amount, u.units))
			values.Set(name+".unit", u.name)
			return
		}
	}
}

// plain is a value as a field holds it.
func plain(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case trace.Time:
		return x.UTC().In(china).Format("2006-01-02T15:04:05.999")
	case interface{ String() string }: // dates, decimals, hashes
		return x.String()
	}
	if v.CanInt() {
		return strconv.FormatInt(v.Int(), 10)
	}
	return v.String()
}

// unscaled writes n of the ledger's units in the unit people use, exactly.
func unscaled(n, units int64) string {
	text := big.NewRat(n, units).FloatString(6)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
