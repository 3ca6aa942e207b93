package rules

import (
	"fmt"
	"slices"

	"traceledger/chaincode/trace"
)

// Least number of consumers in a panel of level 3.
const leastPanel = 3

// LotReviewFacts is what the chain knows when a lot is reviewed.
type LotReviewFacts struct {
	Reviewer trace.PartyID
	Role     trace.Role // of the reviewer
	Today    trace.Date
	Batch    *trace.Batch
	Made     trace.Time // zero while the lot is not made
	Product  *trace.Product
	// Licence is the one the lot was made under, nil where it is not on file.
	Licence    *trace.Licence
	Revocation *trace.LicenceRevocation
	// Inspection is the one the request names, SupersededBy what took its place.
	Inspection     *trace.Inspection
	SupersededBy   trace.Key
	Accreditations []trace.Accreditation // the reviewer's, in order of number
	Levels         trace.ReviewLevels
}

// CheckReview checks a review's form and whether the role may review at its level:
// 1 is asked for by the lot's own or a lab (ReviewLot), 2 written by a lab, 3 by the panel.
func CheckReview(r *trace.ReviewRequest, role trace.Role) error {
	panel := r.Panel != 0 || r.Satisfied != 0
	opinion := r.Pass || r.Note != "" || !r.Document.IsZero()
	switch r.Level {
	case 1:
		if opinion || panel {
			return trace.Errorf(trace.CodeInvalid, "level 1 is computed: pass, note, document, panel and satisfied are not given")
		}
	case 2:
		if role != trace.RoleLab {
			return trace.Errorf(trace.CodeForbidden, "level 2 is written by a lab, not by role %s", role)
		}
		if panel {
			return trace.Errorf(trace.CodeInvalid, "panel and satisfied belong to level 3")
		}
	case 3:
		if role != trace.RoleConsumerPanel {
			return trace.Errorf(trace.CodeForbidden, "level 3 is written by the consumer panel, not by role %s", role)
		}
		if err := checkPanel(r); err != nil {
			return err
		}
	default:
		return trace.Errorf(trace.CodeInvalid, "level %d must be 1, 2 or 3", r.Level)
	}
	if r.Level < 3 && r.Inspection == "" {
		return trace.Errorf(trace.CodeMissing, "inspection is missing: a review of level %d looks at one", r.Level)
	}
	return firstError(r.LotID.Validate(), trace.ValidText("note", r.Note, false, maxReason))
}

func checkPanel(r *trace.ReviewRequest) error {
	if r.Inspection != "" {
		return trace.Errorf(trace.CodeInvalid, "inspection belongs to levels 1 and 2")
	}
	if r.Panel < leastPanel || r.Panel > 10_000 {
		return trace.Errorf(trace.CodeInvalid, "panel %d must be %d to 10000 consumers", r.Panel, leastPanel)
	}
	if r.Satisfied < 0 || r.Satisfied > r.Panel {
		return trace.Errorf(trace.CodeInvalid, "satisfied %d must be 0 to the panel's %d", r.Satisfied, r.Panel)
	}
	if r.Pass && 2*r.Satisfied <= r.Panel {
		return trace.Errorf(trace.CodeInvalid, "pass contradicts the panel: %d of %d were satisfied", r.Satisfied, r.Panel)
	}
	return nil
}

// ReviewLot decides a review whose form is checked. Level 1 is computed and recorded
// whatever it finds. The caller fills the record's head.
func ReviewLot(r *trace.ReviewRequest, f LotReviewFacts) (*trace.Review, error) {
	if r.Level < 3 && f.Inspection == nil {
		return nil, trace.Errorf(trace.CodeNotFound, "inspection %s: there is no such record", r.Inspection)
	}
	record := &trace.Review{
		LotID: r.LotID, Level: r.Level, Inspection: r.Inspection, Pass: r.Pass,
		Note: r.Note, Document: r.Document, Panel: r.Panel, Satisfied: r.Satisfied,
	}
	if r.Level == 1 {
		if err := mayAsk(f); err != nil {
			return nil, err
		}
		record.Checks = firstLevel(f)
		record.Pass = !slices.ContainsFunc(record.Checks, func(c trace.ReviewCheck) bool { return !c.Pass })
		return record, nil
	}
	before := passedReview(f.Levels, r.Level-1)
	if before == nil {
		return nil, trace.Errorf(trace.CodeReview, "level %d needs a passed review of level %d first", r.Level, r.Level-1)
	}
	if r.Level == 2 {
		if before.Inspection != r.Inspection {
			return nil, trace.Errorf(trace.CodeReview, "level 1 passed for inspection %s, not for %s", before.Inspection, r.Inspection)
		}
		if f.SupersededBy != "" {
			return nil, trace.Errorf(trace.CodeReview, "inspection %s is superseded by %s", r.Inspection, f.SupersededBy)
		}
		if err := mayReviewInspection(f); err != nil {
			return nil, err
		}
	}
	return record, nil
}

// mayAsk: who asks for level 1 chooses the inspection it looks at. A stranger could name
// one of another lot and so write a failed review onto a competitor's page.
func mayAsk(f LotReviewFacts) error {
	if f.Role == trace.RoleLab || f.Reviewer == f.Batch.Party || f.Reviewer == f.Product.Merchant {
		return nil
	}
	return trace.Errorf(trace.CodeForbidden, "a review of level 1 of lot %s is asked for by its producer %s, its product's merchant or a lab, not by %s", f.Batch.LotID, f.Batch.Party, f.Reviewer)
}

// mayReviewInspection: the reviewer is a lab accredited for what was inspected, and
// neither wrote the inspection nor made the lot.
func mayReviewInspection(f LotReviewFacts) error {
	if f.Reviewer == f.Inspection.Party {
		return trace.Errorf(trace.CodeOwnLot, "lab %s wrote the inspection and may not review it", f.Reviewer)
	}
	if f.Reviewer == f.Batch.Party || f.Reviewer == f.Product.Producer {
		return trace.Errorf(trace.CodeOwnLot, "lab %s is the producer and may not review its own lot", f.Reviewer)
	}
	items := make([]string, len(f.Inspection.Items))
	for i := range f.Inspection.Items {
		items[i] = f.Inspection.Items[i].Substance
	}
	_, err := AccreditedFor(f.Reviewer, f.Accreditations, []trace.Category{f.Product.Category}, items, f.Today)
	return err
}

// firstLevel computes level 1, in fixed order.
func firstLevel(f LotReviewFacts) []trace.ReviewCheck {
	number, day := f.Batch.Licence, f.Made.Date()
	if f.Made == 0 {
		day = f.Today
	}
	inForce := checked("licence-valid", LicenceInForce(number, f.Licence, f.Revocation, day), fmt.Sprintf("licence %s in force on %s", number, day))
	scope := checked("licence-scope", LicenceCovers(number, f.Licence, f.Revocation, f.Product.Category, day), fmt.Sprintf("licence %s covers %s", number, f.Product.Category))
	issuer := trace.ReviewCheck{Check: "issuer", Found: "no issuer on file"}
	if f.Licence != nil && f.Licence.Issuer != "" {
		issuer = trace.ReviewCheck{Check: "issuer", Pass: true, Found: f.Licence.Issuer}
	}
	return []trace.ReviewCheck{inForce, scope, issuer, certificateOfLot(f)}
}

func checked(name string, err error, found string) trace.ReviewCheck {
	if err != nil {
		return trace.ReviewCheck{Check: name, Found: err.Error()}
	}
	return trace.ReviewCheck{Check: name, Pass: true, Found: found}
}

// certificateOfLot: the inspection is of this lot, or of its plot in its season, it
// passed, and nothing took its place.
func certificateOfLot(f LotReviewFacts) trace.ReviewCheck {
	i := f.Inspection
	c := trace.ReviewCheck{Check: "certificate-lot"}
	ofLot := i.Lot != nil && *i.Lot == f.Batch.LotID
	ofPlot := i.Lot == nil && f.Batch.Plot != "" && i.Producer == f.Batch.Party && i.Plot == f.Batch.Plot && f.Made != 0 && i.Season == f.Made.Date().Year()
	switch {
	case !ofLot && !ofPlot:
		c.Found = fmt.Sprintf("certificate %s is of another lot or plot", i.CertificateNumber)
	case i.Judgement != trace.JudgedPass:
		c.Found = fmt.Sprintf("certificate %s is judged %s", i.CertificateNumber, i.Judgement)
	case f.SupersededBy != "":
		c.Found = fmt.Sprintf("certificate %s is superseded by %s", i.CertificateNumber, f.SupersededBy)
	default:
		c.Pass, c.Found = true, fmt.Sprintf("certificate %s names the lot and passed", i.CertificateNumber)
		if ofPlot {
			c.Found = fmt.Sprintf("certificate %s names the lot's plot and season and passed", i.CertificateNumber)
		}
	}
	return c
}

func passedReview(levels trace.ReviewLevels, level int) *trace.PassedReview {
	for i := range levels.Passed {
		if levels.Passed[i].Level == level {
			return &levels.Passed[i]
		}
	}
	return nil
}

// WithFailed takes a level's passed review back, and the levels that built on it: the
// newest review of a level is the one that counts.
func WithFailed(levels trace.ReviewLevels, level int) trace.ReviewLevels {
	return trace.ReviewLevels{Passed: slices.DeleteFunc(slices.Clone(levels.Passed), func(p trace.PassedReview) bool { return p.Level >= level })}
}

// WithPassed puts a passed review in its level's place.
func WithPassed(levels trace.ReviewLevels, passed trace.PassedReview) trace.ReviewLevels {
	out := slices.DeleteFunc(slices.Clone(levels.Passed), func(p trace.PassedReview) bool { return p.Level == passed.Level })
	out = append(out, passed)
	slices.SortFunc(out, func(a, b trace.PassedReview) int { return a.Level - b.Level })
	return trace.ReviewLevels{Passed: out}
}
