// Package index is the read model: what pages, the REST interface and the scanner
// read instead of asking the chaincode.
//
// In comes a stream of committed blocks (Source). Every valid transaction's write
// set – never its chaincode event, of which Fabric keeps one per transaction – is
// folded into a Pebble database: each record under its key on the chain with its
// provenance, the relations that pages follow, ordered lists, and the cursor, all
// in one atomic batch. Out go records (Record, List, History) and whole stories
// (Lot, Shipment, Journey, Pack, Party, Product).
//
// A record enters only if the organisation that answers for its kind endorsed the
// transaction and the writer's certificate fits the record (admission.go): the
// chaincode demands the same, but a majority of organisations running an altered
// chaincode could leave that out. What does not pass is kept aside under its own
// keys, counted and logged.
//
// Everything here is derived. The fold reads no clock, no randomness and no map
// order, so an index deleted and rebuilt from block 0 has the same ordered
// key/value dump (Dump), whatever the batch sizes and crashes in between. For the
// same reason nothing is synced: a crash loses at most a suffix of the fold, the
// cursor with it, and Follow folds those blocks again.
//
// The package imports the vocabulary, rules and keys of the chaincode and the block
// codec of the ledger. It must not import the contracts, the ledger engines or
// anything that writes to the ledger.
package index
