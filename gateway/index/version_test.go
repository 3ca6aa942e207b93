package index_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// shown is everything the lot's pages are drawn from, without the versions.
func (s *tale) shown(t require.TestingT, id trace.LotID) string {
	page, found, err := s.Page(id, "", 0, day(2026, 10, 20))
	require.NoError(t, err)
	require.True(t, found)
	page.Lot.Version = 0
	parts := []any{page, page.Facts}
	for i := range page.Lot.Packs {
		id := page.Lot.Packs[i].ID
		for _, group := range page.Lot.JourneyGroups(id) {
			item, found, err := s.Page(page.Lot.ID, id, group.First, day(2026, 10, 20))
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, group.Group, item.Journey.Group)
			parts = append(parts, item.Journey, item.Facts)
		}
	}
	text, err := json.Marshal(parts)
	require.NoError(t, err)
	return string(text)
}

// TestVersionNeverMissesAChange writes random facts about two lots that share a
// plot, parties, shipments and a device. Whenever what a page shows changed, its
// version did.
func TestVersionNeverMissesAChange(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := newTale(t)
		second := lotOf(juice, "B/2")
		s.then(s.batch(second, s.lot))
		s.then(s.activate("K1WF0002", second)...)
		lots := []trace.LotID{s.lot, second}
		var verdicts []struct {
			of  trace.Subject
			key trace.Key
		}
		n := 0
		name := func(prefix string) string { n++; return fmt.Sprintf("%s-%03d", prefix, n) }
		trucks := []trace.ShipmentID{"truck-00"}
		s.then(s.dispatch("truck-00", unitA, pack, farm, s.lot))
		streams := []trace.StreamID{"live-00"}
		s.then(s.open("live-00", shop, kiwi))
		choose := func() sent {
			id := rapid.SampledFrom(lots).Draw(r, "lot")
			ride := rapid.SampledFrom(trucks).Draw(r, "truck")
			party := rapid.SampledFrom([]trace.PartyID{farm, lab, carrier, carrier2, shop, watcher}).Draw(r, "party")
			subject := rapid.SampledFrom([]trace.Subject{
				state.LotSubject(id), state.ShipmentSubject(ride), state.ProductSubject(id.GTIN), state.PackSubject(pack),
				state.PartySubject(party), state.DeviceSubject(tracker), state.PlotSubject(farm, plot, season),
				state.StreamSubject(rapid.SampledFrom(streams).Draw(r, "stream")),
			}).Draw(r, "subject")
			var tx sent
			switch rapid.IntRange(0, 16).Draw(r, "what") {
			case 0:
				tx, _ = s.log(nil, trace.ActivitySoil, "")
			case 1:
				tx, _ = s.log(&id, trace.ActivitySort, "")
			case 2:
				tx, _ = s.inspect(id, trace.JudgedPass, "")
			case 3:
				ride = trace.ShipmentID(name("truck"))
				trucks = append(trucks, ride)
				tx = s.dispatch(ride, unitA, pack, carrier, id)
			case 4:
				tx = s.bind(tracker, ride)
			case 5:
				n++
				tx = s.segment(tracker, ride, int64(n))
			case 6:
				tx = s.handover(ride, carrier, carrier2)
			case 7:
				tx = s.arrive(ride, carrier2, unitA)
			case 8:
				var key trace.Key
				tx, key = s.verdict(subject, trace.LevelWarning)
				verdicts = append(verdicts, struct {
					of  trace.Subject
					key trace.Key
				}{subject, key})
			case 9:
				if len(verdicts) == 0 {
					return s.admit(trace.PartyID(name("party")), trace.RoleFarm)
				}
				v := rapid.SampledFrom(verdicts).Draw(r, "verdict")
				tx = s.overturn(v.of, v.key)
			case 10:
				first := rapid.Int64Range(1, 1900).Draw(r, "first")
				tx, _ = s.recall(id, rapid.SampledFrom([]*trace.CodeRange{nil, {Pack: pack, First: first, Last: first + 20}}).Draw(r, "codes"), rapid.Bool().Draw(r, "active"), "")
			case 11:
				tx, _ = s.stand(rapid.SampledFrom([]trace.PartyStatus{trace.PartyActive, trace.PartySuspended}).Draw(r, "status"), party)
			case 12:
				tx = s.licence(party, name("licence"))
			case 13:
				live := trace.StreamID(name("live"))
				streams = append(streams, live)
				tx = s.open(live, shop, id.GTIN)
			case 14:
				tx = s.hint(streams[len(streams)-1], id.GTIN)
			case 15:
				live := trace.StreamID(name("live"))
				s.then(s.open(live, shop, id.GTIN))
				tx = s.closeStream(live)
			default:
				tx = s.batch(lotOf(kiwi, name("L")), id)
			}
			return tx
		}
		before, versions := make([]string, len(lots)), make([]uint64, len(lots))
		for step := range rapid.IntRange(3, 12).Draw(r, "steps") {
			if step > 0 {
				s.then(choose())
			}
			for i, id := range lots {
				now, version := s.shown(r, id), s.Version(id)
				if step > 0 && now != before[i] {
					require.Greater(r, version, versions[i], id)
				}
				before[i], versions[i] = now, version
			}
		}
		aside, _, err := s.Rejected("", 0)
		require.NoError(r, err)
		require.Empty(r, aside)
	})
}

// Readers run beside the fold: what they see is whole, and never older than the
// version they asked for first.
func TestReadersBesideTheFold(t *testing.T) {
	s := newTale(t)
	s.then(s.dispatch(truck, unitA, pack, farm, s.lot))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				version := s.Version(s.lot)
				page, found, err := s.Page(s.lot, pack, 5, day(2026, 10, 20))
				if err != nil || !found || page.Lot.Version < version || len(page.Journey.Legs[0].Segments) != len(page.Facts.Journey.Findings[0].Keys) {
					t.Errorf("version %d, page %+v, found %v, error %v", version, page, found, err)
					return
				}
			}
		})
	}
	for i := range 60 {
		before := s.Version(s.lot)
		s.then(s.segment(tracker, truck, int64(i+1)))
		require.Greater(t, s.Version(s.lot), before)
	}
	close(stop)
	readers.Wait()
}
