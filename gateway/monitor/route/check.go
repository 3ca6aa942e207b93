// Package route judges where one shipment went.
//
// In come the shipment, its handovers and segments, and the positions behind them; out
// come findings, of each kind the first one for each device. A finding is made of the
// segments that show it, and of nothing that came later.
package route

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

// Shipment is everything the check looks at. Order of Segments does not matter.
type Shipment struct {
	ID       trace.ShipmentID
	Record   *trace.Shipment
	Places   []trace.Point // where it was handed over
	Segments []rules.SegmentRecord
	// Readings are by the payload's hash; what is missing is not judged.
	Readings map[trace.Digest][]trace.Reading
	// Corridor is the route that was named, nil where none was.
	Corridor []trace.Point
	// Bindings are all that the chain has of the devices, in any order.
	Bindings []Binding
}

// Binding is what a device was bound to from a time on, until it was bound again.
type Binding struct {
	Key    trace.Key
	Record *trace.DeviceBinding
}

// Codes of findings.
const (
	ImpossibleSpeed = "impossible-speed" // warning
	OffCorridor     = "off-corridor"     // warning off a named route, else notice
	LongStop        = "long-stop"        // notice
	NoFix           = "no-fix"           // notice
	DevicesApart    = "devices-apart"    // warning
	StartsElsewhere = "starts-elsewhere" // warning
	BoundElsewhere  = "bound-elsewhere"  // warning
)

// Check judges a shipment.
func Check(t Thresholds, s Shipment) []monitor.Finding {
	c := &check{Thresholds: t, Shipment: s}
	tracks := c.tracks()
	for _, track := range tracks {
		c.start(track)
		c.speed(track)
		c.stop(track)
		c.gap(track)
		c.corridor(track)
	}
	for i := range tracks {
		for j := range tracks[:i] {
			if tracks[i].device != tracks[j].device {
				c.apart(tracks[j], tracks[i])
			}
		}
	}
	c.bound()
	return c.first()
}

type check struct {
	Thresholds
	Shipment
	found []judged
}

// judged is a finding with what it is the first of.
type judged struct {
	monitor.Finding
	device string
}

// fix is a position and the segment that holds it.
type fix struct {
	at      trace.Time
	point   trace.Point
	segment rules.SegmentRecord
}

// track is the positions of a device over segments that follow each other.
type track struct {
	device trace.DeviceID
	first  bool // begins with the device's first segment
	fixes  []fix
}

func (c *check) tracks() []track {
	var out []track
	for _, d := range rules.DeviceTracks(c.Segments) {
		whole := false // the segment before was here
		for i, s := range d.Segments {
			readings, here := c.Readings[s.Segment.Payload]
			if !here {
				whole = false
				continue
			}
			if !whole || !d.Follows(i) {
				out = append(out, track{device: d.Device, first: i == 0})
			}
			whole = true
			t := &out[len(out)-1]
			for _, r := range readings {
				if r.Fix {
					t.fixes = append(t.fixes, fix{r.At, r.Point, s})
				}
			}
		}
	}
	for _, t := range out { // what filled a gap lies within the segment around it
		slices.SortStableFunc(t.fixes, func(a, b fix) int { return cmp.Compare(a.at, b.at) })
	}
	return slices.DeleteFunc(out, func(t track) bool { return len(t.fixes) == 0 })
}

// input is what every finding depends on.
type input struct {
	Shipment trace.ShipmentID `json:"shipment"`
	Device   trace.DeviceID   `json:"device"`
	Other    trace.DeviceID   `json:"other,omitempty"`
	Origin   trace.Point      `json:"origin"`
	Target   trace.Point      `json:"target"`
	Departed trace.Time       `json:"departed"`
	Places   []trace.Point    `json:"places,omitempty"`
	Corridor []trace.Point    `json:"corridor,omitempty"`
	From     trace.Time       `json:"from"`
	To       trace.Time       `json:"to"`
	Payloads []trace.Digest   `json:"payloads"`
	Binding  trace.Key        `json:"binding,omitempty"` // to something else
}

func (c *check) finding(code string, level trace.VerdictLevel, device, other trace.DeviceID, from, to fix, text, english string) {
	in := input{
		Shipment: c.ID, Device: device, Other: other, Origin: c.Record.Origin.Point, Target: c.Record.Target.Point, Departed: c.Record.Departed,
		Corridor: c.Corridor, From: from.at, To: to.at, Payloads: []trace.Digest{from.segment.Segment.Payload},
	}
	if code == LongStop {
		in.Places = c.Places
	}
	evidence := []trace.Key{state.ShipmentKey(c.ID), from.segment.Key}
	if to.segment.Key != from.segment.Key {
		in.Payloads, evidence = append(in.Payloads, to.segment.Segment.Payload), append(evidence, to.segment.Key)
	}
	c.found = append(c.found, judged{device: string(device) + "/" + string(other), Finding: monitor.Finding{
		Subject: state.ShipmentSubject(c.ID), Finding: code, Level: level, At: max(from.at, to.at),
		Text: text, TextEnglish: english, Input: in, Evidence: evidence,
	}})
}

// first keeps the earliest finding of each kind and device.
func (c *check) first() []monitor.Finding {
	slices.SortStableFunc(c.found, func(a, b judged) int {
		return cmp.Or(cmp.Compare(a.Finding.Finding, b.Finding.Finding), cmp.Compare(a.device, b.device), cmp.Compare(a.At, b.At))
	})
	var out []monitor.Finding
	for i, j := range c.found {
		if i == 0 || c.found[i-1].Finding.Finding != j.Finding.Finding || c.found[i-1].device != j.device {
			out = append(out, j.Finding)
		}
	}
	return out
}

// start finds a device that was not where the lorry left from.
func (c *check) start(t track) {
	f := t.fixes[0]
	far := Distance(f.point, c.Record.Origin.Point)
	late := seconds(c.Record.Departed, f.at)
	if !t.first || c.Record.Origin.Point == (trace.Point{}) || late > c.StartWithin || far <= c.StartRadius {
		return
	}
	c.finding(StartsElsewhere, trace.LevelWarning, t.device, "", f, f,
		fmt.Sprintf("设备 %s 发运后 %d 分钟的位置离起运地 %d 公里：不在本车上", t.device, late/60, far/1000),
		fmt.Sprintf("device %s was %d km from the origin %d minutes after departure: it is not on this lorry", t.device, far/1000, late/60))
}

// speed finds two positions that no lorry joins in the time between them.
func (c *check) speed(t track) {
	for i := 1; i < len(t.fixes); i++ {
		a, b := t.fixes[i-1], t.fixes[i]
		far, took := Distance(a.point, b.point), max(seconds(a.at, b.at), 1)
		if (far-c.JumpSlack)*3600 <= c.TopSpeed*1000*took {
			continue
		}
		c.finding(ImpossibleSpeed, trace.LevelWarning, t.device, "", a, b,
			fmt.Sprintf("设备 %s 在 %s 的 %d 秒内移动 %d 公里，车辆不可能", t.device, clock(a.at), took, far/1000),
			fmt.Sprintf("device %s moved %d km in %d s at %s, which no lorry can", t.device, far/1000, took, clock(a.at)))
		return
	}
}

// stop finds a stop that no place of the journey explains. It is told once it has lasted
// long enough, not when it ends.
func (c *check) stop(t track) {
	for i := 0; i < len(t.fixes); {
		a := t.fixes[i]
		end := i + 1
		for end < len(t.fixes) && Distance(a.point, t.fixes[end].point) <= c.StopRadius {
			if b := t.fixes[end]; seconds(a.at, b.at) >= c.StopTime && !c.explained(a.point) {
				c.finding(LongStop, trace.LevelNotice, t.device, "", a, b,
					fmt.Sprintf("自 %s 起停车至少 %d 分钟，不在起运地、目的地或交接地", clock(a.at), seconds(a.at, b.at)/60),
					fmt.Sprintf("stood for at least %d minutes from %s, at no place of origin, target or handover", seconds(a.at, b.at)/60, clock(a.at)))
				return
			}
			end++
		}
		i = max(end-1, i+1)
	}
}

func (c *check) explained(p trace.Point) bool {
	near := func(q trace.Point) bool { return q != (trace.Point{}) && Distance(p, q) <= c.PlaceRadius }
	return near(c.Record.Origin.Point) || near(c.Record.Target.Point) || slices.ContainsFunc(c.Places, near)
}

// gap finds a stretch without a position, too long for a tunnel, in which the lorry moved.
func (c *check) gap(t track) {
	for i := 1; i < len(t.fixes); i++ {
		a, b := t.fixes[i-1], t.fixes[i]
		took, far := seconds(a.at, b.at), Distance(a.point, b.point)
		if took <= c.NoFix || far <= c.NoFixMoved {
			continue
		}
		c.finding(NoFix, trace.LevelNotice, t.device, "", a, b,
			fmt.Sprintf("自 %s 起 %d 分钟没有北斗定位，其间移动 %d 公里，长于任何隧道", clock(a.at), took/60, far/1000),
			fmt.Sprintf("no Beidou position for %d minutes from %s, longer than any tunnel; moved %d km meanwhile", took/60, clock(a.at), far/1000))
		return
	}
}

// corridor finds the first position off the named route or, where none was named, off the
// ellipse around origin and target within which a detour is still one.
func (c *check) corridor(t track) {
	origin, target := c.Record.Origin.Point, c.Record.Target.Point
	for _, f := range t.fixes {
		switch {
		case len(c.Corridor) > 1:
			if far := fromLine(f.point, c.Corridor); far > c.CorridorWidth {
				c.finding(OffCorridor, trace.LevelWarning, t.device, "", f, f,
					fmt.Sprintf("%s 偏离登记路线 %d 公里", clock(f.at), far/1000),
					fmt.Sprintf("%d km off the route on file at %s", far/1000, clock(f.at)))
				return
			}
		case origin != (trace.Point{}) && target != (trace.Point{}):
			straight, over := Distance(origin, target), Distance(origin, f.point)+Distance(f.point, target)
			if over > straight*c.Detour/100+c.DetourSlack {
				c.finding(OffCorridor, trace.LevelNotice, t.device, "", f, f,
					fmt.Sprintf("%s 的位置使全程至少绕行 %d 公里(直线 %d 公里)；运单没有登记路线", clock(f.at), (over-straight)/1000, straight/1000),
					fmt.Sprintf("the position at %s is a detour of at least %d km (%d km straight); no route is on file", clock(f.at), (over-straight)/1000, straight/1000))
				return
			}
		}
	}
}

// apart finds two devices of the shipment at two places at one time.
func (c *check) apart(a, b track) {
	j := 0
	for _, f := range a.fixes {
		for j < len(b.fixes) && b.fixes[j].at < f.at-trace.Time(c.ApartWithin*1000) {
			j++
		}
		for k := j; k < len(b.fixes) && b.fixes[k].at <= f.at+trace.Time(c.ApartWithin*1000); k++ {
			g := b.fixes[k]
			far := Distance(f.point, g.point)
			took := max(seconds(f.at, g.at), seconds(g.at, f.at))
			if far-c.TopSpeed*1000*took/3600 <= c.Apart {
				continue
			}
			c.finding(DevicesApart, trace.LevelWarning, a.device, b.device, f, g,
				fmt.Sprintf("%s 设备 %s 与 %s 相距 %d 公里：至少一台不在本车上", clock(f.at), a.device, b.device, far/1000),
				fmt.Sprintf("at %s devices %s and %s were %d km apart: at least one is not on this lorry", clock(f.at), a.device, b.device, far/1000))
			return
		}
	}
}

func seconds(from, to trace.Time) int64 { return int64(to-from) / 1000 }

// clock is a moment as people read it, at +08:00.
func clock(t trace.Time) string {
	return t.UTC().In(time.FixedZone("", trace.ChinaStandardTime)).Format("01-02 15:04")
}
