package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// requirePartition holds custody to its promise: every item of the pack has exactly
// one holder.
func requirePartition(t require.TestingT, custody trace.PackCustody, count int64) {
	next := int64(1)
	for i, s := range custody.Spans {
		require.Equal(t, next, s.First, "span %d", i)
		require.GreaterOrEqual(t, s.Last, s.First)
		require.NotEqual(t, "nobody", HolderName(s.Holder))
		if i > 0 {
			require.NotEqual(t, custody.Spans[i-1].Holder, s.Holder, "neighbours with one holder are one span")
		}
		next = s.Last + 1
	}
	require.Equal(t, count+1, next)
}

func TestCustodyStaysAPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.Int64Range(1, 60).Draw(t, "count")
		holders := []trace.CustodyHolder{{Party: "farm-01"}, {Shipment: "ship-01"}, {Shipment: "ship-02"}, {Party: "store-01"}, {SSCC: "095200001000000018"}}
		custody := FirstCustody(count, "farm-01", 0)
		owner := make([]string, count+1) // the model: one holder's name an item
		for i := range owner {
			owner[i] = HolderName(holders[0])
		}
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			r := trace.CodeRange{Pack: "PACK0001", First: rapid.Int64Range(-1, count+2).Draw(t, "first"), Last: rapid.Int64Range(-1, count+2).Draw(t, "last")}
			from, to := rapid.SampledFrom(holders).Draw(t, "from"), rapid.SampledFrom(holders).Draw(t, "to")
			to.Since = trace.Time(step)
			next, err := MoveCodes(custody, r, from, to)
			allowed := r.First >= 1 && r.Last >= r.First && r.Last <= count
			for i := r.First; allowed && i <= r.Last; i++ {
				allowed = owner[i] == HolderName(from)
			}
			require.Equal(t, allowed, err == nil, "%v", err)
			requirePartition(t, next, count)
			if err != nil {
				require.Equal(t, custody, next)
				continue
			}
			for i := r.First; i <= r.Last; i++ {
				owner[i] = HolderName(to)
			}
			custody = next
			for _, s := range custody.Spans {
				for i := s.First; i <= s.Last; i++ {
					require.Equal(t, owner[i], HolderName(s.Holder), "item %d", i)
				}
			}
		}
	})
}

func TestCustodyRefuses(t *testing.T) {
	farm, ship := trace.CustodyHolder{Party: "farm-01"}, trace.CustodyHolder{Shipment: "ship-01", Since: 10}
	custody := FirstCustody(100, "farm-01", 5)
	items := func(first, last int64) trace.CodeRange {
		return trace.CodeRange{Pack: "PACK0001", First: first, Last: last}
	}
	custody, err := MoveCodes(custody, items(11, 20), farm, ship)
	require.NoError(t, err)
	require.Len(t, custody.Spans, 3)
	_, err = MoveCodes(custody, items(20, 30), farm, ship)
	require.Equal(t, trace.CodeCustody, trace.CodeOf(err), "item 20 left already")
	early := ship
	early.Since = 4
	_, err = MoveCodes(custody, items(1, 2), farm, early)
	require.Equal(t, trace.CodeChronology, trace.CodeOf(err))
	_, err = MoveCodes(trace.PackCustody{}, items(1, 2), farm, ship)
	require.Equal(t, trace.CodeCustody, trace.CodeOf(err))

	// A pack is not split without end.
	custody = FirstCustody(10_000, "farm-01", 0)
	for i := int64(1); err == nil || i < 200; i += 2 {
		custody, err = MoveCodes(custody, items(i, i), farm, ship)
		if err != nil {
			break
		}
	}
	require.Equal(t, trace.CodeTooLarge, trace.CodeOf(err))
	require.Len(t, custody.Spans, MaxSpans, "as many as may be")

	unit := &trace.UnitCustody{Holder: farm}
	_, err = MoveUnit("x", nil, farm, ship)
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(err))
	_, err = MoveUnit("x", unit, ship, farm)
	require.Equal(t, trace.CodeCustody, trace.CodeOf(err))
	moved, err := MoveUnit("x", unit, farm, ship)
	require.NoError(t, err)
	require.Equal(t, ship, moved.Holder)
	_, err = MoveUnit("x", &moved, ship, trace.CustodyHolder{Party: "store-01", Since: ship.Since})
	require.NoError(t, err, "at the same moment")
	_, err = MoveUnit("x", &moved, ship, farm)
	require.Equal(t, trace.CodeChronology, trace.CodeOf(err))
}

func TestRunsOfCodes(t *testing.T) {
	run := func(pack trace.PackID, first, last int64) trace.CodeRange {
		return trace.CodeRange{Pack: pack, First: first, Last: last}
	}
	for name, c := range map[string]struct {
		runs []trace.CodeRange
		code trace.Code
	}{
		"one item":        {[]trace.CodeRange{run("PACK0001", 1, 1)}, ""},
		"the last item":   {[]trace.CodeRange{run("PACK0001", 1, trace.MaxPackCount)}, ""},
		"neighbours":      {[]trace.CodeRange{run("PACK0001", 6, 9), run("PACK0001", 1, 5)}, ""},
		"two packs":       {[]trace.CodeRange{run("PACK0001", 1, 5), run("PACK0002", 1, 5)}, ""},
		"item 0":          {[]trace.CodeRange{run("PACK0001", 0, 5)}, trace.CodeInvalid},
		"backwards":       {[]trace.CodeRange{run("PACK0001", 5, 4)}, trace.CodeInvalid},
		"beyond any pack": {[]trace.CodeRange{run("PACK0001", 1, trace.MaxPackCount+1)}, trace.CodeInvalid},
		"one item twice":  {[]trace.CodeRange{run("PACK0001", 5, 9), run("PACK0001", 1, 5)}, trace.CodeCustody},
		"not a pack":      {[]trace.CodeRange{run("pack 1", 1, 5)}, trace.CodeInvalid},
	} {
		require.Equal(t, c.code, trace.CodeOf(checkRanges("codes", c.runs)), name)
	}
}

func place() trace.Place {
	return trace.Place{Name: "蒲江", Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}}
}

func TestCheckDispatch(t *testing.T) {
	codes := func(first, last int64) trace.Load {
		return trace.Load{Codes: &trace.CodeRange{Pack: "PACK0001", First: first, Last: last}}
	}
	unit := trace.Load{SSCC: "095200000000000004"}
	unit.SSCC = unit.SSCC[:17] + trace.SSCC(trace.CheckDigit(string(unit.SSCC[:17])))
	for name, c := range map[string]struct {
		change func(*trace.DispatchRequest)
		code   trace.Code
	}{
		"valid":               {func(*trace.DispatchRequest) {}, ""},
		"no loads":            {func(r *trace.DispatchRequest) { r.Loads = nil }, trace.CodeMissing},
		"too many loads":      {func(r *trace.DispatchRequest) { r.Loads = make([]trace.Load, 51) }, trace.CodeTooLarge},
		"an empty load":       {func(r *trace.DispatchRequest) { r.Loads[0] = trace.Load{} }, trace.CodeInvalid},
		"both in one":         {func(r *trace.DispatchRequest) { r.Loads[0].SSCC = unit.SSCC }, trace.CodeInvalid},
		"overlap":             {func(r *trace.DispatchRequest) { r.Loads[1] = codes(10, 12) }, trace.CodeCustody},
		"a unit twice":        {func(r *trace.DispatchRequest) { r.Loads = append(r.Loads, unit) }, trace.CodeCustody},
		"a run backwards":     {func(r *trace.DispatchRequest) { r.Loads[0] = codes(5, 4) }, trace.CodeInvalid},
		"sscc check digit":    {func(r *trace.DispatchRequest) { r.Loads[2].SSCC = "095200000000000000" }, trace.CodeCheckDigit},
		"to itself":           {func(r *trace.DispatchRequest) { r.Consignee = r.From }, trace.CodeInvalid},
		"no time":             {func(r *trace.DispatchRequest) { r.Departed = 0 }, trace.CodeMissing},
		"a number plate":      {func(r *trace.DispatchRequest) { r.Vehicle = "川A12345" }, trace.CodeInvalid},
		"an exact position":   {func(r *trace.DispatchRequest) { r.Origin.Point.Latitude++ }, trace.CodeInvalid},
		"an impossible place": {func(r *trace.DispatchRequest) { r.Target.Point.Latitude = 91_000_000 }, trace.CodeOutOfRange},
		"a nameless place":    {func(r *trace.DispatchRequest) { r.Target.Name = "" }, trace.CodeMissing},
		"drivers":             {func(r *trace.DispatchRequest) { r.Drivers = -1 }, trace.CodeInvalid},
	} {
		r := &trace.DispatchRequest{
			Shipment: "ship-01", From: "farm-01", Consignee: "store-01", Loads: []trace.Load{codes(1, 10), codes(11, 20), unit},
			Origin: place(), Target: place(), Departed: 1, Vehicle: "truck-07", Drivers: 2,
		}
		c.change(r)
		require.Equal(t, c.code, trace.CodeOf(CheckDispatch(r)), name)
	}
}

func TestMayTravel(t *testing.T) {
	made := at("2026-10-18T09:00:00+08:00")
	lot := trace.LotID{GTIN: "09520000100018", Lot: "A"}
	ranges := []trace.CodeRange{{Pack: "PACK0001", First: 1, Last: 10}}
	for name, c := range map[string]struct {
		change func(*Cargo, *trace.Time)
		code   trace.Code
	}{
		"valid":          {func(*Cargo, *trace.Time) {}, ""},
		"never issued":   {func(c *Cargo, _ *trace.Time) { c.Packs[0].Status = nil }, trace.CodeNotFound},
		"not activated":  {func(c *Cargo, _ *trace.Time) { c.Packs[0].Status.State = trace.PackIssued }, trace.CodeState},
		"frozen":         {func(c *Cargo, _ *trace.Time) { c.Packs[0].Status.State = trace.PackFrozen }, trace.CodeState},
		"void":           {func(c *Cargo, _ *trace.Time) { c.Packs[0].Status.State = trace.PackVoid }, trace.CodeState},
		"before harvest": {func(_ *Cargo, at *trace.Time) { *at = made - 1 }, trace.CodeChronology},
		"not harvested":  {func(c *Cargo, _ *trace.Time) { c.Lots[0].Batch.Presale = true }, trace.CodeChronology},
		"recalled codes": {func(c *Cargo, _ *trace.Time) {
			c.RecalledCodes = []trace.CodeRange{{Pack: "PACK0001", First: 10, Last: 20}}
		}, trace.CodeRecalled},
		"others' recalled": {func(c *Cargo, _ *trace.Time) {
			c.RecalledCodes = []trace.CodeRange{{Pack: "PACK0001", First: 11, Last: 20}}
		}, ""},
	} {
		departed := made
		cargo := Cargo{
			Packs: []LoadedPack{{Pack: "PACK0001", Status: &trace.PackStatus{State: trace.PackActive, Lot: &lot}}},
			Lots:  []LoadedLot{{Lot: Lot{Batch: &trace.Batch{LotID: lot, Made: made}}}},
		}
		c.change(&cargo, &departed)
		require.Equal(t, c.code, trace.CodeOf(MayTravel(ranges, cargo, departed)), name)
	}
}

func TestMayCarry(t *testing.T) {
	licence := func(kind trace.LicenceKind, to string, scope ...trace.Category) HeldLicence {
		return HeldLicence{Number: "T1", Licence: &trace.Licence{Number: "T1", Kind: kind, Scope: scope, ValidFrom: day("2025-01-01"), ValidTo: day(to)}}
	}
	today := day("2026-10-20")
	valid := licence(trace.LicenceTransport, "2026-10-20")
	revoked := valid
	revoked.Revocation = &trace.LicenceRevocation{From: today}
	require.NoError(t, MayCarry("carrier-01", []HeldLicence{licence(trace.LicenceTransport, "2026-10-19"), valid}, nil, today))
	fruit, food := licence(trace.LicenceTransport, "2027-01-01", trace.CategoryFruit), licence(trace.LicenceTransport, "2027-01-01", trace.CategoryFood)
	both := []trace.Category{trace.CategoryFood, trace.CategoryFruit}
	require.NoError(t, MayCarry("carrier-01", []HeldLicence{fruit, food}, both, today), "two licences cover what one does not")
	for name, held := range map[string][]HeldLicence{
		"out of scope": {fruit}, "no scope": {valid}, "a producer's scope": {fruit, licence(trace.LicenceFood, "2027-01-01", trace.CategoryFood)},
		"in scope but over": {fruit, licence(trace.LicenceTransport, "2026-10-19", trace.CategoryFood)},
	} {
		require.Equal(t, trace.CodeLicence, trace.CodeOf(MayCarry("carrier-01", held, both, today)), name)
	}
	for name, held := range map[string][]HeldLicence{
		"none": nil, "another kind": {licence(trace.LicenceTrade, "2027-01-01")},
		"over": {licence(trace.LicenceTransport, "2026-10-19")}, "revoked": {revoked},
	} {
		require.Equal(t, trace.CodeLicence, trace.CodeOf(MayCarry("carrier-01", held, nil, today)), name)
	}
}

func TestStrictestTerms(t *testing.T) {
	lot := func(minimum, maximum trace.CentiCelsius, defrost, gap int64) LoadedLot {
		return LoadedLot{Product: &trace.Product{Transport: &trace.TemperatureRange{Minimum: minimum, Maximum: maximum}, DefrostSeconds: defrost, GapSeconds: gap}}
	}
	warm := LoadedLot{Product: &trace.Product{GapSeconds: 60}}
	terms, err := StrictestTerms([]LoadedLot{warm, lot(-100, 500, 900, 0), lot(0, 800, 1200, 1800)})
	require.NoError(t, err)
	require.Equal(t, Terms{Range: &trace.TemperatureRange{Minimum: 0, Maximum: 500}, DefrostSeconds: 900, GapSeconds: 900}, terms)
	terms, err = StrictestTerms([]LoadedLot{warm})
	require.NoError(t, err)
	require.Nil(t, terms.Range)
	_, err = StrictestTerms([]LoadedLot{lot(0, 500, 0, 0), lot(600, 800, 0, 0)})
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(err), "nothing suits both")
}

func TestShipmentSteps(t *testing.T) {
	now := at("2026-10-21T12:00:00+08:00")
	status := func() *trace.ShipmentStatus {
		return &trace.ShipmentStatus{Open: true, Carrier: "carrier-01", Carriers: []trace.PartyID{"carrier-01"}, Since: now - 1_000, Departed: now - 1_000}
	}
	for name, c := range map[string]struct {
		change func(*trace.HandoverRequest, **trace.ShipmentStatus, *trace.PartyID)
		code   trace.Code
	}{
		"valid":            {func(*trace.HandoverRequest, **trace.ShipmentStatus, *trace.PartyID) {}, ""},
		"no such shipment": {func(_ *trace.HandoverRequest, s **trace.ShipmentStatus, _ *trace.PartyID) { *s = nil }, trace.CodeNotFound},
		"arrived":          {func(_ *trace.HandoverRequest, s **trace.ShipmentStatus, _ *trace.PartyID) { (*s).Open = false }, trace.CodeState},
		"another giver":    {func(r *trace.HandoverRequest, _ **trace.ShipmentStatus, _ *trace.PartyID) { r.Giver = "carrier-09" }, trace.CodeCustody},
		"to itself":        {func(_ *trace.HandoverRequest, _ **trace.ShipmentStatus, by *trace.PartyID) { *by = "carrier-01" }, trace.CodeCustody},
		"before it left":   {func(r *trace.HandoverRequest, s **trace.ShipmentStatus, _ *trace.PartyID) { r.At = (*s).Since - 1 }, trace.CodeChronology},
		"tomorrow": {func(r *trace.HandoverRequest, _ **trace.ShipmentStatus, _ *trace.PartyID) {
			r.At = now + trace.ClockSkew + 1
		}, trace.CodeChronology},
		"no time":  {func(r *trace.HandoverRequest, _ **trace.ShipmentStatus, _ *trace.PartyID) { r.At = 0 }, trace.CodeMissing},
		"no place": {func(r *trace.HandoverRequest, _ **trace.ShipmentStatus, _ *trace.PartyID) { r.Place.Name = "" }, trace.CodeMissing},
	} {
		r, s, by := &trace.HandoverRequest{Shipment: "ship-01", Giver: "carrier-01", At: now, Place: place()}, status(), trace.PartyID("carrier-02")
		c.change(r, &s, &by)
		next, err := HandOver(r, s, by, now)
		require.Equal(t, c.code, trace.CodeOf(err), name)
		if c.code == "" {
			require.Equal(t, trace.ShipmentStatus{Open: true, Carrier: "carrier-02", Carriers: []trace.PartyID{"carrier-01", "carrier-02"}, Since: now, Departed: now - 1_000}, next)
		}
	}
	arrive := &trace.ArriveRequest{Shipment: "ship-01", At: now, Place: place(), BadGoods: 160}
	next, err := ArriveAt(arrive, status(), "carrier-01", now)
	require.NoError(t, err)
	require.False(t, next.Open)
	require.Equal(t, now, next.Arrived)
	_, err = ArriveAt(arrive, status(), "carrier-02", now)
	require.Equal(t, trace.CodeCustody, trace.CodeOf(err))
	_, err = ArriveAt(arrive, &next, "carrier-01", now)
	require.Equal(t, trace.CodeState, trace.CodeOf(err), "arrived already")
	arrive.BadGoods = 10_001
	_, err = ArriveAt(arrive, status(), "carrier-01", now)
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(err))
}
