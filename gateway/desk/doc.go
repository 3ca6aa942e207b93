// Package desk serves the pages for organisations: one plain page for each role,
// under /desk, on which people do by hand what programs do over /v1.
//
// A person signs in with an access token and gets a session cookie. What they send –
// a spreadsheet with its attachments, or a form – is dry run first: the page shows
// what would be recorded and what is wrong, row by row or field by field, and nothing
// is on the chain. The confirmation that follows repeats the same content under the
// same idempotency key, so a double click, a resend or a retry after a broken
// connection makes one record. Receipts name the record, its transaction and block.
//
// The desk is a client of gateway/api's functions: it has no second way to write and
// judges nothing itself. Forms come from the request types of chaincode/trace
// (form.go) and a table of labels (labels.go); reads come from gateway/index.
//
// It must not import a ledger engine, the contracts or the scanner.
package desk
