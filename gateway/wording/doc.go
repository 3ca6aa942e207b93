// Package wording says in Chinese what the chain says in English.
//
// A refusal crosses the chain as "CODE: message"; the message is English, the same on
// every endorser, and what stock clients and the API's "detail" show. Its text is one of
// the formats in chaincode/{trace,rules,contract} with values put in, so one table of
// those formats, each with its Chinese sentence, gives both languages with the same
// values; a test reads the sources and demands a sentence for every format. Nothing is
// decided by this text: callers switch on codes.
//
// A message goes in, a sentence comes out; the package knows no ledger and no page. It
// must import only chaincode/trace.
package wording
