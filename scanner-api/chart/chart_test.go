package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// wellFormed reads a drawing to its end as XML.
func wellFormed(t require.TestingT, svg string) {
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestThinKeepsEveryPeak(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int32Range(-2000, 4000), 1, 400).Draw(t, "values")
		samples := make([]Sample, len(values))
		low, up := values[0], values[0]
		for i, v := range values {
			samples[i] = Sample{At: trace.Time(i * 1000), Value: v}
			low, up = min(low, v), max(up, v)
		}
		const n = 20
		thin := Thin(samples, 0, trace.Time(len(values)*1000), n)
		require.LessOrEqual(t, len(thin), 2*n+2)
		gotLow, gotUp := thin[0].Value, thin[0].Value
		for i, s := range thin {
			gotLow, gotUp = min(gotLow, s.Value), max(gotUp, s.Value)
			require.True(t, i == 0 || thin[i-1].At < s.At, "times rise")
		}
		require.Equal(t, []int32{low, up}, []int32{gotLow, gotUp})
		require.Equal(t, samples[0], thin[0])
		require.Equal(t, samples[len(samples)-1], thin[len(thin)-1])
	})
}

func TestTemperatureDrawsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Custom(func(t *rapid.T) trace.Time { return trace.Time(rapid.Int64Range(-1e12, 4e12).Draw(t, "at")) })
		value := rapid.Int32Range(-9000, 7000)
		c := Temperature{From: at.Draw(t, "from"), To: at.Draw(t, "to"), BreakAfter: 1000, Words: Words{Title: `<&">`, Description: "温度"}}
		if rapid.Bool().Draw(t, "range") {
			c.Range = &trace.TemperatureRange{Minimum: 0, Maximum: 500}
		}
		for range rapid.IntRange(0, 5).Draw(t, "samples") {
			s := Sample{at.Draw(t, "at"), value.Draw(t, "value")}
			c.Lines = append(c.Lines, Line{Samples: []Sample{s}})
			c.Humidity = append(c.Humidity, s)
			c.Excursions = append(c.Excursions, Span{s.At, s.At + 1000, "<超温>"})
			c.Gaps = append(c.Gaps, Span{From: s.At, To: s.At})
			c.Boxes = append(c.Boxes, Box{From: s.At, To: s.At, Minimum: -100, Maximum: 100, HumidityLow: -1, HumidityUp: -1})
		}
		svg := string(c.SVG())
		wellFormed(t, svg)
		require.NotContains(t, svg, "NaN")
		require.NotContains(t, svg, "style=", "the page's policy forbids style attributes")
	})
}

func TestTrackDrawsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		point := rapid.Custom(func(t *rapid.T) trace.Point {
			return trace.Point{Latitude: trace.MicroDegrees(rapid.Int32Range(-90e6, 90e6).Draw(t, "lat")), Longitude: trace.MicroDegrees(rapid.Int32Range(-180e6, 180e6).Draw(t, "lon"))}
		})
		c := Track{Title: "t"}
		for range rapid.IntRange(0, 4).Draw(t, "runs") {
			c.Runs = append(c.Runs, rapid.SliceOfN(point, 1, 5).Draw(t, "run"))
		}
		for kind := PlaceEnd; kind <= PlacePassed; kind++ {
			c.Places = append(c.Places, TrackPlace{"<地>", point.Draw(t, "place"), kind})
		}
		svg := string(c.SVG())
		wellFormed(t, svg)
		require.NotContains(t, svg, "NaN")
		require.NotContains(t, svg, "style=")
	})
}

func TestPublicTrackIsCoarse(t *testing.T) {
	exact := trace.Point{Latitude: 30_204_321, Longitude: 103_512_345}
	near := trace.Point{Latitude: 30_200_001, Longitude: 103_509_999}
	a := Track{Runs: [][]trace.Point{{exact}}, Places: []TrackPlace{{Point: exact}}}
	b := Track{Runs: [][]trace.Point{{near}}, Places: []TrackPlace{{Point: near}}}
	require.Equal(t, a.SVG(), b.SVG(), "positions within about a kilometre draw the same")
}

func TestTownsAreNamedInTheOrderPassed(t *testing.T) {
	var track []trace.Point
	for lon := 113_000_000; lon < 122_000_000; lon += 100_000 {
		track = append(track, trace.Point{Latitude: 30_500_000, Longitude: trace.MicroDegrees(lon)})
	}
	passed, nearest := Passed(track)
	var names []string
	for _, town := range passed {
		names = append(names, town.En)
	}
	require.Equal(t, []string{"Wuhan", "Anqing"}, names[:2])
	require.InDelta(t, 114.3, float64(track[nearest[0]].Longitude)/1e6, 0.1)
	require.InDelta(t, 1068, Distance(trace.Point{Latitude: 39_900_000, Longitude: 116_410_000}, trace.Point{Latitude: 31_230_000, Longitude: 121_470_000}), 5, "Beijing to Shanghai")
}

func TestNumbersAreShort(t *testing.T) {
	for v, want := range map[int]string{0: "0", 5: ".5", -5: "-.5", 10: "1", 105: "10.5", -105: "-10.5", 1000: "100"} {
		require.Equal(t, want, tenths(v))
	}
}

func TestSeasonDrawsAnything(t *testing.T) {
	require.Empty(t, Season{}.SVG())
	rapid.Check(t, func(t *rapid.T) {
		s := Season{Title: `<&">`, Description: "光照"}
		band := func(most int32) Band {
			b := Band{Count: rapid.IntRange(0, 3).Draw(t, "count")}
			if b.Count > 0 {
				b.Minimum, b.Maximum = 0, rapid.Int32Range(0, most).Draw(t, "most")
				b.Mean = b.Maximum / 2
			}
			return b
		}
		on := trace.Date(rapid.IntRange(11_000, 80_000).Draw(t, "first"))
		for range rapid.IntRange(1, 12).Draw(t, "days") {
			s.Days = append(s.Days, SeasonDay{Date: on, Moisture: band(10_000), Light: band(200_000)})
			on += trace.Date(rapid.IntRange(1, 200).Draw(t, "step"))
		}
		svg := string(s.SVG())
		wellFormed(t, svg)
		require.NotContains(t, svg, `="-`, "nothing is drawn outside, to the left or above")
		require.NotContains(t, svg, "style=")
	})
}
