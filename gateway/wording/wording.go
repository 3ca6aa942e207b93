package wording

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/trace"
)

// sentence is one format of the chain and what it says in Chinese. "{2}" is the second
// value of the format.
type sentence struct{ english, chinese string }

// Table finds the Chinese of a message.
type Table struct {
	patterns []pattern // the more fixed text, the earlier
	words    map[string]string
}

type pattern struct {
	head    string // fixed text it begins with, to pass by quickly
	match   *regexp.Regexp
	chinese string
	fixed   int
	counted []bool // of each value: an index, which people count from 1
}

// New prepares the table.
func New() *Table {
	t := &Table{words: vocabulary()}
	for _, list := range subjects() {
		for _, s := range list {
			t.patterns = append(t.patterns, compile(s))
		}
	}
	slices.SortStableFunc(t.patterns, func(a, b pattern) int { return b.fixed - a.fixed })
	return t
}

// subjects are all sentences there are, a list for each file.
func subjects() [][]sentence {
	return [][]sentence{ofForm(), ofPeople(), ofOrigin(), ofTransit(), ofJudging(), ofStreaming(), ofMoving(), ofLedger(), ofFloor(), ofDevices(), ofSheets()}
}

// verb finds the verbs of a format.
var verb = regexp.MustCompile(`%%|%[0-9.]*[a-zA-Z]`)

func compile(s sentence) pattern {
	p := pattern{chinese: s.chinese}
	var expression strings.Builder
	expression.WriteString(`(?s)^`)
	rest := s.english
	literal := func(text string) {
		if expression.Len() == len(`(?s)^`) {
			p.head = text
		}
		p.fixed += len(text)
		expression.WriteString(regexp.QuoteMeta(text))
	}
	for _, at := range verb.FindAllStringIndex(s.english, -1) {
		begin := len(s.english) - len(rest)
		literal(s.english[begin:at[0]])
		switch v := s.english[at[0]:at[1]]; v[len(v)-1] {
		case '%':
			literal("%")
		case 'd':
			expression.WriteString(`(-?[0-9]+)`)
		case 'c':
			expression.WriteString(`(.)`)
		case 't':
			expression.WriteString(`(true|false)`)
		case 'X':
			expression.WriteString(`([0-9A-F]+)`)
		case 'q':
			expression.WriteString(`"((?:[^"\\]|\\.)*)"`)
		default:
			expression.WriteString(`(.*?)`)
		}
		if s.english[at[0]:at[1]] != "%%" {
			p.counted = append(p.counted, strings.HasSuffix(s.english[:at[0]], "[") && strings.HasPrefix(s.english[at[1]:], "]"))
		}
		rest = s.english[at[1]:]
	}
	literal(rest)
	expression.WriteString(`$`)
	p.match = regexp.MustCompile(expression.String())
	return p
}

// Bounds of what is looked for: a message holds values that strangers wrote, and every
// pattern reads all of it. The chain's own messages stay far below.
const (
	maxMessage = 2 << 10 // bytes
	maxFields  = 4       // fields named before the sentence
)

// Chinese says a message in Chinese; false when the table has no sentence for it.
func (t *Table) Chinese(message string) (string, bool) {
	if len(message) > maxMessage {
		return "", false
	}
	return t.chinese(message, maxFields)
}

func (t *Table) chinese(message string, fields int) (string, bool) {
	for _, p := range t.patterns {
		if !strings.HasPrefix(message, p.head) {
			continue
		}
		if values := p.match.FindStringSubmatch(message); values != nil {
			values = values[1:]
			for i, counted := range p.counted {
				if n, err := strconv.Atoi(values[i]); err == nil && counted {
					values[i] = strconv.Itoa(n + 1)
				}
			}
			return t.put(p.chinese, values), true
		}
	}
	// A decoder names the field before what is wrong with its value.
	if field, rest, ok := strings.Cut(message, ": "); ok && fields > 0 && path.MatchString(field) {
		if said, ok := t.chinese(rest, fields-1); ok {
			return t.value(field) + "：" + said, true
		}
	}
	return "", false
}

// path is a field of a request: "lot.gtin", "items[0].value".
var path = regexp.MustCompile(`^[a-z][A-Za-z0-9.\[\]]*$`)

// put puts values into a sentence in one pass: a value that looks like "{1}" stays.
func (t *Table) put(chinese string, values []string) string {
	one := func(at string) string {
		n, err := strconv.Atoi(at[1 : len(at)-1])
		if err != nil || n < 1 || n > len(values) {
			return at
		}
		return t.value(values[n-1])
	}
	return measured.ReplaceAllStringFunc(chinese, func(at string) string {
		number, unit, two := strings.Cut(at, " ")
		if !two {
			return one(at)
		}
		if strings.HasPrefix(unit, "{") {
			unit = one(unit)
		}
		return amount(one(number), unit)
	})
}

// place is where a value goes, measured one with the unit behind it.
var (
	place    = regexp.MustCompile(`\{[0-9]+\}`)
	measured = regexp.MustCompile(`\{[0-9]+\}( (克|毫升|微度|手中|\{[0-9]+\}))?`)
)

// amount says amounts of the ledger in the units that people fill in: grams and
// millilitres from a thousand on in kilograms and litres, millionths of a degree in
// degrees; and of hands whose they are. What is no number of such a unit stays.
func amount(number, unit string) string {
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case unit == "手中":
		return holder.Replace(number) + " 手中"
	case err != nil:
	case unit == "微度":
		return trace.Decimal(n).String() + "°"
	case n < 1000 || n > math.MaxInt64/1000: // beyond, it is a mistake to be shown as it was made
	case unit == "克":
		return trace.Decimal(1000*n).String() + " 千克"
	case unit == "毫升":
		return trace.Decimal(1000*n).String() + " 升"
	}
	return number + " " + unit
}

// holder says in whose hands goods are, as rules.HolderName names them.
var holder = strings.NewReplacer("party ", "", "shipment ", "运单 ", "logistic unit ", "物流单元 ", "nobody", "无人")

// value says a value as people write it: times in Beijing, known words in Chinese,
// and what an author wrote as it is.
func (t *Table) value(value string) string {
	if said, ok := t.words[value]; ok {
		return said
	}
	if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return at.In(time.FixedZone("+08:00", trace.ChinaStandardTime)).Format("2006-01-02 15:04:05")
	}
	if inner, ok := strings.CutPrefix(value, "["); ok && strings.HasSuffix(inner, "]") {
		list := strings.Fields(strings.TrimSuffix(inner, "]"))
		for i := range list {
			list[i] = t.value(list[i])
		}
		return strings.Join(list, "、")
	}
	if path.MatchString(value) && strings.ContainsAny(value, ".[") {
		return t.fieldPath(value)
	}
	return value
}

var row = regexp.MustCompile(`^([A-Za-z]+)\[([0-9]+)\]$`)

// fieldPath says "items[0].value" as 项目第 1 项的数值.
func (t *Table) fieldPath(value string) string {
	var said []string
	for _, part := range strings.Split(value, ".") {
		name, number := part, ""
		if m := row.FindStringSubmatch(part); m != nil {
			n, _ := strconv.Atoi(m[2])
			name, number = m[1], "第 "+strconv.Itoa(n+1)+" 项"
		}
		word, ok := t.words[name]
		if !ok {
			return value
		}
		said = append(said, word+number)
	}
	return strings.Join(said, "的")
}

// Refusal says a coded refusal in Chinese: the sentence of its message, or else what
// its code means, with the English words behind it.
func (t *Table) Refusal(code trace.Code, message string) string {
	if said, ok := t.Chinese(message); ok {
		return said
	}
	return Meaning(code).Chinese
}
