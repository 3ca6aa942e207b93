package chart

import (
	"html/template"
	"strconv"

	"traceledger/chaincode/trace"
)

// SeasonDay is what a plot's sensors gave on a day. A band with Count 0 was not measured.
type SeasonDay struct {
	Date     trace.Date
	Moisture Band // 1/100 % of the soil's volume
	Light    Band // lx
}

// Band is a day's extremes and mean.
type Band struct {
	Count                  int
	Minimum, Maximum, Mean int32
}

// Season is the growing season of a plot by the day: soil moisture as a line of daily means
// in its band from lowest to highest, light as bars of daily means below.
type Season struct {
	Days               []SeasonDay // rising by date, at least one
	Title, Description string
}

// Geometry, in tenths of a unit.
const (
	seasonTop      = 250 // of a panel: room for its unit
	moistureHeight = 760
	lightHeight    = 520
)

// SVG draws the season.
func (s Season) SVG() template.HTML {
	if len(s.Days) == 0 {
		return ""
	}
	var d drawing
	moisture := s.most(func(day *SeasonDay) int32 { return int32(day.Moisture.Count) }) > 0
	light := s.most(func(day *SeasonDay) int32 { return int32(day.Light.Count) }) > 0
	bottom := 0
	for _, panel := range []struct {
		shown  bool
		height int
	}{{moisture, moistureHeight}, {light, lightHeight}} {
		if panel.shown {
			bottom += seasonTop + panel.height
		}
	}
	d.open((bottom+180)/10, s.Title, s.Description, "season")
	days := int(s.Days[len(s.Days)-1].Date-s.Days[0].Date) + 1
	x := func(on trace.Date, of int) int { // left, middle or right of a day: 0, 1, 2
		return plotLeft + (plotRight-plotLeft)*(2*int(on-s.Days[0].Date)+of)/(2*days)
	}
	if moisture {
		s.drawMoisture(&d, x)
	}
	if light {
		s.drawLight(&d, x, days, bottom)
	}
	s.drawDates(&d, x, days, bottom)
	d.close()
	return template.HTML(d.String())
}

func (s Season) most(of func(*SeasonDay) int32) int32 {
	most := int32(0)
	for i := range s.Days {
		most = max(most, of(&s.Days[i]))
	}
	return most
}

// roundStep is a step that divides a scale up to most into at most four.
func roundStep(most, least int32) int32 {
	step := least
	for _, factor := range []int32{2, 5, 10, 20, 50, 100} {
		if (most-1)/step >= 4 {
			step = least * factor
		}
	}
	return step
}

func (s Season) drawMoisture(d *drawing, x func(trace.Date, int) int) {
	most := s.most(func(day *SeasonDay) int32 { return day.Moisture.Maximum })
	step := roundStep(most, 500)
	top := -floorTo(-max(most, 1), step)
	y := func(v int32) int {
		return seasonTop + moistureHeight - int(int64(moistureHeight)*int64(v)/int64(top))
	}
	for v := int32(0); v <= top; v += step {
		d.line("grid", plotLeft, y(v), plotRight, y(v))
		d.text("", "end", plotLeft-40, y(v)+30, strconv.Itoa(int(v/100)))
	}
	d.text("", "end", plotLeft-40, seasonTop-110, "%")
	var p path
	before := trace.Date(0)
	for i := range s.Days {
		day := &s.Days[i]
		if day.Moisture.Count == 0 {
			continue
		}
		left, right := x(day.Date, 0), x(day.Date, 2)
		low, high := y(day.Moisture.Minimum), y(day.Moisture.Maximum)
		d.rect("box wet-box", left, high, right-left, max(low-high, 8))
		if before != 0 && day.Date > before+1 { // a day without a measurement
			p.lift()
		}
		if middle, mean := x(day.Date, 1), y(day.Moisture.Mean); !p.drawing {
			p.to(middle-1, mean) // a day by itself shows too
			p.to(middle+1, mean)
		} else {
			p.to(middle, mean)
		}
		before = day.Date
	}
	if p.Len() > 0 {
		d.WriteString(`<path class="wet" d="` + p.String() + `"/>`)
	}
}

func (s Season) drawLight(d *drawing, x func(trace.Date, int) int, days, lightBottom int) {
	most := s.most(func(day *SeasonDay) int32 { return day.Light.Mean })
	step := roundStep(most, 1_000)
	top := -floorTo(-max(most, 1), step)
	y := func(v int32) int { return lightBottom - int(int64(lightHeight)*int64(v)/int64(top)) }
	for v := int32(0); v <= top; v += step {
		d.line("grid", plotLeft, y(v), plotRight, y(v))
		if v == 0 || v == top {
			d.text("", "end", plotLeft-40, y(v)+30, strconv.Itoa(int(v/1000)))
		}
	}
	d.text("", "end", plotLeft-40, lightBottom-lightHeight-100, "klx")
	gap := min((plotRight-plotLeft)/days/5, 30)
	for i := range s.Days {
		day := &s.Days[i]
		if day.Light.Count == 0 {
			continue
		}
		left, right := x(day.Date, 0)+gap, x(day.Date, 2)-gap
		d.rect("light", left, y(day.Light.Mean), max(right-left, 5), lightBottom-y(day.Light.Mean))
	}
}

// drawDates writes at most six dates under the bars.
func (s Season) drawDates(d *drawing, x func(trace.Date, int) int, days, bottom int) {
	step := 1
	for _, candidate := range []int{2, 5, 7, 14, 30, 60, 90, 180} {
		if (days-1)/step >= 6 {
			step = candidate
		}
	}
	first := s.Days[0].Date
	for n := 0; n < days; n += step {
		at := x(first+trace.Date(n), 1)
		d.line("tick", at, bottom, at, bottom+25)
		d.text("day", "middle", min(max(at, plotLeft+60), plotRight-100), bottom+120, (first + trace.Date(n)).String()[5:])
	}
}
