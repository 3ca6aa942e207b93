// Package block reads and writes the wire forms of a Hyperledger Fabric
// ledger: blocks, their headers and metadata, transaction envelopes and the
// read-write sets inside them.
//
// Bytes come in (a common.Block as a peer delivers it, or one of its
// envelopes), plain structures and hashes go out. Nothing here decides whether
// a transaction is valid: package validation does that. What this package does
// fix is the exact definition of every hash and signed byte string, because the
// embedded ledger, a witness that follows a real peer and a verifier that has
// neither must all compute the same ones:
//
//	header hash        SHA-256 of DER SEQUENCE{number, previousHash, dataHash}
//	data hash          SHA-256 of all envelopes concatenated
//	orderer signature  over Metadata[SIGNATURES].Value ‖ IdentifierHeader ‖ header DER
//	creator signature  over Envelope.Payload
//	transaction id     hex SHA-256 of nonce ‖ creator
//	proposal hash      SHA-256 of channel header ‖ signature header ‖ proposal payload
//	endorsement        over ProposalResponsePayload ‖ endorser
//
// Every parser accepts arbitrary bytes and never panics. The package keeps no
// state, reads no clock and imports neither the ledger engines nor the
// chaincode.
package block
