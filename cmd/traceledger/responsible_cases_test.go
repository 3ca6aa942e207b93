package main

import (
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	keys "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// responsibleCall is a request that the chain would take.
type responsibleCall struct {
	request   any
	transient map[string][]byte
	// last is for what changes a gate that all others read.
	last bool
}

// preparation writes what a row's call builds on. After an error it does nothing more.
type preparation struct {
	world *responsibleWorld
	role  trace.Role
	err   error
}

// must commits a request by a party under a role.
func (p *preparation) must(party trace.PartyID, role trace.Role, transaction string, request any) trace.Receipt {
	if p.err != nil {
		return trace.Receipt{}
	}
	receipt, err := p.world.must(party, role, transaction, request)
	p.err = err
	return receipt
}

func (w *responsibleWorld) must(party trace.PartyID, role trace.Role, transaction string, request any) (trace.Receipt, error) {
	m, err := w.member(party, role)
	if err != nil {
		return trace.Receipt{}, err
	}
	receipt, code, err := m.submit(w.t.Context(), transaction, request, nil)
	if err != nil || code != 0 {
		return receipt, fmt.Errorf("%s by %s: %s: %w", transaction, party, code, err)
	}
	return receipt, nil
}

// id is a name that nothing else has.
func (p *preparation) id(kind string) string { return fmt.Sprintf("%s-%d", kind, p.world.next()) }

// at is so many hours before the world began.
func (w *responsibleWorld) at(hours int64) trace.Time { return w.now - trace.Time(hours*3_600_000) }

// write is the common part of a request, claimed so many hours before the world began.
func (w *responsibleWorld) write(hours int64) trace.Write {
	return trace.Write{IdempotencyKey: fmt.Sprintf("key-%d", w.next()), Claimed: w.at(hours)}
}

// Hours before the world began, in the order of a lot's life.
const (
	hourMade       = 20
	hourCoded      = 19
	hourConsigned  = 18
	hourDeparted   = 17
	hourHandedOver = 16
	hourArrived    = 15
)

const (
	secondLab     = trace.PartyID("lab-2")
	secondCarrier = trace.PartyID("carrier-2")
)

// makers are the producers' roles with their goods.
var makers = map[trace.Role]struct {
	prefix   string
	licence  trace.LicenceKind
	category trace.Category
}{
	trace.RoleFarm:      {"952000010", trace.LicenceFarming, trace.CategoryFruit},
	trace.RoleFactory:   {"952000020", trace.LicenceFood, trace.CategoryFood},
	trace.RoleProcessor: {"952000030", trace.LicenceFood, trace.CategoryFood},
}

const merchantPrefix = "952000040"

// gtinUnder is a trade item number under a company prefix.
func gtinUnder(prefix string, item int) trace.GTIN {
	data := fmt.Sprintf("0%s%03d", prefix, item)
	return trace.GTIN(data + string(trace.CheckDigit(data)))
}

func ssccUnder(prefix string, serial int) trace.SSCC {
	data := fmt.Sprintf("0%s%07d", prefix, serial)
	return trace.SSCC(data + string(trace.CheckDigit(data)))
}

// by submits as the regulator.
func (w *responsibleWorld) by(transaction string, request any) error {
	_, err := w.must(trace.PartyID(trace.RoleRegulator), trace.RoleRegulator, transaction, request)
	return err
}

// open makes the channel ready: epoch and guards.
func (w *responsibleWorld) open() error {
	if err := w.by("registry:TouchEpoch", &trace.TouchEpochRequest{Number: 1}); err != nil {
		return err
	}
	for _, msp := range trace.MSPs() {
		if err := w.by("registry:InstallGuard", &trace.InstallGuardRequest{MSP: msp, Version: 1}); err != nil {
			return err
		}
	}
	return nil
}

// found admits a party of every role, under the role's name, with what each needs for
// its work. The regulator came with the import.
func (w *responsibleWorld) found() error {
	by := w.by
	var group errgroup.Group
	admit := func(party trace.PartyID, role trace.Role) {
		group.Go(func() error { return by("registry:AdmitParty", w.admission(party, role)) })
	}
	for _, role := range []trace.Role{
		trace.RoleFarm, trace.RoleFactory, trace.RoleProcessor, trace.RoleLab, trace.RoleCarrier, trace.RoleMerchant, trace.RoleHost,
		trace.RoleRoomOperator, trace.RoleHostAgency, trace.RoleConsumerDesk, trace.RoleMonitor, trace.RoleConsumerPanel, trace.RoleScanner,
		trace.RoleArbitrator, trace.RoleReviewer, trace.RolePlatformOperator,
	} {
		admit(trace.PartyID(role), role)
	}
	admit(secondLab, trace.RoleLab)
	admit(secondCarrier, trace.RoleCarrier)
	if err := group.Wait(); err != nil {
		return err
	}
	return w.furnish(by)
}

func (w *responsibleWorld) furnish(by func(transaction string, request any) error) error {
	var group errgroup.Group
	do := func(transaction string, request any) {
		group.Go(func() error { return by(transaction, request) })
	}
	for role, goods := range makers {
		do("registry:GrantLicence", w.licence(trace.PartyID(role), goods.prefix, trace.LicenceGS1Prefix))
		do("registry:GrantLicence", w.licence(trace.PartyID(role), "L-"+string(role), goods.licence, goods.category))
	}
	do("registry:GrantLicence", w.licence(trace.PartyID(trace.RoleMerchant), merchantPrefix, trace.LicenceGS1Prefix))
	for _, carrier := range []trace.PartyID{trace.PartyID(trace.RoleCarrier), secondCarrier} {
		do("registry:GrantLicence", w.licence(carrier, "YS-"+string(carrier), trace.LicenceTransport, trace.CategoryFruit))
	}
	for _, lab := range []trace.PartyID{trace.PartyID(trace.RoleLab), secondLab} {
		do("registry:GrantAccreditation", w.accreditation(lab, "CMA-"+string(lab)))
	}
	source := w.source()
	do("standards:PublishYieldCeiling", &trace.PublishYieldCeilingRequest{Write: w.write(0), Crop: "kiwifruit", GramsPerHectare: 45_000_000, Source: source})
	do("standards:PublishLimit", &trace.PublishLimitRequest{
		Write: w.write(0), Commodity: "kiwifruit", Substance: "spinosad", Name: "多杀霉素", Kind: trace.LimitNotDetected, Source: source,
	})
	do("rulebook:Publish", w.rulebook(w.now.Date()-10))
	if err := group.Wait(); err != nil {
		return err
	}
	for role := range makers {
		group.Go(func() error {
			_, err := w.must(trace.PartyID(role), role, "origin:RegisterProduct", w.product(role, gtinUnder(makers[role].prefix, 1), trace.PartyID(trace.RoleMerchant)))
			return err
		})
	}
	return group.Wait()
}

func (w *responsibleWorld) source() trace.StandardSource {
	return trace.StandardSource{Standard: "测试标准", Effective: w.now.Date() - 3650, Source: "test"}
}

func (w *responsibleWorld) admission(party trace.PartyID, role trace.Role) *trace.AdmitPartyRequest {
	return &trace.AdmitPartyRequest{
		Write: w.write(0), Party: party, Roles: []trace.Role{role}, LegalPerson: true, Name: "测试 " + string(party),
		ValidFrom: w.now.Date() - 365, ValidTo: w.now.Date() + 365,
	}
}

func (w *responsibleWorld) licence(party trace.PartyID, number string, kind trace.LicenceKind, scope ...trace.Category) *trace.GrantLicenceRequest {
	return &trace.GrantLicenceRequest{
		Write: w.write(0), Party: party, Number: number, Kind: kind, Scope: scope, Issuer: "测试机关",
		ValidFrom: w.now.Date() - 365, ValidTo: w.now.Date() + 365,
	}
}

func (w *responsibleWorld) accreditation(lab trace.PartyID, number string) *trace.GrantAccreditationRequest {
	return &trace.GrantAccreditationRequest{
		Write: w.write(0), Lab: lab, Number: number, Issuer: "测试机关", ValidFrom: w.now.Date() - 365, ValidTo: w.now.Date() + 365,
		Items: []trace.AccreditedItem{{Category: trace.CategoryFruit, Substance: "*"}, {Category: trace.CategoryFood, Substance: "*"}},
	}
}

// product is a trade item of 1 kg, made by the role's party and sold by the merchant.
func (w *responsibleWorld) product(maker trace.Role, gtin trace.GTIN, merchant trace.PartyID) *trace.RegisterProductRequest {
	return &trace.RegisterProductRequest{
		Write: w.write(0), GTIN: gtin, Name: "测试商品", Category: makers[maker].category, Commodity: "kiwifruit",
		NetContent: trace.Quantity{Amount: 1_000, Unit: trace.Gram}, LicenceNumber: "L-" + string(maker),
		Producer: trace.PartyID(maker), Merchant: merchant, ShelfLifeDays: 120,
	}
}

// batch is a lot of 40 kg of the role's party, not yet sent; of a farm with a plot of
// its own.
func (p *preparation) batch(maker trace.Role) *trace.RegisterBatchRequest {
	r := &trace.RegisterBatchRequest{
		Write: p.world.write(hourMade), LotID: trace.LotID{GTIN: gtinUnder(makers[maker].prefix, 1), Lot: trace.LotNumber(p.id("L"))}, Place: "四川蒲江",
		Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}, Made: p.world.at(hourMade), Quantity: trace.Quantity{Amount: 40_000, Unit: trace.Gram},
	}
	if maker == trace.RoleFarm {
		r.Plot = p.plot()
	}
	return r
}

func (p *preparation) plotRequest() *trace.RegisterPlotRequest {
	return &trace.RegisterPlotRequest{
		Write: p.world.write(0), Plot: trace.PlotID(p.id("plot")), Crop: "kiwifruit", Area: 5_333, Place: "四川蒲江",
		Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000},
	}
}

func (p *preparation) plot() trace.PlotID {
	r := p.plotRequest()
	p.must(trace.PartyID(trace.RoleFarm), trace.RoleFarm, "origin:RegisterPlot", r)
	return r.Plot
}

// lot is a new lot of the role's party.
func (p *preparation) lot(maker trace.Role) trace.LotID {
	r := p.batch(maker)
	p.must(trace.PartyID(maker), maker, "origin:RegisterBatch", r)
	return r.LotID
}

// issued is a new pack of ten codes of the role's party.
func (p *preparation) issued(maker trace.Role) trace.PackID {
	r := p.issue()
	p.must(trace.PartyID(maker), maker, "code:IssuePack", r)
	return r.Pack
}

func (p *preparation) issue() *trace.IssuePackRequest {
	return &trace.IssuePackRequest{
		Write: p.world.write(hourMade), Pack: trace.PackID(fmt.Sprintf("PACK%04d", p.world.next())), Count: 10,
		Root: trace.DigestOf([]byte("root")), LeafFile: trace.DigestOf([]byte("leaves")),
	}
}

// pack is a new pack of ten codes on a new lot of the role's party.
func (p *preparation) pack(maker trace.Role) (trace.PackID, trace.LotID) {
	pack, lot := p.issued(maker), p.lot(maker)
	p.must(trace.PartyID(maker), maker, "code:ActivatePack", &trace.ActivatePackRequest{Write: p.world.write(hourCoded), Pack: pack, LotID: lot})
	return pack, lot
}

// dispatch is a shipment of a new pack of the farm's, consigned to the carrier and not
// yet dispatched.
func (p *preparation) dispatch(carrier trace.PartyID) *trace.DispatchRequest {
	pack, _ := p.pack(trace.RoleFarm)
	place := trace.Place{Name: "蒲江", Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}}
	r := &trace.DispatchRequest{
		Write: p.world.write(hourDeparted), Shipment: trace.ShipmentID(p.id("ship")), Loads: []trace.Load{{Codes: &trace.CodeRange{Pack: pack, First: 1, Last: 10}}},
		From: trace.PartyID(trace.RoleFarm), Consignee: trace.PartyID(trace.RoleMerchant), Origin: place, Target: place, Departed: p.world.at(hourDeparted),
	}
	p.must(r.From, trace.RoleFarm, "transit:Consign", &trace.ConsignRequest{
		Write: p.world.write(hourConsigned), Shipment: r.Shipment, Carrier: carrier, Consignee: r.Consignee, Loads: r.Loads,
	})
	return r
}

// shipment is a new shipment on its way with a carrier.
func (p *preparation) shipment(carrier trace.PartyID) trace.ShipmentID {
	r := p.dispatch(carrier)
	p.must(carrier, trace.RoleCarrier, "transit:Dispatch", r)
	return r.Shipment
}

// bind binds a new device to what the role has: a shipment, a plot or a store.
func (p *preparation) bind() *trace.BindDeviceRequest {
	r := &trace.BindDeviceRequest{
		Write: p.world.write(hourHandedOver), Device: trace.DeviceID(p.id("dev")), Probes: []string{trace.ProbeReturnAir}, From: p.world.at(hourHandedOver),
	}
	switch p.role {
	case trace.RoleCarrier:
		r.Shipment = p.shipment(trace.PartyID(trace.RoleCarrier))
	case trace.RoleFarm:
		r.Plot = p.plot()
	default:
		r.Store = "store-1"
	}
	return r
}

// report is an inspection of a lot, not yet sent.
func (p *preparation) report(lot trace.LotID) *trace.ReportInspectionRequest {
	return &trace.ReportInspectionRequest{
		Write: p.world.write(hourArrived), Sample: trace.SampleLot, Lot: &lot, SampledAt: p.world.at(hourCoded), ReportedAt: p.world.at(hourArrived),
		CertificateNumber: "SC-1", Certificate: trace.DigestOf([]byte("report")),
		Items: []trace.InspectionItem{{Substance: "spinosad", Method: "GB 23200.121-2021", Result: trace.ResultNotDetected}},
	}
}

func (p *preparation) check(err error) {
	if p.err == nil {
		p.err = err
	}
}

// inspected is the inspection of a lot by the first lab.
func (p *preparation) inspected(lot trace.LotID) trace.Key {
	return p.must(trace.PartyID(trace.RoleLab), trace.RoleLab, "inspection:Report", p.report(lot)).Record
}

// verdict is a monitor's about a lot, under a rule of its own, not yet sent.
func (p *preparation) verdict(lot trace.LotID) *trace.GiveVerdictRequest {
	rule := p.rule()
	p.must(trace.PartyID(trace.RoleMonitor), trace.RoleMonitor, "verdict:PublishRule", rule)
	return &trace.GiveVerdictRequest{
		Claimed: p.world.now, Monitor: rule.Monitor, Version: rule.Version, Subject: keys.LotSubject(lot), Finding: "temperature-excursion",
		Level: trace.LevelWarning, Text: "运输超温", Input: trace.DigestOf([]byte("input")),
	}
}

func (p *preparation) rule() *trace.PublishRuleRequest {
	return &trace.PublishRuleRequest{
		Write: p.world.write(0), Monitor: "coldchain", Version: fmt.Sprintf("1.%d", p.world.next()), Description: "冷链", Content: trace.DigestOf([]byte("rule")),
	}
}

// segment is two readings of a device that is bound, and their summary's request.
func (p *preparation) segment(b *trace.BindDeviceRequest) responsibleCall {
	from := b.From + 60_000
	readings := make([]trace.Reading, 2)
	for i := range readings {
		readings[i] = trace.Reading{
			At: from + trace.Time(i)*trace.Time(time.Minute.Milliseconds()), Temperatures: []trace.CentiCelsius{100},
			Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed,
			SoilMoisture: trace.NoSoilMoisture, Illuminance: trace.NoIlluminance,
		}
	}
	payload, err := trace.EncodeReadings(1, readings)
	p.check(err)
	return responsibleCall{
		request: &trace.AnchorSegmentRequest{
			Device: b.Device, Sequence: 1, Shipment: b.Shipment, Plot: b.Plot, Store: b.Store, Count: len(readings),
			From: from, To: readings[len(readings)-1].At, Payload: trace.DigestOf(payload),
		},
		transient: map[string][]byte{trace.TransientReadings: payload},
	}
}
