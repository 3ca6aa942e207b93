package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
)

// Open opens the directory, or creates it, and takes up everything that waits. It sends
// nothing: Run does.
func Open(cfg Config) (*Segmenter, error) {
	if cfg.Dir == "" || cfg.Bindings == nil || cfg.Chain == nil {
		return nil, errors.New("segment: Dir, Bindings and Chain are required")
	}
	s := &Segmenter{
		bindings: cfg.Bindings, chain: cfg.Chain, limits: cfg.Limits.withDefaults(), now: cfg.Now, logger: cfg.Logger, metrics: cfg.Metrics,
		dir: cfg.Dir, queue: newQueue(), decoded: newDecodedPayloads(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.metrics == nil {
		s.metrics = NewMetrics()
	}
	fs := cfg.FS
	if fs == nil {
		fs = vfs.Default
	}
	if err := s.openRows(cfg, fs); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		err = trace.Errorf(CodeDamaged, "%s is not whole and was left as it is: %v", cfg.Dir, err)
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

func (s *Segmenter) openRows(cfg Config, fs vfs.FS) (err error) {
	set(&cfg.CacheBytes, 8<<20)
	set(&cfg.MemTableBytes, 32<<20)
	if err := store.MakeDir(fs, cfg.Dir); err != nil {
		return err
	}
	s.db, err = pebble.Open(cfg.Dir, &pebble.Options{
		FS: fs, CacheSize: cfg.CacheBytes, MemTableSize: uint64(cfg.MemTableBytes), FormatMajorVersion: pebble.FormatNewest,
		Logger: pebbleLogger{s},
		// A pause of at most this long between two syncs lets concurrent writers share one;
		// after a quiet millisecond a write is synced at once.
		WALMinSyncInterval: func() time.Duration { return time.Millisecond },
	})
	return err
}

// load reads what waits.
func (s *Segmenter) load() error {
	steps := []struct {
		kind  byte
		visit func(key, row []byte) error
	}{
		{kindDevice, s.loadDevice}, {kindBin, s.loadBin}, {kindSegment, s.loadSegment}, {kindConflict, s.loadConflict},
	}
	for _, step := range steps {
		lower, upper := kindBounds(step.kind)
		if err := s.scan(lower, upper, step.visit); err != nil {
			return err
		}
	}
	slices.SortFunc(s.opened, byNumber)
	return nil
}

func (s *Segmenter) loadDevice(key, row []byte) (err error) {
	l := &line{device: trace.DeviceID(key[2:]), known: true}
	if l.counter, err = readCounter(row); err != nil {
		return fmt.Errorf("device %s: %w", l.device, err)
	}
	s.cuts.Store(max(s.cuts.Load(), l.lastCut))
	s.lines.Store(l.device, l)
	return nil
}

// loadBin reads a bin with its readings.
func (s *Segmenter) loadBin(key, row []byte) error {
	device, rest, ok := splitDevice(key)
	found, known := s.lines.Load(device)
	if !ok || len(rest) != 8 || !known {
		return fmt.Errorf("bin %q: %w", key, errRow)
	}
	l := found.(*line)
	b := &bin{number: binary.BigEndian.Uint64(rest), stored: true}
	s.bins.Store(max(s.bins.Load(), b.number))
	var err error
	if b.bound, b.late, err = readBin(row); err != nil {
		return fmt.Errorf("bin %d of device %s: %w", b.number, device, err)
	}
	b.due = trace.TimeOf(s.now().Add(s.limits.age(&b.bound)))
	lower, upper := waitingBounds(device, b.number)
	err = s.scan(lower, upper, func(key, row []byte) error {
		probes, readings, err := trace.DecodeReadings(row)
		if err == nil && probes != len(b.bound.Probes) {
			err = errRow
		}
		if err != nil {
			return fmt.Errorf("readings of device %s: %w", device, err)
		}
		for i := range readings {
			b.insert(&readings[i])
		}
		b.rows = binary.BigEndian.Uint32(key[len(key)-4:]) + 1
		b.bytes += int64(len(key) + len(row))
		return nil
	})
	if err != nil {
		return err
	}
	s.waiting.Add(b.bytes)
	if n := len(b.readings); n > 0 && !b.late {
		l.newest = max(l.newest, b.readings[n-1].At)
	}
	l.bins = append(l.bins, b)
	l.plan()
	return nil
}

// reload brings a line, and the accounts, back to what is on disk, after a call that
// failed half way: cut are the segments it had made.
func (s *Segmenter) reload(l *line, cut []*cutSegment) error {
	for _, c := range cut {
		s.waiting.Add(-c.bytes)
		s.metrics.waitingSegments.Dec()
		if c.parked {
			s.metrics.parked.Dec()
		} else {
			s.owe(l, c, -1)
		}
	}
	for _, b := range l.bins {
		s.waiting.Add(-b.bytes)
		s.grown(b)
	}
	l.bins = nil
	row, closer, err := s.db.Get(deviceKey(l.device))
	if err != nil {
		return err
	}
	l.counter, err = readCounter(row)
	if err = errors.Join(err, closer.Close()); err != nil {
		return err
	}
	prefix := ofDevice(nil, kindBin, l.device)
	upper := append([]byte(nil), prefix...)
	upper[len(upper)-1]++
	return s.scan(prefix, upper, s.loadBin)
}

func (s *Segmenter) loadSegment(key, row []byte) error {
	c, err := readCut(key, row)
	if err != nil {
		return fmt.Errorf("segment %q: %w", key, err)
	}
	s.cuts.Store(max(s.cuts.Load(), c.cut))
	s.waiting.Add(c.bytes)
	s.metrics.waitingSegments.Inc()
	if c.parked {
		s.metrics.parked.Inc()
	} else {
		found, known := s.lines.Load(c.request.Device)
		if !known {
			return fmt.Errorf("segment %q of a device without a row: %w", key, errRow)
		}
		s.owe(found.(*line), c, 1)
	}
	s.opened = append(s.opened, c)
	return nil
}

func (s *Segmenter) loadConflict(key, _ []byte) error {
	n := numberOf(key)
	if s.conflicts.next == 0 {
		s.conflicts.first = n
	}
	s.conflicts.next = n + 1
	return nil
}

func (s *Segmenter) scan(lower, upper []byte, visit func(key, row []byte) error) error {
	return store.Scan(s.db, lower, upper, visit)
}

// Close ends the calls under way and closes the database. Run must have returned.
func (s *Segmenter) Close() error {
	s.closing.Lock()
	already := s.closed.Swap(true)
	s.closing.Unlock()
	if already {
		return nil
	}
	s.calls.Wait()
	return s.db.Close()
}

// pebbleLogger passes Pebble's reports on. Fatalf does not end the process, which serves
// other things too: it makes every later write fail (see Healthy).
type pebbleLogger struct{ s *Segmenter }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.s.logger.Debug("readings", "report", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.s.logger.Error("readings", "report", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf(format, args...))
}
