package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.2"
	pinnedDigest  = "f73ffa792c9f22d0e80b1e1fe5c095b33bcbd4dfb800e78ef41d4f25ccb7e001"
)
