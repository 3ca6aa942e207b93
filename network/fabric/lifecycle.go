package fabric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// Policy is the endorsement policy in Fabric's notation (ParsePolicy); empty means
	// that of the definition on the channel, or where there is none the channel's own:
	// most organisations, whoever they come to be.
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
// what is deployed already only adds what is missing of that; a changed program,
// version, policy or collection becomes the next sequence, organisation by
// organisation while the channel works on, and its processes replace the old
// ones. An interrupted Deploy is finished by the next.
func (n *Network) Deploy(ctx context.Context, chaincode Chaincode) error {
	n.deploying.Lock()
	defer n.deploying.Unlock()
	began := time.Now()
	if _, err := n.learnMembers(ctx); err != nil {
		return err
	}
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
	if current != nil && chaincode.Policy == "" {
		wanted.validation = current.GetValidationParameter()
	}
	if err := n.adoptCommitted(ctx, chaincode.Name, current.GetSequence()); err != nil {
		return err
	}
	if current == nil || !n.serves(chaincode.Name, pack.id) || !wanted.equals(current) {
		wanted.sequence = current.GetSequence() + 1
	} else {
		wanted.sequence = current.GetSequence()
	}
	if err := n.install(ctx, chaincode, pack, wanted); err != nil {
		return fmt.Errorf("deploy %s %s: %w", chaincode.Name, chaincode.Version, err)
	}
	n.logger.Info("chaincode is deployed", "name", chaincode.Name, "version", chaincode.Version, "package", pack.id, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// Heal adds what is missing of the chaincode that the channel has: programs that
// are not installed, approvals that were not given. Where a policy is named (as
// Chaincode.Policy) and the channel's definition has another majority, the same program
// becomes the next sequence with it; not while an upgrade is half way, and a policy that
// somebody chose is left alone. deployed is false when the channel has no chaincode of that
// name; then Deploy is to be called.
func (n *Network) Heal(ctx context.Context, name, policy string) (deployed bool, err error) {
	n.deploying.Lock()
	defer n.deploying.Unlock()
	current, err := n.committed(ctx, name)
	if err != nil || current == nil {
		return false, err
	}
	if err := n.adoptCommitted(ctx, name, current.GetSequence()); err != nil {
		return false, err
	}
	service, ok := n.deployed(name)
	if !ok {
		return false, fmt.Errorf("the channel has %s, but this folder knows of no program that serves it", name)
	}
	chaincode := Chaincode{Name: name, Version: service.Version, Binary: n.programOf(service), Arguments: service.Arguments}
	pack, err := n.packageChaincode(chaincode)
	if err != nil {
		return false, err
	}
	if pack.id != service.PackageID {
		return false, fmt.Errorf("%s is no longer the program of package %s", n.programOf(service), service.PackageID)
	}
	wanted := definition{
		sequence: current.GetSequence(), name: name, version: current.GetVersion(),
		validation: current.GetValidationParameter(), collections: current.GetCollections(), packageID: pack.id,
	}
	if err := n.renewPolicy(&wanted, policy); err != nil {
		return false, fmt.Errorf("heal %s: %w", name, err)
	}
	err = n.install(ctx, chaincode, pack, wanted)
	if errors.Is(err, errApprovalLost) {
		// The approval of a sequence is given once, and an organisation that has
		// lost the data of its only peer has lost it. The same definition at the
		// next sequence is approved anew by all.
		n.logger.Warn("an organisation has lost its approval; the same definition is committed again", "chaincode", name, "because", err)
		wanted.sequence++
		err = n.install(ctx, chaincode, pack, wanted)
	}
	if err != nil {
		return false, fmt.Errorf("heal %s %s: %w", name, service.Version, err)
	}
	return true, nil
}

// Version is the version of a chaincode that the network runs, "" for none.
func (n *Network) Version(name string) string {
	service, _ := n.deployed(name)
	return service.Version
}

func newDefinition(chaincode Chaincode) (definition, error) {
	if chaincode.Name == "" || chaincode.Version == "" {
		return definition{}, errors.New("deploy: a chaincode needs a name and a version")
	}
	collections, err := parseCollections(chaincode.Collections)
	if err != nil {
		return definition{}, fmt.Errorf("deploy %s: %w", chaincode.Name, err)
	}
	validation, err := endorsement(chaincode.Policy)
	if err != nil {
		return definition{}, fmt.Errorf("deploy %s: %w", chaincode.Name, err)
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

// install takes a package from the processes to the committed definition,
// leaving out what has been done already.
func (n *Network) install(ctx context.Context, chaincode Chaincode, pack chaincodePackage, wanted definition) error {
	if !n.serves(chaincode.Name, pack.id) {
		if err := n.planServices(chaincode, pack, wanted.sequence); err != nil {
			return err
		}
	} else if err := n.completeServices(chaincode, pack); err != nil {
		return err
	}
	group, groupContext := errgroup.WithContext(ctx)
	if wanted.sequence > 1 {
		group.SetLimit(1) // one organisation after the other: the channel is in use
	}
	for _, plan := range n.inChannel() {
		group.Go(func() error {
			if err := n.startService(groupContext, plan, pack); err != nil {
				return err
			}
			if err := n.installOn(groupContext, plan, pack); err != nil {
				return err
			}
			return n.approve(groupContext, plan, wanted)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := n.commit(ctx, wanted); err != nil {
		return err
	}
	if err := n.awaitEndorsers(ctx, chaincode.Name); err != nil {
		return err
	}
	return n.adoptServices(chaincode.Name, wanted.sequence, pack.id)
}

// adoptCommitted takes in the processes whose definition was committed before an upgrade was
// interrupted, if that is what was committed.
func (n *Network) adoptCommitted(ctx context.Context, name string, committed int64) error {
	_, waiting := n.service(func(s servicePlan) bool { return s.Chaincode == name && s.Incoming > 0 && s.Incoming <= committed })
	if !waiting {
		return nil
	}
	packageID, err := n.approvedPackage(ctx, name, committed)
	if err != nil {
		return fmt.Errorf("which program of %s the organisations have approved: %w", name, err)
	}
	return n.adoptServices(name, committed, packageID)
}

// approvedPackage is the package that the organisations approved for a committed sequence,
// as the first that has not lost its approval says: it is one for all.
func (n *Network) approvedPackage(ctx context.Context, name string, sequence int64) (string, error) {
	var failed []error
	for _, plan := range n.inChannel() {
		found, err := n.approval(ctx, plan, name, sequence)
		if id := found.GetSource().GetLocalPackage().GetPackageId(); err == nil && id != "" {
			return id, nil
		}
		failed = append(failed, err)
	}
	return "", errors.Join(failed...)
}

// errApprovalLost says that a peer knows the hash of its organisation's approval
// but not the approval, which is private data of the organisation.
var errApprovalLost = errors.New("the organisation's approval is lost")

// approve gives an organisation's approval unless it has been given.
func (n *Network) approve(ctx context.Context, plan peerPlan, wanted definition) error {
	given := func() (bool, error) {
		err := n.approved(ctx, plan, wanted)
		if errors.Is(err, errApprovalLost) {
			return false, err
		}
		return err == nil, nil // what is wrong otherwise, the submit tells
	}
	return n.submitLifecycle(ctx, plan, "ApproveChaincodeDefinitionForMyOrg", wanted.approval(), given, plan.MSPID)
}

// approved gives an error unless the organisation has approved this very
// definition and package.
func (n *Network) approved(ctx context.Context, plan peerPlan, wanted definition) error {
	found, err := n.approval(ctx, plan, wanted.name, wanted.sequence)
	if err != nil {
		return err
	}
	same := wanted.equals(&lifecycle.QueryChaincodeDefinitionResult{
		Version: found.GetVersion(), ValidationParameter: found.GetValidationParameter(), Collections: found.GetCollections(),
	})
	if !same || found.GetSource().GetLocalPackage().GetPackageId() != wanted.packageID {
		return fmt.Errorf("%s has approved another definition as sequence %d", plan.MSPID, wanted.sequence)
	}
	return nil
}

// approval is what an organisation has approved as a sequence.
func (n *Network) approval(ctx context.Context, plan peerPlan, name string, sequence int64) (*lifecycle.QueryApprovedChaincodeDefinitionResult, error) {
	query, err := proto.Marshal(&lifecycle.QueryApprovedChaincodeDefinitionArgs{Name: name, Sequence: sequence})
	if err != nil {
		return nil, err
	}
	raw, err := n.invokePeer(ctx, plan, n.channel, "_lifecycle", []byte("QueryApprovedChaincodeDefinition"), query)
	if err != nil {
		if strings.Contains(err.Error(), "private data matching public hash version is not available") {
			return nil, fmt.Errorf("%w: %w", errApprovalLost, err)
		}
		return nil, err
	}
	var found lifecycle.QueryApprovedChaincodeDefinitionResult
	return &found, proto.Unmarshal(raw, &found)
}

// commit commits the definition unless it has been, and waits until every peer
// has it.
func (n *Network) commit(ctx context.Context, wanted definition) error {
	done := func() (bool, error) {
		current, err := n.committed(ctx, wanted.name)
		return err == nil && current.GetSequence() >= wanted.sequence, nil
	}
	members := n.inChannel()
	if err := n.submitLifecycle(ctx, members[0], "CommitChaincodeDefinition", wanted.commit(), done, n.membersHere()...); err != nil {
		return err
	}
	for _, plan := range members {
		err := poll(ctx, 50*time.Millisecond, func() (bool, error) {
			current, err := n.committedOn(ctx, plan, wanted.name)
			if err == nil && current.GetSequence() < wanted.sequence {
				err = fmt.Errorf("the peer of %s has %s at sequence %d, not %d yet", plan.MSPID, wanted.name, current.GetSequence(), wanted.sequence)
			}
			return err == nil, err
		})
		if err != nil {
			return err
		}
	}
	return nil
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
	if err != nil && strings.Contains(err.Error(), "already successfully installed") { // the question before was not answered
		return nil
	}
	return err
}

// committed returns the definition on the channel, nil when there is none. A
// peer that was away may not have heard of the newest yet, so all are asked.
func (n *Network) committed(ctx context.Context, name string) (*lifecycle.QueryChaincodeDefinitionResult, error) {
	var newest *lifecycle.QueryChaincodeDefinitionResult
	for _, plan := range n.inChannel() {
		found, err := n.committedOn(ctx, plan, name)
		if err != nil {
			return nil, err
		}
		if found.GetSequence() > newest.GetSequence() {
			newest = found
		}
	}
	return newest, nil
}

// committedOn is what one peer has heard of.
func (n *Network) committedOn(ctx context.Context, plan peerPlan, name string) (*lifecycle.QueryChaincodeDefinitionResult, error) {
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
// in height: what that causes is tried again. Before each try done is asked, as
// the outcome of the one before may be unknown and what has been committed is
// refused another time.
func (n *Network) submitLifecycle(ctx context.Context, plan peerPlan, function string, message proto.Message, done func() (bool, error), endorsers ...string) error {
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
		if already, err := done(); already || err != nil {
			if err != nil {
				err = fatal(err)
			}
			return already, err
		}
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
// will stay.
func transient(err error) bool {
	var commit *client.CommitError
	if errors.As(err, &commit) {
		return commit.Code == peer.TxValidationCode_MVCC_READ_CONFLICT || commit.Code == peer.TxValidationCode_PHANTOM_READ_CONFLICT
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.FailedPrecondition,
		codes.DeadlineExceeded, // of the peer's own patience with endorsers; the caller's ends poll
		codes.Aborted:          // of endorsers at different heights
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
