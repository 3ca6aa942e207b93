// Package embedded is a Hyperledger Fabric compatible peer and orderer in one
// process: the ledger that needs no installation.
//
// Proposals and signed transactions come in over gRPC, through the services a
// Fabric peer offers (gateway.Gateway, protos.Deliver, the read-only functions
// of qscc), so that stock clients work unchanged. Blocks go out: real
// common.Blocks with header chain, endorsements of every organisation that the
// policies ask for, validation flags and an orderer's signature, which anyone
// can check with packages block and validation.
//
// A transaction takes this way:
//
//	Endorse   check the proposal, simulate it on a snapshot of the committed
//	          state (simulation, stub), choose organisations (plan), sign
//	Submit    check every signature again, hand to the orderer
//	orderer   gather what is waiting, validate it (package validation), write
//	          block, state, history and private data in one synced batch
//	          (store), announce it
//
// Fabric's awkward semantics are kept on purpose, or faults would first appear
// on the cluster: no transaction sees its own writes, reads are checked again at
// commit, invalid transactions stay in the block with their code.
//
// One process holds every organisation's key. That is honest for one company's
// pilot or a test, and no substitute for organisations that do not trust each
// other; Open says so in the log.
//
// The package runs any shim.Chaincode and imports neither the contracts nor the
// gateway.
package embedded
