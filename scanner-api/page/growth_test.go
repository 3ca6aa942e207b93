package page

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// What a plot's sensors measured shows by the day, with its unit, and says nothing that
// was not measured.
func TestTheSeasonIsShown(t *testing.T) {
	s := states(t)["good"]
	html := rendered(t, Chinese, s)
	for _, words := range []string{"地块传感器", "土壤水分 日均", "24.2 – 29 %", "lx", "共 44 天", "传感器 44 天", `class="chart season"`} {
		require.Contains(t, html, words)
	}
	require.Contains(t, rendered(t, English, s), "2026-09-02 to 2026-10-17, 44 days")
	days := s.Lot.Growth.Days
	for i := range days {
		days[i].SoilMoisture, days[i].Illuminance = nil, nil
	}
	html = rendered(t, Chinese, s)
	require.Contains(t, html, "土壤温度 日均")
	require.NotContains(t, html, "土壤水分")
	require.NotContains(t, html, `class="chart season"`)
	s.Lot.Growth.Days = []trace.GrowingDay{{Date: days[0].Date, Illuminance: &trace.LightSummary{Count: 1, Maximum: 900, Mean: 900}}}
	html = rendered(t, Chinese, s)
	require.Contains(t, html, "<dd>900 lx</dd>")
	require.NotContains(t, html, "体积含水率")
	s.Lot.Growth = nil
	require.NotContains(t, rendered(t, Chinese, s), "地块传感器")
}
