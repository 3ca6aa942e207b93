package contract

// Verdict is the contract of monitors' rules and verdicts, and their review.
type Verdict struct{ subject }
