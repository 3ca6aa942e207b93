package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/network/conformance/chaincode"
)

// testBatch covers the stub methods that handle many keys in one message to the
// peer: they must mean the same as their single forms.
func testBatch(t *testing.T, s *suite) {
	m := s.members[platform]
	start, finish := chaincode.Step{Op: "startBatch"}, chaincode.Step{Op: "finishBatch"}
	del := func(key string) chaincode.Step { return chaincode.Step{Op: "delete", Key: key} }

	t.Run("AllKindsOfWrites", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(
			start,
			put(p+"a", "1"), put(p+"b", "2"), put(p+"b", "3"), del(p+"a"), setPolicy(p+"b", lab),
			private("open", p+"c", "4"),
			finish,
			put(p+"d", "5")), orgs(producer, lab, carrier))
		read := s.members[lab].evaluate(t, steps(
			chaincode.Step{Op: "getAll", Keys: []string{p + "a", p + "b", p + "missing", p + "d"}},
			chaincode.Step{Op: "privateGetAll", Collection: "open", Keys: []string{p + "c", p + "missing"}},
			getPolicy(p+"b")), orgs(lab))
		require.Equal(t, []string{"", "3", "", "5"}, read[0].Values)
		require.Equal(t, []string{"4", ""}, read[1].Values)
		require.Equal(t, []string{lab}, read[2].Values)
	})
	t.Run("MoreThanOneMessageHolds", func(t *testing.T) {
		p := s.prefix()
		list := append(steps(start), manyRows(p, 1500)...)
		s.submit(t, m, append(list, finish))
		var keys []string
		for i := range 1500 {
			keys = append(keys, fmt.Sprintf("%s%04d", p, i))
		}
		values := m.evaluate(t, steps(chaincode.Step{Op: "getAll", Keys: append(keys, p+"missing")}))[0].Values
		require.Len(t, values, 1501)
		require.Equal(t, "1", values[1499])
		require.Empty(t, values[1500])
	})
	t.Run("NotFinished", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(start, put(p+"a", "1")))
		require.Equal(t, "1", m.get(t, p+"a").Value, "the end of the transaction finishes it")
	})
	t.Run("ReadsInside", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(put(p+"a", "old")))
		done := s.submit(t, m, steps(start, put(p+"a", "new"), get(p+"a"), scan(p, p+"~"), finish, get(p+"a")))
		require.Equal(t, "old", done.results[2].Value)
		require.Equal(t, []chaincode.Row{{Key: p + "a", Value: "old"}}, done.results[3].Rows)
		require.Equal(t, "old", done.results[5].Value)
	})
	t.Run("Empty", func(t *testing.T) {
		done := s.submit(t, m, steps(start, finish, chaincode.Step{Op: "getAll"}))
		require.Empty(t, done.results[2].Values)
	})
	t.Run("ProhibitionsHold", func(t *testing.T) {
		p := s.prefix()
		page := chaincode.Step{Op: "rangePage", Key: p, End: p + "~", Size: 3}
		_, err := m.tryEndorse(t, steps(page, start, put(p+"a", "1"), finish))
		require.Contains(t, explain(err), "Transaction has already performed a paginated query. Writes are not allowed")
		_, err = m.tryEndorse(t, steps(start, put(p+"a", "1"), finish, page))
		require.Contains(t, explain(err), "Paginated queries are supported only in a read-only transaction")
		_, err = m.tryEndorse(t, steps(start, put("", "1"), finish))
		require.Contains(t, explain(err), "key must not be an empty string")
	})
}
