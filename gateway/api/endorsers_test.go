package api_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/api/apitest"
)

// From an organisation's admission on, before the channel takes it in, calls that name
// their endorsers name a majority that counts it; who has left, or is not on the channel yet,
// is not asked. The others are to spare.
func TestEndorsersAreAMajorityOfTheMembers(t *testing.T) {
	h := apitest.Start(t, nil)
	named := func(msp string) []string {
		out, spare, err := api.Endorsers(h.API, msp)
		require.NoError(t, err)
		for _, other := range []string{trace.ProducerMSP, trace.LabMSP, trace.CarrierMSP, trace.PlatformMSP, trace.RegulatorMSP} {
			require.NotEqual(t, slices.Contains(out, other), slices.Contains(spare, other), other)
		}
		require.NotContains(t, spare, "Carrier2MSP")
		return out
	}
	require.Equal(t, []string{trace.CarrierMSP, trace.ProducerMSP, trace.LabMSP}, named(trace.CarrierMSP))
	shown := func(key trace.Key) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for {
			height := h.Index.Height()
			_, found, err := h.Index.Record(key)
			require.NoError(t, err)
			if found {
				return
			}
			require.NoError(t, h.Index.WaitFor(ctx, height))
		}
	}
	const second = "Carrier2MSP"
	h.Regulator().Must("registry:AdmitOrganisation", &trace.AdmitOrganisationRequest{Write: h.Write(), MSP: second, Kind: trace.CarrierMSP})
	shown(state.OrganisationKey(second))
	require.Equal(t, []string{trace.CarrierMSP, trace.ProducerMSP, trace.LabMSP, trace.PlatformMSP}, named(trace.CarrierMSP))
	require.Equal(t, []string{second, trace.ProducerMSP, trace.LabMSP, trace.CarrierMSP}, named(second))
	h.Regulator().Must("registry:EndOrganisation", &trace.EndOrganisationRequest{Write: h.Write(), MSP: second, From: contracttest.Day(0), Reason: "退出"})
	shown(state.OrganisationEndKey(second))
	require.Len(t, named(trace.CarrierMSP), 3, "the channel does not have it")
	require.NotContains(t, named(trace.CarrierMSP), second)
}
