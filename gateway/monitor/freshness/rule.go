package freshness

import (
	_ "embed"

	"traceledger/gateway/monitor"
)

//go:embed rule-1.0.0.yaml
var ruleFile []byte

// Thresholds are what the check judges by; see the rule file. Percent, seconds, days.
type Thresholds struct {
	OldOnArrival, PickedSlack, PresaleLate int64
}

// Load reads the rule file built into the program.
func Load() (monitor.Rule, Thresholds, error) {
	var t Thresholds
	rule, _, err := monitor.ReadRule(ruleFile, map[string]*int64{
		"old-on-arrival": &t.OldOnArrival, "picked-slack": &t.PickedSlack, "presale-late": &t.PresaleLate,
	})
	return rule, t, err
}
