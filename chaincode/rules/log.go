package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

const maxMeasures = 20

// ActivityOn tells where an activity is logged: growth on the plot, processing on the
// lot, a few on either. Both are false for an unknown activity.
func ActivityOn(a trace.Activity) (plot, lot bool) {
	switch a {
	case trace.ActivitySpray, trace.ActivityFertiliser, trace.ActivityIrrigation, trace.ActivitySoil,
		trace.ActivityLight, trace.ActivityPollinate, trace.ActivityHarvest:
		return true, false
	case trace.ActivityPrecool, trace.ActivitySort, trace.ActivityMix, trace.ActivityFill, trace.ActivityPack:
		return false, true
	case trace.ActivityStore, trace.ActivityClean:
		return true, true
	}
	return false, false
}

// CheckLogEntry checks a log entry by itself.
func CheckLogEntry(r *trace.AddLogEntryRequest, now trace.Time) error {
	onPlot, onLot := ActivityOn(r.Activity)
	switch {
	case !onPlot && !onLot:
		return trace.Errorf(trace.CodeInvalid, "activity %q is unknown", string(r.Activity))
	case (r.Lot != nil) == (r.Plot != ""):
		return trace.Errorf(trace.CodeInvalid, "exactly one of plot and lot must be given")
	case r.Lot != nil && !onLot:
		return trace.Errorf(trace.CodeInvalid, "%s is logged on a plot, not on a lot", r.Activity)
	case r.Plot != "" && !onPlot:
		return trace.Errorf(trace.CodeInvalid, "%s is logged on a lot, not on a plot", r.Activity)
	case r.At == 0:
		return trace.Errorf(trace.CodeMissing, "at is missing")
	case r.At > now+trace.ClockSkew:
		return trace.Errorf(trace.CodeChronology, "at %s lies after the transaction's time %s", r.At, now)
	}
	if err := checkSeasonOf(r); err != nil {
		return err
	}
	spray := r.Activity == trace.ActivitySpray
	if !spray && (r.Registration != "" || r.Dose != "") {
		return trace.Errorf(trace.CodeInvalid, "registration and dose belong to a spray")
	}
	if len(r.Measures) > maxMeasures || len(r.Media) > maxMeasures {
		return trace.Errorf(trace.CodeTooLarge, "measures has %d and media %d entries, at most %d each", len(r.Measures), len(r.Media), maxMeasures)
	}
	for _, m := range r.Measures {
		if err := firstError(
			trace.ValidText("measures: name", m.Name, true, maxNumber),
			trace.ValidText("measures: unit", m.Unit, false, 20),
		); err != nil {
			return err
		}
	}
	if i := slices.Index(r.Media, trace.Digest{}); i >= 0 {
		return trace.Errorf(trace.CodeInvalid, "media[%d] is all zeros, which is no hash", i)
	}
	return firstError(
		trace.ValidText("note", r.Note, false, maxReason),
		trace.ValidText("registration", r.Registration, spray, maxNumber),
		trace.ValidText("dose", r.Dose, spray, maxNumber),
	)
}

// checkSeasonOf checks plot, season and lot. A season is named by the civil year of
// its harvest; growth begins at most the year before.
func checkSeasonOf(r *trace.AddLogEntryRequest) error {
	if r.Lot != nil {
		if r.Season != 0 {
			return trace.Errorf(trace.CodeInvalid, "season belongs to a plot, not to a lot")
		}
		return r.Lot.Validate()
	}
	if err := r.Plot.Validate(); err != nil {
		return err
	}
	year := r.At.Date().Year()
	if r.Season != year && r.Season != year+1 || r.Season > 2199 {
		return trace.Errorf(trace.CodeChronology, "season %d: work done in %d belongs to the harvest of %d or %d", r.Season, year, year, year+1)
	}
	if r.Activity == trace.ActivityHarvest && r.Season != year {
		return trace.Errorf(trace.CodeChronology, "season %d: a harvest of %d belongs to season %d", r.Season, year, year)
	}
	return nil
}

// LogOnLot decides about a step logged on a lot: its producer's, and after the lot was
// harvested where the step needs it.
func LogOnLot(r *trace.AddLogEntryRequest, by trace.PartyID, lot Lot) error {
	if err := ownLot(*r.Lot, by, lot.Batch); err != nil {
		return err
	}
	if lot.Batch.Plot == "" {
		return nil // production steps lead up to the moment a lot counts as made
	}
	if !lot.Complete() {
		return trace.Errorf(trace.CodeState, "lot %s is open for presale and not harvested yet", *r.Lot)
	}
	if r.At < lot.Made() {
		return trace.Errorf(trace.CodeChronology, "%s at %s lies before the harvest, %s", r.Activity, r.At, lot.Made())
	}
	return nil
}

func ownLot(id trace.LotID, by trace.PartyID, batch *trace.Batch) error {
	if batch == nil {
		return trace.Errorf(trace.CodeNotFound, "lot %s is not registered", id)
	}
	if batch.Party != by {
		return trace.Errorf(trace.CodeForbidden, "lot %s belongs to %s, not to %s", id, batch.Party, by)
	}
	return nil
}

// IssueCertificate decides about the compliance certificate of a lot: edible produce
// only, issued by its producer, not before the harvest and not in the future.
func IssueCertificate(r *trace.IssueCertificateRequest, by trace.PartyID, lot Lot, product *trace.Product, today trace.Date) error {
	if err := ownLot(r.LotID, by, lot.Batch); err != nil {
		return err
	}
	switch product.Category {
	case trace.CategoryFruit, trace.CategoryVegetable, trace.CategoryFood:
	default:
		return trace.Errorf(trace.CodeInvalid, "a compliance certificate is for edible produce, product %s is %s", product.GTIN, product.Category)
	}
	if len(r.Basis) == 0 {
		return trace.Errorf(trace.CodeMissing, "basis is missing")
	}
	for i, b := range r.Basis {
		switch b {
		case trace.BasisOwnTest, trace.BasisCommissioned, trace.BasisQualityControl, trace.BasisDeclaration:
		default:
			return trace.Errorf(trace.CodeInvalid, "basis %q is unknown", string(b))
		}
		if slices.Contains(r.Basis[:i], b) {
			return trace.Errorf(trace.CodeInvalid, "basis %s is given twice", b)
		}
	}
	if !lot.Complete() {
		return trace.Errorf(trace.CodeState, "lot %s is open for presale and not harvested yet", r.LotID)
	}
	if r.IssuedOn == 0 {
		return trace.Errorf(trace.CodeMissing, "issuedOn is missing")
	}
	if made := lot.Made().Date(); r.IssuedOn < made {
		return trace.Errorf(trace.CodeChronology, "issuedOn %s lies before the lot was made, %s", r.IssuedOn, made)
	}
	if r.IssuedOn > today {
		return trace.Errorf(trace.CodeChronology, "issuedOn %s lies after today, %s", r.IssuedOn, today)
	}
	return nil
}
