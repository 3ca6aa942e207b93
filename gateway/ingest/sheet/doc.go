// Package sheet turns the spreadsheets and logger files that people already keep
// into the requests of the ledger.
//
// In: the bytes of one XLSX or CSV file and the caller's Options. Out: a Plan – the
// typed requests (chaincode/trace) in the order they have to be sent, segments of
// sensor readings with their payload, a summary for the dry-run page, or every row
// error at once, in words a farmer understands (Chinese with English beside).
//
// Everything here is pure: the same bytes and options give the same plan, and
// nothing is sent. Each request's idempotency key is derived from its own content,
// so uploading a file twice makes nothing new, an edited cell makes that one record
// a new request, and the untouched rows stay the requests they were.
//
// A file is tolerated where its meaning is beyond doubt (title rows, full-width
// digits, thousands separators, the usual ways to write a day, the usual units, GBK
// or UTF-8) and refused everywhere else: a formula is refused because its value is
// whatever the last program computed, a header that is not known because its column
// would silently be lost.
//
// It imports chaincode/trace and chaincode/state only, never the ledger, the store
// or the index: what a plan has to look up (Mention, AnchoredSegment) is asked of
// the caller through Options.
package sheet
