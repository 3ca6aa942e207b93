package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

// CheckBatch checks a lot's registration by itself and against its product. product
// is nil when it was never registered.
func CheckBatch(r *trace.RegisterBatchRequest, by trace.PartyID, role trace.Role, product *trace.Product) error {
	if err := mayMake(product, r.GTIN, by); err != nil {
		return err
	}
	if err := firstError(
		trace.ValidText("place", r.Place, true, maxTitle),
		checkCoarsePoint("point", r.Point),
		checkMaterials(r.Materials),
	); err != nil {
		return err
	}
	if err := checkInputs(r); err != nil {
		return err
	}
	if r.Plot != "" {
		if role != trace.RoleFarm {
			return trace.Errorf(trace.CodeInvalid, "plot: a %s has no plots, it names its inputs and materials", role)
		}
		if err := r.Plot.Validate(); err != nil {
			return err
		}
		if len(r.Inputs) > 0 {
			return trace.Errorf(trace.CodeInvalid, "inputs: a lot is either harvested from a plot or made from other lots")
		}
	} else if role == trace.RoleFarm && len(r.Inputs) == 0 {
		return trace.Errorf(trace.CodeMissing, "plot is missing: a farm's lot is harvested from a plot, or made from other lots named in inputs")
	} else if freshProduce(product) && len(r.Inputs) == 0 {
		return trace.Errorf(trace.CodeMissing, "inputs is missing: a lot of %s that is not harvested from a plot is sorted from lots that were", product.Commodity)
	}
	if !r.Presale {
		if r.Planned != 0 {
			return trace.Errorf(trace.CodeInvalid, "planned belongs to a presale lot")
		}
		return CheckQuantity("quantity", r.Quantity, product.NetContent.Unit)
	}
	if r.Made != 0 || r.Quantity != (trace.Quantity{}) {
		return trace.Errorf(trace.CodeInvalid, "a presale lot has no made and no quantity yet; both are given on completion")
	}
	if len(r.Inputs) > 0 {
		return trace.Errorf(trace.CodeInvalid, "inputs: a presale lot takes none, because inputs are fixed when a lot is made")
	}
	if r.Planned == 0 {
		return trace.Errorf(trace.CodeMissing, "planned is missing: a presale lot says when it will be harvested")
	}
	return nil
}

// mayMake tells whether a lot of a product may be registered by a party.
func mayMake(product *trace.Product, gtin trace.GTIN, by trace.PartyID) error {
	if product == nil {
		return trace.Errorf(trace.CodeNotFound, "product %s is not registered", gtin)
	}
	if product.Producer != by {
		return trace.Errorf(trace.CodeForbidden, "product %s is made by %s, not by %s", gtin, product.Producer, by)
	}
	return nil
}

func checkInputs(r *trace.RegisterBatchRequest) error {
	if len(r.Inputs) > maxInputs {
		return trace.Errorf(trace.CodeTooLarge, "inputs has %d entries, at most %d", len(r.Inputs), maxInputs)
	}
	for i, in := range r.Inputs {
		if err := in.LotID.Validate(); err != nil {
			return err
		}
		if in.LotID == r.LotID {
			return trace.Errorf(trace.CodeInvalid, "inputs[%d]: a lot is not its own input", i)
		}
		if slices.ContainsFunc(r.Inputs[:i], func(o trace.Input) bool { return o.LotID == in.LotID }) {
			return trace.Errorf(trace.CodeInvalid, "inputs[%d]: lot %s is given twice", i, in.LotID)
		}
	}
	return nil
}

func checkMaterials(materials []trace.Material) error {
	if len(materials) > maxMaterials {
		return trace.Errorf(trace.CodeTooLarge, "materials has %d entries, at most %d", len(materials), maxMaterials)
	}
	for _, m := range materials {
		if err := firstError(
			trace.ValidText("materials: name", m.Name, true, maxTitle),
			trace.ValidText("materials: lot", m.Lot, false, maxNumber),
			trace.ValidText("materials: licenceNumber", m.LicenceNumber, false, maxNumber),
			m.Supplier.Validate(),
		); err != nil {
			return err
		}
	}
	return nil
}

// Supplier is what the registry knows of a material's supplier.
type Supplier struct {
	Party    *trace.Party
	Standing *trace.Standing
	// Licence is the licence the material names; not looked at when it names none.
	Licence HeldLicence
}

// CheckSupplier decides whether a material's supplier is admitted and its licence, if
// one is named, in force on the day.
func CheckSupplier(m trace.Material, s Supplier, day trace.Date) error {
	if err := PartyMayAct(m.Supplier, s.Party, s.Standing, day); err != nil {
		return err
	}
	if m.LicenceNumber == "" {
		return nil
	}
	return LicenceInForce(m.LicenceNumber, s.Licence.Licence, s.Licence.Revocation, day)
}

// OpenPresale decides about a lot opened before its harvest.
func OpenPresale(r *trace.RegisterBatchRequest, product *trace.Product, licence HeldLicence, plot *trace.Plot, today trace.Date) error {
	if r.Planned < today {
		return trace.Errorf(trace.CodeChronology, "planned %s lies before today, %s: register the lot with what was harvested instead", r.Planned, today)
	}
	if r.Plot != "" {
		if plot == nil {
			return trace.Errorf(trace.CodeNotFound, "plot %s is not registered by this producer", r.Plot)
		}
		if plot.Crop != product.Commodity {
			return trace.Errorf(trace.CodeInvalid, "plot %s grows %s, product %s is %s", r.Plot, plot.Crop, product.GTIN, product.Commodity)
		}
	}
	return licence.covers(product.Category, today)
}

// MakeLot decides what holds for every lot on the day it was harvested or made.
func MakeLot(made, now trace.Time, product *trace.Product, licence HeldLicence) error {
	if err := MadeInTime(made, now); err != nil {
		return err
	}
	return licence.covers(product.Category, made.Date())
}

// freshProduce tells goods that only grow: a lot of them is a harvest, or consists of
// harvests, whatever it is packed with.
func freshProduce(p *trace.Product) bool { return CertificateRequired(p.Category) }

// WithinInputs refuses a lot that is more than what went into it. of holds the products
// of the inputs, in their order. It can only tell where a lot consists of nothing but
// other lots counted in its own unit, as when goods are sorted or packed anew; materials
// and other units may add to it. Fresh produce always consists of such lots, and of the
// same commodity: otherwise a box of gravel or one kiwifruit and a carton would be the
// origin of any number of kiwifruit that no plot could give.
func WithinInputs(r *trace.RegisterBatchRequest, product *trace.Product, of []*trace.Product) error {
	fresh := freshProduce(product)
	if len(r.Inputs) == 0 || len(r.Materials) > 0 && !fresh {
		return nil
	}
	var total int64
	for i, in := range r.Inputs {
		if fresh && of[i].Commodity != product.Commodity {
			return trace.Errorf(trace.CodeInputs, "input %s is %s: a lot of %s is sorted from lots of %s only", in.LotID, of[i].Commodity, product.Commodity, product.Commodity)
		}
		if in.Quantity.Unit != r.Quantity.Unit {
			if fresh {
				return trace.Errorf(trace.CodeInputs, "input %s is counted in %s, the lot in %s: fresh produce is counted as it was harvested", in.LotID, in.Quantity.Unit, r.Quantity.Unit)
			}
			return nil
		}
		total += in.Quantity.Amount // 50 amounts of at most 1e15 stay within 64 bits
	}
	if r.Quantity.Amount > total {
		return trace.Errorf(trace.CodeInputs, "quantity %d %s is more than its inputs, %d", r.Quantity.Amount, r.Quantity.Unit, total)
	}
	return nil
}

// CompletePresale decides whether a lot may be completed. batch is nil when it was
// never registered.
func CompletePresale(r *trace.CompleteBatchRequest, by trace.PartyID, batch *trace.Batch, product *trace.Product) error {
	if batch == nil {
		return trace.Errorf(trace.CodeNotFound, "lot %s is not registered", r.LotID)
	}
	if batch.Party != by {
		return trace.Errorf(trace.CodeForbidden, "lot %s belongs to %s, not to %s", r.LotID, batch.Party, by)
	}
	if !batch.Presale {
		return trace.Errorf(trace.CodeState, "lot %s was registered complete, there is nothing to add", r.LotID)
	}
	if err := mayMake(product, r.GTIN, by); err != nil {
		return err
	}
	if r.Made.Date() < batch.Claimed.Date() {
		return trace.Errorf(trace.CodeChronology, "made %s lies before the lot was opened for presale, %s", r.Made, batch.Claimed)
	}
	return CheckQuantity("quantity", r.Quantity, product.NetContent.Unit)
}
