package contract

// Code is the contract of code packs.
type Code struct{ subject }
