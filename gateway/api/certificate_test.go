package api_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/api/apitest"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/network/embedded"
)

// TestCertificatesTheLedgerDoesNotTake: a token whose identity has expired, or was
// issued by another ledger's authority, is refused in words that say so, whatever it
// asks for; nothing is written, and nobody else is slowed down.
func TestCertificatesTheLedgerDoesNotTake(t *testing.T) {
	h := apitest.Start(t, nil)
	good := h.Member(trace.RoleFarm, "farm-01")
	attributes := map[string]string{trace.AttributeRole: string(trace.RoleFarm), trace.AttributeParty: "farm-01"}
	elsewhere := contracttest.Open(t)
	for name, enrol := range map[string]func() (*embedded.Enrolment, error){
		"expired": func() (*embedded.Enrolment, error) {
			return h.Ledger.Ledger.Enrol(trace.ProducerMSP, "expired", attributes, embedded.NotAfter(time.Now().Add(-time.Minute)))
		},
		"foreign": func() (*embedded.Enrolment, error) {
			return elsewhere.Ledger.Enrol(trace.ProducerMSP, "foreign", attributes)
		},
	} {
		t.Run(name, func(t *testing.T) {
			enrolment, err := enrol()
			require.NoError(t, err)
			require.NoError(t, h.Wallet.Put(name, trace.ProducerMSP, enrolment.CertPEM, enrolment.KeyPEM))
			token, _, err := h.Store.Tokens().Create(store.Token{Name: name, MSPID: trace.ProducerMSP, Party: "farm-01", Role: "farm", Enrolment: name})
			require.NoError(t, err)
			before := h.Height()
			plot := apitest.Body(t, &trace.RegisterPlotRequest{
				Write: h.Write(), Plot: "plot-" + trace.PlotID(name), Crop: "kiwifruit", Area: 100, Place: "蒲江县", Point: trace.Point{Latitude: 30_210_000, Longitude: 103_510_000},
			})
			status, _, answer := h.Call(http.MethodPost, "/v1/plots", token, "plot-1", plot)
			require.Equal(t, http.StatusUnauthorized, status, string(answer))
			refused := problem(t, answer)
			require.Equal(t, ledger.CodeCertificate, refused.Code)
			require.Contains(t, refused.Detail, "enrol it")
			require.False(t, refused.Retriable)
			require.Equal(t, before, h.Height(), "something was written")

			// A dry run asks the ledger too.
			status, _, answer = h.Call(http.MethodPost, "/v1/sheets?name=plot.csv", token, "",
				[]byte("[地块]\n地块编号,作物,面积（亩）,地点,纬度,经度,登记日期\nplot-1,kiwifruit,8,蒲江县,30.21,103.51,2026-02-10\n"))
			require.Contains(t, string(answer), string(ledger.CodeCertificate), status)
			status, _, answer = h.Call(http.MethodPost, "/v1/plots", good, "good-"+name, plot)
			require.Equal(t, http.StatusCreated, status, string(answer))
		})
	}
	require.Equal(t, http.StatusUnauthorized, api.Status(ledger.CodeCertificate))
}

// TestClockThatIsOff: where the gateway's clock and the ledger's are further apart than
// the ledger takes, either way, the answer says so in both languages, nothing is written,
// and the same request is taken once the clock is right.
func TestClockThatIsOff(t *testing.T) {
	var off atomic.Int64
	h := apitest.StartOn(t, contracttest.Start(t, func(c *embedded.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	}), nil)
	farm := h.Member(trace.RoleFarm, "farm-01")
	plot := apitest.Body(t, &trace.RegisterPlotRequest{
		Write: h.Write(), Plot: "plot-01", Crop: "kiwifruit", Area: 100, Place: "蒲江县", Point: trace.Point{Latitude: 30_210_000, Longitude: 103_510_000},
	})
	before := h.Height()
	for _, shift := range []time.Duration{20 * time.Minute, -20 * time.Minute} {
		off.Store(int64(shift))
		status, _, answer := h.Call(http.MethodPost, "/v1/plots", farm, "plot-1", plot)
		require.Equal(t, http.StatusServiceUnavailable, status, string(answer))
		refused := problem(t, answer)
		require.Equal(t, ledger.CodeClock, refused.Code)
		require.Contains(t, refused.Detail, "clock")
		require.Contains(t, refused.DetailChinese, "时钟")
		require.True(t, refused.Retriable)
		require.Equal(t, before, h.Height(), "something was written")
	}
	off.Store(0)
	status, _, answer := h.Call(http.MethodPost, "/v1/plots", farm, "plot-1", plot)
	require.Equal(t, http.StatusCreated, status, string(answer))
}
