package rules

import "traceledger/chaincode/trace"

// NextEpoch decides the epoch gate's next value. current is nil before the first touch.
// The exact number is asked for so that two touches of one hour cannot both count.
func NextEpoch(current *trace.Epoch, number int64, now trace.Time) (*trace.Epoch, error) {
	want := int64(1)
	if current != nil {
		want = current.Number + 1
		if number == current.Number {
			return nil, trace.Errorf(trace.CodeAlreadyRecorded, "epoch %d was touched on %s: epoch", number, current.Touched)
		}
	}
	if number != want {
		return nil, trace.Errorf(trace.CodeState, "number %d: the next epoch is %d", number, want)
	}
	next := &trace.Epoch{Number: number, Touched: now}
	if current != nil {
		next.Import = current.Import
	}
	return next, nil
}

// CheckGuard decides whether a guard may be installed. joined is nil unless the
// organisation was admitted later, ready before its first guard.
func CheckGuard(r *trace.InstallGuardRequest, joined *trace.Organisation, ready *trace.GuardReady) error {
	if !trace.Founding(r.MSP) && joined == nil {
		return trace.Errorf(trace.CodeInvalid, "msp %q is neither one of %v nor an organisation that was admitted", r.MSP, trace.MSPs())
	}
	want := 1
	if ready != nil {
		want = ready.Version + 1
		if r.Version == ready.Version {
			return trace.Errorf(trace.CodeAlreadyRecorded, "version %d of this guard is installed: guardready/%s", r.Version, r.MSP)
		}
	}
	if r.Version != want {
		return trace.Errorf(trace.CodeState, "version %d: the next version of the guard of %s is %d", r.Version, r.MSP, want)
	}
	return nil
}
