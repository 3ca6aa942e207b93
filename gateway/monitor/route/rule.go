package route

import (
	_ "embed"

	"traceledger/gateway/monitor"
)

//go:embed rule-1.1.0.yaml
var ruleFile []byte

// Thresholds are what the check judges by; see the rule file. Metres, seconds, km/h, %.
type Thresholds struct {
	TopSpeed, JumpSlack                int64
	StopTime, StopRadius, PlaceRadius  int64
	NoFix, NoFixMoved                  int64
	Detour, DetourSlack, CorridorWidth int64
	Apart, ApartWithin                 int64
	StartRadius, StartWithin           int64
	BoundElsewhere                     int64
}

// Load reads the rule file built into the program.
func Load() (monitor.Rule, Thresholds, error) {
	var t Thresholds
	rule, _, err := monitor.ReadRule(ruleFile, map[string]*int64{
		"top-speed": &t.TopSpeed, "jump-slack": &t.JumpSlack,
		"stop-time": &t.StopTime, "stop-radius": &t.StopRadius, "place-radius": &t.PlaceRadius,
		"no-fix": &t.NoFix, "no-fix-moved": &t.NoFixMoved,
		"detour": &t.Detour, "detour-slack": &t.DetourSlack, "corridor-width": &t.CorridorWidth,
		"apart": &t.Apart, "apart-within": &t.ApartWithin,
		"start-radius": &t.StartRadius, "start-within": &t.StartWithin,
		"bound-elsewhere": &t.BoundElsewhere,
	})
	return rule, t, err
}
