package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// TestOutsideMonitor runs the sample of docs/outside-monitors.md on the demonstration: its
// verdict on a bruised fruit is a record like any other monitor's, and the same picture
// gives the same record.
func TestOutsideMonitor(t *testing.T) {
	h := newHouse(t)
	printed := h.startPrinting("run")
	token := ""
	for line := range strings.Lines(printed) {
		if words := strings.Fields(line); len(words) > 3 && words[0] == "sign-in" && words[1] == "monitor" {
			token = words[3]
		}
	}
	require.NotEmpty(t, token)
	sample := filepath.Join(t.TempDir(), "monitor")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", sample, "../../docs/samples/monitor").CombinedOutput()
	require.NoError(t, err, string(out))
	look := func(picture []byte) (string, error) {
		file := filepath.Join(t.TempDir(), "fruit.png")
		require.NoError(t, os.WriteFile(file, picture, 0o600))
		cmd := exec.CommandContext(t.Context(), sample, h.base, "09520000100018", "PJ261018-A", file)
		cmd.Env = append(os.Environ(), "TRACELEDGER_TOKEN="+token)
		var failed bytes.Buffer
		cmd.Stderr = &failed
		out, err := cmd.Output()
		return string(out) + failed.String(), err
	}
	bruised := fruit(t, 20)
	first, err := look(bruised)
	require.NoError(t, err, first)
	require.Contains(t, first, "defect 4.00 %")
	key := strings.TrimSpace(first[strings.Index(first, "verdict ")+len("verdict "):])
	var record struct {
		Value trace.Verdict `json:"value"`
	}
	h.tokens[trace.RoleMonitor] = token
	h.record(trace.RoleMonitor, trace.Key(key), &record)
	require.Equal(t, trace.LevelWarning, record.Value.Level)
	require.Equal(t, trace.DigestOf(bruised), record.Value.Input)
	require.EqualValues(t, 10_000, record.Value.ConfidenceBP)
	again, err := look(bruised)
	require.NoError(t, err, again)
	require.Contains(t, again, key)
	sound, err := look(fruit(t, 0))
	require.NoError(t, err, sound)
	require.Contains(t, sound, "defect 0.00 %")
	_, err = look([]byte("no picture"))
	require.Error(t, err)
}

// fruit draws 100 × 100 pixels of a light fruit with a dark square.
func fruit(t *testing.T, bruise int) []byte {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 100, 100))
	for y := range 100 {
		for x := range 100 {
			shade := uint8(170)
			if x < bruise && y < bruise {
				shade = 60
			}
			picture.SetGray(x, y, color.Gray{Y: shade})
		}
	}
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, picture))
	return out.Bytes()
}
