package label

import (
	_ "embed"
	"strings"

	"traceledger/gateway/monitor"
)

//go:embed rule-1.0.0.yaml
var ruleFile []byte

// Rules are what the check judges by; see the rule file.
type Rules struct {
	PureShare, NetContentOver int64
	Grades                    []string // best first
	Ranks                     []int    // of Grades: 特级 and 特等 are one
	Pure, Fibres              []string
	FreeOf                    map[string][]string // claimed → names it rules out
}

// Load reads the rule file built into the program.
func Load() (monitor.Rule, Rules, error) {
	var r Rules
	rule, file, err := monitor.ReadRule(ruleFile, map[string]*int64{"pure-share": &r.PureShare, "net-content-over": &r.NetContentOver})
	if err != nil {
		return rule, r, err
	}
	r.Grades, r.Pure, r.Fibres = file.Words["grades"].Terms, file.Words["pure"].Terms, file.Words["fibres"].Terms
	ranks := map[string]int{"特": 0, "优": 0, "一": 1, "合": 2, "二": 2, "三": 3}
	for _, grade := range r.Grades {
		r.Ranks = append(r.Ranks, ranks[string([]rune(grade)[:1])])
	}
	r.FreeOf = map[string][]string{}
	for name, list := range file.Words {
		if claimed, ok := strings.CutPrefix(name, "free-of-"); ok {
			r.FreeOf[claimed] = list.Terms
		}
	}
	return rule, r, nil
}
