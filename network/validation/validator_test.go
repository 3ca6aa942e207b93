package validation

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/network/block"
)

// ledger is a channel with chaincode "cc" (majority of A, B, C), which has the
// collections "plain" and, endorsed by B alone, "ruled".
type ledger struct {
	*world
	t       testing.TB
	state   *memState
	number  uint64
	client  *person
	peers   map[string]*person
	counter int
}

func newLedger(t testing.TB) *ledger {
	w := newWorld(t, "A", "B", "C")
	l := &ledger{world: w, t: t, state: newMemState(), client: w.authorities["A"].enrol(t, "client"), peers: map[string]*person{}}
	for _, m := range w.channel.Members {
		l.peers[m] = w.authorities[m].enrol(t, "peer")
	}
	l.define(&Definition{
		Name: "cc", Version: "1", Sequence: 1,
		Policy: &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{
			ChannelConfigPolicyReference: PolicyEndorsement,
		}},
		Collections: []*peer.StaticCollectionConfig{{Name: "plain"}, {Name: "ruled",
			EndorsementPolicy: &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{
				SignaturePolicy: SignedBy(1, msp.MSPRole_PEER, "B"),
			}}}},
	})
	return l
}

// define commits a chaincode's definition as the lifecycle chaincode would.
func (l *ledger) define(d *Definition) {
	fields, err := DefinitionFields(d)
	require.NoError(l.t, err)
	set := &kvrwset.KVRWSet{}
	for _, key := range sortedKeys(fields) {
		set.Writes = append(set.Writes, &kvrwset.KVWrite{Key: key, Value: fields[key]})
	}
	l.commit(peer.TxValidationCode_VALID, &transaction{namespaces: map[string]*kvrwset.KVRWSet{LifecycleNamespace: set}, chaincode: LifecycleNamespace})
}

// transaction is what a test wants endorsed.
type transaction struct {
	chaincode  string
	namespaces map[string]*kvrwset.KVRWSet
	hashed     map[string]*kvrwset.HashedRWSet // collections of the chaincode
	endorsers  []string
	mutate     func(*parts)
}

// parts are the pieces that a mutation may change before they are signed.
type parts struct {
	channel      *common.ChannelHeader
	signature    *common.SignatureHeader
	action       *peer.ChaincodeAction
	endorsements []*peer.Endorsement
	creator      *person
	envelope     *common.Envelope // set for mutations after signing
	sets         *rwset.TxReadWriteSet
}

func writes(kv ...string) *kvrwset.KVRWSet {
	set := &kvrwset.KVRWSet{}
	for i := 0; i+1 < len(kv); i += 2 {
		set.Writes = append(set.Writes, &kvrwset.KVWrite{Key: kv[i], Value: []byte(kv[i+1]), IsDelete: kv[i+1] == ""})
	}
	return set
}

func call(set *kvrwset.KVRWSet, endorsers ...string) *transaction {
	if len(endorsers) == 0 {
		endorsers = []string{"A", "B"}
	}
	return &transaction{chaincode: "cc", namespaces: map[string]*kvrwset.KVRWSet{"cc": set}, endorsers: endorsers}
}

func (x *transaction) mutated(f func(*parts)) *transaction {
	x.mutate = f
	return x
}

// build makes the envelope. A mutation is called twice: before signing, with
// envelope nil, and after.
func (l *ledger) build(x *transaction) []byte {
	l.counter++
	t := l.t
	if x.endorsers == nil {
		x.endorsers = []string{"A", "B"}
	}
	p := &parts{
		creator: l.client,
		channel: &common.ChannelHeader{
			Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: "trace",
			Extension: marshal(t, &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: x.chaincode}}),
		},
		signature: &common.SignatureHeader{Nonce: fmt.Appendf(nil, "nonce %d", l.counter), Creator: l.client.serialized},
		sets:      &rwset.TxReadWriteSet{},
		action:    &peer.ChaincodeAction{ChaincodeId: &peer.ChaincodeID{Name: x.chaincode, Version: "1"}},
	}
	for _, ns := range sortedKeys(x.namespaces) {
		set := &rwset.NsReadWriteSet{Namespace: ns, Rwset: marshal(t, x.namespaces[ns])}
		if ns == x.chaincode {
			for _, c := range sortedKeys(x.hashed) {
				set.CollectionHashedRwset = append(set.CollectionHashedRwset, &rwset.CollectionHashedReadWriteSet{
					CollectionName: c, HashedRwset: marshal(t, x.hashed[c]), PvtRwsetHash: []byte("hash"),
				})
			}
		}
		p.sets.NsRwset = append(p.sets.NsRwset, set)
	}
	p.channel.TxId = block.TransactionID(p.signature.Nonce, p.signature.Creator)
	if x.mutate != nil {
		x.mutate(p)
	}
	header := &common.Header{ChannelHeader: marshal(t, p.channel), SignatureHeader: marshal(t, p.signature)}
	p.action.Results = marshal(t, p.sets)
	response := marshal(t, &peer.ProposalResponsePayload{
		ProposalHash: block.ProposalHash(header.ChannelHeader, header.SignatureHeader, nil),
		Extension:    marshal(t, p.action),
	})
	for _, m := range x.endorsers {
		e := l.peers[m]
		p.endorsements = append(p.endorsements, &peer.Endorsement{
			Endorser: e.serialized, Signature: e.sign(t, block.EndorsedBytes(response, e.serialized)),
		})
	}
	p.envelope = &common.Envelope{}
	if x.mutate != nil {
		x.mutate(p)
	}
	p.envelope.Payload = marshal(t, &common.Payload{Header: header, Data: marshal(t, &peer.Transaction{
		Actions: []*peer.TransactionAction{{Header: header.SignatureHeader, Payload: marshal(t, &peer.ChaincodeActionPayload{
			Action: &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response, Endorsements: p.endorsements},
		})}},
	})})
	if p.envelope.Signature == nil {
		p.envelope.Signature = p.creator.sign(t, p.envelope.Payload)
	}
	return marshal(t, p.envelope)
}

// commit puts transactions into one block and checks the code they all get.
func (l *ledger) commit(want peer.TxValidationCode, txs ...*transaction) {
	codes := make([]peer.TxValidationCode, len(txs))
	for i := range codes {
		codes[i] = want
	}
	l.commitCodes(codes, txs...)
}

func (l *ledger) commitCodes(want []peer.TxValidationCode, txs ...*transaction) {
	raw := make([][]byte, len(txs))
	for i, x := range txs {
		raw[i] = l.build(x)
	}
	l.commitRaw(want, raw...)
}

func (l *ledger) commitRaw(want []peer.TxValidationCode, raw ...[]byte) {
	l.t.Helper()
	l.number++
	out, err := l.validator.ValidateBlock(block.New(l.number, nil, raw), l.state)
	require.NoError(l.t, err)
	require.Equal(l.t, fmt.Sprint(want), fmt.Sprint(out.Codes))
	l.state.apply(out.Updates)
	for _, r := range raw {
		l.state.committed[block.ParseTransaction(r).ID()] = true
	}
}

const (
	valid     = peer.TxValidationCode_VALID
	mvcc      = peer.TxValidationCode_MVCC_READ_CONFLICT
	phantom   = peer.TxValidationCode_PHANTOM_READ_CONFLICT
	duplicate = peer.TxValidationCode_DUPLICATE_TXID
	policy    = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	signature = peer.TxValidationCode_BAD_CREATOR_SIGNATURE
)

func codes(c ...peer.TxValidationCode) []peer.TxValidationCode { return c }

// TestOneMutationOneCode changes one thing in a valid transaction.
func TestOneMutationOneCode(t *testing.T) {
	before := func(f func(*parts)) func(*parts) {
		return func(p *parts) {
			if p.envelope == nil {
				f(p)
			}
		}
	}
	after := func(f func(*parts)) func(*parts) {
		return func(p *parts) {
			if p.envelope != nil {
				f(p)
			}
		}
	}
	l := newLedger(t)
	stranger := newAuthority(t, "A").enrol(t, "client")
	cases := map[string]struct {
		mutate    func(*parts)
		endorsers []string
		code      peer.TxValidationCode
	}{
		"nothing":               {nil, nil, valid},
		"all endorse":           {nil, []string{"A", "B", "C"}, valid},
		"one endorser":          {nil, []string{"A"}, policy},
		"no endorser":           {nil, []string{}, policy},
		"one endorser twice":    {nil, []string{"A", "A"}, policy},
		"creator's signature":   {after(func(p *parts) { p.envelope.Signature = []byte("forged") }), nil, signature},
		"another's signature":   {after(func(p *parts) { p.creator = l.peers["B"] }), nil, signature},
		"creator of another CA": {before(func(p *parts) { p.creator, p.signature.Creator = stranger, stranger.serialized }), nil, signature},
		"another channel":       {before(func(p *parts) { p.channel.ChannelId = "other" }), nil, signature},
		"epoch":                 {before(func(p *parts) { p.channel.Epoch = 1 }), nil, peer.TxValidationCode_BAD_COMMON_HEADER},
		"another id":            {before(func(p *parts) { p.channel.TxId = "00" }), nil, peer.TxValidationCode_BAD_PROPOSAL_TXID},
		"endorsement's bytes":   {after(func(p *parts) { p.endorsements[0].Signature[10] ^= 1 }), nil, policy},
		"endorser unknown":      {after(func(p *parts) { p.endorsements[0].Endorser = stranger.serialized }), nil, policy},
		"third endorser forged": {after(func(p *parts) { p.endorsements[2].Signature = nil }), []string{"A", "B", "C"}, valid},
		"chaincode not defined": {before(func(p *parts) { p.sets.NsRwset[0].Namespace = "nosuch" }), nil, peer.TxValidationCode_INVALID_CHAINCODE},
		"namespace twice":       {before(func(p *parts) { p.sets.NsRwset = append(p.sets.NsRwset, p.sets.NsRwset[0]) }), nil, peer.TxValidationCode_ILLEGAL_WRITESET},
		"no version":            {before(func(p *parts) { p.action.ChaincodeId.Version = "" }), nil, peer.TxValidationCode_INVALID_CHAINCODE},
		"broken read-write set": {before(func(p *parts) { p.sets.NsRwset[0].Rwset = []byte{0xff} }), nil, peer.TxValidationCode_BAD_RWSET},
		"writes to the lifecycle": {before(func(p *parts) {
			p.sets.NsRwset = append(p.sets.NsRwset, &rwset.NsReadWriteSet{Namespace: LifecycleNamespace, Rwset: p.sets.NsRwset[0].Rwset})
		}), []string{"A"}, policy},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x := call(writes("key", "value"))
			if c.endorsers != nil {
				x.endorsers = c.endorsers
			}
			l.t = t
			l.commit(c.code, x.mutated(c.mutate))
		})
	}
}

func TestGarbageInABlock(t *testing.T) {
	l := newLedger(t)
	l.commitRaw([]peer.TxValidationCode{
		peer.TxValidationCode_INVALID_OTHER_REASON, peer.TxValidationCode_BAD_COMMON_HEADER, valid,
	}, []byte{0xff}, nil, l.build(call(writes("a", "1"))))
}

func TestDuplicates(t *testing.T) {
	l := newLedger(t)
	raw := l.build(call(writes("a", "1")))
	l.commitRaw([]peer.TxValidationCode{valid, duplicate}, raw, raw)
	l.commitRaw([]peer.TxValidationCode{duplicate}, raw)
	// The first one of a block counts even when it turns out to conflict.
	stale := l.build(call(&kvrwset.KVRWSet{Reads: []*kvrwset.KVRead{{Key: "a"}}}))
	l.commitRaw([]peer.TxValidationCode{mvcc, duplicate}, stale, stale)
	// A refused one does not use up the id within its block.
	bad := l.build(call(writes("b", "1"), "A"))
	l.commitRaw([]peer.TxValidationCode{policy, policy}, bad, bad)
	l.commitRaw([]peer.TxValidationCode{duplicate}, bad)
}

func read(key string, v *Value) *kvrwset.KVRead {
	r := &kvrwset.KVRead{Key: key}
	if v != nil {
		r.Version = v.Version.proto()
	}
	return r
}

func TestReadConflicts(t *testing.T) {
	l := newLedger(t)
	l.commit(valid, call(writes("a", "1", "b", "1")))
	a := l.state.public["cc"]["a"]
	reads := func(r ...*kvrwset.KVRead) *transaction { return call(&kvrwset.KVRWSet{Reads: r}) }
	l.commit(valid, reads(read("a", a), read("absent", nil)))
	l.commit(mvcc, reads(read("a", nil)))
	l.commit(mvcc, reads(read("absent", a)))
	l.commit(mvcc, reads(read("a", &Value{Version: Version{a.Version.Block, a.Version.Transaction + 1}})))
	// An earlier valid transaction of the block counts, an invalid one does not.
	l.commitCodes([]peer.TxValidationCode{policy, valid, valid, mvcc, mvcc},
		call(writes("a", "2"), "A"), reads(read("a", a)), call(writes("a", "2", "absent", "")), reads(read("a", a)), reads(read("absent", nil)))
	l.commit(valid, reads(read("absent", nil)))
}

func TestWritesAndDeletes(t *testing.T) {
	l := newLedger(t)
	l.commit(valid, call(writes("a", "1")))
	require.Equal(t, "1", string(l.state.public["cc"]["a"].Value))
	l.commit(valid, call(&kvrwset.KVRWSet{Writes: []*kvrwset.KVWrite{{Key: "a", Value: []byte{}}}}))
	require.Nil(t, l.state.public["cc"]["a"], "an empty value deletes")
	l.commit(valid, call(writes("a", "2")), call(writes("a", "3")))
	require.Equal(t, "3", string(l.state.public["cc"]["a"].Value), "the later of a block wins")
	require.Equal(t, Version{l.number, 1}, l.state.public["cc"]["a"].Version)
}

// keyPolicySet sets a key's own policy.
func keyPolicySet(t testing.TB, key string, mspIDs ...string) *kvrwset.KVMetadataWrite {
	return &kvrwset.KVMetadataWrite{Key: key, Entries: []*kvrwset.KVMetadataEntry{{
		Name: validationParameter, Value: marshal(t, SignedBy(len(mspIDs), msp.MSPRole_PEER, mspIDs...)),
	}}}
}

func TestKeyLevelPolicies(t *testing.T) {
	l := newLedger(t)
	l.commit(valid, call(&kvrwset.KVRWSet{
		Writes:         []*kvrwset.KVWrite{{Key: "guard", Value: []byte("1")}},
		MetadataWrites: []*kvrwset.KVMetadataWrite{keyPolicySet(t, "guard", "C")},
	}))
	l.commit(policy, call(writes("guard", "2")))
	l.commit(valid, call(writes("guard", "2"), "C"))
	l.commit(policy, call(writes("guard", "2", "plain", "1"), "C"))
	l.commit(valid, call(writes("guard", "2", "plain", "1"), "A", "C"))
	l.commit(policy, call(writes("plain", "2"), "C"))
	l.commit(policy, call(&kvrwset.KVRWSet{}, "C"))
	l.commit(valid, call(&kvrwset.KVRWSet{}))

	// Changing the policy asks for the old one, and spoils later writes of the
	// key in the block, also when the change itself comes to nothing.
	change := func(endorsers ...string) *transaction {
		return call(&kvrwset.KVRWSet{MetadataWrites: []*kvrwset.KVMetadataWrite{keyPolicySet(t, "guard", "B")}}, endorsers...)
	}
	l.commitCodes([]peer.TxValidationCode{policy, valid}, change("B"), call(writes("guard", "3"), "C"))
	conflicting := change("C")
	conflicting.namespaces["cc"].Reads = []*kvrwset.KVRead{read("guard", nil)}
	l.commitCodes([]peer.TxValidationCode{mvcc, policy, valid}, conflicting, call(writes("guard", "3"), "C"), call(writes("other", "1")))
	l.commitCodes([]peer.TxValidationCode{valid, policy}, change("C"), call(writes("guard", "4"), "C"))
	require.Equal(t, "3", string(l.state.public["cc"]["guard"].Value), "a new policy leaves the value")
	l.commit(valid, call(writes("guard", "5"), "B"))

	// Deleting the key deletes its policy with it.
	l.commit(valid, call(writes("guard", ""), "B"))
	l.commit(policy, call(writes("guard", "6"), "B"))
	l.commit(valid, call(writes("guard", "6")))

	// Metadata of an absent key is nothing.
	l.commit(valid, call(&kvrwset.KVRWSet{MetadataWrites: []*kvrwset.KVMetadataWrite{keyPolicySet(t, "ghost", "B")}}))
	require.Nil(t, l.state.public["cc"]["ghost"])
	// A parameter that is no policy cannot be satisfied.
	l.commit(valid, call(&kvrwset.KVRWSet{
		Writes: []*kvrwset.KVWrite{{Key: "broken", Value: []byte("1")}},
		MetadataWrites: []*kvrwset.KVMetadataWrite{{Key: "broken", Entries: []*kvrwset.KVMetadataEntry{{
			Name: validationParameter, Value: []byte{0xff},
		}}}},
	}))
	l.commit(policy, call(writes("broken", "2"), "A", "B", "C"))
}

func TestCollections(t *testing.T) {
	l := newLedger(t)
	digest := func(s string) []byte { sum := sha256.Sum256([]byte(s)); return sum[:] }
	private := func(collection, key, value string, endorsers ...string) *transaction {
		x := call(&kvrwset.KVRWSet{}, endorsers...)
		write := &kvrwset.KVWriteHash{KeyHash: digest(key)}
		if value == "" {
			write.IsDelete = true
		} else {
			write.ValueHash = digest(value)
		}
		x.hashed = map[string]*kvrwset.HashedRWSet{collection: {HashedWrites: []*kvrwset.KVWriteHash{write}}}
		return x
	}
	l.commit(valid, private("plain", "k", "v"))
	l.commit(policy, private("plain", "k", "v", "A"))
	l.commit(valid, private("ruled", "k", "v", "B"))
	l.commit(policy, private("ruled", "k", "v", "A", "C"))
	l.commit(policy, private("nosuch", "k", "v", "A", "B", "C"))
	l.commit(valid, private("_implicit_org_C", "k", "v", "C"))
	l.commit(policy, private("_implicit_org_C", "k", "v", "A", "B"))
	l.commit(policy, private("_implicit_org_Z", "k", "v", "A", "B", "C"))

	hashedRead := func(version *kvrwset.Version) *transaction {
		x := call(&kvrwset.KVRWSet{})
		x.hashed = map[string]*kvrwset.HashedRWSet{"plain": {HashedReads: []*kvrwset.KVReadHash{{KeyHash: digest("k"), Version: version}}}}
		return x
	}
	now := l.state.hashed["cc/plain"][string(digest("k"))].Version.proto()
	l.commit(valid, hashedRead(now))
	l.commitCodes([]peer.TxValidationCode{valid, mvcc}, private("plain", "k", "w"), hashedRead(now))
	l.commit(valid, private("plain", "k", ""))
	require.Empty(t, l.state.hashed["cc/plain"])
	l.commit(valid, hashedRead(nil))
}

func TestDefinitionChangeIsAConflict(t *testing.T) {
	l := newLedger(t)
	x := func() *transaction {
		out := call(writes("a", "1"))
		out.namespaces[LifecycleNamespace] = &kvrwset.KVRWSet{Reads: []*kvrwset.KVRead{
			read(SequenceKey("cc"), &Value{Version: Version{1, 0}}),
		}}
		return out
	}
	l.commit(valid, x())
	d, err := ReadDefinition(l.state, "cc")
	require.NoError(t, err)
	require.Equal(t, "1", d.Version)
	require.Len(t, d.Collections, 2)
	d.Sequence, d.Version = 2, "2"
	d.Policy = &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{SignaturePolicy: SignedBy(1, msp.MSPRole_PEER, "C")}}
	l.define(d)
	l.commit(policy, x())
	late := x()
	late.endorsers = []string{"C"}
	l.commit(mvcc, late)
	l.commit(valid, call(writes("a", "2"), "C"))
}

func TestConfigurationTransactionIsValid(t *testing.T) {
	w := newWorld(t, "A")
	out, err := w.validator.ValidateBlock(w.configBlock(t, []string{"A"}), newMemState())
	require.NoError(t, err)
	require.Equal(t, []peer.TxValidationCode{valid}, out.Codes)
	require.Empty(t, out.Updates.Public)
}

func TestRequired(t *testing.T) {
	l := newLedger(t)
	l.commit(valid, call(&kvrwset.KVRWSet{
		Writes:         []*kvrwset.KVWrite{{Key: "guard", Value: []byte("1")}},
		MetadataWrites: []*kvrwset.KVMetadataWrite{keyPolicySet(t, "guard", "C")},
	}))
	required := func(x *transaction) int {
		tx := block.ParseTransaction(l.build(x))
		require.Nil(t, tx.Defect)
		policies, err := l.validator.Required(l.state, "cc", tx.Action.ReadWriteSet)
		require.NoError(t, err)
		return len(policies)
	}
	require.Equal(t, 1, required(call(&kvrwset.KVRWSet{})))
	require.Equal(t, 1, required(call(writes("a", "1", "b", "1"))))
	require.Equal(t, 1, required(call(writes("guard", "1"))))
	require.Equal(t, 2, required(call(writes("guard", "1", "a", "1"))))
	_, err := l.validator.Required(l.state, "nosuch", &block.ReadWriteSet{})
	require.ErrorContains(t, err, "nosuch is not defined")
}
