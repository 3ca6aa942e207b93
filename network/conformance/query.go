package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/network/conformance/chaincode"
)

// testQuery covers reading more than one key: ranges, pages, composite keys and
// history, and what values and keys may be.
func testQuery(t *testing.T, s *suite) {
	m := s.members[carrier]
	t.Run("Range", func(t *testing.T) { testRange(t, s) })
	t.Run("Pages", func(t *testing.T) { testPages(t, s) })
	t.Run("CompositeKeys", func(t *testing.T) { testCompositeKeys(t, s) })
	t.Run("History", func(t *testing.T) { testHistory(t, s) })
	t.Run("EmptyValueDeletes", func(t *testing.T) {
		key := s.prefix() + "a"
		first := s.submit(t, m, steps(put(key, "1")))
		emptied := s.submit(t, m, steps(put(key, "")))
		require.False(t, m.get(t, key).Found)
		require.Empty(t, m.evaluate(t, steps(scan(key, key+"~")))[0].Rows)
		history := m.evaluate(t, steps(chaincode.Step{Op: "history", Key: key}))[0].History
		require.Len(t, history, 2)
		require.Equal(t, emptied.id, history[0].TxID)
		require.Empty(t, history[0].Value)
		require.True(t, history[0].Deleted)
		require.Equal(t, first.id, history[1].TxID)
		// A key that is gone has no version: reading it before and after agree.
		reader := m.endorse(t, steps(get(key), put(key+"-other", "1")))
		s.submit(t, m, steps(put(key, "")))
		requireCode(t, peer.TxValidationCode_VALID, s.commit(t, m, reader))
	})
	t.Run("EmptyPrivateValueDeletes", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(private("open", key, "1")), orgs(producer, lab, carrier))
		s.submit(t, m, steps(private("open", key, "")), orgs(producer, lab, carrier))
		require.False(t, s.members[lab].evaluate(t, steps(privateStep("privateGet", "open", key)), orgs(lab))[0].Found)
		require.False(t, m.evaluate(t, steps(privateStep("privateHash", "open", key)), orgs(carrier))[0].Found)
	})
	t.Run("BinaryAndLongValuesAndKeys", func(t *testing.T) {
		p := s.prefix()
		key := p + strings.Repeat("长键", 500)
		value := "\x00\x01\u00ff" + strings.Repeat("值", 1000) + "\x00"
		s.submit(t, m, steps(put(key, value)))
		require.Equal(t, value, m.get(t, key).Value)
	})
	t.Run("KeysThatAreRefused", func(t *testing.T) {
		for name, c := range map[string]struct {
			steps []chaincode.Step
			said  string
		}{
			"empty key":             {steps(put("", "1")), "key must not be an empty string"},
			"empty composite type":  {steps(chaincode.Step{Op: "compositeKey", Key: "\U0010ffff"}), "input contains unicode U+10FFFF"},
			"zero in an attribute":  {steps(chaincode.Step{Op: "compositeKey", Key: "lot", Keys: []string{"a\x00b"}}), "input contains unicode U+0000"},
			"range from a zero key": {steps(scan("\x00lot", "\x00lou")), "first character of the key [\x00lot] contains a null character which is not allowed"},
			"rich query":            {steps(chaincode.Step{Op: "query", Value: `{"selector":{}}`}), "ExecuteQuery not supported for leveldb"},
		} {
			_, err := m.tryEndorse(t, c.steps)
			require.Contains(t, explain(err), c.said, name)
		}
	})
}

func testRange(t *testing.T, s *suite) {
	m := s.members[carrier]
	p := s.prefix()
	s.submit(t, m, steps(put(p+"a", "1"), put(p+"b", "2"), put(p+"ba", "3"), put(p+"c", "4"), put(p+"ä", "5"), put(p+"中", "6"), put(p+"Z", "7")))
	for _, c := range []struct {
		name       string
		start, end string
		want       []string
	}{
		{"StartInsideEndOutside", p + "a", p + "c", []string{"a", "b", "ba"}},
		{"ByteOrder", p, p + "\U0010ffff", []string{"Z", "a", "b", "ba", "c", "ä", "中"}},
		{"Empty", p + "d", p + "e", nil},
		{"StartIsEnd", p + "a", p + "a", nil},
		{"Backwards", p + "c", p + "a", nil},
		{"BetweenKeys", p + "aa", p + "bz", []string{"b", "ba"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var keys []string
			for _, row := range m.evaluate(t, steps(scan(c.start, c.end)))[0].Rows {
				keys = append(keys, strings.TrimPrefix(row.Key, p))
			}
			require.Equal(t, c.want, keys)
		})
	}
	t.Run("OpenEnds", func(t *testing.T) {
		s.submit(t, m, steps(composite(p, "hidden")))
		all := m.evaluate(t, steps(scan("", "")))[0].Rows
		require.NotEmpty(t, all)
		for i, row := range all {
			require.NotEqual(t, byte(0), row.Key[0], "composite keys are not in ranges of plain keys")
			if i > 0 {
				require.Less(t, all[i-1].Key, row.Key)
			}
		}
		require.Len(t, m.evaluate(t, steps(scan("", p+"b")))[0].Rows, indexOfKey(all, p+"b"))
		require.Len(t, m.evaluate(t, steps(scan(p+"b", "")))[0].Rows, len(all)-indexOfKey(all, p+"b"))
	})
	t.Run("MoreThanTheShimFetchesAtOnce", func(t *testing.T) {
		q := s.prefix()
		s.submit(t, m, manyRows(q, 250))
		rows := m.evaluate(t, steps(scan(q, q+"~")))[0].Rows
		require.Len(t, rows, 250)
		require.Equal(t, fmt.Sprintf("%s%04d", q, 249), rows[249].Key)
	})
}

func indexOfKey(rows []chaincode.Row, key string) int {
	for i, row := range rows {
		if row.Key == key {
			return i
		}
	}
	return -1
}

func testPages(t *testing.T, s *suite) {
	m := s.members[carrier]
	p := s.prefix()
	s.submit(t, m, manyRows(p, 10))
	page := func(size int, bookmark string) chaincode.Step {
		return chaincode.Step{Op: "rangePage", Key: p, End: p + "~", Size: size, Bookmark: bookmark}
	}
	t.Run("ThroughAllPages", func(t *testing.T) {
		var keys []string
		bookmark := ""
		for _, want := range []int{4, 4, 2} {
			got := m.evaluate(t, steps(page(4, bookmark)))[0]
			require.Len(t, got.Rows, want)
			require.Equal(t, want, got.Fetched)
			for _, row := range got.Rows {
				keys = append(keys, row.Key)
			}
			bookmark = got.Bookmark
		}
		require.Empty(t, bookmark, "the last page has no bookmark")
		require.Len(t, keys, 10)
		for i, key := range keys {
			require.Equal(t, fmt.Sprintf("%s%04d", p, i), key)
		}
	})
	t.Run("BookmarkIsTheNextKey", func(t *testing.T) {
		require.Equal(t, p+"0003", m.evaluate(t, steps(page(3, "")))[0].Bookmark)
	})
	t.Run("LastPageFull", func(t *testing.T) {
		got := m.evaluate(t, steps(page(5, p+"0005")))[0]
		require.Len(t, got.Rows, 5)
		require.Empty(t, got.Bookmark)
	})
	t.Run("PageLargerThanAll", func(t *testing.T) {
		got := m.evaluate(t, steps(page(100, "")))[0]
		require.Len(t, got.Rows, 10)
		require.Equal(t, 10, got.Fetched)
		require.Empty(t, got.Bookmark)
	})
	t.Run("NoWritesAfterAPage", func(t *testing.T) {
		for name, last := range map[string]chaincode.Step{
			"put": put(p+"x", "1"), "delete": {Op: "delete", Key: p + "0000"}, "policy": setPolicy(p+"0000", lab), "private": private("open", p+"x", "1"),
		} {
			_, err := m.tryEndorse(t, steps(page(3, ""), last))
			require.Contains(t, explain(err), "Transaction has already performed a paginated query. Writes are not allowed", name)
		}
	})
	t.Run("NoPageAfterAWrite", func(t *testing.T) {
		for name, first := range map[string]chaincode.Step{
			"put": put(p+"x", "1"), "delete": {Op: "delete", Key: p + "0000"}, "private": private("open", p+"x", "1"),
		} {
			_, err := m.tryEndorse(t, steps(first, page(3, "")))
			require.Contains(t, explain(err), "Paginated queries are supported only in a read-only transaction", name)
		}
	})
	t.Run("EventsAreAllowedBesideAPage", func(t *testing.T) {
		s.submit(t, m, steps(page(3, ""), event("paged", "")))
	})
}

func testCompositeKeys(t *testing.T, s *suite) {
	m := s.members[carrier]
	p := s.prefix()
	lot := p + "lot"
	s.submit(t, m, steps(
		composite(p, "a", "1"), composite(p, "a", "2"), composite(p, "ab", "1"), composite(p, "b", "1"),
		chaincode.Step{Op: "putComposite", Key: lot + "s", Keys: []string{"a", "1"}, Value: "1"}))
	keys := func(t *testing.T, attributes ...string) [][]string {
		t.Helper()
		rows := m.evaluate(t, steps(chaincode.Step{Op: "composite", Key: lot, Keys: attributes}))[0].Rows
		var found [][]string
		for _, row := range rows {
			split := m.evaluate(t, steps(chaincode.Step{Op: "splitKey", Key: row.Key}))[0]
			require.Equal(t, lot, split.Value)
			found = append(found, split.Values)
		}
		return found
	}
	require.Equal(t, [][]string{{"a", "1"}, {"a", "2"}, {"ab", "1"}, {"b", "1"}}, keys(t))
	require.Equal(t, [][]string{{"a", "1"}, {"a", "2"}}, keys(t, "a"))
	require.Equal(t, [][]string{{"a", "1"}}, keys(t, "a", "1"), "the whole key is a prefix of itself")
	require.Nil(t, keys(t, "c"))
	require.Equal(t, "\x00"+lot+"\x00a\x001\x00",
		m.evaluate(t, steps(chaincode.Step{Op: "compositeKey", Key: lot, Keys: []string{"a", "1"}}))[0].Value)

	t.Run("Pages", func(t *testing.T) {
		first := m.evaluate(t, steps(chaincode.Step{Op: "compositePage", Key: lot, Size: 3}))[0]
		require.Len(t, first.Rows, 3)
		rest := m.evaluate(t, steps(chaincode.Step{Op: "compositePage", Key: lot, Size: 3, Bookmark: first.Bookmark}))[0]
		require.Len(t, rest.Rows, 1)
		require.Empty(t, rest.Bookmark)
	})
	t.Run("PagesOfAllCompositeKeys", func(t *testing.T) {
		count, bookmark := 0, ""
		for {
			got := m.evaluate(t, steps(chaincode.Step{Op: "compositeAllPage", Size: 20, Bookmark: bookmark}))[0]
			for _, row := range got.Rows {
				require.Equal(t, byte(0), row.Key[0])
				if strings.HasPrefix(row.Key, "\x00"+lot) {
					count++
				}
			}
			if bookmark = got.Bookmark; bookmark == "" {
				break
			}
		}
		require.Equal(t, 5, count)
	})
	t.Run("Private", func(t *testing.T) {
		key := m.evaluate(t, steps(chaincode.Step{Op: "compositeKey", Key: lot, Keys: []string{"x"}}))[0].Value
		s.submit(t, m, steps(private("open", key, "1")), orgs(producer, lab, carrier))
		rows := m.evaluate(t, steps(chaincode.Step{Op: "privateComposite", Collection: "open", Key: lot}), orgs(lab))[0].Rows
		require.Equal(t, []chaincode.Row{{Key: key, Value: "1"}}, rows)
	})
}

// testHistory: newest first, deletions included, invalid transactions not.
func testHistory(t *testing.T, s *suite) {
	m := s.members[carrier]
	key := s.prefix() + "a"
	began := time.Now().Add(-time.Minute).Unix()
	history := func() []chaincode.Modification {
		return m.evaluate(t, steps(chaincode.Step{Op: "history", Key: key}))[0].History
	}
	require.Empty(t, history())
	one := s.submit(t, m, steps(put(key, "1")))
	stale := m.endorse(t, steps(get(key), put(key, "never")))
	two := s.submit(t, m, steps(put(key, "2")))
	requireCode(t, peer.TxValidationCode_MVCC_READ_CONFLICT, s.commit(t, m, stale))
	gone := s.submit(t, m, steps(chaincode.Step{Op: "delete", Key: key}))
	four := s.submit(t, m, steps(put(key, "4")))
	s.submit(t, m, steps(setPolicy(key, lab))) // not a change of the value
	got := history()
	for i := range got {
		require.Greater(t, got[i].Seconds, began)
		require.LessOrEqual(t, got[i].Seconds, time.Now().Unix())
		got[i].Seconds = 0
	}
	require.Equal(t, []chaincode.Modification{
		{TxID: four.id, Value: "4"},
		{TxID: gone.id, Deleted: true},
		{TxID: two.id, Value: "2"},
		{TxID: one.id, Value: "1"},
	}, got)
	// A key that extends another has a history of its own.
	s.submit(t, m, steps(put(key+"\x01", "other"), put(key+"b", "other")))
	require.Len(t, history(), 4)
}
