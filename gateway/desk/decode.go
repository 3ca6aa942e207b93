package desk

import (
	"math/big"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/trace"
)

// maxRows bounds the rows of a list in a form; longer lists come as a sheet.
const maxRows = 50

// fieldError is what is wrong with one field as it was typed.
type fieldError struct {
	name string
	text words
}

// decoder turns the values of a form into a request. What cannot be read at all is an
// error here; what is right is for the chain to judge.
type decoder struct {
	values url.Values
	errors []fieldError
}

func (d *decoder) wrong(name string, text words) { d.errors = append(d.errors, fieldError{name, text}) }

// text is what was typed or chosen: of a field that is offered as a list beside a line to
// type in, whichever is filled in.
func (d *decoder) text(name string) string {
	for _, given := range d.values[name] {
		if given = strings.TrimSpace(given); given != "" {
			return given
		}
	}
	return ""
}

// entries are the lines of all values of a field, each once, blanks left out.
func entries(values []string) []string {
	var out []string
	for _, given := range values {
		for line := range strings.Lines(given) {
			if line = strings.TrimSpace(line); line != "" && !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	return out
}

// request fills a request struct from the fields under prefix.
func (d *decoder) request(v reflect.Value, prefix string) {
	for _, m := range members(v.Type()) {
		d.member(v.FieldByIndex(m.index), m, prefix+m.name)
	}
}

func (d *decoder) member(v reflect.Value, m member, name string) {
	switch m.widget() {
	case widgetGroup:
		d.group(v, m, name)
		return
	case widgetList:
		d.list(v, m, name)
		return
	case widgetQuantity:
		d.quantity(v, m, name)
		return
	case widgetChecks:
		d.texts(v, d.values[name])
		return
	case widgetLines:
		d.texts(v, entries(d.values[name]))
		return
	case widgetFiles:
		d.digests(v, name)
		return
	case widgetCheck:
		v.SetBool(d.text(name) != "")
		return
	}
	text := d.text(name)
	if text == "" {
		if !m.optional {
			d.wrong(name, words{"请填写", "Please fill this in"})
		}
		return
	}
	if m.widget() == widgetNumber {
		d.number(v, m, name, text)
		return
	}
	d.scalar(v, name, text)
}

// scalar reads a text, moment, day, decimal, hash or chosen number.
func (d *decoder) scalar(v reflect.Value, name, text string) {
	switch to := v.Addr().Interface().(type) {
	case *trace.Time:
		t, ok := parseMoment(text)
		if !ok {
			d.wrong(name, words{"时间应像 2026-10-18 16:00(北京时间)", "A time is like 2026-10-18 16:00, Beijing time"})
		}
		*to = t
	case *trace.Date:
		day, err := trace.ParseDate(text)
		if err != nil {
			d.wrong(name, words{"日期应像 2026-10-18", "A day is like 2026-10-18"})
		}
		*to = day
	case *trace.Digest:
		digest, err := trace.ParseDigest(text)
		if err != nil {
			d.wrong(name, words{"应为文件或 64 位十六进制散列值", "Must be a file or a hash of 64 hexadecimal digits"})
		}
		*to = digest
	case *trace.GTIN:
		*to = trace.PrintedGTIN(text)
	case *trace.Decimal:
		*to = d.decimal(name, text)
	case **trace.Decimal:
		number := d.decimal(name, text)
		*to = &number
	default:
		if v.CanInt() { // a number among choices
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				d.wrong(name, words{"应为整数", "Must be a whole number"})
			}
			v.SetInt(n)
			return
		}
		v.SetString(text)
	}
}

func (d *decoder) decimal(name, text string) trace.Decimal {
	number, err := trace.ParseDecimal(text)
	if err != nil {
		d.wrong(name, words{"应为数字，如 0.05，最多六位小数", "Must be a number like 0.05 with at most six decimals"})
	}
	return number
}

// parseMoment reads what a date-time field sends, Beijing time, or RFC 3339.
func parseMoment(text string) (trace.Time, bool) {
	if t, err := trace.ParseTime(text); err == nil {
		return t, true
	}
	text = strings.Replace(text, " ", "T", 1)
	for _, form := range []string{"2006-01-02T15:04:05.999", "2006-01-02T15:04"} {
		t, err := time.ParseInLocation(form, text, china)
		if err == nil && t.Year() >= 2000 && t.Year() < 2200 {
			return trace.TimeOf(t), true
		}
	}
	return 0, false
}

// number reads an integer of the ledger's unit, typed in the unit people use.
func (d *decoder) number(v reflect.Value, m member, name, text string) {
	n, ok := scaled(text, m.scale().units)
	if !ok || v.OverflowInt(n) {
		if m.scale().units == 1 {
			d.wrong(name, notNumber(text, words{"应为整数", "Must be a whole number"}))
		} else {
			d.wrong(name, notNumber(text, words{"应为数字，小数位不要太多", "Must be a number without too many decimals"}))
		}
		return
	}
	if m.typ == reflect.TypeFor[trace.MicroDegrees]() {
		n = coarse(n)
	}
	v.SetInt(n)
}

// notNumber goes on with what about a number is commonly typed wrongly.
func notNumber(text string, wrong words) words {
	switch {
	case strings.ContainsAny(text, "Ol"):
		return words{wrong.zh + "；这里有字母（O 或 l），请改成数字 0 或 1", wrong.en + "; it holds a letter O or l, write 0 or 1"}
	case strings.ContainsAny(text, ",，"):
		return words{wrong.zh + "；不写逗号，小数点写“.”", wrong.en + "; without commas, the decimal point is '.'"}
	}
	return wrong
}

// coarse rounds a coordinate to 0.01°, about a kilometre, as the ledger keeps positions.
func coarse(microDegrees int64) int64 {
	const step = 10_000
	half := int64(step / 2)
	if microDegrees < 0 {
		half = -half
	}
	return (microDegrees + half) / step * step
}

// scaled reads text × units, which must be a whole number.
func scaled(text string, units int64) (int64, bool) {
	number, err := trace.ParseDecimal(text)
	if err != nil {
		return 0, false
	}
	product := new(big.Int).Mul(big.NewInt(int64(number)), big.NewInt(units))
	whole, rest := new(big.Int).QuoRem(product, big.NewInt(1_000_000), new(big.Int))
	return whole.Int64(), rest.Sign() == 0 && whole.IsInt64()
}

func (d *decoder) quantity(v reflect.Value, m member, name string) {
	amount := d.text(name + ".amount")
	if amount == "" {
		if !m.optional {
			d.wrong(name, words{"请填写数量", "Please fill in the quantity"})
		}
		return
	}
	for _, u := range quantityUnits() {
		if u.name != d.text(name+".unit") {
			continue
		}
		n, ok := scaled(amount, u.units)
		if !ok {
			d.wrong(name, notNumber(amount, words{"应为数字，如 9600", "Must be a number like 9600"}))
		}
		v.Set(reflect.ValueOf(trace.Quantity{Amount: n, Unit: u.unit}))
		return
	}
	d.wrong(name, words{"请选择单位", "Please choose a unit"})
}

// texts sets a slice of texts or numbers, blanks left out.
func (d *decoder) texts(v reflect.Value, texts []string) {
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			item := reflect.New(v.Type().Elem()).Elem()
			item.SetString(text)
			v.Set(reflect.Append(v, item))
		}
	}
}

func (d *decoder) digests(v reflect.Value, name string) {
	for _, text := range d.values[name] {
		if text = strings.TrimSpace(text); text != "" {
			item := reflect.New(v.Type().Elem()).Elem()
			d.scalar(item, name, text)
			v.Set(reflect.Append(v, item))
		}
	}
}

// group fills a struct; one that may be absent is absent while nothing is typed.
func (d *decoder) group(v reflect.Value, m member, name string) {
	if m.typ.Kind() == reflect.Pointer {
		if !d.typed(m.structType(), name+".") {
			return
		}
		v.Set(reflect.New(m.structType()))
		v = v.Elem()
	}
	d.request(v, name+".")
}

// list fills the rows of a list in which something is typed.
func (d *decoder) list(v reflect.Value, m member, name string) {
	for i := range rowsOf(d.values, name) {
		prefix := name + "." + strconv.Itoa(i) + "."
		if !d.typed(m.structType(), prefix) {
			continue
		}
		item := reflect.New(m.structType()).Elem()
		d.request(item, prefix)
		v.Set(reflect.Append(v, item))
	}
}

// typed tells whether anything is typed under prefix; what is merely preselected in a
// list of choices does not count.
func (d *decoder) typed(t reflect.Type, prefix string) bool {
	for _, m := range members(t) {
		name := prefix + m.name
		switch m.widget() {
		case widgetGroup:
			if d.typed(m.structType(), name+".") {
				return true
			}
		case widgetQuantity:
			if d.text(name+".amount") != "" {
				return true
			}
		default:
			if d.text(name) != "" {
				return true
			}
		}
	}
	return false
}

// rowsOf is how many rows a list of the form has; the form counts them.
func rowsOf(values url.Values, name string) int {
	n, err := strconv.Atoi(values.Get(name + ".rows"))
	if err != nil || n < 0 {
		return 0
	}
	return min(n, maxRows)
}
