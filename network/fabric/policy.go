package fabric

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// ParsePolicy reads a signature policy in the notation of Fabric's tools:
//
//	AND('LabMSP.peer', OR('CarrierMSP.peer', 'ProducerMSP.member'))
//	OutOf(2, 'LabMSP.peer', 'CarrierMSP.peer', 'ProducerMSP.peer')
//
// Roles are member, admin, client, peer and orderer; gates may be nested and
// are written in any case. Equal principals are listed once, in the order of
// their first appearance.
func ParsePolicy(text string) (*common.SignaturePolicyEnvelope, error) {
	p := policyParser{rest: text}
	rule, err := p.expression()
	if err != nil {
		return nil, fmt.Errorf("policy %q: %w", text, err)
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("policy %q: %q is left over after its end", text, p.rest)
	}
	return &common.SignaturePolicyEnvelope{Rule: rule, Identities: p.principals}, nil
}

// maxPolicyDepth bounds how deep gates may be nested.
const maxPolicyDepth = 32

type policyParser struct {
	rest       string
	depth      int
	principals []*msp.MSPPrincipal
	names      []string // the principals as written, to find equal ones
}

func (p *policyParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\n") }

// take consumes the token if it comes next.
func (p *policyParser) take(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

// expression = principal | gate "(" [number ","] expression {"," expression} ")".
func (p *policyParser) expression() (*common.SignaturePolicy, error) {
	for _, quote := range []string{"'", `"`} {
		if p.take(quote) {
			name, rest, ok := strings.Cut(p.rest, quote)
			if !ok {
				return nil, fmt.Errorf("%q has no closing quote", p.rest)
			}
			p.rest = rest
			return p.principal(name)
		}
	}
	gate, rest, ok := strings.Cut(p.rest, "(")
	if !ok {
		return nil, fmt.Errorf("%q is neither a principal in quotes nor AND(…), OR(…), OutOf(n, …)", p.rest)
	}
	p.rest = rest
	if p.depth++; p.depth > maxPolicyDepth {
		return nil, fmt.Errorf("gates are nested more than %d deep", maxPolicyDepth)
	}
	defer func() { p.depth-- }()
	need := 0
	switch gate = strings.ToLower(strings.TrimSpace(gate)); gate {
	case "and", "or":
	case "outof":
		number, rest, ok := strings.Cut(p.rest, ",")
		var err error
		if need, err = strconv.Atoi(strings.TrimSpace(number)); !ok || err != nil || need < 1 {
			return nil, fmt.Errorf("OutOf(%s does not begin with how many are needed, at least 1", p.rest)
		}
		p.rest = rest
	default:
		return nil, fmt.Errorf("%q is not a gate; there are AND, OR and OutOf", gate)
	}
	rules, err := p.list()
	if err != nil {
		return nil, err
	}
	switch gate {
	case "and":
		need = len(rules)
	case "or":
		need = 1
	}
	if need > len(rules) {
		return nil, fmt.Errorf("OutOf needs %d of only %d", need, len(rules))
	}
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
		NOutOf: &common.SignaturePolicy_NOutOf{N: int32(need), Rules: rules},
	}}, nil
}

func (p *policyParser) list() ([]*common.SignaturePolicy, error) {
	var rules []*common.SignaturePolicy
	for {
		rule, err := p.expression()
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
		if p.take(")") {
			return rules, nil
		}
		if !p.take(",") {
			return nil, fmt.Errorf("a comma or closing bracket is missing before %q", p.rest)
		}
	}
}

func (p *policyParser) principal(name string) (*common.SignaturePolicy, error) {
	index := -1
	for i, known := range p.names {
		if known == name {
			index = i
		}
	}
	if index < 0 {
		dot := strings.LastIndexByte(name, '.')
		if dot < 1 {
			return nil, fmt.Errorf("principal %q is not <MSP id>.<role>", name)
		}
		role, ok := msp.MSPRole_MSPRoleType_value[strings.ToUpper(name[dot+1:])]
		if !ok {
			return nil, fmt.Errorf("principal %q: no role %q; there are member, admin, client, peer and orderer", name, name[dot+1:])
		}
		principal, err := proto.Marshal(&msp.MSPRole{MspIdentifier: name[:dot], Role: msp.MSPRole_MSPRoleType(role)})
		if err != nil {
			return nil, err
		}
		index = len(p.principals)
		p.names = append(p.names, name)
		p.principals = append(p.principals, &msp.MSPPrincipal{
			PrincipalClassification: msp.MSPPrincipal_ROLE,
			Principal:               principal,
		})
	}
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(index)}}, nil
}
