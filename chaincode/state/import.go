package state

import "traceledger/chaincode/trace"

// ImportKey is the opening of an import.
func ImportKey(genesis trace.Digest) trace.Key { return key(KindImport, genesis.String()) }

// ImportClosedKey is the closing of an import.
func ImportClosedKey(genesis trace.Digest) trace.Key { return key(KindImportClosed, genesis.String()) }

// ImportProgressKey is how far an import is.
func ImportProgressKey(genesis trace.Digest) trace.Key {
	return key(KindImportProgress, genesis.String())
}

// PartyBounds hold all parties of the registry: first key and first key behind them.
func PartyBounds() (first, behind string) { return KindParty + "/", KindParty + "0" }

// GetImport reads the opening of an import, nil where there was none.
func GetImport(l Reader, genesis trace.Digest) (*trace.Import, error) {
	return Get[trace.Import](l, ImportKey(genesis))
}

// GetImportProgress reads how far an import is.
func GetImportProgress(l Reader, genesis trace.Digest) (trace.ImportProgress, error) {
	return GetOrZero[trace.ImportProgress](l, ImportProgressKey(genesis))
}
