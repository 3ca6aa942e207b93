package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/monitor/speech"
)

// talkPlan is how many streams talk, and how.
type talkPlan struct {
	streams int
	every   time.Duration // a stream's time between two utterances
	during  time.Duration
	oneIn   int // of so many utterances one is a violation
}

// netTalk is a busy platform: a thousand rooms, a sentence every five seconds in each, one
// in fifty against the law.
var netTalk = talkPlan{streams: 1_000, every: 5 * time.Second, during: time.Minute, oneIn: 50}

// speechAllowed is how long a verdict may take from the utterance, in milliseconds.
const speechAllowed = 3_000

// benchNetSpeech measures the time from an utterance's being sent to the commit of its
// verdict: WebSocket, durable, judged with the whole lexicon, endorsed, ordered, heard of
// by somebody who follows blocks. Meanwhile everything that was said is anchored and the
// ladder is climbed.
func benchNetSpeech(ctx context.Context, n *benchNet, run int) ([]figure, error) {
	data := filepath.Join(n.dir, fmt.Sprintf("talk-%d", run))
	endpoints, err := n.network.Endpoints(trace.PlatformMSP)
	if err != nil {
		return nil, err
	}
	connection := Connection{Channel: channelName, Chaincode: chaincodeName}
	for _, e := range endpoints {
		connection.Peers = append(connection.Peers, Peer{Address: e.Address, TLSCA: e.TLSCA})
	}
	file := filepath.Join(n.dir, fmt.Sprintf("talk-%d.yaml", run))
	if err := connection.write(file); err != nil {
		return nil, err
	}
	remote, err := openRemote(file)
	if err != nil {
		return nil, err
	}
	defer remote.Close()
	return n.talkFigures(ctx, "speech-latency-net", remote, data, run, netTalk)
}

// talkFigures has streams talk to a gateway of their own on a ledger.
func (b *benchLedger) talkFigures(ctx context.Context, name string, eng engine, data string, run int, plan talkPlan) ([]figure, error) {
	script, err := readScript()
	if err != nil {
		return nil, err
	}
	if err := b.furnishTalk(ctx, run); err != nil {
		return nil, err
	}
	h, err := b.openTalkHouse(ctx, eng, data)
	if err != nil {
		return nil, err
	}
	t := &talk{benchLedger: b, house: h, plan: plan, script: script, run: run, sent: map[spokenAt]time.Time{}}
	err = t.measure()
	if closed := h.close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(t.took)
	at := func(share int) float64 { return float64(t.took[len(t.took)*share/100].Microseconds()) / 1000 }
	against := fmt.Sprintf("allowed (%d verdicts; %.1f %% of %d utterances violate)", len(t.took), 100*float64(t.violating)/float64(t.said), t.said)
	return []figure{{name, at(99), "ms", against, speechAllowed}, {name + "-p50", at(50), "ms", against, speechAllowed}}, nil
}

// Parties of the streams, beside those of every measurement.
var talkParties = map[trace.Role]trace.PartyID{
	trace.RoleMonitor: "bench-monitor", trace.RoleHost: "bench-host", trace.RolePlatformOperator: "bench-platform-operator",
}

// furnishTalk admits who takes part and publishes the ladder, once.
func (b *benchLedger) furnishTalk(ctx context.Context, run int) error {
	if run > 0 {
		return nil
	}
	now := time.Now()
	write := func(key string) trace.Write { return trace.Write{IdempotencyKey: key, Claimed: trace.TimeOf(now)} }
	from, to := trace.TimeOf(now.AddDate(-1, 0, 0)).Date(), trace.TimeOf(now.AddDate(1, 0, 0)).Date()
	for role, party := range talkParties {
		if _, err := b.submit(ctx, trace.RoleRegulator, "registry", "AdmitParty", "admit-"+string(party), trace.AdmitPartyRequest{
			Write: write("admit-" + string(role)), Party: party, Roles: []trace.Role{role}, LegalPerson: true, Name: "测试主体", ValidFrom: from, ValidTo: to,
		}); err != nil {
			return err
		}
	}
	_, err := b.submit(ctx, trace.RoleRegulator, "rulebook", "Publish", "rulebook", trace.PublishRulebookRequest{
		Write: write("rulebook"), Version: "bench-1", Effective: from,
		Ladder: trace.LadderRules{
			Row: 3, WindowSeconds: 1800, Further: 1, ResetSeconds: 7200,
			Steps: []trace.ActionKind{trace.ActionHint, trace.ActionLimit, trace.ActionCut}, Levels: []trace.VerdictLevel{trace.LevelViolation},
		},
		Provisions: []trace.Provision{{Parameters: []string{"row", "windowSeconds", "further", "resetSeconds", "steps", "levels"}, Proposal: true, Source: "平台治理建议"}},
	})
	return err
}

// script is what hosts say.
type script struct{ violating, clear []string }

// readScript takes the labelled utterances that the check was tuned on, of what the
// streams sell: those it finds a violation in, and those it finds nothing in.
func readScript() (s script, err error) {
	lexicon, err := speech.Embedded()
	if err != nil {
		return s, err
	}
	check := newSpeechCheck(lexicon)
	content, err := os.Open(benchUtterances)
	if err != nil {
		return s, fmt.Errorf("the labelled utterances are needed, which lie beside the source: %w", err)
	}
	defer content.Close()
	rows, err := csv.NewReader(content).ReadAll()
	if err != nil {
		return s, err
	}
	for _, row := range rows[1:] {
		const category, text, label, split = 1, 3, 4, 10
		if row[category] != "beauty" || row[split] != "tune" {
			continue
		}
		findings, err := check.Check(floor.Said{Text: row[text], Categories: []trace.Category{trace.CategoryCosmetics}})
		if err != nil {
			return s, err
		}
		violates := slices.ContainsFunc(findings, func(f floor.Finding) bool { return f.Level == trace.LevelViolation })
		switch {
		case row[label] == "violation" && violates:
			s.violating = append(s.violating, row[text])
		case row[label] == "clear" && len(findings) == 0:
			s.clear = append(s.clear, row[text])
		}
	}
	if len(s.violating) == 0 || len(s.clear) == 0 {
		return s, fmt.Errorf("of the labelled utterances %d violate and %d do not", len(s.violating), len(s.clear))
	}
	return s, nil
}

// text is what is said next.
func (s script) text(random *rand.Rand, violates bool) string {
	from := s.clear
	if violates {
		from = s.violating
	}
	return from[random.IntN(len(from))]
}

// openStreams puts the run's streams on file.
func (t *talk) openStreams(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(benchClients)
	for i := range t.plan.streams {
		group.Go(func() error {
			id, now := t.stream(i), trace.TimeOf(time.Now())
			receipt, err := t.submit(ctx, trace.RoleMerchant, "stream", "Open", string(id), trace.OpenStreamRequest{
				Write: trace.Write{IdempotencyKey: string(id), Claimed: now}, Stream: id, Room: trace.RoomID(id), Merchant: "bench-merchant", Planned: now + 3_600_000,
				Hosts: []trace.StreamHost{{Party: talkParties[trace.RoleHost]}}, Products: []trace.StreamProduct{{GTIN: benchProduct}},
				Commitment: trace.Commitment{Text: trace.DigestOf([]byte("承诺")), Signatures: []trace.Signature{
					{Party: talkParties[trace.RoleHost], At: now - 1000}, {Party: "bench-merchant", At: now - 1000},
				}},
			})
			if err == nil {
				err = t.house.node.index.WaitFor(ctx, receipt.Block)
			}
			return err
		})
	}
	return group.Wait()
}

func (t *talk) stream(i int) trace.StreamID {
	return trace.StreamID(fmt.Sprintf("talk-%d-%04d", t.run, i))
}
