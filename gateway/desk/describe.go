package desk

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/store"
)

// shown is one line of what a request or record says.
type shown struct {
	Label string
	Value string
	Link  string   // where the value leads, "" for nowhere
	Items []shown  // of a group
	Table *[]table // of a list of structs
}

// table is one row of a list.
type table struct{ Items []shown }

// teller writes requests and records out for people.
type teller struct {
	Language
	party func(trace.PartyID) string // a party's registered name, its id where there is none
	kept  func(trace.Digest) bool    // whether the file of a hash is here, and for this person to read
}

func (d *Desk) teller(v visit) teller {
	return teller{
		Language: v.lang,
		party:    func(id trace.PartyID) string { return d.partyName(v.lang, id) },
		kept:     func(hash trace.Digest) bool { return d.kept(v, hash) },
	}
}

// kept tells whether a file can be opened: hashes of what a monitor looked at are of no
// file, others are kept by other organisations, and some are not for everybody.
func (d *Desk) kept(v visit, hash trace.Digest) bool {
	file, found, err := d.Store.Files().Stat(store.Hash(hash))
	if err != nil {
		d.Logger.Error("no look at a file", "hash", hash, "error", err)
	}
	return err == nil && found && api.MayRead(v.caller, file) == nil
}

// describe writes out a request or record, absent parts left out. Heads are left to
// the page around it.
func (l teller) describe(v reflect.Value) []shown {
	v = reflect.Indirect(v)
	var out []shown
	for _, m := range described(v.Type()) {
		value := v.FieldByIndex(m.index)
		if value.IsZero() && (m.optional || value.Kind() == reflect.Slice || value.Kind() == reflect.String || m.widget() == widgetTime) {
			continue
		}
		out = append(out, l.member(m, value))
	}
	return out
}

// described are the members without the head of a record.
func described(t reflect.Type) []member {
	var out []member
	for _, m := range members(t) {
		if m.owner == t.Name() && headField(t, m) {
			continue
		}
		out = append(out, m)
	}
	return out
}

func headField(t reflect.Type, m member) bool {
	return len(m.index) > 1 && t.Field(m.index[0]).Type == reflect.TypeFor[trace.Head]()
}

func (l teller) member(m member, v reflect.Value) shown {
	named, known := labelOf(m.owner, m.name)
	out := shown{Label: named.name.in(l.Language)}
	if !known {
		out.Label = m.name
	}
	switch m.widget() {
	case widgetGroup:
		out.Items = l.describe(v)
	case widgetList:
		rows := make([]table, v.Len())
		for i := range rows {
			rows[i].Items = l.describe(v.Index(i))
		}
		out.Table = &rows
	case widgetLines, widgetChecks, widgetFiles:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = l.value(m, v.Index(i))
		}
		out.Value = strings.Join(items, l.comma())
		if v.Len() == 1 {
			out.Link = l.linkOf(m, v.Index(0))
		}
	default:
		out.Value, out.Link = l.value(m, v), l.linkOf(m, v)
	}
	return out
}

func (l Language) comma() string { return words{"、", ", "}.in(l) }

func (l teller) value(m member, v reflect.Value) string {
	switch x := v.Interface().(type) {
	case trace.Time:
		return clock(x)
	case trace.Quantity:
		return describeQuantity(l.Language, x)
	case trace.PartyID:
		if name := l.party(x); name != string(x) {
			return string(x) + " " + name
		}
		return string(x)
	case bool:
		if x {
			return words{"是", "yes"}.in(l.Language)
		}
		return words{"否", "no"}.in(l.Language)
	}
	text := plain(reflect.Indirect(v))
	if m.name == "probe" || m.name == "probes" {
		return probeName(l.Language, text)
	}
	for _, c := range choicesOf(m) {
		if c.value == text {
			return c.words.in(l.Language)
		}
	}
	if number := reflect.Indirect(v); m.widget() == widgetNumber && number.CanInt() {
		s := m.scale()
		text = unscaled(number.Int(), s.units)
		if s.name.zh != "" {
			text += " " + s.name.in(l.Language)
		}
	}
	return text
}

func describeQuantity(l Language, q trace.Quantity) string {
	for _, u := range quantityUnits() {
		if u.unit == q.Unit && (u.units == 1 || q.Amount >= u.units) {
			return unscaled(q.Amount, u.units) + " " + u.words.in(l)
		}
	}
	return strconv.FormatInt(q.Amount, 10) + " " + string(q.Unit)
}

// linkOf leads from a record's key to its page and from a file's hash to the file.
func (l teller) linkOf(m member, v reflect.Value) string {
	switch x := v.Interface().(type) {
	case trace.Key:
		return recordPath(x)
	case trace.Digest:
		if (m.widget() == widgetFile || m.widget() == widgetFiles) && l.kept(x) {
			return "/desk/file/" + x.String()
		}
	}
	return ""
}

// recordPath is the address of a record's page; a key's parts are encoded already
// and their percent signs must survive the address.
func recordPath(key trace.Key) string {
	if key == "" {
		return ""
	}
	return (&url.URL{Path: "/desk/record/" + string(key)}).EscapedPath()
}
