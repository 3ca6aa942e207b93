package jt808

import (
	"encoding/binary"

	"traceledger/chaincode/trace"
)

// MessageID names a kind of message.
type MessageID uint16

// Messages that are spoken here. Everything else is answered as unsupported.
const (
	Heartbeat          MessageID = 0x0002
	LogOut             MessageID = 0x0003 // the terminal is taken out of its vehicle
	Register           MessageID = 0x0100
	Authenticate       MessageID = 0x0102
	PositionReport     MessageID = 0x0200
	PositionBatch      MessageID = 0x0704
	GeneralAnswer      MessageID = 0x8001 // platform to terminal
	RegistrationAnswer MessageID = 0x8100
)

// Edition is the edition of the standard that a message follows; bit 14 of its
// properties tells.
type Edition uint16

// Editions.
const (
	Edition2013 Edition = 2013
	Edition2019 Edition = 2019
)

const (
	propertyLength     = MaxBody
	propertyEncryption = 7 << 10
	propertyFragmented = 1 << 13
	propertyEdition    = 1 << 14
)

// Phone is the terminal's number as its header carries it: binary coded digits, padded
// with zeros on the left to the 20 of edition 2019, so that one number is the same in
// both editions.
type Phone [10]byte

// ParsePhone reads up to 20 digits.
func ParsePhone(digits string) (Phone, error) {
	var p Phone
	if len(digits) == 0 || len(digits) > 2*len(p) {
		return p, trace.Errorf(trace.CodeInvalid, "a terminal's number has 1 to %d digits, not %d", 2*len(p), len(digits))
	}
	for i := range len(digits) {
		c := digits[len(digits)-1-i] - '0'
		if c > 9 {
			return Phone{}, trace.Errorf(trace.CodeInvalid, "a terminal's number has digits only")
		}
		p[len(p)-1-i/2] |= c << (4 * (i % 2))
	}
	return p, nil
}

// String gives the digits without leading zeros.
func (p Phone) String() string {
	var digits [2 * len(p)]byte
	for i, c := range p {
		digits[2*i], digits[2*i+1] = '0'+c>>4, '0'+c&15
	}
	at := 0
	for at < len(digits)-1 && digits[at] == '0' {
		at++
	}
	return string(digits[at:])
}

func (p *Phone) valid() bool {
	for _, c := range p {
		if c>>4 > 9 || c&15 > 9 {
			return false
		}
	}
	return true
}

// Header is a message's header.
type Header struct {
	ID         MessageID
	Edition    Edition
	Version    byte // of the protocol, from edition 2019 on
	Encryption byte // 0: none
	Phone      Phone
	Serial     uint16
	// Total and Index, from 1, of a message sent in packets; both 0 of a whole one.
	Total, Index uint16
}

var (
	errHeader     = trace.Errorf(CodeTruncated, "the frame ends within its header")
	errBodyLength = trace.Errorf(CodeTruncated, "the body has another length than the header says")
	errPhone      = trace.Errorf(trace.CodeMalformed, "the terminal's number is not binary coded decimal")
	errPacket     = trace.Errorf(trace.CodeMalformed, "packet index must be 1 to the number of packets")
)

// ParseHeader takes a frame of Next apart. Of an error that comes with an id, the header
// is readable and the message can be answered; of the others not even that is known.
func ParseHeader(frame []byte) (h Header, body []byte, err error) {
	if len(frame) < minHeader {
		return Header{}, nil, errHeader
	}
	properties := binary.BigEndian.Uint16(frame[2:])
	rest := frame[4:]
	h.Edition, h.Encryption = Edition2013, byte(properties&propertyEncryption>>10)
	phone := rest[:6]
	if properties&propertyEdition != 0 {
		if len(rest) < 13 {
			return Header{}, nil, errHeader
		}
		h.Edition, h.Version = Edition2019, rest[0]
		phone = rest[1:11]
		rest = rest[1:]
	}
	copy(h.Phone[len(h.Phone)-len(phone):], phone)
	rest = rest[len(phone):]
	if !h.Phone.valid() {
		return Header{}, nil, errPhone
	}
	h.Serial = binary.BigEndian.Uint16(rest)
	rest = rest[2:]
	id := MessageID(binary.BigEndian.Uint16(frame))
	if properties&propertyFragmented != 0 {
		if len(rest) < 4 {
			return Header{}, nil, errHeader
		}
		h.Total, h.Index = binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])
		rest = rest[4:]
		if h.Index == 0 || h.Index > h.Total {
			h.ID = id
			return h, nil, errPacket
		}
	}
	h.ID = id
	if len(rest) != int(properties&propertyLength) {
		return h, nil, errBodyLength
	}
	return h, rest, nil
}

func appendHeader(dst []byte, h *Header, body int) []byte {
	properties := uint16(body)&propertyLength | uint16(h.Encryption)<<10&propertyEncryption
	if h.Total != 0 {
		properties |= propertyFragmented
	}
	if h.Edition == Edition2019 {
		properties |= propertyEdition
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.ID))
	dst = binary.BigEndian.AppendUint16(dst, properties)
	if h.Edition == Edition2019 {
		dst = append(dst, h.Version)
		dst = append(dst, h.Phone[:]...)
	} else {
		dst = append(dst, h.Phone[4:]...)
	}
	dst = binary.BigEndian.AppendUint16(dst, h.Serial)
	if h.Total != 0 {
		dst = binary.BigEndian.AppendUint16(dst, h.Total)
		dst = binary.BigEndian.AppendUint16(dst, h.Index)
	}
	return dst
}
