package rules

import "traceledger/chaincode/trace"

// CheckReading is what Summarise asks of each reading by itself: possible values only
// (OUT_OF_RANGE). Whoever acknowledges readings before they are anchored asks it first,
// because one impossible value refuses a whole segment.
func CheckReading(r *trace.Reading) error { return checkPhysics(0, r) }
