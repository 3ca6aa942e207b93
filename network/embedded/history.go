package embedded

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"

	"traceledger/network/block"
)

// GetHistoryForKey lists every committed write of a key, the newest first. It
// is not part of the read set: history only grows, and peers check nothing of
// it at commit.
func (s *stub) GetHistoryForKey(key string) (shim.HistoryQueryIteratorInterface, error) {
	if err := s.live(); err != nil {
		return nil, err
	}
	v := s.sim.view
	prefix := historyPrefix(s.namespace, key)
	it, err := v.snapshot.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, err
	}
	// Places are small; reading them at once leaves no iterator to be closed.
	h := &historyIterator{stub: s, key: key}
	for ok := it.Last(); ok && len(h.places) < totalQueryLimit; ok = it.Prev() {
		if len(it.Key()) == len(prefix)+12 {
			number, index := historyPlace(it.Key())
			h.places = append(h.places, place{block: number, index: index})
		}
	}
	return h, it.Close()
}

type historyIterator struct {
	stub   *stub
	key    string
	places []place
}

func (h *historyIterator) HasNext() bool { return len(h.places) > 0 }
func (h *historyIterator) Close() error  { return nil }

func (h *historyIterator) Next() (*queryresult.KeyModification, error) {
	if len(h.places) == 0 {
		return nil, errExhausted
	}
	if err := h.stub.live(); err != nil {
		return nil, err
	}
	at := h.places[0]
	h.places = h.places[1:]
	raw, err := h.stub.sim.view.envelope(at.block, at.index)
	if err != nil {
		return nil, err
	}
	tx := block.ParseTransaction(raw)
	if tx.Action != nil {
		if ns := tx.Action.ReadWriteSet.Namespace(h.stub.namespace); ns != nil {
			for _, w := range ns.Public.GetWrites() {
				if w.GetKey() == h.key {
					return &queryresult.KeyModification{
						TxId:      tx.ID(),
						Value:     w.GetValue(),
						Timestamp: tx.ChannelHeader.GetTimestamp(),
						IsDelete:  block.IsDelete(w),
					}, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("no namespace or key is found for namespace %s and key %s with decoded blockNum %d and tranNum %d",
		h.stub.namespace, h.key, at.block, at.index)
}
