package validation

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

// validationParameter is the metadata entry that holds a key's own policy, a
// serialized common.SignaturePolicyEnvelope.
var validationParameter = peer.MetaDataKeys_VALIDATION_PARAMETER.String()

// KeyPolicy returns the endorsement policy in a key's metadata as it was set,
// nil when the key has none.
func KeyPolicy(metadata []byte) ([]byte, error) {
	if len(metadata) == 0 {
		return nil, nil
	}
	entries := &kvrwset.KVMetadataWrite{}
	if err := proto.Unmarshal(metadata, entries); err != nil {
		return nil, fmt.Errorf("key metadata: %w", err)
	}
	for _, e := range entries.GetEntries() {
		if e.GetName() == validationParameter {
			return e.GetValue(), nil
		}
	}
	return nil, nil
}

// key names a public key (empty collection) or the hash of a private one.
type key struct {
	namespace, collection, key string
}

// endorsements checks the endorsement policies of a block's transactions in
// order. It remembers which keys' policies earlier transactions changed: a
// later write to such a key is invalid, because its endorsers could not know
// the new policy.
type endorsements struct {
	validator *Validator
	state     State
	changed   map[key]bool
}

// check returns VALID when the signers satisfy every policy that the
// transaction's writes call for.
func (e *endorsements) check(a *block.Action, signers []*Identity) (peer.TxValidationCode, error) {
	written := map[string]*block.NamespaceSet{a.Chaincode: a.ReadWriteSet.Namespace(a.Chaincode)}
	seen := map[string]bool{}
	for i := range a.ReadWriteSet.Namespaces {
		ns := &a.ReadWriteSet.Namespaces[i]
		if seen[ns.Name] {
			return peer.TxValidationCode_ILLEGAL_WRITESET, nil
		}
		seen[ns.Name] = true
		if ns.Writes() {
			written[ns.Name] = ns
		}
	}
	for _, name := range sortedKeys(written) {
		policies, err := e.validator.policiesFor(e.state, name)
		if err != nil {
			return 0, err
		}
		if policies == nil {
			return peer.TxValidationCode_INVALID_CHAINCODE, nil
		}
		check := &namespaceCheck{endorsements: e, policies: policies, signers: signers, passed: map[string]bool{}}
		ok, err := check.run(written[name])
		if err != nil {
			return 0, err
		}
		if !ok {
			return peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, nil
		}
		e.remember(written[name])
	}
	return peer.TxValidationCode_VALID, nil
}

// remember notes the keys whose policies the transaction sets.
func (e *endorsements) remember(ns *block.NamespaceSet) {
	if ns == nil {
		return
	}
	for _, w := range ns.Public.GetMetadataWrites() {
		e.changed[key{ns.Name, "", w.GetKey()}] = true
	}
	for _, c := range ns.Collections {
		for _, w := range c.Hashed.GetMetadataWrites() {
			e.changed[key{ns.Name, c.Name, string(w.GetKeyHash())}] = true
		}
	}
}

// namespaceCheck checks one namespace of one transaction.
type namespaceCheck struct {
	*endorsements
	policies *chaincodePolicies
	signers  []*Identity

	passed map[string]bool // collections whose policy holds; "" is the chaincode's
	any    bool            // some policy has been checked
}

func (c *namespaceCheck) run(ns *block.NamespaceSet) (bool, error) {
	for _, k := range writtenKeys(ns) {
		if ok, err := c.key(k); !ok || err != nil {
			return false, err
		}
	}
	if c.any {
		return true, nil
	}
	// A transaction that writes no key still answers to its chaincode.
	return c.policies.chaincode.Evaluate(c.signers) == nil, nil
}

// key checks the write of one key against the key's own policy, or that of the
// collection or chaincode when the key has none.
func (c *namespaceCheck) key(k key) (bool, error) {
	if c.changed[k] {
		return false, nil
	}
	own, err := c.validator.policyOf(k, c.state)
	if err != nil {
		return false, err
	}
	if own == nil {
		return c.broad(k.collection), nil
	}
	if own.Evaluate(c.signers) != nil {
		return false, nil
	}
	c.any = true
	return true, nil
}

// policyOf returns the policy that a key carries itself, nil when it has none.
func (v *Validator) policyOf(k key, state State) (Policy, error) {
	var value *Value
	var err error
	if k.collection == "" {
		value, err = state.Public(k.namespace, k.key)
	} else {
		value, err = state.Hashed(k.namespace, k.collection, []byte(k.key))
	}
	if err != nil || value == nil {
		return nil, err
	}
	raw, err := KeyPolicy(value.Metadata)
	if err != nil || len(raw) == 0 {
		return nil, err
	}
	policy, err := v.keyPolicy(raw)
	if err != nil {
		// A parameter that is no policy cannot be satisfied.
		return missingPolicy("validation parameter of key " + k.key), nil
	}
	return policy, nil
}

// writtenKeys lists the keys whose value or metadata a namespace set changes.
func writtenKeys(ns *block.NamespaceSet) []key {
	if ns == nil {
		return nil
	}
	keys := make([]key, 0, len(ns.Public.GetWrites()))
	for _, w := range ns.Public.GetWrites() {
		keys = append(keys, key{ns.Name, "", w.GetKey()})
	}
	for _, w := range ns.Public.GetMetadataWrites() {
		keys = append(keys, key{ns.Name, "", w.GetKey()})
	}
	for _, c := range ns.Collections {
		for _, w := range c.Hashed.GetHashedWrites() {
			keys = append(keys, key{ns.Name, c.Name, string(w.GetKeyHash())})
		}
	}
	for _, c := range ns.Collections {
		for _, w := range c.Hashed.GetMetadataWrites() {
			keys = append(keys, key{ns.Name, c.Name, string(w.GetKeyHash())})
		}
	}
	return keys
}

// Required returns the policies that a transaction of a chaincode with this
// read-write set must satisfy, each once, so that an endorser can choose whom
// to ask. A namespace that is only read counts with its chaincode's policy, as
// Fabric's own discovery does it.
func (v *Validator) Required(state State, chaincode string, set *block.ReadWriteSet) ([]Policy, error) {
	var out []Policy
	add := func(p Policy) {
		for _, have := range out {
			if have == p {
				return
			}
		}
		out = append(out, p)
	}
	names := map[string]*block.NamespaceSet{chaincode: set.Namespace(chaincode)}
	for i := range set.Namespaces {
		if ns := &set.Namespaces[i]; ns.Name != LifecycleNamespace || ns.Writes() {
			names[ns.Name] = ns
		}
	}
	for _, name := range sortedKeys(names) {
		policies, err := v.policiesFor(state, name)
		if err != nil {
			return nil, err
		}
		if policies == nil {
			return nil, fmt.Errorf("chaincode %s is not defined on the channel", name)
		}
		keys := writtenKeys(names[name])
		if len(keys) == 0 {
			add(policies.chaincode)
		}
		for _, k := range keys {
			policy, err := v.policyOf(k, state)
			if err != nil {
				return nil, err
			}
			if policy == nil {
				policy = policies.chaincode
				if own, known := policies.collection(k.collection); known && own != nil {
					policy = own
				}
			}
			add(policy)
		}
	}
	return out, nil
}

// broad checks the collection's policy, or the chaincode's when the collection
// has none of its own, once per transaction.
func (c *namespaceCheck) broad(collection string) bool {
	if c.passed[collection] {
		return true
	}
	policy := c.policies.chaincode
	if collection != "" {
		own, known := c.policies.collection(collection)
		if !known {
			return false
		}
		if own != nil {
			policy = own
		} else if c.passed[""] {
			return true
		} else {
			collection = ""
		}
	}
	if policy.Evaluate(c.signers) != nil {
		return false
	}
	c.passed[collection], c.any = true, true
	return true
}
