package desk

import (
	"net/http"
	"net/url"
	"strings"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
)

// swapBody puts one device in the place of another, on the way: the new one is bound to
// what the old one measured, then the old one's binding ends, both at one time. Two
// records; whichever is on the ledger already is found again by its key.
type swapBody struct {
	By, At string
	Plan   [][]shown
	Done   []receipt // on the ledger, in their order
}

// swapTimeForm is how a browser sends a datetime-local.
const swapTimeForm = "2006-01-02T15:04:05"

// swapRequests are the two bindings of a swap.
func swapRequests(v visit, e *api.EnrolledDevice, values url.Values) ([]*trace.BindDeviceRequest, error) {
	by := trace.DeviceID(values.Get("by"))
	if err := by.Validate(); err != nil {
		return nil, err
	}
	if by == e.Device {
		return nil, trace.Errorf(trace.CodeInvalid, "device %s cannot take its own place", by)
	}
	at, err := trace.ParseTime(longTime(values.Get("at")))
	if err != nil {
		return nil, err
	}
	bound, lasts := boundNow(e)
	if n := len(e.Bindings); !lasts && n > 0 && e.Bindings[n-1].To == at { // this very swap ended it; sent again it is the same
		bound, lasts = e.Bindings[n-1], true
	}
	if !lasts {
		return nil, trace.Errorf(trace.CodeState, "device %s is bound to nothing", e.Device)
	}
	return []*trace.BindDeviceRequest{
		{Write: trace.Write{Claimed: at}, Device: by, Shipment: bound.Shipment, Plot: bound.Plot, Store: bound.Store, Probes: bound.Probes, From: at},
		{Write: trace.Write{Claimed: at}, Device: e.Device, From: at, End: true},
	}, nil
}

// longTime makes RFC 3339, Beijing time, of what a browser sends, which may leave the
// seconds out.
func longTime(text string) string {
	if strings.Count(text, ":") == 1 {
		text += ":00"
	}
	return text + "+08:00"
}

// swapDevice dry runs a swap, or confirms it.
func (d *Desk) swapDevice(w http.ResponseWriter, r *http.Request, v visit, id trace.DeviceID, confirm bool) {
	e, err := d.API.BoundDevice(v.caller, id)
	if err != nil {
		d.refuse(w, r, v, err)
		return
	}
	values := url.Values{}
	for _, name := range []string{"by", "at", nonceName} {
		values.Set(name, strings.TrimSpace(r.PostForm.Get(name)))
	}
	swap := &swapBody{By: values.Get("by"), At: values.Get("at")}
	requests, err := swapRequests(v, &e, values)
	for _, request := range requests {
		if err != nil {
			break
		}
		swap.Plan = append(swap.Plan, d.describeRequest(v, request))
		err = d.swapStep(r, v, request, values.Get(nonceName), confirm, swap)
	}
	var problem *refusal
	status := http.StatusOK
	if err != nil {
		if problem = d.refusal(v.lang, err); !problem.Retry {
			status = statusOf(problem.Code)
		}
		if len(swap.Done) == 0 && !problem.Retry {
			swap.Plan = nil // the form again, with what was wrong
		}
	}
	if confirm && err == nil {
		if e, err = d.API.BoundDevice(v.caller, id); err != nil {
			d.refuse(w, r, v, err)
			return
		}
	}
	d.showSwap(w, r, status, v, &e, swap, values, problem)
}

// swapStep dry runs or writes one of the two records.
func (d *Desk) swapStep(r *http.Request, v visit, request *trace.BindDeviceRequest, nonce string, confirm bool, swap *swapBody) error {
	key, arguments, err := keyed(request, nonce)
	if err != nil {
		return err
	}
	method := methodOf(bindTransaction)
	if !confirm {
		_, err = d.API.Try(r.Context(), v.caller, method, arguments)
		return err
	}
	written, err := d.API.Write(r.Context(), v.caller, method, key, arguments)
	if err == nil {
		swap.Done = append(swap.Done, d.receiptOf(v.lang, written))
	}
	return err
}

func (d *Desk) showSwap(w http.ResponseWriter, r *http.Request, status int, v visit, e *api.EnrolledDevice, swap *swapBody, again url.Values, problem *refusal) {
	if swap.Plan == nil {
		d.showDevice(w, r, status, v, e, deviceBody{Swap: swap}, problem)
		return
	}
	body := deviceBody{deviceLine: d.deviceLine(v, e), Swap: swap}
	d.show(w, r, status, v, "swap", page{Title: words{"换机", "Put another device in its place"}, Refusal: problem, Here: body.Path, Again: again, Body: body})
}
