package sheet

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// series gathers the rows of a device's exports.
type series struct {
	device   trace.DeviceID
	shipment trace.ShipmentID
	plot     trace.PlotID
	store    string
	probes   []string
	readings []placedReading
}

type placedReading struct {
	trace.Reading
	at Place
}

func readingsTable() table {
	columns := []column{
		{key: "time", zh: "时间", en: "Time", also: []string{"记录时间", "采集时间", "定位时间", "日期时间", "date time", "timestamp"}, need: required, example: "2026-10-20 16:00:00"},
		{key: "device", zh: "设备编号", en: "Device", also: []string{"设备号", "终端号"}, hint: "可写在表头上方", example: "tl-0718"},
		{key: "shipment", zh: "运单号", en: "Shipment", also: []string{"运单"}, hint: "可写在表头上方", example: "sh-20261020-01"},
		{key: "plot", zh: "地块编号", en: "Plot", also: []string{"地块"}},
		{key: "store", zh: "库房", en: "Store", also: []string{"冷库", "仓库"}},
	}
	for i, c := range probes() {
		columns = append(columns, column{key: c.value, zh: c.zh, en: strings.ReplaceAll(c.value, "-", " "), also: c.others, example: map[int]string{0: "4.8", 2: "1.2"}[i]})
	}
	for i := 1; i <= trace.MaxProbes; i++ {
		n := strconv.Itoa(i)
		columns = append(columns, column{key: "probe-" + n, zh: "探头" + n, en: "Probe " + n, also: []string{"温度" + n, "探头" + n + "温度", "temperature " + n}})
	}
	columns = append(columns,
		column{key: "humidity", zh: "湿度", en: "Humidity", also: []string{"相对湿度", "RH"}, example: "92.5"},
		column{key: "soil-moisture", zh: "土壤水分", en: "Soil moisture", also: []string{"土壤含水率", "土壤湿度", "土壤体积含水率", "VWC"}, hint: "体积含水率 %"},
		column{key: "illuminance", zh: "光照", en: "Illuminance", also: []string{"照度", "光照度", "光照强度"}, hint: "lx"},
		column{key: "shock", zh: "震动", en: "Shock", also: []string{"冲击", "加速度"}, hint: "毫 g"},
		latitudeColumn(optional), longitudeColumn(optional),
		column{key: "speed", zh: "速度", en: "Speed", hint: "km/h", example: "78.5"},
		column{key: "fix", zh: "定位", en: "Fix", also: []string{"定位状态", "定位有效"}, choices: []choice{
			{"yes", "有效", []string{"是", "1", "A", "true", "3D", "2D", "已定位"}}, {"no", "无效", []string{"否", "0", "V", "false", "未定位", "无"}},
		}, example: "有效"})
	return table{key: "readings", zh: "记录", en: "Readings", also: []string{"数据", "温湿度记录", "温度记录", "轨迹", "定位记录", "data"}, read: readReadings, columns: columns}
}

func readReadings(p *parser, rows []*row) {
	s := &p.series
	*s = series{device: p.options.Device, shipment: p.options.Shipment, plot: p.options.Plot, store: p.options.Store}
	s.probes = probesIn(rows)
	if bound := p.options.Probes; len(bound) > 0 {
		for _, probe := range s.probes {
			if !slices.Contains(bound, probe) {
				rows[0].fail(probe, bad(CodeUnknownHeader, "the device is bound without this probe", "设备绑定里没有这个探头；应为："+strings.Join(bound, "、")))
			}
		}
		s.probes = bound
	}
	if len(s.probes) > trace.MaxProbes {
		rows[0].fail("time", bad(trace.CodeTooLarge, strconv.Itoa(len(s.probes))+" probes, at most "+strconv.Itoa(trace.MaxProbes), "温度探头最多 8 个"))
		return
	}
	var last trace.Time
	lastSheet := ""
	for _, r := range rows {
		if !s.belongs(r) {
			continue
		}
		reading, ok := r.reading(s.probes)
		if !ok {
			continue
		}
		if r.sheet == lastSheet && reading.At <= last {
			r.fail("time", bad(trace.CodeSegment, "the time does not follow the row before", "时间应比上一行晚；记录不能乱序或重复"))
			continue
		}
		lastSheet, last = r.sheet, reading.At
		s.readings = append(s.readings, placedReading{reading, Place{r.sheet, r.line}})
	}
	if s.device == "" {
		rows[0].missing("device")
	}
	if s.shipment == "" && s.plot == "" && s.store == "" {
		rows[0].fail("shipment", bad(trace.CodeMissing, "the readings belong to no shipment, plot or store", "请在表头上方写明运单号、地块编号或库房，如“运单号,sh-20261020-01”"))
	}
	p.mergeSeries()
	p.planSegments()
}

// probesIn lists the file's temperature columns that hold anything, in their order.
func probesIn(rows []*row) []string {
	type found struct {
		key string
		at  int
	}
	var all []found
	seen := map[string]bool{}
	for _, r := range rows {
		for i := range r.t.columns {
			key := r.t.columns[i].key
			if at, there := r.at[key]; there && at >= 0 && !seen[key] && isProbe(key) && !r.blank(key) {
				seen[key] = true
				all = append(all, found{key, at})
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at < all[j].at })
	out := make([]string, len(all))
	for i, f := range all {
		out[i] = f.key
	}
	return out
}

func isProbe(key string) bool {
	switch key {
	case trace.ProbeReturnAir, trace.ProbeSupplyAir, trace.ProbePulp, trace.ProbeSoil:
		return true
	}
	return strings.HasPrefix(key, "probe-")
}

// belongs takes the device and what it is bound to from the file, and refuses a
// second one: a file is one device's.
func (s *series) belongs(r *row) bool {
	same := func(key, have, got string) bool {
		if got == "" || have == "" || have == got {
			return true
		}
		r.fail(key, bad(trace.CodeInvalid, strconv.Quote(clip(got))+" differs from "+strconv.Quote(clip(have)), "一次只能上传同一设备、同一运单(地块、库房)的记录；别的设备请另行上传"))
		return false
	}
	device, shipment, plot, store := r.device("device"), r.shipment("shipment"), r.plot("plot"), r.term("store")
	ok := same("device", string(s.device), string(device)) && same("shipment", string(s.shipment), string(shipment)) &&
		same("plot", string(s.plot), string(plot)) && same("store", s.store, store)
	if device != "" {
		s.device = device
	}
	if shipment != "" {
		s.shipment = shipment
	}
	if plot != "" {
		s.plot = plot
	}
	if store != "" {
		s.store = store
	}
	return ok
}

// reading reads one row.
func (r *row) reading(probes []string) (trace.Reading, bool) {
	m := trace.NewReading(r.moment("time"))
	if len(probes) > 0 {
		m.Temperatures = make([]trace.CentiCelsius, len(probes))
	}
	for i, probe := range probes {
		m.Temperatures[i] = trace.NoTemperature
		if c, ok := r.raw(probe); ok {
			v, f := parseTemperature(c.text)
			if r.fail(probe, f); f == nil {
				m.Temperatures[i] = v
			}
		}
	}
	if v, ok := r.scaledIn("humidity", 100, 0, 100_00, "湿度应在 0 到 100 之间"); ok {
		m.Humidity = trace.CentiPercent(v)
	}
	if v, ok := r.scaledIn("soil-moisture", 100, 0, 100_00, "土壤水分（体积含水率）应在 0 到 100 % 之间"); ok {
		m.SoilMoisture = trace.CentiPercent(v)
	}
	if v, ok := r.scaledIn("illuminance", 1, 0, 200_000, "光照应在 0 到 200000 lx 之间"); ok {
		m.Illuminance = trace.Lux(v)
	}
	if v, ok := r.scaledIn("shock", 1, 0, 100_000, "震动应在 0 到 100000 毫 g 之间"); ok {
		m.Shock = int32(v)
	}
	if v, ok := r.scaledIn("speed", 10, 0, 300_0, "速度应在 0 到 300 km/h 之间"); ok {
		m.Speed = int32(v)
	}
	fix := r.choice("fix")
	if fix != "no" && !r.blank("latitude") && !r.blank("longitude") {
		m.Point = trace.Point{Latitude: r.degrees("latitude", 90), Longitude: r.degrees("longitude", 180)}
		m.Fix = true
	} else if fix == "yes" {
		r.missing("latitude")
	} else if fix == "" && r.blank("latitude") != r.blank("longitude") {
		r.missing(map[bool]string{true: "latitude", false: "longitude"}[r.blank("latitude")])
	}
	return m, !r.failed
}

// scaledIn reads a number as a count of 1/per, rounded half away from zero: loggers
// print more digits than they measure.
func (r *row) scaledIn(key string, per, low, high int64, chinese string) (int64, bool) {
	c, ok := r.raw(key)
	if !ok {
		return 0, false
	}
	v, f := parseNumber(strings.TrimSuffix(strings.TrimSuffix(narrow(c.text), "km/h"), "%"))
	if f != nil {
		r.fail(key, f)
		return 0, false
	}
	n := int64(v)
	if n > high*int64(one) || n < -int64(one) {
		r.fail(key, bad(trace.CodeOutOfRange, strconv.Quote(clip(c.text))+" is an impossible value", chinese))
		return 0, false
	}
	n = (n*per + int64(one)/2) / int64(one)
	if n < low || n > high || int64(v) < 0 {
		r.fail(key, bad(trace.CodeOutOfRange, strconv.Quote(clip(c.text))+" is an impossible value", chinese))
		return 0, false
	}
	return n, true
}

// mergeSeries brings the rows of several exports into one rising series; rows of the
// same moment become one reading.
func (p *parser) mergeSeries() {
	s := &p.series
	sort.SliceStable(s.readings, func(i, j int) bool { return s.readings[i].At < s.readings[j].At })
	merged := s.readings[:0]
	for _, m := range s.readings {
		if n := len(merged); n > 0 && merged[n-1].At == m.At {
			into := &merged[n-1].Reading
			for i, t := range m.Temperatures {
				if t != trace.NoTemperature {
					into.Temperatures[i] = t
				}
			}
			if m.Humidity != trace.NoHumidity {
				into.Humidity = m.Humidity
			}
			if m.SoilMoisture != trace.NoSoilMoisture {
				into.SoilMoisture = m.SoilMoisture
			}
			if m.Illuminance != trace.NoIlluminance {
				into.Illuminance = m.Illuminance
			}
			if m.Shock != trace.NoShock {
				into.Shock = m.Shock
			}
			if m.Fix {
				into.Fix, into.Point = true, m.Point
			}
			if m.Speed != trace.NoSpeed {
				into.Speed = m.Speed
			}
			continue
		}
		merged = append(merged, m)
	}
	s.readings = merged
}

// planSegments cuts the series into segments from its first reading on, so that the
// same file always gives the same segments. What is on the chain already keeps its
// boundaries and sequence – also in a longer export of the same device – and new
// segments continue after the last.
func (p *parser) planSegments() {
	s := &p.series
	if len(p.plan.Errors) > 0 || len(s.readings) == 0 {
		return
	}
	var known []AnchoredSegment
	if p.options.Anchored != nil {
		var err error
		if known, err = p.options.Anchored(s.device); err != nil {
			p.fault(RowError{Code: trace.CodeNotFound, Sheet: s.readings[0].at.Sheet, Text: "查不到这台设备已上链的数据", TextEnglish: "the device's segments cannot be looked up: " + err.Error()})
			return
		}
	}
	next := AnchoredSegment{}
	if n := len(known); n > 0 {
		next = known[n-1]
	}
	for rest := s.readings; len(rest) > 0; {
		old, part := cut(known, rest)
		rest = rest[len(part):]
		planned, err := s.segment(part)
		if err != nil {
			p.fault(RowError{Code: trace.CodeSegment, Sheet: part[0].at.Sheet, Row: part[0].at.Row, Text: "这一段记录无法编码", TextEnglish: err.Error()})
			return
		}
		switch {
		case old == nil:
			planned.Request.Sequence, planned.Request.Previous = next.Sequence+1, next.Payload
			next = AnchoredSegment{Sequence: planned.Request.Sequence, Payload: planned.Request.Payload}
		case old.Payload == planned.Request.Payload:
			planned.Known = true
			planned.Request.Sequence, planned.Request.Previous = old.Sequence, old.Previous
		default:
			n := strconv.FormatInt(old.Sequence, 10)
			p.fault(RowError{Code: trace.CodeSequence, Sheet: part[0].at.Sheet, Row: part[0].at.Row,
				Text:        "这段时间已有另一份记录上链(第 " + n + " 段)；已上链的记录不能改写，请只上传新的时间段",
				TextEnglish: "segment " + n + " of the device already covers this time with other readings"})
			return
		}
		p.plan.Segments = append(p.plan.Segments, planned)
	}
	p.summariseSeries()
}

// cut takes the next segment's readings: those of a segment that is on the chain, or
// up to SegmentReading new ones of at most SegmentDays before the next such segment.
func cut(known []AnchoredSegment, rest []placedReading) (*AnchoredSegment, []placedReading) {
	covering := func(t trace.Time) *AnchoredSegment {
		for i := range known {
			if known[i].From <= t && t <= known[i].To {
				return &known[i]
			}
		}
		return nil
	}
	old := covering(rest[0].At)
	n := 1
	for n < len(rest) && covering(rest[n].At) == old && (old != nil || n < SegmentReading && rest[n].At-rest[0].At < segmentSpan) {
		n++
	}
	return old, rest[:n]
}

// segment encodes a run of readings; sequence and previous hash are the caller's.
func (s *series) segment(part []placedReading) (PlannedSegment, error) {
	payload, err := trace.EncodeReadings(len(s.probes), plain(part))
	if err != nil {
		return PlannedSegment{}, err
	}
	return PlannedSegment{Payload: payload, Row: part[0].at, Request: trace.AnchorSegmentRequest{
		Device: s.device, Shipment: s.shipment, Plot: s.plot, Store: s.store,
		Count: len(part), From: part[0].At, To: part[len(part)-1].At, Payload: trace.DigestOf(payload),
	}}, nil
}

func plain(part []placedReading) []trace.Reading {
	out := make([]trace.Reading, len(part))
	for i := range part {
		out[i] = part[i].Reading
	}
	return out
}

func (p *parser) summariseSeries() {
	s := &p.series
	sum := &ReadingsSummary{Device: s.device, Count: len(s.readings), From: s.readings[0].At, To: s.readings[len(s.readings)-1].At, Probes: s.probes}
	for _, m := range s.readings {
		some := false
		for _, t := range m.Temperatures {
			if t == trace.NoTemperature {
				continue
			}
			if sum.Temperatures == 0 && !some || t < sum.Minimum {
				sum.Minimum = t
			}
			if sum.Temperatures == 0 && !some || t > sum.Maximum {
				sum.Maximum = t
			}
			some = true
		}
		if some {
			sum.Temperatures++
		}
		if m.Fix {
			sum.Fixes++
		}
	}
	p.plan.Summary.Readings = sum
}
