package page

import (
	"fmt"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/scanner-api/chart"
)

// growth shows what the plot's sensors measured while the lot grew, by the day.
func (b *builder) growth() {
	g := b.s.Lot.Growth
	if g == nil {
		return
	}
	v := &Growth{}
	var moisture, warmth, light daily
	drawn := chart.Season{Title: b.words("生长期的土壤水分与光照", "Soil moisture and light over the season")}
	for i := range g.Days {
		d := &g.Days[i]
		day := chart.SeasonDay{Date: d.Date}
		if m := d.SoilMoisture; m != nil {
			day.Moisture = chart.Band{Count: m.Count, Minimum: int32(m.Minimum), Maximum: int32(m.Maximum), Mean: int32(m.Mean)}
			moisture.add(int32(m.Mean))
		}
		if t := d.SoilTemperature; t != nil {
			warmth.add(int32(t.Mean))
		}
		if l := d.Illuminance; l != nil {
			day.Light = chart.Band{Count: l.Count, Minimum: int32(l.Minimum), Maximum: int32(l.Maximum), Mean: int32(l.Mean)}
			light.add(int32(l.Mean))
		}
		drawn.Days = append(drawn.Days, day)
	}
	row := func(d daily, zh, en, unit string, words func(int32) string) {
		if d.days == 0 {
			return
		}
		said := words(d.least)
		if words(d.most) != said {
			said += " – " + words(d.most)
		}
		v.Rows = append(v.Rows, Row{b.words(zh, en), said + unit})
	}
	row(moisture, "土壤水分 日均", "Soil moisture, daily mean", " %", func(m int32) string { return percent(trace.CentiPercent(tenth(m))) })
	row(light, "光照 昼夜日均", "Light, mean of day and night", " lx", func(l int32) string { return grouped(int64(l)) })
	row(warmth, "土壤温度 日均", "Soil temperature, daily mean", " °C", func(t int32) string { return celsius(trace.CentiCelsius(tenth(t))) })
	first, last := g.Days[0].Date, g.Days[len(g.Days)-1].Date
	v.Rows = append(v.Rows, Row{b.words("测量日期", "Measured"), fmt.Sprintf(b.words("%s 至 %s，共 %d 天", "%s to %s, %d days"), first, last, len(g.Days))})
	if moisture.days+light.days > 0 {
		for _, r := range v.Rows {
			drawn.Description += r.Label + " " + r.Value + b.words("；", "; ")
		}
		v.Chart, v.Wet, v.Light = drawn.SVG(), moisture.days > 0, light.days > 0
	}
	v.Stamp = b.sign(b.recordKind(state.KindSegment), g.Latest)
	if g.Latest.Party == b.s.Lot.Batch.Provenance.Party {
		v.Stamp.By = "" // the producer's own, as its log
	}
	b.v.Growth = v
}

// daily is the least and the largest of daily means.
type daily struct {
	days        int
	least, most int32
}

func (d *daily) add(mean int32) {
	if d.days == 0 || mean < d.least {
		d.least = mean
	}
	if d.days == 0 || mean > d.most {
		d.most = mean
	}
	d.days++
}

// tenth rounds hundredths to tenths: what a season's means are worth.
func tenth(v int32) int32 {
	if v < 0 {
		return -tenth(-v)
	}
	return (v + 5) / 10 * 10
}
