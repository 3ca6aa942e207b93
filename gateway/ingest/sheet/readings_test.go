package sheet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/sheet"
)

// A logger and a tracker that report as one device are merged by time.
func TestMergedReadings(t *testing.T) {
	p, err := sheet.ParseReadings([]sheet.File{
		{Name: "logger.csv", Data: []byte("设备编号,tl-1\n运单号,sh-1\n时间,回风温度(℃),湿度\n2026-10-20 16:00,4.8,90\n2026-10-20 16:05,2,91\n")},
		{Name: "track.csv", Data: []byte("设备编号,tl-1\n时间,纬度,经度,速度\n2026-10-20 16:00,30.205,103.512,0\n2026-10-20 16:03,30.21,103.52,55.5\n")},
	}, sheet.Options{})
	require.NoError(t, err)
	require.Empty(t, p.Errors)
	require.Len(t, p.Segments, 1)
	require.Equal(t, trace.ShipmentID("sh-1"), p.Segments[0].Request.Shipment)
	probes, readings, err := trace.DecodeReadings(p.Segments[0].Payload)
	require.NoError(t, err)
	require.Equal(t, 1, probes)
	require.Len(t, readings, 3)
	first := trace.Reading{
		At: readings[0].At, Temperatures: []trace.CentiCelsius{480}, Humidity: 9000, Shock: trace.NoShock,
		Fix: true, Point: trace.Point{Latitude: 30_205_000, Longitude: 103_512_000}, Speed: 0,
		SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
	}
	require.Equal(t, first, readings[0])
	require.Equal(t, []trace.CentiCelsius{trace.NoTemperature}, readings[1].Temperatures)
	require.EqualValues(t, 555, readings[1].Speed)
	require.False(t, readings[2].Fix)

	bound, err := sheet.Parse("a.csv", []byte("设备编号,tl-1\n运单号,sh-1\n时间,回风温度,果心温度\n2026-10-20 16:00,4.8,1\n"), sheet.Options{Probes: []string{trace.ProbeReturnAir}})
	require.NoError(t, err)
	require.Equal(t, sheet.CodeUnknownHeader, bound.Errors[0].Code, "a probe that the binding does not name is not dropped")

	_, err = sheet.ParseReadings(nil, sheet.Options{})
	require.Equal(t, sheet.CodeEmpty, trace.CodeOf(err))
	other, err := sheet.ParseReadings([]sheet.File{
		{Name: "a.csv", Data: []byte("设备编号,tl-1\n运单号,sh-1\n时间,回风温度\n2026-10-20 16:00,4.8\n")},
		{Name: "b.csv", Data: []byte("设备编号,tl-2\n时间,回风温度\n2026-10-20 16:01,4.8\n")},
	}, sheet.Options{})
	require.NoError(t, err)
	require.Equal(t, trace.CodeInvalid, other.Errors[0].Code, "two devices in one upload")
}

// TestAStationsFile: soil moisture, light and soil temperature of a plot, under the headers
// that stations print.
func TestAStationsFile(t *testing.T) {
	head := "设备编号,os-1\n地块编号,plot-8\n时间,土壤含水率(%),光照强度(lx),土温(℃)\n"
	p, err := sheet.Parse("station.csv", []byte(head+"2026-09-01 06:00,26.4,850,22.7\n2026-09-01 08:00,26.25,,23.1\n2026-11-01 08:00,20,33538,18\n"), sheet.Options{})
	require.NoError(t, err)
	require.Empty(t, p.Errors)
	require.Len(t, p.Segments, 2, "a segment covers at most 60 days")
	require.Equal(t, trace.PlotID("plot-8"), p.Segments[0].Request.Plot)
	require.Equal(t, []string{trace.ProbeSoil}, p.Summary.Readings.Probes)
	_, readings, err := trace.DecodeReadings(p.Segments[0].Payload)
	require.NoError(t, err)
	require.Len(t, readings, 2)
	require.EqualValues(t, 2_640, readings[0].SoilMoisture)
	require.EqualValues(t, 850, readings[0].Illuminance)
	require.EqualValues(t, 2_310, readings[1].Temperatures[0])
	require.Equal(t, trace.NoIlluminance, readings[1].Illuminance)
	for _, row := range []string{"2026-09-01 06:00,100.1,850,22.7", "2026-09-01 06:00,26,200001,22.7", "2026-09-01 06:00,-1,850,22.7"} {
		p, err := sheet.Parse("station.csv", []byte(head+row+"\n"), sheet.Options{})
		require.NoError(t, err)
		require.Len(t, p.Errors, 1, row)
		require.Equal(t, trace.CodeOutOfRange, p.Errors[0].Code, row)
	}
}

func BenchmarkReadings(b *testing.B) {
	var file strings.Builder
	file.WriteString("设备编号,tl-1\n运单号,sh-1\n时间,回风温度,果心温度,湿度\n")
	for i := range 10_000 {
		fmt.Fprintf(&file, "2026-10-%02d %02d:%02d:00,%d.%d,1.2,9%d.5\n", 1+i/1440, i/60%24, i%60, i%5, i%10, i%8)
	}
	data := []byte(file.String())
	for b.Loop() {
		p, err := sheet.Parse("a.csv", data, sheet.Options{})
		require.NoError(b, err)
		require.Len(b, p.Segments, 10)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10_000), "ns/row")
}
