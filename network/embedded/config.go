package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/network/validation"
)

// Config says where the ledger lives and what runs on it. Dir, Channel and
// Chaincodes must be set.
type Config struct {
	// Dir is the data directory. It is created with mode 0700 and belongs to
	// one process at a time.
	Dir string
	// FS is the file system that holds Dir; nil means the operating system's.
	FS vfs.FS
	// Channel is the channel's name: lower-case letters, digits, dots, dashes.
	Channel string
	// Organisations are the MSP ids of the members; nil means the five of
	// DefaultOrganisations. They are fixed when the directory is created.
	Organisations []string
	// Chaincodes are the contracts to run. A definition that differs from the
	// one on the ledger is committed as a new sequence.
	Chaincodes []Chaincode
	// Batch bounds how transactions are gathered into blocks.
	Batch BatchConfig
	// SeparateEndorsers makes every organisation simulate on its own, so that
	// nondeterminism shows as it would on a cluster. Slower; for tests.
	SeparateEndorsers bool
	// Now is the clock for certificates and time windows; nil means time.Now.
	Now func() time.Time
	// Logger receives the ledger's log; nil discards it.
	Logger *slog.Logger
}

// DefaultOrganisations are the members of a traceability channel.
func DefaultOrganisations() []string {
	return []string{"ProducerMSP", "LabMSP", "CarrierMSP", "PlatformMSP", "RegulatorMSP"}
}

// Chaincode is a contract and the terms under which it runs.
type Chaincode struct {
	Name    string
	Version string
	// Chaincode is called from many goroutines at once.
	Chaincode shim.Chaincode
	// Policy is the endorsement policy; nil means a majority of the channel's
	// organisations.
	Policy      *peer.ApplicationPolicy
	Collections []Collection
}

// Collection is a private data collection.
type Collection struct {
	Name string
	// Members are the MSP ids that hold the data.
	Members []string
	// BlockToLive is the number of blocks after which the data is forgotten;
	// 0 keeps it.
	BlockToLive uint64
	// MemberOnlyRead and MemberOnlyWrite refuse clients of other
	// organisations.
	MemberOnlyRead, MemberOnlyWrite bool
	// RequiredPeerCount and MaxPeerCount are recorded in the definition. All
	// organisations live in this process, so dissemination always succeeds.
	RequiredPeerCount, MaxPeerCount int32
	// Policy is the collection's own endorsement policy; nil means that of the
	// chaincode.
	Policy *peer.ApplicationPolicy
}

// BatchConfig bounds a block. Zero fields take the defaults.
type BatchConfig struct {
	// MaxMessages is the number of transactions; default 500.
	MaxMessages int
	// MaxBytes is the sum of envelope sizes; default 8 MiB. One larger
	// transaction still gets a block of its own.
	MaxBytes int
	// MaxLinger is how long a block waits for company after its first
	// transaction; default 0: it starts as soon as the block before is durable, but
	// a few milliseconds later while blocks hold several transactions anyway.
	MaxLinger time.Duration
	// AbsoluteMaxBytes is the largest envelope accepted; default 99 MiB. It is
	// fixed when the directory is created.
	AbsoluteMaxBytes int
}

var (
	channelName   = regexp.MustCompile(`^[a-z][a-z0-9.-]{0,248}$`)
	chaincodeName = regexp.MustCompile(`^[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*$`)
)

// withDefaults checks the configuration and fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("Config.Dir is empty; name the data directory")
	}
	if !channelName.MatchString(c.Channel) {
		return c, fmt.Errorf("channel name %q: want lower-case letters, digits, dots and dashes, a letter first", c.Channel)
	}
	if c.FS == nil {
		c.FS = privateFiles{vfs.Default}
	}
	if c.Organisations == nil {
		c.Organisations = DefaultOrganisations()
	}
	if len(c.Organisations) == 0 || len(c.Organisations) > maxOrganisations {
		return c, fmt.Errorf("%d organisations, want 1 to %d", len(c.Organisations), maxOrganisations)
	}
	c.Organisations = slices.Clone(c.Organisations)
	slices.Sort(c.Organisations)
	if len(slices.Compact(slices.Clone(c.Organisations))) != len(c.Organisations) {
		return c, fmt.Errorf("organisations %v name one twice", c.Organisations)
	}
	seen := map[string]bool{}
	for _, cc := range c.Chaincodes {
		switch {
		case !chaincodeName.MatchString(cc.Name):
			return c, fmt.Errorf("chaincode name %q: want letters and digits, joined by - or _", cc.Name)
		case cc.Version == "":
			return c, fmt.Errorf("chaincode %s has no version", cc.Name)
		case cc.Chaincode == nil:
			return c, fmt.Errorf("chaincode %s has nothing to run", cc.Name)
		case seen[cc.Name]:
			return c, fmt.Errorf("chaincode %s is configured twice", cc.Name)
		}
		seen[cc.Name] = true
	}
	orDefault(&c.Batch.MaxMessages, 500)
	orDefault(&c.Batch.MaxBytes, 8<<20)
	orDefault(&c.Batch.AbsoluteMaxBytes, 99<<20)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func orDefault(v *int, value int) {
	if *v <= 0 {
		*v = value
	}
}

// definition returns the chaincode's terms in the form the channel records.
func (c *Chaincode) definition() *validation.Definition {
	d := &validation.Definition{Name: c.Name, Version: c.Version, Policy: c.Policy}
	if d.Policy == nil {
		d.Policy = &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{
			ChannelConfigPolicyReference: validation.PolicyEndorsement,
		}}
	}
	for _, coll := range c.Collections {
		d.Collections = append(d.Collections, &peer.StaticCollectionConfig{
			Name: coll.Name,
			MemberOrgsPolicy: &peer.CollectionPolicyConfig{Payload: &peer.CollectionPolicyConfig_SignaturePolicy{
				SignaturePolicy: validation.SignedBy(1, msp.MSPRole_MEMBER, coll.Members...),
			}},
			RequiredPeerCount: coll.RequiredPeerCount,
			MaximumPeerCount:  coll.MaxPeerCount,
			BlockToLive:       coll.BlockToLive,
			MemberOnlyRead:    coll.MemberOnlyRead,
			MemberOnlyWrite:   coll.MemberOnlyWrite,
			EndorsementPolicy: coll.Policy,
		})
	}
	return d
}
