package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/jt808"
)

// benchJT808Frames is how many frames the measured stream holds, about 130 KB: more than
// a session reads at once, and within a processor's cache as there.
const benchJT808Frames = 2_000

// benchJT808Decode measures frames of a truck with two probes, decoded on one core from a
// stream's bytes to readings of the ledger: unescaped, checked, parsed, their items read
// by the device's model and placed by its binding. Beside it, the least that any decoder
// does: the same bytes cut at their markers and XORed, through bufio.
func benchJT808Decode(ctx context.Context, _ string) ([]figure, error) {
	const from = trace.Time(1_792_468_800_000)
	stream, err := benchJT808Stream(from)
	if err != nil {
		return nil, err
	}
	reader, err := jt808.StandardModels().Reader("")
	if err != nil {
		return nil, err
	}
	bindings := []trace.BoundPeriod{{Shipment: "bench-shipment", Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: from}}
	buf := make([]byte, len(stream))
	readings := make([]trace.Reading, benchJT808Frames)
	arena := make([]trace.CentiCelsius, 0, 2*benchJT808Frames)
	decode := func() error {
		reader.Begin(bindings)
		arena = arena[:0]
		rest := buf[:copy(buf, stream)] // decoding is in place
		var p jt808.Position
		for i := range readings {
			frame, n, err := jt808.Next(rest)
			if err != nil {
				return err
			}
			rest = rest[n:]
			_, body, err := jt808.ParseHeader(frame)
			if err != nil {
				return err
			}
			if err := jt808.ParsePosition(body, &p); err != nil {
				return err
			}
			if arena, err = reader.Read(&p, from, from+trace.Time(time.Hour.Milliseconds()), &readings[i], arena); err != nil {
				return err
			}
		}
		return nil
	}
	source := bytes.NewReader(stream)
	lines := bufio.NewReaderSize(source, 32<<10)
	var sum byte
	bare := func() error {
		source.Reset(stream)
		lines.Reset(source)
		for {
			part, err := lines.ReadSlice(0x7e)
			for _, c := range part {
				sum ^= c
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	// In turns, so that whatever else the machine does slows both.
	var took [2]time.Duration
	rounds := 0
	for begun := time.Now(); time.Since(begun) < 3*time.Second; rounds++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i, run := range []func() error{decode, bare} {
			start := time.Now()
			if err := run(); err != nil {
				return nil, err
			}
			took[i] += time.Since(start)
		}
	}
	frames := float64(rounds * benchJT808Frames)
	return []figure{{"jt808-decode", frames / took[0].Seconds(), "frames/s", "bufio+xor", frames / took[1].Seconds()}}, nil
}

// benchJT808Stream is what a refrigerated truck sends: positions by Beidou, each with
// mileage, signal, satellites and two temperatures.
func benchJT808Stream(from trace.Time) ([]byte, error) {
	phone, err := jt808.ParsePhone("13800138000")
	if err != nil {
		return nil, err
	}
	var stream []byte
	for i := range benchJT808Frames {
		items := jt808.AppendItem(nil, jt808.ItemMileage, []byte{0, 1, byte(i >> 8), byte(i)})
		items = jt808.AppendItem(items, jt808.ItemSignal, []byte{17})
		items = jt808.AppendItem(items, jt808.ItemSatellites, []byte{12})
		p := jt808.Position{
			Status:   jt808.StatusIgnition | jt808.StatusFixed | jt808.StatusBeidou,
			Latitude: 30_205_000 + 37*uint32(i), Longitude: 103_512_000 + 91*uint32(i), Altitude: 500, Speed: 785, Direction: 90,
			At: from + 1000*trace.Time(i), Items: jt808.AppendTemperatures(items, trace.CentiCelsius(40+10*(i%18)), 120),
		}
		stream = jt808.AppendFrame(stream, &jt808.Header{ID: jt808.PositionReport, Edition: jt808.Edition2019, Version: 1, Phone: phone, Serial: uint16(i)}, p.Append(nil))
	}
	return stream, nil
}
