package rules

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

var updateTable = flag.Bool("update", false, "write the published tables anew")

// goodFacts is a pack of which everything is on file and in order.
func goodFacts() PageFacts {
	limits := trace.TemperatureRange{Minimum: 0, Maximum: 500}
	return PageFacts{
		Lot: trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"}, Today: day("2026-11-01"),
		Batch: "batch/a", Harvested: true, Expires: day("2027-02-01"),
		Pack:                &PackFacts{Pack: "PACK0001", Item: 7, State: trace.PackActive, Keys: []trace.Key{"fact/activation"}},
		Licence:             LicenceFacts{Status: LicenceValid, Number: "L1", Keys: []trace.Key{"licence/a"}},
		Inspections:         []InspectionFact{{Key: "fact/inspection/1", Sample: trace.SampleLot, Judgement: trace.JudgedPass}},
		Reviews:             []ReviewFact{{Key: "fact/review/1", Level: 1, Pass: true}, {Key: "fact/review/2", Level: 2, Pass: true}},
		HighRisk:            true,
		Certificate:         "fact/certificate/1",
		CertificateRequired: true,
		Journey: JourneyFacts{
			Custody: CustodyUnbroken, Shipments: []trace.Key{"shipment/a"}, ColdChain: true, ExcursionSeconds: 600,
			Findings: []JourneyFindings{{Shipment: "ship-01", Range: &limits, Segments: 3, Measured: 300, GapAllowance: 900, Keys: []trace.Key{"seg/d/1"}}},
		},
	}
}

func TestGoodLine(t *testing.T) {
	line := VerdictLine(goodFacts())
	require.Equal(t, LineGood, line.Level)
	require.Empty(t, line.NotShown)
	require.Len(t, line.Reasons, 5, "good says what it rests on")
	for _, r := range line.Reasons {
		require.NotEmpty(t, r.Keys, r.Code)
	}
}

// lineCase takes one thing away from a good page, or adds one, and expects one row.
type lineCase struct {
	code   string
	change func(*PageFacts)
}

func lineCases() []lineCase {
	excursion := JourneyBreach{Breach: trace.Breach{From: 0, To: 4_500_000, Peak: 1180}, Segments: []trace.Key{"seg/d/2"}}
	recall := func(r RecallFact) func(*PageFacts) {
		r.Action = "fact/action/1"
		return func(f *PageFacts) { f.Recalls = []RecallFact{r} }
	}
	pack := func(s trace.PackState) func(*PageFacts) { return func(f *PageFacts) { f.Pack.State = s } }
	status := func(s LicenceStatus) func(*PageFacts) { return func(f *PageFacts) { f.Licence.Status = s } }
	verdict := func(l trace.VerdictLevel) func(*PageFacts) {
		return func(f *PageFacts) {
			f.Verdicts = []VerdictFact{{Key: "fact/verdict/1", Level: l, Finding: "x", Text: "说明"}}
		}
	}
	finding := func(change func(*JourneyFindings)) func(*PageFacts) {
		return func(f *PageFacts) { change(&f.Journey.Findings[0]) }
	}
	return []lineCase{
		{"recalled-lot", recall(RecallFact{})},
		{"recalled-codes", recall(RecallFact{Codes: &trace.CodeRange{Pack: "PACK0001", First: 1, Last: 9}})},
		{"recalled-ancestor", recall(RecallFact{Parent: true})},
		{"pack-void", pack(trace.PackVoid)},
		{"pack-frozen", pack(trace.PackFrozen)},
		{"delisted-lot", func(f *PageFacts) { f.Delistings = []ActionFact{{Action: "fact/action/2"}} }},
		{"delisted-product", func(f *PageFacts) { f.Delistings = []ActionFact{{Product: true, Action: "fact/action/2"}} }},
		{"not-activated", pack(trace.PackIssued)},
		{"not-activated", pack("a state added later")},
		{"presale", func(f *PageFacts) { f.Harvested = false }},
		{"recalled-some-packs", recall(RecallFact{Partial: true, Codes: &trace.CodeRange{Pack: "PACK0002", First: 1, Last: 9}})},
		{"inspection-failed", func(f *PageFacts) {
			f.Inspections = append(f.Inspections, InspectionFact{Key: "fact/inspection/2", Judgement: trace.JudgedFail})
		}},
		{"ancestor-failed", func(f *PageFacts) {
			f.FailedAncestors = []AncestorFact{{Lot: trace.LotID{GTIN: "09520000100018", Lot: "B"}, Inspection: "fact/inspection/3"}}
		}},
		{"verdict-violation", verdict(trace.LevelViolation)},
		{"excursion", finding(func(j *JourneyFindings) { j.Excursions, j.ExcursionSeconds = []JourneyBreach{excursion}, 601 })},
		{"custody-broken", func(f *PageFacts) { f.Journey.Custody = CustodyBroken }},
		{"suspected-copy", func(f *PageFacts) { f.SuspectedCopy = true }},
		{"licence-revoked", status(LicenceRevoked)},
		{"licence-expired", status(LicenceExpired)},
		{"producer-suspended", status(LicenceSuspended)},
		{"verdict-warning", verdict(trace.LevelWarning)},
		{"review-failed", func(f *PageFacts) { f.Reviews = append(f.Reviews, ReviewFact{Key: "fact/review/3", Level: 3}) }},
		{"past-shelf-life", func(f *PageFacts) { f.Expires = f.Today - 1 }},
		{"batch", func(f *PageFacts) { f.Batch = "" }},
		{"licence", status("")},
		{"licence", status("a status added later")},
		{"inspection", func(f *PageFacts) { f.Inspections = nil }},
		{"inspection", func(f *PageFacts) { f.Inspections[0].Superseded = true }},
		{"inspection-limit", func(f *PageFacts) { f.Inspections[0].Judgement = trace.JudgedNoLimit }},
		{"inspection-limit", func(f *PageFacts) { f.Inspections[0].Judgement = "a judgement added later" }},
		{"review", func(f *PageFacts) { f.Reviews = f.Reviews[:1] }},
		{"review", func(f *PageFacts) { f.Reviews[1].Corrected = true }},
		{"certificate", func(f *PageFacts) { f.Certificate = "" }},
		{"pack-journey", func(f *PageFacts) { f.Pack = nil }},
		{"journey", func(f *PageFacts) { f.Journey = JourneyFacts{} }},
		{"arrival", func(f *PageFacts) { f.Journey.Custody = CustodyInTransit }},
		{"temperature", finding(func(j *JourneyFindings) { j.Measured = 0 })},
		{"temperature", func(f *PageFacts) { f.Journey.Findings = nil }},
		{"telemetry-gap", finding(func(j *JourneyFindings) { j.Gaps, j.GapSeconds, j.LongestGap = []JourneyGap{{Seconds: 901}}, 901, 901 })},
		{"telemetry-silent", finding(func(j *JourneyFindings) { j.Silences = []DeviceSilence{{Device: "logger-01", Seconds: 901}} })},
		{"telemetry-chain", finding(func(j *JourneyFindings) { j.Unchained = []trace.Key{"seg/d/3"} })},
		{"telemetry-chain", finding(func(j *JourneyFindings) { j.Cut = true })},
	}
}

func TestEachRowAlone(t *testing.T) {
	rows := lineRows()
	tried := map[string]bool{}
	for _, c := range lineCases() {
		t.Run(c.code, func(t *testing.T) {
			tried[c.code] = true
			facts := goodFacts()
			c.change(&facts)
			line := VerdictLine(facts)
			at := slices.IndexFunc(rows, func(r lineRow) bool { return r.code == c.code })
			require.GreaterOrEqual(t, at, 0)
			require.Equal(t, rows[at].level, line.Level)
			var codes []string
			for _, r := range append(slices.Clone(line.Reasons), line.NotShown...) {
				codes = append(codes, r.Code)
				require.NotEmpty(t, r.Zh)
				require.NotEmpty(t, r.En)
			}
			require.Equal(t, []string{c.code}, codes)
			require.NotEmpty(t, line.Text.Zh)
			require.NotEmpty(t, line.Text.En)
		})
	}
	for _, r := range rows {
		require.True(t, tried[r.code], "row %s has no case", r.code)
	}
}

func TestWhatDoesNotSpoilGood(t *testing.T) {
	for name, change := range map[string]func(*PageFacts){
		"a failed inspection that was superseded": func(f *PageFacts) {
			f.Inspections = append([]InspectionFact{{Judgement: trace.JudgedFail, Superseded: true}}, f.Inspections...)
		},
		"an overturned verdict": func(f *PageFacts) { f.Verdicts = []VerdictFact{{Level: trace.LevelViolation, Overturned: true}} },
		"a notice":              func(f *PageFacts) { f.Verdicts = []VerdictFact{{Level: trace.LevelNotice}} },
		"a clear verdict":       func(f *PageFacts) { f.Verdicts = []VerdictFact{{Level: trace.LevelClear}} },
		"an excursion within allowance": func(f *PageFacts) {
			f.Journey.Findings[0].ExcursionSeconds = 600
			f.Journey.Findings[0].Excursions = []JourneyBreach{{}}
		},
		"a defrost":                        func(f *PageFacts) { f.Journey.Findings[0].Defrosts = []JourneyBreach{{}} },
		"a tunnel":                         func(f *PageFacts) { f.Journey.Findings[0].FixGaps = []JourneyGap{{}} },
		"the last day of the shelf life":   func(f *PageFacts) { f.Expires = f.Today },
		"no certificate where none is due": func(f *PageFacts) { f.Certificate, f.CertificateRequired = "", false },
		"no telemetry without cold chain":  func(f *PageFacts) { f.Journey.ColdChain = false; f.Journey.Findings = nil },
		"no review where the risk is low":  func(f *PageFacts) { f.Reviews, f.HighRisk = nil, false },
		"a review that failed, then passed": func(f *PageFacts) {
			f.Reviews = append([]ReviewFact{{Level: 2}}, f.Reviews...)
		},
		"an unjudged inspection beside a passing one": func(f *PageFacts) {
			f.Inspections = append(f.Inspections, InspectionFact{Judgement: trace.JudgedNoLimit})
		},
	} {
		facts := goodFacts()
		change(&facts)
		require.Equal(t, LineGood, VerdictLine(facts).Level, name)
	}
}

func TestAnyExcursionIsTooMuchWithoutAllowance(t *testing.T) {
	facts := goodFacts()
	facts.Journey.ExcursionSeconds = 0
	facts.Journey.Findings[0].Excursions = []JourneyBreach{{Breach: trace.Breach{Peak: 510}}} // one reading, no length
	require.Equal(t, LineWarning, VerdictLine(facts).Level)
}

func TestExcursionInWords(t *testing.T) {
	shipment, arrived, readings := kiwiJourney(t)
	facts := goodFacts()
	facts.Journey.Findings = []JourneyFindings{FindJourney(shipment, arrived, segmented(t, shipment, "dev-01", kiwiProbes(), readings, 24))}
	line := VerdictLine(facts)
	require.Equal(t, "注意：运输温度超出 0–5 °C 共 75 分钟，最高 11.8 °C，货品中心最高 4.1 °C", line.Text.Zh)
	require.Equal(t, "Warning: outside 0–5 °C for 75 minutes in transit, peak 11.8 °C, inside the goods peak 4.1 °C", line.Text.En)
	require.NotEmpty(t, line.Reasons[0].Keys)
}

func TestExcursionsOfOneJourneyAddUp(t *testing.T) {
	facts := goodFacts() // 600 s allowed
	leg := facts.Journey.Findings[0]
	leg.ExcursionSeconds, leg.Excursions = 400, []JourneyBreach{{Breach: trace.Breach{Peak: 700}}}
	facts.Journey.Findings = []JourneyFindings{leg, leg}
	line := VerdictLine(facts)
	require.Equal(t, LineWarning, line.Level, "two legs of one pack")
	require.Contains(t, line.Text.Zh, "共 13 分钟")
	require.Contains(t, line.Text.Zh, "2 次")
	facts.Pack = nil
	require.Equal(t, LineIncomplete, VerdictLine(facts).Level, "two shipments of one lot, each within the allowance")
	facts.Journey.Findings[1].ExcursionSeconds = 660
	require.Contains(t, VerdictLine(facts).Text.Zh, "共 11 分钟")
}

func TestNotShownInWords(t *testing.T) {
	facts := goodFacts()
	facts.Certificate, facts.Inspections = "", nil
	line := VerdictLine(facts)
	require.Equal(t, "未见不良记录；未显示：检验报告、承诺达标合格证", line.Text.Zh)
	require.Equal(t, "Nothing adverse on file; not shown: an inspection, the compliance certificate", line.Text.En)

	facts.Licence, facts.HighRisk, facts.Reviews = LicenceFacts{}, true, nil
	line = VerdictLine(facts)
	require.Equal(t, "未见不良记录；未显示：生产者许可证、检验报告、第 2 级复核；另有 1 项", line.Text.Zh)
	require.Equal(t, "Nothing adverse on file; not shown: the producer's licence, an inspection, the review of level 2 that this product needs; and 1 more", line.Text.En)
	require.Len(t, line.NotShown, 4, "the page lists all")

	facts = goodFacts()
	cold := facts.Journey.Findings[0]
	cold.Measured = 0
	facts.Journey.Findings = []JourneyFindings{cold, cold}
	require.Equal(t, "未见不良记录；未显示：运输温度", VerdictLine(facts).Text.Zh, "named once for two shipments")
}

// Whatever happens together, the line is that of the most severe row, and it is good
// only where nothing happened.
func TestPrecedence(t *testing.T) {
	rows := lineRows()
	cases := lineCases()
	rank := func(l LineLevel) int { return slices.Index(lineLevels(), l) }
	rapid.Check(t, func(rt *rapid.T) {
		facts := goodFacts()
		most := len(lineLevels()) - 1
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(cases)-1), 0, 6, rapid.ID).Draw(rt, "cases") {
			if facts.Pack == nil || len(facts.Journey.Findings) == 0 || len(facts.Inspections) == 0 || len(facts.Reviews) < 2 {
				break // the case to come would have nothing to change
			}
			cases[i].change(&facts)
		}
		line := VerdictLine(facts)
		for _, row := range rows {
			if len(row.find(&facts)) > 0 {
				most = min(most, rank(row.level))
			}
		}
		require.Equal(rt, most, rank(line.Level))
		require.Equal(rt, line.Level == LineGood, most == rank(LineGood))
		if len(line.NotShown) > 0 {
			require.NotEqual(rt, LineGood, line.Level)
		}
	})
}

// Good is never said of facts that lack one of its grounds, whatever else they hold.
func TestGoodNeedsItsGrounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, name) }
		f := goodFacts()
		f.Licence.Status = LicenceStatus(text("licence", "valid", "valid", "", "expired", "x"))
		f.Inspections[0].Judgement = trace.Judgement(text("judgement", "pass", "pass", "fail", "no-limit", "", "x"))
		f.Inspections[0].Superseded = rapid.Bool().Draw(rt, "superseded")
		f.Journey.Custody = CustodyStatus(text("custody", "unbroken", "unbroken", "", "in-transit", "broken", "x"))
		f.Pack.State = trace.PackState(text("state", "active", "active", "issued", "frozen", "void", "x"))
		f.Journey.Findings[0].Measured = rapid.IntRange(0, 1).Draw(rt, "measured")
		if rapid.Bool().Draw(rt, "no pack") {
			f.Pack = nil
		}
		grounds := f.Licence.Status == LicenceValid && f.Inspections[0].Judgement == trace.JudgedPass && !f.Inspections[0].Superseded &&
			f.Journey.Custody == CustodyUnbroken && f.Pack != nil && f.Pack.State == trace.PackActive && f.Journey.Findings[0].Measured > 0
		require.Equal(rt, grounds, VerdictLine(f).Level == LineGood)
	})
}

func lineLevels() []LineLevel {
	return []LineLevel{LineRecalled, LineVoid, LineFrozen, LineNotOnSale, LineWarning, LineIncomplete, LineGood}
}

func TestRowsStandInOrderOfPrecedence(t *testing.T) {
	last := 0
	seen := map[string]bool{}
	for _, row := range lineRows() {
		rank := slices.Index(lineLevels(), row.level)
		require.GreaterOrEqual(t, rank, last, row.code)
		require.False(t, seen[row.code], row.code)
		last, seen[row.code] = rank, true
	}
}

// TestPublishedTable holds the document to the code.
func TestPublishedTable(t *testing.T) {
	const path, begin, end = "../../docs/verdict-line.md", "<!-- rows -->\n", "<!-- /rows -->\n"
	var table strings.Builder
	table.WriteString("| # | level | reason | holds when |\n|---|---|---|---|\n")
	for i, row := range lineRows() {
		fmt.Fprintf(&table, "| %d | %s | `%s` | %s |\n", i+1, row.level, row.code, row.when)
	}
	fmt.Fprintf(&table, "| %d | %s | – | none of the above holds |\n", len(lineRows())+1, LineGood)
	document, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(document), begin)
	require.True(t, ok)
	old, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *updateTable {
		require.NoError(t, os.WriteFile(path, []byte(head+begin+table.String()+end+tail), 0o644))
		return
	}
	require.Equal(t, table.String(), old, "run: go test ./chaincode/rules -run TestPublishedTable -update")
}
