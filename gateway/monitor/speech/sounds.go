package speech

import "strings"

const longestSyllable = 6

// letters are a node of the tree of syllables.
type letters struct {
	next     [26]int32 // by letter, 0: no syllable goes on so
	syllable uint16    // that ends here, 0: none
}

// numberOf is a syllable's number, ü written v.
func (f *folder) numberOf(syllable string) uint16 {
	id, ok := f.latin[syllable]
	if !ok {
		id = uint16(len(f.latin) + 1)
		f.latin[syllable] = id
		f.learn(syllable, id)
	}
	return id
}

// learn puts a syllable into the tree, if it is one that can be typed.
func (f *folder) learn(syllable string, id uint16) {
	if strings.ContainsFunc(syllable, func(r rune) bool { return r < 'a' || r > 'z' }) || len(syllable) > longestSyllable {
		return
	}
	at := int32(0)
	for i := range len(syllable) {
		c := syllable[i] - 'a'
		if f.spell[at].next[c] == 0 {
			f.spell = append(f.spell, letters{})
			f.spell[at].next[c] = int32(len(f.spell) - 1)
		}
		at = f.spell[at].next[c]
	}
	f.spell[at].syllable = id
}

// tones takes the tone off a syllable, and writes ü as v.
var tones = strings.NewReplacer(
	"ā", "a", "á", "a", "ǎ", "a", "à", "a", "ō", "o", "ó", "o", "ǒ", "o", "ò", "o",
	"ē", "e", "é", "e", "ě", "e", "è", "e", "ê̄", "ê", "ế", "ê", "ê̌", "ê", "ề", "ê",
	"ī", "i", "í", "i", "ǐ", "i", "ì", "i", "ū", "u", "ú", "u", "ǔ", "u", "ù", "u",
	"ü", "v", "ǖ", "v", "ǘ", "v", "ǚ", "v", "ǜ", "v",
	"ń", "n", "ň", "n", "ǹ", "n", "ḿ", "m", "m̀", "m",
)

// sounds writes the second stream and says whether a syllable of it is written in Latin
// letters; if not, each symbol is its own syllable. A Latin run, which ends where a clause
// does, counts only if all of it parses into syllables.
func (f *folder) sounds(s *stream) bool {
	s.sound, s.first, s.top, s.spelt = s.sound[:0], s.first[:0], s.top[:0], s.spelt[:0]
	push := func(sound uint16, first, top int, spelt bool) {
		s.sound, s.first, s.top, s.spelt = append(s.sound, sound), append(s.first, int32(first)), append(s.top, int32(top)), append(s.spelt, spelt)
	}
	some := false
	for i := 0; i < len(s.text); {
		if !s.text[i].latin() {
			push(s.text[i].sound(), i, i+1, false)
			i++
			continue
		}
		end := i
		for end < len(s.text) && s.text[end].latin() && (end == i || !s.parted(int32(end))) {
			end++
		}
		mark := len(s.sound)
		for at := i; at < end; {
			best, id := 0, uint16(0)
			node := int32(0)
			for n := 1; at+n <= end; n++ {
				if node = f.spell[node].next[s.text[at+n-1].symbol()-'a']; node == 0 {
					break
				}
				if v := f.spell[node].syllable; v != 0 && n > 1 {
					best, id = n, v
				}
			}
			if best == 0 {
				s.sound, s.first, s.top, s.spelt = s.sound[:mark], s.first[:mark], s.top[:mark], s.spelt[:mark]
				push(0, i, end, false)
				break
			}
			push(id, at, at+best, true)
			at += best
		}
		some = some || len(s.sound) > mark && s.spelt[mark]
		i = end
	}
	return some
}
