package chart

import (
	"html/template"
	"slices"
	"strconv"

	"traceledger/chaincode/trace"
)

// Sample is one value of a series.
type Sample struct {
	At    trace.Time
	Value int32 // 1/100 °C or 1/100 %
}

// Line is a probe's temperatures in order of time.
type Line struct {
	Name    string // for the legend
	Pulp    bool   // drawn thicker: the goods themselves
	Samples []Sample
}

// Box is what an endorsed segment summary says of one probe where the readings
// themselves are not here: drawn as a bar from Minimum to Maximum with its Mean.
type Box struct {
	From, To                trace.Time
	Minimum, Maximum, Mean  trace.CentiCelsius
	Pulp                    bool
	HumidityLow, HumidityUp trace.CentiPercent // both trace.NoHumidity where absent
}

// Words are the chart's own words in the reader's language.
type Words struct {
	Title, Description         string
	Air, Pulp, Humidity        string
	Range, Excursion           string
	Defrost, Gap, SummaryShown string
}

// Temperature is everything a temperature chart shows.
type Temperature struct {
	From, To trace.Time
	Range    *trace.TemperatureRange // nil: no range is claimed
	Lines    []Line
	Humidity []Sample
	Boxes    []Box
	// Excursions and Defrosts are classified breaches; Gaps are stretches without
	// readings, and lines break there.
	Excursions, Defrosts, Gaps []Span
	// BreakAfter is the longest step between samples that a line still bridges, ms.
	BreakAfter trace.Time
	Words      Words
}

// Geometry of the chart, in tenths of a unit.
const (
	plotLeft   = 240
	plotRight  = 3560
	plotTop    = 260
	plotHeight = 1260
	plotBottom = plotTop + plotHeight
	wetTop     = plotBottom + 220
	wetHeight  = 340
	// buckets bounds the points of a line: two for each bucket.
	buckets = 340
)

type temperatureScale struct {
	from, to trace.Time
	low, up  int32 // 1/100 °C
	step     int32
}

func (s temperatureScale) x(at trace.Time) int {
	at = min(max(at, s.from), s.to)
	return plotLeft + int(int64(plotRight-plotLeft)*int64(at-s.from)/int64(max(s.to-s.from, 1)))
}

func (s temperatureScale) y(v int32) int {
	v = min(max(v, s.low), s.up)
	return plotBottom - int(int64(plotHeight)*int64(v-s.low)/int64(s.up-s.low))
}

// SVG draws the chart.
func (t Temperature) SVG() template.HTML {
	s := t.scale()
	wet := t.hasHumidity()
	height := (plotBottom + 180) / 10
	if wet {
		height = (wetTop + wetHeight + 60) / 10
	}
	var d drawing
	d.open(height, t.Words.Title, t.Words.Description, "temperature")
	d.WriteString(`<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V5"/></pattern></defs>`)
	t.drawBackground(&d, s)
	t.drawSpans(&d, s)
	for _, box := range t.Boxes {
		drawBox(&d, s, box)
	}
	for _, line := range t.Lines {
		t.drawLine(&d, s, line)
	}
	t.drawMarks(&d, s)
	drawTimes(&d, s, plotBottom, t.From)
	if wet {
		t.drawHumidity(&d, s)
	}
	d.close()
	return template.HTML(d.String())
}

// scale finds a range of °C that holds all values and the permitted range, on
// round steps.
func (t Temperature) scale() temperatureScale {
	low, up := int32(1<<30), int32(-1<<30)
	see := func(v int32) { low, up = min(low, v), max(up, v) }
	if t.Range != nil {
		see(int32(t.Range.Minimum))
		see(int32(t.Range.Maximum))
	}
	for _, line := range t.Lines {
		for _, sample := range line.Samples {
			see(sample.Value)
		}
	}
	for _, b := range t.Boxes {
		see(int32(b.Minimum))
		see(int32(b.Maximum))
	}
	if low > up {
		low, up = 0, 1000
	}
	step := int32(100)
	for _, candidate := range []int32{200, 500, 1000, 2000, 5000} {
		if (up-low)/step > 7 {
			step = candidate
		}
	}
	low, up = floorTo(low-step/4, step), -floorTo(-up-step/4, step)
	return temperatureScale{from: t.From, to: max(t.To, t.From+1), low: low, up: up, step: step}
}

func floorTo(v, step int32) int32 {
	q := v / step
	if v%step < 0 {
		q--
	}
	return q * step
}

func (t Temperature) hasHumidity() bool {
	return len(t.Humidity) > 0 || slices.ContainsFunc(t.Boxes, func(b Box) bool { return b.HumidityUp >= 0 })
}

func (t Temperature) drawBackground(d *drawing, s temperatureScale) {
	if t.Range != nil {
		top, bottom := s.y(int32(t.Range.Maximum)), s.y(int32(t.Range.Minimum))
		d.rect("range", plotLeft, top, plotRight-plotLeft, bottom-top)
		d.line("limit", plotLeft, top, plotRight, top)
		d.line("limit", plotLeft, bottom, plotRight, bottom)
	}
	for v := s.low; v <= s.up; v += s.step {
		d.line("grid", plotLeft, s.y(v), plotRight, s.y(v))
		d.text("", "end", plotLeft-40, s.y(v)+30, strconv.Itoa(int(v/100)))
	}
	d.text("", "end", plotLeft-40, plotTop-90, "°C")
}

func (t Temperature) drawSpans(d *drawing, s temperatureScale) {
	for _, gap := range t.Gaps {
		d.rect("gap", s.x(gap.From), plotTop, s.x(gap.To)-s.x(gap.From), plotHeight)
	}
	for _, defrost := range t.Defrosts {
		d.rect("defrost", s.x(defrost.From), plotTop, max(s.x(defrost.To)-s.x(defrost.From), 20), plotHeight)
	}
	for _, excursion := range t.Excursions {
		d.rect("excursion", s.x(excursion.From), plotTop, max(s.x(excursion.To)-s.x(excursion.From), 20), plotHeight)
	}
}

// drawMarks puts the signs above the plot; an excursion's words go beside it where
// there is room.
func (t Temperature) drawMarks(d *drawing, s temperatureScale) {
	for _, defrost := range t.Defrosts {
		d.diamond("defrost-mark", (s.x(defrost.From)+s.x(defrost.To))/2, plotTop-15)
	}
	free := 0
	for _, excursion := range t.Excursions {
		x := (s.x(excursion.From) + s.x(excursion.To)) / 2
		d.triangle("excursion-mark", x, plotTop-10)
		width := textWidth(excursion.Label, 110)
		left := min(max(x-width/2, plotLeft), plotRight-width)
		if excursion.Label != "" && left >= free {
			d.text("excursion-label", "", left, plotTop-130, excursion.Label)
			free = left + width + 60
		}
	}
}

func (t Temperature) drawLine(d *drawing, s temperatureScale, line Line) {
	class := "air"
	if line.Pulp {
		class = "pulp"
	}
	var p path
	var before trace.Time
	for i, sample := range Thin(line.Samples, t.From, t.To, buckets) {
		if i > 0 && t.BreakAfter > 0 && sample.At-before > t.BreakAfter {
			p.lift()
		}
		p.to(s.x(sample.At), s.y(sample.Value))
		before = sample.At
	}
	if p.Len() > 0 {
		d.WriteString(`<path class="` + class + `" d="` + p.String() + `"/>`)
	}
}

func drawBox(d *drawing, s temperatureScale, b Box) {
	class := "air"
	if b.Pulp {
		class = "pulp"
	}
	x, width := s.x(b.From), max(s.x(b.To)-s.x(b.From), 10)
	d.rect("box "+class+"-box", x, s.y(int32(b.Maximum)), width, max(s.y(int32(b.Minimum))-s.y(int32(b.Maximum)), 8))
	d.line(class, x, s.y(int32(b.Mean)), x+width, s.y(int32(b.Mean)))
}

func (t Temperature) drawHumidity(d *drawing, s temperatureScale) {
	y := func(v int32) int {
		return wetTop + wetHeight - int(int64(wetHeight)*int64(min(max(v, 0), 10000))/10000)
	}
	for _, v := range []int32{0, 5000, 10000} {
		d.line("grid", plotLeft, y(v), plotRight, y(v))
	}
	d.text("", "end", plotLeft-40, y(10000)+30, "100")
	d.text("", "end", plotLeft-40, y(0)+10, "0")
	d.text("", "end", plotLeft-40, y(5000)+20, "%")
	for _, b := range t.Boxes {
		if b.HumidityUp >= 0 {
			d.rect("box wet-box", s.x(b.From), y(int32(b.HumidityUp)), max(s.x(b.To)-s.x(b.From), 10), max(y(int32(b.HumidityLow))-y(int32(b.HumidityUp)), 8))
		}
	}
	var p path
	var before trace.Time
	for i, sample := range Thin(t.Humidity, t.From, t.To, buckets/2) {
		if i > 0 && t.BreakAfter > 0 && sample.At-before > t.BreakAfter {
			p.lift()
		}
		p.to(s.x(sample.At), y(sample.Value))
		before = sample.At
	}
	if p.Len() > 0 {
		d.WriteString(`<path class="wet" d="` + p.String() + `"/>`)
	}
}

// drawTimes writes at most six times at +08:00 under the plot; midnight shows the
// date instead.
func drawTimes(d *drawing, s temperatureScale, bottom int, from trace.Time) {
	const hour = trace.Time(3600_000)
	step := hour
	for _, candidate := range []trace.Time{2 * hour, 3 * hour, 6 * hour, 12 * hour, 24 * hour, 48 * hour, 96 * hour, 240 * hour, 720 * hour, 2160 * hour} {
		if (s.to-s.from)/step > 6 {
			step = candidate
		}
	}
	const offset = trace.Time(trace.ChinaStandardTime * 1000)
	first := (from + offset + step - 1) / step * step
	for at := first - offset; at <= s.to; at += step {
		x := s.x(at)
		d.line("tick", x, bottom, x, bottom+25)
		words := (at + offset).UTC().Format("15:04")
		class := ""
		if (at+offset)%(24*hour) == 0 {
			words, class = (at + offset).UTC().Format("01-02"), "day"
		}
		d.text(class, "middle", min(max(x, plotLeft+60), plotRight-100), bottom+120, words)
	}
}

// Thin keeps at most two samples of each of n equal stretches of time, the lowest
// and the highest, so that no peak is lost; and the first and last sample.
func Thin(samples []Sample, from, to trace.Time, n int) []Sample {
	if len(samples) <= 2*n || to <= from {
		return samples
	}
	out := make([]Sample, 0, 2*n+2)
	bucketOf := func(at trace.Time) int64 {
		return int64(min(max(at, from), to)-from) * int64(n) / int64(to-from+1)
	}
	out = append(out, samples[0])
	for i := 1; i < len(samples)-1; {
		low, up, bucket := i, i, bucketOf(samples[i].At)
		j := i
		for ; j < len(samples)-1 && bucketOf(samples[j].At) == bucket; j++ {
			if samples[j].Value < samples[low].Value {
				low = j
			}
			if samples[j].Value > samples[up].Value {
				up = j
			}
		}
		out = append(out, samples[min(low, up)])
		if low != up {
			out = append(out, samples[max(low, up)])
		}
		i = j
	}
	return append(out, samples[len(samples)-1])
}
