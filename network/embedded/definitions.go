package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"traceledger/network/block"
	"traceledger/network/validation"
)

// define commits the definitions of the configured chaincodes that are not on
// the ledger as they stand, each by a transaction of its own that a majority of
// the organisations endorses, as Fabric's lifecycle does it.
func (l *Ledger) define(ctx context.Context) error {
	for i := range l.cfg.Chaincodes {
		definition := l.cfg.Chaincodes[i].definition()
		if err := l.validator.Channel().CheckDefinition(definition); err != nil {
			return err
		}
		writes, err := l.definitionWrites(definition)
		if err != nil {
			return err
		}
		if len(writes) == 0 {
			continue
		}
		if err := l.commitDefinition(ctx, definition, writes); err != nil {
			return fmt.Errorf("define chaincode %s: %w", definition.Name, err)
		}
		l.log.Info("chaincode defined", "chaincode", definition.Name, "version", definition.Version, "sequence", definition.Sequence)
	}
	return nil
}

// definitionWrites sets the definition's sequence and returns the fields that
// differ from the committed ones; none when the definition is on the ledger.
func (l *Ledger) definitionWrites(d *validation.Definition) (map[string][]byte, error) {
	v := l.store.view()
	defer v.release()
	old, err := validation.ReadDefinition(v, d.Name)
	if err != nil {
		return nil, err
	}
	d.Sequence = 1
	if old != nil {
		d.Sequence = old.Sequence
	}
	changed := func() (map[string][]byte, error) {
		fields, err := validation.DefinitionFields(d)
		if err != nil {
			return nil, err
		}
		for key, value := range fields {
			have, err := v.Public(validation.LifecycleNamespace, key)
			if err != nil {
				return nil, err
			}
			if have != nil && bytes.Equal(have.Value, value) {
				delete(fields, key)
			}
		}
		return fields, nil
	}
	fields, err := changed()
	if err != nil || len(fields) == 0 || old == nil {
		return fields, err
	}
	d.Sequence++
	return changed()
}

// commitDefinition writes the fields in a transaction that the first
// organisation's administrator signs.
func (l *Ledger) commitDefinition(ctx context.Context, d *validation.Definition, writes map[string][]byte) error {
	const function = "CommitChaincodeDefinition"
	admin, err := newSigner(l.keys[0].MSPID, l.keys[0].Admin, l.validator)
	if err != nil {
		return err
	}
	p, err := l.ownProposal(admin, validation.LifecycleNamespace, [][]byte{[]byte(function), []byte(d.Name)})
	if err != nil {
		return err
	}
	v := l.store.view()
	defer v.release()
	sim := newSimulation(v, p.txID(), admin.mspID, admin.mspID, l.endorser)
	if _, err := sim.get(validation.LifecycleNamespace, validation.SequenceKey(d.Name)); err != nil {
		return err
	}
	for key, value := range writes {
		if err := sim.put(validation.LifecycleNamespace, key, value); err != nil {
			return err
		}
	}
	public, _, err := sim.results()
	if err != nil {
		return err
	}
	results, err := proto.Marshal(public)
	if err != nil {
		return err
	}
	payload, err := responsePayload(p, "syscc", &peer.Response{Status: 200}, results, nil)
	if err != nil {
		return err
	}
	var endorsements []*peer.Endorsement
	digest := block.EndorsedDigests(payload)
	for _, m := range l.cfg.Organisations {
		endorsement, err := l.endorser.endorse(m, digest)
		if err != nil {
			return err
		}
		endorsements = append(endorsements, endorsement)
	}
	return l.submitOwn(ctx, admin, p, payload, endorsements)
}

// ownProposal builds a proposal of this process's own.
func (l *Ledger) ownProposal(creator *signer, chaincode string, args [][]byte) (*proposal, error) {
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	var failed error
	marshal := func(m proto.Message) []byte {
		raw, err := proto.Marshal(m)
		if err != nil {
			failed = err
		}
		return raw
	}
	id := &peer.ChaincodeID{Name: chaincode}
	header := &common.Header{
		ChannelHeader: marshal(&common.ChannelHeader{
			Type:      int32(common.HeaderType_ENDORSER_TRANSACTION),
			ChannelId: l.cfg.Channel,
			TxId:      block.TransactionID(nonce, creator.serialized),
			Timestamp: timestamppb.New(l.cfg.Now()),
			Extension: marshal(&peer.ChaincodeHeaderExtension{ChaincodeId: id}),
		}),
		SignatureHeader: marshal(&common.SignatureHeader{Nonce: nonce, Creator: creator.serialized}),
	}
	raw := marshal(&peer.Proposal{
		Header: marshal(header),
		Payload: marshal(&peer.ChaincodeProposalPayload{Input: marshal(&peer.ChaincodeInvocationSpec{
			ChaincodeSpec: &peer.ChaincodeSpec{ChaincodeId: id, Input: &peer.ChaincodeInput{Args: args}},
		})}),
	})
	if failed != nil {
		return nil, failed
	}
	return parseProposal(&peer.SignedProposal{ProposalBytes: raw})
}

// submitOwn signs, submits and awaits a transaction of this process's own.
func (l *Ledger) submitOwn(ctx context.Context, creator *signer, p *proposal, payload []byte, endorsements []*peer.Endorsement) error {
	envelope, err := assemble(p, payload, endorsements)
	if err != nil {
		return err
	}
	if envelope.Signature, err = creator.sign(envelope.GetPayload()); err != nil {
		return err
	}
	raw, err := proto.Marshal(envelope)
	if err != nil {
		return err
	}
	tx := l.validator.Check(block.ParseTransaction(raw))
	if rejected := l.orderer.accept(tx); rejected != nil {
		return fmt.Errorf("%s: %s", rejected.status, rejected.info)
	}
	if err := l.orderer.enqueue(ctx, tx); err != nil {
		return err
	}
	place, err := l.store.awaitTransaction(ctx, tx.ID())
	if err != nil {
		return err
	}
	if place.code != peer.TxValidationCode_VALID {
		return fmt.Errorf("transaction %s is %s", tx.ID(), place.code)
	}
	return nil
}
