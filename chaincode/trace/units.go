package trace

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The integer units of the ledger. There are no floats on the chain: endorsers on
// different machines must compute the same bytes.
type (
	// CentiCelsius is a temperature in 1/100 °C.
	CentiCelsius int32
	// MicroDegrees is a latitude or longitude in 1e-6 °, WGS-84/CGCS2000.
	MicroDegrees int32
	// CentiPercent is a relative humidity, or a volumetric water content, in 1/100 %.
	CentiPercent int32
	// Lux is an illuminance in whole lx.
	Lux int32
	// BasisPoints is a share in 1/10,000.
	BasisPoints int32
	// SquareMetres is an area.
	SquareMetres int64
	// Fen is money, 1/100 yuan.
	Fen int64
)

// Point is a position on the earth. Public points are coarse (two decimals);
// exact tracks never go on the chain.
type Point struct {
	Latitude  MicroDegrees `json:"latitude"`
	Longitude MicroDegrees `json:"longitude"`
}

// TemperatureRange is an inclusive range in 1/100 °C.
type TemperatureRange struct {
	Minimum CentiCelsius `json:"minimum"`
	Maximum CentiCelsius `json:"maximum"`
}

// Unit is the unit a quantity is counted in.
type Unit string

// Units of quantity. Mass is counted in grams so that 0.5 kg stays an integer.
const (
	Gram       Unit = "g"
	Millilitre Unit = "ml"
	Piece      Unit = "piece"
)

// Quantity is an amount in its unit; amounts are positive unless a doc says otherwise.
type Quantity struct {
	Amount int64 `json:"amount"`
	Unit   Unit  `json:"unit"`
}

// Time is a moment in Unix milliseconds. JSON: RFC 3339 in UTC with at most
// millisecond fraction; any offset is read.
type Time int64

// ChinaStandardTime is the offset in which civil dates are read: every day on a
// label, licence or certificate is a day at +08:00.
const ChinaStandardTime = 8 * 60 * 60

// TimeOf converts; sub-millisecond parts are dropped.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// UTC converts back.
func (t Time) UTC() time.Time { return time.UnixMilli(int64(t)).UTC() }

func (t Time) String() string { return t.UTC().Format("2006-01-02T15:04:05.999Z07:00") }

// Date is the civil day of t at +08:00.
func (t Time) Date() Date {
	return Date(floorDiv(int64(t)/1000+ChinaStandardTime, 24*60*60))
}

// MarshalJSON writes RFC 3339 in UTC.
func (t Time) MarshalJSON() ([]byte, error) { return quote(t.String()), nil }

// UnmarshalJSON reads RFC 3339; years 2000 to 2199 only, so that a device clock
// years away is refused where it enters.
func (t *Time) UnmarshalJSON(b []byte) error {
	s, ok := unquote(b)
	if !ok {
		return Errorf(CodeInvalid, "time %s is not a text like \"2026-10-18T09:00:00+08:00\"", clip(string(b)))
	}
	p, err := ParseTime(s)
	if err != nil {
		return err
	}
	*t = p
	return nil
}

// ParseTime reads RFC 3339.
func ParseTime(s string) (Time, error) {
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, Errorf(CodeInvalid, "time %q is not like \"2026-10-18T09:00:00+08:00\"", clip(s))
	}
	if y := v.UTC().Year(); y < 2000 || y > 2199 {
		return 0, Errorf(CodeInvalid, "time %q is outside the years 2000 to 2199", clip(s))
	}
	return TimeOf(v), nil
}

// Date is a civil day at +08:00, as days since 1970-01-01. JSON: "2026-10-18".
type Date int32

// ParseDate reads "2026-10-18"; years 2000 to 2199 only.
func ParseDate(s string) (Date, error) {
	v, err := time.Parse("2006-01-02", s)
	if err != nil || v.Year() < 2000 || v.Year() > 2199 {
		return 0, Errorf(CodeInvalid, "date %q is not like \"2026-10-18\" (years 2000 to 2199)", clip(s))
	}
	return Date(v.Unix() / (24 * 60 * 60)), nil
}

// Start is the first moment of the day at +08:00.
func (d Date) Start() Time { return Time((int64(d)*24*60*60 - ChinaStandardTime) * 1000) }

// Year is the civil year of the day.
func (d Date) Year() int { return time.Unix(int64(d)*24*60*60, 0).UTC().Year() }

func (d Date) String() string { return time.Unix(int64(d)*24*60*60, 0).UTC().Format("2006-01-02") }

// MarshalJSON writes "2026-10-18".
func (d Date) MarshalJSON() ([]byte, error) { return quote(d.String()), nil }

// UnmarshalJSON reads "2026-10-18".
func (d *Date) UnmarshalJSON(b []byte) error {
	s, ok := unquote(b)
	if !ok {
		return Errorf(CodeInvalid, "date %s is not a text like \"2026-10-18\"", clip(string(b)))
	}
	p, err := ParseDate(s)
	if err != nil {
		return err
	}
	*d = p
	return nil
}

// Decimal is a measured value or limit in millionths of its unit: 0.05 mg/kg is
// 50,000. JSON: a decimal text, "0.05". At most six decimals and twelve digits
// before the point.
type Decimal int64

const decimalScale = 1_000_000

// ParseDecimal reads "0.05"; no exponent, no sign but a leading minus.
func ParseDecimal(s string) (Decimal, error) {
	bad := func() (Decimal, error) {
		return 0, Errorf(CodeInvalid, "number %q is not a decimal like \"0.05\" with at most six decimals", clip(s))
	}
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 12 || len(fraction) > 6 || (point && fraction == "") {
		return bad()
	}
	padded := whole + fraction + "000000"[:6-len(fraction)]
	for i := 0; i < len(padded); i++ {
		if padded[i] < '0' || padded[i] > '9' {
			return bad()
		}
	}
	v, err := strconv.ParseInt(padded, 10, 64)
	if err != nil {
		return bad()
	}
	if negative {
		v = -v
	}
	return Decimal(v), nil
}

func (d Decimal) String() string {
	sign, v := "", int64(d)
	if v < 0 {
		sign, v = "-", -v
	}
	whole, fraction := v/decimalScale, v%decimalScale
	if fraction == 0 {
		return sign + strconv.FormatInt(whole, 10)
	}
	f := strconv.FormatInt(fraction+decimalScale, 10)[1:]
	return sign + strconv.FormatInt(whole, 10) + "." + strings.TrimRight(f, "0")
}

// MarshalJSON writes a decimal text.
func (d Decimal) MarshalJSON() ([]byte, error) { return quote(d.String()), nil }

// UnmarshalJSON reads a decimal text; a bare JSON number is refused because its
// digits may already have passed through a float.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	s, ok := unquote(b)
	if !ok {
		return Errorf(CodeInvalid, "number %s must be a text like \"0.05\"", clip(string(b)))
	}
	p, err := ParseDecimal(s)
	if err != nil {
		return err
	}
	*d = p
	return nil
}

// quote writes a text of printable ASCII as JSON.
func quote(s string) []byte {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// unquote reads a JSON text. Times, numbers and hashes are plain ASCII, read without
// the general decoder: they are most of what a contract decodes.
func unquote(b []byte) (string, bool) {
	if len(b) >= 2 && b[0] == '"' && b[len(b)-1] == '"' {
		inner := b[1 : len(b)-1]
		plain := true
		for _, c := range inner {
			if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
				plain = false
				break
			}
		}
		if plain {
			return string(inner), true
		}
	}
	var s string
	err := json.Unmarshal(b, &s)
	return s, err == nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// clip shortens a value quoted in an error message.
func clip(s string) string {
	const most = 60
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}
