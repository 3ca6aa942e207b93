package jt808

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"traceledger/chaincode/trace"
)

// Registration is the body of a terminal's registration (0x0100).
type Registration struct {
	Province, City uint16 // GB/T 2260
	Manufacturer   string // 5 bytes; 11 in edition 2019
	Model          string // 20 bytes; 30 in edition 2019
	Terminal       string // its id: 7 bytes; 30 in edition 2019
	PlateColour    byte   // JT/T 697.7; 0: no plate
	Plate          string // GBK on the wire; personal data
}

func registrationWidths(e Edition) (manufacturer, model, terminal int) {
	if e == Edition2019 {
		return 11, 30, 30
	}
	return 5, 20, 7
}

// ParseRegistration reads the body. Texts end at their first zero byte; blanks around
// them are dropped.
func ParseRegistration(e Edition, body []byte) (Registration, error) {
	manufacturer, model, terminal := registrationWidths(e)
	fixed := 4 + manufacturer + model + terminal + 1
	if len(body) < fixed {
		return Registration{}, trace.Errorf(trace.CodeMalformed, "a registration of %d bytes, at least %d in edition %d", len(body), fixed, e)
	}
	r := Registration{Province: binary.BigEndian.Uint16(body), City: binary.BigEndian.Uint16(body[2:])}
	rest := body[4:]
	for _, field := range []struct {
		to    *string
		width int
	}{{&r.Manufacturer, manufacturer}, {&r.Model, model}, {&r.Terminal, terminal}} {
		*field.to = textOf(rest[:field.width])
		rest = rest[field.width:]
	}
	r.PlateColour = rest[0]
	r.Plate = textOf(rest[1:])
	return r, nil
}

// Append writes the body; texts longer than their field are cut.
func (r Registration) Append(dst []byte, e Edition) []byte {
	manufacturer, model, terminal := registrationWidths(e)
	dst = binary.BigEndian.AppendUint16(dst, r.Province)
	dst = binary.BigEndian.AppendUint16(dst, r.City)
	dst = appendText(dst, r.Manufacturer, manufacturer)
	dst = appendText(dst, r.Model, model)
	dst = appendText(dst, r.Terminal, terminal)
	dst = append(dst, r.PlateColour)
	plate, err := simplifiedchinese.GBK.NewEncoder().String(r.Plate)
	if err != nil { // a character that GBK does not have
		return dst
	}
	return append(dst, plate...)
}

// Authentication is the body of a terminal's authentication (0x0102). Edition 2013 has
// the code only.
type Authentication struct {
	Code     string
	IMEI     string
	Software string
}

const (
	imeiWidth     = 15
	softwareWidth = 20
)

// ParseAuthentication reads the body.
func ParseAuthentication(e Edition, body []byte) (Authentication, error) {
	if e != Edition2019 {
		return Authentication{Code: textOf(body)}, nil
	}
	if len(body) < 1 || len(body) < 1+int(body[0])+imeiWidth+softwareWidth {
		return Authentication{}, trace.Errorf(trace.CodeMalformed, "an authentication of %d bytes: the length of the code, the code, %d bytes of IMEI and %d of software version", len(body), imeiWidth, softwareWidth)
	}
	code, rest := body[1:1+int(body[0])], body[1+int(body[0]):]
	return Authentication{Code: textOf(code), IMEI: textOf(rest[:imeiWidth]), Software: textOf(rest[imeiWidth : imeiWidth+softwareWidth])}, nil
}

// Append writes the body.
func (a Authentication) Append(dst []byte, e Edition) []byte {
	if e != Edition2019 {
		return append(dst, a.Code...)
	}
	code := a.Code[:min(len(a.Code), 255)]
	dst = append(dst, byte(len(code)))
	dst = append(dst, code...)
	dst = appendText(dst, a.IMEI, imeiWidth)
	return appendText(dst, a.Software, softwareWidth)
}

// textOf reads a text in GBK, of which ASCII is a part. What is no GBK gives
// replacement characters, which match nothing.
func textOf(b []byte) string {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			if decoded, err := simplifiedchinese.GBK.NewDecoder().Bytes(b); err == nil {
				b = decoded
			}
			break
		}
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(b)), "\uFFFD")
}

// appendText writes ASCII, padded with zeros.
func appendText(dst []byte, text string, width int) []byte {
	n := min(len(text), width)
	dst = append(dst, text[:n]...)
	for range width - n {
		dst = append(dst, 0)
	}
	return dst
}
