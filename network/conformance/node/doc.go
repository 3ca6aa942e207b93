// Package node holds the proof that a ledger's TLS port serves the stock Fabric
// gateway client for Node.js as well as the one for Go: client.mjs submits, evaluates
// and reads chaincode and block events, and the test of this package runs it, with the
// exact client versions that docs/samples/node pins, against the embedded ledger.
// signatures.js signs with that client as npm has it and as Caliper may have it.
//
// Command runs such a program; tests elsewhere run the sample with it. It needs the
// programs node (18.12 or newer) and npm; client packages are installed once into the
// user's cache. Of the product only the measurements import this package, which run
// Caliper with what Install gives.
package node
