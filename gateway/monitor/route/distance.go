package route

import (
	"math"

	"traceledger/chaincode/trace"
)

const earth = 6_371_008.8 // m, mean radius

// Distance is the great-circle distance of two positions in metres, rounded.
func Distance(a, b trace.Point) int64 {
	lat1, lat2 := radians(a.Latitude), radians(b.Latitude)
	dLat, dLon := lat2-lat1, radians(b.Longitude)-radians(a.Longitude)
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(lat1)*math.Cos(lat2)*math.Pow(math.Sin(dLon/2), 2)
	return int64(math.Round(2 * earth * math.Asin(math.Sqrt(min(h, 1)))))
}

func radians(d trace.MicroDegrees) float64 { return float64(d) / 1e6 * math.Pi / 180 }

// fromLine is how far a position lies from a line of points, in metres, on a plane laid at
// the position: good to a per cent for stretches of a few hundred kilometres.
func fromLine(p trace.Point, line []trace.Point) int64 {
	nearest := int64(math.MaxInt64)
	for i := range line {
		nearest = min(nearest, Distance(p, line[i]))
		if i > 0 {
			nearest = min(nearest, fromStretch(p, line[i-1], line[i]))
		}
	}
	return nearest
}

func fromStretch(p, a, b trace.Point) int64 {
	scale := math.Cos(radians(p.Latitude))
	plane := func(q trace.Point) (x, y float64) {
		return (radians(q.Longitude) - radians(p.Longitude)) * scale * earth, (radians(q.Latitude) - radians(p.Latitude)) * earth
	}
	ax, ay := plane(a)
	bx, by := plane(b)
	dx, dy := bx-ax, by-ay
	along := 0.0
	if length := dx*dx + dy*dy; length > 0 {
		along = min(max(-(ax*dx+ay*dy)/length, 0), 1)
	}
	return int64(math.Round(math.Hypot(ax+along*dx, ay+along*dy)))
}
