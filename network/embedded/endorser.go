package embedded

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// endorser simulates proposals and signs the outcome in the name of the
// organisations' peers.
type endorser struct {
	channel    string
	store      *store
	validator  *validation.Validator
	chaincodes map[string]shim.Chaincode
	peers      map[string]*signer
	now        func() time.Time
	log        *slog.Logger
	separate   bool
	plans      *planner

	mu          sync.Mutex
	held        map[string]*view // organisations whose peer lags behind, in tests
	definitions map[string]*committedDefinition
}

// committedDefinition is a chaincode's definition and when it was committed.
type committedDefinition struct {
	*validation.Definition
	sequence validation.Version
}

// definition returns the chaincode's definition as of a view, and the version of
// its sequence, on which every simulation depends. It is nil when there is none.
func (e *endorser) definition(v *view, chaincode string) (*committedDefinition, error) {
	sequence, err := v.sequence(chaincode)
	if err != nil || sequence == nil {
		return nil, err
	}
	e.mu.Lock()
	known, ok := e.definitions[chaincode]
	e.mu.Unlock()
	if ok && known.sequence == *sequence {
		return known, nil
	}
	d, err := validation.ReadDefinition(v, chaincode)
	if err != nil || d == nil {
		return nil, err
	}
	known = &committedDefinition{d, *sequence}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.definitions[chaincode] = known
	return known, nil
}

// outcome is what one simulation came to.
type outcome struct {
	response *peer.Response
	// payload is the ProposalResponsePayload that endorsers sign; nil for a
	// response of 400 to 499, which is not endorsed.
	payload []byte
	sets    *block.ReadWriteSet
	private *rwset.TxPvtReadWriteSet
	// organisation is the one on whose peer the simulation ran; privateReads and
	// consulted are as in simulation.
	organisation string
	privateReads map[collectionID]bool
	consulted    map[collectionID]*peer.StaticCollectionConfig
}

// viewFor returns the state that an organisation's peer has; release it.
func (e *endorser) viewFor(mspID string) *view {
	if e.separate {
		e.mu.Lock()
		defer e.mu.Unlock()
		if v, ok := e.held[mspID]; ok {
			v.refs.Add(1)
			return v
		}
	}
	return e.store.view()
}

// hold keeps an organisation's peer at the present height until released.
func (e *endorser) hold(mspID string) {
	v := e.store.view()
	e.mu.Lock()
	defer e.mu.Unlock()
	if old, ok := e.held[mspID]; ok {
		old.release()
	}
	e.held[mspID] = v
}

func (e *endorser) unhold(mspID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if v, ok := e.held[mspID]; ok {
		delete(e.held, mspID)
		v.release()
	}
}

// process admits a proposal and simulates it on an organisation's peer.
func (e *endorser) process(ctx context.Context, p *proposal, mspID string) (*outcome, *refusal) {
	v := e.viewFor(mspID)
	defer v.release()
	if p.creator == nil {
		if r := e.admit(p, v); r != nil {
			return nil, r
		}
	}
	return e.simulate(ctx, p, mspID, v)
}

func (e *endorser) simulate(ctx context.Context, p *proposal, mspID string, v *view) (*outcome, *refusal) {
	sim := newSimulation(v, p.txID(), mspID, p.creator.MSPID, e)
	defer sim.done()
	s := &stub{ctx: ctx, endorser: e, sim: sim, proposal: p, namespace: p.chaincode, args: p.args}
	failed := func(err error) *refusal {
		return refuse(codes.Aborted, "error in simulation: failed to execute transaction %s: %v", p.txID(), err)
	}
	response, err := s.run()
	if err != nil {
		return nil, failed(err)
	}
	if response.GetStatus() >= shim.ERRORTHRESHOLD || response.GetStatus() < shim.OK {
		return &outcome{response: response}, refuse(codes.Unknown, "chaincode response %d, %s", response.GetStatus(), response.GetMessage())
	}
	out := &outcome{
		response:     response,
		organisation: mspID,
		privateReads: sim.privateReads,
		consulted:    sim.consulted,
	}
	version := "syscc"
	var results []byte
	if p.chaincode != qsccName {
		version = sim.definitions[p.chaincode].Version
		var public *rwset.TxReadWriteSet
		if public, out.private, err = sim.results(); err == nil {
			results, err = proto.Marshal(public)
		}
		if err != nil {
			return nil, failed(err)
		}
	}
	if out.sets, err = block.ParseReadWriteSet(results); err != nil {
		return nil, failed(err)
	}
	if s.event != nil {
		s.event.ChaincodeId, s.event.TxId = p.chaincode, p.txID()
	}
	if out.payload, err = responsePayload(p, version, response, results, s.event); err != nil {
		return nil, failed(err)
	}
	return out, nil
}

// responsePayload lays out what the endorsers agree on.
func responsePayload(p *proposal, version string, response *peer.Response, results []byte, event *peer.ChaincodeEvent) ([]byte, error) {
	action := &peer.ChaincodeAction{
		Results:     results,
		Response:    response,
		ChaincodeId: &peer.ChaincodeID{Name: p.chaincode, Version: version},
	}
	var err error
	if event != nil {
		if action.Events, err = proto.Marshal(event); err != nil {
			return nil, err
		}
	}
	extension, err := proto.Marshal(action)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(&peer.ProposalResponsePayload{ProposalHash: p.hash(), Extension: extension})
}

// endorse signs the digest of a response payload in an organisation's name.
func (e *endorser) endorse(mspID string, digest func(endorser []byte) [sha256.Size]byte) (*peer.Endorsement, error) {
	s, ok := e.peers[mspID]
	if !ok {
		return nil, fmt.Errorf("organisation %s has no peer here", mspID)
	}
	sum := digest(s.serialized)
	signature, err := s.signDigest(sum)
	if err != nil {
		return nil, err
	}
	e.validator.Trust(s.identity, sum, signature)
	return &peer.Endorsement{Endorser: s.serialized, Signature: signature}, nil
}

// isMember reports whether an organisation belongs to a collection.
func isMember(c *peer.StaticCollectionConfig, mspID string) bool {
	for _, id := range c.GetMemberOrgsPolicy().GetSignaturePolicy().GetIdentities() {
		if principalMSP(id) == mspID {
			return true
		}
	}
	return false
}

// principalMSP returns the organisation a principal belongs to, "" when it
// names none.
func principalMSP(p *msp.MSPPrincipal) string {
	switch p.GetPrincipalClassification() {
	case msp.MSPPrincipal_ROLE:
		role := &msp.MSPRole{}
		if proto.Unmarshal(p.GetPrincipal(), role) == nil {
			return role.GetMspIdentifier()
		}
	case msp.MSPPrincipal_ORGANIZATION_UNIT:
		unit := &msp.OrganizationUnit{}
		if proto.Unmarshal(p.GetPrincipal(), unit) == nil {
			return unit.GetMspIdentifier()
		}
	case msp.MSPPrincipal_IDENTITY:
		id := &msp.SerializedIdentity{}
		if proto.Unmarshal(p.GetPrincipal(), id) == nil {
			return id.GetMspid()
		}
	}
	return ""
}
