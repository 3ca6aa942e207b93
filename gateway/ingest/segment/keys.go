package segment

import (
	"encoding/binary"

	"traceledger/chaincode/trace"
)

// Every key of the database. Numbers are eight bytes (rows of a bin: four), big-endian;
// a NUL ends a device.
const (
	kindDevice   = 'd' // d/ device → next sequence, hash before it, time cut to, longest segment
	kindBin      = 'b' // b/ device NUL bin → the binding that the bin's readings are of
	kindWaiting  = 'w' // w/ device NUL bin row → readings of one Put, not yet in a segment
	kindSegment  = 's' // s/ cut → a segment that is not on the chain yet
	kindPayload  = 'p' // p/ cut → its payload
	kindSpan     = 'x' // x/ device NUL last time, cut → the time a segment covers, and its payload's hash
	kindConflict = 'c' // c/ number → a reading that contradicted one already kept
)

func kindBounds(kind byte) (lower, upper []byte) {
	return []byte{kind, '/'}, []byte{kind, '/' + 1}
}

func numberKey(kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind, '/'}, n)
}

func numberOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

func deviceKey(device trace.DeviceID) []byte {
	return append([]byte{kindDevice, '/'}, device...)
}

// ofDevice begins the rows of a kind that are a device's.
func ofDevice(dst []byte, kind byte, device trace.DeviceID) []byte {
	dst = append(dst, kind, '/')
	return append(append(dst, device...), 0)
}

func binKey(device trace.DeviceID, bin uint64) []byte {
	return binary.BigEndian.AppendUint64(ofDevice(nil, kindBin, device), bin)
}

func waitingKey(dst []byte, device trace.DeviceID, bin uint64, row uint32) []byte {
	dst = binary.BigEndian.AppendUint64(ofDevice(dst, kindWaiting, device), bin)
	return binary.BigEndian.AppendUint32(dst, row)
}

// waitingBounds are the limits of a bin's rows.
func waitingBounds(device trace.DeviceID, bin uint64) (lower, upper []byte) {
	prefix := ofDevice(nil, kindWaiting, device)
	lower = binary.BigEndian.AppendUint64(prefix[:len(prefix):len(prefix)], bin)
	return lower, binary.BigEndian.AppendUint64(prefix[:len(prefix):len(prefix)], bin+1)
}

func spanKey(device trace.DeviceID, to trace.Time, cut uint64) []byte {
	return binary.BigEndian.AppendUint64(spanFrom(device, to), cut)
}

// spanFrom begins the spans of a device that end at a time or later.
func spanFrom(device trace.DeviceID, to trace.Time) []byte {
	return binary.BigEndian.AppendUint64(ofDevice(nil, kindSpan, device), uint64(max(to, 0)))
}

// splitDevice takes apart a key made by ofDevice.
func splitDevice(key []byte) (device trace.DeviceID, rest []byte, ok bool) {
	for i := 2; i < len(key); i++ {
		if key[i] == 0 {
			return trace.DeviceID(key[2:i]), key[i+1:], true
		}
	}
	return "", nil, false
}
