package rules

import (
	"cmp"
	"math/bits"
	"slices"

	"traceledger/chaincode/trace"
)

// Bounds of origin records.
const (
	maxInputs    = 50
	maxMaterials = 50
	maxAncestors = 1_000
	maxAmount    = 1_000_000_000_000_000 // of any unit: a billion tonnes in grams
	maxArea      = trace.SquareMetres(1_000_000_000)
)

// Lot is a batch with what completed it. Every rule that needs a lot's harvest or
// quantity asks it here, so that presale lots need no second thought elsewhere.
type Lot struct {
	Batch      *trace.Batch
	Completion *trace.Completion // nil unless the lot was opened for presale and harvested since
}

// Complete tells whether the lot was harvested or made.
func (l Lot) Complete() bool { return !l.Batch.Presale || l.Completion != nil }

// Made is when the lot was harvested or made, 0 while it is not complete.
func (l Lot) Made() trace.Time {
	if l.Completion != nil {
		return l.Completion.Made
	}
	return l.Batch.Made
}

// Quantity is the lot's quantity, zero while it is not complete.
func (l Lot) Quantity() trace.Quantity {
	if l.Completion != nil {
		return l.Completion.Quantity
	}
	return l.Batch.Quantity
}

// HeldLicence is a licence as found on file; both are nil-able as in LicenceInForce.
type HeldLicence struct {
	Number     string
	Licence    *trace.Licence
	Revocation *trace.LicenceRevocation
}

func (h HeldLicence) covers(category trace.Category, day trace.Date) error {
	return LicenceCovers(h.Number, h.Licence, h.Revocation, category, day)
}

// Ancestors is the closure of a lot's inputs: the parents and their ancestors, sorted
// by GTIN and lot, each once.
func Ancestors(parents []*trace.Batch) ([]trace.LotID, error) {
	var all []trace.LotID
	for _, p := range parents {
		all = append(all, p.LotID)
		all = append(all, p.Ancestors...)
	}
	slices.SortFunc(all, CompareLots)
	all = slices.Compact(all)
	if len(all) > maxAncestors {
		return nil, trace.Errorf(trace.CodeTooLarge, "the inputs have %d ancestors together, at most %d", len(all), maxAncestors)
	}
	return all, nil
}

// CompareLots orders lots by GTIN, then lot number.
func CompareLots(a, b trace.LotID) int {
	return cmp.Or(cmp.Compare(a.GTIN, b.GTIN), cmp.Compare(a.Lot, b.Lot))
}

// NotRecalled refuses a lot that is recalled itself or through an ancestor. recalls
// holds what is known of each lot, nil where it was never recalled.
func NotRecalled(lots []trace.LotID, recalls []*trace.Recall) error {
	for i, r := range recalls {
		if r != nil && r.Active {
			return trace.Errorf(trace.CodeRecalled, "lot %s is recalled since %s by %s", lots[i], r.Since, r.Action)
		}
	}
	return nil
}

// CheckQuantity checks an amount of a product: positive, and in the product's unit.
func CheckQuantity(name string, q trace.Quantity, unit trace.Unit) error {
	if q == (trace.Quantity{}) {
		return trace.Errorf(trace.CodeMissing, "%s is missing", name)
	}
	if q.Amount < 1 || q.Amount > maxAmount {
		return trace.Errorf(trace.CodeInvalid, "%s: amount %d must be 1 to %d", name, q.Amount, int64(maxAmount))
	}
	if q.Unit != unit {
		return trace.Errorf(trace.CodeInvalid, "%s: unit %q must be %q, in which this product is counted", name, string(q.Unit), string(unit))
	}
	return nil
}

// TakeInput takes a quantity out of the producer's own parent and answers with the
// parent's new balance.
func TakeInput(in trace.Input, parent Lot, taken trace.TakenQuantity, made trace.Time) (trace.TakenQuantity, error) {
	if err := checkInput(in, parent, made); err != nil {
		return taken, err
	}
	return takeOut("input "+in.LotID.String(), in.Quantity, parent, taken)
}

func checkInput(in trace.Input, parent Lot, made trace.Time) error {
	if !parent.Complete() {
		return trace.Errorf(trace.CodeState, "input %s: the lot is open for presale and has no quantity yet", in.LotID)
	}
	if err := CheckQuantity("input "+in.LotID.String(), in.Quantity, parent.Quantity().Unit); err != nil {
		return err
	}
	if made < parent.Made() {
		return trace.Errorf(trace.CodeChronology, "made %s lies before its input %s was made, %s", made, in.LotID, parent.Made())
	}
	return nil
}

func takeOut(what string, q trace.Quantity, lot Lot, taken trace.TakenQuantity) (trace.TakenQuantity, error) {
	held := lot.Quantity()
	left := held.Amount - taken.Amount
	if q.Amount > left {
		return taken, trace.Errorf(trace.CodeInputs, "%s: %d %s wanted, %d of %d left", what, q.Amount, held.Unit, left, held.Amount)
	}
	return trace.TakenQuantity{Amount: taken.Amount + q.Amount}, nil
}

// YieldCap is the most grams a plot can give in a season.
func YieldCap(area trace.SquareMetres, ceiling *trace.YieldCeiling) (int64, error) {
	high, low := bits.Mul64(uint64(max(area, 0)), uint64(max(ceiling.GramsPerHectare, 0)))
	if high != 0 || low>>63 != 0 {
		return 0, trace.Errorf(trace.CodeInvalid, "area %d m² at %d g/ha is beyond 64 bits", area, ceiling.GramsPerHectare)
	}
	return int64(low / 10_000), nil
}

// HarvestFacts is what a harvest is judged by.
type HarvestFacts struct {
	Plot     *trace.Plot          // nil when it was never registered
	Ceilings []trace.YieldCeiling // of the plot's crop
	// Before, Season and After are the balances of the plot's season and of the ones
	// beside it: a spray must not escape its interval by being logged to a neighbour.
	Before, Season, After trace.Season
}

// Harvest takes a lot's quantity out of its plot's season and answers with the
// season's new balance.
func Harvest(plot trace.PlotID, product *trace.Product, made trace.Time, quantity trace.Quantity, f HarvestFacts) (trace.Season, error) {
	if f.Plot == nil {
		return f.Season, trace.Errorf(trace.CodeNotFound, "plot %s is not registered by this producer", plot)
	}
	if f.Plot.Crop != product.Commodity {
		return f.Season, trace.Errorf(trace.CodeInvalid, "plot %s grows %s, product %s is %s", plot, f.Plot.Crop, product.GTIN, product.Commodity)
	}
	if quantity.Unit != trace.Gram {
		return f.Season, trace.Errorf(trace.CodeInvalid, "quantity: a harvest is weighed, its unit must be g, not %s", quantity.Unit)
	}
	day := made.Date()
	ceiling := YieldCeilingOn(f.Ceilings, day)
	if ceiling == nil {
		return f.Season, trace.Errorf(trace.CodeStandard, "no yield ceiling of %s is on file for %s", f.Plot.Crop, day)
	}
	most, err := YieldCap(f.Plot.Area, ceiling)
	if err != nil {
		return f.Season, err
	}
	if left := most - f.Season.Grams; quantity.Amount > left {
		return f.Season, trace.Errorf(trace.CodeYield, "%d g: plot %s of %d m² gives at most %d g a season, %d are left", quantity.Amount, plot, f.Plot.Area, most, max(left, 0))
	}
	season, err := harvestedOn(day, f)
	if err != nil {
		return f.Season, err
	}
	season.Grams += quantity.Amount
	return season, nil
}

// MadeInTime refuses a harvest or production that lies after the transaction.
func MadeInTime(made, now trace.Time) error {
	if made == 0 {
		return trace.Errorf(trace.CodeMissing, "made is missing")
	}
	if made > now+trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "made %s lies after the transaction's time %s", made, now)
	}
	return nil
}
