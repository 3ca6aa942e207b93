package chart

import (
	"html/template"
	"math"
	"slices"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// PlaceKind orders places: when labels collide the earlier kind keeps its own.
type PlaceKind int

// Kinds of place.
const (
	PlaceEnd       PlaceKind = iota // where the journey begins or ends
	PlaceHandover                   // where custody changed
	PlaceExcursion                  // where an excursion was measured
	PlacePassed                     // a town on the way
)

// TrackPlace is a named place on the track.
type TrackPlace struct {
	Name  string
	Point trace.Point
	Kind  PlaceKind
}

// Track is everything a track drawing shows.
type Track struct {
	// Runs are stretches with position fixes, in order; between two runs the line is
	// dashed.
	Runs [][]trace.Point
	// Beyond are the places reached after the last fix, in order: the line to them is
	// dashed too.
	Beyond []trace.Point
	Places []TrackPlace
	// Title and Description are read out instead of the picture.
	Title, Description string
}

const (
	trackMargin    = 220
	trackMinHeight = 1200
	trackMaxHeight = 3000
	labelSize      = 110
)

// projection maps degrees to tenths of a unit, true to shape around the middle
// latitude: good enough for a journey across a country, and never for navigation.
type projection struct {
	west, north float64 // degrees
	x, y        float64 // tenths a degree
	left, top   int
}

func (p projection) at(point trace.Point) (x, y int) {
	return p.left + int((float64(point.Longitude)/1e6-p.west)*p.x), p.top + int((p.north-float64(point.Latitude)/1e6)*p.y)
}

func (t Track) projection() (projection, int) {
	south, north, west, east := 90.0, -90.0, 180.0, -180.0
	see := func(p trace.Point) {
		lat, lon := float64(p.Latitude)/1e6, float64(p.Longitude)/1e6
		south, north, west, east = min(south, lat), max(north, lat), min(west, lon), max(east, lon)
	}
	for _, run := range t.Runs {
		for _, p := range run {
			see(p)
		}
	}
	for _, place := range t.Places {
		see(place.Point)
	}
	squeeze := math.Cos((south + north) / 2 * math.Pi / 180)
	wide, high := max((east-west)*squeeze, 0.02), max(north-south, 0.02)
	scale := min(float64(10*Width-2*trackMargin)/wide, float64(trackMaxHeight-2*trackMargin)/high)
	height := min(max(int(high*scale)+2*trackMargin, trackMinHeight), trackMaxHeight)
	return projection{
		west: west, north: north, x: scale * squeeze, y: scale,
		left: (10*Width - int(wide*scale)) / 2, top: (height - int(high*scale)) / 2,
	}, height
}

// SVG draws the track, every position rounded before anything is computed from it:
// not even the picture's frame tells where exactly a vehicle stood.
func (t Track) SVG() template.HTML {
	t = t.coarse()
	p, height := t.projection()
	var d drawing
	d.open(height/10, t.Title, t.Description, "track")
	d.rect("sea", 0, 0, 10*Width, height)
	t.drawDegrees(&d, p, height)
	t.drawRuns(&d, p)
	t.drawPlaces(&d, p, height)
	d.close()
	return template.HTML(d.String())
}

func (t Track) coarse() Track {
	runs, places := make([][]trace.Point, len(t.Runs)), slices.Clone(t.Places)
	for i, run := range t.Runs {
		for _, point := range run {
			runs[i] = append(runs[i], rules.Coarse(point))
		}
	}
	for i := range places {
		places[i].Point = rules.Coarse(places[i].Point)
	}
	t.Runs, t.Places, t.Beyond = runs, places, slices.Clone(t.Beyond)
	for i := range t.Beyond {
		t.Beyond[i] = rules.Coarse(t.Beyond[i])
	}
	return t
}

// drawDegrees draws meridians and parallels, so that the eye has a scale.
func (t Track) drawDegrees(d *drawing, p projection, height int) {
	step := 0.1
	for _, candidate := range []float64{0.2, 0.5, 1, 2, 5, 10} {
		if float64(10*Width)/p.x/step > 8 {
			step = candidate
		}
	}
	degrees := func(v float64) trace.MicroDegrees { return trace.MicroDegrees(math.Round(v * 1e6)) }
	for lon := math.Ceil((p.west-float64(p.left)/p.x)/step) * step; ; lon += step {
		x, _ := p.at(trace.Point{Longitude: degrees(lon)})
		if x > 10*Width {
			break
		}
		d.line("degree", x, 0, x, height)
	}
	for lat := math.Floor((p.north+float64(p.top)/p.y)/step) * step; ; lat -= step {
		_, y := p.at(trace.Point{Latitude: degrees(lat)})
		if y > height {
			break
		}
		d.line("degree", 0, y, 10*Width, y)
	}
}

func (t Track) drawRuns(d *drawing, p projection) {
	var solid, dashed path
	var last *trace.Point
	for _, run := range t.Runs {
		solid.lift()
		for i, point := range run {
			x, y := p.at(point)
			if i == 0 && last != nil {
				dashed.lift()
				fromX, fromY := p.at(*last)
				dashed.to(fromX, fromY)
				dashed.to(x, y)
			}
			// A point nearer than half a unit changes nothing that can be seen.
			if i == 0 || i == len(run)-1 || abs(x-solid.x)+abs(y-solid.y) >= 8 {
				solid.to(x, y)
			}
			last = &point
		}
	}
	if last != nil {
		dashed.lift()
		dashed.to(p.at(*last))
		for _, point := range t.Beyond {
			dashed.to(p.at(point))
		}
	}
	if len(t.Beyond) > 0 || len(t.Runs) > 1 {
		d.WriteString(`<path class="unfixed" d="` + dashed.String() + `"/>`)
	}
	if solid.Len() > 0 {
		d.WriteString(`<path class="route" d="` + solid.String() + `"/>`)
	}
}

// drawPlaces puts marks first and then as many names as fit without touching.
func (t Track) drawPlaces(d *drawing, p projection, height int) {
	var taken []box
	for _, place := range t.Places {
		x, y := p.at(place.Point)
		switch place.Kind {
		case PlaceEnd:
			d.circle("end", x, y, 45)
		case PlaceHandover:
			d.circle("handover", x, y, 35)
		case PlaceExcursion:
			d.triangle("excursion-mark", x, y-15)
		default:
			d.circle("town", x, y, 18)
		}
		above := 50
		if place.Kind == PlaceExcursion {
			above = 110
		}
		taken = append(taken, box{x - 50, y - above, x + 50, y + 50})
	}
	line := t.lineBoxes(p)
	for kind := PlaceEnd; kind <= PlacePassed; kind++ {
		for _, place := range t.Places {
			if place.Kind != kind || place.Name == "" {
				continue
			}
			x, y := p.at(place.Point)
			width := textWidth(place.Name, labelSize)
			offsets := []int{-85, 160, -135, -210, 285, -335, 410}
			// A name beside the line is read more easily than one across it, but any is better
			// than none.
			for n := range 2 * len(offsets) {
				dy := offsets[n%len(offsets)]
				left := min(max(x-width/2, 30), 10*Width-width-30)
				label := box{left, y + dy - labelSize, left + width, y + dy + 20}
				if label.top < 0 || label.bottom > height || overlapsAny(taken, label) || n < len(offsets) && overlapsAny(line, label) {
					continue
				}
				class := ""
				if place.Kind == PlaceEnd {
					class = "end-name"
				}
				if dy < -200 || dy > 200 {
					d.line("leader", x, y+sign(dy)*50, x, edge(label, dy))
				}
				d.text(class, "", left, y+dy, place.Name)
				taken = append(taken, label)
				break
			}
		}
	}
}

// lineBoxes covers the line with small boxes, so that names keep off it.
func (t Track) lineBoxes(p projection) []box {
	var boxes []box
	cover := func(points []trace.Point) {
		for i := 1; i < len(points); i++ {
			x0, y0 := p.at(points[i-1])
			x1, y1 := p.at(points[i])
			steps := max(abs(x1-x0), abs(y1-y0))/40 + 1
			for k := range steps {
				x, y := x0+(x1-x0)*k/steps, y0+(y1-y0)*k/steps
				if n := len(boxes); n > 0 && abs(boxes[n-1].left+10-x)+abs(boxes[n-1].top+10-y) < 30 {
					continue
				}
				boxes = append(boxes, box{x - 10, y - 10, x + 10, y + 10})
			}
		}
	}
	for i, run := range t.Runs {
		cover(run)
		if i == len(t.Runs)-1 && len(run) > 0 {
			cover(append([]trace.Point{run[len(run)-1]}, t.Beyond...))
		}
	}
	return boxes
}

type box struct{ left, top, right, bottom int }

func overlapsAny(taken []box, b box) bool {
	for _, o := range taken {
		if b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom {
			return true
		}
	}
	return false
}

func sign(v int) int {
	if v < 0 {
		return -1
	}
	return 1
}

func edge(label box, dy int) int {
	if dy < 0 {
		return label.bottom
	}
	return label.top
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
