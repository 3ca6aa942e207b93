package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

func TestUtteranceRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var run []trace.Utterance
		for i := range rapid.IntRange(1, 20).Draw(t, "count") {
			from := live(int64(i))
			run = append(run, trace.Utterance{From: from, To: from + 500, Text: rapid.StringN(1, 40, -1).Draw(t, "text")})
		}
		file, err := trace.EncodeUtterances(run)
		require.NoError(t, err)
		back, err := trace.DecodeUtterances(file)
		require.NoError(t, err)
		require.Equal(t, run, back)
		one, err := trace.EncodeUtterances(run[:1])
		require.NoError(t, err)
		require.Equal(t, LeafHash(one[:len(one)-1]), UtteranceRoot(one), "a leaf is a line without its end")
		if len(run) > 1 {
			require.NotEqual(t, UtteranceRoot(one), UtteranceRoot(file))
		}
	})
}

func TestBroadcastRuns(t *testing.T) {
	b := broadcast()
	b.Stream.Recorded = live(0)
	b.Close = &trace.StreamClose{Ended: live(1000)}
	now, skew := live(5000), trace.ClockSkew
	require.NoError(t, b.ran("observed", live(0)-skew, live(1000)+skew, now))
	require.Equal(t, trace.CodeChronology, trace.CodeOf(b.ran("observed", live(0)-skew-1, live(10), now)))
	require.Equal(t, trace.CodeChronology, trace.CodeOf(b.ran("observed", live(0), live(1000)+skew+1, now)))
	b.Close = nil
	require.Equal(t, trace.CodeChronology, trace.CodeOf(b.ran("observed", live(0), now+skew+1, now)))
}

func TestCommitment(t *testing.T) {
	now := live(0)
	for name, c := range map[string]struct {
		change func(*trace.OpenStreamRequest)
		code   trace.Code
	}{
		"all signed":              {func(*trace.OpenStreamRequest) {}, ""},
		"signed as it begins":     {func(r *trace.OpenStreamRequest) { r.Commitment.Signatures[0].At, r.Planned = now, now }, ""},
		"an AI, and the merchant": {func(r *trace.OpenStreamRequest) { r.Hosts[0].AI = true; r.Commitment.Signatures[0].Party = "shop-01" }, ""},
		"an AI, and nobody for it": {func(r *trace.OpenStreamRequest) {
			r.Hosts = append(r.Hosts, trace.StreamHost{Party: "ai-01", AI: true})
		}, trace.CodeMissing},
		"no text": {func(r *trace.OpenStreamRequest) { r.Commitment.Text = trace.Digest{} }, trace.CodeMissing},
		"nobody":  {func(r *trace.OpenStreamRequest) { r.Commitment.Signatures = nil }, trace.CodeMissing},
		"twice": {func(r *trace.OpenStreamRequest) {
			r.Commitment.Signatures = append(r.Commitment.Signatures, r.Commitment.Signatures[0])
		}, trace.CodeInvalid},
		"in the future":  {func(r *trace.OpenStreamRequest) { r.Commitment.Signatures[0].At = now + trace.ClockSkew + 1 }, trace.CodeChronology},
		"after it began": {func(r *trace.OpenStreamRequest) { r.Planned, r.Commitment.Signatures[0].At = now, now+1 }, trace.CodeChronology},
	} {
		r := &trace.OpenStreamRequest{
			Stream: "live-01", Room: "room-01", Merchant: "shop-01", Planned: now + 3_600_000, Hosts: []trace.StreamHost{{Party: "host-01"}},
			Products:   []trace.StreamProduct{{GTIN: "09520000100018", Lots: []trace.LotNumber{"A"}}},
			Commitment: trace.Commitment{Text: trace.DigestOf([]byte("x")), Signatures: []trace.Signature{{Party: "host-01", At: now - 1}}},
		}
		c.change(r)
		err := CheckStream(r, "agency-01", trace.RoleHostAgency, now)
		require.Equal(t, c.code, trace.CodeOf(err), "%s: %v", name, err)
	}
}

func TestCheckPartySize(t *testing.T) {
	for size, code := range map[trace.PartySize]trace.Code{"": "", trace.SizeMicro: "", trace.SizeLarge: "", "huge": trace.CodeInvalid} {
		r := &trace.AdmitPartyRequest{Party: "shop-01", Roles: []trace.Role{trace.RoleMerchant}, LegalPerson: true, Name: "商家", Size: size, ValidFrom: day("2026-01-01"), ValidTo: day("2027-01-01")}
		_, err := CheckParty(r, "")
		require.Equal(t, code, trace.CodeOf(err), size)
		r.LegalPerson, r.Name = false, ""
		_, err = CheckParty(r, "")
		require.Equal(t, size != "", err != nil)
	}
}
