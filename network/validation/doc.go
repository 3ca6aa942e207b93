// Package validation decides which transactions of a block are valid, exactly
// as a Hyperledger Fabric 2.5/3.x peer does: well-formedness, creator
// signatures, duplicate ids, endorsement policies (of the chaincode, of a
// private collection, of single keys), read conflicts and phantoms.
//
// It is pure. A Channel is read from a configuration block; a Validator over
// it takes transactions and a view of the committed state and returns one code
// per transaction and the state updates that the valid ones make. Chaincode
// definitions are taken from that same state view (the _lifecycle namespace),
// so a block of a real Fabric network and a block of the embedded ledger go
// through the same code, on a peer or on a witness that only follows one.
//
// Work is split so that the expensive part needs no state: Check verifies all
// signatures of one transaction and may run on many transactions at once;
// Validate then settles a block in order.
//
// The package reads no clock: certificate expiry is not part of a
// transaction's validity in Fabric. It imports network/block and nothing else
// of the project.
package validation
