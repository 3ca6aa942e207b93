// Package ingesttest has a sink and devices in memory, for tests of what stands before
// the real ones: they keep what the interfaces of gateway/ingest promise, and fail when
// told to.
package ingesttest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"traceledger/chaincode/trace"
)

// Sink keeps readings in memory, each once.
type Sink struct {
	mu       sync.Mutex
	kept     map[trace.DeviceID]map[string]trace.Reading // by canonical bytes
	failing  error
	judge    func(trace.DeviceID, []trace.Reading) error
	puts     int
	repeated int
	changed  chan struct{}
}

// NewSink makes an empty sink.
func NewSink() *Sink {
	return &Sink{kept: map[trace.DeviceID]map[string]trace.Reading{}, changed: make(chan struct{})}
}

// Put implements ingest.Sink.
func (s *Sink) Put(ctx context.Context, device trace.DeviceID, readings []trace.Reading) error {
	s.mu.Lock()
	s.puts++
	close(s.changed)
	s.changed = make(chan struct{})
	failing, judge := s.failing, s.judge
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if failing != nil {
		return failing
	}
	if judge != nil { // it may wait, and other devices' calls go on
		if err := judge(device, readings); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.kept[device]
	if of == nil {
		of = map[string]trace.Reading{}
		s.kept[device] = of
	}
	var key []byte
	for i := range readings {
		key = trace.AppendCanonical(key[:0], trace.ReadingsGrowing, &readings[i])
		if _, there := of[string(key)]; there {
			s.repeated++
			continue
		}
		r := readings[i]
		r.Temperatures = slices.Clone(r.Temperatures) // the caller's again after Put
		of[string(key)] = r
	}
	return nil
}

// Fail has every Put from now on fail with err; nil ends that.
func (s *Sink) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = err
}

// Judge has every Put ask; its error refuses the call.
func (s *Sink) Judge(judge func(trace.DeviceID, []trace.Reading) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge = judge
}

// Readings are what is kept of a device, by time.
func (s *Sink) Readings(device trace.DeviceID) []trace.Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.kept[device]), func(a, b trace.Reading) int { return cmp.Compare(a.At, b.At) })
}

// Count is how many readings of all devices are kept, how many calls there were, and how
// many readings came again.
func (s *Sink) Count() (readings, puts, repeated int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range s.kept {
		readings += len(of)
	}
	return readings, s.puts, s.repeated
}

// Await waits until the condition holds; it is looked at after every Put.
func (s *Sink) Await(ctx context.Context, condition func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
