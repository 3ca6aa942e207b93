package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/monitor/speech"
)

// TestSpeechOnTheFloor: what the lexicon finds is a verdict's finding, its words marked
// where they stand, and each counts once however many products are on sale.
func TestSpeechOnTheFloor(t *testing.T) {
	lexicon, err := speech.Embedded()
	require.NoError(t, err)
	check := newSpeechCheck(lexicon)
	require.Equal(t, lexicon.Digest, check.Rule().Content)
	text := "今天这个价，全网最低价！"
	for _, onSale := range [][]trace.Category{nil, {trace.CategoryFruit}, {trace.CategoryFruit, trace.CategoryCosmetics}, {trace.CategoryMaterial}} {
		found, err := check.Check(floor.Said{Text: text, Categories: onSale})
		require.NoError(t, err)
		require.Len(t, found, 1, "%v", onSale)
		require.Equal(t, trace.LevelViolation, found[0].Level)
		require.Equal(t, "全网最低价", text[found[0].Term.Begin:found[0].Term.End])
		require.Contains(t, found[0].Text, "广告法第九条")
	}
	found, err := check.Check(floor.Said{Text: "不敢说全网最低价，但是真的实惠", Categories: []trace.Category{trace.CategoryFruit}})
	require.NoError(t, err)
	require.Empty(t, found)
}
