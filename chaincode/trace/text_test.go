package trace

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A text on the chain reads the same to everybody: no characters that hide or turn
// around what stands beside them.
func TestTextsDoNotHideOrTurnAround(t *testing.T) {
	for _, s := range []string{"\x00", "\u0085", "\u2028", "\u202a", "\u202d", "\u202e", "\u2066", "\u2069", "\u200b", "\ufeff"} {
		require.Equal(t, CodeInvalid, CodeOf(ValidText("name", "示范"+s+"果园", true, 40)), "%+q", s)
	}
	for _, s := range []string{"示范果园", "Café 5–10 °C", "第一行\n第二行", "👨‍🌾"} {
		require.NoError(t, ValidText("name", s, true, 40), "%+q", s)
	}
}
