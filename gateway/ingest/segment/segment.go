// Package segment keeps what devices measure until it is on the chain: the one
// segmenter behind every way in, live or by file.
//
// In come readings (ingest.Sink), acknowledged once they are durable here; out go
// segments to the chain (Chain), each exactly once. Readings wait in bins, one for each
// device and binding. A bin is cut into a segment when it holds enough, when its first
// reading has waited long enough, or at once when a reading may be an excursion. Number,
// boundaries, bytes and previous hash of a segment are durable before it is sent for the
// first time; after that they never change, so the ledger can be away for hours, the
// process can be killed at any moment, and the chain's record id (device and number)
// still makes two attempts one. See docs/decisions/segmenter.md.
//
// A directory of its own holds one Pebble database (keys.go). A call that returned nil
// has made its effect survive a loss of power.
//
// The package must not import the ledger engines, the contracts, or what is built on it
// (jt808, mqtt, api); it asks chaincode/rules what the chain will refuse.
package segment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
	"traceledger/gateway/ledger"
)

// Codes this package answers with, beside those of packages ingest and trace.
const (
	// CodeTooOld: the reading is older than what duplicates are told from.
	CodeTooOld trace.Code = "READING_TOO_OLD"
	// CodeDamaged: the directory is not a whole database of readings. It is never opened
	// "as far as it goes": it holds readings that exist nowhere else.
	CodeDamaged trace.Code = "READINGS_DAMAGED"
)

// Known is a segment of a device as the chain, or this package, holds it.
type Known struct {
	Sequence int64
	From, To trace.Time
	Previous trace.Digest
	Payload  trace.Digest
}

// Chain is the ledger as this package needs it.
type Chain interface {
	// Anchor makes the segment take effect, once however often it is called, and says
	// where. by names who signs: an enrolment, or "" for the one the device was enrolled
	// under. After nil the payload is kept by its hash. Errors as of ledger.Client.Submit.
	Anchor(ctx context.Context, by string, request *trace.AnchorSegmentRequest, payload []byte) (ledger.Receipt, error)
	// Segments are those of a device on the chain, by rising sequence.
	Segments(device trace.DeviceID) ([]Known, error)
	// Payload gives the readings of a segment that was anchored.
	Payload(hash trace.Digest) (payload []byte, found bool, err error)
}

// Shipment is what the chain says of a shipment that bears on readings.
type Shipment struct {
	Range    *trace.TemperatureRange // nil: no cold chain is claimed
	Departed trace.Time
	Arrived  trace.Time // zero while it travels
}

// Bindings tells what devices are bound to, from memory: it is asked for every reading.
type Bindings interface {
	Bindings(device trace.DeviceID) []trace.BoundPeriod
	// Shipment is false where nothing is known of it (yet).
	Shipment(id trace.ShipmentID) (Shipment, bool)
}

// Limits are when bins are cut and how much may wait. Zero values are the defaults.
type Limits struct {
	Readings     int           // a bin is cut when it holds so many; 1,000. While more segments wait than are sent, it may grow to trace.MaxReadings
	Age          time.Duration // or when its first reading has waited so long; 60 s
	PlotAge      time.Duration // Age of a plot's sensors, where nothing hurries and a season is long; 1 h
	ExcursionAge time.Duration // while the newest reading is outside its range; 1 s. The first one outside cuts at once
	Shock        int32         // a shock of so many milli-g cuts at once; 3,000. Negative: none does
	Waiting      int64         // bytes of readings and payloads that may wait; 4 GiB. Above, Put answers ingest.CodeBusy
	Recent       time.Duration // readings older than this are refused; 30 days
	InFlight     int           // segments being anchored at once; 64
	Retry        time.Duration // the longest pause before a segment is sent again; 5 s
}

// age is how long readings of a binding wait for others.
func (l *Limits) age(bound *trace.BoundPeriod) time.Duration {
	if bound.Plot != "" {
		return l.PlotAge
	}
	return l.Age
}

// longestSpan is how much time a segment may cover.
const longestSpan trace.Time = 24 * 60 * 60 * 1000

// Config of a Segmenter. Dir, Bindings and Chain are required.
type Config struct {
	Dir      string
	Bindings Bindings
	Chain    Chain
	Limits   Limits
	FS       vfs.FS           // nil is the operating system's; crash tests pass a memory file system
	Now      func() time.Time // nil is time.Now
	Logger   *slog.Logger     // nil is slog.Default()
	Metrics  *Metrics         // nil counts into nowhere

	CacheBytes, MemTableBytes int64 // 8 MiB, 32 MiB
}

// Segmenter is an ingest.Sink. Its methods are safe for concurrent use.
type Segmenter struct {
	bindings Bindings
	chain    Chain
	limits   Limits
	now      func() time.Time
	logger   *slog.Logger
	metrics  *Metrics
	dir      string
	db       *pebble.DB

	lines   sync.Map // trace.DeviceID → *line
	cuts    atomic.Uint64
	bins    atomic.Uint64
	waiting atomic.Int64 // bytes
	unsent  atomic.Int64 // segments that are neither on the chain nor parked
	growing atomic.Int64 // bins that grow
	queue   *queue
	decoded *decodedPayloads

	conflicts conflictLog

	failure atomic.Pointer[error]
	closed  atomic.Bool
	calls   sync.WaitGroup // Puts and cuts under way, for Close
	closing sync.RWMutex
	opened  []*cutSegment // found waiting at Open; queued by Run
}

var _ ingest.Sink = (*Segmenter)(nil)

func (l Limits) withDefaults() Limits {
	set(&l.Readings, 1_000)
	l.Readings = min(l.Readings, trace.MaxReadings)
	set(&l.Age, time.Minute)
	set(&l.PlotAge, time.Hour)
	set(&l.ExcursionAge, time.Second)
	set(&l.Waiting, 4<<30)
	set(&l.Recent, 30*24*time.Hour)
	set(&l.InFlight, 64)
	set(&l.Retry, 5*time.Second)
	if l.Shock == 0 {
		l.Shock = 3_000
	}
	return l
}

func set[T ~int | ~int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// enter admits a call unless the segmenter is closed or the disk failed.
func (s *Segmenter) enter() error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed.Load() {
		return trace.Errorf(ingest.CodeBusy, "the gateway is shutting down; nothing was kept")
	}
	if err := s.Healthy(); err != nil {
		return err
	}
	s.calls.Add(1)
	return nil
}

// Put implements ingest.Sink.
//
// A reading that repeats one already kept is dropped. One that contradicts it – the same
// device and time with other content – is dropped too and set aside for Conflicts: the
// first word counts.
func (s *Segmenter) Put(ctx context.Context, device trace.DeviceID, readings []trace.Reading) error {
	if len(readings) == 0 {
		return nil
	}
	if err := s.enter(); err != nil {
		return s.refused(err)
	}
	defer s.calls.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	now := trace.TimeOf(s.now())
	p := put{s: s, device: device, now: now, bindings: s.bindings.Bindings(device)}
	if err := p.judge(readings); err != nil {
		return s.refused(err)
	}
	l, err := s.line(device)
	if err != nil {
		return err
	}
	l.mu.Lock()
	err = p.keep(l, readings)
	l.mu.Unlock()
	if err != nil {
		return s.refused(err)
	}
	if err := p.commit.wait(); err != nil {
		return err
	}
	s.metrics.kept.Add(float64(p.kept))
	s.metrics.duplicates.Add(float64(p.duplicates))
	s.metrics.conflicts.Add(float64(p.contradicted))
	return nil
}

func (s *Segmenter) refused(err error) error {
	code := trace.CodeOf(err)
	if code == "" {
		code = "LATER"
	}
	s.metrics.refused.WithLabelValues(string(code)).Inc()
	return err
}

// line is a device's line, made at first sight from what the chain holds of it.
func (s *Segmenter) line(device trace.DeviceID) (*line, error) {
	found, ok := s.lines.Load(device)
	if !ok {
		found, _ = s.lines.LoadOrStore(device, &line{device: device})
	}
	l := found.(*line)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return l, nil
	}
	return l, s.meet(l)
}

// meet takes over what the chain holds of a device that this directory does not know:
// where its numbers go on, and which times its segments cover.
func (s *Segmenter) meet(l *line) error {
	segments, err := s.chain.Segments(l.device)
	if err != nil {
		return uncoded("the segments of device "+string(l.device)+" cannot be looked up", err)
	}
	b := s.db.NewBatch()
	l.counter = counter{next: 1}
	oldest := trace.TimeOf(s.now().Add(-s.limits.Recent))
	for _, k := range segments {
		l.continues(k)
		l.cutTo, l.longest = max(l.cutTo, k.To), max(l.longest, k.To-k.From)
		if k.To < oldest {
			continue
		}
		covered := span{from: k.From, to: k.To, payload: k.Payload}
		// The number tells two segments that end at the same time apart.
		if err := b.Set(spanKey(l.device, k.To, uint64(k.Sequence)|foreignCut), covered.row(), nil); err != nil {
			return errors.Join(err, b.Close())
		}
	}
	if err := b.Set(deviceKey(l.device), l.counter.row(), nil); err != nil {
		return errors.Join(err, b.Close())
	}
	if err := s.later(b); err != nil {
		return err
	}
	l.known = true
	return nil
}

// foreignCut marks a span that did not come from a cut here.
const foreignCut = 1 << 63

// continues moves the device's numbers behind a segment that holds one.
func (c *counter) continues(k Known) {
	if k.Sequence >= c.next {
		c.next, c.previous = k.Sequence+1, k.Payload
	}
}

// commit is a write under way: applied, and durable once wait returned nil.
type commit struct {
	s     *Segmenter
	batch *pebble.Batch
	then  []*cutSegment // may be sent once it is durable, but for the parked ones
}

// apply makes a batch visible; its commit makes it durable. Call it under the line's
// lock, so that the log has a device's writes in their order, and wait without.
func (s *Segmenter) apply(b *pebble.Batch, then []*cutSegment) (commit, error) {
	if err := s.Healthy(); err != nil {
		return commit{}, errors.Join(err, b.Close())
	}
	if err := s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		s.fail(err) // what is in memory is no longer what is on disk
		return commit{}, err
	}
	return commit{s, b, then}, nil
}

// wait returns once the write is durable; concurrent ones share one sync. It asks
// Healthy because Pebble reports a failed write to the log by Logger.Fatalf only.
func (c commit) wait() error {
	if c.batch == nil {
		return nil
	}
	err := c.batch.SyncWait()
	if err != nil {
		c.s.fail(err)
	}
	err = errors.Join(err, c.s.Healthy(), c.batch.Close())
	if err == nil {
		c.s.queue.add(slices.DeleteFunc(c.then, func(cut *cutSegment) bool { return cut.parked })...)
	}
	return err
}

// later makes a batch visible at once and durable with the next commit.
func (s *Segmenter) later(b *pebble.Batch) error {
	err := s.Healthy()
	if err == nil {
		err = b.Commit(pebble.NoSync)
	}
	return errors.Join(err, s.Healthy(), b.Close())
}

// uncoded is for failures behind this package: to who puts readings, a code would mean
// that they are refused for good.
func uncoded(what string, err error) error { return fmt.Errorf("%s: %v", what, err) }

// Healthy returns nil while readings can be made durable. Once a write failed it
// returns that failure for good: only a restart can tell what was kept.
func (s *Segmenter) Healthy() error {
	if failure := s.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

func (s *Segmenter) fail(cause error) {
	failure := uncoded("the disk of "+s.dir+" failed, restart to find out what was kept", cause)
	if s.failure.CompareAndSwap(nil, &failure) {
		s.logger.Error("readings: no further writes", "error", failure)
	}
}
