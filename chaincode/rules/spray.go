package rules

import (
	"cmp"
	"slices"

	"traceledger/chaincode/trace"
)

// SprayFacts is what a spray is judged by.
type SprayFacts struct {
	Intervals             []trace.Interval // of the registration on the plot's crop
	Before, Season, After trace.Season     // as in HarvestFacts
	// Corrected is the spray that this one corrects, nil when it corrects none.
	Corrected *trace.LogEntry
}

// Spray decides about a spray on a plot and answers with the published interval that
// applies, the first day the crop may be harvested, and the season's new balance.
//
// A correction never loosens: the window of the corrected spray stays, and the new one
// is added. Otherwise a farm could shorten an interval after the fact by claiming to
// have erred. It is one more application unless it names the same product.
func Spray(r *trace.AddLogEntryRequest, crop string, f SprayFacts) (interval *trace.Interval, safeFrom trace.Date, season trace.Season, err error) {
	day := r.At.Date()
	interval = IntervalOn(f.Intervals, day)
	if interval == nil {
		return nil, 0, f.Season, trace.Errorf(trace.CodeStandard, "no pre-harvest interval of %s on %s is on file for %s", r.Registration, crop, day)
	}
	correction := f.Corrected != nil && f.Corrected.Registration == r.Registration
	if !correction {
		used := 0
		for _, w := range f.Season.Sprays {
			if w.Registration == r.Registration && !w.Correction {
				used++
			}
		}
		if used >= interval.MaxApplications {
			return nil, 0, f.Season, trace.Errorf(trace.CodeApplications, "%s was applied %d times on this plot in season %d, at most %d on %s (%s)",
				r.Registration, used, r.Season, interval.MaxApplications, crop, interval.Source.Standard)
		}
	}
	safeFrom = day + trace.Date(interval.PreHarvestDays)
	for _, s := range []trace.Season{f.Before, f.Season, f.After} {
		for _, harvest := range s.Harvests {
			if day <= harvest && harvest < safeFrom {
				return nil, 0, f.Season, trace.Errorf(trace.CodeInterval, "spray on %s: the harvest of %s is %d days later, %s needs %d (%s)",
					day, harvest, harvest-day, r.Registration, interval.PreHarvestDays, interval.Source.Standard)
			}
		}
	}
	if len(f.Season.Sprays) >= trace.MaxSprays {
		return nil, 0, f.Season, trace.Errorf(trace.CodeTooLarge, "season %d of this plot has %d sprays already, at most %d", r.Season, len(f.Season.Sprays), trace.MaxSprays)
	}
	season = f.Season
	season.Sprays = append(slices.Clone(season.Sprays), trace.SprayWindow{
		Registration: r.Registration, Day: day, SafeFrom: safeFrom, Correction: correction,
	})
	slices.SortStableFunc(season.Sprays, func(a, b trace.SprayWindow) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Registration, b.Registration))
	})
	return interval, safeFrom, season, nil
}

// harvestedOn adds a day of harvest to a season, refusing one that lies inside the
// interval of any spray before it.
func harvestedOn(day trace.Date, f HarvestFacts) (trace.Season, error) {
	for _, s := range []trace.Season{f.Before, f.Season, f.After} {
		for _, w := range s.Sprays {
			if w.Day <= day && day < w.SafeFrom {
				return f.Season, trace.Errorf(trace.CodeInterval, "harvest on %s: sprayed with %s on %s, %d days before, safe from %s",
					day, w.Registration, w.Day, day-w.Day, w.SafeFrom)
			}
		}
	}
	season := f.Season
	at, found := slices.BinarySearch(season.Harvests, day)
	if found {
		return season, nil
	}
	if len(season.Harvests) >= trace.MaxHarvests {
		return f.Season, trace.Errorf(trace.CodeTooLarge, "this plot's season has %d days of harvest already, at most %d", len(season.Harvests), trace.MaxHarvests)
	}
	season.Harvests = slices.Insert(slices.Clone(season.Harvests), at, day)
	return season, nil
}

// HarvestLogged decides about a harvest that is only logged, without a lot yet.
func HarvestLogged(day trace.Date, f HarvestFacts) (trace.Season, error) { return harvestedOn(day, f) }
