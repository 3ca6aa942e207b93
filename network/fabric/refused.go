package fabric

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
)

// The block that takes an organisation out of the channel is kept from its own peer, whose configuration
// goes on to list it. Where the others keep their keys elsewhere, nobody here tells; the orderers do, which
// give blocks to the channel's readers only (Fabric's common/deliver: status FORBIDDEN).

// answersIn is how long the orderers may take to answer who asks them for a block.
const answersIn = 2 * time.Second

// askAgain is how long those who wait for something leave the orderers alone.
const askAgain = 2 * time.Second

// endsSoon is before the end of a certificate, since when a refusal may be because of that: orderers
// take a request whose time differs from theirs by so much (Authentication.TimeWindow in orderer.yaml).
const endsSoon = 15 * time.Minute

// answer is how an orderer takes an organisation's request for a block.
type answer int

const (
	silent  answer = iota // it is not reached, or what it says has nothing to do with who asks
	refuses               // all that ask for the organisation
	serves
)

// tally is how the channel's orderers answer an organisation.
type tally struct {
	refusing, orderers int
	who                string // asked for the organisation
}

func (t tally) String() string {
	return fmt.Sprintf("%d of %d orderers refuse %s", t.refusing, t.orderers, t.who)
}

// out tells whether the channel has the organisation no more. Every block is signed by a quorum of the
// orderers; those that can lack the one which took a newcomer in, with those that may lie, are fewer.
func (t tally) out() bool { return t.refusing >= quorum(t.orderers) }

// quorum is how many of the orderers sign a block (SmartBFT's computeQuorum).
func quorum(orderers int) int {
	faulty := (orderers - 1) / 3
	return (orderers + faulty + 2) / 2 // half of n + f + 1, rounded up
}

// beside adds to what went wrong that some orderers refuse the organisation, which may be why.
func (t tally) beside(err error) error {
	if t.refusing == 0 {
		return err
	}
	var last fatalError
	if errors.As(err, &last) {
		return fatal(fmt.Errorf("%w; %s", last.error, t))
	}
	return fmt.Errorf("%w; %s", err, t)
}

// noMember is the error of what only a member of the channel can do.
func noMember(plan peerPlan, t tally) error {
	why := ""
	if t.refusing > 0 {
		// One whose authority was taken out of its definition gets no blocks either.
		why = ", or not the authority of its certificates: " + t.String()
	}
	return fmt.Errorf("the channel has %[1]s no more%[2]s; its nodes are left alone. It is taken in again by traceledger network add -msp %[1]s -kind %[3]s "+
		"where the keys of most members' administrators are, else by Fabric's tools (docs/operations.md)", plan.MSPID, why, cmp.Or(plan.Kind, plan.MSPID))
}

// allDeparted is an error where the keys of administrators are here, and the channel has none of their
// organisations.
func (n *Network) allDeparted() error {
	if len(n.administered()) > 0 {
		return nil
	}
	var gone []error
	for _, plan := range n.planned().Peers {
		if n.administers(plan) {
			n.mu.Lock()
			t := n.refused[plan.MSPID]
			n.mu.Unlock()
			gone = append(gone, noMember(plan, t))
		}
	}
	return errors.Join(gone...)
}

// askOrderers takes note of the organisations that a quorum of the orderers refuses. It asks for those whose
// administrators are here, and nobody where all members' are: then some peer here has the newest configuration.
func (n *Network) askOrderers(ctx context.Context) {
	if len(n.Absent()) == 0 {
		return
	}
	own := slices.DeleteFunc(slices.Clone(n.planned().Peers), func(plan peerPlan) bool { return !n.administers(plan) })
	told, _ := n.configsOf(ctx, own)
	own = slices.DeleteFunc(own, func(plan peerPlan) bool { return told[plan.MSPID] == nil })
	slices.SortStableFunc(own, func(a, b peerPlan) int {
		return cmp.Compare(told[b.MSPID].GetSequence(), told[a.MSPID].GetSequence())
	})
	refused := map[string]tally{}
	for _, plan := range own {
		t, err := n.refusals(ctx, plan, told[plan.MSPID])
		if err != nil {
			n.logger.Warn("the orderers are not asked whether the channel has an organisation", "msp", plan.MSPID, "error", err)
			return
		}
		if !t.out() {
			break // its peer gets every block, and tells of the others here
		}
		refused[plan.MSPID] = t
	}
	if len(own) > 0 {
		n.mu.Lock()
		n.refused = refused
		n.mu.Unlock()
	}
}

// refusals asks the orderers of a configuration for a block as the organisation's administrator, and as its peer
// if its keys are here: the certificate of one may be revoked.
func (n *Network) refusals(ctx context.Context, plan peerPlan, config configuration) (tally, error) {
	requests, who, err := n.requests(plan)
	if err != nil || len(requests) == 0 {
		return tally{}, err
	}
	places, err := n.orderersIn(config)
	if err != nil {
		return tally{}, err
	}
	asking, cancel := context.WithTimeout(ctx, answersIn)
	defer cancel()
	answers := make(chan answer, len(places))
	for _, place := range places {
		go func() { answers <- place.ask(asking, requests) }()
	}
	t := tally{orderers: len(places), who: who}
	for range places {
		if <-answers == refuses {
			t.refusing++
		}
	}
	return t, ctx.Err()
}

// requests are an organisation's signed requests for the channel's first block, which every orderer has and
// which is small, and whose they are. Who has a certificate that ends is not among them.
func (n *Network) requests(plan peerPlan) (requests []*common.Envelope, who string, err error) {
	first := &orderer.SeekPosition{Type: &orderer.SeekPosition_Oldest{Oldest: &orderer.SeekOldest{}}}
	seek, err := proto.Marshal(&orderer.SeekInfo{
		Start: first, Stop: first, Behavior: orderer.SeekInfo_FAIL_IF_NOT_READY,
		ErrorResponse: orderer.SeekInfo_BEST_EFFORT, // also where orderers cannot reach each other
	})
	if err != nil {
		return nil, "", err
	}
	var whose []string
	add := func(name string, s signer, err error) error {
		if err != nil || time.Until(s.notAfter) < endsSoon {
			return err
		}
		request, err := s.envelope(common.HeaderType_DELIVER_SEEK_INFO, n.channel, seek)
		requests, whose = append(requests, request), append(whose, name)
		return err
	}
	s, err := n.administrator(plan)
	if err := add("its administrator", s, err); err != nil {
		return nil, "", err
	}
	if folder := n.nodeFolder(plan.name() + "/msp"); exists(folder) {
		s, err := signerIn(folder, plan.MSPID, plan.Hostname+"."+plan.Domain)
		if err := add("its peer", s, err); err != nil {
			return nil, "", err
		}
	}
	return requests, strings.Join(whose, " and "), nil
}

// ordererPlace is where one orderer is asked.
type ordererPlace struct {
	addresses []string // where it may be
	roots     *x509.CertPool
}

// orderersIn are the orderers of a configuration. One that has moved since is where topology.json tells.
func (n *Network) orderersIn(config configuration) ([]ordererPlace, error) {
	group := config.GetChannelGroup().GetGroups()["Orderer"]
	var mapped common.Orderers
	if err := proto.Unmarshal(group.GetValues()["Orderers"].GetValue(), &mapped); err != nil {
		return nil, fmt.Errorf("the orderers in the channel's configuration: %w", err)
	}
	roots, err := tlsRootsIn(group.GetGroups())
	if err != nil {
		return nil, err
	}
	each := map[string]int{}
	for _, consenter := range mapped.GetConsenterMapping() {
		each[consenter.GetMspId()]++
	}
	var places []ordererPlace
	for _, consenter := range mapped.GetConsenterMapping() {
		place := ordererPlace{roots: x509.NewCertPool()}
		place.roots.AppendCertsFromPEM([]byte(roots[consenter.GetMspId()]))
		place.add(net.JoinHostPort(consenter.GetHost(), strconv.Itoa(int(consenter.GetPort()))))
		if each[consenter.GetMspId()] == 1 {
			var endpoints common.OrdererAddresses
			if err := proto.Unmarshal(group.GetGroups()[consenter.GetMspId()].GetValues()["Endpoints"].GetValue(), &endpoints); err != nil {
				return nil, fmt.Errorf("the addresses of %s in the channel's configuration: %w", consenter.GetMspId(), err)
			}
			for _, address := range endpoints.GetAddresses() {
				place.add(address)
			}
			for _, plan := range n.planned().Orderers {
				if plan.MSPID == consenter.GetMspId() {
					place.add(plan.Address())
				}
			}
		}
		places = append(places, place)
	}
	return places, nil
}

func (p *ordererPlace) add(address string) {
	if !slices.Contains(p.addresses, address) {
		p.addresses = append(p.addresses, address)
	}
}

// ask sends the requests to wherever the orderer may be.
func (p ordererPlace) ask(ctx context.Context, requests []*common.Envelope) answer {
	answers := make(chan answer, len(p.addresses))
	for _, address := range p.addresses {
		go func() { answers <- askAt(ctx, address, p.roots, requests) }()
	}
	given := silent
	for range p.addresses {
		given = max(given, <-answers)
	}
	return given
}

func askAt(ctx context.Context, address string, roots *x509.CertPool, requests []*common.Envelope) answer {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})))
	if err != nil {
		return silent
	}
	defer conn.Close()
	given := refuses
	for _, request := range requests {
		switch status, err := deliver(ctx, conn, request); {
		case err == nil && status == common.Status_SUCCESS:
			return serves
		case err != nil || status != common.Status_FORBIDDEN:
			given = silent
		}
	}
	return given
}

// deliver is the status with which an orderer ends its answer to a request for blocks.
func deliver(ctx context.Context, conn *grpc.ClientConn, request *common.Envelope) (common.Status, error) {
	stream, err := orderer.NewAtomicBroadcastClient(conn).Deliver(ctx)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(stream.Send(request), stream.CloseSend()); err != nil {
		return 0, err
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return 0, err
		}
		if _, block := answer.GetType().(*orderer.DeliverResponse_Block); !block {
			return answer.GetStatus(), nil
		}
	}
}
