package rules

import (
	"fmt"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
)

// Hundredths writes a value in 1/100 of its unit as people read it: 1180 is "11.8".
func Hundredths[T ~int32](v T) string {
	sign, n := "", int64(v)
	if n < 0 {
		sign, n = "-", -n
	}
	whole, fraction := strconv.FormatInt(n/100, 10), n%100
	if fraction == 0 {
		return sign + whole
	}
	return sign + whole + "." + strings.TrimRight(fmt.Sprintf("%02d", fraction), "0")
}

// rangeWords writes "0–5 °C".
func rangeWords(r trace.TemperatureRange) string {
	return Hundredths(r.Minimum) + "–" + Hundredths(r.Maximum) + " °C"
}

// durationWords writes a length of time as people say it; from three hours on in
// hours, below in minutes.
func durationWords(seconds int64) Text {
	minutes := (seconds + 30) / 60
	switch {
	case seconds < 60:
		return Text{"不足 1 分钟", "less than a minute"}
	case minutes < 180 && minutes == 1:
		return Text{"1 分钟", "1 minute"}
	case minutes < 180:
		return Text{fmt.Sprintf("%d 分钟", minutes), fmt.Sprintf("%d minutes", minutes)}
	case minutes%60 == 0:
		return Text{fmt.Sprintf("%d 小时", minutes/60), fmt.Sprintf("%d hours", minutes/60)}
	}
	return Text{fmt.Sprintf("%d 小时 %d 分", minutes/60, minutes%60), fmt.Sprintf("%d h %d min", minutes/60, minutes%60)}
}
