package conformance

import (
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
)

// The organisations that an engine must have, with one peer each.
const (
	producer  = "ProducerMSP"
	lab       = "LabMSP"
	carrier   = "CarrierMSP"
	platform  = "PlatformMSP"
	regulator = "RegulatorMSP"
)

var organisations = []string{producer, lab, carrier, platform, regulator}

// What every engine is set up with. Settings that are part of the semantics are
// fixed here so that both engines are judged by the same ones.
const (
	// Channel is the one channel.
	Channel = "trace"
	// Chaincode is the name under which the conformance chaincode is deployed.
	// Its endorsement policy is the channel's default: most organisations.
	Chaincode = "conformance"
	// Version is its version.
	Version = "1"
	// MaxTransactionBytes is the largest envelope the orderers accept.
	MaxTransactionBytes = 10 << 20
)

// Collection is a private data collection of the chaincode. Its holders' peers
// are Members; one peer of EndorsedBy, when set, endorses its writes in place of
// the chaincode's policy.
type Collection struct {
	Name            string
	Members         []string
	BlockToLive     uint64
	MemberOnlyRead  bool
	MemberOnlyWrite bool
	EndorsedBy      string
}

// Collections are those that the tests use.
var Collections = []Collection{
	// Only the holders' clients may read and write.
	{Name: "pair", Members: []string{producer, lab}, MemberOnlyRead: true, MemberOnlyWrite: true},
	// Others' clients may ask the holders' peers, and write.
	{Name: "open", Members: []string{producer, lab}},
	// Gone after two more blocks.
	{Name: "brief", Members: []string{producer, lab}, BlockToLive: 2, MemberOnlyRead: true, MemberOnlyWrite: true},
	// Under a policy of its own.
	{Name: "ruled", Members: []string{producer, lab}, EndorsedBy: lab},
}

// An Engine is a ledger under test, with channel, chaincode and collections as
// above already in place.
type Engine interface {
	// Name is for messages.
	Name() string
	// Conn is a connection to the gateway of an organisation. An engine that
	// has one gateway for all returns that.
	Conn(t *testing.T, mspID string) grpc.ClientConnInterface
	// Enrol issues an identity of an organisation, with attributes; a zero
	// notAfter leaves its end to the engine.
	Enrol(t *testing.T, mspID, name string, attributes map[string]string, notAfter time.Time) (identity.Identity, identity.Sign)
}
