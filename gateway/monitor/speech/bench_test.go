package speech

import "testing"

// BenchmarkCheck and BenchmarkBare read the same utterances: all rows of tune.
func BenchmarkCheck(b *testing.B) {
	c := embedded(b)
	us := utterances(b, "tune")
	size := 0
	for _, u := range us {
		size += len(u.text)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, u := range us {
			if _, err := c.Check(Utterance{Text: u.text, Category: u.category}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkBare(b *testing.B) {
	c := embedded(b)
	var texts []string
	size := 0
	for _, u := range utterances(b, "tune") {
		texts, size = append(texts, u.text), size+len(u.text)
	}
	bare := NewBareMatcher(c.Lexicon())
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, t := range texts {
			bare.Match(t)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Embedded(); err != nil {
			b.Fatal(err)
		}
	}
}
