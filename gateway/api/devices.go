package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/segment"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// Segments is what the interface needs of the segmenter.
type Segments interface {
	Known(device trace.DeviceID) ([]segment.Known, error)
	Flush(device trace.DeviceID) error
	Anchor(ctx context.Context, by string, request trace.AnchorSegmentRequest, payload []byte) (ledger.Receipt, error)
	Parked() ([]segment.Parked, error)
	Retry(device trace.DeviceID) (int, error)
	Progress(device trace.DeviceID) segment.Progress
}

// Protocols that devices speak here.
const (
	ProtocolJT808 = "jt808"
	ProtocolMQTT  = "mqtt"
)

// DeviceEnrolment enrols a tracker or sensor with this gateway.
type DeviceEnrolment struct {
	Device   trace.DeviceID `json:"device"`
	Protocol string         `json:"protocol"` // jt808 or mqtt
	// Terminal is, for jt808, the number of its SIM card, 6 to 20 digits; for mqtt absent:
	// the user name is the device.
	Terminal string `json:"terminal,omitempty"`
	// TerminalID is the id printed on a jt808 terminal; absent takes any.
	TerminalID string `json:"terminalId,omitempty"`
	// Model names how its values are read; absent is the standard's own for jt808.
	Model string `json:"model,omitempty"`
	// Plate is that of the vehicle a jt808 terminal is fitted to. It is not kept: only a
	// digest that this gateway alone can compute.
	Plate string `json:"plate,omitempty"`
}

// EnrolledDevice is a device as its party sees it.
type EnrolledDevice struct {
	Device     trace.DeviceID `json:"device"`
	Protocol   string         `json:"protocol"`
	Terminal   string         `json:"terminal"`
	TerminalID string         `json:"terminalId,omitempty"`
	Model      string         `json:"model,omitempty"`
	Vehicle    bool           `json:"vehicle"`    // a plate was given
	Registered bool           `json:"registered"` // its credential was used
	Disabled   bool           `json:"disabled"`
	Enrolled   trace.Time     `json:"enrolled"`
	// Secret is an mqtt device's password, shown once: when it is enrolled or reset.
	Secret string `json:"secret,omitempty"`
	// Bindings are what the chain says it is bound to, newest last.
	Bindings []trace.BoundPeriod `json:"bindings,omitempty"`
	Reports  DeviceReports       `json:"reports"`
}

// DeviceReports is what a device sent so far.
type DeviceReports struct {
	Newest     trace.Time `json:"newest,omitempty"`     // time of its newest reading, here or on the chain
	Waiting    int64      `json:"waiting"`              // readings that are durable here and not on the chain yet
	Segments   int64      `json:"segments,omitempty"`   // number of its last segment on the chain
	AnchoredTo trace.Time `json:"anchoredTo,omitempty"` // time of that segment's last reading
}

// DeviceList is a party's devices, by id.
type DeviceList struct {
	Devices []EnrolledDevice `json:"devices"`
}

// DeviceState says whether a device may connect.
type DeviceState struct {
	Disabled bool `json:"disabled"`
}

// ParkedSegments are segments that the chain refused.
type ParkedSegments struct {
	Segments []ParkedSegment `json:"segments"`
}

// ParkedSegment is one, with the refusal.
type ParkedSegment struct {
	Device        trace.DeviceID   `json:"device"`
	Shipment      trace.ShipmentID `json:"shipment,omitempty"`
	Plot          trace.PlotID     `json:"plot,omitempty"`
	Store         string           `json:"store,omitempty"`
	Count         int              `json:"count"`
	From          trace.Time       `json:"from"`
	To            trace.Time       `json:"to"`
	Payload       trace.Digest     `json:"payload"`
	Code          trace.Code       `json:"code"`
	Detail        string           `json:"detail"`
	DetailChinese string           `json:"detailChinese,omitempty"`
}

// RetriedSegments is how many parked segments are on their way again.
type RetriedSegments struct {
	Segments int `json:"segments"`
}

func (a *API) mountDevices(v1 gin.IRouter) {
	v1.POST("/devices", a.handle(a.enrolDevice))
	v1.GET("/devices", a.handle(a.listDevices))
	v1.POST("/devices/:device/credential", a.handle(a.resetCredential))
	v1.POST("/devices/:device/state", a.handle(a.setDeviceState))
	v1.GET("/parked-segments", a.handle(a.listParked))
	v1.POST("/devices/:device/parked-segments/retry", a.handle(a.retryParked))
}

// mayHaveDevices: carriers bind trackers, producers sensors.
func mayHaveDevices(who Caller) error {
	switch trace.Role(who.Identity.Role) {
	case trace.RoleCarrier, trace.RoleFarm, trace.RoleFactory, trace.RoleProcessor:
		return nil
	}
	return trace.Errorf(trace.CodeForbidden, "role %s has no devices: carriers have trackers, producers sensors", who.Identity.Role)
}

func (a *API) enrolDevice(c *gin.Context) (answer, error) {
	body, err := readBody(c, a.Limits.BodyBytes)
	if err != nil {
		return answer{}, err
	}
	var asked DeviceEnrolment
	if err := decodeStrict(body, &asked); err != nil {
		return answer{}, err
	}
	out, fresh, err := a.EnrolDevice(callerOf(c), asked)
	if !fresh {
		return answer{http.StatusOK, out}, err
	}
	return answer{http.StatusCreated, out}, err
}

// EnrolDevice enrols a caller's device. The same request again is the same device,
// fresh false; its secret was shown.
func (a *API) EnrolDevice(who Caller, asked DeviceEnrolment) (out EnrolledDevice, fresh bool, err error) {
	if err := mayHaveDevices(who); err != nil {
		return out, false, err
	}
	device, secret, err := a.deviceOf(who, asked)
	if err != nil {
		return out, false, err
	}
	made, err := a.Store.Devices().Enrol(device)
	fresh = err == nil
	if trace.CodeOf(err) == store.CodeDeviceKnown {
		known, found := a.Store.Devices().Get(device.ID)
		if !found || !sameEnrolment(known, device) {
			return out, false, err
		}
		made, secret, err = known, "", nil
	}
	if err != nil {
		return out, false, err
	}
	out, err = a.shown(made)
	out.Secret = secret
	return out, fresh, err
}

// deviceOf checks an enrolment. An mqtt device gets its password now; a jt808 terminal
// gets its code when it registers.
func (a *API) deviceOf(who Caller, asked DeviceEnrolment) (store.Device, string, error) {
	d := store.Device{
		ID: asked.Device, Protocol: asked.Protocol, Terminal: asked.Terminal, TerminalID: asked.TerminalID, Model: asked.Model,
		Party: who.Identity.Party, Enrolment: who.Token.Enrolment,
	}
	if err := d.ID.Validate(); err != nil {
		return d, "", err
	}
	for name, text := range map[string]string{"terminalId": asked.TerminalID, "model": asked.Model, "plate": asked.Plate} {
		if err := trace.ValidText(name, text, false, 40); err != nil {
			return d, "", err
		}
	}
	if err := a.owned(who, d.ID); err != nil {
		return d, "", err
	}
	switch asked.Protocol {
	case ProtocolMQTT:
		if asked.Terminal != "" || asked.TerminalID != "" || asked.Plate != "" {
			return d, "", trace.Errorf(trace.CodeInvalid, "terminal, terminalId and plate belong to jt808")
		}
		d.Terminal = string(d.ID)
		secret, digest, err := store.NewSecret()
		d.Credential = digest
		return d, secret, err
	case ProtocolJT808:
		d.Terminal = strings.TrimLeft(asked.Terminal, "0")
		if n := len(asked.Terminal); n < 6 || n > 20 || d.Terminal == "" || strings.Trim(asked.Terminal, "0123456789") != "" {
			return d, "", trace.Errorf(trace.CodeInvalid, "terminal %q is not a number of 6 to 20 digits", asked.Terminal)
		}
		if d.Model == "" {
			d.Model = "standard"
		}
		if asked.Plate == "" {
			return d, "", nil
		}
		var err error
		d.Vehicle, err = a.Store.Devices().VehicleDigest(asked.Plate)
		return d, "", err
	}
	return d, "", trace.Errorf(trace.CodeInvalid, "protocol %q must be jt808 or mqtt", asked.Protocol)
}

// owned refuses a device that another party has bound on the chain: its readings could
// never be anchored.
func (a *API) owned(who Caller, id trace.DeviceID) error {
	status, err := a.deviceStatus(id)
	if err != nil || status == nil || string(status.Owner) == who.Identity.Party {
		return err
	}
	return trace.Errorf(trace.CodeForbidden, "device %s belongs to %s", id, status.Owner)
}

func (a *API) deviceStatus(id trace.DeviceID) (*trace.DeviceStatus, error) {
	record, found, err := a.Index.Record(state.DeviceStatusKey(id))
	if err != nil || !found {
		return nil, err
	}
	return decoded[trace.DeviceStatus](record)
}

func sameEnrolment(a, b store.Device) bool {
	return a.Protocol == b.Protocol && a.Terminal == b.Terminal && a.TerminalID == b.TerminalID && a.Model == b.Model &&
		a.Party == b.Party && a.Vehicle == b.Vehicle
}

func (a *API) shown(d store.Device) (EnrolledDevice, error) {
	out := EnrolledDevice{
		Device: d.ID, Protocol: d.Protocol, Terminal: d.Terminal, TerminalID: d.TerminalID, Model: d.Model,
		Vehicle: d.Vehicle != [32]byte{}, Registered: d.Used, Disabled: d.Disabled, Enrolled: trace.TimeOf(d.Enrolled),
	}
	err := a.traced(&out)
	return out, err
}

// traced adds what the chain, and the readings kept here, say of a device.
func (a *API) traced(out *EnrolledDevice) error {
	status, err := a.deviceStatus(out.Device)
	if err != nil {
		return err
	}
	if status != nil {
		out.Bindings = status.Bindings
	}
	here := a.Segments.Progress(out.Device)
	out.Reports = DeviceReports{Newest: here.Newest, Waiting: here.Waiting}
	record, found, err := a.Index.Last(state.SegmentPrefix(out.Device))
	if err != nil || !found {
		return err
	}
	last, err := decoded[trace.Segment](record)
	if err != nil {
		return err
	}
	out.Reports.Segments, out.Reports.AnchoredTo, out.Reports.Newest = last.Sequence, last.To, max(here.Newest, last.To)
	return nil
}

// BoundDevice is a device that the caller bound on the chain, enrolled here or not.
func (a *API) BoundDevice(who Caller, id trace.DeviceID) (EnrolledDevice, error) {
	if err := id.Validate(); err != nil {
		return EnrolledDevice{}, err
	}
	if d, err := a.deviceOfCaller(who, id); err == nil {
		return a.shown(d)
	}
	status, err := a.deviceStatus(id)
	if err != nil {
		return EnrolledDevice{}, err
	}
	if status == nil || string(status.Owner) != who.Identity.Party {
		return EnrolledDevice{}, unknownDevice(id)
	}
	out := EnrolledDevice{Device: id}
	err = a.traced(&out)
	return out, err
}

func (a *API) listDevices(c *gin.Context) (answer, error) {
	out, err := a.Devices(callerOf(c))
	return answer{http.StatusOK, out}, err
}

// Devices lists a caller's enrolled devices.
func (a *API) Devices(who Caller) (DeviceList, error) {
	out := DeviceList{Devices: []EnrolledDevice{}}
	if err := mayHaveDevices(who); err != nil {
		return out, err
	}
	for _, d := range a.Store.Devices().All() {
		if d.Party != who.Identity.Party {
			continue
		}
		shown, err := a.shown(d)
		if err != nil {
			return out, err
		}
		out.Devices = append(out.Devices, shown)
	}
	slices.SortFunc(out.Devices, func(a, b EnrolledDevice) int { return strings.Compare(string(a.Device), string(b.Device)) })
	return out, nil
}

// deviceOfCaller finds an enrolled device, the caller's own; another party's is not to be
// told from none.
func (a *API) deviceOfCaller(who Caller, id trace.DeviceID) (store.Device, error) {
	d, found := a.Store.Devices().Get(id)
	if !found || d.Party != who.Identity.Party {
		return d, unknownDevice(id)
	}
	return d, nil
}

func unknownDevice(id trace.DeviceID) error {
	return trace.Errorf(store.CodeDeviceUnknown, "no device %q of yours is enrolled here", string(id))
}

func (a *API) resetCredential(c *gin.Context) (answer, error) {
	out, err := a.ResetCredential(callerOf(c), trace.DeviceID(c.Param("device")))
	return answer{http.StatusOK, out}, err
}

// ResetCredential ends what a device proves itself with, and its connections. An mqtt
// device has a new password, shown this once; a jt808 terminal registers anew.
func (a *API) ResetCredential(who Caller, id trace.DeviceID) (out EnrolledDevice, err error) {
	d, err := a.deviceOfCaller(who, id)
	if err != nil {
		return out, err
	}
	secret, digest := "", [32]byte{}
	if d.Protocol == ProtocolMQTT {
		if secret, digest, err = store.NewSecret(); err != nil {
			return out, err
		}
	}
	d, err = a.Store.Devices().Change(d.ID, func(d *store.Device) error {
		d.Credential, d.Used = digest, false
		return nil
	})
	if err != nil {
		return out, err
	}
	a.disconnect(d.ID)
	out, err = a.shown(d)
	out.Secret = secret
	return out, err
}

// disconnect ends what a device does under the credential it had. The change is durable
// by then, so that it does not come back under it.
func (a *API) disconnect(device trace.DeviceID) {
	if a.Disconnect != nil {
		a.Disconnect(device)
	}
}

func (a *API) setDeviceState(c *gin.Context) (answer, error) {
	body, err := readBody(c, a.Limits.BodyBytes)
	if err != nil {
		return answer{}, err
	}
	var asked DeviceState
	if err := decodeStrict(body, &asked); err != nil {
		return answer{}, err
	}
	out, err := a.DisableDevice(callerOf(c), trace.DeviceID(c.Param("device")), asked.Disabled)
	return answer{http.StatusOK, out}, err
}

// DisableDevice takes a device out of service, or into it again.
func (a *API) DisableDevice(who Caller, id trace.DeviceID, disabled bool) (out EnrolledDevice, err error) {
	d, err := a.deviceOfCaller(who, id)
	if err != nil {
		return out, err
	}
	d, err = a.Store.Devices().Change(d.ID, func(d *store.Device) error {
		d.Disabled = disabled
		return nil
	})
	if err != nil {
		return out, err
	}
	if d.Disabled {
		a.disconnect(d.ID)
	}
	return a.shown(d)
}

func (a *API) listParked(c *gin.Context) (answer, error) {
	out, err := a.ParkedOf(callerOf(c))
	return answer{http.StatusOK, out}, err
}

// ParkedOf lists the parked segments of a caller's devices.
func (a *API) ParkedOf(who Caller) (ParkedSegments, error) {
	out := ParkedSegments{Segments: []ParkedSegment{}}
	parked, err := a.Segments.Parked()
	if err != nil {
		return out, err
	}
	for _, p := range parked {
		if d, found := a.Store.Devices().Get(p.Request.Device); !found || d.Party != who.Identity.Party {
			continue
		}
		q := &p.Request
		out.Segments = append(out.Segments, ParkedSegment{
			Device: q.Device, Shipment: q.Shipment, Plot: q.Plot, Store: q.Store, Count: q.Count, From: q.From, To: q.To, Payload: q.Payload,
			Code: p.Code, Detail: p.Message, DetailChinese: a.wording.Refusal(p.Code, p.Message),
		})
	}
	return out, nil
}

func (a *API) retryParked(c *gin.Context) (answer, error) {
	n, err := a.RetryParked(callerOf(c), trace.DeviceID(c.Param("device")))
	return answer{http.StatusOK, RetriedSegments{n}}, err
}

// RetryParked sends a device's parked segments again, as far as its bindings allow it now.
func (a *API) RetryParked(who Caller, id trace.DeviceID) (int, error) {
	d, err := a.deviceOfCaller(who, id)
	if err != nil {
		return 0, err
	}
	return a.Segments.Retry(d.ID)
}

// decoded reads a record's value.
func decoded[T any](r index.Record) (*T, error) {
	var v T
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return nil, err
	}
	return &v, nil
}
