package rules

import "traceledger/chaincode/trace"

const (
	maxBasis   = 10
	maxLawName = 80
	maxArticle = 40
)

// CheckAction checks an action's form and whether the role may take it: the regulator
// recalls and delists, the platform's consumer desk delists, and each reinstates. The
// platform's operator takes the ladder's steps, and only these.
func CheckAction(r *trace.TakeActionRequest, role trace.Role, today trace.Date) error {
	if r.Kind.OnLadder() != (role == trace.RolePlatformOperator) {
		return trace.Errorf(trace.CodeForbidden, "a %s is not for role %s: the platform's operator acts on hosts in streams, and on nothing else", r.Kind, role)
	}
	if err := checkActionTarget(r); err != nil {
		return err
	}
	reinstating := r.Kind == trace.ActionReinstate
	if r.Kind.OnLadder() {
		if err := checkLadderAction(r); err != nil {
			return err
		}
	} else if !reinstating && (r.Undoes != "" || !r.Rectification.IsZero() || r.Inspection != "" || r.Review != "") {
		return trace.Errorf(trace.CodeInvalid, "undoes, rectification, inspection and review belong to a reinstatement")
	}
	switch r.Kind {
	case trace.ActionRecall:
		if role != trace.RoleRegulator {
			return trace.Errorf(trace.CodeForbidden, "only the regulator recalls, not role %s", role)
		}
	case trace.ActionDelist, trace.ActionHint, trace.ActionLimit, trace.ActionCut, trace.ActionLower:
	case trace.ActionReinstate:
		if r.Undoes == "" || r.Rectification.IsZero() {
			return trace.Errorf(trace.CodeMissing, "a reinstatement names the action it undoes and the report of what was put right (rectification)")
		}
	default:
		return trace.Errorf(trace.CodeInvalid, "kind %q is not a kind of action", string(r.Kind))
	}
	if err := checkBasis(r, today); err != nil {
		return err
	}
	return trace.ValidText("reason", r.Reason, true, maxReason)
}

// checkLadderAction: a step rests on its causes alone, a lowering names what it undoes.
func checkLadderAction(r *trace.TakeActionRequest) error {
	if !r.Rectification.IsZero() || r.Inspection != "" || r.Review != "" || (r.Undoes != "") != (r.Kind == trace.ActionLower) {
		return trace.Errorf(trace.CodeInvalid, "a step of the ladder names its causes only, a lowering also the step it undoes")
	}
	return nil
}

// checkActionTarget checks what the action is on: a host in a stream (the ladder only), a
// lot, a run of a lot's codes (recalls only), or a product (never recalls).
func checkActionTarget(r *trace.TakeActionRequest) error {
	if r.Kind.OnLadder() {
		if r.Lot != nil || r.Codes != nil || r.GTIN != "" {
			return trace.Errorf(trace.CodeInvalid, "a %s is of a host in a stream, not of a lot or product", r.Kind)
		}
		return firstError(r.Stream.Validate(), r.Host.Validate())
	}
	if r.Stream != "" || r.Host != "" {
		return trace.Errorf(trace.CodeInvalid, "stream and host belong to the ladder, not to a %s", r.Kind)
	}
	if (r.Lot == nil) == (r.GTIN == "") {
		return trace.Errorf(trace.CodeInvalid, "exactly one of lot and gtin must be given")
	}
	if r.Lot == nil {
		if r.Kind == trace.ActionRecall || r.Codes != nil {
			return trace.Errorf(trace.CodeInvalid, "a recall is of a lot, or of a run of its codes, not of a product")
		}
		return r.GTIN.Validate()
	}
	if err := r.Lot.Validate(); err != nil {
		return err
	}
	if r.Codes == nil {
		return nil
	}
	if r.Kind == trace.ActionDelist {
		return trace.Errorf(trace.CodeInvalid, "codes: a lot is delisted as a whole")
	}
	return checkRanges("codes", []trace.CodeRange{*r.Codes})
}

func checkBasis(r *trace.TakeActionRequest, today trace.Date) error {
	if len(r.Basis) == 0 {
		return trace.Errorf(trace.CodeBasis, "basis is missing: the law and article the action rests on")
	}
	if len(r.Basis) > maxBasis {
		return trace.Errorf(trace.CodeTooLarge, "basis has %d entries, at most %d", len(r.Basis), maxBasis)
	}
	for i, b := range r.Basis {
		if b.Law == "" || b.Article == "" || b.Effective == 0 {
			return trace.Errorf(trace.CodeBasis, "basis[%d]: law, article and effective date are all needed", i)
		}
		if b.Effective > today {
			return trace.Errorf(trace.CodeBasis, "basis[%d]: %s %s takes effect on %s, not yet today, %s", i, b.Law, b.Article, b.Effective, today)
		}
		if err := firstError(trace.ValidText("law", b.Law, true, maxLawName), trace.ValidText("article", b.Article, true, maxArticle)); err != nil {
			return err
		}
	}
	if len(r.Causes) == 0 {
		return trace.Errorf(trace.CodeBasis, "causes is missing: the records that the action rests on")
	}
	return checkReferences("causes", r.Causes)
}

// ActionFacts is what the chain knows of an action's target.
type ActionFacts struct {
	By   trace.PartyID
	Role trace.Role
	Now  trace.Time
	// Action is the key under which this action is recorded.
	Action trace.Key
	// Pack is the status of the pack of the request's codes, nil without codes.
	Pack *trace.PackStatus
	// Current is what holds of the target now for this kind of action (for a
	// reinstatement: for the kind it undoes), nil when nothing ever did.
	Current *trace.Recall
	// CurrentBy is the role that took the action in force, "" when none is.
	CurrentBy trace.Role
	// The rest belongs to a reinstatement.
	Undone       *trace.Action
	Inspection   *trace.Inspection
	SupersededBy trace.Key // what took the inspection's place
	Review       *trace.Review
	Levels       trace.ReviewLevels // of the lot
}

// TakeAction decides an action whose form is checked and gives what holds of its
// target from now on.
func TakeAction(r *trace.TakeActionRequest, f ActionFacts) (trace.Recall, error) {
	if err := checkActionCodes(r, f.Pack); err != nil {
		return trace.Recall{}, err
	}
	active := f.Current != nil && f.Current.Active
	if r.Kind != trace.ActionReinstate {
		// The regulator's word replaces the platform's: otherwise the platform could keep
		// the regulator from delisting by being first, and lift its own at will.
		takesOver := f.Role == trace.RoleRegulator && f.CurrentBy == trace.RoleConsumerDesk
		if active && !takesOver {
			return trace.Recall{}, trace.Errorf(trace.CodeState, "a %s is in force since %s by %s", r.Kind, f.Current.Since, f.Current.Action)
		}
		return trace.Recall{Active: true, Action: f.Action, Since: f.Now}, nil
	}
	if err := mayReinstate(r, f); err != nil {
		return trace.Recall{}, err
	}
	return trace.Recall{Active: false, Action: f.Action, Since: f.Now}, nil
}

func checkActionCodes(r *trace.TakeActionRequest, pack *trace.PackStatus) error {
	if r.Codes == nil {
		return nil
	}
	if pack == nil {
		return trace.Errorf(trace.CodeNotFound, "pack %s is not on the chain", r.Codes.Pack)
	}
	if pack.Lot == nil || *pack.Lot != *r.Lot {
		return trace.Errorf(trace.CodeState, "pack %s is not bound to lot %s", r.Codes.Pack, r.Lot)
	}
	if r.Codes.Last > pack.Count {
		return trace.Errorf(trace.CodeInvalid, "codes: pack %s has items 1 to %d, not %d to %d", r.Codes.Pack, pack.Count, r.Codes.First, r.Codes.Last)
	}
	return nil
}

func mayReinstate(r *trace.TakeActionRequest, f ActionFacts) error {
	undone := f.Undone
	if undone == nil {
		return trace.Errorf(trace.CodeNotFound, "undoes %s: there is no such action", r.Undoes)
	}
	if undone.Kind != trace.ActionRecall && undone.Kind != trace.ActionDelist {
		return trace.Errorf(trace.CodeInvalid, "undoes %s: a %s is not undone", r.Undoes, undone.Kind)
	}
	if !sameTarget(r, undone) {
		return trace.Errorf(trace.CodeInvalid, "undoes %s: it is about another lot, run of codes or product", r.Undoes)
	}
	if undone.Party != f.By {
		return trace.Errorf(trace.CodeForbidden, "undoes %s: it was taken by %s, who alone lifts it", r.Undoes, undone.Party)
	}
	if f.Current == nil || !f.Current.Active || f.Current.Action != r.Undoes {
		return trace.Errorf(trace.CodeState, "undoes %s: it is not in force", r.Undoes)
	}
	if undone.Kind == trace.ActionRecall {
		return passedAfter(r, f)
	}
	return nil
}

func sameTarget(r *trace.TakeActionRequest, undone *trace.Action) bool {
	return sameValue(r.Lot, undone.Lot) && sameValue(r.Codes, undone.Codes) && r.GTIN == undone.GTIN && undone.Stream == ""
}

func sameValue[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// passedAfter: what was recalled comes back only after an inspection whose sample was
// taken after the recall passed, and a review of level 2 of that inspection passed.
func passedAfter(r *trace.TakeActionRequest, f ActionFacts) error {
	i, since := f.Inspection, f.Undone.Recorded
	if i == nil {
		return trace.Errorf(trace.CodeReview, "inspection %q: a recalled lot needs an inspection passed after the recall", r.Inspection)
	}
	if i.Lot == nil || *i.Lot != *r.Lot || i.Judgement != trace.JudgedPass || f.SupersededBy != "" {
		return trace.Errorf(trace.CodeReview, "inspection %s is not one of lot %s that passed and still stands", r.Inspection, r.Lot)
	}
	if i.SampledAt < since || i.Recorded < since {
		return trace.Errorf(trace.CodeReview, "inspection %s: its sample was taken at %s, the lot was recalled at %s", r.Inspection, i.SampledAt, since)
	}
	v := f.Review
	if v == nil || v.Level != 2 || !v.Pass || v.LotID != *r.Lot || v.Inspection != r.Inspection || v.Recorded < since || !standsAt(f.Levels, 2, r.Review) {
		return trace.Errorf(trace.CodeReview, "review %q: a recalled lot needs a review of level 2 of inspection %s passed after the recall, with no later one failed", r.Review, r.Inspection)
	}
	return nil
}

func standsAt(levels trace.ReviewLevels, level int, review trace.Key) bool {
	passed := passedReview(levels, level)
	return passed != nil && passed.Review == review
}
