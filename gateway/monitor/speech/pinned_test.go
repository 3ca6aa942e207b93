package speech

// The version and digest of the embedded lexicon.
const (
	pinnedVersion = "2026.11.1"
	pinnedDigest  = "6e6cc355e2477856fbb862f376401046b39ec904876d3743d1754aee21b031fb"
)
