// Package monitor runs monitors: programs that read facts and write verdicts.
//
// In come the records of the read model, block after block, and the files they name by
// hash; out go verdict transactions under the monitor's own identity. The folders below
// hold one monitor each: a pure check over plain values, with its thresholds as named,
// versioned data, and a small adapter that says which records concern it and gathers what
// the check looks at. Runner does everything else once for all of them: the cursor, the
// rule version on the chain, retries, metrics.
//
// A monitor that does not follow the chain – one that hears a live stream – uses
// Publisher alone.
//
// The package imports the vocabulary, rules and keys of the chaincode, the read model and
// the ledger client. It must not import the ledger engines, the contracts, the stores or
// any other gateway package: files come through a function.
package monitor
