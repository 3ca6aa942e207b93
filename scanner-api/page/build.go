package page

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// maxSigned bounds the list of signatures; a page says how many more there are.
const maxSigned = 120

// builder makes one view. Its methods add their part of the page and remember every
// record they used, so that "who signed what" lists exactly what is shown.
type builder struct {
	Language
	s      Subject
	v      View
	signed map[trace.Key]bool // records used; true for those that are listed
}

// Build makes the view of a lot's page or, with a Code, of one item's.
func Build(l Language, s Subject) View {
	b := &builder{Language: l, s: s, signed: map[trace.Key]bool{}}
	b.v = View{Lang: string(l), Tag: l.Tag(), Other: l.Other(), Code: s.Code, Address: s.Root}
	if s.Code != nil {
		b.v.Address = s.Code.Address
	}
	b.heading()
	b.v.Line = lineView(l, s.Line)
	b.because()
	b.label()
	b.producer()
	b.origin()
	b.log()
	b.growth()
	b.papers()
	b.tests()
	b.reviews()
	b.journey()
	b.enforcement()
	b.streams()
	b.glance()
	return b.v
}

func lineView(l Language, line rules.Line) *LineView {
	v := &LineView{Level: line.Level, Word: l.Level(line.Level), Text: l.words(line.Text.Zh, line.Text.En)}
	for _, r := range line.Reasons {
		// What the line itself says is not said twice.
		if words := l.words(r.Zh, r.En); !strings.Contains(v.Text, words) {
			v.Reasons = append(v.Reasons, words)
		}
	}
	var missing []string
	for _, r := range line.NotShown {
		if words := l.words(r.Zh, r.En); !strings.Contains(v.Text, words) {
			missing = append(missing, words)
		}
	}
	v.NotShown = l.list(missing)
	v.Advice = l.Advice(line.Level)
	return v
}

// because says beside the line what the published table leaves to the records: why
// the regulator recalled, and which items failed.
func (b *builder) because() {
	lot := b.s.Lot
	actions := slices.Clone(lot.Actions)
	if lot.Product != nil {
		actions = append(actions, lot.Product.Actions...)
	}
	var reasons []string
	for _, r := range b.s.Line.Reasons {
		for _, key := range r.Keys {
			for _, a := range actions {
				if a.Provenance.Key == key && a.Record.Kind == trace.ActionRecall {
					reasons = append(reasons, b.words("召回原因：", "Why: ")+a.Record.Reason)
				}
			}
		}
	}
	b.v.Line.Reasons = append(reasons, b.v.Line.Reasons...)
	for _, i := range lot.Inspections {
		failed := b.failedItems(i.Record)
		if len(failed) == 0 || len(i.SupersededBy) > 0 {
			continue
		}
		words := b.words("检验不合格", "an inspection failed")
		named := words + b.words("：", ": ") + b.list(failed)
		if n := slices.Index(b.v.Line.Reasons, words); n >= 0 {
			b.v.Line.Reasons[n] = named
		} else {
			b.v.Line.Text = strings.Replace(b.v.Line.Text, words, named, 1)
		}
	}
	for i, reason := range b.v.Line.Reasons { // they are parts of a sentence, here in a list
		first, size := utf8.DecodeRuneInString(reason)
		b.v.Line.Reasons[i] = string(unicode.ToUpper(first)) + reason[size:]
	}
}

// Advice says what a shopper should do about a line; "" where the line says it all.
func (l Language) Advice(level rules.LineLevel) string {
	switch level {
	case rules.LineRecalled:
		return l.words("请停止食用或使用，保留包装与购买凭证，联系商家退货；需要帮助请拨打 12315。", "Stop eating or using it, keep the pack and the receipt, and return it to the merchant; call 12315 for help.")
	case rules.LineVoid:
		return l.words("带有此码的商品不应在售：请勿食用或使用，保留包装与购买凭证，联系商家或拨打 12315。", "Goods with this code should not be on sale: do not eat or use them, keep the pack and the receipt, and ask the merchant or call 12315.")
	case rules.LineFrozen:
		return l.words("在结论公布前请先不要食用或使用，稍后再扫此码。", "Until the outcome is published do not eat or use it; scan the code again later.")
	case rules.LineNotOnSale:
		return l.words("若您已买到，请保留包装与购买凭证，联系商家。", "If you bought it already, keep the pack and the receipt and ask the merchant.")
	}
	return ""
}

func (b *builder) heading() {
	b.v.LotNumber = string(b.s.Lot.ID.Lot)
	if p := b.s.Lot.Product; p != nil {
		b.v.Brand, b.v.Content = p.Record.Brand, p.Record.LabelContent
		b.v.Name, b.v.OtherName = b.pick(p.Record.Name, p.Record.NameEnglish), p.Record.NameEnglish
		if b.Language == English {
			b.v.OtherName = p.Record.Name
		}
		if b.v.Content == "" {
			b.v.Content = b.quantity(p.Record.NetContent)
		}
	}
	if b.v.OtherName == b.v.Name {
		b.v.OtherName = ""
	}
	if b.v.Name == "" {
		b.v.Name = string(b.s.Lot.ID.GTIN)
	}
	b.v.Title = b.v.Name + " " + b.v.LotNumber
}

func (b *builder) label() {
	p := b.s.Lot.Product
	if p == nil {
		return
	}
	b.sign(b.recordKind(state.KindProduct), p.Provenance)
	add := func(rows *[]Row, zh, en, value string) {
		if value != "" {
			*rows = append(*rows, Row{b.words(zh, en), value})
		}
	}
	r := p.Record
	add(&b.v.Label, "品名", "Product", b.pick(r.Name, r.NameEnglish))
	add(&b.v.Label, "净含量", "Net content", b.v.Content)
	add(&b.v.Label, "类别", "Category", b.category(r.Category))
	add(&b.v.Label, "配料/成分", "Ingredients", b.list(r.Ingredients))
	add(&b.v.Label, "标签声称", "Claims on the label", b.list(r.LabelClaims))
	b.v.Filing = r.FilingNumber
	add(&b.v.Label, "备案/注册号", "Filing number", r.FilingNumber)
	add(&b.v.Label, "生产许可", "Made under licence", r.LicenceNumber)
	if r.ShelfLifeDays > 0 {
		add(&b.v.Label, "保质期", "Shelf life", strconv.Itoa(r.ShelfLifeDays)+b.words(" 天", " days"))
	}
	if b.s.Facts.Expires != 0 {
		add(&b.v.Label, "保质期至", "Best before", b.s.Facts.Expires.String())
	}
	add(&b.v.Label, "GTIN", "GTIN", string(r.GTIN))
	add(&b.v.Storage, "贮存温度", "Storage", b.temperatures(r.Storage))
	add(&b.v.Storage, "运输温度", "Transport", b.temperatures(r.Transport))
	if r.Transport != nil {
		if r.DefrostSeconds > 0 { // goods that are not cooled have none
			add(&b.v.Storage, "允许除霜", "Defrost allowed", b.duration(r.DefrostSeconds))
		}
		add(&b.v.Storage, "允许读数中断", "Gap allowed", b.duration(r.GapSeconds))
	}
}

// sign remembers a record for the list of signatures and answers the short stamp
// that stands under what it says.
func (b *builder) sign(kind string, p index.Provenance) Stamp {
	by := b.partyName(p.Party)
	if by == string(p.Party) { // a natural person, or one whose admission is not here
		by = b.role(p.Role) + " " + by
	}
	stamp := Stamp{By: by, Recorded: Clock(p.Recorded), Corrected: len(p.CorrectedBy) > 0}
	listed, known := b.signed[p.Key]
	if !known {
		listed = len(b.signed) < maxSigned
		b.signed[p.Key] = listed
	}
	if !listed {
		if !known {
			b.v.SignedCut++
		}
		return stamp
	}
	stamp.Anchor = anchorOf(p.Key)
	if known {
		return stamp
	}
	organisations := make([]string, len(p.Endorsers))
	for i, msp := range p.Endorsers {
		organisations[i] = b.organisation(msp)
	}
	signer := Signer{Name: by, Organisation: b.organisation(p.MSP) + " · " + b.role(p.Role)}
	n := slices.IndexFunc(b.v.Signed, func(s Signer) bool { return s.Name == signer.Name && s.Organisation == signer.Organisation })
	if n < 0 {
		n = len(b.v.Signed)
		b.v.Signed = append(b.v.Signed, signer)
	}
	b.v.Signed[n].Records = append(b.v.Signed[n].Records, Signed{
		Anchor: stamp.Anchor, Kind: kind, Claimed: Clock(p.Claimed), Recorded: stamp.Recorded, Transaction: p.TransactionID,
		Block: p.Block, Key: string(p.Key), Endorsers: b.list(organisations), Corrected: stamp.Corrected, Original: originalOf(p),
	})
	return stamp
}

func originalOf(p index.Provenance) *Original {
	if p.Original == nil {
		return nil
	}
	return &Original{Transaction: p.Original.Transaction.String(), Imported: Clock(p.Original.Imported), Block: p.Original.Block}
}

// anchorOf names a record within the page.
func anchorOf(key trace.Key) string {
	d := trace.DigestOf([]byte(key))
	return "s" + d.String()[:10]
}

// partyName is the registered name of a legal person and the pseudonym of anyone else.
func (b *builder) partyName(id trace.PartyID) string {
	if p := b.s.Lot.Parties[id]; p != nil {
		if name := b.pick(p.Record.Name, p.Record.NameEnglish); name != "" {
			return name
		}
	}
	for _, p := range b.s.Lot.Parties { // who admitted a party of this lot is seldom among them
		if r := p.Registrar; r != nil && r.ID == id {
			return b.pick(r.Name, r.NameEnglish)
		}
	}
	return string(id)
}

// counted says how many: in English one thing has a form of its own, in Chinese not.
func (b *builder) counted(n int, zh, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf(b.words(zh, many), n)
}

func (b *builder) files(name string, digests ...trace.Digest) []File {
	var files []File
	for i, d := range digests {
		if d.IsZero() {
			continue
		}
		f := File{Name: name, Digest: d.String()}
		if len(digests) > 1 {
			f.Name += " " + strconv.Itoa(i+1)
		}
		if b.s.Files != nil && b.s.Files(d) {
			f.Link = b.s.Root + "/file/" + f.Digest
		}
		files = append(files, f)
	}
	return files
}

// arranged is a record at its place: a correction directly behind what it corrects.
type arranged[T any] struct {
	record    T
	corrects  bool
	corrected bool
}

// arrange puts each correction behind what it corrects and keeps the order of the
// rest, so that a page shows both beside each other.
func arrange[T any](records []T, provenance func(T) index.Provenance) []arranged[T] {
	at := make(map[trace.Key]int, len(records))
	corrects := make(map[trace.Key]bool)
	for i, r := range records {
		at[provenance(r).Key] = i
		for _, by := range provenance(r).CorrectedBy {
			corrects[by] = true
		}
	}
	out := make([]arranged[T], 0, len(records))
	placed := make(map[int]bool, len(records))
	var place func(i int, correction bool)
	place = func(i int, correction bool) {
		if placed[i] {
			return
		}
		placed[i] = true
		by := provenance(records[i]).CorrectedBy
		out = append(out, arranged[T]{records[i], correction, len(by) > 0})
		for _, key := range by {
			if j, here := at[key]; here {
				place(j, true)
			}
		}
	}
	for i, r := range records {
		if !corrects[provenance(r).Key] {
			place(i, false)
		}
	}
	for i := range records { // a correction of something that is not on this page
		place(i, true)
	}
	return out
}

func typedProvenance[T any](t index.Typed[T]) index.Provenance { return t.Provenance }

// withReason completes a stamp of a record that corrects another.
func withReason(stamp Stamp, corrects bool, head trace.Head) Stamp {
	if corrects {
		stamp.Corrects = cmp.Or(head.CorrectionReason, "—")
	}
	return stamp
}

// newestFirst turns a list of the chain's order around.
func newestFirst[T any](list []T) []T {
	turned := slices.Clone(list)
	slices.Reverse(turned)
	return turned
}
