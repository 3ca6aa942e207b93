// Package archive keeps a whole ledger in one folder, so that its records can be moved to
// another: all blocks as a peer delivered them, and the files and segment payloads that
// their records name.
//
// In comes a block stream and a store of files (Export), or such a folder (Open); out come
// a folder whose bytes depend on nothing but the ledger, or the transactions to submit
// again with the evidence that goes beside each. Both ways the whole chain is verified
// first: links, orderers', writers' and endorsers' signatures, and every validation flag
// computed anew. What does not verify is refused by code, and nothing of it is used.
//
// The package submits nothing and knows no ledger engine.
//
//	manifest.json   what is here, with hashes (Manifest)
//	manifest.sha256 the manifest's hash, for damage that nothing else would show
//	blocks          every common.Block from 0 on, each behind its length as a varint
//	files/HASH      a file by the SHA-256 of its bytes
package archive

import "traceledger/chaincode/trace"

// Codes of archives.
const (
	CodeFormat     trace.Code = "ARCHIVE_FORMAT"     // the manifest cannot be read, or is of another version
	CodeIncomplete trace.Code = "ARCHIVE_INCOMPLETE" // something is missing, or there is more than the manifest names
	CodeHash       trace.Code = "ARCHIVE_HASH"       // bytes that are not those the manifest names
	CodeChain      trace.Code = "ARCHIVE_CHAIN"      // a block does not follow, is not signed, or is not valid as it says
	CodeContent    trace.Code = "ARCHIVE_CONTENT"    // the manifest says of the blocks what they do not
	CodeUnmovable  trace.Code = "ARCHIVE_UNMOVABLE"  // a ledger that cannot be moved: see docs/decisions/moving-to-the-network.md
)
