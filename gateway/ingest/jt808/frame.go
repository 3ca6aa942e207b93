package jt808

import (
	"bytes"
	"encoding/binary"

	"traceledger/chaincode/trace"
)

// A frame on the wire is a marker, the escaped header, body and checksum, and a marker.
// The checksum is the XOR of header and body; within, 7e is sent as 7d 02 and 7d as
// 7d 01.
const (
	marker = 0x7e
	escape = 0x7d

	// MaxBody is the most a body can have: its length has ten bits.
	MaxBody   = 1<<10 - 1
	maxHeader = 21 // edition 2019, fragmented
	minHeader = 12 // edition 2013, whole
	// MaxFrame is the most bytes of header, body and checksum.
	MaxFrame = maxHeader + MaxBody + 1
	// MaxEscaped is the most bytes between two markers.
	MaxEscaped = 2 * MaxFrame
)

// Codes of what cannot be read; beside them MALFORMED and TOO_LARGE of chaincode/trace.
const (
	CodeChecksum  trace.Code = "CHECKSUM"  // header and body do not XOR to the checksum
	CodeTruncated trace.Code = "TRUNCATED" // shorter than its header says, or than any frame
)

var (
	errOversized = trace.Errorf(trace.CodeTooLarge, "more than %d bytes without a marker", MaxEscaped)
	errShort     = trace.Errorf(CodeTruncated, "a frame shorter than a header and a checksum, %d bytes", minHeader+1)
	errEscape    = trace.Errorf(trace.CodeMalformed, "7d is followed by neither 01 nor 02")
	errChecksum  = trace.Errorf(CodeChecksum, "the XOR of header and body is not the checksum")
)

// Next takes the next frame from the bytes of a stream. n is how many bytes it used up:
// the caller drops them, also with an error, and calls again. A nil frame without an
// error means that the rest, after n bytes, is the beginning of a frame.
//
// The frame is unescaped in place: it lies in buf and is header and body, the checksum
// verified and cut off. Two frames may share one marker. Nothing is allocated.
func Next(buf []byte) (frame []byte, n int, err error) {
	start := 0
	for start < len(buf) && buf[start] == marker {
		start++
	}
	end := bytes.IndexByte(buf[start:], marker)
	switch {
	case end < 0 && len(buf)-start > MaxEscaped:
		return nil, len(buf), errOversized
	case end < 0:
		return nil, start, nil
	case end > MaxEscaped:
		return nil, start + end, errOversized
	}
	n = start + end + 1
	raw, ok := unescape(buf[start : start+end])
	switch {
	case !ok:
		return nil, n, errEscape
	case len(raw) <= minHeader:
		return nil, n, errShort
	case len(raw) > MaxFrame:
		return nil, n, errOversized
	case xor(raw) != 0:
		return nil, n, errChecksum
	}
	return raw[:len(raw)-1], n, nil
}

// unescape works in place.
func unescape(raw []byte) ([]byte, bool) {
	at := bytes.IndexByte(raw, escape)
	if at < 0 {
		return raw, true
	}
	w := at
	for {
		if at+1 >= len(raw) || raw[at+1]-1 > 1 {
			return nil, false
		}
		raw[w] = escape + raw[at+1] - 1 // 01 is 7d, 02 is 7e
		w++
		at += 2
		next := bytes.IndexByte(raw[at:], escape)
		if next < 0 {
			w += copy(raw[w:], raw[at:])
			return raw[:w], true
		}
		w += copy(raw[w:], raw[at:at+next])
		at += next
	}
}

func xor(b []byte) byte {
	var word uint64
	for len(b) >= 8 {
		word ^= binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	word ^= word >> 32
	word ^= word >> 16
	word ^= word >> 8
	sum := byte(word)
	for _, c := range b {
		sum ^= c
	}
	return sum
}

// AppendFrame appends a message as one frame. Its body must fit (MaxBody); longer ones
// are for AppendMessage.
func AppendFrame(dst []byte, h *Header, body []byte) []byte {
	var head [maxHeader]byte
	front := appendHeader(head[:0], h, len(body))
	dst = append(dst, marker)
	dst = appendEscaped(dst, front)
	dst = appendEscaped(dst, body)
	sum := [1]byte{xor(front) ^ xor(body)}
	dst = appendEscaped(dst, sum[:])
	return append(dst, marker)
}

// AppendMessage appends a message in as many packets as its body needs, and returns
// how many; their serials count up from h.Serial.
func AppendMessage(dst []byte, h Header, body []byte) ([]byte, int) {
	if len(body) <= MaxBody {
		h.Total, h.Index = 0, 0
		return AppendFrame(dst, &h, body), 1
	}
	total := (len(body) + MaxBody - 1) / MaxBody
	h.Total = uint16(total)
	for i := range total {
		h.Index = uint16(i + 1)
		dst = AppendFrame(dst, &h, body[i*MaxBody:min((i+1)*MaxBody, len(body))])
		h.Serial++
	}
	return dst, total
}

func appendEscaped(dst, b []byte) []byte {
	from := 0
	for i, c := range b {
		if c == marker || c == escape {
			dst = append(dst, b[from:i]...)
			dst = append(dst, escape, c-escape+1)
			from = i + 1
		}
	}
	return append(dst, b[from:]...)
}
