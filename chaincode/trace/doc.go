// Package trace is the vocabulary of the ledger: identifiers, units, requests,
// records and coded errors, in the words of the field (GS1, food and cosmetics
// law, cold chain).
//
// A request is what a writer sends to one contract method; a record is what the
// contract puts on the chain for it. Both travel as JSON with the field names
// given here. Nothing in this package decides anything: rules live in
// chaincode/rules, keys and codecs in chaincode/state.
//
// It imports the standard library only, so that the chaincode, the gateway, the
// scanner and any outside verifier can share it.
package trace
