package rules

import "traceledger/chaincode/trace"

// JudgeItem judges one result by the limit in force, nil where none is on file. It
// refuses (INVALID, MISSING) a result that cannot be compared with its limit – another
// unit, a method not sensitive enough, a form the limit does not speak of – because
// neither "pass" nor "fail" would be true of it (docs/decisions/inspection-limits.md).
func JudgeItem(item trace.InspectionItem, limit *trace.Limit) (trace.JudgedItem, error) {
	judged := trace.JudgedItem{InspectionItem: item, Judgement: trace.JudgedNoLimit}
	if limit == nil {
		return judged, nil
	}
	if item.Value != nil && limit.Unit != item.Unit && (limit.Unit != "" || limit.Kind != trace.LimitNotDetected) {
		return judged, trace.Errorf(trace.CodeInvalid, "%s: the result is in %q, the limit of %s is in %q: report in that unit", item.Substance, item.Unit, limit.Source.Standard, limit.Unit)
	}
	pass, err := compare(&item, limit)
	if err != nil {
		return judged, err
	}
	judged.Judgement = trace.JudgedFail
	if pass {
		judged.Judgement = trace.JudgedPass
	}
	judged.Limit = &trace.AppliedLimit{
		Name: limit.Name, Kind: limit.Kind, Minimum: limit.Minimum, Maximum: limit.Maximum, Expected: limit.Expected,
		Unit: limit.Unit, Quality: limit.Quality, Source: limit.Source,
	}
	return judged, nil
}

func compare(item *trace.InspectionItem, limit *trace.Limit) (pass bool, err error) {
	switch limit.Kind {
	case trace.LimitNotDetected:
		return compareProhibited(item)
	case trace.LimitQualitative:
		if item.Result != trace.ResultQualitative {
			return false, trace.Errorf(trace.CodeInvalid, "%s: the limit expects the text %q, not a %s result", item.Substance, limit.Expected, item.Result)
		}
		return item.Text == limit.Expected, nil
	case trace.LimitMaximum, trace.LimitMinimum, trace.LimitRange:
		return compareNumber(item, limit)
	}
	return false, trace.Errorf(trace.CodeStandard, "%s: limit of kind %q cannot be judged", item.Substance, string(limit.Kind))
}

// compareProhibited: only "not detected" passes. "Below the limit of quantification"
// says neither that it is there nor that it is not.
func compareProhibited(item *trace.InspectionItem) (bool, error) {
	switch item.Result {
	case trace.ResultNotDetected:
		return true, nil
	case trace.ResultDetected, trace.ResultNumber:
		return false, nil
	}
	return false, trace.Errorf(trace.CodeInvalid, "%s must not be detected: report not-detected (with the limit of detection), detected or a number, not %s", item.Substance, item.Result)
}

func compareNumber(item *trace.InspectionItem, limit *trace.Limit) (bool, error) {
	switch item.Result {
	case trace.ResultNumber:
		return inside(*item.Value, limit), nil
	case trace.ResultBelowLOQ, trace.ResultNotDetected:
		return compareBelow(item, limit)
	}
	return false, trace.Errorf(trace.CodeInvalid, "%s: a %s result cannot be compared with a limit in %q: report a number", item.Substance, item.Result, limit.Unit)
}

func inside(v trace.Decimal, limit *trace.Limit) bool {
	return (limit.Minimum == nil || v >= *limit.Minimum) && (limit.Maximum == nil || v <= *limit.Maximum)
}

// compareBelow judges a true value somewhere under the given one.
func compareBelow(item *trace.InspectionItem, limit *trace.Limit) (bool, error) {
	if item.Value == nil {
		return false, trace.Errorf(trace.CodeMissing, "%s: value is missing: the limit of detection shows that the method sees as little as the limit allows", item.Substance)
	}
	if limit.Minimum != nil && *item.Value <= *limit.Minimum {
		return false, nil
	}
	if limit.Minimum == nil && *item.Value <= *limit.Maximum {
		return true, nil
	}
	bound := limit.Maximum
	if limit.Minimum != nil {
		bound = limit.Minimum
	}
	return false, trace.Errorf(trace.CodeInvalid, "%s: a method that sees no less than %s %s cannot be judged by the limit of %s %s: use a more sensitive one", item.Substance, item.Value, limit.Unit, bound, limit.Unit)
}
