// Package scanner is the public side of a code: what a shopper's phone, a link
// preview or an integrator's program gets for the address printed on a pack.
//
// In comes a GS1 Digital Link (or its short form); out comes a page, JSON, a link
// set or a picture of the code, made from the read model. A request for one item
// checks its code against the pack's leaf file, whose root is on the chain, counts
// the scan, and puts the few bytes that change from scan to scan into a body that
// was rendered once for the lot's version and the item's journey.
//
// Folders: page turns typed records into HTML, chart draws, leaffile proves codes,
// recent bounds what is kept in memory. The package reads the index and the store;
// it must not import anything that writes to the ledger.
package scanner
