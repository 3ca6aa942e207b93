package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.1"
	pinnedDigest  = "871890ad67c361b9483d3f755dd931e46d39ca6b57e593028db40259303dce0d"
)
