package jt808

import (
	"encoding/binary"

	"traceledger/chaincode/trace"
)

// Bits of a position's status.
const (
	StatusIgnition  = 1 << 0
	StatusFixed     = 1 << 1
	StatusSouth     = 1 << 2
	StatusWest      = 1 << 3
	StatusEncrypted = 1 << 5 // coordinates encrypted by a plug-in
	StatusLocked    = 1 << 12
	StatusDoors     = 1<<13 | 1<<14 | 1<<15 | 1<<16 | 1<<17 // open doors 1 to 5
	StatusGPS       = 1 << 18
	StatusBeidou    = 1 << 19
	StatusGLONASS   = 1 << 20
	StatusGalileo   = 1 << 21
)

// Bits of a position's alarms.
const (
	AlarmEmergency   = 1 << 0
	AlarmOverspeed   = 1 << 1
	AlarmGNSS        = 1<<4 | 1<<5 | 1<<6 // module broken, antenna missing, antenna short
	AlarmPower       = 1<<7 | 1<<8        // low, lost
	AlarmArea        = 1 << 20
	AlarmRoute       = 1 << 21
	AlarmDeviation   = 1 << 23
	AlarmIllegalMove = 1 << 28
	AlarmDoor        = 1 << 31
)

// Items of a position that are spoken here; temperatures are where the device model
// says.
const (
	ItemMileage      = 0x01 // u32, 0.1 km
	ItemTemperature  = 0x06 // edition 2019: cargo space, u16, °C, sign and magnitude
	ItemSignal       = 0x30
	ItemSatellites   = 0x31
	ItemTemperatures = 0x51 // de facto: n × u16, 0.1 °C, sign and magnitude, FFFF absent
)

const basicPosition = 28

// Position is the body of a position report (0x0200).
type Position struct {
	Alarm, Status uint32
	Latitude      uint32 // 1e-6 °, without sign: StatusSouth
	Longitude     uint32 // 1e-6 °, without sign: StatusWest
	Altitude      uint16 // m
	Speed         uint16 // 0.1 km/h
	Direction     uint16 // °, clockwise from north
	At            trace.Time
	// Items are the additional items as they lie in the message: id, length, data.
	Items []byte
}

// Fixed tells whether the position is one: the other fields of a position without a fix
// mean nothing.
func (p *Position) Fixed() bool { return p.Status&StatusFixed != 0 }

// Beidou tells whether Beidou satellites took part in the fix.
func (p *Position) Beidou() bool { return p.Fixed() && p.Status&StatusBeidou != 0 }

var (
	errPosition = trace.Errorf(trace.CodeMalformed, "a position shorter than %d bytes", basicPosition)
	errTime     = trace.Errorf(trace.CodeMalformed, "the time of a position is no YYMMDDhhmmss in binary coded decimal")
	errItems    = trace.Errorf(trace.CodeMalformed, "the items of a position do not end where the last one does")
	errBatch    = trace.Errorf(trace.CodeMalformed, "the positions of a batch are not as many or as long as it says")
)

// ParsePosition reads the body into p, whose Items lie in body. Nothing is allocated.
func ParsePosition(body []byte, p *Position) error {
	if len(body) < basicPosition {
		return errPosition
	}
	at, ok := parseTime(body[22:28])
	if !ok {
		return errTime
	}
	*p = Position{
		Alarm: binary.BigEndian.Uint32(body), Status: binary.BigEndian.Uint32(body[4:]),
		Latitude: binary.BigEndian.Uint32(body[8:]), Longitude: binary.BigEndian.Uint32(body[12:]),
		Altitude: binary.BigEndian.Uint16(body[16:]), Speed: binary.BigEndian.Uint16(body[18:]),
		Direction: binary.BigEndian.Uint16(body[20:]), At: at, Items: body[basicPosition:],
	}
	for rest := p.Items; len(rest) > 0; {
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			return errItems
		}
		rest = rest[2+int(rest[1]):]
	}
	return nil
}

// nextItem takes the first item of a parsed position's.
func nextItem(items []byte) (id byte, data, rest []byte) {
	end := 2 + int(items[1])
	return items[0], items[2:end], items[end:]
}

// Append writes the body. The time is cut to whole seconds.
func (p *Position) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, p.Alarm)
	dst = binary.BigEndian.AppendUint32(dst, p.Status)
	dst = binary.BigEndian.AppendUint32(dst, p.Latitude)
	dst = binary.BigEndian.AppendUint32(dst, p.Longitude)
	dst = binary.BigEndian.AppendUint16(dst, p.Altitude)
	dst = binary.BigEndian.AppendUint16(dst, p.Speed)
	dst = binary.BigEndian.AppendUint16(dst, p.Direction)
	dst = appendTime(dst, p.At)
	return append(dst, p.Items...)
}

// AppendItem appends an item to the items of a position; data longer than 255 bytes are
// cut.
func AppendItem(items []byte, id byte, data []byte) []byte {
	data = data[:min(len(data), 255)]
	items = append(items, id, byte(len(data)))
	return append(items, data...)
}

// AppendTemperatures appends the de facto item 0x51, rounded to 0.1 °C half away from
// zero.
func AppendTemperatures(items []byte, temperatures ...trace.CentiCelsius) []byte {
	items = append(items, ItemTemperatures, byte(2*len(temperatures)))
	for _, t := range temperatures {
		v := uint16(0xffff)
		if t != trace.NoTemperature {
			magnitude, sign := t, uint16(0)
			if t < 0 {
				magnitude, sign = -t, 1<<15
			}
			v = sign | uint16((magnitude+5)/10)
		}
		items = binary.BigEndian.AppendUint16(items, v)
	}
	return items
}

// Kinds of a batch.
const (
	BatchLive     = 0
	BatchBackfill = 1 // from where there was no network
)

// Batch is the body of a batch of positions (0x0704).
type Batch struct {
	Kind  byte
	Count int // positions not yet taken by Next
	rest  []byte
}

// ParseBatch reads the head of the body; its positions come with Next.
func ParseBatch(body []byte) (Batch, error) {
	if len(body) < 3 {
		return Batch{}, errBatch
	}
	b := Batch{Kind: body[2], Count: int(binary.BigEndian.Uint16(body)), rest: body[3:]}
	if b.Count == 0 || len(b.rest) < b.Count*(2+basicPosition) {
		return Batch{}, errBatch
	}
	return b, nil
}

// Next reads the next position; false when there is none left and nothing behind the
// last.
func (b *Batch) Next(p *Position) (bool, error) {
	if b.Count == 0 {
		if len(b.rest) > 0 {
			return false, errBatch
		}
		return false, nil
	}
	if len(b.rest) < 2 {
		return false, errBatch
	}
	length := int(binary.BigEndian.Uint16(b.rest))
	if len(b.rest) < 2+length {
		return false, errBatch
	}
	err := ParsePosition(b.rest[2:2+length], p)
	b.rest = b.rest[2+length:]
	b.Count--
	return err == nil, err
}

// AppendBatch writes the body of a batch.
func AppendBatch(dst []byte, kind byte, positions []Position) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(positions)))
	dst = append(dst, kind)
	for i := range positions {
		at := len(dst)
		dst = positions[i].Append(append(dst, 0, 0))
		binary.BigEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	}
	return dst
}
