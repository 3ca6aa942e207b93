package trace

import (
	"encoding/binary"
	"math/bits"
)

// The payload of a segment: many readings of one device in one compact, canonical
// form. One content has exactly one encoding, so that the SHA-256 of the bytes
// names the content; DecodeReadings refuses every other spelling.
//
//	byte    version, 1, or 2 where any reading has a soil moisture or an illuminance
//	byte    number of temperature probes, 0 to MaxProbes
//	uvarint number of readings n, 1 to MaxReadings
//	times   n zigzag varints: the first time in Unix ms, then the first difference,
//	        then differences of differences (regular sampling costs one byte each)
//	column  for each probe: temperature, 1/100 °C
//	column  relative humidity, 1/100 %
//	column  shock, milli-g
//	column  speed, 0.1 km/h
//	column  latitude, 1e-6 °
//	column  longitude, 1e-6 °; present exactly where latitude is, so it has no mask
//	column  version 2 only: volumetric soil moisture, 1/100 %
//	column  version 2 only: illuminance, lx
//
// A column is a mask and then the present values only, each a zigzag varint of the
// difference (modulo 2^32) to the present value before it, the first to 0. A mask
// is one byte – 0: none present, 1: all present, 2: a bitmap of ⌈n/8⌉ bytes
// follows, reading i at bit i%8 of byte i/8, neither empty nor full, spare bits
// zero. Varints are little-endian base 128 (as in encoding/binary) and minimal.
//
// Version 1 is what everything else has: what was anchored before the columns of version
// 2 existed keeps its bytes, its hash and its root.
const (
	ReadingsPlain   = 1
	ReadingsGrowing = 2
)

const (
	maskNone  = 0
	maskAll   = 1
	maskMixed = 2
)

// ReadingsVersion is the version that these readings are encoded in.
func ReadingsVersion(readings []Reading) byte {
	for i := range readings {
		if readings[i].SoilMoisture != NoSoilMoisture || readings[i].Illuminance != NoIlluminance {
			return ReadingsGrowing
		}
	}
	return ReadingsPlain
}

// EncodeReadings packs readings of a device with the given number of temperature
// probes. It refuses (SEGMENT, TOO_LARGE) what has no exact form: another number of
// temperatures than probes, a position without a fix, no readings or too many. It
// does not judge order or physical sense; the rule does.
func EncodeReadings(probes int, readings []Reading) ([]byte, error) {
	return AppendReadings(make([]byte, 0, 16+len(readings)*(12+2*max(probes, 0))), probes, readings)
}

// AppendReadings is EncodeReadings onto the end of dst.
func AppendReadings(dst []byte, probes int, readings []Reading) ([]byte, error) {
	if err := encodable(probes, readings); err != nil {
		return dst, err
	}
	version := ReadingsVersion(readings)
	dst = append(dst, version, byte(probes))
	dst = appendUvarint(dst, uint64(len(readings)))
	dst = appendTimes(dst, readings)
	for p := range probes {
		dst = appendColumn(dst, readings, func(r *Reading) (int32, bool) {
			return int32(r.Temperatures[p]), r.Temperatures[p] != NoTemperature
		})
	}
	dst = appendColumn(dst, readings, func(r *Reading) (int32, bool) { return int32(r.Humidity), r.Humidity != NoHumidity })
	dst = appendColumn(dst, readings, func(r *Reading) (int32, bool) { return r.Shock, r.Shock != NoShock })
	dst = appendColumn(dst, readings, func(r *Reading) (int32, bool) { return r.Speed, r.Speed != NoSpeed })
	dst = appendColumn(dst, readings, func(r *Reading) (int32, bool) { return int32(r.Point.Latitude), r.Fix })
	dst = appendValues(dst, readings, func(r *Reading) (int32, bool) { return int32(r.Point.Longitude), r.Fix })
	if version == ReadingsGrowing {
		dst = appendColumn(dst, readings, func(r *Reading) (int32, bool) {
			return int32(r.SoilMoisture), r.SoilMoisture != NoSoilMoisture
		})
		dst = appendColumn(dst, readings, func(r *Reading) (int32, bool) { return int32(r.Illuminance), r.Illuminance != NoIlluminance })
	}
	return dst, nil
}

func encodable(probes int, readings []Reading) error {
	if probes < 0 || probes > MaxProbes {
		return Errorf(CodeTooLarge, "%d temperature probes, at most %d", probes, MaxProbes)
	}
	if len(readings) == 0 {
		return Errorf(CodeSegment, "a segment without readings; at least 1")
	}
	if len(readings) > MaxReadings {
		return Errorf(CodeTooLarge, "%d readings in a segment, at most %d", len(readings), MaxReadings)
	}
	for i := range readings {
		r := &readings[i]
		if len(r.Temperatures) != probes {
			return Errorf(CodeSegment, "reading %d has %d temperatures for %d probes", i+1, len(r.Temperatures), probes)
		}
		if !r.Fix && r.Point != (Point{}) {
			return Errorf(CodeSegment, "reading %d has a position but no fix", i+1)
		}
	}
	return nil
}

func appendTimes(dst []byte, readings []Reading) []byte {
	var last, step int64
	for i := range readings {
		at := int64(readings[i].At)
		switch i {
		case 0:
			dst = appendUvarint(dst, zigzag64(at))
		default:
			next := at - last
			dst = appendUvarint(dst, zigzag64(next-step))
			step = next
		}
		last = at
	}
	return dst
}

func appendColumn(dst []byte, readings []Reading, value func(*Reading) (int32, bool)) []byte {
	present := 0
	for i := range readings {
		if _, ok := value(&readings[i]); ok {
			present++
		}
	}
	switch present {
	case 0:
		return append(dst, maskNone)
	case len(readings):
		dst = append(dst, maskAll)
	default:
		dst = append(dst, maskMixed)
		at := len(dst)
		for range (len(readings) + 7) / 8 {
			dst = append(dst, 0)
		}
		for i := range readings {
			if _, ok := value(&readings[i]); ok {
				dst[at+i/8] |= 1 << (i % 8)
			}
		}
	}
	return appendValues(dst, readings, value)
}

func appendValues(dst []byte, readings []Reading, value func(*Reading) (int32, bool)) []byte {
	var last int32
	for i := range readings {
		if v, ok := value(&readings[i]); ok {
			dst = appendUvarint(dst, uint64(zigzag32(v-last)))
			last = v
		}
	}
	return dst
}

// DecodeReadings unpacks a payload. Any bytes that EncodeReadings would not have
// written are refused: SEGMENT for damage, TOO_LARGE above a bound. It allocates
// the readings, one array that all their temperatures share and one column, and no
// more than the bounds allow whatever the bytes say.
func DecodeReadings(payload []byte) (probes int, readings []Reading, err error) {
	if len(payload) > MaxPayloadBytes {
		return 0, nil, Errorf(CodeTooLarge, "a payload of %d bytes, at most %d", len(payload), MaxPayloadBytes)
	}
	if len(payload) < 2 {
		return 0, nil, Errorf(CodeSegment, "a payload of %d bytes is too short to hold readings", len(payload))
	}
	version := payload[0]
	if version != ReadingsPlain && version != ReadingsGrowing {
		return 0, nil, Errorf(CodeSegment, "payload version %d is not known, want %d or %d", version, ReadingsPlain, ReadingsGrowing)
	}
	probes = int(payload[1])
	if probes > MaxProbes {
		return 0, nil, Errorf(CodeTooLarge, "%d temperature probes, at most %d", probes, MaxProbes)
	}
	c := cursor{rest: payload[2:]}
	count := c.uvarint()
	if c.failed || count == 0 {
		return 0, nil, Errorf(CodeSegment, "the payload's number of readings is damaged or 0")
	}
	if count > MaxReadings {
		return 0, nil, Errorf(CodeTooLarge, "%d readings in a segment, at most %d", count, MaxReadings)
	}
	if count > uint64(len(c.rest)) { // a time takes a byte at least
		return 0, nil, Errorf(CodeSegment, "the payload says %d readings but has only %d bytes", count, len(c.rest))
	}
	readings = make([]Reading, count)
	c.readings(version, probes, readings)
	if !c.failed && ReadingsVersion(readings) != version { // version 1 is the spelling of readings without
		return 0, nil, Errorf(CodeSegment, "a payload of version %d without a soil moisture or an illuminance, want version %d", version, ReadingsPlain)
	}
	if c.failed {
		return 0, nil, Errorf(CodeSegment, "the payload is damaged or not in canonical form, %d of %d bytes from its end", len(c.rest), len(payload))
	}
	if len(c.rest) > 0 {
		return 0, nil, Errorf(CodeSegment, "%d bytes follow the payload's last reading", len(c.rest))
	}
	return probes, readings, nil
}

// cursor reads a payload from the front. After the first damage failed stays set
// and every read gives zero.
type cursor struct {
	rest   []byte
	failed bool
}

func (c *cursor) readings(version byte, probes int, readings []Reading) {
	c.times(readings)
	if c.failed {
		return
	}
	n := len(readings)
	temperatures := make([]CentiCelsius, probes*n)
	for i := range readings {
		readings[i].Temperatures = temperatures[i*probes : (i+1)*probes : (i+1)*probes]
	}
	scratch := make([]int32, n)
	for p := range probes {
		for i, v := range c.column(scratch, int32(NoTemperature)) {
			temperatures[i*probes+p] = CentiCelsius(v)
		}
	}
	for i, v := range c.column(scratch, int32(NoHumidity)) {
		readings[i].Humidity = CentiPercent(v)
	}
	for i, v := range c.column(scratch, NoShock) {
		readings[i].Shock = v
	}
	for i, v := range c.column(scratch, NoSpeed) {
		readings[i].Speed = v
	}
	c.positions(readings, scratch)
	c.growing(version, readings, scratch)
}

// growing reads the columns of version 2; without them the values are absent.
func (c *cursor) growing(version byte, readings []Reading, scratch []int32) {
	if version != ReadingsGrowing {
		for i := range readings {
			readings[i].SoilMoisture, readings[i].Illuminance = NoSoilMoisture, NoIlluminance
		}
		return
	}
	for i, v := range c.column(scratch, int32(NoSoilMoisture)) {
		readings[i].SoilMoisture = CentiPercent(v)
	}
	for i, v := range c.column(scratch, int32(NoIlluminance)) {
		readings[i].Illuminance = Lux(v)
	}
}

func (c *cursor) times(readings []Reading) {
	var at, step int64
	for i := range readings {
		var v int64
		if b := c.rest; len(b) > 1 && b[0] >= 0x80 && b[1] < 0x80 && b[1] != 0 { // jitter of up to 4 s
			v, c.rest = unzigzag64(uint64(b[0]&0x7f)|uint64(b[1])<<7), b[2:]
		} else {
			v = unzigzag64(c.uvarint())
		}
		if i == 0 {
			at = v
		} else {
			step += v
			at += step
		}
		readings[i].At = Time(at)
	}
}

// column reads a mask and its values into out, absent ones too, and returns out. A
// present value that equals absent would be a second spelling of "absent".
func (c *cursor) column(out []int32, absent int32) []int32 {
	kind, bitmap := c.mask(len(out))
	if kind == maskAll {
		c.values(out)
		for _, v := range out {
			if v == absent {
				c.failed = true
			}
		}
		return out
	}
	present := c.values(out[:presentIn(bitmap)])
	for i := len(out) - 1; i >= 0; i-- { // spread from the end: no value lands on an unread one
		v := absent
		if masked(kind, bitmap, i) {
			v = present[len(present)-1]
			present = present[:len(present)-1]
			if v == absent {
				c.failed = true
			}
		}
		out[i] = v
	}
	return out
}

func (c *cursor) positions(readings []Reading, scratch []int32) {
	kind, bitmap := c.mask(len(readings))
	fixes := presentIn(bitmap)
	if kind == maskAll {
		fixes = len(readings)
	}
	next := 0
	latitudes := c.values(scratch[:fixes])
	for i := range readings {
		if masked(kind, bitmap, i) {
			readings[i].Fix = true
			readings[i].Point.Latitude = MicroDegrees(latitudes[next])
			next++
		}
	}
	next = 0
	longitudes := c.values(scratch[:fixes])
	for i := range readings {
		if readings[i].Fix {
			readings[i].Point.Longitude = MicroDegrees(longitudes[next])
			next++
		}
	}
}

// values reads len(out) differences and sums them up. It is the decoder's inner
// loop: the bytes stay in a local, and the common lengths of one and two bytes are
// read without a loop.
func (c *cursor) values(out []int32) []int32 {
	b, last := c.rest, int32(0)
	for i := range out {
		var u uint32
		switch {
		case len(b) > 0 && b[0] < 0x80:
			u, b = uint32(b[0]), b[1:]
		case len(b) > 1 && b[1] < 0x80 && b[1] != 0:
			u, b = uint32(b[0]&0x7f)|uint32(b[1])<<7, b[2:]
		default:
			c.rest = b
			long := c.uvarint()
			if b = c.rest; long>>32 != 0 {
				c.failed = true
			}
			u = uint32(long)
		}
		last += unzigzag32(u)
		out[i] = last
	}
	c.rest = b
	return out
}

// mask reads a column's mask of n readings.
func (c *cursor) mask(n int) (kind byte, bitmap []byte) {
	if c.failed || len(c.rest) == 0 {
		c.failed = true
		return maskNone, nil
	}
	kind, c.rest = c.rest[0], c.rest[1:]
	if kind < maskMixed {
		return kind, nil
	}
	size := (n + 7) / 8
	if kind > maskMixed || len(c.rest) < size {
		c.failed = true
		return maskNone, nil
	}
	bitmap, c.rest = c.rest[:size], c.rest[size:]
	present := presentIn(bitmap)
	spare := size*8 - n
	if present == 0 || present >= n || bitmap[size-1]>>(8-spare) != 0 && spare > 0 {
		c.failed = true
		return maskNone, nil
	}
	return kind, bitmap
}

func masked(kind byte, bitmap []byte, i int) bool {
	return kind == maskAll || kind == maskMixed && bitmap[i/8]>>(i%8)&1 == 1
}

func presentIn(bitmap []byte) int {
	present := 0
	for _, b := range bitmap {
		present += bits.OnesCount8(b)
	}
	return present
}

// uvarint reads a minimal varint of up to 64 bits.
func (c *cursor) uvarint() uint64 {
	var v uint64
	for i, b := range c.rest {
		if i == 9 && b > 1 { // the tenth byte holds the 64th bit only
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 {
				break // a shorter spelling exists
			}
			c.rest = c.rest[i+1:]
			return v
		}
	}
	c.failed = true
	return 0
}

// AppendCanonical appends one reading in fixed width, the form that a segment's
// Merkle root is computed over: big-endian time (8 bytes), each temperature (4),
// humidity (4), shock (4), fix (1), latitude (4), longitude (4), speed (4), and in a
// segment of version 2 soil moisture (4) and illuminance (4). Absent values are written
// as their constants.
func AppendCanonical(dst []byte, version byte, r *Reading) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.At))
	for _, t := range r.Temperatures {
		dst = binary.BigEndian.AppendUint32(dst, uint32(t))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Humidity))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Shock))
	fix := byte(0)
	if r.Fix {
		fix = 1
	}
	dst = append(dst, fix)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Point.Latitude))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Point.Longitude))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Speed))
	if version == ReadingsGrowing {
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.SoilMoisture))
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.Illuminance))
	}
	return dst
}

func appendUvarint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// zigzag maps small negative and positive numbers to small unsigned ones.
func zigzag64(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unzigzag64(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }
func zigzag32(v int32) uint32   { return uint32(v)<<1 ^ uint32(v>>31) }
func unzigzag32(u uint32) int32 { return int32(u>>1) ^ -int32(u&1) }
