package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/wallet"
	"traceledger/network/fabric"
)

// TestAnOrganisationJoinsTheNetwork has a second producers' organisation join a running
// network, under writers and with the command killed half way: its processor registers a
// lot that it must have endorsed itself, the founding five go on, with and without it, while
// Fabric's own tools have it out of the channel, and after it has left.
func TestAnOrganisationJoinsTheNetwork(t *testing.T) {
	const second = "Producer2MSP"
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	require.Contains(t, o.refused("add", "-msp", second, "-kind", second), "is one of [ProducerMSP")
	require.Contains(t, o.refused("add", "-msp", trace.LabMSP, "-kind", trace.CarrierMSP), "of its own kind")
	w := r.write(t, made)
	w.more(t, 10)
	o.interruptedWhen(o.planned(second), "add", "-msp", second, "-kind", trace.ProducerMSP)
	w.more(t, 10)
	t.Log(strings.TrimSpace(o.network("add", "-msp", second, "-kind", trace.ProducerMSP)))
	require.Contains(t, o.refused("add", "-msp", second, "-kind", trace.LabMSP), "was admitted as one of kind ProducerMSP")
	require.Len(t, o.nodes(), 22, "a peer, a CA and a chaincode process more, all well")
	w.more(t, 10)

	folder := filepath.Join(r.gateway.data, "wallet")
	require.Contains(t, o.refused("enrol", "-role", "lab", "-party", "second-lab", "-org", second, "-to", folder), "is one of LabMSP, not of "+second)
	o.network("enrol", "-role", "processor", "-party", "second-processor", "-org", second, "-to", folder)
	r.gateway.tokens[trace.RoleProcessor] = strings.TrimSpace(r.gateway.command("token", "-make", "second", "-role", "processor", "-party", "second-processor"))
	lot := r.gateway.furnishSecond(second, made)

	network, err := fabric.View(t.Context(), fabric.Config{Dir: o.dir})
	require.NoError(t, err)
	defer network.Detach()
	member := memberAs(t, network, folder, enrolmentName("second-processor", trace.RoleProcessor))
	register := func(number string, endorsers ...string) peer.TxValidationCode {
		lot["lot"], lot["idempotencyKey"] = number, number
		_, code, err := member.submit(t.Context(), "origin:RegisterBatch", lot, nil, endorsers...)
		require.NoError(t, err)
		return code
	}
	for without, majority := range map[string][]string{
		"itself":     {trace.ProducerMSP, trace.LabMSP, trace.CarrierMSP, trace.PlatformMSP, trace.RegulatorMSP},
		"a majority": {second, trace.LabMSP, trace.CarrierMSP},
	} {
		require.Equal(t, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, register("WITHOUT", majority...), "without %s", without)
	}
	require.Equal(t, peer.TxValidationCode_VALID, register("WITH", second, trace.LabMSP, trace.CarrierMSP, trace.PlatformMSP))

	o.network("kill", second+"/peer")
	w.more(t, 10)
	o.ill("1 of 22 nodes are not well: " + second + "/peer")
	o.network("up")
	o.network("status")
	w.more(t, 10)

	o.takeOut(second)
	w.more(t, 10)
	again := o.network("add", "-msp", second, "-kind", trace.ProducerMSP)
	t.Log(strings.TrimSpace(again))
	require.Contains(t, again, "the channel has "+second+" no more")
	require.Contains(t, again, "6 organisations")
	require.Equal(t, peer.TxValidationCode_VALID, register("AGAIN", second, trace.LabMSP, trace.CarrierMSP, trace.PlatformMSP))
	o.network("status")
	w.more(t, 10)

	// Its membership ended and its peer gone for good, it is taken out. Then two founders'
	// peers may be away as well: three of five are left, where three of six would not do.
	require.Contains(t, o.refused("remove", "-msp", second), "nothing of an end")
	require.Contains(t, o.refused("remove", "-msp", trace.LabMSP), "nothing of an end")
	r.gateway.must(trace.RoleRegulator, "/organisation-ends", "end-second", map[string]any{
		"claimed": trace.TimeOf(time.Now()), "msp": second, "from": trace.TimeOf(time.Now()).Date(), "reason": "退出联盟",
	})
	o.network("kill", second+"/peer")
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "nodes", second, "peer", "data")))
	o.interruptedWhen(o.planned(`"left"`), "remove", "-msp", second)
	t.Log(strings.TrimSpace(o.network("remove", "-msp", second)))
	require.Len(t, o.nodes(), 19)
	w.more(t, 10)
	for _, peer := range []string{trace.LabMSP, trace.CarrierMSP} {
		o.network("kill", peer+"/peer")
	}
	w.more(t, 10)
	r.gateway.anchorsReadings(made, trace.ProducerMSP, trace.PlatformMSP, trace.RegulatorMSP)
	o.network("up")
	o.settleAll(r, w, made, 3)
	r.gateway.stop()
	require.Contains(t, o.network("down"), "no process and no listener is left")
}

// furnishSecond has the regulator admit the processor of an organisation that joined, and the
// processor register a product and a lot of it through the gateway. It answers with what
// further lots are made from.
func (h *house) furnishSecond(msp string, made trace.Time) map[string]any {
	h.t.Helper()
	h.admitSecond(msp)
	h.must(trace.RoleProcessor, "/products", "product-second", secondProduct(made))
	lot := lotRequest(made, "SECOND")
	lot["gtin"] = secondGTIN
	h.must(trace.RoleProcessor, "/batches", "lot-second", lot)
	return lot
}

const secondGTIN = "09520000300012"

func secondProduct(claimed trace.Time) map[string]any {
	return map[string]any{
		"claimed": claimed, "gtin": secondGTIN, "name": "面霜", "category": "cosmetics", "commodity": "cosmetics-leave-on",
		"netContent": map[string]any{"amount": 1, "unit": "piece"}, "licenceNumber": "TEST-2", "filingNumber": "国妆备字2026000002", "producer": "second-processor", "shelfLifeDays": 1000,
	}
}

// admitSecond has the regulator admit the processor and grant it what it needs.
func (h *house) admitSecond(msp string) {
	h.t.Helper()
	now := trace.TimeOf(time.Now())
	from, to := now.Date()-365, now.Date()+365
	h.must(trace.RoleRegulator, "/parties", "admit-second", map[string]any{
		"claimed": now, "party": "second-processor", "roles": []string{"processor"}, "org": msp, "legalPerson": true, "name": "第二加工厂", "validFrom": from, "validTo": to,
	})
	h.must(trace.RoleRegulator, "/licences", "licence-second", map[string]any{
		"claimed": now, "party": "second-processor", "number": "TEST-2", "kind": "cosmetics", "scope": []string{"cosmetics"}, "issuer": "示范药监局", "validFrom": from, "validTo": to,
	})
	h.must(trace.RoleRegulator, "/licences", "prefix-second", map[string]any{
		"claimed": now, "party": "second-processor", "number": "952000030", "kind": "gs1-prefix", "issuer": "示范编码中心", "validFrom": from, "validTo": to,
	})
}

// anchorsReadings has the factory anchor readings of a sensor in its store. They travel as
// transient data, for which the gateway names the endorsers: three of five again, and others
// than those whose peers are away.
func (h *house) anchorsReadings(made trace.Time, endorsers ...string) {
	h.t.Helper()
	var readings []trace.Reading
	for i := range 10 {
		readings = append(readings, trace.Reading{
			At: made + trace.Time(i+1)*60_000, Temperatures: []trace.CentiCelsius{200}, Humidity: 9_000,
			Shock: trace.NoShock, Speed: trace.NoSpeed, SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
		})
	}
	payload, err := trace.EncodeReadings(1, readings)
	require.NoError(h.t, err)
	status, problem := h.upload(trace.RoleFactory, payload)
	require.Equal(h.t, http.StatusCreated, status, "%+v", problem)
	h.must(trace.RoleFactory, "/device-bindings", "bind-store", map[string]any{
		"claimed": made, "device": "th-store", "store": "cold-1", "probes": []string{trace.ProbeReturnAir}, "from": made,
	})
	written := h.must(trace.RoleFactory, "/segments", "segment-store", map[string]any{
		"device": "th-store", "sequence": 1, "store": "cold-1", "count": len(readings), "from": readings[0].At, "to": readings[9].At, "payload": trace.DigestOf(payload),
	})
	var record struct {
		Endorsers []string `json:"endorsers"`
	}
	h.record(trace.RoleFactory, written.Record, &record)
	require.ElementsMatch(h.t, endorsers, record.Endorsers)
}

// memberAs reaches the contracts with an identity of a wallet, at its own
// organisation's peer.
func memberAs(t *testing.T, network *fabric.Network, folder, name string) *responsibleMember {
	identities, err := wallet.Open(folder, nil)
	require.NoError(t, err)
	member, err := identities.Identity(name)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(member.MSPID, member.Certificate)
	require.NoError(t, err)
	conn, err := network.Conn(member.MSPID)
	require.NoError(t, err)
	gate, err := client.Connect(id, client.WithSign(member.Sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn),
		client.WithEndorseTimeout(time.Minute), client.WithSubmitTimeout(time.Minute), client.WithCommitStatusTimeout(3*time.Minute))
	require.NoError(t, err)
	t.Cleanup(func() { gate.Close() })
	return &responsibleMember{gate.GetNetwork(network.Channel())}
}
