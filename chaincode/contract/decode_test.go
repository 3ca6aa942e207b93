package contract

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

const plotArgument = `{"idempotencyKey":"k1","claimed":"2026-10-18T09:00:00+08:00","plot":"plot-01","crop":"kiwifruit","area":5333,"place":"蒲江","point":{"latitude":30200000,"longitude":103510000}}`

func TestDecodeReadsARequest(t *testing.T) {
	r, err := Decode[trace.RegisterPlotRequest](" " + plotArgument + "\n")
	require.NoError(t, err)
	require.Equal(t, trace.PlotID("plot-01"), r.Plot)
	require.Equal(t, "2026-10-18T01:00:00Z", r.Claimed.String())
}

func TestDecodeIsStrict(t *testing.T) {
	replace := func(old, with string) string { return strings.Replace(plotArgument, old, with, 1) }
	cases := []struct {
		name, argument string
		code           trace.Code
		message        string
	}{
		{"empty", "", trace.CodeMalformed, "nothing"},
		{"not an object", `[]`, trace.CodeMalformed, "JSON object"},
		{"null", `null`, trace.CodeMalformed, "JSON object"},
		{"cut off", plotArgument[:len(plotArgument)-2], trace.CodeMalformed, ""},
		{"trailing bytes", plotArgument + "{}", trace.CodeMalformed, ""},
		{"unknown field", replace(`"plot":`, `"licence":"x","plot":`), trace.CodeUnknownField, "licence is not a field"},
		{"unknown field inside", replace(`"latitude"`, `"altitude"`), trace.CodeUnknownField, "point.altitude"},
		{"field in another case", replace(`"plot":`, `"Plot":`), trace.CodeUnknownField, "Plot"},
		{"duplicate field", replace(`"plot":`, `"crop":"x","plot":`), trace.CodeDuplicateField, "crop is given twice"},
		{"duplicate field inside", replace(`"latitude":30200000`, `"latitude":1,"latitude":1`), trace.CodeDuplicateField, "point.latitude"},
		{"duplicate field, escaped", replace(`"plot":`, `"cro\u0070":"x","plot":`), trace.CodeDuplicateField, "crop"},
		{"text for a number", replace(`5333`, `"5333"`), trace.CodeInvalid, "area cannot be a text, must be a whole number"},
		{"fraction", replace(`5333`, `5333.5`), trace.CodeInvalid, "area"},
		{"number beyond its type", replace(`30200000`, `302000000000`), trace.CodeInvalid, "point.latitude"},
		{"number for a text", replace(`"plot-01"`, `1`), trace.CodeInvalid, "plot"},
		{"wrong time", replace(`2026-10-18T09:00:00+08:00`, `yesterday`), trace.CodeInvalid, "claimed"},
		{"time null", replace(`"2026-10-18T09:00:00+08:00"`, `null`), trace.CodeInvalid, "claimed"},
		{"invalid UTF-8", replace("蒲江", "\xff"), trace.CodeMalformed, "UTF-8"},
		{"lone surrogate", replace("蒲江", `\ud800`), trace.CodeMalformed, ""},
		{"too large", replace("蒲江", strings.Repeat("x", MaxArgument)), trace.CodeTooLarge, "at most 65536"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode[trace.RegisterPlotRequest](c.argument)
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			require.Contains(t, err.Error(), c.message)
		})
	}
}

func TestDecodeNamesListEntries(t *testing.T) {
	_, err := Decode[trace.RegisterBatchRequest](`{"inputs":[{"gtin":"1"},{"quantity":{"amount":"x"}}]}`)
	require.EqualError(t, err, "INVALID: inputs[1].quantity.amount cannot be a text, must be a whole number")
}

// FuzzArguments feeds any text to every request type: no panic, only coded errors,
// and what is accepted encodes to a text that decodes to the same request.
func FuzzArguments(f *testing.F) {
	f.Add(plotArgument)
	f.Add(`{"idempotencyKey":"k","claimed":"2026-10-18T09:00:00Z","lot":{"gtin":"09520000100018","lot":"A/1"},"measures":[{"name":"pH","value":"6.5"}]}`)
	f.Add(`{"maximum":"0.05","source":{"effective":"2026-01-01"}}`)
	f.Add(`{"a":{"a":1,"a":2}}`)
	f.Fuzz(func(t *testing.T, argument string) {
		for _, m := range trace.Methods() {
			request := m.NewRequest()
			if err := decodeInto(argument, request); err != nil {
				require.NotEmpty(t, trace.CodeOf(err), "%v", err)
				_, ok := trace.Parse(err.Error())
				require.True(t, ok, "%v", err)
				continue
			}
			encoded, err := json.Marshal(request)
			require.NoError(t, err)
			again := m.NewRequest()
			if err := decodeInto(string(encoded), again); err != nil {
				// The canonical form may be longer than what was sent, or spell out a zero
				// time or date that the request left away; each is refused later as missing.
				continue
			}
			require.True(t, reflect.DeepEqual(canonical(t, request), canonical(t, again)), m.Transaction())
		}
	})
}

func canonical(t *testing.T, request any) string {
	b, err := json.Marshal(request)
	require.NoError(t, err)
	return string(b)
}

// BenchmarkDecode reads a request of 12 KB.
func BenchmarkDecode(b *testing.B) {
	var items []string
	for i := range 100 {
		items = append(items, fmt.Sprintf(`{"substance":"substance-%d","method":"GB 23200.121-2021","result":"number","value":"0.0%d","unit":"mg/kg"}`, i, i+1))
	}
	argument := `{"idempotencyKey":"k","claimed":"2026-10-18T09:00:00Z","sample":"lot","items":[` + strings.Join(items, ",") + `]}`
	b.SetBytes(int64(len(argument)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode[trace.ReportInspectionRequest](argument); err != nil {
			b.Fatal(err)
		}
	}
}
