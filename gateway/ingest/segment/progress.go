package segment

import "traceledger/chaincode/trace"

// Progress is how far a device's readings are, as far as this directory knows.
type Progress struct {
	Newest trace.Time // time of the newest reading taken here; zero: none was
	// Waiting are readings that are durable here and not on the chain yet; parked ones,
	// which the chain refused, are not among them.
	Waiting int64
}

// Progress of a device.
func (s *Segmenter) Progress(device trace.DeviceID) Progress {
	found, ok := s.lines.Load(device)
	if !ok {
		return Progress{}
	}
	l := found.(*line)
	l.mu.Lock()
	defer l.mu.Unlock()
	p := Progress{Newest: l.cutTo, Waiting: l.unsent.Load()}
	for _, b := range l.bins {
		if n := len(b.readings); n > 0 {
			p.Waiting += int64(n)
			p.Newest = max(p.Newest, b.readings[n-1].At)
		}
	}
	return p
}

// owe counts a segment that is to be sent, sign 1, or no longer is, −1.
func (s *Segmenter) owe(l *line, c *cutSegment, sign int64) {
	s.unsent.Add(sign)
	l.unsent.Add(sign * int64(c.request.Count))
}
