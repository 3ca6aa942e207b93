package fabric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Chaincode is what Deploy puts on the channel.
type Chaincode struct {
	Name    string // as clients name it
	Version string // for people; the program's own hash is in the package
	// Binary is the program, served as the package comment says. Deploy keeps
	// a copy.
	Binary    string
	Arguments []string // of the program
	// Collections is a private data collections file in the form of Fabric's
	// peer command; empty means none.
	Collections []byte
	// Policy is the endorsement policy in Fabric's notation (ParsePolicy);
	// empty means the channel's own: most organisations.
	Policy string
}

// definition is what all organisations agree on.
type definition struct {
	sequence    int64
	name        string
	version     string
	validation  []byte // peer.ApplicationPolicy
	collections *peer.CollectionConfigPackage
	packageID   string
}

// Deploy runs the full lifecycle: it starts each organisation's chaincode
// process, installs the package on every peer, approves the definition for
// every organisation, commits it, and returns when every peer knows that every
// other one can endorse, which is when all gateways accept submits. Deploying
// what is deployed already only waits for that; a changed program, version,
// policy or collection becomes the next sequence and its processes replace the
// old ones.
func (n *Network) Deploy(ctx context.Context, chaincode Chaincode) error {
	n.deploying.Lock()
	defer n.deploying.Unlock()
	began := time.Now()
	wanted, err := newDefinition(chaincode)
	if err != nil {
		return err
	}
	pack, err := n.packageChaincode(chaincode)
	if err != nil {
		return err
	}
	wanted.packageID = pack.id
	current, err := n.committed(ctx, chaincode.Name)
	if err != nil {
		return err
	}
	if current == nil || !n.serves(chaincode.Name, pack.id) || !wanted.equals(current) {
		wanted.sequence = current.GetSequence() + 1
		if err := n.install(ctx, chaincode, pack, wanted); err != nil {
			return fmt.Errorf("deploy %s %s: %w", chaincode.Name, chaincode.Version, err)
		}
	}
	if err := n.awaitEndorsers(ctx, chaincode.Name); err != nil {
		return fmt.Errorf("deploy %s %s: %w", chaincode.Name, chaincode.Version, err)
	}
	n.logger.Info("chaincode is deployed", "name", chaincode.Name, "version", chaincode.Version, "package", pack.id, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

func newDefinition(chaincode Chaincode) (definition, error) {
	if chaincode.Name == "" || chaincode.Version == "" {
		return definition{}, errors.New("deploy: a chaincode needs a name and a version")
	}
	collections, err := parseCollections(chaincode.Collections)
	if err != nil {
		return definition{}, fmt.Errorf("deploy %s: %w", chaincode.Name, err)
	}
	policy, err := applicationPolicy(chaincode.Policy, "")
	if chaincode.Policy == "" {
		policy, err = applicationPolicy("", "/Channel/Application/Endorsement")
	}
	if err != nil {
		return definition{}, fmt.Errorf("deploy %s: %w", chaincode.Name, err)
	}
	validation, err := proto.Marshal(policy)
	if err != nil {
		return definition{}, err
	}
	return definition{name: chaincode.Name, version: chaincode.Version, validation: validation, collections: collections}, nil
}

// equals compares with what is committed, package and sequence aside.
func (d definition) equals(committed *lifecycle.QueryChaincodeDefinitionResult) bool {
	return d.version == committed.GetVersion() &&
		slices.Equal(d.validation, committed.GetValidationParameter()) &&
		(len(d.collections.GetConfig()) == 0 && len(committed.GetCollections().GetConfig()) == 0 ||
			proto.Equal(d.collections, committed.GetCollections()))
}

func (d definition) approval() proto.Message {
	return &lifecycle.ApproveChaincodeDefinitionForMyOrgArgs{
		Sequence: d.sequence, Name: d.name, Version: d.version,
		EndorsementPlugin: "escc", ValidationPlugin: "vscc", ValidationParameter: d.validation,
		Collections: d.collections,
		Source: &lifecycle.ChaincodeSource{Type: &lifecycle.ChaincodeSource_LocalPackage{
			LocalPackage: &lifecycle.ChaincodeSource_Local{PackageId: d.packageID},
		}},
	}
}

func (d definition) commit() proto.Message {
	return &lifecycle.CommitChaincodeDefinitionArgs{
		Sequence: d.sequence, Name: d.name, Version: d.version,
		EndorsementPlugin: "escc", ValidationPlugin: "vscc", ValidationParameter: d.validation,
		Collections: d.collections,
	}
}

// install takes a package from the processes to the committed definition.
func (n *Network) install(ctx context.Context, chaincode Chaincode, pack chaincodePackage, wanted definition) error {
	services, err := n.startServices(ctx, chaincode, pack)
	if err != nil {
		return err
	}
	group, groupContext := errgroup.WithContext(ctx)
	for _, plan := range n.plan.Peers {
		group.Go(func() error {
			if err := n.installOn(groupContext, plan, pack); err != nil {
				return err
			}
			return n.submitLifecycle(groupContext, plan, "ApproveChaincodeDefinitionForMyOrg", wanted.approval(), plan.MSPID)
		})
	}
	err = group.Wait()
	if err == nil {
		err = n.submitLifecycle(ctx, n.plan.Peers[0], "CommitChaincodeDefinition", wanted.commit(), Organisations[:]...)
	}
	if err != nil {
		for _, service := range services {
			service.node.Kill()
		}
		return err
	}
	return n.adoptServices(chaincode.Name, services)
}

func (n *Network) installOn(ctx context.Context, plan peerPlan, pack chaincodePackage) error {
	query, err := proto.Marshal(&lifecycle.QueryInstalledChaincodeArgs{PackageId: pack.id})
	if err != nil {
		return err
	}
	if _, err := n.invokePeer(ctx, plan, "", "_lifecycle", []byte("QueryInstalledChaincode"), query); err == nil {
		return nil
	}
	args, err := proto.Marshal(&lifecycle.InstallChaincodeArgs{ChaincodeInstallPackage: pack.content})
	if err != nil {
		return err
	}
	_, err = n.invokePeer(ctx, plan, "", "_lifecycle", []byte("InstallChaincode"), args)
	return err
}

// committed returns the definition on the channel, nil when there is none.
func (n *Network) committed(ctx context.Context, name string) (*lifecycle.QueryChaincodeDefinitionResult, error) {
	plan := n.plan.Peers[0]
	all, err := proto.Marshal(&lifecycle.QueryChaincodeDefinitionsArgs{})
	if err != nil {
		return nil, err
	}
	answer, err := n.invokePeer(ctx, plan, n.channel, "_lifecycle", []byte("QueryChaincodeDefinitions"), all)
	if err != nil {
		return nil, err
	}
	var list lifecycle.QueryChaincodeDefinitionsResult
	if err := proto.Unmarshal(answer, &list); err != nil {
		return nil, err
	}
	for _, entry := range list.GetChaincodeDefinitions() {
		if entry.GetName() == name {
			return &lifecycle.QueryChaincodeDefinitionResult{
				Sequence:            entry.GetSequence(),
				Version:             entry.GetVersion(),
				ValidationParameter: entry.GetValidationParameter(),
				Collections:         entry.GetCollections(),
			}, nil
		}
	}
	return nil, nil
}

// submitLifecycle submits a lifecycle transaction through an organisation's
// own gateway and waits until it is committed. Right after a start the peers
// have not all met, the orderers may still elect a leader, and the peers differ
// in height: what that causes is tried again.
func (n *Network) submitLifecycle(ctx context.Context, plan peerPlan, function string, message proto.Message, endorsers ...string) error {
	args, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	admin, err := n.administrator(plan)
	if err != nil {
		return err
	}
	conn, err := n.Conn(plan.MSPID)
	if err != nil {
		return err
	}
	connection, err := client.Connect(admin.id, client.WithSign(admin.sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn))
	if err != nil {
		return err
	}
	defer connection.Close()
	contract := connection.GetNetwork(n.channel).GetContract("_lifecycle")
	err = poll(ctx, 200*time.Millisecond, func() (bool, error) {
		_, err := contract.SubmitWithContext(ctx, function, client.WithBytesArguments(args), client.WithEndorsingOrganizations(endorsers...))
		switch {
		case err == nil:
			return true, nil
		case transient(err):
			return false, err
		default:
			return false, fatal(err)
		}
	})
	if err != nil {
		return fmt.Errorf("%s for %s: %w%s", function, plan.MSPID, err, endorserDetails(err))
	}
	return nil
}

// transient tells the refusals of a network that is settling from those that
// will stay. The outcome of a failed submit is unknown, but lifecycle
// transactions may be repeated: what was committed meanwhile is refused with a
// definite error.
func transient(err error) bool {
	var commit *client.CommitError
	if errors.As(err, &commit) {
		return commit.Code == peer.TxValidationCode_MVCC_READ_CONFLICT || commit.Code == peer.TxValidationCode_PHANTOM_READ_CONFLICT
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.FailedPrecondition:
		return true
	}
	return false
}

// endorserDetails lists what the single peers said; the error itself only says
// that they refused.
func endorserDetails(err error) string {
	text := ""
	for _, detail := range status.Convert(err).Details() {
		if said, ok := detail.(*gateway.ErrorDetail); ok {
			text += fmt.Sprintf("; %s at %s: %s", said.GetMspId(), said.GetAddress(), said.GetMessage())
		}
	}
	return text
}
