package page

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func rendered(t testing.TB, l Language, s Subject) string {
	r, err := NewRenderer()
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, r.Render(&out, l, Build(l, s)))
	return out.String()
}

func TestStorybook(t *testing.T) {
	dir := os.Getenv("STORYBOOK")
	for name, s := range states(t) {
		for _, l := range []Language{Chinese, English} {
			html := rendered(t, l, s)
			require.Less(t, len(html), 100_000, "%s in %s", name, l)
			require.NotContains(t, html, "ZgotmplZ", "a value was refused by the template")
			if dir != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name+"-"+string(l)+".html"), []byte(html), 0o644))
			}
		}
	}
}
