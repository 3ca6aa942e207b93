package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Standards is the contract of the published values that everybody is judged by:
// limits, pre-harvest intervals and yield ceilings. All versions of one value lie
// under one key, so a judgement is one point read and no scan.
type Standards struct{ subject }

// PublishLimit publishes a version of a limit.
func (c *Standards) PublishLimit(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["PublishLimit"], argument, func(s *submission, r *trace.PublishLimitRequest) (any, error) {
		if err := rules.CheckLimit(r); err != nil {
			return nil, err
		}
		versions, err := state.GetLimits(s.Ledger, r.Commodity, r.Substance)
		if err != nil {
			return nil, err
		}
		if err := version(s, state.LimitKey(r.Commodity, r.Substance), versions); err != nil {
			return nil, err
		}
		return rules.AddLimit(versions, trace.Limit{
			Head: s.header(), Commodity: r.Commodity, Substance: r.Substance, Name: r.Name, Kind: r.Kind,
			Minimum: r.Minimum, Maximum: r.Maximum, Expected: r.Expected, Unit: r.Unit, Quality: r.Quality, Source: r.Source,
		})
	})
}

// PublishInterval publishes a version of a pre-harvest interval.
func (c *Standards) PublishInterval(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["PublishInterval"], argument, func(s *submission, r *trace.PublishIntervalRequest) (any, error) {
		if err := rules.CheckInterval(r); err != nil {
			return nil, err
		}
		versions, err := state.GetIntervals(s.Ledger, r.Registration, r.Crop)
		if err != nil {
			return nil, err
		}
		if err := version(s, state.IntervalKey(r.Registration, r.Crop), versions); err != nil {
			return nil, err
		}
		return rules.AddInterval(versions, trace.Interval{
			Head: s.header(), Registration: r.Registration, Name: r.Name, Crop: r.Crop,
			PreHarvestDays: r.PreHarvestDays, MaxApplications: r.MaxApplications, Source: r.Source,
		})
	})
}

// PublishYieldCeiling publishes a version of a yield ceiling.
func (c *Standards) PublishYieldCeiling(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["PublishYieldCeiling"], argument, func(s *submission, r *trace.PublishYieldCeilingRequest) (any, error) {
		if err := rules.CheckYieldCeiling(r); err != nil {
			return nil, err
		}
		versions, err := state.GetYieldCeilings(s.Ledger, r.Crop)
		if err != nil {
			return nil, err
		}
		if err := version(s, state.YieldCeilingKey(r.Crop), versions); err != nil {
			return nil, err
		}
		return rules.AddYieldCeiling(versions, trace.YieldCeiling{
			Head: s.header(), Crop: r.Crop, GramsPerHectare: r.GramsPerHectare, Source: r.Source,
		})
	})
}

// version prepares one more version under a key that holds them all. A retry is found
// among the versions; a correction names the key itself.
func version[T any, P interface {
	*T
	trace.Headed
}](s *submission, key trace.Key, versions []T) error {
	if s.write.Corrects != "" && s.write.Corrects != key {
		return trace.Errorf(trace.CodeInvalid, "corrects %s: must be %s, of which the version with the same effective date is meant", s.write.Corrects, key)
	}
	for i := range versions {
		if head := P(&versions[i]).Heading(); s.wrote(head) {
			return s.refuseRepeat(key, head)
		}
	}
	s.own(key)
	return nil
}
