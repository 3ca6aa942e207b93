package page

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
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

// The page says who appointed the carrier, beside its signature, and what a device did
// not report; over a silence it does not say "throughout".
func TestAppointmentsAndSilencesAreShown(t *testing.T) {
	s := states(t)["good"]
	html := rendered(t, Chinese, s)
	require.Contains(t, html, "委托 川浙冷链运输公司 承运")
	require.Contains(t, rendered(t, English, s), "appointed Chuan-Zhe Cold Chain to carry it")
	anchor := anchorOf(s.Journey.Steps[1].Consignment)
	require.Contains(t, html, `href="#`+anchor+`"`)
	require.Contains(t, html, `id="`+anchor+`"`)
	require.Contains(t, html, "全程在规定范围内")

	findings := &s.Facts.Journey.Findings[0]
	findings.Silences = []rules.DeviceSilence{{Gap: trace.Gap{From: findings.From, To: findings.From + 7_200_000}, Device: "bd-40071", Seconds: 7_200}}
	s.Line = rules.VerdictLine(s.Facts)
	require.Equal(t, rules.LineIncomplete, s.Line.Level)
	html = rendered(t, Chinese, s)
	require.Contains(t, html, "未显示：设备 bd-40071 的读数，")
	require.NotContains(t, html, "全程在规定范围内")
}
