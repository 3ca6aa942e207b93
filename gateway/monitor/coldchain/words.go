package coldchain

import (
	"fmt"
	"strconv"
	"time"

	"traceledger/chaincode/trace"
)

func degrees(t trace.CentiCelsius) string {
	return strconv.FormatFloat(float64(t)/100, 'f', -1, 64) + " ℃"
}

func rangeText(r trace.TemperatureRange) string {
	return strconv.FormatFloat(float64(r.Minimum)/100, 'f', -1, 64) + "–" + degrees(r.Maximum)
}

func minutes(seconds int64) string {
	if seconds < 60 {
		return fmt.Sprintf("%d 秒", seconds)
	}
	return fmt.Sprintf("%d 分钟", seconds/60)
}

func minutesEnglish(seconds int64) string {
	if seconds < 60 {
		return fmt.Sprintf("%d s", seconds)
	}
	return fmt.Sprintf("%d minutes", seconds/60)
}

// clock is a moment as people read it, at +08:00.
func clock(t trace.Time) string {
	return t.UTC().In(time.FixedZone("", trace.ChinaStandardTime)).Format("01-02 15:04")
}

func farthest(below bool) string {
	if below {
		return "低"
	}
	return "高"
}

func probeName(probe string) string {
	switch probe {
	case trace.ProbeReturnAir:
		return "回风温度"
	case trace.ProbeSupplyAir:
		return "送风温度"
	case trace.ProbePulp:
		return "货物温度"
	}
	return "温度"
}

func probeEnglish(probe string) string {
	switch probe {
	case trace.ProbeReturnAir:
		return "return air"
	case trace.ProbeSupplyAir:
		return "supply air"
	case trace.ProbePulp:
		return "goods"
	}
	return "temperature"
}
