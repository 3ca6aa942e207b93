package speech

// BareMatcher is the automaton alone over text that is folded already: what a check
// without folding, sounds and context would cost. It exists to be measured against.
type BareMatcher struct {
	lexicon *Lexicon
	texts   [][]uint16
	found   []occurrence
}

// NewBareMatcher folds the texts once.
func NewBareMatcher(l *Lexicon, texts []string) *BareMatcher {
	b := &BareMatcher{lexicon: l}
	for _, t := range texts {
		b.texts = append(b.texts, l.folder.symbols(t))
	}
	return b
}

// Match goes over all texts and counts the occurrences of the lexicon's words.
func (b *BareMatcher) Match() int {
	n := 0
	for _, t := range b.texts {
		b.found = b.lexicon.words.find(t, b.found[:0])
		n += len(b.found)
	}
	return n
}
