package rules

import (
	"slices"

	"traceledger/chaincode/trace"
)

// The rulebook holds the parameters by which the platform acts. Like the standards it
// is published in versions; a fact is judged by the version in force on its own day.

const (
	maxProvisions = 10
	maxRow        = 20
	maxQuiet      = 7 * 24 * 60 * 60 // seconds, of window and reset
)

// LadderSteps are the steps a ladder may have, mildest first.
func LadderSteps() []trace.ActionKind {
	return []trace.ActionKind{trace.ActionHint, trace.ActionLimit, trace.ActionCut}
}

// ladderParameters are the names of the chapter's parameters, as in its JSON.
func ladderParameters() []string {
	return []string{"row", "windowSeconds", "further", "resetSeconds", "steps", "levels"}
}

// RulebookOn is the version in force on a day, nil when none was.
func RulebookOn(versions []trace.Rulebook, day trace.Date) *trace.Rulebook {
	return inForce(versions, rulebookEffective, day)
}

func rulebookEffective(v *trace.Rulebook) trace.Date { return v.Effective }

// AddRulebook puts a version in its place, as AddLimit does. But the first, a version
// takes effect after the day it is published: nobody's step is judged by a rule that
// was not there, and what is in force is not corrected.
func AddRulebook(versions []trace.Rulebook, v trace.Rulebook, today trace.Date) ([]trace.Rulebook, error) {
	if len(versions) > 0 && v.Effective <= today {
		return nil, trace.Errorf(trace.CodeChronology, "effective %s: a version takes effect after the day it is published, %s", v.Effective, today)
	}
	if slices.ContainsFunc(versions, func(o trace.Rulebook) bool { return o.Version == v.Version }) {
		return nil, trace.Errorf(trace.CodeAlreadyExists, "version %s of the rulebook is published", v.Version)
	}
	return addVersion(versions, v, rulebookEffective, v.Corrects != "")
}

// CheckRulebook checks a version to be published.
func CheckRulebook(r *trace.PublishRulebookRequest) error {
	if r.Effective == 0 {
		return trace.Errorf(trace.CodeMissing, "effective is missing")
	}
	return firstError(
		trace.ValidText("version", r.Version, true, maxVersion),
		checkLadderRules(r.Ladder),
		checkProvisions(r.Provisions),
	)
}

func checkLadderRules(l trace.LadderRules) error {
	if l.Row < 1 || l.Row > maxRow || l.Further < 1 || l.Further > maxRow {
		return trace.Errorf(trace.CodeInvalid, "ladder: row %d and further %d must be 1 to %d", l.Row, l.Further, maxRow)
	}
	if l.WindowSeconds < 1 || l.WindowSeconds > maxQuiet || l.ResetSeconds < 1 || l.ResetSeconds > maxQuiet {
		return trace.Errorf(trace.CodeInvalid, "ladder: windowSeconds %d and resetSeconds %d must be 1 to %d", l.WindowSeconds, l.ResetSeconds, maxQuiet)
	}
	if len(l.Steps) == 0 || len(l.Levels) == 0 {
		return trace.Errorf(trace.CodeMissing, "ladder: steps and levels are both needed")
	}
	next := 0 // into the steps there are: they keep their order, each once
	for i, step := range l.Steps {
		at := slices.Index(LadderSteps()[next:], step)
		if at < 0 {
			return trace.Errorf(trace.CodeInvalid, "ladder: steps[%d]: %q; steps are %s, %s and %s, in this order, each once", i, string(step), trace.ActionHint, trace.ActionLimit, trace.ActionCut)
		}
		next += at + 1
	}
	for i, level := range l.Levels {
		if level != trace.LevelWarning && level != trace.LevelViolation || slices.Contains(l.Levels[:i], level) {
			return trace.Errorf(trace.CodeInvalid, "ladder: levels[%d]: %q; levels are %s and %s, each once", i, string(level), trace.LevelWarning, trace.LevelViolation)
		}
	}
	return nil
}

// checkProvisions: every parameter has its source once, and law is told from proposal.
func checkProvisions(provisions []trace.Provision) error {
	if len(provisions) > maxProvisions {
		return trace.Errorf(trace.CodeTooLarge, "provisions has %d entries, at most %d", len(provisions), maxProvisions)
	}
	var named []string
	for i, p := range provisions {
		if !p.Proposal && (p.Law == "" || p.Article == "") {
			return trace.Errorf(trace.CodeMissing, "provisions[%d]: what is no proposal names law and article", i)
		}
		for _, parameter := range p.Parameters {
			if !slices.Contains(ladderParameters(), parameter) {
				return trace.Errorf(trace.CodeInvalid, "provisions[%d]: %q is not a parameter; they are %v", i, parameter, ladderParameters())
			}
			if slices.Contains(named, parameter) {
				return trace.Errorf(trace.CodeInvalid, "provisions[%d]: %s has a source already", i, parameter)
			}
			named = append(named, parameter)
		}
		if err := firstError(
			trace.ValidText("law", p.Law, false, maxLawName), trace.ValidText("article", p.Article, false, maxArticle),
			trace.ValidText("source", p.Source, true, maxReason),
		); err != nil {
			return err
		}
	}
	for _, parameter := range ladderParameters() {
		if !slices.Contains(named, parameter) {
			return trace.Errorf(trace.CodeMissing, "provisions: %s has no source; say whether it is law or a proposal", parameter)
		}
	}
	return nil
}
