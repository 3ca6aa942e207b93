package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ledger"
)

// job is one request to one gateway; the same name gives the same request.
type job struct {
	gateway *house
	msp     string
	name    string
}

// flooding sends thousands of requests at once.
var flooding = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096}}

// request is a fact of the organisation's actor.
func (s *organisations) request(j job) (role trace.Role, path string, body map[string]any) {
	role = actors[j.msp].role
	made := s.made
	switch j.msp {
	case trace.ProducerMSP:
		return role, "/batches", lotRequest(made, j.name)
	case trace.LabMSP:
		return role, "/inspections", map[string]any{
			"claimed": made + 180_000, "sample": "lot", "lot": map[string]any{"gtin": "09520000200015", "lot": "BASE"}, "sampledAt": made + 60_000, "reportedAt": made + 120_000,
			"certificateNumber": j.name, "certificate": trace.DigestOf([]byte(j.name)),
			"items": []map[string]any{{"substance": "lead", "method": "STSC 2015", "result": "number", "value": "0.3", "unit": "mg/kg"}},
		}
	case trace.CarrierMSP:
		return role, "/device-bindings", map[string]any{"claimed": s.departed, "device": j.name, "shipment": "sh-1", "from": s.departed}
	case trace.PlatformMSP:
		return role, "/monitor-rules", map[string]any{"claimed": made, "monitor": "coldchain", "version": j.name, "description": "示范规则", "content": trace.DigestOf([]byte(j.name))}
	default:
		date := made.Date()
		return role, "/parties", map[string]any{
			"claimed": made, "party": "p-" + j.name, "roles": []string{"farm"}, "legalPerson": true, "name": "示范农场", "validFrom": date, "validTo": date + 365,
		}
	}
}

// send makes the request and notes the answer. wait is how long the answer says to wait.
func (s *organisations) send(j job) (refusal *api.Problem, wait time.Duration) {
	written, refusal, wait, err := s.post(j)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil: // the gateway was killed
		s.unsettled = append(s.unsettled, j)
		return nil, 50 * time.Millisecond
	case refusal == nil:
		s.note(written)
	case refusal.Code == ledger.CodeBusy: // nothing was sent, which the count of records shows
	case refusal.Retriable:
		s.unsettled = append(s.unsettled, j)
	default:
		s.broken = append(s.broken, fmt.Sprintf("%s of %s: %s %s", j.name, j.msp, refusal.Code, refusal.Detail))
	}
	return refusal, wait
}

func (s *organisations) note(written api.Written) {
	if earlier, ok := s.acknowledged[written.Record]; ok && earlier != written.Transaction {
		s.broken = append(s.broken, fmt.Sprintf("%s is said to be of %s and of %s", written.Record, earlier, written.Transaction))
	}
	s.acknowledged[written.Record] = written.Transaction
}

func (s *organisations) post(j job) (written api.Written, refusal *api.Problem, wait time.Duration, err error) {
	role, path, body := s.request(j)
	content, err := json.Marshal(body)
	if err != nil {
		return written, nil, 0, err
	}
	s.mu.Lock() // a gateway that is started again has another address
	base := j.gateway.base
	s.mu.Unlock()
	request, err := http.NewRequest(http.MethodPost, base+"/v1"+path, bytes.NewReader(content))
	if err != nil {
		return written, nil, 0, err
	}
	request.Header.Set("Authorization", "Bearer "+j.gateway.tokens[role])
	request.Header.Set("Idempotency-Key", j.name)
	response, err := flooding.Do(request)
	if err != nil {
		return written, nil, 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return written, nil, 0, err
	}
	if response.StatusCode == http.StatusCreated {
		return written, nil, 0, json.Unmarshal(answer, &written)
	}
	if seconds := response.Header.Get("Retry-After"); seconds != "" {
		wait, _ = time.ParseDuration(seconds + "s")
	}
	refusal = &api.Problem{}
	return written, refusal, wait, json.Unmarshal(answer, refusal)
}

// repeat sends a request until it is done, as its client would.
func (s *organisations) repeat(j job) {
	for deadline := time.Now().Add(4 * time.Minute); ; {
		written, refusal, wait, err := s.post(j)
		if err == nil && refusal == nil {
			s.mu.Lock()
			s.note(written)
			s.mu.Unlock()
			return
		}
		if err != nil || !refusal.Retriable || time.Now().After(deadline) {
			s.mu.Lock()
			s.broken = append(s.broken, fmt.Sprintf("%s of %s repeated: %+v, %v", j.name, j.msp, refusal, err))
			s.mu.Unlock()
			return
		}
		<-time.After(min(wait, 200*time.Millisecond))
	}
}

const writersEach = 2

// organisationWriters are writers at several gateways.
type organisationWriters struct {
	s     *organisations
	stop  context.CancelFunc
	group sync.WaitGroup
	done  map[string]*atomic.Int64 // by organisation, acknowledged
}

// turns make the names of requests new.
var turns atomic.Int64

func (s *organisations) write(msps ...string) *organisationWriters {
	ctx, stop := context.WithCancel(s.t.Context())
	w := &organisationWriters{s: s, stop: stop, done: map[string]*atomic.Int64{}}
	turn := turns.Add(1)
	for _, msp := range msps {
		done := &atomic.Int64{}
		w.done[msp] = done
		for writer := range writersEach {
			w.group.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					refusal, wait := s.send(job{s.gateways[msp], msp, fmt.Sprintf("w%d-%d-%d", turn, writer, i)})
					if refusal == nil && wait == 0 {
						done.Add(1)
						continue
					}
					select {
					case <-ctx.Done():
					case <-time.After(min(wait, 200*time.Millisecond)):
					}
				}
			})
		}
	}
	return w
}

// more waits for so many further acknowledgements at every gateway.
func (w *organisationWriters) more(facts int64) {
	w.s.t.Helper()
	w.moreOf(facts, trace.MSPs()...)
}

func (w *organisationWriters) moreOf(facts int64, msps ...string) {
	w.s.t.Helper()
	goal := map[string]int64{}
	for _, msp := range msps {
		goal[msp] = w.done[msp].Load() + facts
	}
	reached := func() bool {
		for msp, facts := range goal {
			if w.done[msp].Load() < facts {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(4 * time.Minute); !reached(); <-time.After(5 * time.Millisecond) {
		if time.Now().Before(deadline) {
			continue
		}
		for msp, facts := range goal {
			w.s.t.Logf("%s: %d facts of %d", msp, w.done[msp].Load(), facts)
		}
		require.FailNow(w.s.t, "the writers do not go on")
	}
}

func (w *organisationWriters) end() {
	w.stop()
	w.group.Wait()
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	require.Empty(w.s.t, w.s.broken)
}

// refusedForNow demands a coded answer that says that nothing is recorded.
func (s *organisations) refusedForNow(msp string) {
	s.t.Helper()
	refusal, _ := s.send(job{s.gateways[msp], msp, fmt.Sprintf("outage-%d", turns.Add(1))})
	require.NotNil(s.t, refusal)
	require.Contains(s.t, []trace.Code{ledger.CodeLedgerUnavailable, ledger.CodeOutcomeUnknown}, refusal.Code, refusal.Detail)
	require.True(s.t, refusal.Retriable)
	s.t.Logf("while the peer of %s is away: %s %s", msp, refusal.Code, refusal.Detail)
}

// doubled sends each request through three gateways at two peers at once, of two
// organisations: one record, and all are told its transaction.
func (s *organisations) doubled(requests int) {
	turn := turns.Add(1)
	var group sync.WaitGroup
	for i := range requests {
		for _, gateway := range []*house{s.gateways[trace.ProducerMSP], s.second, s.gateways[trace.PlatformMSP]} {
			group.Go(func() { s.repeat(job{gateway, trace.ProducerMSP, fmt.Sprintf("twice-%d-%d", turn, i)}) })
		}
	}
	group.Wait()
	require.Empty(s.t, s.broken, "all answers name one transaction")
}

// contested has two organisations make the same change at once, each as its own party through
// its own gateway: the producer and the regulator void a code pack. One is recorded, and the
// other one is told that it is void.
func (s *organisations) contested(packs int) {
	producer, regulator := s.gateways[trace.ProducerMSP], s.gateways[trace.RegulatorMSP]
	kind := fmt.Sprintf("contested-%d-", turns.Add(1))
	made := map[string]trace.PackID{} // by lot
	for i := range packs {
		lot := fmt.Sprint(kind, i)
		s.note(producer.must(trace.RoleFactory, "/batches", lot, lotRequest(s.made, lot)))
		made[lot] = s.order(producer, lot)
	}
	s.levelPeers()
	for lot, pack := range made {
		body := map[string]any{"claimed": trace.TimeOf(time.Now()), "pack": pack, "to": trace.PackVoid, "reason": "标签印错"}
		var group sync.WaitGroup
		var recorded atomic.Int64
		for role, gateway := range map[trace.Role]*house{trace.RoleFactory: producer, trace.RoleRegulator: regulator} {
			group.Go(func() {
				written, refusal, err := gateway.settled(s.t.Context(), role, "/code-pack-changes", lot, body)
				switch {
				case err != nil:
					s.t.Errorf("%s voids %s: %v", role, lot, err)
				case refusal == nil:
					recorded.Add(1)
					s.mu.Lock()
					defer s.mu.Unlock()
					s.note(written)
				case refusal.Code != trace.CodeState:
					s.t.Errorf("%s voids %s: %+v", role, lot, refusal)
				}
			})
		}
		group.Wait()
		require.EqualValues(s.t, 1, recorded.Load(), lot)
	}
	s.level(producer, regulator)
	for _, gateway := range []*house{producer, regulator} {
		changes := map[string]int{} // by pack
		role := map[*house]trace.Role{producer: trace.RoleFactory, regulator: trace.RoleRegulator}[gateway]
		var page struct {
			Records []struct {
				Value trace.PackChange `json:"value"`
			} `json:"records"`
		}
		require.Equal(s.t, http.StatusOK, gateway.get(role, "/v1/records?limit=200&kind=packchange", &page))
		for _, change := range page.Records {
			changes[string(change.Value.Pack)]++
		}
		require.GreaterOrEqual(s.t, len(changes), packs)
		for pack, times := range changes {
			require.Equal(s.t, 1, times, "pack %s", pack)
		}
	}
}

// lostAnswers loses the answer of the first submit of each request on its way back. The
// gateway finds out what became of it; its caller asks again only where that took longer than
// an answer may.
func (s *organisations) lostAnswers(requests int) {
	turn := turns.Add(1)
	s.drops.lose.Store(int64(requests))
	var group sync.WaitGroup
	for i := range requests {
		group.Go(func() {
			j := job{s.second, trace.ProducerMSP, fmt.Sprintf("lost-%d-%d", turn, i)}
			began := time.Now()
			written, refusal, _, err := s.post(j)
			switch {
			case err == nil && refusal == nil:
				s.mu.Lock()
				defer s.mu.Unlock()
				s.note(written)
			case err == nil && refusal.Retriable && (refusal.Code != ledger.CodeOutcomeUnknown || time.Since(began) > 30*time.Second):
				s.t.Logf("%s: %s after %s", j.name, refusal.Code, time.Since(began))
				s.repeat(j)
			default:
				s.t.Errorf("request whose answer was lost: %+v, %v", refusal, err)
			}
		})
	}
	group.Wait()
	require.Zero(s.t, s.drops.lose.Load(), "so many answers were lost")
}

// flood has 256 clients write, as many as the gateway has under way at once, then many
// more than the network can serve, all at once, and then the 256 again: what is too much is
// refused, the rest goes on to the last fact, and the gateway's memory stays bounded.
// goodput is that of the many against that of the 256.
func (s *organisations) flood(facts int64, clients int) (goodput float64) {
	gateway := s.gateways[trace.ProducerMSP]
	idle := gateway.metric("process_resident_memory_bytes", "") / (1 << 20)
	before := s.drive("peak", facts, 256, 0)
	over := s.drive("flood", facts, clients, time.Second)
	flooded := gateway.metric("process_resident_memory_bytes", "") / (1 << 20)
	after := s.drive("after", facts, 256, 0)
	s.t.Logf("goodput %.0f/s with 256 clients, %.0f/s with %d (ratio %.2f; %d answered BUSY, the last to come back after %s), %.0f/s after; gateway %.0f MiB before, %.0f MiB flooded",
		before.rate, over.rate, clients, over.rate/before.rate, over.busy, over.wait, after.rate, idle, flooded)
	require.Positive(s.t, over.busy, "what is too much is refused")
	require.Greater(s.t, over.wait, time.Second, "the many are told to stay away longer")
	require.Less(s.t, flooded, 1024.0)
	return over.rate / before.rate
}

type driven struct {
	rate float64 // acknowledged a second
	busy int64
	wait time.Duration // the longest that a client was told to stay away
}

// drive has so many clients ask the producers' gateway as fast as they are answered,
// until so many facts are acknowledged, and gives the rate up to then. It goes on until one
// of them was told to stay away for longer than a time: a fast network has the facts before
// all clients have come. Told to end, a client still waits for its last answer.
func (s *organisations) drive(name string, facts int64, clients int, away time.Duration) (d driven) {
	ctx, stop := context.WithTimeout(s.t.Context(), 6*time.Minute)
	defer stop()
	began, turn := time.Now(), turns.Add(1)
	var took time.Duration
	var done int64
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				refusal, wait := s.send(job{s.gateways[trace.ProducerMSP], trace.ProducerMSP, fmt.Sprintf("%s%d-%d-%d", name, turn, c, i)})
				acknowledged := refusal == nil && wait == 0
				s.mu.Lock()
				switch {
				case acknowledged:
					if done++; done == facts {
						took = time.Since(began)
					}
				case refusal != nil && refusal.Code == ledger.CodeBusy:
					d.busy++
					d.wait = max(d.wait, wait)
				}
				if took > 0 && (away == 0 || d.wait > away) {
					stop()
				}
				s.mu.Unlock()
				if acknowledged {
					continue
				}
				select {
				case <-ctx.Done():
				case <-time.After(wait):
				}
			}
		})
	}
	group.Wait()
	require.Positive(s.t, took, "%s: %d facts of %d in six minutes", name, done, facts)
	d.rate = float64(facts) / took.Seconds()
	return d
}
