package jt808

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

const (
	noTemperature = trace.NoTemperature
	minute        = trace.Time(60_000)
)

var noon = trace.Time(1_792_468_800_000) // 2026-10-20 12:00 +08:00

func modelOf(t testing.TB, content string) *model {
	models, err := ParseModels([]byte(content))
	require.NoError(t, err)
	m, err := models.named("")
	require.NoError(t, err)
	return m
}

func TestStandardModel(t *testing.T) {
	m, err := StandardModels().named("")
	require.NoError(t, err)
	r := Reader{model: m}
	for name, c := range map[string]struct {
		items       string
		probes      []string
		want        []trace.CentiCelsius
		implausible int
		code        trace.Code
	}{
		"2019 item, minus 18":           {items: "0602 8012", probes: []string{"return-air"}, want: []trace.CentiCelsius{-1800}},
		"list":                          {items: "5104 0030 800c", probes: []string{"return-air", "pulp"}, want: []trace.CentiCelsius{480, -120}},
		"order of the binding":          {items: "5104 0030 800c", probes: []string{"pulp", "return-air"}, want: []trace.CentiCelsius{-120, 480}},
		"absent":                        {items: "5104 ffff 800c", probes: []string{"return-air", "pulp"}, want: []trace.CentiCelsius{noTemperature, -120}},
		"the list before the item":      {items: "0602 0005 5102 0030", probes: []string{"return-air"}, want: []trace.CentiCelsius{480}},
		"whichever comes first":         {items: "5102 0030 0602 0005", probes: []string{"return-air"}, want: []trace.CentiCelsius{480}},
		"the item where the list lacks": {items: "5102 ffff 0602 0005", probes: []string{"return-air"}, want: []trace.CentiCelsius{500}},
		"a probe the binding lacks":     {items: "5104 0030 800c", probes: []string{"pulp"}, want: []trace.CentiCelsius{-120}},
		"a probe the device lacks":      {items: "5102 0030", probes: []string{"return-air", "pulp"}, want: []trace.CentiCelsius{480, noTemperature}},
		"no items":                      {probes: []string{"return-air"}, want: []trace.CentiCelsius{noTemperature}},
		"no probes":                     {items: "5104 0030 800c", want: []trace.CentiCelsius{}},
		"more values than the model":    {items: "5114" + strings.Repeat("0010", 10), probes: []string{"return-air"}, want: []trace.CentiCelsius{160}},
		"implausible":                   {items: "5104 7000 0030", probes: []string{"return-air", "pulp"}, want: []trace.CentiCelsius{noTemperature, 480}, implausible: 1},
		"minus zero":                    {items: "5102 8000", probes: []string{"return-air"}, want: []trace.CentiCelsius{0}},
		"half a value":                  {items: "5103 003080", probes: []string{"return-air"}, code: trace.CodeMalformed},
		"other items":                   {items: "0104000003e8 300111 31010c eb020102", probes: []string{"return-air"}, want: []trace.CentiCelsius{noTemperature}},
	} {
		t.Run(name, func(t *testing.T) {
			r.implausible = 0
			r.Begin([]trace.BoundPeriod{{Shipment: "sh-1", Probes: c.probes, From: noon}})
			p := Position{At: noon, Items: unhex(t, c.items)}
			var got trace.Reading
			_, err := r.Read(&p, noon-minute, noon+minute, &got, []trace.CentiCelsius{})
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			require.Equal(t, c.implausible, r.implausible)
			if c.code == "" {
				require.Equal(t, trace.Reading{At: noon, Temperatures: c.want, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}, got)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	r := Reader{model: modelOf(t, string(standardModels))}
	r.Begin([]trace.BoundPeriod{{Store: "cold-1", From: noon}})
	const here = StatusFixed | StatusBeidou
	for name, c := range map[string]struct {
		p           Position
		fix         bool
		point       trace.Point
		speed       int32
		implausible int
		code        trace.Code
	}{
		"north and east":            {p: Position{Status: here, Latitude: 30_205_000, Longitude: 103_512_000, Speed: 785}, fix: true, point: trace.Point{Latitude: 30_205_000, Longitude: 103_512_000}, speed: 785},
		"south and west":            {p: Position{Status: here | StatusSouth | StatusWest, Latitude: 90_000_000, Longitude: 180_000_000}, fix: true, point: trace.Point{Latitude: -90_000_000, Longitude: -180_000_000}},
		"Beidou without a fix":      {p: Position{Status: StatusBeidou, Latitude: 30_205_000, Longitude: 103_512_000, Speed: 785}, speed: trace.NoSpeed},
		"off the earth, but no fix": {p: Position{Latitude: 91_000_000}, speed: trace.NoSpeed},
		"faster than anything":      {p: Position{Status: here, Speed: 3001}, fix: true, speed: trace.NoSpeed, implausible: 1},
		"latitude":                  {p: Position{Status: here, Latitude: 90_000_001}, code: trace.CodeOutOfRange},
		"longitude":                 {p: Position{Status: here, Longitude: 180_000_001}, code: trace.CodeOutOfRange},
		"latitude of 32 bits":       {p: Position{Status: here, Latitude: 0xffff_ffff}, code: trace.CodeOutOfRange},
		"encrypted":                 {p: Position{Status: here | StatusEncrypted}, code: CodeEncrypted},
		"years behind":              {p: Position{Status: here, At: noon - 4*365*24*60*minute}, code: trace.CodeChronology},
		"years ahead":               {p: Position{Status: here, At: noon + 4*365*24*60*minute}, code: trace.CodeChronology},
		"before the binding":        {p: Position{Status: here, At: noon - trace.ClockSkew - 1}, code: ingest.CodeNotBound},
	} {
		t.Run(name, func(t *testing.T) {
			r.implausible = 0
			if c.p.At == 0 {
				c.p.At = noon
			}
			var got trace.Reading
			_, err := r.Read(&c.p, noon-60*minute, noon+minute, &got, []trace.CentiCelsius{})
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
			if c.code == "" {
				require.Equal(t, trace.Reading{At: noon, Temperatures: []trace.CentiCelsius{}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Fix: c.fix, Point: c.point, Speed: c.speed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance}, got)
				require.Equal(t, c.implausible, r.implausible)
			}
		})
	}
	require.False(t, (&Position{Status: StatusBeidou}).Beidou(), "no fix, no Beidou")
	require.True(t, (&Position{Status: here}).Beidou())
}

// Backfill of an earlier binding is read by that binding's probes.
func TestProbesFollowTheBinding(t *testing.T) {
	r := Reader{model: modelOf(t, string(standardModels))}
	r.Begin([]trace.BoundPeriod{
		{Shipment: "sh-1", Probes: []string{"return-air", "pulp"}, From: noon - 60*minute, To: noon},
		{Shipment: "sh-2", Probes: []string{"pulp"}, From: noon},
	})
	var arena []trace.CentiCelsius
	for _, c := range []struct {
		at   trace.Time
		want []trace.CentiCelsius
	}{{noon, []trace.CentiCelsius{-120}}, {noon - 1, []trace.CentiCelsius{480, -120}}, {noon + minute, []trace.CentiCelsius{-120}}, {noon - 64*minute, []trace.CentiCelsius{480, -120}}} {
		p := Position{At: c.at, Items: unhex(t, "5104 0030 800c")}
		var got trace.Reading
		var err error
		arena, err = r.Read(&p, 0, noon+60*minute, &got, arena)
		require.NoError(t, err)
		require.Equal(t, c.want, got.Temperatures, c.at)
	}
}

// docs/devices.md shows the built-in models as they are.
func TestModelsOnThePage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/devices.md")
	require.NoError(t, err)
	for line := range strings.Lines(string(standardModels)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			require.Contains(t, string(page), line)
		}
	}
}

func TestModels(t *testing.T) {
	const standard = "models:\n  - model: standard\n    items:\n"
	m := modelOf(t, standard+`      - {item: 0x58, values: [return-air, "", humidity], bytes: 2, unit: 0.1, sign: complement, absent: [0x8000]}
      - {item: 0x59, values: [pulp], bytes: 4, unit: "0.01", sign: complement}
      - {item: 0x5A, values: [supply-air], bytes: 1, unit: 1, sign: magnitude}
`)
	r := Reader{model: m}
	r.Begin([]trace.BoundPeriod{{Store: "cold-1", Probes: []string{"return-air", "pulp", "supply-air"}, From: noon}})
	var got trace.Reading
	p := Position{At: noon, Items: unhex(t, "5806 fff6 1234 0384 5904 fffff8f8 5a01 92")}
	_, err := r.Read(&p, noon, noon, &got, nil)
	require.NoError(t, err)
	require.Equal(t, []trace.CentiCelsius{-100, -1800, -1800}, got.Temperatures)
	require.Equal(t, trace.CentiPercent(9000), got.Humidity)
	p.Items = unhex(t, "5806 8000 0000 7fff")
	_, err = r.Read(&p, noon, noon, &got, nil)
	require.NoError(t, err)
	require.Equal(t, []trace.CentiCelsius{noTemperature, noTemperature, noTemperature}, got.Temperatures)
	require.Equal(t, trace.NoHumidity, got.Humidity)
	require.Equal(t, 1, r.implausible)

	for name, c := range map[string]struct {
		yaml string
		code trace.Code
	}{
		"unknown field":    {standard + "      - {item: 1, values: [pulp], bytes: 2, unit: 1, sign: magnitude, width: 2}\n", trace.CodeMalformed},
		"item 0":           {standard + "      - {item: 0, values: [pulp], bytes: 2, unit: 1, sign: magnitude}\n", trace.CodeInvalid},
		"item twice":       {standard + strings.Repeat("      - {item: 1, values: [pulp], bytes: 2, unit: 1, sign: magnitude}\n", 2), trace.CodeInvalid},
		"bytes":            {standard + "      - {item: 1, values: [pulp], bytes: 3, unit: 1, sign: magnitude}\n", trace.CodeInvalid},
		"unit":             {standard + "      - {item: 1, values: [pulp], bytes: 2, unit: 0.5, sign: magnitude}\n", trace.CodeInvalid},
		"sign":             {standard + "      - {item: 1, values: [pulp], bytes: 2, unit: 1}\n", trace.CodeInvalid},
		"no values":        {standard + "      - {item: 1, values: [], bytes: 2, unit: 1, sign: magnitude}\n", trace.CodeInvalid},
		"too many values":  {standard + "      - {item: 1, values: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q], bytes: 2, unit: 1, sign: magnitude}\n", trace.CodeTooLarge},
		"no standard":      {"models:\n  - model: other\n", trace.CodeMissing},
		"model twice":      {"models:\n  - model: standard\n  - model: standard\n", trace.CodeInvalid},
		"model of no name": {"models:\n  - items: []\n", trace.CodeInvalid},
		"not YAML":         {"models: [", trace.CodeMalformed},
	} {
		_, err := ParseModels([]byte(c.yaml))
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", name, err)
	}
	_, err = StandardModels().named("TL-99")
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(err))
}

// Any temperatures that a terminal can send come back, to a tenth of a degree.
func TestTemperaturesRoundTrip(t *testing.T) {
	r := Reader{model: modelOf(t, string(standardModels))}
	probes := []string{"return-air", "pulp", "supply-air"}
	r.Begin([]trace.BoundPeriod{{Store: "cold-1", Probes: probes, From: noon}})
	rapid.Check(t, func(t *rapid.T) {
		sent := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trace.CentiCelsius {
			if rapid.IntRange(0, 4).Draw(t, "absent") == 0 {
				return noTemperature
			}
			return 10 * trace.CentiCelsius(rapid.IntRange(-900, 700).Draw(t, "tenths"))
		}), len(probes), len(probes)).Draw(t, "temperatures")
		p := Position{At: noon, Items: AppendTemperatures(nil, sent...)}
		var got trace.Reading
		_, err := r.Read(&p, noon, noon, &got, nil)
		require.NoError(t, err)
		require.Equal(t, sent, got.Temperatures)
	})
}

// What a house of thousands of devices does all day must not make garbage.
func TestDecodingAllocatesNothing(t *testing.T) {
	r := Reader{model: modelOf(t, string(standardModels))}
	bindings := []trace.BoundPeriod{{Shipment: "sh-1", Probes: []string{"return-air", "pulp"}, From: noon}}
	stream := streamOf(64)
	buf := make([]byte, len(stream))
	readings := make([]trace.Reading, 0, 64)
	arena := make([]trace.CentiCelsius, 0, 128)
	allocations := testing.AllocsPerRun(100, func() {
		copy(buf, stream)
		r.Begin(bindings)
		readings, arena = decodeAll(buf, &r, readings[:0], arena[:0])
	})
	require.Len(t, readings, 64)
	require.Zero(t, allocations)
}

// streamOf is what a truck sends: n positions by Beidou, each with mileage, signal,
// satellites and two temperatures.
func streamOf(n int) []byte {
	var stream []byte
	for i := range n {
		items := AppendItem(nil, ItemMileage, []byte{0, 1, byte(i >> 8), byte(i)})
		items = AppendItem(items, ItemSignal, []byte{17})
		items = AppendItem(items, ItemSatellites, []byte{12})
		p := Position{
			Status: StatusIgnition | StatusFixed | StatusBeidou, Latitude: 30_205_000 + uint32(i), Longitude: 103_512_000, Altitude: 500, Speed: 785, Direction: 90,
			At: noon + trace.Time(i)*1000, Items: AppendTemperatures(items, 40+trace.CentiCelsius(i%18)*10, -120),
		}
		stream = AppendFrame(stream, &Header{ID: PositionReport, Edition: Edition2019, Version: 1, Phone: Phone{9: 0x18}, Serial: uint16(i)}, p.Append(nil))
	}
	return stream
}

func decodeAll(buf []byte, r *Reader, readings []trace.Reading, arena []trace.CentiCelsius) ([]trace.Reading, []trace.CentiCelsius) {
	var p Position
	for len(buf) > 0 {
		frame, n, err := Next(buf)
		if err != nil || frame == nil {
			panic("the stream is good")
		}
		buf = buf[n:]
		_, body, err := ParseHeader(frame)
		if err != nil {
			panic(err)
		}
		if err := ParsePosition(body, &p); err != nil {
			panic(err)
		}
		readings = append(readings, trace.Reading{})
		if arena, err = r.Read(&p, noon, noon+60*minute, &readings[len(readings)-1], arena); err != nil {
			panic(err)
		}
	}
	return readings, arena
}

func BenchmarkDecode(b *testing.B) {
	r := Reader{model: modelOf(b, string(standardModels))}
	bindings := []trace.BoundPeriod{{Shipment: "sh-1", Probes: []string{"return-air", "pulp"}, From: noon}}
	const n = 512
	stream := streamOf(n)
	buf := make([]byte, len(stream))
	readings, arena := make([]trace.Reading, 0, n), make([]trace.CentiCelsius, 0, 2*n)
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		copy(buf, stream)
		r.Begin(bindings)
		readings, arena = decodeAll(buf, &r, readings[:0], arena[:0])
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "frames/s")
}
