package contract

// Enforcement is the contract of recalls, delistings and reinstatements.
type Enforcement struct{ subject }
