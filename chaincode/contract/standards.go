package contract

// Standards is the contract of published limits, intervals and yield ceilings.
type Standards struct{ subject }
