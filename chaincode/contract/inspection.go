package contract

// Inspection is the contract of what labs report about lots and plots, and the reviews of a lot.
type Inspection struct{ subject }
