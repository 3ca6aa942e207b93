package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.7"
	pinnedDigest  = "32c9e35998d1451bf1d239ab2737bd6cb7221bdd1f21ca06ed0c08a2c3f45c76"
)
