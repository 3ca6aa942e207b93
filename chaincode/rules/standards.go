package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

// A value of the standards table is published in versions, kept in order of their
// effective date. On any day the last version that was effective by then applies, so
// what was judged under an older value stays judged by it.

const maxVersions = 100

// LimitOn is the limit in force on a day, nil when none was.
func LimitOn(versions []trace.Limit, day trace.Date) *trace.Limit {
	return inForce(versions, limitEffective, day)
}

// IntervalOn is the pre-harvest interval in force on a day, nil when none was.
func IntervalOn(versions []trace.Interval, day trace.Date) *trace.Interval {
	return inForce(versions, intervalEffective, day)
}

// YieldCeilingOn is the yield ceiling in force on a day, nil when none was.
func YieldCeilingOn(versions []trace.YieldCeiling, day trace.Date) *trace.YieldCeiling {
	return inForce(versions, ceilingEffective, day)
}

// AddLimit puts a version in its place. The same effective date twice is refused
// unless the new version says that it corrects the old one; the correction then
// applies, and both stay on the chain.
func AddLimit(versions []trace.Limit, v trace.Limit) ([]trace.Limit, error) {
	return addVersion(versions, v, limitEffective, v.Corrects != "")
}

// AddInterval is AddLimit for intervals.
func AddInterval(versions []trace.Interval, v trace.Interval) ([]trace.Interval, error) {
	return addVersion(versions, v, intervalEffective, v.Corrects != "")
}

// AddYieldCeiling is AddLimit for yield ceilings.
func AddYieldCeiling(versions []trace.YieldCeiling, v trace.YieldCeiling) ([]trace.YieldCeiling, error) {
	return addVersion(versions, v, ceilingEffective, v.Corrects != "")
}

func limitEffective(v *trace.Limit) trace.Date          { return v.Source.Effective }
func intervalEffective(v *trace.Interval) trace.Date    { return v.Source.Effective }
func ceilingEffective(v *trace.YieldCeiling) trace.Date { return v.Source.Effective }

func inForce[T any](versions []T, effective func(*T) trace.Date, day trace.Date) *T {
	for i := len(versions) - 1; i >= 0; i-- {
		if effective(&versions[i]) <= day {
			return &versions[i]
		}
	}
	return nil
}

func addVersion[T any](versions []T, v T, effective func(*T) trace.Date, corrects bool) ([]T, error) {
	if len(versions) >= maxVersions {
		return nil, trace.Errorf(trace.CodeTooLarge, "this value has %d versions already, at most %d", len(versions), maxVersions)
	}
	from := effective(&v)
	at, taken := len(versions), false
	for at > 0 && effective(&versions[at-1]) >= from {
		if effective(&versions[at-1]) == from {
			taken = true
			break // behind the version it stands beside
		}
		at--
	}
	if taken && !corrects {
		return nil, trace.Errorf(trace.CodeAlreadyExists, "a version effective %s is published; a wrong one is corrected by naming it in corrects, with a reason", from)
	}
	if !taken && corrects {
		return nil, trace.Errorf(trace.CodeNotFound, "corrects: no version effective %s is published", from)
	}
	return slices.Insert(slices.Clone(versions), at, v), nil
}

// CheckLimit checks a limit to be published: its kind says which bounds it has.
func CheckLimit(r *trace.PublishLimitRequest) error {
	if err := firstError(
		checkTerm("commodity", r.Commodity), checkTerm("substance", r.Substance),
		trace.ValidText("name", r.Name, true, maxTitle),
		trace.ValidText("expected", r.Expected, r.Kind == trace.LimitQualitative, maxTitle),
		checkSource(r.Source),
	); err != nil {
		return err
	}
	wantMinimum := r.Kind == trace.LimitMinimum || r.Kind == trace.LimitRange
	wantMaximum := r.Kind == trace.LimitMaximum || r.Kind == trace.LimitRange
	switch r.Kind {
	case trace.LimitMaximum, trace.LimitMinimum, trace.LimitRange:
		if err := trace.ValidText("unit", r.Unit, true, 20); err != nil {
			return err
		}
	case trace.LimitNotDetected, trace.LimitQualitative:
		if err := trace.ValidText("unit", r.Unit, false, 20); err != nil {
			return err
		}
	default:
		return trace.Errorf(trace.CodeInvalid, "kind %q is not a kind of limit", string(r.Kind))
	}
	if (r.Minimum != nil) != wantMinimum || (r.Maximum != nil) != wantMaximum {
		return trace.Errorf(trace.CodeInvalid, "a limit of kind %s has minimum: %t, maximum: %t; given minimum: %t, maximum: %t",
			r.Kind, wantMinimum, wantMaximum, r.Minimum != nil, r.Maximum != nil)
	}
	if r.Kind != trace.LimitQualitative && r.Expected != "" {
		return trace.Errorf(trace.CodeInvalid, "expected belongs to kind %s", trace.LimitQualitative)
	}
	if r.Kind == trace.LimitRange && *r.Minimum > *r.Maximum {
		return trace.Errorf(trace.CodeInvalid, "minimum %s is above maximum %s", *r.Minimum, *r.Maximum)
	}
	return nil
}

// CheckInterval checks a pre-harvest interval to be published.
func CheckInterval(r *trace.PublishIntervalRequest) error {
	if r.PreHarvestDays < 0 || r.PreHarvestDays > 365 {
		return trace.Errorf(trace.CodeInvalid, "preHarvestDays %d must be 0 to 365", r.PreHarvestDays)
	}
	if r.MaxApplications < 1 || r.MaxApplications > 50 {
		return trace.Errorf(trace.CodeInvalid, "maxApplications %d must be 1 to 50", r.MaxApplications)
	}
	return firstError(
		trace.ValidText("registration", r.Registration, true, maxNumber),
		trace.ValidText("name", r.Name, true, maxTitle),
		checkTerm("crop", r.Crop),
		checkSource(r.Source),
	)
}

// CheckYieldCeiling checks a yield ceiling to be published. 1,000 t/ha is above any
// crop and keeps the product with an area within 64 bits.
func CheckYieldCeiling(r *trace.PublishYieldCeilingRequest) error {
	if r.GramsPerHectare < 1 || r.GramsPerHectare > 1_000_000_000 {
		return trace.Errorf(trace.CodeInvalid, "gramsPerHectare %d must be 1 to 1,000,000,000", r.GramsPerHectare)
	}
	return firstError(checkTerm("crop", r.Crop), checkSource(r.Source))
}

func checkSource(s trace.StandardSource) error {
	if s.Effective == 0 {
		return trace.Errorf(trace.CodeMissing, "source.effective is missing")
	}
	return firstError(
		trace.ValidText("source.standard", s.Standard, true, maxTitle),
		trace.ValidText("source.edition", s.Edition, false, maxTitle),
		trace.ValidText("source.clause", s.Clause, false, maxTitle),
		trace.ValidText("source.source", s.Source, true, maxReason),
	)
}
