package desk

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// node is one part of a form: a field, or a group of nodes.
type node struct {
	Field *field
	Group *group
}

// field is one input with what was typed into it.
type field struct {
	Name     string // path in the request: "lot.gtin", "items.0.substance"
	leaf     string // last name of the path without row numbers
	several  bool   // it holds a list
	Widget   widget
	Label    string
	Hint     string
	Unit     string
	Required bool
	Options  []option
	Values   []string
	Suggest  string // id of a list of suggestions, "" for none
	Problem  string
}

// Lines are all values, one a line.
func (f *field) Lines() string { return strings.Join(f.Values, "\n") }

// Value is the first value.
func (f *field) Value() string {
	if len(f.Values) == 0 {
		return ""
	}
	return f.Values[0]
}

// option is one choice.
type option struct {
	Value, Label string
	Chosen       bool
}

// group is a struct within the request, or the rows of a list of structs.
type group struct {
	Name  string
	Label string
	Hint  string
	List  bool
	Rows  [][]node // one for a plain group
	More  bool     // another row can be added
}

// sheetForm is a method's form.
type sheetForm struct {
	Main  []node
	Later []node // claimed time and corrections: rarely changed
	all   []field
}

// builder makes a form from a request type and what was typed so far.
type builder struct {
	lang     Language
	role     trace.Role
	values   url.Values
	problems map[string]string // by field name
	all      []field
}

// buildForm lays out the form of a request.
func buildForm(l Language, role trace.Role, request any, values url.Values, problems map[string]string) sheetForm {
	b := &builder{lang: l, role: role, values: values, problems: problems}
	var form sheetForm
	for _, m := range members(reflect.TypeOf(request).Elem()) {
		n := b.node(m, m.name, true)
		if m.owner == "Write" {
			form.Later = append(form.Later, n)
		} else {
			form.Main = append(form.Main, n)
		}
	}
	form.all = b.all
	return form
}

func (b *builder) node(m member, name string, needed bool) node {
	named, _ := labelOf(m.owner, m.name)
	switch m.widget() {
	case widgetGroup:
		needed = needed && m.typ.Kind() != reflect.Pointer
		g := &group{Name: name, Label: named.name.in(b.lang), Hint: named.hint.in(b.lang)}
		g.Rows = [][]node{b.nodes(m.structType(), name+".", needed)}
		return node{Group: g}
	case widgetList:
		g := &group{Name: name, Label: named.name.in(b.lang), Hint: named.hint.in(b.lang), List: true}
		count := rowsOf(b.values, name)
		if count == 0 {
			count = 1
		}
		for i := range count {
			g.Rows = append(g.Rows, b.nodes(m.structType(), name+"."+strconv.Itoa(i)+".", false))
		}
		g.More = count < maxRows
		return node{Group: g}
	}
	f := &field{
		Name: name, leaf: m.name, several: m.typ.Kind() == reflect.Slice, Widget: m.widget(), Label: named.name.in(b.lang), Hint: named.hint.in(b.lang),
		Unit: m.scale().name.in(b.lang), Required: needed && !m.optional && m.widget() != widgetCheck && m.widget() != widgetChecks,
		Values: b.values[name], Problem: b.problems[name], Suggest: suggestion(m),
	}
	b.options(f, m)
	b.all = append(b.all, *f)
	return node{Field: f}
}

func (b *builder) nodes(t reflect.Type, prefix string, needed bool) []node {
	var out []node
	for _, m := range members(t) {
		out = append(out, b.node(m, prefix+m.name, needed))
	}
	return out
}

// options lists a field's choices as far as the role may make them.
func (b *builder) options(f *field, m member) {
	if f.Widget == widgetQuantity {
		f.Values = b.values[f.Name+".amount"]
		for _, u := range quantityUnits() {
			f.Options = append(f.Options, option{u.name, u.words.in(b.lang), b.values.Get(f.Name+".unit") == u.name})
		}
		return
	}
	for _, c := range choicesOf(m) {
		if b.offered(m, c.value) {
			f.Options = append(f.Options, option{c.value, c.words.in(b.lang), slices.Contains(f.Values, c.value)})
		}
	}
}

// offered leaves out what the role can never choose; the chain refuses it anyway.
func (b *builder) offered(m member, value string) bool {
	switch m.owner + "." + m.name {
	case "ReviewRequest.level":
		switch b.role {
		case trace.RoleLab:
			return value == "2"
		case trace.RoleConsumerPanel:
			return value == "3"
		}
		return value == "1"
	case "TakeActionRequest.kind":
		if trace.ActionKind(value).OnLadder() != (b.role == trace.RolePlatformOperator) {
			return false
		}
		return b.role == trace.RoleRegulator || value != string(trace.ActionRecall)
	case "LadderRules.steps":
		return slices.Contains(rules.LadderSteps(), trace.ActionKind(value))
	case "LadderRules.levels":
		return value == string(trace.LevelWarning) || value == string(trace.LevelViolation)
	}
	return true
}

// start gives a new form its first values: now, and whatever the address says.
func start(request any, query url.Values, now time.Time) url.Values {
	values := url.Values{}
	for name, given := range query {
		if name != "lang" {
			values[name] = given
		}
	}
	if _, written := request.(trace.Writer); written || hasClaimed(request) {
		if values.Get("claimed") == "" {
			values.Set("claimed", now.In(china).Format("2006-01-02T15:04:05"))
		}
	}
	return values
}

func hasClaimed(request any) bool {
	_, has := reflect.TypeOf(request).Elem().FieldByName("Claimed")
	return has
}
