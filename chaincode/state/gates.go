package state

import "traceledger/chaincode/trace"

// GetEpoch reads the epoch gate, nil before its first touch.
func GetEpoch(l Reader) (*trace.Epoch, error) { return Get[trace.Epoch](l, EpochKey()) }

// GetGuardReady reads whether, and in which version, an organisation's guard stands.
func GetGuardReady(l Reader, msp string) (*trace.GuardReady, error) {
	return Get[trace.GuardReady](l, GuardReadyKey(msp))
}

// GetFreeze reads a subject's freeze number, 0 while no case froze it.
func GetFreeze(l Reader, s trace.Subject) (int, error) {
	f, err := GetOrZero[trace.FreezeNumber](l, FreezeKey(s))
	return f.Number, err
}
