package state

import "traceledger/chaincode/trace"

// GetCodePack reads a code pack's record.
func GetCodePack(l Reader, p trace.PackID) (*trace.CodePack, error) {
	return Get[trace.CodePack](l, CodePackKey(p))
}

// GetPackStatus reads where a code pack stands, nil when it was never issued.
func GetPackStatus(l Reader, p trace.PackID) (*trace.PackStatus, error) {
	return Get[trace.PackStatus](l, PackStatusKey(p))
}

// GetPackCustody reads who holds which items of a pack, nil before its activation.
func GetPackCustody(l Reader, p trace.PackID) (*trace.PackCustody, error) {
	return Get[trace.PackCustody](l, PackCustodyKey(p))
}
