package desk_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// offered is the form that a page leads to, with what it is opened on.
func (p *person) offered(form string) (address string, values url.Values) {
	p.t.Helper()
	found := regexp.MustCompile(`href="(/desk/[a-z-]+/new/` + form + `)\?([^"]*)"`).FindStringSubmatch(p.page)
	require.NotNil(p.t, found, "%s: %s", form, p.page)
	values, err := url.ParseQuery(unescape(found[2]))
	require.NoError(p.t, err)
	p.get(found[1] + "?" + unescape(found[2]))
	require.Equal(p.t, http.StatusOK, p.status, p.page)
	for _, hidden := range []string{"csrf", "nonce", "claimed"} {
		values.Set(hidden, p.field(hidden))
	}
	return found[1], values
}

func (p *person) record(address string, values url.Values, more url.Values) {
	p.t.Helper()
	maps.Copy(values, more)
	values.Set("do", "check")
	p.send(address, values)
	require.Contains(p.t, p.page, "可以记录，请核对后确认")
	p.confirm(address)
	require.Contains(p.t, p.page, "已在账本上", p.page)
}

// TestAnAppointedCarrierFindsItsGoods: the word of the holder reaches the carrier's desk,
// opens the dispatch or the handover on what it says, and is gone once it is used up.
func TestAnAppointedCarrierFindsItsGoods(t *testing.T) {
	h := open(t)
	h.load(t, "kiwifruit/batch-record.xlsx")
	const waiting, shipment = "等您来提的货", "sh-20261020-pj"
	first := h.signedIn(t, "carrier-sichuan-01", trace.RoleCarrier)
	next := h.signedIn(t, "carrier-zhejiang-01", trace.RoleCarrier)
	require.NotContains(t, next.page, waiting)
	require.Contains(t, first.page, waiting)
	require.Contains(t, first.page, "SSCC 095200001000000018、SSCC 095200001000000025")

	now := "2026-10-20T16:00:00"
	place := func(at string) url.Values {
		return url.Values{at + ".latitude": {"30.20"}, at + ".longitude": {"103.51"}}
	}
	address, values := first.offered("shipments")
	require.Equal(t, shipment, values.Get("shipment"))
	require.Equal(t, "095200001000000025", values.Get("loads.1.sscc"))
	require.Equal(t, "farm-pujiang-01", values.Get("from"))
	more := url.Values{"claimed": {now}, "departed": {now}, "origin.name": {"蒲江"}, "target.name": {"杭州"}}
	maps.Copy(more, place("origin.point"))
	maps.Copy(more, place("target.point"))
	first.record(address, values, more)
	require.Contains(t, first.page, "/desk/carrier/new/device-bindings?shipment="+shipment, "the receipt leads on")
	first.get("/desk/carrier")
	require.NotContains(t, first.page, waiting, "the word is used up")

	first.get(page(state.ShipmentKey(shipment)))
	address, values = first.offered("consignments")
	first.record(address, values, url.Values{"claimed": {now}, "carrier": {"carrier-zhejiang-01"}})
	next.get("/desk/carrier")
	require.Contains(t, next.page, waiting)
	address, values = next.offered("handovers")
	require.Equal(t, "carrier-sichuan-01", values.Get("giver"))
	more = url.Values{"claimed": {"2026-10-21T08:00:00"}, "at": {"2026-10-21T08:00:00"}, "place.name": {"宜昌"}}
	maps.Copy(more, place("place.point"))
	next.record(address, values, more)
	first.get(page(state.ShipmentKey(shipment)))
	require.NotContains(t, first.page, "/new/arrivals", "it is in other hands")
	next.get(page(state.ShipmentKey(shipment)))
	_, values = next.offered("arrivals")
	require.Equal(t, shipment, values.Get("shipment"))
	require.Empty(t, values.Get("badGoods"), "nobody says it but the carrier")
}

// TestALotLeadsToWhatComesNext: from the lot's record its producer goes on to codes, log,
// certificate and carrier without copying numbers; nobody else is offered them.
func TestALotLeadsToWhatComesNext(t *testing.T) {
	h := open(t)
	h.load(t, "kiwifruit/batch-record.xlsx")
	lot := page(state.BatchKey(trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"}))
	farm := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	for _, form := range []string{"log-entries", "certificates", "consignments"} {
		farm.get(lot)
		_, values := farm.offered(form)
		require.Contains(t, values.Encode(), "PJ261018-A", form)
	}
	farm.get(lot)
	address, values := farm.offered("consignments")
	farm.record(address, values, url.Values{"shipment": {"sh-lot-01"}, "carrier": {"carrier-sichuan-01"}, "consignee": {"merchant-hangzhou-01"}})
	require.Contains(t, farm.page, "carrier-sichuan-01 川途示范冷链物流有限公司", "an id alone is easily mistaken")
	carrier := h.signedIn(t, "carrier-sichuan-01", trace.RoleCarrier)
	require.Contains(t, carrier.page, "批次 09520000100018 PJ261018-A")
	_, values = carrier.offered("shipments")
	require.Equal(t, []string{"sh-lot-01", "095200001000000018"}, []string{values.Get("shipment"), values.Get("loads.0.sscc")}, "what the farm holds of the lot")
	farm.get(lot)
	require.Contains(t, farm.page, "/desk/farm/codes?gtin=09520000100018&amp;lot=PJ261018-A")
	lab := h.signedIn(t, "lab-chengdu-01", trace.RoleLab)
	lab.get(lot)
	require.NotContains(t, lab.page, "/new/")
}
