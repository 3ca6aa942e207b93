package desk

import (
	"slices"
	"strings"
	"time"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// prefixNote says under which company prefixes a party may register products and logistic
// units, before it fills a form in; "" for other forms.
func (d *Desk) prefixNote(v visit, m trace.Method) (string, error) {
	if !slices.Contains([]string{"origin:RegisterProduct", "transit:PackUnit"}, m.Transaction()) {
		return "", nil
	}
	party, found, err := d.Index.Party(v.party)
	if err != nil {
		return "", err
	}
	var held []string
	today := trace.TimeOf(time.Now()).Date()
	for i := 0; found && i < len(party.Licences); i++ {
		l := party.Licences[i]
		var revoked *trace.LicenceRevocation
		if l.Revocation != nil {
			revoked = &l.Revocation.Record
		}
		if l.Record.Kind == trace.LicenceGS1Prefix && rules.LicenceInForce(l.Record.Number, &l.Record, revoked, today) == nil {
			held = append(held, l.Record.Number)
		}
	}
	if len(held) == 0 {
		return words{"贵方没有登记厂商识别代码，不能登记条码或托盘号：请先由监管部门登记，或由持有代码的一方登记。",
			"You have no GS1 company prefix on file, so you can register no GTIN or SSCC: the regulator registers one first, or whoever holds it registers the goods."}.in(v.lang), nil
	}
	return words{"贵方登记的厂商识别代码：", "Your GS1 company prefix on file: "}.in(v.lang) + strings.Join(held, v.lang.comma()) +
		words{"。条码或托盘号的首位之后须是它。", ". It follows the first digit of the GTIN or SSCC."}.in(v.lang), nil
}
