package contract

import (
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Rulebook is the contract of the parameters by which the platform acts. All versions
// lie under one key, as those of a standard do.
type Rulebook struct{ subject }

// Publish publishes a version.
func (c *Rulebook) Publish(ctx *Context, argument string) (string, error) {
	return submit(ctx, c.methods["Publish"], argument, func(s *submission, r *trace.PublishRulebookRequest) (any, error) {
		if err := rules.CheckRulebook(r); err != nil {
			return nil, err
		}
		versions, err := state.GetRulebooks(s.Ledger)
		if err != nil {
			return nil, err
		}
		if err := version(s, state.RulebookKey(), versions); err != nil {
			return nil, err
		}
		return rules.AddRulebook(versions, trace.Rulebook{
			Head: s.header(), Version: r.Version, Effective: r.Effective, Ladder: r.Ladder, Provisions: r.Provisions,
		}, s.Today)
	})
}
