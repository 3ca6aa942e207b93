// Package freshness compares the dates of a lot with each other.
//
// In come a lot's harvest or production time, its product's shelf life, its log, its
// shipments and the streams that sold it – or one spoken picking time with the lots it was
// said of; out come findings. The contract has checked each record when it was written;
// the check sees them side by side, also those that came later than they should.
package freshness

import (
	"fmt"
	"time"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

// Lot is everything the check looks at of a lot.
type Lot struct {
	ID        trace.LotID
	Key       trace.Key  // the batch, or what completed it
	Made      trace.Time // zero: a presale lot that is not harvested
	Planned   trace.Date // of a presale lot
	ShelfDays int        // 0: none on file
	Log       []LogEntry
	Shipments []Shipment
	Streams   []Stream
}

// LogEntry is a step of the lot or of its plot and season.
type LogEntry struct {
	Key    trace.Key
	Record *trace.LogEntry
}

// Shipment is a journey of the lot.
type Shipment struct {
	Key        trace.Key
	Departed   trace.Time
	Arrived    trace.Time // zero while it travels
	ArrivalKey trace.Key
}

// Stream is a live stream that lists the lot by its number.
type Stream struct {
	Key     trace.Key
	Planned trace.Time
}

// Codes of findings.
const (
	PastShelfLife      = "past-shelf-life"      // violation
	OldOnArrival       = "old-on-arrival"       // notice
	LeftBeforeHarvest  = "left-before-made"     // violation
	PreHarvestInterval = "pre-harvest-interval" // violation
	HarvestedLate      = "harvested-late"       // notice
	PickedEarlier      = "picked-earlier"       // violation, on the stream
)

// Check judges a lot.
func Check(t Thresholds, l Lot) []monitor.Finding {
	if l.Made == 0 {
		return nil
	}
	c := &check{Thresholds: t, Lot: l}
	c.shelf()
	c.journeys()
	c.intervals()
	c.presale()
	return c.found
}

type check struct {
	Thresholds
	Lot
	found []monitor.Finding
}

// input is what a finding depends on: records, whose keys name immutable content, and
// what the product says.
type input struct {
	Made  trace.Time  `json:"made"`
	Shelf int         `json:"shelf,omitempty"`
	With  []trace.Key `json:"with"`
}

func (c *check) finding(code string, level trace.VerdictLevel, at trace.Time, with trace.Key, text, english string) {
	f := monitor.Finding{
		Subject: state.LotSubject(c.ID), Finding: code, Level: level, At: at, Text: text, TextEnglish: english,
		Input: input{c.Made, c.ShelfDays, []trace.Key{c.Key, with}}, Evidence: []trace.Key{c.Key, with},
	}
	if with == c.Key {
		f.Evidence = f.Evidence[:1]
	}
	c.found = append(c.found, f)
}

// lastDay is the last day of the shelf life.
func (c *check) lastDay() trace.Date { return c.Made.Date() + trace.Date(c.ShelfDays) }

// shelf finds goods that arrived or were sold after their shelf life.
func (c *check) shelf() {
	if c.ShelfDays <= 0 {
		return
	}
	past := func(at trace.Time, with trace.Key, what, english string) bool {
		if at.Date() <= c.lastDay() {
			return false
		}
		c.finding(PastShelfLife, trace.LevelViolation, at, with,
			fmt.Sprintf("%s %s，保质期至 %s", at.Date(), what, c.lastDay()),
			fmt.Sprintf("%s on %s, the shelf life ended on %s", english, at.Date(), c.lastDay()))
		return true
	}
	for _, s := range c.Streams {
		past(s.Planned, s.Key, "直播销售", "sold on a live stream")
	}
	for _, s := range c.Shipments {
		if s.Arrived == 0 || past(s.Arrived, s.ArrivalKey, "到货", "arrived") {
			continue
		}
		age := int64(s.Arrived-c.Made) / 1000
		if life := int64(c.ShelfDays) * 24 * 3600; age*100 > life*c.OldOnArrival {
			c.finding(OldOnArrival, trace.LevelNotice, s.Arrived, s.ArrivalKey,
				fmt.Sprintf("到货时已过 %d 天，占保质期 %d 天的 %d%%", age/(24*3600), c.ShelfDays, age*100/life),
				fmt.Sprintf("%d days old on arrival, %d%% of a shelf life of %d days", age/(24*3600), age*100/life, c.ShelfDays))
		}
	}
}

// journeys finds goods that left before they were there.
func (c *check) journeys() {
	for _, s := range c.Shipments {
		if s.Departed < c.Made-trace.ClockSkew {
			c.finding(LeftBeforeHarvest, trace.LevelViolation, c.Made, s.Key,
				fmt.Sprintf("发运 %s 早于采收或生产 %s", clock(s.Departed), clock(c.Made)),
				fmt.Sprintf("left at %s, before it was made at %s", clock(s.Departed), clock(c.Made)))
		}
	}
}

// intervals finds sprays whose pre-harvest interval had not run out when the lot was
// harvested, also those that were logged after it.
func (c *check) intervals() {
	for _, e := range c.Log {
		if e.Record.Activity != trace.ActivitySpray || e.Record.SafeFrom == 0 || e.Record.At > c.Made || c.Made.Date() >= e.Record.SafeFrom {
			continue
		}
		c.finding(PreHarvestInterval, trace.LevelViolation, c.Made, e.Key,
			fmt.Sprintf("%s 施药(%s，安全间隔期 %d 天)，%s 前不得采收，实际采收 %s", e.Record.At.Date(), e.Record.Registration, e.Record.IntervalDays, e.Record.SafeFrom, c.Made.Date()),
			fmt.Sprintf("sprayed on %s (%s, interval %d days): no harvest before %s, harvested on %s", e.Record.At.Date(), e.Record.Registration, e.Record.IntervalDays, e.Record.SafeFrom, c.Made.Date()))
	}
}

func (c *check) presale() {
	if late := int64(c.Made.Date() - c.Planned); c.Planned != 0 && late > c.PresaleLate {
		c.finding(HarvestedLate, trace.LevelNotice, c.Made, c.Key,
			fmt.Sprintf("预售计划 %s 采收，实际 %s，晚 %d 天", c.Planned, c.Made.Date(), late),
			fmt.Sprintf("presale planned for %s, harvested on %s, %d days late", c.Planned, c.Made.Date(), late))
	}
}

// CheckPicked judges a spoken or written picking time against each lot it was said of: it
// may be no later than the harvest on file, and not after the goods had left.
func CheckPicked(t Thresholds, claim monitor.Claim, lots []Lot) []monitor.Finding {
	var out []monitor.Finding
	said := claim.Record.At
	if claim.Record.Kind != trace.ClaimPickedAt {
		return nil
	}
	for _, l := range lots {
		if l.Made == 0 || said <= l.Made+trace.Time(t.PickedSlack*1000) {
			continue
		}
		text := fmt.Sprintf("宣称 %s 采摘，批次 %s 登记采收 %s", clock(said), l.ID.Lot, clock(l.Made))
		english := fmt.Sprintf("claimed to be picked at %s, lot %s was harvested at %s", clock(said), l.ID.Lot, clock(l.Made))
		evidence := []trace.Key{l.Key}
		for _, s := range l.Shipments {
			if s.Departed < said {
				text += fmt.Sprintf("，%s 已发运", clock(s.Departed))
				english += fmt.Sprintf(" and left at %s", clock(s.Departed))
				evidence = append(evidence, s.Key)
				break
			}
		}
		out = append(out, claim.About(monitor.Finding{
			Finding: PickedEarlier, Level: trace.LevelViolation, Text: text, TextEnglish: english,
			Input: input{l.Made, 0, append([]trace.Key{claim.Key}, evidence...)}, Evidence: evidence,
		}))
	}
	return out
}

// clock is a moment as people read it, at +08:00.
func clock(t trace.Time) string {
	return t.UTC().In(time.FixedZone("", trace.ChinaStandardTime)).Format("2006-01-02 15:04")
}
