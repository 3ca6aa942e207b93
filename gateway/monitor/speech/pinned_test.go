package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.8"
	pinnedDigest  = "f64c18a452cee62d099eafbd39bce2019daaaaf5ab8bca6007457c2bac40756e"
)
