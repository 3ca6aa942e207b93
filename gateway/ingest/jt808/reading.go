package jt808

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

var (
	errEncrypted = trace.Errorf(CodeEncrypted, "the coordinates or the body are encrypted")
	errOffEarth  = trace.Errorf(trace.CodeOutOfRange, "the position is not on the earth")
	errClock     = trace.Errorf(trace.CodeChronology, "the terminal's clock is away from ours by more than the limit")
	errNotBound  = trace.Errorf(ingest.CodeNotBound, "the device was bound to nothing then")
	errItemSize  = trace.Errorf(trace.CodeMalformed, "an item has another size than the device's model says")
)

// CodeEncrypted is the code of what only the terminal's maker can read.
const CodeEncrypted trace.Code = "ENCRYPTED"

// Reader turns one device's positions into readings. Begin comes before the first.
type Reader struct {
	model    *model
	bindings []trace.BoundPeriod // of this batch
	// period is the binding of the reading before, and probe says for each of the model's
	// values which of its probes it is.
	period trace.BoundPeriod
	known  bool
	probe  [maxNames]int8
	// implausible counts values left out because no sensor measures them.
	implausible int
}

// Reader reads what devices of a model send; the standard one where name is empty.
func (m *Models) Reader(name string) (*Reader, error) {
	model, err := m.named(name)
	if err != nil {
		return nil, err
	}
	return &Reader{model: model}, nil
}

// Begin takes the bindings as they are now.
func (r *Reader) Begin(bindings []trace.BoundPeriod) {
	r.bindings, r.known = bindings, false
}

// Read fills a reading; its temperatures are appended to arena, which is returned.
// earliest and latest bound the terminal's clock. Nothing is allocated while arena has
// room.
//
// A temperature, humidity or speed beyond what the chain takes is left out and counted:
// the rest of the reading is good, and the gap stays visible. A position off the earth is
// refused, because then nothing of the message is to be believed.
func (r *Reader) Read(p *Position, earliest, latest trace.Time, into *trace.Reading, arena []trace.CentiCelsius) ([]trace.CentiCelsius, error) {
	if p.Status&StatusEncrypted != 0 {
		return arena, errEncrypted
	}
	if p.At < earliest || p.At > latest {
		return arena, errClock
	}
	*into = trace.NewReading(p.At)
	if err := r.place(p, into); err != nil {
		return arena, err
	}
	if !r.bind(p.At) {
		return arena, errNotBound
	}
	from := len(arena)
	for range r.period.Probes {
		arena = append(arena, trace.NoTemperature)
	}
	into.Temperatures = arena[from:len(arena):len(arena)]
	return arena, r.measure(p.Items, into)
}

func (r *Reader) place(p *Position, into *trace.Reading) error {
	if !p.Fixed() {
		return nil
	}
	if p.Latitude > 90_000_000 || p.Longitude > 180_000_000 {
		return errOffEarth
	}
	into.Fix = true
	into.Point = trace.Point{Latitude: trace.MicroDegrees(p.Latitude), Longitude: trace.MicroDegrees(p.Longitude)}
	if p.Status&StatusSouth != 0 {
		into.Point.Latitude = -into.Point.Latitude
	}
	if p.Status&StatusWest != 0 {
		into.Point.Longitude = -into.Point.Longitude
	}
	if rules.PossibleSpeed(int32(p.Speed)) {
		into.Speed = int32(p.Speed)
	} else {
		r.implausible++
	}
	return nil
}

// bind finds the binding of a time and which probe each value of the model is in it.
func (r *Reader) bind(at trace.Time) bool {
	if r.known && r.period.From <= at && (r.period.To == 0 || at < r.period.To) {
		return true
	}
	if r.period, r.known = ingest.BindingAt(r.bindings, at); !r.known {
		return false
	}
	for i, name := range r.model.names {
		r.probe[i] = -1
		for j, probe := range r.period.Probes {
			if probe == name {
				r.probe[i] = int8(j)
			}
		}
	}
	return true
}

// measure takes the model's values out of the items.
func (r *Reader) measure(items []byte, into *trace.Reading) error {
	var taken [maxNames]int8 // 1 + the order of the item that gave the value
	for len(items) > 0 {
		id, data, rest := nextItem(items)
		items = rest
		rule := r.model.items[id]
		if rule == nil {
			continue
		}
		if len(data)%rule.bytes != 0 {
			return errItemSize
		}
		for i := 0; len(data) >= rule.bytes && i < len(rule.values); i++ {
			raw := data[:rule.bytes]
			data = data[rule.bytes:]
			name := rule.values[i]
			if name < 0 || taken[name] != 0 && int(taken[name]) <= rule.order+1 {
				continue
			}
			if v, ok := rule.value(raw); ok && r.set(name, v, into) {
				taken[name] = int8(min(rule.order+1, 127))
			}
		}
	}
	return nil
}

// set puts a value, in hundredths, where it belongs. False: nowhere, or not plausible.
func (r *Reader) set(name int8, v int64, into *trace.Reading) bool {
	if r.model.names[name] == humidity {
		if v < 0 || v > 1<<20 || !rules.PossibleHumidity(trace.CentiPercent(v)) {
			r.implausible++
			return false
		}
		into.Humidity = trace.CentiPercent(v)
		return true
	}
	probe := r.probe[name]
	if probe < 0 {
		return false
	}
	if v < -1<<20 || v > 1<<20 || !rules.PossibleTemperature(trace.CentiCelsius(v)) {
		r.implausible++
		return false
	}
	into.Temperatures[probe] = trace.CentiCelsius(v)
	return true
}
