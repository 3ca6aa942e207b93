// Package page turns what the read model knows about a lot, a product or one coded
// item into a page that a shopper reads: first a verdict, then what it rests on.
//
// In comes a Subject, typed records with their provenance; out comes HTML in one
// language, complete without scripts or any other host. Build makes the view – all
// words, figures and drawings, in reading order – and Render puts it through the
// templates. The verdict line itself is decided in chaincode/rules; nothing here
// judges. What the chain does not hold is said to be not shown, never left out.
//
// The package reads no clock, no database and no network, and it must not import
// HTTP, the store or anything that writes to the ledger.
package page
