package rules

import (
	"fmt"
	"slices"

	"traceledger/chaincode/trace"
)

// lineRow is one row of the published table: when it holds, the line is at least as
// severe as its level. Rows stand in order of precedence.
type lineRow struct {
	level LineLevel
	code  string
	when  string // the condition in words, as the table is published
	// find gives a reason for every record that meets the condition.
	find func(*PageFacts) []Reason
}

// VerdictLine decides the line of a lot's page (Pack nil) or of one pack's. It is
// the table of lineRows and nothing else: the first row that holds gives the level
// and the text.
func VerdictLine(facts PageFacts) Line {
	line := Line{Level: LineGood}
	for _, row := range lineRows() {
		found := row.find(&facts)
		if len(found) == 0 {
			continue
		}
		if line.Level == LineGood {
			line.Level = row.level
		}
		for _, r := range found {
			r.Code = row.code
			if row.level == LineIncomplete {
				line.NotShown = append(line.NotShown, r)
			} else {
				line.Reasons = append(line.Reasons, r)
			}
		}
	}
	if line.Level == LineGood {
		line.Reasons = goodReasons(&facts)
	}
	line.Text = lineText(&line)
	return line
}

// lineText says the line in one sentence: the heading of its level, and what it
// rests on first.
func lineText(line *Line) Text {
	switch line.Level {
	case LineGood:
		return Text{"各项记录齐全、合格", "Every record is on file and in order"}
	case LineIncomplete:
		return notShownText(line.NotShown)
	}
	first := line.Reasons[0]
	t := Text{first.Zh, first.En}
	if line.Level == LineWarning {
		t = Text{"注意：" + t.Zh, "Warning: " + t.En}
		if more := len(line.Reasons) - 1; more > 0 {
			t.Zh += fmt.Sprintf("；另有 %d 项", more)
			t.En += fmt.Sprintf("; and %d more", more)
		}
	}
	return t
}

// namedNotShown is how many missing things the line itself names; the page lists all.
const namedNotShown = 3

// notShownText names what is missing, each once however many shipments miss it.
func notShownText(missing []Reason) Text {
	t := Text{"未见不良记录；未显示：", "Nothing adverse on file; not shown: "}
	var named []string
	more := 0
	for _, r := range missing {
		switch {
		case slices.Contains(named, r.Zh):
			continue
		case len(named) == namedNotShown:
			more++
			continue
		case len(named) > 0:
			t.Zh, t.En = t.Zh+"、", t.En+", "
		}
		named = append(named, r.Zh)
		t.Zh, t.En = t.Zh+r.Zh, t.En+r.En
	}
	if more > 0 {
		t.Zh += fmt.Sprintf("；另有 %d 项", more)
		t.En += fmt.Sprintf("; and %d more", more)
	}
	return t
}

func lineRows() []lineRow {
	rows := recalledRows()
	rows = append(rows, codeRows()...)
	rows = append(rows, warningRows()...)
	return append(rows, notShownRows()...)
}

func recalledRows() []lineRow {
	hits := func(keep func(RecallFact, *PageFacts) bool, zh, en string) func(*PageFacts) []Reason {
		return func(f *PageFacts) []Reason {
			var out []Reason
			for _, r := range f.Recalls {
				if keep(r, f) {
					out = append(out, Reason{Zh: zh, En: en, Keys: keys(r.Action)})
				}
			}
			return out
		}
	}
	whole := func(r RecallFact, _ *PageFacts) bool { return !r.Parent && !r.Partial && r.Codes == nil }
	codes := func(r RecallFact, f *PageFacts) bool { return !r.Parent && !r.Partial && r.Codes != nil }
	parent := func(r RecallFact, _ *PageFacts) bool { return r.Parent }
	return []lineRow{
		{LineRecalled, "recalled-lot", "the regulator recalled this lot and did not lift the recall",
			hits(whole, "本批次已召回：请勿食用或使用，可凭码退货", "This lot is recalled: do not use it, return it to the seller")},
		{LineRecalled, "recalled-codes", "the regulator recalled a run of codes that holds this pack",
			hits(codes, "本件已召回：请勿食用或使用，可凭码退货", "This pack is recalled: do not use it, return it to the seller")},
		{LineRecalled, "recalled-ancestor", "a lot that this lot was made from is recalled",
			hits(parent, "本批次所用的原料批次已召回：请勿食用或使用，可凭码退货", "A lot this one was made from is recalled: do not use it, return it to the seller")},
	}
}

// codeRows are about the code itself and about sale.
func codeRows() []lineRow {
	pack := func(in func(trace.PackState) bool, zh, en string) func(*PageFacts) []Reason {
		return func(f *PageFacts) []Reason {
			if f.Pack == nil || !in(f.Pack.State) {
				return nil
			}
			r := Reason{Zh: zh, En: en, Keys: f.Pack.Keys}
			if f.Pack.Reason != "" {
				r.Zh, r.En = r.Zh+"："+f.Pack.Reason, r.En+": "+f.Pack.Reason
			}
			return []Reason{r}
		}
	}
	delisted := func(product bool, zh, en string) func(*PageFacts) []Reason {
		return func(f *PageFacts) []Reason {
			var out []Reason
			for _, d := range f.Delistings {
				if d.Product == product {
					out = append(out, Reason{Zh: zh, En: en, Keys: keys(d.Action)})
				}
			}
			return out
		}
	}
	presale := func(f *PageFacts) []Reason {
		if f.Harvested || f.Batch == "" {
			return nil
		}
		return []Reason{{Zh: "预售批次，尚未采收或生产", En: "Presale: not harvested or made yet", Keys: keys(f.Batch)}}
	}
	return []lineRow{
		{LineVoid, "pack-void", "the code's pack was voided",
			pack(is(trace.PackVoid), "此码已作废", "This code was withdrawn for good")},
		{LineFrozen, "pack-frozen", "the code's pack is frozen",
			pack(is(trace.PackFrozen), "此码已暂停使用", "This code is on hold")},
		{LineNotOnSale, "delisted-lot", "the lot was taken off sale",
			delisted(false, "本批次已下架", "This lot was taken off sale")},
		{LineNotOnSale, "delisted-product", "the product was taken off sale",
			delisted(true, "本商品已下架", "This product was taken off sale")},
		{LineNotOnSale, "not-activated", "the code's pack is not bound to a lot yet",
			pack(notActivated, "此码尚未启用，商品还未上市", "This code is not activated: not yet on sale")},
		{LineNotOnSale, "presale", "the lot was opened for presale and has no harvest yet", presale},
	}
}

func is(state trace.PackState) func(trace.PackState) bool {
	return func(s trace.PackState) bool { return s == state }
}

func notActivated(s trace.PackState) bool {
	return s != trace.PackActive && s != trace.PackFrozen && s != trace.PackVoid
}

func keys(k ...trace.Key) []trace.Key {
	var out []trace.Key
	for _, key := range k {
		if key != "" {
			out = append(out, key)
		}
	}
	return out
}
