// Package label prints item codes: sheets and rolls of labels as PDF, single labels
// as PNG and SVG.
//
// In: what a label says (Item, among it the GS1 Digital Link its QR code carries) and
// how the paper is divided (Layout). Out: bytes to a writer. A QR code has error
// correction M and the quiet zone of four modules that ISO/IEC 18004 asks for; a
// layout too small for modules of MinimumModule is refused rather than printed
// unreadable.
//
// It knows no ledger, store or page; it imports chaincode/trace for the GS1 types.
package label
