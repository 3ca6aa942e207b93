package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.9"
	pinnedDigest  = "b750596a9042b593b8f3317a2b17563faf3ab3618f050bf0358b67f0013ac6eb"
)
