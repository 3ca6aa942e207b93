package validation

import (
	"errors"
	"fmt"
	"sort"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Policy says which sets of signers suffice. The identities given to Evaluate
// have signed (their signatures verified) and are distinct.
type Policy interface {
	// Evaluate returns nil when the signers suffice.
	Evaluate(signers []*Identity) error
}

// maxPolicyDepth bounds the nesting of a signature policy, which comes from
// chaincode and is evaluated recursively.
const maxPolicyDepth = 64

type principal struct {
	kind     msp.MSPPrincipal_Classification
	mspID    string
	role     msp.MSPRole_MSPRoleType
	unit     string
	identity []byte
}

func newPrincipal(p *msp.MSPPrincipal) (*principal, error) {
	out := &principal{kind: p.GetPrincipalClassification()}
	switch out.kind {
	case msp.MSPPrincipal_ROLE:
		role := &msp.MSPRole{}
		if err := proto.Unmarshal(p.GetPrincipal(), role); err != nil {
			return nil, fmt.Errorf("role principal: %w", err)
		}
		out.mspID, out.role = role.GetMspIdentifier(), role.GetRole()
	case msp.MSPPrincipal_ORGANIZATION_UNIT:
		unit := &msp.OrganizationUnit{}
		if err := proto.Unmarshal(p.GetPrincipal(), unit); err != nil {
			return nil, fmt.Errorf("organisational unit principal: %w", err)
		}
		out.mspID, out.unit = unit.GetMspIdentifier(), unit.GetOrganizationalUnitIdentifier()
	case msp.MSPPrincipal_IDENTITY:
		out.identity = p.GetPrincipal()
	default:
		return nil, fmt.Errorf("principal of class %s is not supported", out.kind)
	}
	return out, nil
}

// signaturePolicy is a tree of "n out of" over principals.
type signaturePolicy struct {
	rule       *common.SignaturePolicy
	principals []*principal
}

var errSignaturePolicy = errors.New("signature set did not satisfy policy")

func newSignaturePolicy(raw []byte) (*signaturePolicy, error) {
	envelope := &common.SignaturePolicyEnvelope{}
	if err := proto.Unmarshal(raw, envelope); err != nil {
		return nil, fmt.Errorf("signature policy: %w", err)
	}
	return compileSignaturePolicy(envelope)
}

func compileSignaturePolicy(envelope *common.SignaturePolicyEnvelope) (*signaturePolicy, error) {
	if envelope.GetVersion() != 0 {
		return nil, fmt.Errorf("signature policy of version %d, must be 0", envelope.GetVersion())
	}
	p := &signaturePolicy{rule: envelope.GetRule()}
	for _, id := range envelope.GetIdentities() {
		compiled, err := newPrincipal(id)
		if err != nil {
			return nil, err
		}
		p.principals = append(p.principals, compiled)
	}
	return p, p.check(p.rule, 0)
}

func (p *signaturePolicy) check(rule *common.SignaturePolicy, depth int) error {
	if depth > maxPolicyDepth {
		return fmt.Errorf("signature policy nested deeper than %d", maxPolicyDepth)
	}
	switch t := rule.GetType().(type) {
	case *common.SignaturePolicy_SignedBy:
		if t.SignedBy < 0 || int(t.SignedBy) >= len(p.principals) {
			return fmt.Errorf("signature policy asks for identity %d of %d", t.SignedBy, len(p.principals))
		}
	case *common.SignaturePolicy_NOutOf_:
		for _, sub := range t.NOutOf.GetRules() {
			if err := p.check(sub, depth+1); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("signature policy holds a rule of unknown type %T", t)
	}
	return nil
}

func (p *signaturePolicy) Evaluate(signers []*Identity) error {
	if p.satisfied(p.rule, signers, make([]bool, len(signers))) {
		return nil
	}
	return errSignaturePolicy
}

// satisfied marks the signers that a satisfied rule has used up: one signature
// never counts for two places of a policy.
func (p *signaturePolicy) satisfied(rule *common.SignaturePolicy, signers []*Identity, used []bool) bool {
	switch t := rule.GetType().(type) {
	case *common.SignaturePolicy_SignedBy:
		for i, s := range signers {
			if !used[i] && s.satisfies(p.principals[t.SignedBy]) {
				used[i] = true
				return true
			}
		}
		return false
	case *common.SignaturePolicy_NOutOf_:
		var satisfied int32
		for _, sub := range t.NOutOf.GetRules() {
			tentative := append([]bool(nil), used...)
			if p.satisfied(sub, signers, tentative) {
				satisfied++
				copy(used, tentative)
			}
		}
		return satisfied >= t.NOutOf.GetN()
	}
	return false
}

// implicitMetaPolicy counts how many of the groups below satisfy their policy
// of the same name.
type implicitMetaPolicy struct {
	name      string
	subs      []Policy
	threshold int
}

func (p *implicitMetaPolicy) Evaluate(signers []*Identity) error {
	satisfied := 0
	for _, sub := range p.subs {
		if sub.Evaluate(signers) == nil {
			satisfied++
		}
	}
	if satisfied >= p.threshold {
		return nil
	}
	return fmt.Errorf("implicit policy evaluation failed - %d sub-policies were satisfied, but this policy requires %d of the '%s' sub-policies to be satisfied",
		satisfied, p.threshold, p.name)
}

// missingPolicy stands where a configuration names a policy it does not hold.
type missingPolicy string

func (p missingPolicy) Evaluate([]*Identity) error {
	return fmt.Errorf("no such policy: '%s'", string(p))
}

// policiesOf compiles all policies of a configuration group and the groups
// below it, keyed by full path ("/Channel/Application/Writers").
func policiesOf(path string, group *common.ConfigGroup) (map[string]Policy, error) {
	out := map[string]Policy{}
	names := make([]string, 0, len(group.GetGroups()))
	for name, sub := range group.GetGroups() {
		names = append(names, name)
		below, err := policiesOf(path+"/"+name, sub)
		if err != nil {
			return nil, err
		}
		for p, policy := range below {
			out[p] = policy
		}
	}
	sort.Strings(names)
	for name, p := range group.GetPolicies() {
		full := path + "/" + name
		compiled, err := compileConfigPolicy(path, names, p.GetPolicy(), out)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", full, err)
		}
		out[full] = compiled
	}
	return out, nil
}

func compileConfigPolicy(path string, groups []string, p *common.Policy, below map[string]Policy) (Policy, error) {
	switch common.Policy_PolicyType(p.GetType()) {
	case common.Policy_SIGNATURE:
		return newSignaturePolicy(p.GetValue())
	case common.Policy_IMPLICIT_META:
		meta := &common.ImplicitMetaPolicy{}
		if err := proto.Unmarshal(p.GetValue(), meta); err != nil {
			return nil, err
		}
		out := &implicitMetaPolicy{name: meta.GetSubPolicy()}
		for _, g := range groups {
			full := path + "/" + g + "/" + meta.GetSubPolicy()
			sub, ok := below[full]
			if !ok {
				sub = missingPolicy(full)
			}
			out.subs = append(out.subs, sub)
		}
		switch meta.GetRule() {
		case common.ImplicitMetaPolicy_ANY:
			out.threshold = 1
		case common.ImplicitMetaPolicy_ALL:
			out.threshold = len(out.subs)
		case common.ImplicitMetaPolicy_MAJORITY:
			out.threshold = len(out.subs)/2 + 1
		default:
			return nil, fmt.Errorf("unknown rule %d", meta.GetRule())
		}
		return out, nil
	default:
		return nil, fmt.Errorf("type %d is not supported", p.GetType())
	}
}

// applicationPolicy compiles the policy of a chaincode or a collection.
func (c *Channel) applicationPolicy(p *peer.ApplicationPolicy) (Policy, error) {
	switch t := p.GetType().(type) {
	case *peer.ApplicationPolicy_SignaturePolicy:
		return compileSignaturePolicy(t.SignaturePolicy)
	case *peer.ApplicationPolicy_ChannelConfigPolicyReference:
		return c.Policy(t.ChannelConfigPolicyReference), nil
	default:
		return nil, fmt.Errorf("application policy of unknown type %T", t)
	}
}
