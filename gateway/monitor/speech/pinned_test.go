package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.8"
	pinnedDigest  = "bddf7cc4454b6014e78d228fd7c651b59cf57b22b18c3bde0cb63a6c0b9cd5e8"
)
