package fabric

import (
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

// Orderers are asked for a block: for what it holds (signs.go), or to hear whether they give an organisation any.

// answersIn is how long the orderers may take to answer who asks them for a block.
const answersIn = 2 * time.Second

// endsSoon is before the end of a certificate, since when a refusal may be because of that: orderers
// take a request whose time differs from theirs by so much (Authentication.TimeWindow in orderer.yaml).
const endsSoon = 15 * time.Minute

// answer is how an orderer takes an organisation's request for a block.
type answer int

const (
	unheard answer = iota // it is not reached, or what it says has nothing to do with who asks
	refuses               // all that ask for the organisation
	serves
)

// requests are an organisation's signed requests for the channel's first block, which every orderer has and
// which is small, and whose they are. Who has a certificate that ends is not among them.
func (n *Network) requests(plan peerPlan) (requests []*common.Envelope, who string, err error) {
	first := &orderer.SeekPosition{Type: &orderer.SeekPosition_Oldest{Oldest: &orderer.SeekOldest{}}}
	var whose []string
	add := func(name string, s signer, err error) error {
		if err != nil || time.Until(s.notAfter) < endsSoon {
			return err
		}
		request, err := n.seek(s, first)
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

// seek is a signed request for one block of the channel.
func (n *Network) seek(s signer, block *orderer.SeekPosition) (*common.Envelope, error) {
	info, err := proto.Marshal(&orderer.SeekInfo{
		Start: block, Stop: block, Behavior: orderer.SeekInfo_FAIL_IF_NOT_READY,
		ErrorResponse: orderer.SeekInfo_BEST_EFFORT, // also where orderers cannot reach each other
	})
	if err != nil {
		return nil, err
	}
	return s.envelope(common.HeaderType_DELIVER_SEEK_INFO, n.channel, info)
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
	given := unheard
	for range p.addresses {
		given = max(given, <-answers)
	}
	return given
}

func askAt(ctx context.Context, address string, roots *x509.CertPool, requests []*common.Envelope) answer {
	conn, err := dialOrderer(address, roots)
	if err != nil {
		return unheard
	}
	defer conn.Close()
	given := refuses
	for _, request := range requests {
		switch _, status, err := deliver(ctx, conn, request); {
		case err == nil && status == common.Status_SUCCESS:
			return serves
		case err != nil || status != common.Status_FORBIDDEN:
			given = unheard
		}
	}
	return given
}

// dialOrderer connects to an orderer over TLS.
func dialOrderer(address string, roots *x509.CertPool) (*grpc.ClientConn, error) {
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
}

// deliver sends a request for a block: the block, nil where there is none, and the status with which the
// orderer ends its answer.
func deliver(ctx context.Context, conn *grpc.ClientConn, request *common.Envelope) (block *common.Block, status common.Status, err error) {
	stream, err := orderer.NewAtomicBroadcastClient(conn).Deliver(ctx)
	if err != nil {
		return nil, 0, err
	}
	if err := errors.Join(stream.Send(request), stream.CloseSend()); err != nil {
		return nil, 0, err
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return nil, 0, err
		}
		if answer.GetBlock() == nil {
			return block, answer.GetStatus(), nil
		}
		block = answer.GetBlock()
	}
}
