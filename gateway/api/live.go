package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
)

// Bounds of the live floor's connections, well below those of the server.
const (
	transcriptBytes   = 512 << 10 // of a batch of utterances
	messageBytes      = 64 << 10  // of a message on a WebSocket
	maxTranscripts    = 2_000     // WebSockets at once
	maxOwnTranscripts = 1_500     // of one token
	maxFollowers      = 500       // of the events
	maxOwnFollowers   = 20        // of one token
	pingEvery         = 20 * time.Second
	answerIn          = 10 * time.Second // a reader slower than this is let go
	selfCheckBytes    = 64 << 10
)

// Utterances is a batch of a transcript.
type Utterances struct {
	Utterances []floor.Spoken `json:"utterances"`
}

// Taken acknowledges a transcript up to an utterance: they are durable.
type Taken struct {
	Through int64 `json:"through"`
}

func (a *API) liveFloor() (*floor.Floor, error) {
	if a.Floor == nil {
		return nil, trace.Errorf(trace.CodeNotReady, "this gateway runs no live floor")
	}
	return a.Floor, nil
}

// takeUtterances keeps a batch of a stream's transcript.
func (a *API) takeUtterances(c *gin.Context) (answer, error) {
	if c.Request.ContentLength > transcriptBytes {
		// Known before any of it is read; the connection is not worth draining.
		c.Header("Connection", "close")
		return answer{}, trace.Errorf(trace.CodeTooLarge, "body has more than %d bytes", transcriptBytes)
	}
	body, err := readBody(c, transcriptBytes)
	if err != nil {
		return answer{}, err
	}
	var batch Utterances
	if err := decodeStrict(body, &batch); err != nil {
		return answer{}, err
	}
	through, err := a.accept(c.Request.Context(), callerOf(c), c.Param("stream"), batch.Utterances)
	return answer{http.StatusOK, Taken{through}}, err
}

func (a *API) accept(ctx context.Context, who Caller, stream string, batch []floor.Spoken) (int64, error) {
	f, err := a.liveFloor()
	if err != nil {
		return 0, err
	}
	return f.Accept(ctx, transcriber(who), trace.StreamID(stream), batch)
}

func transcriber(who Caller) floor.Transcriber {
	return floor.Transcriber{Party: trace.PartyID(who.Token.Party), Role: trace.Role(who.Token.Role), Enrolment: who.Token.Enrolment}
}

// transcribed says how far a transcript is here, so that a transcriber goes on from there.
func (a *API) transcribed(c *gin.Context) (answer, error) {
	f, err := a.liveFloor()
	if err != nil {
		return answer{}, err
	}
	stream := trace.StreamID(c.Param("stream"))
	if err := stream.Validate(); err != nil {
		return answer{}, err
	}
	through, err := f.Transcribed(trace.PartyID(callerOf(c).Token.Party), stream)
	return answer{http.StatusOK, Taken{through}}, err
}

// places counts connections, of all and of each token.
type places struct {
	mu       sync.Mutex
	all, own int // allowed
	taken    int
	of       map[string]int
}

func newPlaces(all, own int) *places { return &places{all: all, own: own, of: map[string]int{}} }

func (p *places) take(token string) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.all || p.of[token] >= p.own {
		return nil, trace.Errorf(CodeRateLimited, "%d connections are open, %d of them with this token; at most %d and %d", p.taken, p.of[token], p.all, p.own)
	}
	p.taken++
	p.of[token]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.taken--
		if p.of[token]--; p.of[token] == 0 {
			delete(p.of, token)
		}
	}, nil
}

// transcript takes utterances over a WebSocket: each text message is one batch, answered
// by Taken or by a Problem, after which the connection goes on. The first message from
// here says how far the transcript is.
func (a *API) transcript(c *gin.Context) {
	f, err := a.liveFloor()
	if err != nil {
		a.fail(c, err)
		return
	}
	who, stream := callerOf(c), trace.StreamID(c.Param("stream"))
	if err := stream.Validate(); err != nil {
		a.fail(c, err)
		return
	}
	leave, err := a.transcripts.take(who.Token.ID)
	if err != nil {
		a.fail(c, err)
		return
	}
	defer leave()
	defer f.Connected("transcript")()
	through, err := f.Transcribed(trace.PartyID(who.Token.Party), stream)
	if err != nil {
		a.fail(c, err)
		return
	}
	ws, err := websocket.Accept(c.Writer, c.Request, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(messageBytes) // a longer message closes with 1009, unread
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	if a.put(ctx, ws, Taken{through}) != nil {
		return
	}
	go a.keepAlive(ctx, cancel, ws, f.Done())
	for a.message(ctx, ws, who, string(stream)) == nil {
	}
}

// keepAlive finds out when the other side is gone, or does not read.
func (a *API) keepAlive(ctx context.Context, cancel func(), ws *websocket.Conn, stopped <-chan struct{}) {
	defer cancel()
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-stopped:
			_ = ws.Close(websocket.StatusGoingAway, "the gateway is shutting down")
			return
		case <-tick.C:
		}
		bounded, done := context.WithTimeout(ctx, answerIn)
		err := ws.Ping(bounded)
		done()
		if err != nil {
			return
		}
	}
}

func (a *API) message(ctx context.Context, ws *websocket.Conn, who Caller, stream string) error {
	kind, body, err := ws.Read(ctx)
	if err != nil {
		return err
	}
	if kind != websocket.MessageText {
		return ws.Close(websocket.StatusUnsupportedData, "messages are JSON text")
	}
	if _, err := a.Resolve(who.presented); err != nil { // revoked meanwhile
		_ = a.put(ctx, ws, problemOf(err, a.wording, a.Logger))
		return ws.Close(websocket.StatusPolicyViolation, "the token does not count any more")
	}
	var batch Utterances
	err = decodeStrict(body, &batch)
	var through int64
	if err == nil {
		through, err = a.accept(ctx, who, stream, batch.Utterances)
	}
	if err != nil {
		return a.put(ctx, ws, problemOf(err, a.wording, a.Logger.With("route", "transcript")))
	}
	return a.put(ctx, ws, Taken{through})
}

func (a *API) put(ctx context.Context, ws *websocket.Conn, body any) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	return ws.Write(ctx, websocket.MessageText, jsonOf(body))
}

// events streams actions as they are recorded: server-sent events whose ids are places of
// the chain, so that a follower goes on at any gateway where it stopped (Last-Event-ID).
// Without an id it begins with what comes next.
func (a *API) events(c *gin.Context) {
	f, err := a.liveFloor()
	if err != nil {
		a.fail(c, err)
		return
	}
	who := callerOf(c)
	after, err := f.Newest()
	if last := c.GetHeader("Last-Event-ID"); last != "" && err == nil {
		after, err = floor.ParsePosition(last)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	leave, err := a.followers.take(who.Token.ID)
	if err != nil {
		a.fail(c, err)
		return
	}
	defer leave()
	defer f.Connected("events")()
	s := &eventStream{api: a, c: c, out: http.NewResponseController(c.Writer), after: after}
	s.run(f, who)
}

type eventStream struct {
	api   *API
	c     *gin.Context
	out   *http.ResponseController
	after floor.Position
}

func (s *eventStream) run(f *floor.Floor, who Caller) {
	missed, err := f.Events(s.after)
	if err != nil {
		s.api.fail(s.c, err)
		return
	}
	h := s.c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy in front passes each event on
	s.c.Writer.WriteHeader(http.StatusOK)
	// An id without an event: who breaks off before the first one goes on from here, too.
	if s.write("id: "+s.after.String()+"\n\n") != nil || s.tell(missed) != nil {
		return
	}
	beat := time.NewTicker(pingEvery)
	defer beat.Stop()
	for {
		changed := f.Changed()
		events, err := f.Events(s.after)
		if err != nil || s.tell(events) != nil {
			return
		}
		select {
		case <-s.c.Request.Context().Done():
			return
		case <-f.Done():
			return
		case <-changed:
		case <-beat.C:
			if _, err := s.api.Resolve(who.presented); err != nil || s.write(":\n\n") != nil {
				return
			}
		}
	}
}

func (s *eventStream) tell(events []floor.Event) error {
	for _, e := range events {
		at, err := floor.ParsePosition(e.ID)
		if err != nil {
			return err
		}
		if err := s.write("id: " + e.ID + "\nevent: action\ndata: " + string(jsonOf(e)) + "\n\n"); err != nil {
			return err
		}
		s.after = at
	}
	return nil
}

// write sends at once; one that does not read in time is let go, and comes back with the
// id of what it read last.
func (s *eventStream) write(text string) error {
	if err := s.out.SetWriteDeadline(time.Now().Add(answerIn)); err != nil {
		return err
	}
	if _, err := s.c.Writer.WriteString(text); err != nil {
		return err
	}
	return s.out.Flush()
}

// SelfCheck is a text that its author wants looked at.
type SelfCheck struct {
	Text     string `json:"text"`
	Category string `json:"category,omitempty"` // of the product, such as food
}

// SelfChecked is what was found in it.
type SelfChecked struct {
	Monitor  string          `json:"monitor"`
	Version  string          `json:"version"`
	Content  trace.Digest    `json:"content"` // of the lexicon, as it is on the chain
	Findings []floor.Finding `json:"findings"`
}

// checkSelf tells what the speech monitor would find. Nothing is recorded, kept or logged.
func (a *API) checkSelf(c *gin.Context) (answer, error) {
	body, err := readBody(c, selfCheckBytes)
	if err != nil {
		return answer{}, err
	}
	var request SelfCheck
	if err := decodeStrict(body, &request); err != nil {
		return answer{}, err
	}
	out, err := a.SelfCheck(callerOf(c), request)
	return answer{http.StatusOK, out}, err
}

// SelfCheck is checkSelf for the desks.
func (a *API) SelfCheck(who Caller, request SelfCheck) (SelfChecked, error) {
	f, err := a.liveFloor()
	if err != nil {
		return SelfChecked{}, err
	}
	if !a.selfChecks.allow(who.Token.ID) {
		return SelfChecked{}, trace.Errorf(CodeRateLimited, "more than %g requests a second with this token; slow down", float64(a.selfChecks.per))
	}
	if request.Text == "" {
		return SelfChecked{}, trace.Errorf(trace.CodeMissing, "text is missing")
	}
	rule, findings, err := f.SelfCheck(request.Text, request.Category)
	if findings == nil {
		findings = []floor.Finding{}
	}
	return SelfChecked{rule.Monitor, rule.Version, rule.Content, findings}, err
}

// Webhooks lists the subscriptions, for who runs the platform.
type Webhooks struct {
	Webhooks []floor.Subscription `json:"webhooks"`
}

func (a *API) mayOperate(c *gin.Context) (*floor.Floor, error) {
	if role := trace.Role(callerOf(c).Token.Role); role != trace.RolePlatformOperator {
		return nil, trace.Errorf(trace.CodeForbidden, "webhooks are the platform operator's, not for role %s", role)
	}
	return a.liveFloor()
}

func (a *API) listWebhooks(c *gin.Context) (answer, error) {
	f, err := a.mayOperate(c)
	if err != nil {
		return answer{}, err
	}
	list, err := f.Subscriptions()
	return answer{http.StatusOK, Webhooks{list}}, err
}

func (a *API) redeliver(c *gin.Context) (answer, error) {
	f, err := a.mayOperate(c)
	if err != nil {
		return answer{}, err
	}
	id := c.Param("delivery")
	return answer{http.StatusAccepted, gin.H{"delivery": id}}, f.Redeliver(id)
}

// jsonOf writes an answer; the types of this package cannot fail.
func jsonOf(body any) []byte {
	out, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return out
}
