package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/trace"
)

// Clock shows a time as people in China read it: at +08:00.
func Clock(t trace.Time) string {
	if t == 0 {
		return "—"
	}
	return local(t).Format("2006-01-02 15:04")
}

// shortClock leaves the year out, for lists whose year stands above them.
func shortClock(t trace.Time) string { return local(t).Format("01-02 15:04") }

func local(t trace.Time) time.Time {
	return t.UTC().In(time.FixedZone("", trace.ChinaStandardTime))
}

func celsius(c trace.CentiCelsius) string {
	sign, v := "", int64(c)
	if v < 0 {
		sign, v = "−", -v
	}
	s := strconv.FormatInt(v/100, 10)
	if tail := v % 100; tail != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%02d", tail), "0")
	}
	return sign + s
}

func (l Language) temperatures(r *trace.TemperatureRange) string {
	if r == nil {
		return l.words("未声明", "none stated")
	}
	return celsius(r.Minimum) + " – " + celsius(r.Maximum) + " °C"
}

func percent(p trace.CentiPercent) string {
	return strconv.FormatFloat(float64(p)/100, 'f', -1, 64)
}

func share(b trace.BasisPoints) string {
	return strconv.FormatFloat(float64(b)/100, 'f', -1, 64) + " %"
}

// duration says seconds in the largest units that matter.
func (l Language) duration(seconds int64) string {
	minutes := (seconds + 30) / 60
	switch {
	case seconds < 60:
		return fmt.Sprintf(l.words("%d 秒", "%d s"), seconds)
	case minutes < 120:
		return fmt.Sprintf(l.words("%d 分钟", "%d min"), minutes)
	case minutes < 48*60 && minutes%60 == 0:
		return fmt.Sprintf(l.words("%d 小时", "%d h"), minutes/60)
	case minutes < 48*60:
		return fmt.Sprintf(l.words("%d 小时 %d 分", "%d h %d min"), minutes/60, minutes%60)
	}
	hours := (minutes + 30) / 60
	return fmt.Sprintf(l.words("%d 天 %d 小时", "%d d %d h"), hours/24, hours%24)
}

// quantity shows grams as kilograms and millilitres as litres where they come out even.
func (l Language) quantity(q trace.Quantity) string {
	unit := l.unit(q.Unit)
	amount := q.Amount
	switch {
	case q.Unit == trace.Gram && amount >= 1000 && amount%10 == 0:
		return grouped(amount/1000) + fraction(amount%1000) + l.words(" 千克", " kg")
	case q.Unit == trace.Millilitre && amount >= 1000 && amount%10 == 0:
		return grouped(amount/1000) + fraction(amount%1000) + l.words(" 升", " l")
	}
	return grouped(amount) + " " + unit
}

func fraction(thousandths int64) string {
	if thousandths == 0 {
		return ""
	}
	return "." + strings.TrimRight(fmt.Sprintf("%03d", thousandths), "0")
}

func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// area shows square metres in mu (1/15 ha) in Chinese, hectares in English.
func (l Language) area(a trace.SquareMetres) string {
	if l == English {
		return strconv.FormatFloat(float64(a)/10_000, 'f', 2, 64) + " ha"
	}
	return strings.TrimSuffix(strconv.FormatFloat(float64(a)*15/10_000, 'f', 1, 64), ".0") + " 亩"
}

func degrees(p trace.Point) string {
	side := func(v trace.MicroDegrees, plus, minus string) string {
		if v < 0 {
			v, plus = -v, minus
		}
		return strconv.FormatFloat(float64(v)/1e6, 'f', 2, 64) + "°" + plus
	}
	return side(p.Latitude, "N", "S") + " " + side(p.Longitude, "E", "W")
}

func (l Language) list(items []string) string {
	return strings.Join(items, l.words("、", ", "))
}
