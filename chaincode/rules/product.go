package rules

import "traceledger/chaincode/trace"

const (
	maxListed       = 100
	maxIngredient   = 200
	maxDefrost      = 6 * 60 * 60
	maxAllowance    = 7 * 24 * 60 * 60
	maxShelfLife    = 3_650
	lowestRange     = trace.CentiCelsius(-9_000)
	highestRange    = trace.CentiCelsius(7_000)
	maxNetContent   = 1_000_000_000
	maxLabelContent = 40
)

// CheckProduct checks a product's registration by itself: who may register it, and
// every field. The licence is judged by LicenceCovers, the producer by PartyMayAct.
func CheckProduct(r *trace.RegisterProductRequest, by trace.PartyID, role trace.Role) error {
	if err := firstError(r.GTIN.Validate(), r.Producer.Validate()); err != nil {
		return err
	}
	if r.Merchant != "" {
		if err := r.Merchant.Validate(); err != nil {
			return err
		}
	}
	owner, field := r.Producer, "producer"
	if role == trace.RoleMerchant {
		owner, field = r.Merchant, "merchant"
	}
	if owner != by {
		return trace.Errorf(trace.CodeForbidden, "%s %q must be the registering party, %s", field, string(owner), by)
	}
	if LicenceKinds(r.Category) == nil {
		return trace.Errorf(trace.CodeInvalid, "category %q is unknown", string(r.Category))
	}
	switch r.NetContent.Unit {
	case trace.Gram, trace.Millilitre, trace.Piece:
	default:
		return trace.Errorf(trace.CodeInvalid, "netContent: unit %q must be g, ml or piece", string(r.NetContent.Unit))
	}
	if r.NetContent.Amount < 1 || r.NetContent.Amount > maxNetContent {
		return trace.Errorf(trace.CodeInvalid, "netContent: amount %d must be 1 to %d", r.NetContent.Amount, maxNetContent)
	}
	if r.ShelfLifeDays < 1 || r.ShelfLifeDays > maxShelfLife {
		return trace.Errorf(trace.CodeInvalid, "shelfLifeDays %d must be 1 to %d", r.ShelfLifeDays, maxShelfLife)
	}
	return firstError(
		trace.ValidText("name", r.Name, true, maxTitle),
		trace.ValidText("nameEnglish", r.NameEnglish, false, maxTitle),
		trace.ValidText("brand", r.Brand, false, maxTitle),
		checkTerm("commodity", r.Commodity),
		trace.ValidText("labelContent", r.LabelContent, false, maxLabelContent),
		checkTexts("ingredients", r.Ingredients, maxIngredient),
		checkTexts("labelClaims", r.LabelClaims, maxIngredient),
		trace.ValidText("filingNumber", r.FilingNumber, r.Category == trace.CategoryCosmetics, maxNumber),
		trace.ValidText("licenceNumber", r.LicenceNumber, true, maxNumber),
		checkRange("storage", r.Storage),
		checkRange("transport", r.Transport),
		checkSeconds("defrostSeconds", r.DefrostSeconds, maxDefrost),
		checkSeconds("gapSeconds", r.GapSeconds, maxAllowance),
		checkSeconds("excursionSeconds", r.ExcursionSeconds, maxAllowance),
	)
}

func checkTexts(name string, texts []string, most int) error {
	if len(texts) > maxListed {
		return trace.Errorf(trace.CodeTooLarge, "%s has %d entries, at most %d", name, len(texts), maxListed)
	}
	for _, s := range texts {
		if err := trace.ValidText(name, s, true, most); err != nil {
			return err
		}
	}
	return nil
}

func checkRange(name string, r *trace.TemperatureRange) error {
	if r == nil {
		return nil
	}
	if r.Minimum < lowestRange || r.Maximum > highestRange {
		return trace.Errorf(trace.CodeOutOfRange, "%s: %d to %d must lie within −90 and +70 °C, in 1/100 °C", name, r.Minimum, r.Maximum)
	}
	if r.Minimum > r.Maximum {
		return trace.Errorf(trace.CodeInvalid, "%s: minimum %d is above maximum %d", name, r.Minimum, r.Maximum)
	}
	return nil
}

func checkSeconds(name string, s int64, most int64) error {
	if s < 0 || s > most {
		return trace.Errorf(trace.CodeInvalid, "%s %d must be 0 to %d", name, s, most)
	}
	return nil
}

// CheckPlot checks a plot's registration.
func CheckPlot(r *trace.RegisterPlotRequest) error {
	if r.Area < 1 || r.Area > maxArea {
		return trace.Errorf(trace.CodeInvalid, "area %d must be 1 to %d m²", r.Area, maxArea)
	}
	return firstError(
		r.Plot.Validate(),
		checkTerm("crop", r.Crop),
		trace.ValidText("place", r.Place, true, maxTitle),
		checkCoarsePoint("point", r.Point),
	)
}

// CheckMaker decides whether a product's producer is admitted as one and holds a
// licence in force that covers it.
func CheckMaker(r *trace.RegisterProductRequest, producer Supplier, today trace.Date) error {
	if err := PartyMayAct(r.Producer, producer.Party, producer.Standing, today); err != nil {
		return err
	}
	if producer.Party.Kind() != trace.ProducerMSP {
		return trace.Errorf(trace.CodeInvalid, "producer %s is admitted in %s, must be a farm, factory or processor", r.Producer, producer.Party.Org)
	}
	return LicenceCovers(r.LicenceNumber, producer.Licence.Licence, producer.Licence.Revocation, r.Category, today)
}
