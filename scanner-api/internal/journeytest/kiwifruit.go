// Package journeytest makes the readings of a journey for tests of the pages. Only
// tests import it.
package journeytest

import (
	"math"

	"traceledger/chaincode/trace"
)

// Kiwifruit are 31.5 hours of a logger (every 5 min) and a tracker (every 75 s)
// along the trunk road, with tunnels before Yichang.
func Kiwifruit(departed trace.Time, excursion bool) []trace.Reading {
	type stop struct {
		minute   float64
		lat, lon float64
	}
	stops := []stop{{0, 30.205, 103.512}, {75, 30.545, 104.150}, {220, 30.500, 105.560}, {410, 30.320, 107.340}, {640, 30.290, 109.500}, {840, 30.660, 111.330}, {915, 30.660, 111.330}, {1210, 30.430, 114.230}, {1510, 30.590, 116.960}, {1700, 30.900, 118.740}, {1830, 30.860, 120.030}, {1890, 30.420, 120.300}}
	position := func(minute float64) trace.Point {
		for i := 1; i < len(stops); i++ {
			if minute <= stops[i].minute {
				f := (minute - stops[i-1].minute) / (stops[i].minute - stops[i-1].minute)
				wiggle := 0.06 * math.Sin(minute/23) * math.Sin(math.Pi*f)
				return trace.Point{Latitude: trace.MicroDegrees((stops[i-1].lat + f*(stops[i].lat-stops[i-1].lat) + wiggle) * 1e6), Longitude: trace.MicroDegrees((stops[i-1].lon + f*(stops[i].lon-stops[i-1].lon)) * 1e6)}
			}
		}
		return trace.Point{Latitude: 30_420_000, Longitude: 120_300_000}
	}
	tunnel := func(minute float64) bool {
		for _, start := range []float64{660, 682, 701, 733, 760, 795} {
			if minute > start && minute < start+7 {
				return true
			}
		}
		return false
	}
	var readings []trace.Reading
	for second := 0; second <= 1890*60; second += 75 {
		minute := float64(second) / 60
		r := trace.Reading{At: departed + trace.Time(second)*1000, Temperatures: []trace.CentiCelsius{trace.NoTemperature, trace.NoTemperature}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}
		if !tunnel(minute) {
			r.Fix, r.Point = true, position(minute)
		}
		if second%300 == 0 {
			air := 120 + 90*math.Sin(minute/37) + 15*math.Sin(minute*1.7)
			if minute < 15 {
				air = 480 - 20*minute
			}
			if since := math.Mod(minute, 360); minute > 100 && since <= 10 {
				air = 600
			}
			pulp := 150 + 20*math.Sin(minute/200)
			if excursion && minute >= 845 && minute <= 920 {
				air = 560 + 620*math.Sin(math.Pi*(minute-840)/85)
				pulp += 260 * math.Sin(math.Pi*(minute-840)/170)
			}
			r.Temperatures = []trace.CentiCelsius{trace.CentiCelsius(air), trace.CentiCelsius(pulp)}
			r.Humidity = trace.CentiPercent(9200 + 250*math.Sin(minute/51))
		}
		readings = append(readings, r)
	}
	return readings
}
