package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.6"
	pinnedDigest  = "702efc3aa0f065b221b094c57b56cd29c9c083c5b86ad8de0ce53c59af3d3a40"
)
