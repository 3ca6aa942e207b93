package trace

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUtterancesHaveOneForm(t *testing.T) {
	const now = Time(1_792_483_200_000)
	run := []Utterance{{From: now, To: now + 10, Host: "host-01", Text: "全网最低价 <b>"}, {From: now, To: now + 5, Text: "好"}}
	file, err := EncodeUtterances(run)
	require.NoError(t, err)
	for name, bad := range map[string]string{
		"a space":       strings.Replace(string(file), `,"to"`, `, "to"`, 1),
		"another field": strings.Replace(string(file), `"text"`, `"mood":"x","text"`, 1),
		"a field twice": strings.Replace(string(file), `"text"`, `"text":"x","text"`, 1),
		"no last end":   strings.TrimSuffix(string(file), "\n"),
		"an empty line": string(file) + "\n",
		"nothing":       "",
		"out of order":  strings.ReplaceAll(string(file), `"from":"2026`, `"from":"2027`),
	} {
		require.NotEqual(t, string(file), bad, name)
		_, err := DecodeUtterances([]byte(bad))
		require.NotEmpty(t, CodeOf(err), name)
	}
	for name, u := range map[string]Utterance{
		"no time": {To: now, Text: "x"}, "no text": {From: now, To: now}, "too long": {From: now, To: now, Text: strings.Repeat("好", MaxUtteranceRunes+1)},
		"not UTF-8": {From: now, To: now, Text: "\xff"}, "a name": {From: now, To: now, Text: "x", Host: "王五"},
	} {
		_, err := EncodeUtterances([]Utterance{u})
		require.NotEmpty(t, CodeOf(err), name)
	}
	_, err = EncodeUtterances(make([]Utterance, MaxUtterances+1))
	require.Equal(t, CodeTooLarge, CodeOf(err))
}

func FuzzDecodeUtterances(f *testing.F) {
	file, err := EncodeUtterances([]Utterance{{From: 1_792_483_200_000, To: 1_792_483_200_000, Text: "好"}})
	require.NoError(f, err)
	f.Add(file)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		run, err := DecodeUtterances(file)
		if err != nil {
			require.NotEmpty(t, CodeOf(err), "%v", err)
			return
		}
		again, err := EncodeUtterances(run)
		require.NoError(t, err)
		require.Equal(t, file, again)
	})
}
