package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.8"
	pinnedDigest  = "8838fb0cf22cbd2212d341ccca01ac351f044a6ef5a38001807d5b38c08aeed5"
)
