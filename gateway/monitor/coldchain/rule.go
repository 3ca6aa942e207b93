package coldchain

import (
	_ "embed"

	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

//go:embed rule-1.0.0.yaml
var ruleFile []byte

// Thresholds are what the check judges by beside the product's own; see the rule file.
// Times are seconds, temperatures 1/100 °C.
type Thresholds struct {
	LoadingWindow, TotalExcursion      int64
	KineticActivation, KineticReadings int64 // 0.01 J/mol, readings
	FrozenBelow                        int64
	StuckAir, StuckGoods               int64
	StuckMoves, StuckMoving            int64
	JumpGoods, JumpWithin              int64
	ContradictApart                    int64
	ContradictTime, ContradictStill    int64
	FreezingPoints                     map[string]trace.CentiCelsius // by commodity; "default"
}

// Load reads the rule file built into the program.
func Load() (monitor.Rule, Thresholds, error) { return parse(ruleFile) }

func parse(content []byte) (monitor.Rule, Thresholds, error) {
	var t Thresholds
	rule, file, err := monitor.ReadRule(content, map[string]*int64{
		"loading-window": &t.LoadingWindow, "total-excursion": &t.TotalExcursion,
		"kinetic-activation": &t.KineticActivation, "kinetic-readings": &t.KineticReadings,
		"frozen-below": &t.FrozenBelow,
		"stuck-air":    &t.StuckAir, "stuck-goods": &t.StuckGoods, "stuck-moves": &t.StuckMoves, "stuck-moving": &t.StuckMoving,
		"jump-goods": &t.JumpGoods, "jump-within": &t.JumpWithin,
		"contradict-apart": &t.ContradictApart, "contradict-time": &t.ContradictTime, "contradict-still": &t.ContradictStill,
	})
	if err != nil {
		return rule, t, err
	}
	t.FreezingPoints = map[string]trace.CentiCelsius{}
	for commodity, point := range file.Tables["freezing-points"] {
		t.FreezingPoints[commodity] = trace.CentiCelsius(point.Value)
	}
	return rule, t, nil
}
