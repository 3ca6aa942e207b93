package speech

// stream is a folded utterance.
type stream struct {
	text  []letter
	gaps  uint8 // the widest gap of all
	tail  uint8 // what stands behind the last symbol
	latin bool  // there may be Latin letters

	// The second stream, of an utterance with Latin syllables: see sounds.
	sound      []uint16 // syllables
	first, top []int32  // symbols of text that a syllable covers
	spelt      []bool   // written in Latin letters
}

// letter is a symbol with what matching knows of it and where it comes from: two numbers
// of eight bytes, for each is then written at once.
type letter struct {
	packed
	place
}

// packed is a folded rune: from below the symbol, 0 if none is kept, its code and its
// sound, and the marks. Of an utterance's runes most cost the cache a line each.
type packed uint64

const (
	packedCode  = 16
	packedSound = 32
	packedHow   = 48 // eleven bits

	markAlone  packed = 1 << 59 // the symbol is a word by itself
	markFirst  packed = 1 << 60 // a fold of several symbols may begin here
	markSecond packed = 1 << 61 // and have this as its second
	markFold   packed = 1 << 62 // a fold of this symbol alone
	markLatin  packed = 1 << 63 // a Latin letter
	packedGap         = 60      // of no symbol: what its absence means
)

func pack(e folded) packed {
	p := packed(e.symbol) | packed(e.how)<<packedHow | packed(e.gap)<<packedGap
	if latin(e.symbol) {
		p |= markLatin
	}
	return p
}

// with is the same with what matching knows of its symbol.
func (p packed) with(k known) packed {
	return p | packed(k.code)<<packedCode | packed(k.sound)<<packedSound
}

// as is the same in another disguise.
func (p packed) as(how Evasion) packed {
	return p&^((1<<11-1)<<packedHow) | packed(how)<<packedHow
}

func (p packed) symbol() uint16 { return uint16(p) }
func (p packed) code() uint16   { return uint16(p >> packedCode) }  // its number in the words, 0: in none
func (p packed) sound() uint16  { return uint16(p >> packedSound) } // its syllable, 0: none
func (p packed) how() Evasion   { return Evasion(p >> packedHow & (1<<11 - 1)) }
func (p packed) latin() bool    { return p&markLatin != 0 }
func (p packed) nothing() uint8 { return uint8(p >> packedGap) }

// place is where a symbol comes from: from below the first byte of the utterance and the
// byte after the last, the first character and the last, and what stood before it.
type place uint64

const (
	placeEnd  = 16
	placeRune = 32
	placeLast = 46
	placeGap  = 60
)

// past is the place behind a rune of so many bytes that begins at a place.
func (p place) past(size int) place {
	return p + place(size)*(1+1<<placeEnd) + (1<<placeRune + 1<<placeLast)
}

// of is the place of a rune of so many bytes that begins at a place, behind a gap.
func (p place) of(size int, gap uint8) place {
	return p + place(size)<<placeEnd + place(gap)<<placeGap
}

// to is the place of all from one place to another.
func (p place) to(last place) place {
	const ends = (1<<16-1)<<placeEnd | (1<<14-1)<<placeLast
	return p&^ends | last&ends
}

func (p place) start() int32      { return int32(p & (1<<16 - 1)) }
func (p place) end() int32        { return int32(p >> placeEnd & (1<<16 - 1)) }
func (p place) firstRune() int    { return int(p >> placeRune & (1<<14 - 1)) }
func (p place) lastRune() int     { return int(p >> placeLast & (1<<14 - 1)) }
func (p place) gap() uint8        { return uint8(p >> placeGap) }
func (p place) withoutGap() place { return p & (1<<placeGap - 1) }

// room makes place for so many symbols, of which n are written.
func (s *stream) room(n, symbols int) {
	if cap(s.text) < symbols {
		s.text = append(make([]letter, 0, symbols), s.text[:n]...)
	}
	s.text = s.text[:symbols]
}

// cut ends the stream behind n symbols. Behind the last stands a letter that is none.
func (s *stream) cut(n int) {
	s.text = s.text[:n+1]
	s.text[n], s.text = letter{}, s.text[:n]
}

// broken says that a clause ends within the word: a comma or stop parts it, and not each
// character from the next, as an evasion would (最，好，吃). Two characters with one mark
// between them are of two clauses unless one of them stands alone (晚上好，吃了没).
func (s *stream) broken(start, end int32) bool {
	if s.gaps < gapComma || end <= start+1 {
		return false
	}
	commas, other := 0, 0
	for i := start + 1; i < end; i++ {
		if s.text[i].gap() >= gapComma {
			commas++
		} else {
			other++
		}
	}
	return commas > 0 && (other > 0 || end == start+2 && s.parted(start+1))
}

// parted says that a clause ends before symbol i: by a comma or stop, and neither of the
// characters beside it stands alone.
func (s *stream) parted(i int32) bool { return s.gaps >= gapComma && s.isParted(i) }

// isParted is apart so that parted, which mostly says no, costs no call.
func (s *stream) isParted(i int32) bool {
	return i > 0 && s.text[i].gap() >= gapComma && !s.alone(i-1) && !s.alone(i)
}

// spans says that a clause ends between the symbols from start to end.
func (s *stream) spans(start, end int32) bool {
	if s.gaps < gapComma {
		return false
	}
	for i := start + 1; i < end; i++ {
		if s.isParted(i) {
			return true
		}
	}
	return false
}

// alone says that a comma or stop stands before and behind a symbol, or the utterance
// ends behind it. At its beginning an interjection stands so: 来，好，对.
func (s *stream) alone(i int32) bool {
	return i > 0 && s.text[i].gap() >= gapComma && (int(i)+1 == len(s.text) || s.text[i+1].gap() >= gapComma)
}

// stopped says that a sentence ends between two places.
func (s *stream) stopped(from, to int32) bool {
	if s.gaps < gapStop {
		return false
	}
	for i := from; i <= to && int(i) < len(s.text); i++ {
		if s.text[i].gap() >= gapStop {
			return true
		}
	}
	return false
}
