// Package floor runs the live-streaming floor of a gateway.
//
// In come the utterances of live streams. Each is acknowledged once it is durable here,
// goes at once to a Checker, and what it finds becomes a verdict on the chain; runs of
// utterances are anchored by their hashes. Behind that the ladder's runner takes the
// steps that are due, and every action is told to those who asked: over server-sent
// events and by signed webhooks (package webhook).
//
// What is exactly once rests on the chain: a run's id is stream, writer and sequence, a
// verdict's what was looked at and found, a step's what it rests on. This package makes
// sure that after a crash the same request goes out again. See docs/decisions/floor.md.
//
// It must not import the REST interface, the desks, the ledger engines or the contracts.
package floor
