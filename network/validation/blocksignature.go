package validation

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"traceledger/network/block"
)

// VerifyOrderers checks that the channel's orderers have signed the block, as
// its BlockValidation policy asks. They sign header and envelopes; the
// validation flags are each peer's own finding. Block 0 carries no signatures
// and must be trusted by other means.
func (v *Validator) VerifyOrderers(b *common.Block) error {
	number := b.GetHeader().GetNumber()
	found, err := block.OrdererSignatures(b)
	if err != nil {
		return err
	}
	var signers []*Identity
	for _, s := range found {
		serialized := s.Creator
		if serialized == nil {
			consenter, ok := v.channel.consenters[s.Consenter]
			if !ok {
				continue
			}
			if serialized, err = Serialize(consenter.GetMspId(), consenter.GetIdentity()); err != nil {
				return err
			}
		}
		id, err := v.Identify(serialized)
		if err != nil || contains(signers, id) {
			continue
		}
		if v.Verify(id, s.Signed, s.Signature) == nil {
			signers = append(signers, id)
		}
	}
	if err := v.channel.Policy(PolicyBlockValidation).Evaluate(signers); err != nil {
		return fmt.Errorf("block %d: %d of %d orderer signatures hold: %w", number, len(signers), len(found), err)
	}
	return nil
}
