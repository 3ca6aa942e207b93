// Package rules decides. Every rule is a pure function over plain values of package
// trace: facts that somebody else has loaded go in; an effect, a finding or a coded
// error (*trace.Error) comes out. There is no ledger, no context and no clock in it,
// no random number, no float and no iteration over a map, so that every endorser, and
// anybody who checks an endorser's work later, computes the same.
//
// One file is one subject. The contracts load facts and write effects; the index and
// the pages use the same functions to say what the facts amount to.
//
// It imports chaincode/trace and the standard library only.
package rules
