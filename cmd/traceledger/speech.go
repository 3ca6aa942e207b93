package main

import (
	"slices"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
	"traceledger/gateway/monitor/speech"
)

// speechCheck is the speech monitor's check as the floor asks for it.
type speechCheck struct {
	lexicon *speech.Lexicon
	checker *speech.Checker
}

func newSpeechCheck(lexicon *speech.Lexicon) *speechCheck {
	return &speechCheck{lexicon: lexicon, checker: speech.NewChecker(lexicon)}
}

// Rule implements floor.Checker.
func (s *speechCheck) Rule() floor.Rule {
	return floor.Rule{Monitor: "speech", Version: s.lexicon.Version, Description: "直播话术：广告法词库与语境规则", Content: s.lexicon.Digest}
}

// Check implements floor.Checker.
func (s *speechCheck) Check(said floor.Said) ([]floor.Finding, error) {
	var out []floor.Finding
	seen := map[floor.Term]bool{}
	for _, category := range speechCategories(said.Categories) {
		found, err := s.checker.Check(speech.Utterance{Text: said.Text, Category: category})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			term := floor.Term{Text: f.Canonical(), Begin: f.Start, End: f.End, Article: f.Article()}
			if seen[term] {
				continue
			}
			seen[term] = true
			chinese, english := f.Explain()
			out = append(out, floor.Finding{Code: f.Finding(), Level: levelOf(f.Level()), Text: chinese, TextEnglish: english, Term: term})
		}
	}
	return out, nil
}

// levelOf: what infringes the law is a violation, whichever fine it may bring; words to
// avoid are told and spoil nothing.
func levelOf(l speech.Level) trace.VerdictLevel {
	if l == speech.LevelHint {
		return trace.LevelNotice
	}
	return trace.LevelViolation
}

// speechCategories are those of the lexicon for the products on sale. Where it has none
// for one of them, every term counts.
func speechCategories(onSale []trace.Category) []string {
	var out []string
	for _, c := range onSale {
		var category string
		switch c {
		case trace.CategoryFruit, trace.CategoryVegetable, trace.CategoryFood:
			category = "food"
		case trace.CategoryCosmetics:
			category = "beauty"
		case trace.CategoryTextile:
			category = "home"
		default:
			return []string{""}
		}
		if !slices.Contains(out, category) {
			out = append(out, category)
		}
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}
