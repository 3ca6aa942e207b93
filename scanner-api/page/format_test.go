package page

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

func TestFiguresAsPeopleReadThem(t *testing.T) {
	for c, want := range map[trace.CentiCelsius]string{0: "0", 50: "0.5", 1177: "11.77", -1850: "−18.5", 600: "6"} {
		require.Equal(t, want, celsius(c))
	}
	require.Equal(t, "75 分钟", Chinese.duration(4500))
	require.Equal(t, "30 s", English.duration(30))
	require.Equal(t, "31 小时 30 分", Chinese.duration(31*3600+30*60))
	require.Equal(t, "3 d 2 h", English.duration(74*3600))
	require.Equal(t, "9,600 千克", Chinese.quantity(trace.Quantity{Amount: 9_600_000, Unit: trace.Gram}))
	require.Equal(t, "1.25 l", English.quantity(trace.Quantity{Amount: 1250, Unit: trace.Millilitre}))
	require.Equal(t, "12 pcs", English.quantity(trace.Quantity{Amount: 12, Unit: trace.Piece}))
	require.Equal(t, "8 亩", Chinese.area(5333))
	require.Equal(t, "0.53 ha", English.area(5333))
	require.Equal(t, "30.20°N 103.51°E", degrees(trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}))
	require.Equal(t, "10.00°S 5.00°W", degrees(trace.Point{Latitude: -10_000_000, Longitude: -5_000_000}))
	require.Equal(t, "1.6 %", share(160))
	require.Equal(t, "2026-10-18 08:30", Clock(at(t, "2026-10-18T08:30")), "times are read at +08:00")
	require.Equal(t, "PJ%2F26%3A1", EscapePart("PJ/26:1"))
}

// Text on the chain is written by strangers: whatever it holds, a page shows it as
// text.
func TestTextOfRecordsIsNeverMarkup(t *testing.T) {
	s := kiwifruit(t, true)
	const attack = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	s.Lot.Product.Record.Name = attack
	s.Lot.Batch.Record.Place = attack
	s.Lot.Log[0].Record.Note = attack
	s.Journey.Legs[0].Record.Origin.Name = attack
	s.Journey.Legs[0].Verdicts[0].Record.Text = attack
	s.Lot.Parties["farm-pujiang-01"].Record.Name = attack
	for _, l := range []Language{Chinese, English} {
		html := rendered(t, l, s)
		require.NotContains(t, html, "<script")
		require.NotContains(t, html, "<img src=x")
	}
}

func TestCorrectionsStandBesideWhatTheyCorrect(t *testing.T) {
	html := rendered(t, Chinese, kiwifruit(t, false))
	first, second := strings.Index(html, "滴灌 4 小时"), strings.Index(html, "滴灌 6 小时")
	require.Positive(t, first)
	require.Greater(t, second, first)
	require.Less(t, second, strings.Index(html, "套袋"), "before the next step")
	require.Contains(t, html[first:strings.Index(html, "套袋")], "时长记错")
}

func TestArrangeKeepsEveryRecordOnce(t *testing.T) {
	provenance := func(p index.Provenance) index.Provenance { return p }
	key := func(p arranged[index.Provenance]) trace.Key { return p.record.Key }
	records := []index.Provenance{
		{Key: "a", CorrectedBy: []trace.Key{"c", "d"}}, {Key: "b"}, {Key: "c", CorrectedBy: []trace.Key{"e"}}, {Key: "d"}, {Key: "e"}, {Key: "f"},
	}
	var order []trace.Key
	for _, a := range arrange(records, provenance) {
		order = append(order, key(a))
	}
	require.Equal(t, []trace.Key{"a", "c", "e", "d", "b", "f"}, order)
	round := []index.Provenance{{Key: "x", CorrectedBy: []trace.Key{"y"}}, {Key: "y", CorrectedBy: []trace.Key{"x"}}}
	require.Len(t, arrange(round, provenance), 2, "a circle, which the contracts refuse, hides nothing")
}

func TestTheLineIsNotSaidTwice(t *testing.T) {
	line := rules.Line{Level: rules.LineWarning, Text: rules.Text{Zh: "注意：甲", En: "Warning: A"}, Reasons: []rules.Reason{{Zh: "甲", En: "A"}, {Zh: "乙", En: "B"}}, NotShown: []rules.Reason{{Zh: "丙", En: "C"}, {Zh: "丁", En: "D"}}}
	v := lineView(Chinese, line)
	require.Equal(t, []string{"乙"}, v.Reasons)
	require.Equal(t, "丙、丁", v.NotShown)
}

func TestTheFoldKeepsCorrectionsBesideWhatTheyCorrect(t *testing.T) {
	log := make([]Step, logShown)
	require.Equal(t, logShown, foldAfter(log))
	require.Equal(t, 3, foldAfter(log[:3]))
	log = append(log, Step{Stamp: Stamp{Corrects: "written wrongly"}}, Step{Stamp: Stamp{Corrects: "again"}}, Step{})
	require.Equal(t, logShown+2, foldAfter(log))
}

func TestTheLineSaysWhyALotWasRecalledAndWhatFailed(t *testing.T) {
	failed := index.Inspection{Typed: index.Typed[trace.Inspection]{Record: trace.Inspection{Items: []trace.JudgedItem{
		{InspectionItem: trace.InspectionItem{Substance: "lead", Result: trace.ResultNotDetected}, Judgement: trace.JudgedPass},
		{InspectionItem: trace.InspectionItem{Substance: "clobetasol-propionate", Result: trace.ResultDetected}, Judgement: trace.JudgedFail},
	}}}}
	recall := index.Action{Typed: index.Typed[trace.Action]{Record: trace.Action{Kind: trace.ActionRecall, Reason: "检出禁用物质"}, Provenance: index.Provenance{Key: "fact/lot/x/0000/action/1"}}}
	s := Subject{Lot: &index.Lot{Inspections: []index.Inspection{failed}, Actions: []index.Action{recall}}}
	s.Line = rules.Line{Level: rules.LineRecalled, Text: rules.Text{Zh: "本批次已召回", En: "Recalled"}, Reasons: []rules.Reason{
		{Zh: "本批次已召回", En: "Recalled", Keys: []trace.Key{"fact/lot/x/0000/action/1"}}, {Zh: "检验不合格", En: "an inspection failed"},
	}}
	b := &builder{Language: Chinese, s: s}
	b.v.Line = lineView(Chinese, s.Line)
	b.because()
	require.Equal(t, []string{"召回原因：检出禁用物质", "检验不合格：clobetasol-propionate 检出"}, b.v.Line.Reasons)

	s.Line = rules.Line{Level: rules.LineWarning, Text: rules.Text{Zh: "注意：检验不合格", En: "Warning: an inspection failed"}, Reasons: []rules.Reason{{Zh: "检验不合格", En: "an inspection failed"}}}
	b = &builder{Language: English, s: s}
	b.v.Line = lineView(English, s.Line)
	b.because()
	require.Equal(t, "Warning: an inspection failed: clobetasol-propionate detected", b.v.Line.Text)

	s.Line.Text.En = "Recalled"
	b = &builder{Language: English, s: s}
	b.v.Line = lineView(English, s.Line)
	b.because()
	require.Equal(t, []string{"An inspection failed: clobetasol-propionate detected"}, b.v.Line.Reasons)
}

// One thing is said in the singular, and a shipment on its way has no length yet.
func TestOneAndMany(t *testing.T) {
	b := &builder{Language: English}
	require.Equal(t, "1 entry", b.counted(1, "%d 条", "%d entry", "%d entries"))
	require.Equal(t, "2 entries", b.counted(2, "%d 条", "%d entry", "%d entries"))
	require.Equal(t, "1 条", (&builder{Language: Chinese}).counted(1, "%d 条", "%d entry", "%d entries"))

	s := kiwifruit(t, true)
	s.Journey.Legs[0].Arrival = nil
	s.Journey.Legs[0].Status.Arrived = 0
	require.Equal(t, "in transit", Build(English, s).Legs[0].Duration)
}

// Who admitted a party is called by its registered name, though it is no party of the lot.
func TestRegistrarIsNamed(t *testing.T) {
	s := kiwifruit(t, false)
	farm := s.Lot.Parties["farm-pujiang-01"]
	farm.Provenance.Party = "regulator-91"
	require.Contains(t, rendered(t, English, s), "Regulator regulator-91")
	farm.Registrar = &index.PartyName{ID: "regulator-91", Name: "示范市场监督管理局", NameEnglish: "Demo Market Regulator"}
	html := rendered(t, English, s)
	require.Contains(t, html, "Demo Market Regulator")
	require.NotContains(t, html, "regulator-91")
	require.Contains(t, rendered(t, Chinese, s), "示范市场监督管理局")
}

// A lot's page says which items a recall of a run of codes is about.
func TestRecalledRunIsNamed(t *testing.T) {
	recall := trace.Action{Kind: trace.ActionRecall, Codes: &trace.CodeRange{Pack: kiwiPack, First: 1, Last: 20}}
	for l, want := range map[Language]string{Chinese: "召回（码包 " + string(kiwiPack) + " 第 1–20 件）", English: "Recall (items 1–20 of pack " + string(kiwiPack) + ")"} {
		b := &builder{Language: l, signed: map[trace.Key]bool{}, s: kiwifruit(t, false)}
		require.Equal(t, want, b.actionView(index.Action{Typed: index.Typed[trace.Action]{Record: recall}}).Title)
	}
}
