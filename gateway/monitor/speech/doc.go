// Package speech says which words of a live stream's utterance break which article of
// Chinese advertising law. An utterance goes in (what was said, the category on sale,
// what the label and the inspection say), findings come out: term, place in the
// original text, how it was disguised, article, and why in Chinese and English. The
// words are versioned data (folder lexicon) whose digest a monitor publishes as the
// content of its rule.
//
// The check is pure: no network, no ledger, no clock; the same utterance, lexicon and
// facts give the same findings. It must not import the index, the ledger or the store.
package speech
