package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.8"
	pinnedDigest  = "77939197338fc67bdb5dd81210f367b4d75cb208e629b83e212e8df4fedaf521"
)
