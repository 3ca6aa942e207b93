package floor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// MaxUtteranceBytes is the longest text of one utterance.
const MaxUtteranceBytes = 16 << 10

// MaxBatch is the most utterances of one batch.
const MaxBatch = 200

// Spoken is one utterance as a transcriber sends it.
type Spoken struct {
	// Number counts the transcript's utterances from 1, without gaps: it is what is
	// acknowledged, and by which a repeat is known.
	Number int64         `json:"number"`
	From   trace.Time    `json:"from"` // when its first word was spoken
	To     trace.Time    `json:"to"`   // and its last
	Host   trace.PartyID `json:"host,omitempty"`
	Text   string        `json:"text"`
}

// Transcriber is who sends a transcript.
type Transcriber struct {
	Party     trace.PartyID
	Role      trace.Role
	Enrolment string // signs the runs
}

// line is one transcript: what one writer sends of one stream.
type line struct {
	lineKey
	mu      sync.Mutex
	known   bool // loaded
	row     lineRow
	waiting []*heard // not in a run yet, by number
	bucket  *rate.Limiter
	seen    time.Time
}

// heard is an utterance on its way.
type heard struct {
	line   *line
	number int64
	said   saidRow
	done   bool // judged, and its verdicts are on the chain; under line.mu
}

// Accept makes a batch durable and gives the number up to which the transcript is here.
// What was sent before is acknowledged again if it is the same. Errors: those of the
// chain on a transcript (rules.MayTranscribe); TOO_LARGE; SEQUENCE where a number is
// missing; ALREADY_EXISTS where a number came with other content; BUSY, RATE_LIMITED:
// later. Of a batch that is refused nothing is kept.
func (f *Floor) Accept(ctx context.Context, who Transcriber, stream trace.StreamID, batch []Spoken) (through int64, err error) {
	leave, err := f.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	through, fresh, err := f.hear(who, stream, batch)
	if err != nil {
		f.Metrics.refused.WithLabelValues(string(trace.CodeOf(err))).Inc()
		return 0, err
	}
	f.checks.add(fresh...)
	return through, nil
}

func (f *Floor) hear(who Transcriber, stream trace.StreamID, batch []Spoken) (through int64, fresh []*heard, err error) {
	if err := f.mayHear(who, stream, batch); err != nil {
		return 0, nil, err
	}
	l := f.line(lineKey{stream, who.Party})
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh, err = f.keep(l, who, batch)
	return l.row.Next - 1, fresh, err
}

// mayHear checks the batch by itself, and against the stream as the chain knows it.
func (f *Floor) mayHear(who Transcriber, id trace.StreamID, batch []Spoken) error {
	if err := id.Validate(); err != nil {
		return err
	}
	if who.Role != trace.RoleMonitor && who.Role != trace.RoleRoomOperator {
		return trace.Errorf(trace.CodeForbidden, "a transcript is sent by a monitor or the room's operator, not by role %s", who.Role)
	}
	if len(batch) == 0 || len(batch) > MaxBatch {
		return trace.Errorf(trace.CodeTooLarge, "a batch has 1 to %d utterances, not %d", MaxBatch, len(batch))
	}
	b, err := f.broadcast(id)
	if err != nil {
		return err
	}
	for i := range batch {
		if err := mayHearOne(&batch[i], b); err != nil {
			return err
		}
	}
	span := trace.AnchorTranscriptRequest{Stream: id, From: batch[0].From, To: batch[0].To}
	for _, u := range batch {
		span.To = max(span.To, u.To)
	}
	return rules.MayTranscribe(&span, b, who.Party, who.Role, trace.TimeOf(f.Now()))
}

func mayHearOne(u *Spoken, b rules.Broadcast) error {
	if n := len(u.Text); n > MaxUtteranceBytes {
		return trace.Errorf(trace.CodeTooLarge, "utterance %d has %d bytes, at most %d", u.Number, n, MaxUtteranceBytes)
	}
	if u.Number < 1 {
		return trace.Errorf(trace.CodeInvalid, "utterance number %d: numbers count from 1", u.Number)
	}
	if u.From == 0 || u.To < u.From {
		return trace.Errorf(trace.CodeChronology, "utterance %d: from %s to %s is out of order", u.Number, u.From, u.To)
	}
	if !utf8.ValidString(u.Text) {
		return trace.Errorf(trace.CodeInvalid, "%s is not UTF-8", "text")
	}
	if n := utf8.RuneCountInString(u.Text); n == 0 || n > trace.MaxUtteranceRunes {
		return trace.Errorf(trace.CodeTooLarge, "utterance %d has %d characters, must be 1 to %d", u.Number, n, trace.MaxUtteranceRunes)
	}
	hosts := func(h trace.StreamHost) bool { return h.Party == u.Host }
	if u.Host != "" && b.Stream != nil && !slices.ContainsFunc(b.Stream.Hosts, hosts) {
		return trace.Errorf(trace.CodeForbidden, "%s is no host of stream %s", u.Host, b.ID)
	}
	return nil
}

// broadcast is a stream as the read model has it.
func (f *Floor) broadcast(id trace.StreamID) (b rules.Broadcast, err error) {
	b.ID = id
	if b.Stream, err = recordOf[trace.Stream](f, state.StreamKey(id)); err != nil {
		return b, err
	}
	b.Close, err = recordOf[trace.StreamClose](f, state.StreamCloseKey(id))
	return b, err
}

func recordOf[T any](f *Floor, key trace.Key) (*T, error) {
	rec, found, err := f.Index.Record(key)
	if err != nil || !found {
		return nil, err
	}
	out := new(T)
	return out, json.Unmarshal(rec.Value, out)
}

// line finds a transcript, or begins it.
func (f *Floor) line(key lineKey) *line {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lines[key]
	if l == nil {
		l = &line{lineKey: key, bucket: rate.NewLimiter(rate.Limit(f.limits.PerSecond), f.limits.Burst)}
		f.lines[key] = l
	}
	l.seen = f.Now()
	return l
}

// load reads a transcript's row, or goes on from what the chain holds of it.
func (f *Floor) load(l *line) error {
	if l.known {
		return nil
	}
	row, found, err := f.Store.Floor().Get(l.lineKey.row())
	if err != nil {
		return err
	}
	if found {
		if l.row, err = decode[lineRow](l.lineKey.row(), row); err != nil {
			return err
		}
		l.known = true
		return nil
	}
	l.row = lineRow{Next: 1, Sequence: 1}
	runs, err := f.runsOnChain(l.lineKey)
	if err != nil {
		return err
	}
	for _, r := range runs {
		l.row.Next, l.row.Last = l.row.Next+int64(r.Count), max(l.row.Last, r.From)
		l.row.Sequence, l.row.Previous = r.Sequence+1, r.Payload
	}
	l.known = true
	return nil
}

// keep makes the new ones of a batch durable. Call it under l.mu.
func (f *Floor) keep(l *line, who Transcriber, batch []Spoken) ([]*heard, error) {
	if err := f.load(l); err != nil {
		return nil, err
	}
	now, next := f.Now(), l.row
	next.By = who.Enrolment
	change := store.Change{}
	var fresh []*heard
	for _, u := range batch {
		said := trace.Utterance{From: u.From, To: u.To, Host: u.Host, Text: u.Text}
		switch {
		case u.Number < l.row.Next:
			if err := f.repeats(l, u.Number, said); err != nil {
				return nil, err
			}
			continue
		case u.Number != next.Next:
			return nil, trace.Errorf(trace.CodeSequence, "utterance %d: the next of this transcript is %d", u.Number, next.Next)
		case u.From < next.Last:
			return nil, trace.Errorf(trace.CodeChronology, "utterance %d: from %s lies before the utterance before it, %s", u.Number, u.From, next.Last)
		}
		h := &heard{line: l, number: u.Number, said: saidRow{said, trace.TimeOf(now)}}
		change[l.said(u.Number)] = encode(&h.said)
		next.Next, next.Last = u.Number+1, u.From
		fresh = append(fresh, h)
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	if err := f.room(l, len(fresh), now); err != nil {
		return nil, err
	}
	change[l.lineKey.row()] = encode(&next)
	if err := f.Store.Floor().Apply(change); err != nil {
		return nil, err
	}
	l.row, l.waiting = next, append(l.waiting, fresh...)
	f.waiting.Add(int64(len(fresh)))
	f.Metrics.utterances.Add(float64(len(fresh)))
	if !f.judges() {
		for _, h := range fresh {
			h.done = true
		}
		f.cut(l, now)
		return nil, nil
	}
	return fresh, nil
}

// CodeRateLimited: a transcript brings more than people can speak.
const CodeRateLimited trace.Code = "RATE_LIMITED"

// room refuses what would be too much.
func (f *Floor) room(l *line, n int, now time.Time) error {
	if len(l.waiting)+n > f.limits.Waiting || f.waiting.Load()+int64(n) > int64(f.limits.AllWaiting) {
		return trace.Errorf(ledger.CodeBusy, "%d utterances of stream %s wait for the ledger already; nothing was kept, send them again later", len(l.waiting), l.stream)
	}
	if !l.bucket.AllowN(now, n) {
		return trace.Errorf(CodeRateLimited, "more than %g utterances a second of stream %s; nothing was kept, slow down", f.limits.PerSecond, l.stream)
	}
	return nil
}

// repeats checks an utterance that came before: the same is acknowledged again.
func (f *Floor) repeats(l *line, number int64, said trace.Utterance) error {
	before, found, err := f.utterance(l, number)
	if err != nil {
		return err
	}
	if found && before != said {
		return trace.Errorf(trace.CodeAlreadyExists, "utterance %d of stream %s came before with other content", number, l.stream)
	}
	return nil // not found: it is on the chain through another gateway, only as a hash
}

// utterance finds one that was kept. Call it under l.mu.
func (f *Floor) utterance(l *line, number int64) (u trace.Utterance, found bool, err error) {
	for _, h := range l.waiting {
		if h.number == number {
			return h.said.Utterance, true, nil
		}
	}
	run, found, err := f.runWith(l.lineKey, number)
	if err != nil || !found {
		return u, false, err
	}
	file, err := f.runFile(run.Request.Payload)
	if err != nil || int(number-run.First) >= len(file) {
		return u, false, err
	}
	return file[number-run.First], true, nil
}

// Transcribed is the number up to which a writer's transcript of a stream is here, 0 at
// its beginning: where a transcriber that lost its connection goes on.
func (f *Floor) Transcribed(writer trace.PartyID, stream trace.StreamID) (int64, error) {
	leave, err := f.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	l := f.line(lineKey{stream, writer})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := f.load(l); err != nil {
		return 0, err
	}
	return l.row.Next - 1, nil
}

// takeUp reads what an earlier process left: utterances are judged again, which gives
// the same verdicts, and runs sent again.
func (f *Floor) takeUp() error {
	rows := f.Store.Floor()
	err := rows.Each(rowSaid, func(name string, row []byte) error {
		said, err := decode[saidRow](name, row)
		if err != nil {
			return err
		}
		l, number, err := f.lineOf(rowSaid, name)
		if err != nil {
			return err
		}
		h := &heard{line: l, number: number, said: said, done: !f.judges()}
		l.waiting = append(l.waiting, h)
		f.waiting.Add(1)
		if !h.done {
			f.checks.add(h)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return rows.Each(rowRun, func(name string, row []byte) error {
		r, err := decode[runRow](name, row)
		if err != nil || r.State != runWaiting {
			return err
		}
		l, _, err := f.lineOf(rowRun, name)
		f.waiting.Add(int64(r.Request.Count))
		f.anchors.add(&run{lineKey: l.lineKey, runRow: r})
		return err
	})
}

func (f *Floor) lineOf(prefix, name string) (*line, int64, error) {
	parts := strings.Split(strings.TrimPrefix(name, prefix), "/")
	if len(parts) != 3 {
		return nil, 0, trace.Errorf(store.CodeDamaged, "row %s of the floor is not of this version", name)
	}
	number, err := parseNumber(parts[2])
	if err != nil {
		return nil, 0, err
	}
	l := f.line(lineKey{trace.StreamID(parts[0]), trace.PartyID(parts[1])})
	return l, number, f.load(l)
}
