package index

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// The table must know every kind of key that the chaincode can write, or facts would
// silently be kept out of the read model.
func TestEveryKindOfKeyIsKnown(t *testing.T) {
	table, err := kinds()
	require.NoError(t, err)
	files, err := filepath.Glob("../../chaincode/state/*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seen := 0
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != len(spec.Names) {
				return true
			}
			for i, name := range spec.Names {
				value, ok := spec.Values[i].(*ast.BasicLit)
				isFact := strings.HasPrefix(name.Name, "Fact")
				if !ok || value.Kind != token.STRING || !isFact && !strings.HasPrefix(name.Name, "Kind") {
					continue
				}
				kind, err := strconv.Unquote(value.Value)
				require.NoError(t, err)
				switch kind {
				case state.KindFact, state.KindGuard, state.KindFreeze:
					continue // no kind by itself; not stored; no method writes it yet
				}
				seen++
				if isFact {
					kind = factID(kind)
				}
				require.Contains(t, table, kind, "state.%s", name.Name)
			}
			return true
		})
	}
	require.Equal(t, len(table), seen)
}

// Every method's record must be of a kind of the table.
func TestEveryMethodWritesAKind(t *testing.T) {
	table, err := kinds()
	require.NoError(t, err)
	written := map[string]int{}
	for _, k := range table {
		if len(k.with) == 0 {
			written[k.call.Transaction()]++
		}
	}
	for _, m := range trace.Methods() {
		require.Equal(t, 1, written[m.Transaction()], m.Transaction())
	}
}

func FuzzParseRecord(f *testing.F) {
	p := provenance{block: 7, endorsers: []string{trace.LabMSP, trace.ProducerMSP}, writer: writer{msp: trace.LabMSP, party: "lab-01", role: trace.RoleLab}}
	f.Add(appendRecord(nil, &p, 5, state.FactInspection, []byte(`{"a":1}`)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, row []byte) {
		rec, err := parseRecord("key", row)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(rec.Value), len(row))
	})
}
