package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"traceledger/chaincode/trace"
)

const (
	maxVersion     = 40
	maxDescription = 500
	maxVerdictText = 300
	maxEvidence    = 20
)

// CheckRule checks a version of a monitor's rule.
func CheckRule(r *trace.PublishRuleRequest) error {
	if r.Content.IsZero() {
		return trace.Errorf(trace.CodeMissing, "content is missing: the SHA-256 of the rule's code, data or lexicon")
	}
	return firstError(
		checkTerm("monitor", r.Monitor),
		trace.ValidText("version", r.Version, true, maxVersion),
		trace.ValidText("description", r.Description, true, maxDescription),
	)
}

// CheckVerdict checks a verdict's form; the form of its subject is state's.
func CheckVerdict(r *trace.GiveVerdictRequest) error {
	switch r.Level {
	case trace.LevelClear, trace.LevelNotice, trace.LevelWarning, trace.LevelViolation:
	default:
		return trace.Errorf(trace.CodeInvalid, "level %q must be %s, %s, %s or %s", string(r.Level), trace.LevelClear, trace.LevelNotice, trace.LevelWarning, trace.LevelViolation)
	}
	if r.Input.IsZero() {
		return trace.Errorf(trace.CodeMissing, "input is missing: the SHA-256 of what the rule looked at")
	}
	if r.ConfidenceBP < 0 || r.ConfidenceBP > 10_000 {
		return trace.Errorf(trace.CodeInvalid, "confidenceBP %d must be 0 to 10000", r.ConfidenceBP)
	}
	if r.Utterance < 0 || r.Utterance > 0 && len(r.Evidence) == 0 {
		return trace.Errorf(trace.CodeInvalid, "utterance %d: it is a number within the run that is the first of the evidence", r.Utterance)
	}
	if r.Host != "" {
		if err := r.Host.Validate(); err != nil {
			return err
		}
	}
	if len(r.Files) > maxEvidence {
		return trace.Errorf(trace.CodeTooLarge, "files has %d entries, at most %d", len(r.Files), maxEvidence)
	}
	return firstError(
		checkTerm("monitor", r.Monitor),
		trace.ValidText("version", r.Version, true, maxVersion),
		checkTerm("finding", r.Finding),
		trace.ValidText("text", r.Text, true, maxVerdictText),
		trace.ValidText("textEnglish", r.TextEnglish, false, maxVerdictText),
		checkReferences("evidence", r.Evidence),
	)
}

// checkReferences checks a list of keys: each once and not too many.
func checkReferences(name string, keys []trace.Key) error {
	if len(keys) > maxEvidence {
		return trace.Errorf(trace.CodeTooLarge, "%s has %d entries, at most %d", name, len(keys), maxEvidence)
	}
	for i, k := range keys {
		if slices.Contains(keys[:i], k) {
			return trace.Errorf(trace.CodeInvalid, "%s[%d]: %s is named twice", name, i, k)
		}
	}
	return nil
}

// VerdictID is a verdict's id: the first 16 bytes of SHA-256 over monitor, version,
// subject, finding and input, each with its length before it. The same rule looking
// at the same input and finding the same is the same verdict, whenever it runs.
func VerdictID(r *trace.GiveVerdictRequest) trace.FactID {
	h := sha256.New()
	for _, part := range []string{r.Monitor, r.Version, string(r.Subject.Kind), r.Subject.ID, r.Finding, string(r.Input[:])} {
		n := len(part)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write([]byte(part))
	}
	return trace.FactID(hex.EncodeToString(h.Sum(nil)[:16]))
}

// MayGive decides whether a party may give verdicts by a rule: its own, on file. rule
// is nil when the version was never published.
func MayGive(r *trace.GiveVerdictRequest, rule *trace.MonitorRule, by trace.PartyID) error {
	if rule == nil {
		return trace.Errorf(trace.CodeNotFound, "monitor %s has no rule version %s on file", r.Monitor, r.Version)
	}
	if rule.Party != by {
		return trace.Errorf(trace.CodeForbidden, "rule %s %s was published by %s, who alone gives verdicts by it", r.Monitor, r.Version, rule.Party)
	}
	return nil
}

// ReviewVerdict decides a review of a verdict. verdict is nil when there is none.
func ReviewVerdict(r *trace.ReviewVerdictRequest, verdict *trace.Verdict, by trace.PartyID) error {
	if verdict == nil {
		return trace.Errorf(trace.CodeNotFound, "verdict %s: there is no such record", r.Verdict)
	}
	if verdict.Party == by {
		return trace.Errorf(trace.CodeOwnLot, "party %s gave the verdict and may not review it", by)
	}
	switch r.Outcome {
	case trace.OutcomeConfirmed:
	case trace.OutcomeOverturned:
		if r.Reason == "" {
			return trace.Errorf(trace.CodeMissing, "reason is missing: overturning a verdict needs one")
		}
	default:
		return trace.Errorf(trace.CodeInvalid, "outcome %q must be %s or %s", string(r.Outcome), trace.OutcomeConfirmed, trace.OutcomeOverturned)
	}
	return trace.ValidText("reason", r.Reason, false, maxReason)
}
