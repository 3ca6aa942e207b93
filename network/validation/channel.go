package validation

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

// Paths of the channel policies that the ledger itself asks for.
const (
	PolicyReaders              = "/Channel/Application/Readers"
	PolicyWriters              = "/Channel/Application/Writers"
	PolicyEndorsement          = "/Channel/Application/Endorsement"
	PolicyLifecycleEndorsement = "/Channel/Application/LifecycleEndorsement"
	PolicyChannelWriters       = "/Channel/Writers"
	PolicyBlockValidation      = "/Channel/Orderer/BlockValidation"
)

// Channel is what a configuration block says: who the members are, by which
// policies they act, and who may sign blocks.
type Channel struct {
	ID string
	// Organisations holds every MSP of the channel by its id, those of the
	// orderers included.
	Organisations map[string]*Organisation
	// Members lists the ids of the application organisations, sorted by the
	// name of their group.
	Members []string
	// AbsoluteMaxBytes is the largest envelope the orderers accept; 0 when the
	// configuration sets none.
	AbsoluteMaxBytes uint32

	policies   map[string]Policy
	groups     map[string]string // application MSP id -> group name
	consenters map[uint32]*common.Consenter
}

// ReadChannel reads the configuration block of a channel (block 0, or a later
// configuration update).
func ReadChannel(b *common.Block) (*Channel, error) {
	if len(b.GetData().GetData()) != 1 {
		return nil, fmt.Errorf("configuration block holds %d envelopes, must hold 1", len(b.GetData().GetData()))
	}
	tx := block.ParseTransaction(b.GetData().GetData()[0])
	// The signature headers of a genesis block may be empty, which is a defect
	// in any other block; the payload is read all the same.
	if tx.ChannelHeader == nil || tx.Type != common.HeaderType_CONFIG {
		return nil, errors.New("not a configuration block")
	}
	envelope := &common.ConfigEnvelope{}
	if err := proto.Unmarshal(tx.Data, envelope); err != nil {
		return nil, fmt.Errorf("configuration envelope: %w", err)
	}
	c := &Channel{
		ID:            tx.ChannelHeader.GetChannelId(),
		Organisations: map[string]*Organisation{},
		groups:        map[string]string{},
		consenters:    map[uint32]*common.Consenter{},
	}
	root := envelope.GetConfig().GetChannelGroup()
	if root == nil {
		return nil, errors.New("configuration block has no channel group")
	}
	if err := c.readOrganisations(root); err != nil {
		return nil, err
	}
	if err := c.readOrderers(root); err != nil {
		return nil, err
	}
	var err error
	c.policies, err = policiesOf("/Channel", root)
	return c, err
}

func (c *Channel) readOrganisations(root *common.ConfigGroup) error {
	for _, part := range []string{"Application", "Orderer"} {
		groups := root.GetGroups()[part].GetGroups()
		for _, name := range sortedKeys(groups) {
			value, ok := groups[name].GetValues()["MSP"]
			if !ok {
				return fmt.Errorf("organisation %s has no MSP", name)
			}
			org, err := newOrganisation(value.GetValue())
			if err != nil {
				return fmt.Errorf("organisation %s: %w", name, err)
			}
			c.Organisations[org.MSPID] = org
			if part == "Application" {
				c.Members = append(c.Members, org.MSPID)
				c.groups[org.MSPID] = name
			}
		}
	}
	return nil
}

func (c *Channel) readOrderers(root *common.ConfigGroup) error {
	group := root.GetGroups()["Orderer"]
	if v, ok := group.GetValues()["Orderers"]; ok {
		orderers := &common.Orderers{}
		if err := proto.Unmarshal(v.GetValue(), orderers); err != nil {
			return fmt.Errorf("orderers: %w", err)
		}
		for _, o := range orderers.GetConsenterMapping() {
			c.consenters[o.GetId()] = o
		}
	}
	if v, ok := group.GetValues()["BatchSize"]; ok {
		size := &orderer.BatchSize{}
		if err := proto.Unmarshal(v.GetValue(), size); err != nil {
			return fmt.Errorf("batch size: %w", err)
		}
		c.AbsoluteMaxBytes = size.GetAbsoluteMaxBytes()
	}
	return nil
}

// Policy returns the policy at a full path; one that always fails when the
// configuration holds none there.
func (c *Channel) Policy(path string) Policy {
	if p, ok := c.policies[path]; ok {
		return p
	}
	return missingPolicy(path)
}

// Identify reads a serialized identity of a member. It fails when the bytes
// name no organisation of the channel or no certificate.
func (c *Channel) Identify(serialized []byte) (*Identity, error) {
	return identify(c.Organisations, serialized)
}

// memberEndorsement is the policy of an organisation's implicit collection.
func (c *Channel) memberEndorsement(mspID string) (Policy, error) {
	group, ok := c.groups[mspID]
	if !ok {
		return nil, fmt.Errorf("no organisation of the channel has MSP id %q", mspID)
	}
	return c.Policy("/Channel/Application/" + group + "/Endorsement"), nil
}

// implicitOrganisation returns the organisation whose implicit private
// collection the name denotes.
func implicitOrganisation(collection string) (mspID string, ok bool) {
	return strings.CutPrefix(collection, "_implicit_org_")
}
