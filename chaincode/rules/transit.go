package rules

import (
	"cmp"
	"slices"

	"traceledger/chaincode/trace"
)

const (
	maxLoads = 50
	// MaxTravelling is the most runs of codes of one shipment, logistic units opened up.
	MaxTravelling = 500
	maxDrivers    = 8
	maxPlaceName  = 80
)

func compareRanges(a, b trace.CodeRange) int {
	return cmp.Or(cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.First, b.First))
}

// LoadedPack is a pack whose codes are packed or dispatched.
type LoadedPack struct {
	Pack   trace.PackID
	Status *trace.PackStatus // nil: never issued
}

// LoadedLot is a lot whose items travel.
type LoadedLot struct {
	Lot
	Product *trace.Product
}

// Cargo is what the chain knows of the items that are packed or dispatched.
type Cargo struct {
	Packs         []LoadedPack      // sorted by pack
	Lots          []LoadedLot       // sorted by lot
	RecalledCodes []trace.CodeRange // of its packs, in force
}

// MayTravel decides whether runs of codes may be packed or dispatched at a time:
// their packs are active, none of them is recalled, and their lots were made. Recalls of
// whole lots are NotRecalled's.
func MayTravel(ranges []trace.CodeRange, cargo Cargo, at trace.Time) error {
	for _, p := range cargo.Packs {
		if p.Status == nil {
			return trace.Errorf(trace.CodeNotFound, "pack %s is not on the chain", p.Pack)
		}
		if p.Status.State != trace.PackActive {
			return trace.Errorf(trace.CodeState, "pack %s is %s, only active packs travel", p.Pack, p.Status.State)
		}
	}
	for _, l := range cargo.Lots {
		if !l.Complete() || at < l.Made() {
			return trace.Errorf(trace.CodeChronology, "lot %s cannot travel at %s: it was not made by then", l.Batch.LotID, at)
		}
	}
	for _, r := range ranges {
		for _, recalled := range cargo.RecalledCodes {
			if r.Overlaps(recalled) {
				return trace.Errorf(trace.CodeRecalled, "items %d to %d of pack %s are recalled", recalled.First, recalled.Last, recalled.Pack)
			}
		}
	}
	return nil
}

// CheckPackUnit checks the form of a logistic unit.
func CheckPackUnit(r *trace.PackUnitRequest) error {
	if err := r.SSCC.Validate(); err != nil {
		return err
	}
	if len(r.Codes) == 0 {
		return trace.Errorf(trace.CodeMissing, "codes is missing")
	}
	if len(r.Codes) > maxLoads {
		return trace.Errorf(trace.CodeTooLarge, "codes has %d runs, at most %d", len(r.Codes), maxLoads)
	}
	return checkRanges("codes", r.Codes)
}

// CheckDispatch checks the form of a dispatch.
func CheckDispatch(r *trace.DispatchRequest) error {
	if err := firstError(r.Shipment.Validate(), r.From.Validate(), r.Consignee.Validate()); err != nil {
		return err
	}
	if r.Consignee == r.From {
		return trace.Errorf(trace.CodeInvalid, "consignee %s is who holds the goods already", r.Consignee)
	}
	if err := checkLoads(r.Loads); err != nil {
		return err
	}
	if r.Departed == 0 {
		return trace.Errorf(trace.CodeMissing, "departed is missing")
	}
	if r.Drivers < 0 || r.Drivers > maxDrivers {
		return trace.Errorf(trace.CodeInvalid, "drivers %d must be 0 to %d", r.Drivers, maxDrivers)
	}
	if r.Vehicle != "" {
		// Lower-case Latin only: a number plate does not fit.
		if err := checkTerm("vehicle", r.Vehicle); err != nil {
			return err
		}
	}
	return firstError(checkPlace("origin", r.Origin), checkPlace("target", r.Target))
}

func checkLoads(loads []trace.Load) error {
	if len(loads) == 0 {
		return trace.Errorf(trace.CodeMissing, "loads is missing")
	}
	if len(loads) > maxLoads {
		return trace.Errorf(trace.CodeTooLarge, "loads has %d entries, at most %d", len(loads), maxLoads)
	}
	var units []trace.SSCC
	for i, load := range loads {
		if (load.Codes == nil) == (load.SSCC == "") {
			return trace.Errorf(trace.CodeInvalid, "loads[%d] must be either codes or an sscc", i)
		}
		if load.Codes != nil {
			continue
		}
		if err := load.SSCC.Validate(); err != nil {
			return err
		}
		if slices.Contains(units, load.SSCC) {
			return trace.Errorf(trace.CodeCustody, "loads[%d]: logistic unit %s is given twice", i, load.SSCC)
		}
		units = append(units, load.SSCC)
	}
	return checkRanges("loads", LoadedCodes(loads))
}

// LoadedCodes are the runs of codes that travel loose.
func LoadedCodes(loads []trace.Load) []trace.CodeRange {
	var out []trace.CodeRange
	for _, load := range loads {
		if load.Codes != nil {
			out = append(out, *load.Codes)
		}
	}
	return out
}

func checkPlace(name string, p trace.Place) error {
	return firstError(trace.ValidText(name+".name", p.Name, true, maxPlaceName), checkCoarsePoint(name+".point", p.Point))
}

// CategoriesOf is what travels, each category once, sorted.
func CategoriesOf(lots []LoadedLot) []trace.Category {
	var out []trace.Category
	for _, l := range lots {
		if l.Product != nil {
			out = append(out, l.Product.Category)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// MayCarry decides whether a party's transport licences in force on the day cover every
// category that travels.
func MayCarry(carrier trace.PartyID, held []HeldLicence, categories []trace.Category, day trace.Date) error {
	refusal := trace.Errorf(trace.CodeLicence, "carrier %s has no %s licence on file", carrier, trace.LicenceTransport)
	var scope []trace.Category
	inForce := false
	for _, h := range held {
		if h.Licence == nil || h.Licence.Kind != trace.LicenceTransport {
			continue
		}
		if err := LicenceInForce(h.Number, h.Licence, h.Revocation, day); err != nil {
			refusal = trace.Errorf(trace.CodeLicence, "carrier %s: no transport licence in force on %s (%v)", carrier, day, err)
			continue
		}
		inForce, scope = true, append(scope, h.Licence.Scope...)
	}
	if !inForce {
		return refusal
	}
	for _, c := range categories {
		if !slices.Contains(scope, c) {
			return trace.Errorf(trace.CodeLicence, "carrier %s: its transport licences in force on %s cover %v, not %s", carrier, day, scope, c)
		}
	}
	return nil
}

// Terms are the strictest conditions of the products that travel together.
type Terms struct {
	Range          *trace.TemperatureRange
	DefrostSeconds int64
	GapSeconds     int64
}

// StrictestTerms takes the narrowest range and the shortest allowances of all
// products that claim a cold chain. Products whose ranges have nothing in common
// cannot travel together.
func StrictestTerms(lots []LoadedLot) (Terms, error) {
	t := Terms{GapSeconds: DefaultGapSeconds}
	for _, l := range lots {
		p := l.Product
		if p == nil || p.Transport == nil {
			continue
		}
		if t.Range == nil {
			limits := *p.Transport
			t = Terms{Range: &limits, DefrostSeconds: p.DefrostSeconds, GapSeconds: gapAllowance(p.GapSeconds)}
			continue
		}
		t.Range.Minimum = max(t.Range.Minimum, p.Transport.Minimum)
		t.Range.Maximum = min(t.Range.Maximum, p.Transport.Maximum)
		t.DefrostSeconds = min(t.DefrostSeconds, p.DefrostSeconds)
		t.GapSeconds = min(t.GapSeconds, gapAllowance(p.GapSeconds))
		if t.Range.Minimum > t.Range.Maximum {
			return t, trace.Errorf(trace.CodeInvalid, "product %s must travel at %s, others in the shipment must not: they cannot share one", p.GTIN, rangeWords(*p.Transport))
		}
	}
	return t, nil
}

// HandOver passes an open shipment to the next carrier.
func HandOver(r *trace.HandoverRequest, status *trace.ShipmentStatus, taker trace.PartyID, now trace.Time) (trace.ShipmentStatus, error) {
	next, err := step(r.Shipment, status, r.At, now)
	if err != nil {
		return next, err
	}
	if err := checkPlace("place", r.Place); err != nil {
		return next, err
	}
	if r.Giver != status.Carrier {
		return next, trace.Errorf(trace.CodeCustody, "shipment %s is with %s, %s cannot give it", r.Shipment, status.Carrier, r.Giver)
	}
	if taker == status.Carrier {
		return next, trace.Errorf(trace.CodeCustody, "shipment %s is with %s already", r.Shipment, taker)
	}
	next.Carrier, next.Since = taker, r.At
	next.Carriers = append(slices.Clone(status.Carriers), taker)
	if len(next.Carriers) > maxLoads {
		return next, trace.Errorf(trace.CodeTooLarge, "shipment %s changed hands %d times, at most %d", r.Shipment, len(next.Carriers), maxLoads)
	}
	return next, nil
}

// ArriveAt closes an open shipment.
func ArriveAt(r *trace.ArriveRequest, status *trace.ShipmentStatus, carrier trace.PartyID, now trace.Time) (trace.ShipmentStatus, error) {
	next, err := step(r.Shipment, status, r.At, now)
	if err != nil {
		return next, err
	}
	if r.BadGoods < 0 || r.BadGoods > 10_000 {
		return next, trace.Errorf(trace.CodeInvalid, "badGoods %d must be 0 to 10000 basis points", r.BadGoods)
	}
	if err := checkPlace("place", r.Place); err != nil {
		return next, err
	}
	if carrier != status.Carrier {
		return next, trace.Errorf(trace.CodeCustody, "shipment %s is with %s, %s cannot deliver it", r.Shipment, status.Carrier, carrier)
	}
	next.Open, next.Since, next.Arrived = false, r.At, r.At
	return next, nil
}

// step checks that a shipment is open and time goes on.
func step(id trace.ShipmentID, status *trace.ShipmentStatus, at, now trace.Time) (trace.ShipmentStatus, error) {
	if status == nil {
		return trace.ShipmentStatus{}, trace.Errorf(trace.CodeNotFound, "shipment %s is not on the chain", id)
	}
	if !status.Open {
		return *status, trace.Errorf(trace.CodeState, "shipment %s arrived at %s", id, status.Arrived)
	}
	if at == 0 {
		return *status, trace.Errorf(trace.CodeMissing, "at is missing")
	}
	if at < status.Since {
		return *status, trace.Errorf(trace.CodeChronology, "at %s lies before %s took shipment %s, %s", at, status.Carrier, id, status.Since)
	}
	return *status, notAfter("at", at, now)
}

func notAfter(name string, at, now trace.Time) error {
	if at > now+trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "%s %s lies after the transaction's time %s", name, at, now)
	}
	return nil
}

// DepartedInTime refuses a departure that lies after the transaction.
func DepartedInTime(departed, now trace.Time) error { return notAfter("departed", departed, now) }
