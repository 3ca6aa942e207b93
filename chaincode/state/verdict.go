package state

import (
	"fmt"

	"traceledger/chaincode/trace"
)

// GetRule reads one version of a monitor's rule.
func GetRule(l Reader, monitor, version string) (*trace.MonitorRule, error) {
	return Get[trace.MonitorRule](l, RuleKey(monitor, version))
}

// GetVerdict reads a verdict by its key; nil where the key names none.
func GetVerdict(l Reader, key trace.Key) (*trace.Verdict, error) {
	return getFact[trace.Verdict](l, key, FactVerdict)
}

// GetVerdictReview reads the review of a verdict, nil while there is none. A verdict
// has one review at most, under the verdict's own id; it may lie under a later freeze
// number than the verdict.
func GetVerdictReview(l Reader, verdict trace.Key) (*trace.VerdictReview, error) {
	fact, ok := ParseFactKey(verdict)
	if !ok || fact.Kind != FactVerdict {
		return nil, nil
	}
	freeze, err := GetFreeze(l, fact.Subject)
	if err != nil {
		return nil, err
	}
	for number := fact.Freeze; number <= freeze; number++ {
		review, err := Get[trace.VerdictReview](l, FactKey(fact.Subject, number, FactVerdictReview, fact.ID))
		if review != nil || err != nil {
			return review, err
		}
	}
	return nil, nil
}

// IsEvidence tells whether values of a key kind are records that may be named as
// evidence or cause. Gates, guards and balances are not: reading them here would make
// a verdict conflict with every writer of its subject.
func IsEvidence(kind string) bool {
	switch kind {
	case KindParty, KindLicence, KindRevocation, KindAccreditation, KindLimit, KindInterval, KindYieldCeiling,
		KindProduct, KindPlot, KindBatch, KindCompletion, KindCodePack, KindShipment, KindSSCC, KindSegment,
		KindRule, KindRulebook, KindStream, KindStreamClose, KindUtterances, KindFact:
		return true
	}
	return false
}

// Exists tells whether a key names a record that is on the chain and may be evidence.
func Exists(l Reader, key trace.Key) (bool, error) {
	kind, _, ok := ParseKey(key)
	if !ok || !IsEvidence(kind) {
		return false, nil
	}
	value, err := l.GetState(string(key))
	if err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	return len(value) > 0, nil
}
