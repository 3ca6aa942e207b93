package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.4"
	pinnedDigest  = "241deb4926da943abe5c5790df6e2a910db3e74f5df523ea78423c0f1c93d411"
)
