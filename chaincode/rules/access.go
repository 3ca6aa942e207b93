package rules

import (
	"fmt"
	"slices"
	"strings"

	"traceledger/chaincode/trace"
)

// MayCall decides by certificate alone: the role must be one the method is for, and
// the certificate must come from an organisation of the role's own kind (KindOf).
func MayCall(method trace.Method, kind string, role trace.Role) error {
	home := trace.MSPOf(role)
	if home == "" {
		return trace.Errorf(trace.CodeForbidden, "role %q is unknown", string(role))
	}
	if home != kind {
		return trace.Errorf(trace.CodeWrongOrg, "role %s belongs to %s, the certificate is from %s", role, home, kind)
	}
	if !slices.Contains(method.Roles, role) {
		return trace.Errorf(trace.CodeForbidden, "%s is not for role %s, only for %v", method.Transaction(), role, method.Roles)
	}
	return nil
}

// MayDecideMembers refuses an organisation that joined later where the method is for
// founders only.
func MayDecideMembers(method trace.Method, msp string) error {
	if method.Founders() && !trace.Founding(msp) {
		return trace.Errorf(trace.CodeForbidden, "%s is for a founding organisation only, not for %s", method.Transaction(), msp)
	}
	return nil
}

// GuardsOf tells which organisations must have endorsed what the method writes, in
// fixed order: those the catalogue names, or the caller's own.
func GuardsOf(method trace.Method, msp string) []string {
	if len(method.Guards) > 0 {
		return method.Guards
	}
	return []string{msp}
}

// PartyMayAct decides whether a registered party may act on a day. party is nil when
// it was never admitted; standing is nil while nothing was said about it.
func PartyMayAct(id trace.PartyID, party *trace.Party, standing *trace.Standing, day trace.Date) error {
	if party == nil {
		return trace.Errorf(trace.CodeUnknownParty, "party %s is not in the registry", id)
	}
	if day < party.ValidFrom || day > party.ValidTo {
		return trace.Errorf(trace.CodePartySuspended, "party %s is admitted from %s to %s, not on %s", id, party.ValidFrom, party.ValidTo, day)
	}
	if standing != nil && standing.Status == trace.PartySuspended {
		return trace.Errorf(trace.CodePartySuspended, "party %s is suspended: %s", id, standing.Reason)
	}
	return nil
}

// PartyHasRole decides whether the registry gives the party what its certificate
// claims. party is not nil.
func PartyHasRole(party *trace.Party, msp string, role trace.Role) error {
	if party.Org != msp {
		return trace.Errorf(trace.CodeWrongOrg, "party %s is admitted in %s, the certificate is from %s", party.ID, party.Org, msp)
	}
	if !slices.Contains(party.Roles, role) {
		return trace.Errorf(trace.CodeForbidden, "party %s is admitted as %v, not as %s", party.ID, party.Roles, role)
	}
	return nil
}

// CheckWrite checks the common part of a request. The claimed time is checked by
// ClaimedInTime.
func CheckWrite(w trace.Write) error {
	if w.IdempotencyKey == "" {
		return trace.Errorf(trace.CodeMissing, "idempotencyKey is missing")
	}
	if len(w.IdempotencyKey) > 64 {
		return trace.Errorf(trace.CodeTooLarge, "idempotencyKey has %d characters, at most 64", len(w.IdempotencyKey))
	}
	for i := 0; i < len(w.IdempotencyKey); i++ {
		if c := w.IdempotencyKey[i]; c < 0x21 || c > 0x7e {
			return trace.Errorf(trace.CodeInvalid, "idempotencyKey must be printable ASCII without spaces")
		}
	}
	if w.Corrects == "" && w.CorrectionReason != "" {
		return trace.Errorf(trace.CodeMissing, "correctionReason is given without corrects")
	}
	return trace.ValidText("correctionReason", w.CorrectionReason, w.Corrects != "", 500)
}

// ClaimedInTime refuses a claimed time that lies after the transaction's by more than
// the clock skew.
func ClaimedInTime(claimed, now trace.Time) error {
	if claimed == 0 {
		return trace.Errorf(trace.CodeMissing, "claimed is missing")
	}
	if claimed > now+trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "claimed %s lies after the transaction's time %s", claimed, now)
	}
	return nil
}

// AccessRow is one line of the access matrix: who may call a method, and which
// organisations must have endorsed what it writes.
type AccessRow struct {
	Transaction string
	Role        trace.Role
	MSP         string   // the founding organisation of the role's kind
	Founders    bool     // no other organisation of the kind may call it
	Guards      []string // must all have endorsed, when MSP calls; where it is MSP alone, an organisation that joined later stands in its place
}

// AccessMatrix is the whole matrix, in the order of the catalogue. The index and the
// witnesses hold every record to it again, because a majority that runs altered
// contracts could leave a guard out.
func AccessMatrix() []AccessRow {
	var rows []AccessRow
	for _, m := range trace.Methods() {
		for _, role := range m.Roles {
			rows = append(rows, AccessRow{Transaction: m.Transaction(), Role: role, MSP: trace.MSPOf(role), Founders: m.Founders(), Guards: GuardsOf(m, trace.MSPOf(role))})
		}
	}
	return rows
}

// AccessTable writes the matrix as the Markdown table that docs/access.md publishes.
func AccessTable() string {
	var b strings.Builder
	b.WriteString("| transaction | role | certificate from | must be endorsed by |\n|---|---|---|---|\n")
	for _, r := range AccessMatrix() {
		from := r.MSP
		if r.Founders {
			from += " only"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Transaction, r.Role, from, strings.Join(r.Guards, ", "))
	}
	return b.String()
}
