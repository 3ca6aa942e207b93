package speech

import (
	"embed"
	"io/fs"
)

//go:embed lexicon
var files embed.FS

// Embedded loads the lexicon this program was built with.
func Embedded() (*Lexicon, error) {
	sub, err := fs.Sub(files, "lexicon")
	if err != nil {
		return nil, err
	}
	return Load(sub)
}
