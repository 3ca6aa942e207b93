package contract

// Origin is the contract of products, plots, lots, their logs and certificates.
type Origin struct{ subject }
