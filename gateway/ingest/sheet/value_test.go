package sheet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func TestNumbersSurviveEveryWayToWriteThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := trace.Decimal(rapid.Int64Range(-999_999_999_999, 999_999_999_999).Draw(t, "value"))
		s := want.String()
		got, f := parseNumber(s)
		require.Nil(t, f)
		require.Equal(t, want, got)
		got, f = parseNumber(thousands(s))
		require.Nil(t, f, thousands(s))
		require.Equal(t, want, got)
		wide := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r - '0' + '\uff10'
			}
			return r
		}, s)
		got, f = parseNumber(" " + wide + "\u3000")
		require.Nil(t, f, wide)
		require.Equal(t, want, got)
		require.Equal(t, s, plainNumber(s), "a spreadsheet's own form")
	})
}

func thousands(s string) string {
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	var b strings.Builder
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if point {
		b.WriteString("." + fraction)
	}
	if strings.HasPrefix(s, "-") {
		return "-" + b.String()
	}
	return b.String()
}

func TestMomentsSurviveEveryWayToWriteThem(t *testing.T) {
	zone := time.FixedZone("+08:00", trace.ChinaStandardTime)
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Int64Range(time.Date(2001, 1, 1, 0, 0, 0, 0, zone).Unix(), time.Date(2199, 1, 1, 0, 0, 0, 0, zone).Unix()).Draw(t, "seconds")
		v := time.Unix(seconds, 0).In(zone)
		want := trace.TimeOf(v)
		serial := fmt.Sprintf("%.10f", float64(time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), 0, time.UTC).Unix())/86400+25569)
		for _, c := range []cell{
			{text: v.Format("2006-01-02 15:04:05")}, {text: v.Format("2006/1/2 15:04:05")}, {text: v.Format("2006年1月2日 15时04分05秒")},
			{text: v.Format(time.RFC3339)}, {text: v.UTC().Format(time.RFC3339)}, {text: v.Format("20060102150405")},
			{text: serial, number: true},
		} {
			got, f := parseMoment(c, zone)
			require.Nil(t, f, c.text)
			require.Equal(t, want, got, c.text)
		}
		for _, c := range []cell{{text: v.Format("2006-01-02")}, {text: v.Format("2006.1.2")}, {text: v.Format("2006年01月02日")}, {text: strings.SplitN(serial, ".", 2)[0], number: true}} {
			got, f := parseDay(c)
			require.Nil(t, f, c.text)
			require.Equal(t, want.Date(), got, c.text)
		}
	})
}

func TestAreas(t *testing.T) {
	for _, c := range []struct {
		s, unit string
		want    trace.SquareMetres
	}{
		{"8", "亩", 5333}, {"8亩", "", 5333}, {"0.5333", "公顷", 5333}, {"5333", "平方米", 5333}, {"15", "mu", 10000}, {"1", "ha", 10000}, {"3", "亩", 2000},
	} {
		got, f := parseArea(c.s, c.unit)
		require.Nil(t, f)
		require.Equal(t, c.want, got, c.s+c.unit)
	}
	for _, s := range []string{"0亩", "-1亩", "8斤", "8", "八亩"} {
		_, f := parseArea(s, "")
		require.NotNil(t, f, s)
	}
}

func TestTemperaturesAndRanges(t *testing.T) {
	for s, want := range map[string]trace.CentiCelsius{"4.8": 480, "-18℃": -1800, "0": 0, "11.85 °C": 1185} {
		got, f := parseTemperature(s)
		require.Nil(t, f, s)
		require.Equal(t, want, got)
	}
	for s, code := range map[string]trace.Code{"112": trace.CodeOutOfRange, "-200": trace.CodeOutOfRange, "4.805": trace.CodeInvalid, "冷": trace.CodeInvalid, "": trace.CodeInvalid} {
		_, f := parseTemperature(s)
		require.NotNil(t, f, s)
		require.Equal(t, code, f.code, s)
	}
	for s, want := range map[string]trace.TemperatureRange{"0~5": {Minimum: 0, Maximum: 500}, "0\uff5e1℃": {Minimum: 0, Maximum: 100}, "-18至-12": {Minimum: -1800, Maximum: -1200}} {
		got, f := parseRange(s)
		require.Nil(t, f, s)
		require.Equal(t, want, got)
	}
	for _, s := range []string{"5~0", "5", "~", "冷~热"} {
		_, f := parseRange(s)
		require.NotNil(t, f, s)
	}
}

// Results as laboratories write them.
func TestResults(t *testing.T) {
	number := func(s string) *trace.Decimal {
		d, err := trace.ParseDecimal(s)
		require.NoError(t, err)
		return &d
	}
	for s, want := range map[string]trace.InspectionItem{
		"0.3":         {Result: trace.ResultNumber, Value: number("0.3")},
		"0.3 mg/kg":   {Result: trace.ResultNumber, Value: number("0.3"), Unit: "mg/kg"},
		"<0.01":       {Result: trace.ResultBelowLOQ, Value: number("0.01")},
		"\uff1c0.01":  {Result: trace.ResultBelowLOQ, Value: number("0.01")},
		"未检出":         {Result: trace.ResultNotDetected},
		"未检出(<0.01)":  {Result: trace.ResultNotDetected, Value: number("0.01")},
		"ND":          {Result: trace.ResultNotDetected},
		"检出":          {Result: trace.ResultDetected},
		"good enough": {},
	} {
		table := itemTable()
		r := &row{p: &parser{plan: &Plan{}}, t: &table, cells: map[string]cell{"result": {text: s}}}
		var got trace.InspectionItem
		r.result(&got, cell{text: s})
		require.Equal(t, want, got, s)
		require.False(t, r.failed, s)
	}
}

func TestWrittenQuantities(t *testing.T) {
	for want, q := range map[string]trace.Quantity{
		"9,600 kg":                         {Amount: 9_600_000, Unit: trace.Gram},
		"1,234.005 kg":                     {Amount: 1_234_005, Unit: trace.Gram},
		"999 g":                            {Amount: 999, Unit: trace.Gram},
		"1.5 L":                            {Amount: 1_500, Unit: trace.Millilitre},
		"1,000,000 " + string(trace.Piece): {Amount: 1_000_000, Unit: trace.Piece},
	} {
		require.Equal(t, want, written(q))
	}
}

func TestLettersInANumberAreNotCalledAUnit(t *testing.T) {
	for _, cell := range []string{"96OO", "9600O", "12l"} {
		_, _, f := parseQuantity(cell, "斤")
		require.NotNil(t, f)
		if cell != "12l" { // a litre is a unit, and another one
			require.Contains(t, f.text, "字母 O")
		}
	}
	_, _, f := parseQuantity("9600kg", "斤")
	require.Contains(t, f.text, "单位列不一致")
}
