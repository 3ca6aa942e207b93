// Package conformance is one source of tests for what the product expects of a
// ledger, run against every ledger there is: a real Hyperledger Fabric network
// (package fabric) and the embedded one (package embedded).
//
// Real Fabric is the referee: a test belongs here once it passes there; where
// the engines differ, the embedded one is wrong.
//
// An Engine goes in: connections to a gateway per organisation and identities
// to use on them. Run drives everything through the public protocol – the stock
// fabric-gateway client, and the gateway and deliver services by hand where the
// stock client is too well behaved – and the chaincode in the folder chaincode,
// which interprets what a test wants a transaction to do. Tests share the one
// channel and keep apart by key prefixes.
//
// The package knows no engine; only its test files do.
package conformance
