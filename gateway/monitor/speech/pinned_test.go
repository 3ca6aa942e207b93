package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.3"
	pinnedDigest  = "20a8d07dc67fd55f5bcbf0155f88645bd83b7de4af3c16ea9d7e53dbe4d2c47f"
)
