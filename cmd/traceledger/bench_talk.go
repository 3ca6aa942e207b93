package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"golang.org/x/sync/errgroup"

	keys "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/floor"
	"traceledger/gateway/wallet"
	"traceledger/network/block"
)

// talkHouse is a platform's gateway in this process, as docs/roles.md has it.
type talkHouse struct {
	node  *node
	base  string // ws://host:port
	token string // of the monitor that transcribes
	ctx   context.Context
	end   context.CancelFunc
	group *errgroup.Group
}

func (b *benchLedger) openTalkHouse(ctx context.Context, eng engine, data string) (h *talkHouse, err error) {
	logger, err := logTo("error")
	if err != nil {
		return nil, err
	}
	if err := b.fillWallet(filepath.Join(data, "wallet")); err != nil {
		return nil, err
	}
	cfg := defaultConfig()
	cfg.Data, cfg.RequestsPerSecond = data, 10_000 // a thousand connections are opened at once
	cfg.Floor = FloorConfig{Monitor: talkParties[trace.RoleMonitor], Operator: talkParties[trace.RolePlatformOperator]}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	cfg.PublicBase = cfg.baseOf(listener)
	h = &talkHouse{base: "ws://" + listener.Addr().String()}
	if h.node, err = openNode(cfg, eng, logger); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	h.ctx, h.end = context.WithCancel(ctx)
	h.group, h.ctx = errgroup.WithContext(h.ctx)
	answer(h.ctx, h.group, h.node.server(), listener, cfg)
	h.group.Go(func() error { return h.node.run(h.ctx) })
	h.token, err = h.node.issueToken("bench", trace.RoleMonitor, talkParties[trace.RoleMonitor], 24*time.Hour)
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *talkHouse) close() error {
	h.end()
	return errors.Join(h.group.Wait(), h.node.Close())
}

// fillWallet issues the identities that the gateway needs.
func (b *benchLedger) fillWallet(dir string) error {
	identities, err := wallet.Open(dir, nil)
	if err != nil {
		return err
	}
	parties := map[trace.Role]trace.PartyID{trace.RoleScanner: readerParty}
	for _, role := range []trace.Role{trace.RoleMonitor, trace.RolePlatformOperator} {
		parties[role] = talkParties[role]
	}
	for role, party := range parties {
		name := enrolmentName(party, role)
		certificate, key, err := b.issue(trace.PlatformMSP, name, map[string]string{trace.AttributeRole: string(role), trace.AttributeParty: string(party)})
		if err != nil {
			return err
		}
		if err := identities.Put(name, trace.PlatformMSP, certificate, key); err != nil {
			return err
		}
	}
	return nil
}

// spokenAt is an utterance as its verdict names it.
type spokenAt struct {
	stream trace.StreamID
	from   trace.Time
}

// talk is streams that talk, and how long the verdicts on them take.
type talk struct {
	*benchLedger
	house  *talkHouse
	plan   talkPlan
	script script
	run    int

	mu        sync.Mutex
	said      int
	violating int
	sent      map[spokenAt]time.Time // violations
	judged    map[spokenAt]bool
	took      []time.Duration // from an utterance to a verdict on it
}

// lastVerdicts is how long verdicts may take when nobody speaks any more.
const lastVerdicts = 2 * time.Minute

func (t *talk) measure() error {
	t.judged = map[spokenAt]bool{}
	reader := t.users[trace.RoleScanner]
	height, err := t.client.Height(t.house.ctx, reader)
	if err != nil {
		return err
	}
	if err := t.openStreams(t.house.ctx); err != nil {
		return fmt.Errorf("open streams: %w", err)
	}
	listening, hangUp := context.WithCancel(t.house.ctx)
	defer hangUp()
	heard := make(chan error, 1)
	go func() { heard <- t.client.Blocks(listening, reader, height, t.hear) }()

	sockets := make([]*websocket.Conn, t.plan.streams)
	var group errgroup.Group
	group.SetLimit(benchClients)
	for i := range sockets {
		group.Go(func() (err error) {
			sockets[i], _, err = websocket.Dial(t.house.ctx, t.house.base+"/v1/streams/"+string(t.stream(i))+"/transcript",
				&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + t.house.token}}})
			return err
		})
	}
	err = group.Wait()
	defer func() {
		for _, socket := range sockets {
			if socket != nil {
				_ = socket.CloseNow()
			}
		}
	}()
	if err != nil {
		return err
	}
	var rooms errgroup.Group
	for i, socket := range sockets {
		rooms.Go(func() error { return t.speak(i, socket) })
	}
	if err := rooms.Wait(); err != nil {
		return err
	}
	for deadline := time.Now().Add(lastVerdicts); ; {
		t.mu.Lock()
		open := t.violating - len(t.judged)
		t.mu.Unlock()
		switch {
		case open == 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%d of %d violations have no verdict %s after the last word", open, t.violating, lastVerdicts)
		}
		select {
		case err := <-heard:
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// speak is one room: it begins somewhere within the first pause, and says as much as fits
// into the plan's time, on a machine that is held up in a longer one.
func (t *talk) speak(i int, socket *websocket.Conn) error {
	random := rand.New(rand.NewPCG(uint64(t.run), uint64(i)))
	if _, err := t.through(socket); err != nil {
		return err
	}
	ctx := t.house.ctx
	timer := time.NewTimer(time.Duration(random.Int64N(int64(t.plan.every))))
	defer timer.Stop()
	for number := int64(1); number <= int64(t.plan.during/t.plan.every); number++ {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		timer.Reset(t.plan.every)
		violates := (int(number)+i)%t.plan.oneIn == 0
		text := t.script.text(random, violates)
		now := trace.TimeOf(time.Now())
		said := floor.Spoken{Number: number, From: now - 2_000, To: now, Host: talkParties[trace.RoleHost], Text: text}
		message, err := json.Marshal(api.Utterances{Utterances: []floor.Spoken{said}})
		if err != nil {
			return err
		}
		t.mu.Lock()
		if t.said++; violates {
			t.violating++
			t.sent[spokenAt{t.stream(i), said.From}] = time.Now()
		}
		t.mu.Unlock()
		if err := socket.Write(ctx, websocket.MessageText, message); err != nil {
			return err
		}
		through, err := t.through(socket)
		if err != nil {
			return err
		}
		if through != number {
			return fmt.Errorf("stream %s: utterance %d was sent, the transcript is here up to %d", t.stream(i), number, through)
		}
	}
	return nil
}

// through reads an acknowledgement.
func (t *talk) through(socket *websocket.Conn) (int64, error) {
	_, content, err := socket.Read(t.house.ctx)
	if err != nil {
		return 0, err
	}
	var answer struct {
		api.Taken
		Detail string `json:"detail"` // of a refusal
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return 0, err
	}
	if answer.Detail != "" {
		return 0, errors.New(answer.Detail)
	}
	return answer.Through, nil
}

// hear takes the valid verdicts on streams out of a block.
func (t *talk) hear(b *common.Block) error {
	now := time.Now()
	flags, err := block.Flags(b)
	if err != nil {
		return err
	}
	for i, raw := range b.GetData().GetData() {
		if flags[i] != peer.TxValidationCode_VALID {
			continue
		}
		parsed := block.ParseTransaction(raw)
		if parsed.Defect != nil || parsed.Action == nil {
			continue // the channel's configuration
		}
		set := parsed.Action.ReadWriteSet.Namespace(chaincodeName)
		if set == nil {
			continue
		}
		for _, w := range set.Public.GetWrites() {
			fact, ok := keys.ParseFactKey(trace.Key(w.GetKey()))
			if !ok || fact.Kind != keys.FactVerdict || fact.Subject.Kind != trace.SubjectStream {
				continue
			}
			var verdict trace.Verdict
			if err := json.Unmarshal(w.GetValue(), &verdict); err != nil {
				return err
			}
			t.committed(spokenAt{trace.StreamID(fact.Subject.ID), verdict.Observed}, now)
		}
	}
	return nil
}

func (t *talk) committed(on spokenAt, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sent, ours := t.sent[on]; ours {
		t.judged[on] = true
		t.took = append(t.took, at.Sub(sent))
	}
}
