package index

import (
	"encoding/json"
	"errors"
	"fmt"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Growth is what a plot's sensors measured while a lot grew, by the day: an endorsed
// summary of the segments, which needs no reading.
type Growth struct {
	Days []trace.GrowingDay `json:"days"` // rising; days without a measurement are left out
	// Latest is the newest segment that they were taken from.
	Latest Provenance `json:"latest"`
}

// grownDay is the row of a plot's day: sums over the segments folded so far, which come in
// any order and overlap days.
type grownDay struct {
	Moisture    sums      `json:"moisture"`
	Temperature sums      `json:"temperature"`
	Light       sums      `json:"light"`
	Latest      trace.Key `json:"latest"` // segment folded last
}

// sums of a day's values. Sum is of means as they were rounded in their segments.
type sums struct {
	Count int   `json:"n,omitempty"`
	Sum   int64 `json:"sum,omitempty"`
	Least int32 `json:"least,omitempty"`
	Most  int32 `json:"most,omitempty"`
}

func (s *sums) add(count int, least, most, mean int32) {
	if s.Count == 0 || least < s.Least {
		s.Least = least
	}
	if s.Count == 0 || most > s.Most {
		s.Most = most
	}
	s.Count += count
	s.Sum += int64(mean) * int64(count)
}

// mean is rounded half away from zero, as the contract does.
func (s *sums) mean() int32 {
	n, half := int64(s.Count), int64(s.Count)/2
	if s.Sum < 0 {
		return int32(-((-s.Sum + half) / n))
	}
	return int32((s.Sum + half) / n)
}

func (g *grownDay) add(d *trace.GrowingDay) {
	if m := d.SoilMoisture; m != nil {
		g.Moisture.add(m.Count, int32(m.Minimum), int32(m.Maximum), int32(m.Mean))
	}
	if t := d.SoilTemperature; t != nil {
		g.Temperature.add(t.Count, int32(t.Minimum), int32(t.Maximum), int32(t.Mean))
	}
	if l := d.Illuminance; l != nil {
		g.Light.add(l.Count, int32(l.Minimum), int32(l.Maximum), int32(l.Mean))
	}
}

func (g *grownDay) day(date trace.Date) trace.GrowingDay {
	d := trace.GrowingDay{Date: date}
	if s := &g.Moisture; s.Count > 0 {
		d.SoilMoisture = &trace.MoistureSummary{
			Count: s.Count, Minimum: trace.CentiPercent(s.Least), Maximum: trace.CentiPercent(s.Most), Mean: trace.CentiPercent(s.mean()),
		}
	}
	if s := &g.Temperature; s.Count > 0 {
		d.SoilTemperature = &trace.TemperatureSummary{
			Count: s.Count, Minimum: trace.CentiCelsius(s.Least), Maximum: trace.CentiCelsius(s.Most), Mean: trace.CentiCelsius(s.mean()),
		}
	}
	if s := &g.Light; s.Count > 0 {
		d.Illuminance = &trace.LightSummary{Count: s.Count, Minimum: trace.Lux(s.Least), Maximum: trace.Lux(s.Most), Mean: trace.Lux(s.mean())}
	}
	return d
}

// relateGrowth notes the days of a plot's segment, and the seasons whose pages show them:
// what grows in a year is harvested in it or in the next.
func relateGrowth(l *links, party trace.PartyID, plot trace.PlotID, days []trace.GrowingDay) {
	if len(days) == 0 {
		return
	}
	l.plot, l.days = plot, days
	for year := days[0].Date.Year(); year <= days[len(days)-1].Date.Year()+1; year++ {
		l.topic(state.PlotSubject(party, plot, year))
	}
}

// grow adds a segment's days to those of its plot.
func (f *fold) grow(w *write) error {
	for i := range w.links.days {
		d := &w.links.days[i]
		key := grownRow(w.links.head.Party, w.links.plot, d.Date)
		day := f.grown[string(key)]
		if day == nil {
			day = &grownDay{}
			row, found, err := get(f.index.db, key)
			if err != nil {
				return f.index.failure(err)
			}
			if found {
				if err := json.Unmarshal(row, day); err != nil {
					return f.index.failure(errors.Join(errRow, err))
				}
			}
			f.grown[string(key)] = day
		}
		day.add(d)
		day.Latest = trace.Key(w.key)
		row, err := json.Marshal(day)
		if err != nil {
			return fmt.Errorf("day of a plot: %w", err)
		}
		if err := f.batch.Set(key, row, nil); err != nil {
			return err
		}
	}
	return nil
}

// lotGrowth reads the days in which a lot grew: from the year of its season on, or from
// the first work logged for it, until the harvest.
func (s *story) lotGrowth(l *Lot) error {
	if l.Plot == nil || l.Season == 0 {
		return nil
	}
	from, err := trace.ParseDate(fmt.Sprintf("%04d-01-01", l.Season))
	if err != nil {
		return nil // no season that a log could have
	}
	for i := range l.Log {
		if e := &l.Log[i].Record; e.Plot != "" {
			from = min(from, e.At.Date())
		}
	}
	party, plot := l.Batch.Record.Party, l.Batch.Record.Plot
	var newest trace.Key
	var growth Growth
	err = scan(s.from, grownRows(party, plot), func(key, row []byte) (bool, error) {
		date, err := parseGrownRow(key)
		if err != nil || date < from {
			return err == nil, err
		}
		if l.Made != 0 && date > l.Made.Date() {
			return false, nil
		}
		var day grownDay
		if err := json.Unmarshal(row, &day); err != nil {
			return false, errors.Join(errRow, err)
		}
		growth.Days, newest = append(growth.Days, day.day(date)), day.Latest
		return true, nil
	})
	if err != nil || len(growth.Days) == 0 {
		return err
	}
	rec, found, err := record(s.from, newest)
	if err != nil || !found {
		return err
	}
	growth.Latest = rec.Provenance
	s.name(rec.Party)
	l.Growth = &growth
	return nil
}
