package rules

import "traceledger/chaincode/trace"

// checkTerm checks a term of the standards table (commodity, crop, substance): lower
// case letters, digits and inner '-', 2 to 60 long. Terms are keys, so they have one
// spelling; the name shown to people is a text of its own.
func checkTerm(name, s string) error {
	if s == "" {
		return trace.Errorf(trace.CodeMissing, "%s is missing", name)
	}
	if len(s) < 2 || len(s) > 60 {
		return trace.Errorf(trace.CodeInvalid, "%s has %d characters, must be 2 to 60", name, len(s))
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0 && i < len(s)-1) {
			return trace.Errorf(trace.CodeInvalid, "%s %q must be lower-case letters, digits and inner '-'", name, s)
		}
	}
	return nil
}

// checkCoarsePoint checks that a coarse position is one on the earth: two decimals, so that
// nothing finer than about a kilometre is published.
func checkCoarsePoint(name string, p trace.Point) error {
	if p.Latitude < -90_000_000 || p.Latitude > 90_000_000 || p.Longitude < -180_000_000 || p.Longitude > 180_000_000 {
		return trace.Errorf(trace.CodeOutOfRange, "%s: latitude %d, longitude %d; latitude must be within ±90°, longitude within ±180°, in 1e-6 degrees", name, p.Latitude, p.Longitude)
	}
	if p.Latitude%10_000 != 0 || p.Longitude%10_000 != 0 {
		return trace.Errorf(trace.CodeInvalid, "%s: latitude %d, longitude %d; positions on the chain are coarse, whole multiples of 10000, which is 0.01°", name, p.Latitude, p.Longitude)
	}
	return nil
}

// firstError answers with the first refusal. Checks have no effects, so making all of
// them costs nothing but time.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
