package jt808

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func unhex(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}

// The standard's own example of escaping: 30 7e 08 7d 55.
func TestEscaping(t *testing.T) {
	require.Equal(t, unhex(t, "30 7d02 08 7d01 55"), appendEscaped(nil, unhex(t, "30 7e 08 7d 55")))
	raw, ok := unescape(unhex(t, "30 7d02 08 7d01 55"))
	require.True(t, ok)
	require.Equal(t, unhex(t, "30 7e 08 7d 55"), raw)
}

func TestFramesThatAreRefused(t *testing.T) {
	good := "7e 0002 0000 013800138000 0003 ab 7e"
	for name, c := range map[string]struct {
		bytes string
		code  trace.Code
	}{
		"checksum":          {"7e 0002 0000 013800138000 0003 aa 7e", CodeChecksum},
		"truncated":         {"7e 0002 0000 0138 7e", CodeTruncated},
		"a checksum alone":  {"7e ab 7e", CodeTruncated},
		"escape of nothing": {"7e 0002 0000 013800138000 0003 7d03 7e", trace.CodeMalformed},
		"escape cut off":    {"7e 0002 0000 013800138000 0003 ab7d 7e", trace.CodeMalformed},
		"not the protocol":  {hex.EncodeToString([]byte("GET / HTTP/1.1\r\n\r\n")) + "7e", CodeChecksum},
		"oversized":         {"7e" + strings.Repeat("00", MaxFrame+1) + "7e", trace.CodeTooLarge},
		"oversized escaped": {"7e" + strings.Repeat("7d01", MaxFrame+1) + "7e", trace.CodeTooLarge},
		"no end":            {"7e" + strings.Repeat("00", MaxEscaped+1), trace.CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			buf := unhex(t, c.bytes)
			frame, n, err := Next(buf)
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			require.Nil(t, frame)
			require.Positive(t, n)
			// The good frame behind it is found.
			buf = append(unhex(t, c.bytes), unhex(t, good)...)
			if name == "no end" {
				buf = append(unhex(t, c.bytes+"7e"), unhex(t, good)...)
			}
			for {
				frame, n, err = Next(buf)
				buf = buf[n:]
				if frame != nil {
					break
				}
				require.Error(t, err, "the good frame was not found")
			}
			h, _, err := ParseHeader(frame)
			require.NoError(t, err)
			require.Equal(t, Heartbeat, h.ID)
		})
	}
}

func TestTwoFramesShareAMarker(t *testing.T) {
	buf := unhex(t, "7e 0002 0000 013800138000 0003 ab 7e 0002 0000 013800138000 0004 ac 7e 7e")
	for _, serial := range []uint16{3, 4} {
		frame, n, err := Next(buf)
		require.NoError(t, err)
		h, body, err := ParseHeader(frame)
		require.NoError(t, err)
		require.Equal(t, Header{ID: Heartbeat, Edition: Edition2013, Phone: phoneOf(t, "13800138000"), Serial: serial}, h)
		require.Empty(t, body)
		buf = buf[n:]
	}
	frame, n, err := Next(buf)
	require.NoError(t, err)
	require.Nil(t, frame)
	require.Equal(t, len(buf), n)
}

func phoneOf(t testing.TB, digits string) Phone {
	p, err := ParsePhone(digits)
	require.NoError(t, err)
	require.Equal(t, digits, p.String())
	return p
}

func TestHeadersThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		frame    string
		code     trace.Code
		readable bool
	}{
		"letters in the number":   {"0002 0000 01380013800a 0003", trace.CodeMalformed, false},
		"2019 cut off":            {"0002 4000 01 000000000138", CodeTruncated, false},
		"packet numbers cut off":  {"0704 2000 013800138000 0003 0001", CodeTruncated, false},
		"body longer than said":   {"0002 0000 013800138000 0003 00", CodeTruncated, true},
		"body shorter than said":  {"0002 0001 013800138000 0003", CodeTruncated, true},
		"packet 0":                {"0704 2000 013800138000 0003 0002 0000", trace.CodeMalformed, true},
		"packet beyond the total": {"0704 2000 013800138000 0003 0002 0003", trace.CodeMalformed, true},
		"packet of none":          {"0704 2000 013800138000 0003 0000 0000", trace.CodeMalformed, true},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, err := ParseHeader(unhex(t, c.frame))
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			require.Equal(t, c.readable, h.ID != 0, "whether it can be answered")
		})
	}
	for _, digits := range []string{"", "123456789012345678901", "+8613800138000"} {
		_, err := ParsePhone(digits)
		require.Error(t, err, digits)
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	basic := "00000000 00080003 01cce448 062b77c0 01f4 0311 005a 261020160500"
	for name, c := range map[string]struct {
		body string
		code trace.Code
	}{
		"cut short":           {"00000000 00080003 01cce448 062b77c0 01f4 0311 005a 2610201605", trace.CodeMalformed},
		"month 0":             {"00000000 00080003 01cce448 062b77c0 01f4 0311 005a 260020160500", trace.CodeMalformed},
		"30 February":         {"00000000 00080003 01cce448 062b77c0 01f4 0311 005a 280230160500", trace.CodeMalformed},
		"hour 24":             {"00000000 00080003 01cce448 062b77c0 01f4 0311 005a 261020240000", trace.CodeMalformed},
		"not decimal":         {"00000000 00080003 01cce448 062b77c0 01f4 0311 005a 26102016050a", trace.CodeMalformed},
		"item without length": {basic + "30", trace.CodeMalformed},
		"item beyond the end": {basic + "0104000003", trace.CodeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			var p Position
			require.Equal(t, c.code, trace.CodeOf(ParsePosition(unhex(t, c.body), &p)))
		})
	}
	for name, body := range map[string]string{
		"no head":                 "0001",
		"none":                    "0000 00",
		"fewer than it says":      "0002 00 001c" + basic,
		"more than it says":       "0001 00 001c" + basic + "001c" + basic,
		"a position cut short":    "0001 00 001d" + basic,
		"a position of two bytes": "0001 00 0002" + basic,
		"a bad position within":   "0002 00 001c" + basic + "001c" + strings.Replace(basic, "261020", "261320", 1),
	} {
		t.Run("batch/"+name, func(t *testing.T) {
			b, err := ParseBatch(unhex(t, body))
			var p Position
			for more := err == nil; more; {
				more, err = b.Next(&p)
			}
			require.Equal(t, trace.CodeMalformed, trace.CodeOf(err))
		})
	}
	_, err := ParseRegistration(Edition2013, make([]byte, 36))
	require.Equal(t, trace.CodeMalformed, trace.CodeOf(err))
	_, err = ParseRegistration(Edition2019, make([]byte, 75))
	require.Equal(t, trace.CodeMalformed, trace.CodeOf(err))
	_, err = ParseAuthentication(Edition2019, append([]byte{200}, make([]byte, 100)...))
	require.Equal(t, trace.CodeMalformed, trace.CodeOf(err))
}

func drawHeader(t *rapid.T) Header {
	h := Header{
		ID: MessageID(rapid.Uint16Min(1).Draw(t, "id")), Edition: rapid.SampledFrom([]Edition{Edition2013, Edition2019}).Draw(t, "edition"),
		Serial: rapid.Uint16().Draw(t, "serial"), Encryption: byte(rapid.IntRange(0, 7).Draw(t, "encryption")),
	}
	digits := rapid.StringMatching(`[0-9]{1,12}`).Draw(t, "phone")
	if h.Edition == Edition2019 {
		h.Version = rapid.Byte().Draw(t, "version")
		digits = rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "phone")
	}
	h.Phone, _ = ParsePhone(digits)
	if rapid.Bool().Draw(t, "fragmented") {
		h.Total = rapid.Uint16Min(1).Draw(t, "total")
		h.Index = rapid.Uint16Range(1, h.Total).Draw(t, "index")
	}
	return h
}

func TestFramesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type message struct {
			Header
			body []byte
		}
		var sent []message
		var stream []byte
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			m := message{drawHeader(t), rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 0x7d, 0x7e, 0x7f, 0xff}), 0, MaxBody).Draw(t, "body")}
			sent = append(sent, m)
			stream = AppendFrame(stream, &m.Header, m.body)
		}
		// In whatever pieces they arrive.
		var buf []byte
		for _, want := range sent {
			for {
				frame, n, err := Next(buf)
				require.NoError(t, err)
				if frame == nil {
					require.NotEmpty(t, stream)
					k := rapid.IntRange(1, len(stream)).Draw(t, "piece")
					buf = append(append([]byte{}, buf[n:]...), stream[:k]...)
					stream = stream[k:]
					continue
				}
				h, body, err := ParseHeader(frame)
				require.NoError(t, err)
				require.Equal(t, want.Header, h)
				require.True(t, bytes.Equal(want.body, body))
				buf = buf[n:]
				break
			}
		}
		require.Empty(t, append(buf, stream...))
	})
}

func drawPosition(t *rapid.T) Position {
	p := Position{
		Alarm: rapid.Uint32().Draw(t, "alarm"), Status: rapid.Uint32().Draw(t, "status"),
		Latitude: rapid.Uint32().Draw(t, "latitude"), Longitude: rapid.Uint32().Draw(t, "longitude"),
		Altitude: rapid.Uint16().Draw(t, "altitude"), Speed: rapid.Uint16().Draw(t, "speed"), Direction: rapid.Uint16().Draw(t, "direction"),
		At:    trace.Time(rapid.Int64Range(946_656_000, 4_102_415_999).Draw(t, "at") * 1000), // the years 2000 to 2099 at GMT+8
		Items: []byte{},
	}
	for range rapid.IntRange(0, 4).Draw(t, "items") {
		p.Items = AppendItem(p.Items, rapid.Byte().Draw(t, "item"), rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "data"))
	}
	return p
}

func TestMessagesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		positions := rapid.SliceOfN(rapid.Custom(drawPosition), 1, 5).Draw(t, "positions")
		var p Position
		require.NoError(t, ParsePosition(positions[0].Append(nil), &p))
		require.Equal(t, positions[0], p)
		kind := rapid.Byte().Draw(t, "kind")
		batch, err := ParseBatch(AppendBatch(nil, kind, positions))
		require.NoError(t, err)
		require.Equal(t, kind, batch.Kind)
		for _, want := range positions {
			more, err := batch.Next(&p)
			require.NoError(t, err)
			require.True(t, more)
			require.Equal(t, want, p)
		}
		more, err := batch.Next(&p)
		require.NoError(t, err)
		require.False(t, more)

		a := Answer{rapid.Uint16().Draw(t, "serial"), MessageID(rapid.Uint16().Draw(t, "id")), Result(rapid.Byte().Draw(t, "result"))}
		gotAnswer, err := ParseAnswer(a.Append(nil))
		require.NoError(t, err)
		require.Equal(t, a, gotAnswer)
		edition := rapid.SampledFrom([]Edition{Edition2013, Edition2019}).Draw(t, "edition")
		word := func(most int) string {
			return rapid.StringMatching(`[A-Z0-9~}]*`).Filter(func(s string) bool { return len(s) <= most }).Draw(t, "word")
		}
		reply := RegistrationReply{Serial: a.Serial, Result: RegistrationResult(rapid.IntRange(0, 4).Draw(t, "registration"))}
		if reply.Result == Registered {
			reply.Code = word(64)
		}
		gotReply, err := ParseRegistrationReply(reply.Append(nil))
		require.NoError(t, err)
		require.Equal(t, reply, gotReply)
		r := Registration{a.Serial, uint16(kind), word(5), word(20), word(7), kind, rapid.SampledFrom([]string{"", "浙A12345", "川A·0X1Y2"}).Draw(t, "plate")}
		gotRegistration, err := ParseRegistration(edition, r.Append(nil, edition))
		require.NoError(t, err)
		require.Equal(t, r, gotRegistration)
		auth := Authentication{Code: word(64)}
		if edition == Edition2019 {
			auth.IMEI, auth.Software = word(15), word(20)
		}
		gotAuth, err := ParseAuthentication(edition, auth.Append(nil, edition))
		require.NoError(t, err)
		require.Equal(t, auth, gotAuth)
	})
}

// Every day and some moments of a hundred years, against the standard library.
func TestTimes(t *testing.T) {
	zone := time.FixedZone("GMT+8", 8*60*60)
	for day := time.Date(2000, 1, 1, 0, 0, 0, 0, zone); day.Year() < 2100; day = day.AddDate(0, 0, 1) {
		at := day.Add(time.Duration(day.YearDay()*197) * time.Second)
		b := appendTime(nil, trace.TimeOf(at))
		require.Equal(t, at.Format("060102150405"), hex.EncodeToString(b))
		got, ok := parseTime(b)
		require.True(t, ok)
		require.Equal(t, trace.TimeOf(at), got)
	}
}

// A long message comes back from its packets in any order and with repeats, and never
// from too many or too large ones.
func TestPackets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), MaxBody+1, 5*MaxBody).Draw(t, "body")
		h := Header{ID: PositionBatch, Edition: Edition2019, Version: 1, Phone: Phone{9: 1}, Serial: rapid.Uint16().Draw(t, "serial")}
		stream, packets := AppendMessage(nil, h, body)
		type packet struct {
			h    Header
			body []byte
		}
		var all []packet
		for len(stream) > 0 {
			frame, n, err := Next(stream)
			require.NoError(t, err)
			stream = stream[n:]
			head, part, err := ParseHeader(frame)
			require.NoError(t, err)
			all = append(all, packet{head, part})
		}
		require.Len(t, all, packets)
		order := rapid.Permutation(all).Draw(t, "order")
		var a assembler
		for i, p := range order {
			if i > 0 && rapid.Bool().Draw(t, "again") {
				whole, _, dropped, err := a.add(&order[i-1].h, order[i-1].body, len(body), time.Time{})
				require.NoError(t, err)
				require.False(t, dropped)
				require.Nil(t, whole)
			}
			whole, got, dropped, err := a.add(&p.h, p.body, len(body), time.Time{})
			require.NoError(t, err)
			require.False(t, dropped)
			require.Equal(t, i == len(order)-1, whole != nil)
			if whole != nil {
				require.Equal(t, body, got)
				require.Equal(t, h.Serial, whole.Serial)
			}
		}
		require.False(t, a.pending())
		for i, p := range order {
			_, _, _, err := a.add(&p.h, p.body, len(body)-1, time.Time{})
			require.Equal(t, i == len(order)-1, err != nil, "above the limit in bytes")
		}
	})
	var a assembler
	_, _, _, err := a.add(&Header{ID: PositionBatch, Total: maxPackets + 1, Index: 1}, nil, 1, time.Time{})
	require.Equal(t, trace.CodeTooLarge, trace.CodeOf(err))
	// Another message gives up the one before.
	_, _, dropped, err := a.add(&Header{ID: PositionBatch, Total: 2, Index: 1, Serial: 7}, []byte{1}, 10, time.Time{})
	require.NoError(t, err)
	require.False(t, dropped)
	whole, _, dropped, err := a.add(&Header{ID: PositionBatch, Total: 2, Index: 2, Serial: 9}, []byte{2}, 10, time.Time{})
	require.NoError(t, err)
	require.True(t, dropped)
	require.Nil(t, whole)
}
