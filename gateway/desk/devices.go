package desk

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/index"
)

// bindTransaction binds a device, and ends its binding.
const bindTransaction = "transit:BindDevice"

// devicesBody is the page of a party's devices.
type devicesBody struct {
	Values  url.Values
	Devices []deviceLine
	Models  bool // terminals on vehicles are to be had, not sensors alone
}

// deviceLine is a device in the list.
type deviceLine struct {
	ID, Path, Protocol string
	Bound, Since       string // "" where it is bound to nothing
	Newest             string // its newest reading
	Waiting            int64  // readings that are not on the chain yet
	Enrolled, Disabled bool
	Unused             bool // its credential was never used
}

func (d *Desk) devicesPage(w http.ResponseWriter, r *http.Request, v visit) {
	d.showDevices(w, r, http.StatusOK, v, url.Values{}, nil)
}

func (d *Desk) showDevices(w http.ResponseWriter, r *http.Request, status int, v visit, values url.Values, problem *refusal) {
	body := devicesBody{Values: values, Models: v.role == trace.RoleCarrier}
	devices, err := d.devicesOf(v)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	for i := range devices {
		body.Devices = append(body.Devices, d.deviceLine(v, &devices[i]))
	}
	d.show(w, r, status, v, "devices", page{Title: words{"设备", "Devices"}, Refusal: problem, Body: body})
}

// boundShown is how many of a party's newest bindings are looked through for devices
// that are not enrolled here: those whose files are uploaded, or that report elsewhere.
const boundShown = 200

// devicesOf are the devices enrolled here and those bound of late, by id.
func (d *Desk) devicesOf(v visit) ([]api.EnrolledDevice, error) {
	list, err := d.API.Devices(v.caller)
	if err != nil {
		return nil, err
	}
	known := map[trace.DeviceID]bool{}
	for _, e := range list.Devices {
		known[e.Device] = true
	}
	records, _, err := d.Index.List(index.ListQuery{Kind: state.FactBinding, Party: v.party, Limit: boundShown})
	if err != nil {
		return nil, err
	}
	for _, rec := range records {
		var b trace.DeviceBinding
		if err := json.Unmarshal(rec.Value, &b); err != nil {
			return nil, err
		}
		if known[b.Device] {
			continue
		}
		known[b.Device] = true
		bound, err := d.API.BoundDevice(v.caller, b.Device)
		if err != nil {
			return nil, err
		}
		list.Devices = append(list.Devices, bound)
	}
	slices.SortFunc(list.Devices, func(a, b api.EnrolledDevice) int { return strings.Compare(string(a.Device), string(b.Device)) })
	return list.Devices, nil
}

func (d *Desk) deviceLine(v visit, e *api.EnrolledDevice) deviceLine {
	n := deviceLine{
		ID: string(e.Device), Path: "/desk/" + string(v.role) + "/devices/" + string(e.Device), Protocol: protocolName(e.Protocol).in(v.lang),
		Newest: clock(e.Reports.Newest), Waiting: e.Reports.Waiting,
		Enrolled: e.Protocol != "", Disabled: e.Disabled, Unused: e.Protocol == api.ProtocolJT808 && !e.Registered,
	}
	if b, bound := boundNow(e); bound {
		n.Bound, n.Since = boundTo(v.lang, b), clock(b.From)
	}
	return n
}

func protocolName(protocol string) words {
	switch protocol {
	case api.ProtocolJT808:
		return words{"JT/T 808 车载终端", "JT/T 808 terminal"}
	case api.ProtocolMQTT:
		return words{"MQTT 传感器", "MQTT sensor"}
	}
	return words{"文件上传", "By file"}
}

// boundNow is a device's binding that has not ended.
func boundNow(e *api.EnrolledDevice) (trace.BoundPeriod, bool) {
	if n := len(e.Bindings); n > 0 && e.Bindings[n-1].To == 0 {
		return e.Bindings[n-1], true
	}
	return trace.BoundPeriod{}, false
}

func boundTo(l Language, b trace.BoundPeriod) string {
	switch {
	case b.Shipment != "":
		return words{"运单 ", "shipment "}.in(l) + string(b.Shipment)
	case b.Plot != "":
		return words{"地块 ", "plot "}.in(l) + string(b.Plot)
	}
	return words{"库房 ", "store "}.in(l) + b.Store
}

// enrolDevice takes the form of a new device and shows it, with its password this once.
func (d *Desk) enrolDevice(w http.ResponseWriter, r *http.Request, v visit) {
	if !d.ownForm(w, r, v) {
		return
	}
	values := url.Values{}
	for _, name := range []string{"device", "protocol", "terminal", "terminalId", "model", "plate"} {
		values.Set(name, strings.TrimSpace(r.PostForm.Get(name)))
	}
	asked := api.DeviceEnrolment{
		Device: trace.DeviceID(values.Get("device")), Protocol: values.Get("protocol"), Terminal: values.Get("terminal"),
		TerminalID: values.Get("terminalId"), Model: values.Get("model"), Plate: values.Get("plate"),
	}
	made, fresh, err := d.API.EnrolDevice(v.caller, asked)
	if err != nil {
		problem := d.refusal(v.lang, err)
		d.showDevices(w, r, statusOf(problem.Code), v, values, problem)
		return
	}
	d.showDevice(w, r, http.StatusOK, v, &made, deviceBody{Fresh: fresh, Secret: made.Secret}, nil)
}

// deviceBody is the page of one device.
type deviceBody struct {
	deviceLine
	Fresh      bool   // it was enrolled just now
	Secret     string // shown this once
	Terminal   string
	TerminalID string
	Model      string
	Topic      string
	Segments   int64
	AnchoredTo string
	Bindings   []boundLine // newest first
	Parked     []parkedLine
	Retried    int
	Said       string // what was just done
	Bind       link
	End        string // address of the form that ends its binding; "" where none lasts
	Others     []string
	Swap       *swapBody
}

type boundLine struct{ To, From, Until, Probes string }

type parkedLine struct {
	From, To, Detail string
	Code             trace.Code
	Count            int
}

func (d *Desk) devicePage(w http.ResponseWriter, r *http.Request, v visit) {
	e, err := d.API.BoundDevice(v.caller, trace.DeviceID(r.PathValue("device")))
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	d.showDevice(w, r, http.StatusOK, v, &e, deviceBody{}, nil)
}

func (d *Desk) showDevice(w http.ResponseWriter, r *http.Request, status int, v visit, e *api.EnrolledDevice, body deviceBody, problem *refusal) {
	body.deviceLine = d.deviceLine(v, e)
	body.Terminal, body.TerminalID, body.Model = e.Terminal, e.TerminalID, e.Model
	body.Segments, body.AnchoredTo = e.Reports.Segments, clock(e.Reports.AnchoredTo)
	if e.Protocol == api.ProtocolMQTT {
		body.Topic = "t/" + string(e.Device) + "/readings"
	}
	for i := len(e.Bindings) - 1; i >= 0; i-- {
		b := e.Bindings[i]
		body.Bindings = append(body.Bindings, boundLine{boundTo(v.lang, b), clock(b.From), clock(b.To), strings.Join(b.Probes, words{"、", ", "}.in(v.lang))})
	}
	body.Bind = form(v, bindTransaction, words{"绑定到运单、地块或库房", "Bind it"}, &trace.BindDeviceRequest{Device: e.Device, From: trace.TimeOf(time.Now())})
	if b, bound := boundNow(e); bound {
		body.Bind = form(v, bindTransaction, words{"改绑", "Bind it elsewhere"}, &trace.BindDeviceRequest{Device: e.Device, From: trace.TimeOf(time.Now()), Probes: b.Probes})
		body.End = form(v, bindTransaction, words{}, &trace.BindDeviceRequest{Device: e.Device, From: trace.TimeOf(time.Now()), End: true}).Path
		if err := d.others(v, e.Device, &body); err != nil {
			d.refuse(w, r, v, err)
			return
		}
	}
	parked, err := d.API.ParkedOf(v.caller)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	for _, p := range parked.Segments {
		if p.Device == e.Device {
			said := p.Detail
			if v.lang == Chinese && p.DetailChinese != "" {
				said = p.DetailChinese
			}
			body.Parked = append(body.Parked, parkedLine{clock(p.From), clock(p.To), said, p.Code, p.Count})
		}
	}
	d.show(w, r, status, v, "device", page{Title: words{"设备", "Device"}, Refusal: problem, Here: body.Path, Body: body})
}

// others lists the devices that may take a device's place: those bound to nothing first.
func (d *Desk) others(v visit, id trace.DeviceID, body *deviceBody) error {
	devices, err := d.devicesOf(v)
	if err != nil {
		return err
	}
	for _, free := range []bool{true, false} {
		for i := range devices {
			if _, bound := boundNow(&devices[i]); devices[i].Device != id && bound != free {
				body.Others = append(body.Others, string(devices[i].Device))
			}
		}
	}
	return nil
}

// changeDevice does what a device's page offers: a new credential, out of service or into
// it, parked readings again, another device in its place.
func (d *Desk) changeDevice(w http.ResponseWriter, r *http.Request, v visit) {
	if !d.ownForm(w, r, v) {
		return
	}
	if asked := Language(r.PostForm.Get("lang")); asked == Chinese || asked == English {
		v.lang = asked
	}
	id := trace.DeviceID(r.PathValue("device"))
	body := deviceBody{}
	var e api.EnrolledDevice
	var err error
	switch do := r.PostForm.Get("do"); do {
	case "credential":
		if e, err = d.API.ResetCredential(v.caller, id); err == nil {
			body.Secret = e.Secret
			body.Said = words{"旧凭证已失效，连接已断开", "The old credential no longer counts; its connection was ended"}.in(v.lang)
		}
	case "disable", "enable":
		if e, err = d.API.DisableDevice(v.caller, id, do == "disable"); err == nil {
			body.Said = map[string]words{"disable": {"已停用，不再接受它的连接", "Out of service; it cannot connect"}, "enable": {"已启用", "In service again"}}[do].in(v.lang)
		}
	case "retry":
		if body.Retried, err = d.API.RetryParked(v.caller, id); err == nil {
			body.Said = words{"已重新发送搁置的读数", "The readings set aside are on their way again"}.in(v.lang)
			e, err = d.API.BoundDevice(v.caller, id)
		}
	case "swap", "swap-confirm", "": // without a word: a dry run, in the other language
		d.swapDevice(w, r, v, id, do == "swap-confirm")
		return
	default:
		err = trace.Errorf(trace.CodeInvalid, "there is nothing %q to do with a device", do)
	}
	if err == nil {
		d.showDevice(w, r, http.StatusOK, v, &e, body, nil)
		return
	}
	problem := d.refusal(v.lang, err)
	if e, err = d.API.BoundDevice(v.caller, id); err != nil {
		d.refuse(w, r, v, err)
		return
	}
	d.showDevice(w, r, statusOf(problem.Code), v, &e, deviceBody{}, problem)
}

// methodOf finds a method of the catalogue.
func methodOf(transaction string) trace.Method {
	all := trace.Methods()
	return all[slices.IndexFunc(all, func(m trace.Method) bool { return m.Transaction() == transaction })]
}

// describeRequest shows a request as it will stand on the ledger.
func (d *Desk) describeRequest(v visit, request any) []shown {
	return d.teller(v).describe(reflect.ValueOf(request))
}
