package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.5"
	pinnedDigest  = "d18eb726320ae54159f30fad31baab5f0fa92a802c6358fa518f41428fe9a825"
)
