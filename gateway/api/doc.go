// Package api is the REST interface for organisations: one write route per
// contract method, reads from the index, files by content hash, spreadsheets
// with a dry run, and codes with their labels.
//
// Requests come in over HTTP with a bearer token that stands for an enrolled
// X.509 identity; typed transactions go out through gateway/ledger; answers say
// record, transaction and block once the write is committed. Errors are
// application/problem+json (RFC 9457) carrying the chain's own code.
//
// The routes, their document (openapi.go) and the contract's catalogue
// (trace.Methods) are one table; tests hold the server to the document.
//
// It imports no ledger engine and decides no rule: what a request may contain is
// the contract's to judge.
package api
