package desk_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest"
)

// secretOnPage is the password that the page shows, "" where it shows none.
func (p *person) secretOnPage() string {
	found := regexp.MustCompile(`<code id="secret">([0-9a-f]+)</code>`).FindStringSubmatch(p.page)
	if found == nil {
		return ""
	}
	return found[1]
}

// TestDevicesOnTheDesk: a farm enrols sensors, binds them, sees what they reported, puts
// one in the place of another and takes one out of service.
func TestDevicesOnTheDesk(t *testing.T) {
	h := open(t)
	h.load(t, "kiwifruit/orchard-station.csv")
	farm := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	const list = "/desk/farm/devices"
	farm.get(list)
	require.Contains(t, farm.page, "os-0801", "bound by file")
	require.Contains(t, farm.page, "地块 plot-fuxing-08")
	require.Contains(t, farm.page, "2026-10-17 22:00:00")

	enrol := func(p *person, id string, more url.Values) {
		t.Helper()
		values := url.Values{"csrf": {p.field("csrf")}, "device": {id}, "protocol": {"mqtt"}}
		for name, given := range more {
			values[name] = given
		}
		p.post("/desk/"+string(p.role)+"/devices", values)
	}
	enrol(farm, "orchard-07", url.Values{"csrf": {"forged"}})
	require.Equal(t, http.StatusForbidden, farm.status)
	farm.get(list)
	enrol(farm, "Orchard 07", nil)
	require.Equal(t, http.StatusBadRequest, farm.status)
	require.Contains(t, farm.page, "INVALID")
	require.Contains(t, farm.page, `value="Orchard 07"`, "what was typed is still there")
	enrol(farm, "orchard-07", nil)
	secret := farm.secretOnPage()
	require.NotEmpty(t, secret, farm.page)
	_, err := h.Devices.Authenticate(t.Context(), "orchard-07", secret)
	require.NoError(t, err)
	enrol(farm, "orchard-07", nil)
	require.Empty(t, farm.secretOnPage(), "it is shown once")
	enrol(farm, "orchard-08", nil)

	device := list + "/orchard-07"
	farm.get(device)
	require.Contains(t, farm.page, "未绑定")
	address, values := farm.offered("device-bindings")
	farm.record(address, values, url.Values{"plot": {"plot-fuxing-08"}, "probes": {"soil"}, "from": {"2026-10-18T09:00:00"}})
	at := trace.TimeOf(time.Now()) - 60_000
	reading := trace.NewReading(at)
	reading.Temperatures, reading.SoilMoisture = []trace.CentiCelsius{1_850}, 2_410
	require.Eventually(t, func() bool { return h.Segments.Put(t.Context(), "orchard-07", []trace.Reading{reading}) == nil }, time.Minute, 10*time.Millisecond, "the binding is known")
	farm.get(device)
	require.Contains(t, farm.page, `<span class="tag ok">地块 plot-fuxing-08</span>`)
	require.Contains(t, farm.page, "1 条读数，已存妥")
	require.Contains(t, farm.page, at.UTC().Add(8*time.Hour).Format("2006-01-02 15:04:05"))

	// Another in its place: both bindings or none, and sent twice it is done once.
	swap := func(by, when string) {
		farm.get(device)
		farm.post(device, url.Values{"csrf": {farm.field("csrf")}, "nonce": {farm.field("nonce")}, "do": {"swap"}, "by": {by}, "at": {when}})
	}
	swap("orchard-07", "2026-10-19T09:00")
	require.Contains(t, farm.page, "INVALID", "not its own place")
	swap("orchard-08", "2026-10-18T08:00")
	require.Contains(t, farm.page, "CHRONOLOGY", "not before it was bound")
	swap("orchard-08", "2026-10-19T09:00")
	require.Contains(t, farm.page, "可以记录，请核对后确认", farm.page)
	values = farm.again()
	farm.post(device, url.Values{"csrf": values["csrf"], "nonce": values["nonce"], "by": values["by"], "at": values["at"], "lang": {"en"}})
	require.Contains(t, farm.page, "It can be recorded")
	values.Set("do", "swap-confirm")
	farm.post(device, values)
	require.Contains(t, farm.page, "已在账本上", farm.page)
	records := strings.Count(farm.page, "/desk/record/")
	farm.post(device, values)
	require.Equal(t, records, strings.Count(farm.page, "/desk/record/"))
	bindings := h.bindings(t, "orchard-07")
	require.Len(t, bindings, 1)
	require.Equal(t, "2026-10-19T01:00:00Z", bindings[0].To.String())
	require.Equal(t, []trace.BoundPeriod{{Plot: "plot-fuxing-08", Probes: []string{"soil"}, From: bindings[0].To}}, h.bindings(t, "orchard-08"))

	// The end of a binding.
	farm.get(list + "/orchard-08")
	_, end, found := strings.Cut(farm.page, ">改绑</a>")
	require.True(t, found, farm.page)
	farm.page = end
	address, values = farm.offered("device-bindings")
	require.Equal(t, "yes", values.Get("end"))
	farm.record(address, values, url.Values{"from": {"2026-10-20T09:00:00"}})
	require.NotZero(t, h.bindings(t, "orchard-08")[0].To)

	change := func(do string) {
		farm.get(device)
		farm.post(device, url.Values{"csrf": {farm.field("csrf")}, "do": {do}})
		require.Equal(t, http.StatusOK, farm.status, farm.page)
	}
	change("credential")
	fresh := farm.secretOnPage()
	require.NotEmpty(t, fresh)
	_, err = h.Devices.Authenticate(t.Context(), "orchard-07", secret)
	require.Equal(t, ingest.CodeCredential, trace.CodeOf(err))
	change("disable")
	require.Contains(t, farm.page, "已停用")
	_, err = h.Devices.Authenticate(t.Context(), "orchard-07", fresh)
	require.Equal(t, ingest.CodeUnknownTerminal, trace.CodeOf(err))
	change("enable")
	farm.get(device)
	require.Empty(t, farm.secretOnPage())
	farm.post(device, url.Values{"csrf": {farm.field("csrf")}, "do": {"sell"}})
	require.Contains(t, farm.page, "INVALID")
	farm.post(device, url.Values{"do": {"credential"}})
	require.Equal(t, http.StatusForbidden, farm.status)

	// Others have no part in it.
	carrier := h.signedIn(t, "carrier-sichuan-01", trace.RoleCarrier)
	carrier.get("/desk/carrier/devices")
	require.NotContains(t, carrier.page, "/devices/orchard-07")
	carrier.get("/desk/carrier/devices/orchard-07")
	require.Contains(t, carrier.page, "DEVICE_UNKNOWN")
	carrier.get("/desk/carrier/devices")
	enrol(carrier, "orchard-07", nil)
	require.Contains(t, carrier.page, "FORBIDDEN", "it is the farm's on the ledger")
	enrol(carrier, "os-0900", url.Values{"protocol": {"jt808"}, "terminal": {"12"}})
	require.Contains(t, carrier.page, "INVALID")
	enrol(carrier, "tl-0900", url.Values{"protocol": {"jt808"}, "terminal": {"13800138000"}})
	require.Contains(t, carrier.page, "已登记", carrier.page)
	require.Contains(t, carrier.page, "还没有注册")
	require.Empty(t, carrier.secretOnPage())
	lab := h.signedIn(t, "lab-chengdu-01", trace.RoleLab)
	lab.get("/desk/lab/devices")
	require.Equal(t, http.StatusForbidden, lab.status)
}

func (h *house) bindings(t *testing.T, id trace.DeviceID) []trace.BoundPeriod {
	t.Helper()
	record, found, err := h.Index.Record(state.DeviceStatusKey(id))
	require.NoError(t, err)
	require.True(t, found)
	var status trace.DeviceStatus
	require.NoError(t, json.Unmarshal(record.Value, &status))
	return status.Bindings
}
