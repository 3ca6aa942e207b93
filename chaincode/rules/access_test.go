package rules

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func TestAccessMatrixCoversTheCatalogue(t *testing.T) {
	methods := map[string]trace.Method{}
	for _, m := range trace.Methods() {
		methods[m.Transaction()] = m
	}
	for _, row := range AccessMatrix() {
		m := methods[row.Transaction]
		require.NoError(t, MayCall(m, row.MSP, row.Role), row)
		for _, msp := range trace.MSPs() {
			if msp != row.MSP {
				require.Equal(t, trace.CodeWrongOrg, trace.CodeOf(MayCall(m, msp, row.Role)), row)
			}
		}
		require.NotEmpty(t, row.Guards, row)
		for _, guard := range row.Guards {
			require.Contains(t, trace.MSPs(), guard, row)
		}
		if len(m.Guards) == 0 {
			require.Equal(t, []string{row.MSP}, row.Guards, row)
		}
	}
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(MayCall(methods["registry:AdmitParty"], trace.LabMSP, trace.RoleLab)))
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(MayCall(methods["registry:AdmitParty"], trace.LabMSP, "king")))
}

// The documents show exactly these tables. To renew them: ACCESS_WRITE=1 go test ./chaincode/rules -run Published
func TestAccessTableIsPublished(t *testing.T) {
	published(t, "../../docs/access.md", "<!-- matrix -->\n", AccessTable())
	published(t, "../../docs/integrate.md", "<!-- guards -->\n", guardTable())
}

func published(t *testing.T, document, begin, table string) {
	t.Helper()
	const end = "<!-- end -->\n"
	b, err := os.ReadFile(document)
	require.NoError(t, err)
	text := string(b)
	i, j := strings.Index(text, begin), strings.Index(text, end)
	require.True(t, i >= 0 && j > i, "%s has no table between its markers", document)
	if os.Getenv("ACCESS_WRITE") != "" {
		require.NoError(t, os.WriteFile(document, []byte(text[:i]+begin+table+text[j:]), 0o644))
		return
	}
	require.Equal(t, table, text[i+len(begin):j])
}

// guardTable is the access table by who must have endorsed: a row for each set of
// guards, in the table's order.
func guardTable() string {
	type row struct{ guards, roles, transactions []string }
	var rows []*row
	for _, a := range AccessMatrix() {
		at := slices.IndexFunc(rows, func(r *row) bool { return slices.Equal(r.guards, a.Guards) })
		if at < 0 {
			at, rows = len(rows), append(rows, &row{guards: a.Guards})
		}
		r := rows[at]
		if role := string(a.Role); !slices.Contains(r.roles, role) {
			r.roles = append(r.roles, role)
		}
		if transaction := "`" + a.Transaction + "`"; !slices.Contains(r.transactions, transaction) {
			r.transactions = append(r.transactions, transaction)
		}
	}
	var b strings.Builder
	b.WriteString("| must have endorsed | roles | transactions |\n|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(r.guards, ", "), strings.Join(r.roles, ", "), strings.Join(r.transactions, " "))
	}
	return b.String()
}

func TestPartyMayAct(t *testing.T) {
	party := func() *trace.Party {
		return &trace.Party{Head: trace.Head{ID: "farm-01"}, Org: trace.ProducerMSP, Roles: []trace.Role{trace.RoleFarm}, ValidFrom: day("2026-01-01"), ValidTo: day("2026-12-31")}
	}
	today := day("2026-10-18")
	require.NoError(t, PartyMayAct("farm-01", party(), nil, today))
	require.NoError(t, PartyMayAct("farm-01", party(), &trace.Standing{Status: trace.PartyActive}, today))
	require.Equal(t, trace.CodeUnknownParty, trace.CodeOf(PartyMayAct("farm-01", nil, nil, today)))
	require.Equal(t, trace.CodePartySuspended, trace.CodeOf(PartyMayAct("farm-01", party(), nil, day("2025-12-31"))))
	require.Equal(t, trace.CodePartySuspended, trace.CodeOf(PartyMayAct("farm-01", party(), nil, day("2027-01-01"))))
	require.Equal(t, trace.CodePartySuspended, trace.CodeOf(PartyMayAct("farm-01", party(), &trace.Standing{Status: trace.PartySuspended}, today)))
	require.NoError(t, PartyHasRole(party(), trace.ProducerMSP, trace.RoleFarm))
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(PartyHasRole(party(), trace.ProducerMSP, trace.RoleFactory)))
	require.Equal(t, trace.CodeWrongOrg, trace.CodeOf(PartyHasRole(party(), trace.LabMSP, trace.RoleLab)))
}

func TestCheckWrite(t *testing.T) {
	cases := []struct {
		name   string
		mutate func(*trace.Write)
		code   trace.Code
	}{
		{"valid", func(*trace.Write) {}, ""},
		{"no key", func(w *trace.Write) { w.IdempotencyKey = "" }, trace.CodeMissing},
		{"long key", func(w *trace.Write) { w.IdempotencyKey = strings.Repeat("k", 65) }, trace.CodeTooLarge},
		{"space in key", func(w *trace.Write) { w.IdempotencyKey = "a b" }, trace.CodeInvalid},
		{"key not ASCII", func(w *trace.Write) { w.IdempotencyKey = "键" }, trace.CodeInvalid},
		{"correction without reason", func(w *trace.Write) { w.Corrects = "fact/x" }, trace.CodeMissing},
		{"reason without correction", func(w *trace.Write) { w.CorrectionReason = "x" }, trace.CodeMissing},
		{"reason with control character", func(w *trace.Write) { w.Corrects, w.CorrectionReason = "fact/x", "\x00" }, trace.CodeInvalid},
	}
	for _, c := range cases {
		w := trace.Write{IdempotencyKey: "key-1", Claimed: at("2026-10-18T09:00:00+08:00")}
		c.mutate(&w)
		require.Equal(t, c.code, trace.CodeOf(CheckWrite(w)), c.name)
	}
	now := at("2026-10-18T09:00:00+08:00")
	require.NoError(t, ClaimedInTime(now+trace.ClockSkew, now))
	require.Equal(t, trace.CodeChronology, trace.CodeOf(ClaimedInTime(now+trace.ClockSkew+1, now)))
	require.Equal(t, trace.CodeMissing, trace.CodeOf(ClaimedInTime(0, now)))
}

func day(s string) trace.Date {
	d, err := trace.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func at(s string) trace.Time {
	v, err := trace.ParseTime(s)
	if err != nil {
		panic(err)
	}
	return v
}
