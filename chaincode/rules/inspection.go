package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

const (
	maxItems             = 200
	maxCertificateNumber = 60
	maxMethod            = 80
	maxResultText        = 120
	maxUnit              = 20
)

// InspectionFacts is what the chain knows of an inspection's subject and of the lab.
type InspectionFacts struct {
	Now      trace.Time
	Lab      trace.PartyID
	Producer trace.PartyID
	// Categories are the product's, one; a plot's crop has no category on file, so for
	// a plot sample either kind of crop will do (CropCategories).
	Categories []trace.Category
	Commodity  string
	// Made is when the lot was harvested or produced; zero while it was not, and for a
	// plot sample.
	Made           trace.Time
	Accreditations []trace.Accreditation // the lab's, in order of number
	// Limits holds all published versions for each item, in the request's order.
	Limits [][]trace.Limit
	// Superseded is the inspection that the request supersedes or corrects,
	// SupersededBy what took its place already, "" where nothing did.
	Superseded   *trace.Inspection
	SupersededBy trace.Key
}

// CropCategories are the categories a plot's crop can belong to.
func CropCategories() []trace.Category {
	return []trace.Category{trace.CategoryFruit, trace.CategoryVegetable}
}

// CheckInspection checks the form of a report: what can be said without the chain.
func CheckInspection(r *trace.ReportInspectionRequest) error {
	if err := checkSample(r); err != nil {
		return err
	}
	if r.SampledAt == 0 || r.ReportedAt == 0 {
		return trace.Errorf(trace.CodeMissing, "sampledAt and reportedAt are both needed")
	}
	if r.Corrects != "" && r.Supersedes != "" {
		return trace.Errorf(trace.CodeInvalid, "corrects and supersedes: a report either corrects one or takes the place of one")
	}
	if r.ReportedAt < r.SampledAt {
		return trace.Errorf(trace.CodeChronology, "reportedAt %s lies before sampledAt %s", r.ReportedAt, r.SampledAt)
	}
	if r.Certificate.IsZero() {
		return trace.Errorf(trace.CodeMissing, "certificate is missing: the SHA-256 of the report file")
	}
	if len(r.Items) == 0 {
		return trace.Errorf(trace.CodeMissing, "items is missing")
	}
	if len(r.Items) > maxItems {
		return trace.Errorf(trace.CodeTooLarge, "items has %d entries, at most %d", len(r.Items), maxItems)
	}
	seen := make(map[string]bool, len(r.Items))
	for i := range r.Items {
		if seen[r.Items[i].Substance] {
			return trace.Errorf(trace.CodeInvalid, "items[%d]: %s is reported twice", i, r.Items[i].Substance)
		}
		seen[r.Items[i].Substance] = true
		if err := checkItem(i, &r.Items[i]); err != nil {
			return err
		}
	}
	return trace.ValidText("certificateNumber", r.CertificateNumber, true, maxCertificateNumber)
}

// checkSample checks that the subject fits the kind of sample.
func checkSample(r *trace.ReportInspectionRequest) error {
	switch r.Sample {
	case trace.SampleLot, trace.SampleMarket:
		if r.Lot == nil {
			return trace.Errorf(trace.CodeMissing, "lot is missing: a %s sample is of a lot", r.Sample)
		}
		if r.Producer != "" || r.Plot != "" || r.Season != 0 || r.Commodity != "" {
			return trace.Errorf(trace.CodeInvalid, "producer, plot, season and commodity belong to plot samples, this is a %s sample", r.Sample)
		}
		return r.Lot.Validate()
	case trace.SamplePlot:
		if r.Lot != nil {
			return trace.Errorf(trace.CodeInvalid, "lot: a plot sample is of a plot and its season, not of a lot")
		}
		if err := firstError(r.Producer.Validate(), r.Plot.Validate()); err != nil {
			return err
		}
		if year := r.SampledAt.Date().Year(); r.Season != year && r.Season != year+1 {
			return trace.Errorf(trace.CodeChronology, "season %d: a plot sampled in %d belongs to the harvest of that year or the next", r.Season, year)
		}
		return nil
	}
	return trace.Errorf(trace.CodeInvalid, "sample %q must be %s, %s or %s", string(r.Sample), trace.SamplePlot, trace.SampleLot, trace.SampleMarket)
}

// checkItem checks that a result has exactly what its form needs.
func checkItem(i int, item *trace.InspectionItem) error {
	value, text := item.Value != nil, item.Text != ""
	var ok bool
	var want string
	switch item.Result {
	case trace.ResultNumber:
		ok, want = value && !text, "a value and no text"
	case trace.ResultBelowLOQ:
		ok, want = value && !text, "the limit of quantification as its value and no text"
	case trace.ResultNotDetected:
		ok, want = !text, "no text; its value is the limit of detection"
	case trace.ResultDetected:
		ok, want = !value && !text, "neither value nor text"
	case trace.ResultQualitative:
		ok, want = text && !value, "a text and no value"
	default:
		return trace.Errorf(trace.CodeInvalid, "items[%d]: result %q is not a form of result", i, string(item.Result))
	}
	if !ok {
		return trace.Errorf(trace.CodeInvalid, "items[%d] %s: a %s result has %s", i, item.Substance, item.Result, want)
	}
	if value && *item.Value < 0 && item.Result != trace.ResultNumber {
		return trace.Errorf(trace.CodeInvalid, "items[%d] %s: a limit of detection or quantification is not negative, got %s", i, item.Substance, item.Value)
	}
	return firstError(
		checkTerm("substance", item.Substance),
		trace.ValidText("method", item.Method, true, maxMethod),
		trace.ValidText("text", item.Text, false, maxResultText),
		trace.ValidText("unit", item.Unit, false, maxUnit),
	)
}

// JudgeInspection judges a report whose form is checked: who may judge, when the
// sample can have been taken, and each result against the limit in force on the day
// of sampling. The caller fills the record's head.
func JudgeInspection(r *trace.ReportInspectionRequest, f InspectionFacts) (*trace.Inspection, error) {
	if f.Lab == f.Producer {
		return nil, trace.Errorf(trace.CodeOwnLot, "lab %s is the producer: it may not judge its own goods", f.Lab)
	}
	if err := checkSampleTime(r, f); err != nil {
		return nil, err
	}
	if err := checkSuperseded(r, f); err != nil {
		return nil, err
	}
	if r.Commodity != "" && r.Commodity != f.Commodity {
		return nil, trace.Errorf(trace.CodeInvalid, "commodity %q: the plot grows %s", r.Commodity, f.Commodity)
	}
	accreditation, err := AccreditedFor(f.Lab, f.Accreditations, f.Categories, substances(r.Items), r.ReportedAt.Date())
	if err != nil {
		return nil, err
	}
	record := &trace.Inspection{
		Sample: r.Sample, Lot: r.Lot, Producer: r.Producer, Plot: r.Plot, Season: r.Season,
		Commodity: f.Commodity, SampledAt: r.SampledAt, ReportedAt: r.ReportedAt,
		CertificateNumber: r.CertificateNumber, Certificate: r.Certificate,
		Supersedes: r.Supersedes, Accreditation: accreditation,
	}
	for i, item := range r.Items {
		judged, err := JudgeItem(item, LimitOn(f.Limits[i], r.SampledAt.Date()))
		if err != nil {
			return nil, err
		}
		record.Items = append(record.Items, judged)
	}
	record.Judgement = overall(record.Items)
	return record, nil
}

func checkSampleTime(r *trace.ReportInspectionRequest, f InspectionFacts) error {
	if r.ReportedAt > f.Now+trace.ClockSkew {
		return trace.Errorf(trace.CodeChronology, "reportedAt %s lies after the transaction's time %s", r.ReportedAt, f.Now)
	}
	if r.Sample == trace.SamplePlot {
		return nil // a plot is sampled before or after its harvest
	}
	if f.Made == 0 {
		return trace.Errorf(trace.CodeChronology, "lot %s is not harvested or made yet: only its plot can be sampled", r.Lot)
	}
	if r.SampledAt < f.Made {
		return trace.Errorf(trace.CodeChronology, "sampledAt %s lies before the lot was made, %s; a sample from before harvest is a plot sample", r.SampledAt, f.Made)
	}
	return nil
}

// checkSuperseded: a re-test, or a correction, takes the place of one earlier
// inspection of the same subject, and each inspection is replaced once, so that the
// line of succession does not fork.
func checkSuperseded(r *trace.ReportInspectionRequest, f InspectionFacts) error {
	replaced := ReplacedInspection(r)
	if replaced == "" {
		return nil
	}
	old := f.Superseded
	if old == nil {
		return trace.Errorf(trace.CodeNotFound, "inspection %s: there is no such record", replaced)
	}
	sameLot := r.Lot != nil && old.Lot != nil && *r.Lot == *old.Lot
	samePlot := r.Lot == nil && old.Lot == nil && r.Producer == old.Producer && r.Plot == old.Plot && r.Season == old.Season
	if !sameLot && !samePlot {
		return trace.Errorf(trace.CodeInvalid, "inspection %s is about another lot or plot", replaced)
	}
	if f.SupersededBy != "" {
		return trace.Errorf(trace.CodeState, "inspection %s: %s took its place already", replaced, f.SupersededBy)
	}
	if r.Supersedes == "" {
		return nil
	}
	if r.ReportedAt < old.ReportedAt {
		return trace.Errorf(trace.CodeChronology, "reportedAt %s lies before the report it supersedes, %s", r.ReportedAt, old.ReportedAt)
	}
	if r.SampledAt < old.SampledAt {
		return trace.Errorf(trace.CodeChronology, "sampledAt %s lies before the sample of the report it supersedes, %s", r.SampledAt, old.SampledAt)
	}
	return retested(r, old)
}

// retested: a re-test speaks of every substance that did not pass. Otherwise a report on
// anything harmless, by any lab, would take a failure off the lot's page.
func retested(r *trace.ReportInspectionRequest, old *trace.Inspection) error {
	for _, item := range old.Items {
		if item.Judgement != trace.JudgedPass && !slices.Contains(substances(r.Items), item.Substance) {
			return trace.Errorf(trace.CodeMissing, "items: %s is missing: it was judged %s in %s, which this report supersedes", item.Substance, item.Judgement, r.Supersedes)
		}
	}
	return nil
}

// ReplacedInspection is the inspection whose place a report takes, "" for none.
func ReplacedInspection(r *trace.ReportInspectionRequest) trace.Key {
	if r.Corrects != "" {
		return r.Corrects
	}
	return r.Supersedes
}

func substances(items []trace.InspectionItem) []string {
	out := make([]string, len(items))
	for i := range items {
		out[i] = items[i].Substance
	}
	return out
}

// AccreditedFor finds the lab's accreditation that is in force on the day and covers
// every substance in one of the categories, and gives its number.
func AccreditedFor(lab trace.PartyID, held []trace.Accreditation, categories []trace.Category, substances []string, day trace.Date) (string, error) {
	refusal := trace.Errorf(trace.CodeNotAccredited, "lab %s has no accreditation in force on %s", lab, day)
	for i := range held {
		a := &held[i]
		if day < a.ValidFrom || day > a.ValidTo {
			continue
		}
		at := slices.IndexFunc(substances, func(s string) bool { return !covers(a, categories, s) })
		if at < 0 {
			return a.Number, nil
		}
		refusal = trace.Errorf(trace.CodeNotAccredited, "lab %s: accreditation %s does not cover %s in %v on %s", lab, a.Number, substances[at], categories, day)
	}
	return "", refusal
}

func covers(a *trace.Accreditation, categories []trace.Category, substance string) bool {
	return slices.ContainsFunc(a.Items, func(item trace.AccreditedItem) bool {
		return slices.Contains(categories, item.Category) && (item.Substance == "*" || item.Substance == substance)
	})
}

func overall(items []trace.JudgedItem) trace.Judgement {
	judgement := trace.JudgedPass
	for _, item := range items {
		switch item.Judgement {
		case trace.JudgedFail:
			return trace.JudgedFail
		case trace.JudgedNoLimit:
			judgement = trace.JudgedNoLimit
		}
	}
	return judgement
}
