package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/scanner-api/chart"
)

// journey shows how this very item travelled; a lot's page has none, for a journey
// belongs to one pack.
func (b *builder) journey() {
	j := b.s.Journey
	if j == nil {
		return
	}
	for i := range b.s.Lot.Packs {
		b.signPack(&b.s.Lot.Packs[i])
	}
	for i := range j.Legs {
		b.v.Legs = append(b.v.Legs, b.leg(&j.Legs[i]))
	}
	for _, step := range j.Steps {
		move := Move{When: Clock(step.At), What: b.step(step.Kind), Who: b.partyName(step.To)}
		if b.signed[step.Key] {
			move.Stamp.Anchor = anchorOf(step.Key)
		}
		if step.From != step.To && step.From != "" {
			move.Who = b.partyName(step.From) + " → " + b.partyName(step.To)
		}
		if step.Consignment != "" {
			move.Appointed = fmt.Sprintf(b.words("%s 委托 %s 承运", "%s appointed %s to carry it"), b.partyName(step.From), b.partyName(step.To))
			if b.signed[step.Consignment] {
				move.Appointment = anchorOf(step.Consignment)
			}
		}
		if step.Place != nil {
			move.Place = step.Place.Name
		}
		if step.SSCC != "" {
			move.Place = strings.TrimSpace(move.Place + " SSCC " + string(step.SSCC))
		}
		b.v.Custody = append(b.v.Custody, move)
	}
}

// signPack lists the signatures of this item's own pack only.
func (b *builder) signPack(p *index.Pack) {
	if p.ID != b.s.Journey.Pack {
		return
	}
	b.sign(b.recordKind(state.KindCodePack), p.Provenance)
	if p.Activation != nil {
		b.sign(b.recordKind(state.FactActivation), p.Activation.Provenance)
	}
	for _, c := range p.Changes {
		b.sign(b.recordKind(state.FactPackChange), c.Provenance)
	}
}

func (b *builder) leg(leg *index.Leg) Leg {
	r := leg.Record
	s := collect(leg, b.s.Telemetry[leg.ID], b.Language)
	findings := b.findings(leg.ID)
	v := Leg{
		Title:       r.Origin.Name + " → " + r.Target.Name,
		Carrier:     b.carriers(leg),
		FromSummary: s.absent > 0,
	}
	b.signLeg(leg)
	until := leg.Status.Arrived
	if until == 0 && findings != nil {
		until = findings.To
	}
	v.Duration = b.words("运输中", "in transit")
	if leg.Arrival != nil {
		v.Duration = b.duration(int64(until-r.Departed) / 1000)
	}
	v.Rows = b.legRows(leg, &s)
	if findings != nil {
		v.Findings = b.findingRows(findings)
	}
	if len(s.lines)+len(s.boxes) > 0 {
		v.Temperature = b.temperatureChart(leg, &s, findings, until)
		v.Legend = b.legend(&s, findings)
	}
	if len(s.fixes) > 0 {
		v.Track, v.Towns = b.track(leg, &s, findings)
	}
	return v
}

func (b *builder) findings(id trace.ShipmentID) *rules.JourneyFindings {
	for i := range b.s.Facts.Journey.Findings {
		if b.s.Facts.Journey.Findings[i].Shipment == id {
			return &b.s.Facts.Journey.Findings[i]
		}
	}
	return nil
}

func (b *builder) carriers(leg *index.Leg) string {
	if len(leg.Status.Carriers) == 0 {
		return b.partyName(leg.Provenance.Party)
	}
	names := make([]string, len(leg.Status.Carriers))
	for i, c := range leg.Status.Carriers {
		names[i] = b.partyName(c)
	}
	return strings.Join(names, " → ")
}

func (b *builder) signLeg(leg *index.Leg) {
	for _, c := range leg.Consignments {
		b.sign(b.recordKind(state.FactConsignment), c.Provenance)
	}
	b.sign(b.recordKind(state.KindShipment), leg.Provenance)
	for _, h := range leg.Handovers {
		b.sign(b.recordKind(state.FactHandover), h.Provenance)
	}
	if leg.Arrival != nil {
		b.sign(b.recordKind(state.FactArrival), leg.Arrival.Provenance)
	}
	for _, d := range leg.Bindings {
		b.sign(b.recordKind(state.FactBinding), d.Provenance)
	}
	for _, s := range leg.Segments {
		b.sign(b.recordKind(state.KindSegment), s.Provenance)
	}
}

func (b *builder) legRows(leg *index.Leg, s *series) []Row {
	r := leg.Record
	var rows []Row
	add := func(zh, en, value string) { rows = append(rows, Row{b.words(zh, en), value}) }
	add("发运", "Departed", Clock(r.Departed)+" · "+r.Origin.Name)
	if leg.Arrival != nil {
		add("到货", "Arrived", Clock(leg.Arrival.Record.At)+" · "+leg.Arrival.Record.Place.Name)
		add("到货坏货率", "Bad goods on arrival", share(leg.Arrival.Record.BadGoods))
	} else {
		add("到货", "Arrived", b.words("运输中", "still in transit"))
	}
	add("承运", "Carrier", b.carriers(leg))
	if r.Drivers > 0 {
		add("驾驶员", "Drivers", strconv.Itoa(r.Drivers)+b.words(" 人", ""))
	}
	if r.Range != nil {
		add("规定温度", "Required range", b.temperatures(r.Range))
	}
	if s.readings > 0 {
		add("读数", "Readings", grouped(int64(s.readings))+b.counted(s.devices, " 条 · %d 台设备", " by %d device", " by %d devices")+
			b.counted(len(leg.Segments), " · %d 段上链", ", anchored in %d segment", ", anchored in %d segments"))
	} else {
		add("读数", "Readings", b.words("未显示：没有温度读数上链", "not shown: no readings on the chain"))
	}
	rows = append(rows, b.extremes(leg)...)
	if km := s.distance(); km > 0 {
		add("轨迹", "Track", fmt.Sprintf(b.words("约 %s 公里", "about %s km"), grouped(int64(km))))
	} else {
		add("轨迹", "Track", b.words("未显示：没有北斗定位上链", "not shown: no Beidou positions on the chain"))
	}
	return rows
}

// extremes are the lowest and highest values of each probe and of the humidity over
// all endorsed segment summaries, whether or not the readings are kept here.
func (b *builder) extremes(leg *index.Leg) []Row {
	var names []string
	probes := map[string]trace.ProbeSummary{}
	var wet *trace.HumiditySummary
	for _, segment := range leg.Segments {
		for _, p := range segment.Record.Probes {
			if p.Count == 0 {
				continue
			}
			seen, known := probes[p.Probe]
			if !known {
				names, seen = append(names, p.Probe), p
			}
			seen.Minimum, seen.Maximum = min(seen.Minimum, p.Minimum), max(seen.Maximum, p.Maximum)
			probes[p.Probe] = seen
		}
		if h := segment.Record.Humidity; h != nil {
			if wet == nil {
				wet = &trace.HumiditySummary{Minimum: h.Minimum, Maximum: h.Maximum}
			}
			wet.Minimum, wet.Maximum = min(wet.Minimum, h.Minimum), max(wet.Maximum, h.Maximum)
		}
	}
	var rows []Row
	for _, name := range names {
		p := probes[name]
		rows = append(rows, Row{b.probe(name), celsius(p.Minimum) + " – " + celsius(p.Maximum) + " °C"})
	}
	if wet != nil {
		rows = append(rows, Row{b.words("相对湿度", "Humidity"), percent(wet.Minimum) + " – " + percent(wet.Maximum) + " %"})
	}
	return rows
}

// findingRows puts what the telemetry shows into words, the worst first.
func (b *builder) findingRows(f *rules.JourneyFindings) []Finding {
	var out []Finding
	for _, e := range f.Excursions {
		detail := shortClock(e.From) + " – " + shortClock(e.To)
		if e.PulpMaximum != nil {
			detail += b.words(" · 品温最高 ", " · pulp at most ") + celsius(*e.PulpMaximum) + " °C"
		}
		out = append(out, Finding{"excursion", b.excursionWords(e), detail})
	}
	if n := len(f.Defrosts); n > 0 {
		longest, peak := int64(0), f.Defrosts[0].Peak
		for _, d := range f.Defrosts {
			longest, peak = max(longest, d.Seconds), max(peak, d.Peak)
		}
		out = append(out, Finding{"defrost", b.counted(n, "除霜 %d 次，品温始终在范围内", "%d defrost, pulp in range throughout", "%d defrosts, pulp in range throughout"),
			fmt.Sprintf(b.words("最长 %s · 回风最高 %s °C · 不算超温", "longest %s · air at most %s °C · not an excursion"), b.duration(longest), celsius(peak))})
	}
	for _, g := range f.Gaps {
		out = append(out, Finding{"gap", b.words("无温度读数 ", "No temperature for ") + b.duration(g.Seconds), shortClock(g.From) + " – " + shortClock(g.To)})
	}
	for _, s := range f.Silences {
		out = append(out, Finding{"gap", fmt.Sprintf(b.words("未显示：设备 %s 的读数，%s", "Not shown: readings of device %s for %s"), s.Device, b.duration(s.Seconds)),
			shortClock(s.From) + " – " + shortClock(s.To) + b.words(" · 未上链，其他设备有读数", " · not on the chain, others gave readings")})
	}
	if n := len(f.FixGaps); n > 0 {
		longest := int64(0)
		for _, g := range f.FixGaps {
			longest = max(longest, g.Seconds)
		}
		words := b.counted(n, "无定位 %d 次，不算违规", "%d stretch without a position, no violation", "%d stretches without a position, no violation")
		if longest <= tunnelSeconds {
			words = b.counted(n, "无定位 %d 次（如隧道），不算违规", "%d stretch without a position (a tunnel), no violation", "%d stretches without a position (tunnels), no violation")
		}
		out = append(out, Finding{"gap", words,
			b.words("最长 ", "longest ") + b.duration(longest)})
	}
	for _, m := range f.Missing {
		out = append(out, Finding{"gap", fmt.Sprintf(b.words("设备 %s 缺第 %d–%d 段", "Device %s: segments %d–%d are missing"), m.Device, m.First, m.Last), b.words("未上链", "not on the chain")})
	}
	if f.Segments > 0 && len(out) == 0 {
		out = append(out, Finding{"fine", b.words("全程在规定温度内，读数无中断", "In range throughout, no gap in the readings"), ""})
	}
	return out
}

// tunnelSeconds is how long a stretch without a position may be put down to tunnels.
const tunnelSeconds = 30 * 60

func (b *builder) excursionWords(e rules.JourneyBreach) string {
	if e.Below {
		return fmt.Sprintf(b.words("低温 %s · 最低 %s °C", "Too cold for %s · lowest %s °C"), b.duration(e.Seconds), celsius(e.Peak))
	}
	return fmt.Sprintf(b.words("超温 %s · 最高 %s °C", "Too warm for %s · peak %s °C"), b.duration(e.Seconds), celsius(e.Peak))
}

func (b *builder) temperatureChart(leg *index.Leg, s *series, f *rules.JourneyFindings, until trace.Time) template.HTML {
	t := chart.Temperature{
		From: leg.Record.Departed, To: until, Range: leg.Record.Range,
		Lines: s.lines, Humidity: s.humidity, Boxes: s.boxes,
		BreakAfter: trace.Time(max(leg.Record.GapSeconds, 900)) * 1000,
		Words:      chart.Words{Title: b.words("运输温度曲线", "Temperatures in transit")},
	}
	for _, line := range s.lines {
		if n := len(line.Samples); n > 0 {
			t.From, t.To = min(t.From, line.Samples[0].At), max(t.To, line.Samples[n-1].At)
		}
	}
	for _, box := range s.boxes {
		t.From, t.To = min(t.From, box.From), max(t.To, box.To)
	}
	if f != nil {
		var said []string
		for _, e := range f.Excursions {
			t.Excursions = append(t.Excursions, span(e, b.excursionWords(e)))
		}
		for _, d := range f.Defrosts {
			t.Defrosts = append(t.Defrosts, span(d, ""))
		}
		for _, g := range f.Gaps {
			t.Gaps = append(t.Gaps, chart.Span{From: g.From, To: g.To})
		}
		for _, row := range b.findingRows(f) {
			said = append(said, row.Words)
		}
		t.Words.Description = strings.Join(said, b.words("；", "; "))
	}
	return t.SVG()
}

func (b *builder) legend(s *series, f *rules.JourneyFindings) []LegendRow {
	var rows []LegendRow
	add := func(class, zh, en string) { rows = append(rows, LegendRow{class, b.words(zh, en)}) }
	air, pulp := false, false
	for _, line := range s.lines {
		air, pulp = air || !line.Pulp, pulp || line.Pulp
	}
	for _, box := range s.boxes {
		air, pulp = air || !box.Pulp, pulp || box.Pulp
	}
	if air {
		add("air", "空气（回风）", "air (return)")
	}
	if pulp {
		add("pulp", "品温", "pulp")
	}
	add("range", "规定范围", "required range")
	if f != nil && len(f.Excursions) > 0 {
		add("excursion", "超温", "excursion")
	}
	if f != nil && len(f.Defrosts) > 0 {
		add("defrost", "除霜", "defrost")
	}
	if f != nil && len(f.Gaps) > 0 {
		add("gap", "无读数", "no readings")
	}
	if len(s.humidity) > 0 || len(s.boxes) > 0 {
		add("wet", "湿度 %", "humidity %")
	}
	return rows
}

func (b *builder) track(leg *index.Leg, s *series, f *rules.JourneyFindings) (svg template.HTML, towns []Row) {
	r := leg.Record
	points := make([]trace.Point, len(s.fixes))
	for i := range s.fixes {
		points[i] = s.fixes[i].point
	}
	t := chart.Track{Runs: s.runs, Title: b.words("北斗轨迹", "Beidou track")}
	t.Places = append(t.Places, chart.TrackPlace{Name: r.Origin.Name, Point: r.Origin.Point, Kind: chart.PlaceEnd})
	target := r.Target
	if leg.Arrival != nil {
		target = leg.Arrival.Record.Place
	}
	t.Places = append(t.Places, chart.TrackPlace{Name: target.Name, Point: target.Point, Kind: chart.PlaceEnd})
	for _, h := range leg.Handovers {
		t.Places = append(t.Places, chart.TrackPlace{Name: h.Record.Place.Name, Point: h.Record.Place.Point, Kind: chart.PlaceHandover})
	}
	if n := len(s.fixes); n > 0 {
		for _, h := range leg.Handovers {
			if h.Record.At > s.fixes[n-1].at {
				t.Beyond = append(t.Beyond, h.Record.Place.Point)
			}
		}
		if leg.Arrival != nil {
			t.Beyond = append(t.Beyond, target.Point)
		}
	}
	if f != nil {
		for _, e := range f.Excursions {
			if at, ok := s.positionAt(e.From + (e.To-e.From)/2); ok {
				t.Places = append(t.Places, chart.TrackPlace{Name: b.words("超温处", "excursion"), Point: at, Kind: chart.PlaceExcursion})
			}
		}
	}
	passed, nearest := chart.Passed(points)
	names := make([]string, len(passed))
	for i, town := range passed {
		names[i] = b.words(town.Zh, town.En)
		t.Places = append(t.Places, chart.TrackPlace{Name: names[i], Point: town.Point, Kind: chart.PlacePassed})
		towns = append(towns, Row{names[i], shortClock(s.fixes[nearest[i]].at)})
	}
	t.Description = r.Origin.Name + " → " + strings.Join(names, " → ") + " → " + target.Name
	return t.SVG(), towns
}
