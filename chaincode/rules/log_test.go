package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func TestCheckLogEntry(t *testing.T) {
	now := at("2026-10-20T09:00:00+08:00")
	lot := &trace.LotID{GTIN: "09520000100018", Lot: "A"}
	onLot := func(a trace.Activity) func(*trace.AddLogEntryRequest) {
		return func(r *trace.AddLogEntryRequest) {
			*r = trace.AddLogEntryRequest{Lot: lot, Activity: a, At: now}
		}
	}
	cases := []struct {
		name   string
		mutate func(*trace.AddLogEntryRequest)
		code   trace.Code
	}{
		{"spray", func(*trace.AddLogEntryRequest) {}, ""},
		{"precool on the lot", onLot(trace.ActivityPrecool), ""},
		{"store on the lot", onLot(trace.ActivityStore), ""},
		{"spray on a lot", onLot(trace.ActivitySpray), trace.CodeInvalid},
		{"mix on a plot", func(r *trace.AddLogEntryRequest) { r.Activity = trace.ActivityMix }, trace.CodeInvalid},
		{"unknown activity", func(r *trace.AddLogEntryRequest) { r.Activity = "dance" }, trace.CodeInvalid},
		{"plot and lot", func(r *trace.AddLogEntryRequest) { r.Lot = lot }, trace.CodeInvalid},
		{"neither", func(r *trace.AddLogEntryRequest) { r.Plot = "" }, trace.CodeInvalid},
		{"season on a lot", func(r *trace.AddLogEntryRequest) { onLot(trace.ActivitySort)(r); r.Season = 2026 }, trace.CodeInvalid},
		{"no time", func(r *trace.AddLogEntryRequest) { r.At = 0 }, trace.CodeMissing},
		{"in the future", func(r *trace.AddLogEntryRequest) { r.At = now + trace.ClockSkew + 1 }, trace.CodeChronology},
		{"next year's season", func(r *trace.AddLogEntryRequest) { r.Season = 2027 }, ""},
		{"last year's season", func(r *trace.AddLogEntryRequest) { r.Season = 2025 }, trace.CodeChronology},
		{"a season far off", func(r *trace.AddLogEntryRequest) { r.Season = 2028 }, trace.CodeChronology},
		{"harvest of another season", func(r *trace.AddLogEntryRequest) {
			r.Activity, r.Season, r.Registration, r.Dose = trace.ActivityHarvest, 2027, "", ""
		}, trace.CodeChronology},
		{"spray without registration", func(r *trace.AddLogEntryRequest) { r.Registration = "" }, trace.CodeMissing},
		{"spray without dose", func(r *trace.AddLogEntryRequest) { r.Dose = "" }, trace.CodeMissing},
		{"dose without spray", func(r *trace.AddLogEntryRequest) { r.Activity = trace.ActivitySoil }, trace.CodeInvalid},
		{"too many media", func(r *trace.AddLogEntryRequest) { r.Media = make([]trace.Digest, 21) }, trace.CodeTooLarge},
		{"empty hash", func(r *trace.AddLogEntryRequest) { r.Media = make([]trace.Digest, 1) }, trace.CodeInvalid},
		{"measure without name", func(r *trace.AddLogEntryRequest) { r.Measures = make([]trace.Measurement, 1) }, trace.CodeMissing},
	}
	for _, c := range cases {
		r := sprayRequest("2026-09-28")
		c.mutate(r)
		require.Equal(t, c.code, trace.CodeOf(CheckLogEntry(r, now)), c.name)
	}
}

func TestLogOnLot(t *testing.T) {
	lot := lotOf("A", grams(10))
	lot.Batch.Plot = "plot-08mu"
	r := &trace.AddLogEntryRequest{Lot: &lot.Batch.LotID, Activity: trace.ActivityPrecool, At: lot.Made()}
	require.NoError(t, LogOnLot(r, "farm-01", lot))
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(LogOnLot(r, "farm-02", lot)))
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(LogOnLot(r, "farm-01", Lot{})))
	r.At--
	require.Equal(t, trace.CodeChronology, trace.CodeOf(LogOnLot(r, "farm-01", lot)))
	lot.Batch.Presale = true
	require.Equal(t, trace.CodeState, trace.CodeOf(LogOnLot(r, "farm-01", lot)))
	factory := lotOf("B", grams(10))
	require.NoError(t, LogOnLot(&trace.AddLogEntryRequest{Lot: &factory.Batch.LotID, Activity: trace.ActivityMix, At: factory.Made() - 1}, "farm-01", factory))
}

func TestIssueCertificate(t *testing.T) {
	today := day("2026-10-20")
	cases := []struct {
		name   string
		mutate func(*trace.IssueCertificateRequest, *Lot, *trace.Product)
		code   trace.Code
	}{
		{"valid", func(*trace.IssueCertificateRequest, *Lot, *trace.Product) {}, ""},
		{"no such lot", func(_ *trace.IssueCertificateRequest, l *Lot, _ *trace.Product) { l.Batch = nil }, trace.CodeNotFound},
		{"another's lot", func(_ *trace.IssueCertificateRequest, l *Lot, _ *trace.Product) { l.Batch.Party = "farm-02" }, trace.CodeForbidden},
		{"cosmetics", func(_ *trace.IssueCertificateRequest, _ *Lot, p *trace.Product) { p.Category = trace.CategoryCosmetics }, trace.CodeInvalid},
		{"no basis", func(r *trace.IssueCertificateRequest, _ *Lot, _ *trace.Product) { r.Basis = nil }, trace.CodeMissing},
		{"unknown basis", func(r *trace.IssueCertificateRequest, _ *Lot, _ *trace.Product) { r.Basis[0] = "hearsay" }, trace.CodeInvalid},
		{"basis twice", func(r *trace.IssueCertificateRequest, _ *Lot, _ *trace.Product) {
			r.Basis = append(r.Basis, r.Basis[0])
		}, trace.CodeInvalid},
		{"not harvested", func(_ *trace.IssueCertificateRequest, l *Lot, _ *trace.Product) { l.Batch.Presale = true }, trace.CodeState},
		{"no date", func(r *trace.IssueCertificateRequest, _ *Lot, _ *trace.Product) { r.IssuedOn = 0 }, trace.CodeMissing},
		{"before the harvest", func(r *trace.IssueCertificateRequest, _ *Lot, _ *trace.Product) { r.IssuedOn = day("2026-10-17") }, trace.CodeChronology},
		{"tomorrow", func(r *trace.IssueCertificateRequest, _ *Lot, _ *trace.Product) { r.IssuedOn = today + 1 }, trace.CodeChronology},
	}
	for _, c := range cases {
		lot, product := lotOf("A", grams(10)), kiwifruit()
		r := &trace.IssueCertificateRequest{LotID: lot.Batch.LotID, Basis: []trace.CertificateBasis{trace.BasisOwnTest}, IssuedOn: day("2026-10-18")}
		c.mutate(r, &lot, product)
		require.Equal(t, c.code, trace.CodeOf(IssueCertificate(r, "farm-01", lot, product, today)), c.name)
	}
}
