package contract_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Segments of one device, anchored by many writers at once and in any order, never
// conflict: each is endorsed before any of the others is recorded, and none is invalid.
func TestSegmentsDoNotConflict(t *testing.T) {
	j := startJourney(t)
	j.start("ship-01", j.codes(1, 20))
	j.carrier.Must("transit:BindDevice", &trace.BindDeviceRequest{
		Write: j.write(j.departed), Device: "dev-01", Shipment: "ship-01", Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: j.departed,
	})
	var previous trace.Digest
	var endorsed []*client.Transaction
	for sequence := int64(1); sequence <= 60; sequence++ {
		r, payload := segment(t, &trace.AnchorSegmentRequest{
			Device: "dev-01", Sequence: sequence, Shipment: "ship-01", Previous: previous, From: j.departed + trace.Time(sequence)*180_000,
		}, 100, 110, trace.CentiCelsius(sequence))
		previous = r.Payload
		endorsed = append(endorsed, j.carrier.Endorse("transit:AnchorSegment", r, payload, trace.MSPs()...))
	}
	var group errgroup.Group
	for _, transaction := range endorsed {
		group.Go(func() error {
			commit, err := transaction.Submit()
			if err != nil {
				return err
			}
			ended, err := commit.Status()
			if err == nil && !ended.Successful {
				err = errors.New(ended.Code.String())
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	var segments []rules.SegmentRecord
	for sequence := int64(1); sequence <= 60; sequence++ {
		key := state.SegmentKey("dev-01", sequence)
		segments = append(segments, rules.SegmentRecord{Key: key, Segment: contracttest.Value[trace.Segment](j.Ledger, key)})
	}
	findings := rules.FindJourney(contracttest.Value[trace.Shipment](j.Ledger, state.ShipmentKey("ship-01")), 0, segments)
	require.Empty(t, findings.Unchained)
	require.Empty(t, findings.Missing)
	require.Empty(t, findings.Gaps)
}

// Many carriers claim overlapping runs of one pack at once. Whatever the order, and
// however often the losers try again, no item goes to two of them.
func TestCustodyIsNeverDoubled(t *testing.T) {
	j := startJourney(t)
	const writers = 8
	var won atomic.Int64
	var group errgroup.Group
	var mu sync.Mutex
	taken := map[int64]trace.ShipmentID{}
	for w := range writers {
		carrier := j.carrier
		if w%2 == 1 {
			carrier = j.next
		}
		first := int64(1 + w*3) // 1-6, 4-9, 7-12, …: neighbours overlap
		id := trace.ShipmentID(fmt.Sprintf("ship-%02d", w))
		j.consign(id, carrier.Party)
		request := j.dispatch(id, j.codes(first, first+5))
		group.Go(func() error {
			for {
				_, err := carrier.Submit("transit:Dispatch", request)
				if err == nil {
					won.Add(1)
					mu.Lock()
					defer mu.Unlock()
					for item := first; item <= first+5; item++ {
						if other, ok := taken[item]; ok {
							return fmt.Errorf("item %d is with %s and %s", item, other, id)
						}
						taken[item] = id
					}
					return nil
				}
				if code := trace.CodeOf(err); code == trace.CodeCustody {
					return nil
				} else if code != "" {
					return err
				}
				runtime.Gosched() // a conflict between writers: ask again
			}
		})
	}
	require.NoError(t, group.Wait())
	require.GreaterOrEqual(t, won.Load(), int64(3))
	custody := contracttest.Value[trace.PackCustody](j.Ledger, state.PackCustodyKey(j.pack))
	for _, s := range custody.Spans {
		for item := s.First; item <= s.Last; item++ {
			require.Equal(t, taken[item], s.Holder.Shipment, "item %d", item)
		}
	}
}
