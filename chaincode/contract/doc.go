// Package contract puts the rules on the ledger: one named contract per subject
// (registry, standards, origin, code, inspection, transit, verdict, enforcement),
// each method a few lines long.
//
// In go one strict JSON argument and the caller's certificate; out come writes of
// records and balances, one event, and a receipt. A method says who may call it
// (trace.Methods), loads facts (chaincode/state), asks a rule (chaincode/rules) and
// writes effects. What all methods have in common is in submission.go.
//
// Everything here is deterministic: the only clock is the transaction's timestamp,
// nothing is random, and no value that was written in a transaction is read in it
// again (Fabric would answer with the old one).
//
// It imports chaincode/{trace,rules,state} and Fabric's contract and shim packages,
// never gateway or network.
package contract
