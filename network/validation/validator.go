package validation

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/network/block"
)

const (
	// identityCache bounds how many parsed certificates are kept.
	identityCache = 4096
	// signatureCache bounds how many verified signatures are remembered, per
	// generation; an entry costs about 100 bytes.
	signatureCache = 1 << 15
	// policyCache bounds how many compiled key policies are kept.
	policyCache = 1024
)

// Validator checks the transactions of one channel. It may be used from many
// goroutines; blocks must be validated one after the other, each against the
// state that the one before left.
type Validator struct {
	channel    *Channel
	signatures *signatures

	mu          sync.RWMutex
	identities  map[string]*Identity
	policies    map[string]Policy
	definitions map[string]*chaincodePolicies
}

// chaincodePolicies is the compiled definition of a chaincode.
type chaincodePolicies struct {
	sequence    Version
	chaincode   Policy
	collections map[string]Policy // nil value: the chaincode's policy applies
	channel     *Channel
}

// New returns a validator for the channel.
func New(channel *Channel) *Validator {
	return &Validator{
		channel:     channel,
		signatures:  newSignatures(signatureCache),
		identities:  map[string]*Identity{},
		policies:    map[string]Policy{},
		definitions: map[string]*chaincodePolicies{},
	}
}

// Channel returns the channel the validator was made for.
func (v *Validator) Channel() *Channel { return v.channel }

// Identify is Channel.Identify, remembering identities seen before.
func (v *Validator) Identify(serialized []byte) (*Identity, error) {
	v.mu.RLock()
	id, ok := v.identities[string(serialized)]
	v.mu.RUnlock()
	if ok {
		return id, nil
	}
	id, err := v.channel.Identify(serialized)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.identities) >= identityCache {
		clear(v.identities)
	}
	v.identities[string(serialized)] = id
	return id, nil
}

// Verify checks an identity's signature over a message.
func (v *Validator) Verify(id *Identity, message, signature []byte) error {
	return v.VerifyDigest(id, sha256.Sum256(message), signature)
}

// VerifyDigest is Verify for a message given by its SHA-256.
func (v *Validator) VerifyDigest(id *Identity, digest [sha256.Size]byte, signature []byte) error {
	fact := triple(id.id, digest, signature)
	if v.signatures.has(fact) {
		return nil
	}
	if err := verify(id.key, digest, signature); err != nil {
		return err
	}
	v.signatures.add(fact)
	return nil
}

// Trust records a signature that this process has just made itself, so that
// validating it later costs a look-up.
func (v *Validator) Trust(id *Identity, digest [sha256.Size]byte, signature []byte) {
	v.signatures.add(triple(id.id, digest, signature))
}

// Checked is a transaction whose signatures have been checked.
type Checked struct {
	*block.Transaction
	// Creator is set when the creator's certificate and signature hold.
	Creator *Identity
	// Endorsers are the distinct identities whose endorsement verifies.
	Endorsers []*Identity
	// Reason says why Creator is not set.
	Reason error
}

// Check verifies the creator's and the endorsers' signatures. It never fails: a
// bad signature decides the code that Validate gives.
func (v *Validator) Check(tx *block.Transaction) *Checked {
	c := &Checked{Transaction: tx}
	if tx.SignatureHeader == nil {
		return c
	}
	creator, err := v.Identify(tx.Creator())
	switch {
	case tx.ChannelHeader.GetChannelId() != v.channel.ID:
		c.Reason = fmt.Errorf("channel %q, must be %q", tx.ChannelHeader.GetChannelId(), v.channel.ID)
	case err != nil:
		c.Reason = err
	case creator.Err != nil:
		c.Reason = creator.Err
	default:
		c.Reason = v.Verify(creator, tx.Payload, tx.Signature)
	}
	if c.Reason != nil {
		return c
	}
	c.Creator = creator
	if tx.Action != nil {
		c.Endorsers = v.endorsers(tx.Action)
	}
	return c
}

// endorsers returns the identities whose endorsements count. Unknown signers,
// repeated ones and bad signatures are passed over, not punished: the policy
// decides on what is left.
func (v *Validator) endorsers(a *block.Action) []*Identity {
	out := make([]*Identity, 0, len(a.Endorsements))
	digest := block.EndorsedDigests(a.ResponsePayload)
	for _, e := range a.Endorsements {
		id, err := v.Identify(e.GetEndorser())
		if err != nil || contains(out, id) {
			continue
		}
		if v.VerifyDigest(id, digest(e.GetEndorser()), e.GetSignature()) == nil {
			out = append(out, id)
		}
	}
	return out
}

func contains(ids []*Identity, id *Identity) bool {
	for _, other := range ids {
		if other.id == id.id {
			return true
		}
	}
	return false
}

// Outcome is what a block does.
type Outcome struct {
	Codes   []peer.TxValidationCode
	Updates *Updates
}

// ValidateBlock parses and checks a block's envelopes and validates them. It is
// Check and Validate for callers that hold a whole block. Block 0 founds the
// channel and is valid by definition: whoever chose the channel chose it.
//
// After a configuration block the caller goes on with a new Validator made from
// that block.
func (v *Validator) ValidateBlock(b *common.Block, state State) (*Outcome, error) {
	if b.GetHeader().GetNumber() == 0 {
		codes := make([]peer.TxValidationCode, len(b.GetData().GetData()))
		return &Outcome{Codes: codes, Updates: newUpdates()}, nil
	}
	checked := make([]*Checked, len(b.GetData().GetData()))
	for i, raw := range b.GetData().GetData() {
		checked[i] = v.Check(block.ParseTransaction(raw))
	}
	return v.Validate(b.GetHeader().GetNumber(), checked, state)
}

// Validate gives every transaction of a block its code and gathers the updates
// of the valid ones. An error means that the state could not be read; it never
// stands for an invalid transaction.
func (v *Validator) Validate(number uint64, txs []*Checked, state State) (*Outcome, error) {
	out := &Outcome{Codes: make([]peer.TxValidationCode, len(txs)), Updates: newUpdates()}
	policies := &endorsements{validator: v, state: state, changed: map[key]bool{}}
	for i, tx := range txs {
		code, err := v.admit(tx, policies)
		if err != nil {
			return nil, fmt.Errorf("block %d, transaction %d: %w", number, i, err)
		}
		out.Codes[i] = code
	}
	markDuplicates(txs, out.Codes)
	for i, tx := range txs {
		if out.Codes[i] != peer.TxValidationCode_VALID || tx.Action == nil {
			continue
		}
		set := tx.Action.ReadWriteSet
		code, err := out.Updates.conflicts(set, state)
		if err == nil && code == peer.TxValidationCode_VALID {
			err = out.Updates.apply(set, Version{number, uint64(i)}, state)
		}
		if err != nil {
			return nil, fmt.Errorf("block %d, transaction %d: %w", number, i, err)
		}
		out.Codes[i] = code
	}
	return out, nil
}

// admit checks everything about a transaction but what it read.
func (v *Validator) admit(tx *Checked, policies *endorsements) (peer.TxValidationCode, error) {
	if tx.Defect != nil && tx.Defect.Stage == block.StageHeader {
		return tx.Defect.Code, nil
	}
	if tx.Creator == nil {
		return peer.TxValidationCode_BAD_CREATOR_SIGNATURE, nil
	}
	if tx.Defect != nil && tx.Defect.Stage == block.StageStructure {
		return tx.Defect.Code, nil
	}
	if tx.Type == common.HeaderType_CONFIG {
		return peer.TxValidationCode_VALID, nil
	}
	committed, err := policies.state.Committed(tx.ID())
	if err != nil {
		return 0, err
	}
	if committed {
		return peer.TxValidationCode_DUPLICATE_TXID, nil
	}
	if tx.Defect != nil {
		return tx.Defect.Code, nil
	}
	return policies.check(tx.Action, tx.Endorsers)
}

// markDuplicates invalidates the later of two transactions of a block that
// carry one id, when the earlier one has passed so far.
func markDuplicates(txs []*Checked, codes []peer.TxValidationCode) {
	seen := map[string]bool{}
	for i, tx := range txs {
		if codes[i] != peer.TxValidationCode_VALID || tx.Action == nil {
			continue
		}
		if seen[tx.ID()] {
			codes[i] = peer.TxValidationCode_DUPLICATE_TXID
		}
		seen[tx.ID()] = true
	}
}

// policiesFor returns the compiled definition of a chaincode as committed, nil
// when the channel has none.
func (v *Validator) policiesFor(state State, chaincode string) (*chaincodePolicies, error) {
	if chaincode == LifecycleNamespace {
		return &chaincodePolicies{
			chaincode: v.channel.Policy(PolicyLifecycleEndorsement),
			channel:   v.channel,
		}, nil
	}
	sequence, err := state.Public(LifecycleNamespace, SequenceKey(chaincode))
	if err != nil || sequence == nil {
		return nil, err
	}
	v.mu.RLock()
	known, ok := v.definitions[chaincode]
	v.mu.RUnlock()
	if ok && known.sequence == sequence.Version {
		return known, nil
	}
	definition, err := ReadDefinition(state, chaincode)
	if err != nil {
		return nil, err
	}
	compiled, err := v.channel.compile(definition)
	if err != nil {
		return nil, err
	}
	compiled.sequence = sequence.Version
	v.mu.Lock()
	defer v.mu.Unlock()
	v.definitions[chaincode] = compiled
	return compiled, nil
}

// CheckDefinition reports whether a chaincode's definition can be used on the
// channel. A definition that cannot would stop every later block that calls the
// chaincode, so it must not be committed.
func (c *Channel) CheckDefinition(d *Definition) error {
	_, err := c.compile(d)
	return err
}

func (c *Channel) compile(d *Definition) (*chaincodePolicies, error) {
	out := &chaincodePolicies{collections: map[string]Policy{}, channel: c}
	var err error
	if out.chaincode, err = c.applicationPolicy(d.Policy); err != nil {
		return nil, fmt.Errorf("endorsement policy of chaincode %s: %w", d.Name, err)
	}
	for _, collection := range d.Collections {
		var policy Policy
		if collection.GetEndorsementPolicy() != nil {
			if policy, err = c.applicationPolicy(collection.GetEndorsementPolicy()); err != nil {
				return nil, fmt.Errorf("endorsement policy of collection %s of chaincode %s: %w", collection.GetName(), d.Name, err)
			}
		}
		out.collections[collection.GetName()] = policy
	}
	return out, nil
}

// collection returns the collection's own policy, nil when it has none, and
// whether there is such a collection.
func (p *chaincodePolicies) collection(name string) (Policy, bool) {
	if policy, ok := p.collections[name]; ok {
		return policy, true
	}
	if mspID, ok := implicitOrganisation(name); ok {
		policy, err := p.channel.memberEndorsement(mspID)
		return policy, err == nil
	}
	return nil, false
}

// keyPolicy compiles the policy a key carries.
func (v *Validator) keyPolicy(raw []byte) (Policy, error) {
	v.mu.RLock()
	policy, ok := v.policies[string(raw)]
	v.mu.RUnlock()
	if ok {
		return policy, nil
	}
	policy, err := newSignaturePolicy(raw)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.policies) >= policyCache {
		clear(v.policies)
	}
	v.policies[string(raw)] = policy
	return policy, nil
}
