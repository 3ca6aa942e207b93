package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

// checkGrowing is checkPhysics of what an orchard's sensors measure.
func checkGrowing(i int, r *trace.Reading) error {
	if r.SoilMoisture != trace.NoSoilMoisture && (r.SoilMoisture < 0 || r.SoilMoisture > wettest) {
		return trace.Errorf(trace.CodeOutOfRange, "reading %d: volumetric soil moisture %s %%, possible are 0 to 100", i+1, Hundredths(r.SoilMoisture))
	}
	if r.Illuminance != trace.NoIlluminance && (r.Illuminance < 0 || r.Illuminance > brightest) {
		return trace.Errorf(trace.CodeOutOfRange, "reading %d: illuminance %d lx, possible are 0 to %d", i+1, r.Illuminance, brightest)
	}
	return nil
}

// growing folds what an orchard's sensors measured over a segment, or a day of it.
type growing struct {
	moisture, temperature, light extremes
}

func (g *growing) add(r *trace.Reading, soil int) {
	if r.SoilMoisture != trace.NoSoilMoisture {
		g.moisture.add(int32(r.SoilMoisture))
	}
	if soil >= 0 && r.Temperatures[soil] != trace.NoTemperature {
		g.temperature.add(int32(r.Temperatures[soil]))
	}
	if r.Illuminance != trace.NoIlluminance {
		g.light.add(int32(r.Illuminance))
	}
}

// summariseGrowing adds soil moisture and illuminance to a segment, and of a plot's the
// days: what a page shows of a season, without the readings themselves.
func summariseGrowing(segment *trace.Segment, probes []string, readings []trace.Reading) {
	soil := slices.Index(probes, trace.ProbeSoil)
	var whole, day growing
	var date trace.Date
	end := func() {
		d, measured := day.day(date)
		switch {
		case !measured:
		case len(segment.Days) == mostListed:
			segment.Cut = true
		default:
			segment.Days = append(segment.Days, d)
		}
		day = growing{}
	}
	for i := range readings {
		r := &readings[i]
		whole.add(r, soil)
		if segment.Plot == "" {
			continue
		}
		if on := r.At.Date(); on != date {
			end()
			date = on
		}
		day.add(r, soil)
	}
	end()
	segment.SoilMoisture, segment.Illuminance = moistureSummary(whole.moisture), lightSummary(whole.light)
}

// day gives what was measured on a day; false where nothing was.
func (g *growing) day(date trace.Date) (trace.GrowingDay, bool) {
	d := trace.GrowingDay{Date: date, SoilMoisture: moistureSummary(g.moisture), Illuminance: lightSummary(g.light)}
	if e := g.temperature; e.count > 0 {
		d.SoilTemperature = &trace.TemperatureSummary{
			Count: e.count, Minimum: trace.CentiCelsius(e.min), Maximum: trace.CentiCelsius(e.max), Mean: trace.CentiCelsius(e.mean()),
		}
	}
	return d, d.SoilMoisture != nil || d.SoilTemperature != nil || d.Illuminance != nil
}

func moistureSummary(e extremes) *trace.MoistureSummary {
	if e.count == 0 {
		return nil
	}
	return &trace.MoistureSummary{Count: e.count, Minimum: trace.CentiPercent(e.min), Maximum: trace.CentiPercent(e.max), Mean: trace.CentiPercent(e.mean())}
}

func lightSummary(e extremes) *trace.LightSummary {
	if e.count == 0 {
		return nil
	}
	return &trace.LightSummary{Count: e.count, Minimum: trace.Lux(e.min), Maximum: trace.Lux(e.max), Mean: trace.Lux(e.mean())}
}
