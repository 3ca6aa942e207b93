package rules

import "traceledger/chaincode/trace"

// PossibleTemperature tells whether a segment with this value is taken: ingestion leaves
// out what the chain would refuse together with all that came with it.
func PossibleTemperature(t trace.CentiCelsius) bool { return coldest <= t && t <= hottest }

// PossibleHumidity is PossibleTemperature of relative humidity.
func PossibleHumidity(h trace.CentiPercent) bool { return 0 <= h && h <= mostHumid }

// PossibleSpeed is PossibleTemperature of a speed in 0.1 km/h.
func PossibleSpeed(v int32) bool { return 0 <= v && v <= fastest }

// PossiblePoint tells whether a position is on the earth.
func PossiblePoint(p trace.Point) bool { return checkPoint(0, p) == nil }
