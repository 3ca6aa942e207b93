package mqtt

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// message is what a sensor publishes: {"readings": [...]}, 1 to 5,000 of them.
type message struct {
	Readings []reading `json:"readings"`
}

// reading is one measurement. What is absent was not measured. Numbers are JSON numbers
// and are never read as floats: digits that the unit has no room for are refused.
type reading struct {
	At           trace.Time                `json:"at"`           // RFC 3339
	Temperatures map[string]jsontext.Value `json:"temperatures"` // °C by the probe's name in the binding, 2 decimals
	Humidity     jsontext.Value            `json:"humidity"`     // relative, of the air, %, 2 decimals
	Shock        jsontext.Value            `json:"shock"`        // milli-g
	Position     *position                 `json:"position"`
	Speed        jsontext.Value            `json:"speed"`        // km/h, 1 decimal
	SoilMoisture jsontext.Value            `json:"soilMoisture"` // volumetric water content, %, 2 decimals
	Illuminance  jsontext.Value            `json:"illuminance"`  // lx
}

type position struct {
	Latitude  jsontext.Value `json:"latitude"`  // °, WGS-84/CGCS2000, 6 decimals
	Longitude jsontext.Value `json:"longitude"` // °
}

// parse reads a payload for a device with these bindings.
func parse(payload []byte, device trace.DeviceID, bindings []trace.BoundPeriod) ([]trace.Reading, error) {
	var m message
	if err := json.Unmarshal(payload, &m, json.RejectUnknownMembers(true)); err != nil {
		var coded *trace.Error
		switch {
		case errors.As(err, &coded):
			return nil, coded
		case errors.Is(err, json.ErrUnknownName):
			return nil, trace.Errorf(trace.CodeUnknownField, "the payload has a field that a message does not have: %v", err)
		case errors.Is(err, jsontext.ErrDuplicateName):
			return nil, trace.Errorf(trace.CodeDuplicateField, "the payload gives a field twice: %v", err)
		}
		return nil, trace.Errorf(trace.CodeMalformed, "the payload is not the JSON of a message: %v", err)
	}
	if n := len(m.Readings); n == 0 || n > trace.MaxReadings {
		return nil, trace.Errorf(trace.CodeTooLarge, "%d readings in a message, 1 to %d are taken", n, trace.MaxReadings)
	}
	out := make([]trace.Reading, len(m.Readings))
	for i := range m.Readings {
		if err := m.Readings[i].into(&out[i], device, bindings); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *reading) into(out *trace.Reading, device trace.DeviceID, bindings []trace.BoundPeriod) error {
	if r.At == 0 {
		return trace.Errorf(trace.CodeMissing, "at is missing")
	}
	bound, ok := ingest.BindingAt(bindings, r.At)
	if !ok {
		return trace.Errorf(ingest.CodeNotBound, "device %s was bound to nothing at %s", device, r.At)
	}
	*out = trace.NewReading(r.At)
	out.Temperatures = make([]trace.CentiCelsius, len(bound.Probes))
	for i := range out.Temperatures {
		out.Temperatures[i] = trace.NoTemperature
	}
	for name, value := range r.Temperatures {
		at := slices.Index(bound.Probes, name)
		if at < 0 {
			return trace.Errorf(trace.CodeInvalid, "device %s is bound without a probe %q", device, name)
		}
		v, err := scaled("temperatures", value, 2)
		if err != nil {
			return err
		}
		out.Temperatures[at] = trace.CentiCelsius(v)
	}
	for _, f := range []struct {
		name   string
		value  jsontext.Value
		digits int
		set    func(int32)
	}{
		{"humidity", r.Humidity, 2, func(v int32) { out.Humidity = trace.CentiPercent(v) }},
		{"shock", r.Shock, 0, func(v int32) { out.Shock = v }},
		{"speed", r.Speed, 1, func(v int32) { out.Speed = v }},
		{"soilMoisture", r.SoilMoisture, 2, func(v int32) { out.SoilMoisture = trace.CentiPercent(v) }},
		{"illuminance", r.Illuminance, 0, func(v int32) { out.Illuminance = trace.Lux(v) }},
	} {
		if len(f.value) == 0 {
			continue
		}
		v, err := scaled(f.name, f.value, f.digits)
		if err != nil {
			return err
		}
		if v < 0 { // the very constant for "absent" among them
			return trace.Errorf(trace.CodeOutOfRange, "%s %s is below 0", f.name, f.value)
		}
		f.set(v)
	}
	if r.Position == nil {
		return nil
	}
	latitude, err := scaled("latitude", r.Position.Latitude, 6)
	if err != nil {
		return err
	}
	longitude, err := scaled("longitude", r.Position.Longitude, 6)
	out.Fix, out.Point = true, trace.Point{Latitude: trace.MicroDegrees(latitude), Longitude: trace.MicroDegrees(longitude)}
	return err
}

// scaled reads a JSON number as a count of 10^-digits. Zeros beyond are nothing; other
// digits are refused: a sensor that measures finer rounds for itself.
func scaled(name string, value jsontext.Value, digits int) (int32, error) {
	text := string(value)
	bad := func() (int32, error) {
		return 0, trace.Errorf(trace.CodeInvalid, "%s %.40q is not a number with at most %d decimals", name, text, digits)
	}
	if value.Kind() != '0' {
		return bad()
	}
	magnitude, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(magnitude, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > digits || len(whole) > 6 {
		return bad()
	}
	var n int64
	for _, c := range whole + fraction + strings.Repeat("0", digits-len(fraction)) {
		if c < '0' || c > '9' { // an exponent
			return bad()
		}
		n = n*10 + int64(c-'0')
	}
	if n > 1<<31-2 {
		return bad()
	}
	if negative {
		n = -n
	}
	return int32(n), nil
}
