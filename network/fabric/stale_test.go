package fabric

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// aPeer answers as a peer's system chaincodes do, with its height and its configuration at the time.
type aPeer struct {
	peer.UnimplementedEndorserServer
	channel string
	height  func(ctx context.Context) (uint64, error)
	config  func() configuration
}

// serveAsPeer puts a peer in the place of an organisation's, whose administrator's keys it makes.
func serveAsPeer(t *testing.T, n *Network, mspID string, p aPeer) {
	t.Helper()
	require.NoError(t, os.MkdirAll(n.nodeFolder(mspID+"/peer"), 0o700))
	p.channel = n.channel
	port := serveOver(t, keysOf(t, n, mspID, nil), func(s *grpc.Server) { peer.RegisterEndorserServer(s, p) })
	t.Cleanup(n.disconnect)
	for i := range n.plan.Peers {
		if n.plan.Peers[i].MSPID == mspID {
			n.plan.Peers[i].Port = port
		}
	}
}

// serveOver listens with a certificate of a TLS authority.
func serveOver(t *testing.T, tlsca *authority, register func(*grpc.Server)) (port int) {
	t.Helper()
	keys, err := tlsca.issue(&x509.Certificate{
		IPAddresses: []net.IP{net.ParseIP(loopback)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	require.NoError(t, err)
	certificate, err := tls.X509KeyPair(keys.certPEM, keys.keyPEM)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", loopback+":0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().(*net.TCPAddr).Port
}

func (p aPeer) ProcessProposal(ctx context.Context, signed *peer.SignedProposal) (*peer.ProposalResponse, error) {
	var proposal peer.Proposal
	var payload peer.ChaincodeProposalPayload
	var invocation peer.ChaincodeInvocationSpec
	if err := errors.Join(proto.Unmarshal(signed.GetProposalBytes(), &proposal), proto.Unmarshal(proposal.GetPayload(), &payload),
		proto.Unmarshal(payload.GetInput(), &invocation)); err != nil {
		return nil, err
	}
	var answer proto.Message
	switch function := string(invocation.GetChaincodeSpec().GetInput().GetArgs()[0]); function {
	case "GetChainInfo":
		height, err := p.height(ctx)
		if err != nil {
			return nil, err
		}
		answer = &common.BlockchainInfo{Height: height}
	case "GetChannelConfig":
		answer = p.config()
	case "GetChannels":
		answer = &peer.ChannelQueryResponse{Channels: []*peer.ChannelInfo{{ChannelId: p.channel}}}
	default:
		return nil, status.Error(codes.Unimplemented, function)
	}
	content, err := proto.Marshal(answer)
	return &peer.ProposalResponse{Response: &peer.Response{Status: 200, Payload: content}}, err
}

// membersOfAll is a configuration that has all founding organisations.
func membersOfAll(t *testing.T) configuration {
	config := configOfMembers(1)
	for _, id := range Organisations {
		applicationOf(config).Groups[id] = groupWithRoots(t, id, "root\n")
	}
	return config
}

// expiring is a context whose deadline passes when it is told.
type expiring struct {
	context.Context
	passed chan struct{}
}

func (e expiring) Done() <-chan struct{} { return e.passed }

func (e expiring) Err() error {
	select {
	case <-e.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A peer that fetches a long chain is waited for beyond the step's time, and what comes after it has time too.
func TestBlocksComeForLongerThanAStepHas(t *testing.T) {
	for name, wait := range map[string]func(*Network, context.Context) error{"AwaitLevel": (*Network).AwaitLevel, "up": (*Network).up} {
		t.Run(name, func(t *testing.T) {
			n := hostOfLab(t)
			n.stillFor = time.Millisecond // what takes longer is looked at again
			config := membersOfAll(t)
			told := func() configuration { return config }
			step := expiring{t.Context(), make(chan struct{})}
			const whole = 8
			var asked atomic.Uint64
			serveAsPeer(t, n, "ProducerMSP", aPeer{config: told, height: func(context.Context) (uint64, error) { return whole, nil }})
			serveAsPeer(t, n, "LabMSP", aPeer{config: told, height: func(context.Context) (uint64, error) {
				had := asked.Add(1)
				if had == whole-2 {
					close(step.passed)
				}
				return min(had, whole), nil
			}})
			require.NoError(t, wait(n, step))
			require.ErrorIs(t, step.Err(), context.DeadlineExceeded)
			require.GreaterOrEqual(t, asked.Load(), uint64(whole))
		})
	}
}

// The blocks that the highest node has count, also where it was too slow to tell at first.
func TestWhoIsSlowToTellMayBeTheHighest(t *testing.T) {
	n := hostOfLab(t)
	config := membersOfAll(t)
	told := func() configuration { return config }
	var low, slow atomic.Uint64
	serveAsPeer(t, n, "LabMSP", aPeer{config: told, height: func(context.Context) (uint64, error) { return min(4+low.Add(1), 8), nil }})
	serveAsPeer(t, n, "ProducerMSP", aPeer{config: told, height: func(context.Context) (uint64, error) {
		if slow.Add(1) == 1 {
			return 0, status.Error(codes.Unavailable, "not yet")
		}
		return 8, nil
	}})
	require.NoError(t, n.awaitLevel(t.Context()))
	require.GreaterOrEqual(t, low.Load(), uint64(4), "it has 8 blocks when it is asked for the fourth time")
}

// A peer that is slow to tell its height is asked again; one that is not there is not waited for.
func TestPeerThatIsSlowToTell(t *testing.T) {
	n := hostOfLab(t)
	var asked atomic.Uint64
	serveAsPeer(t, n, "LabMSP", aPeer{height: func(context.Context) (uint64, error) {
		if asked.Add(1) < 3 {
			return 0, status.Error(codes.Unavailable, "not yet")
		}
		return 4, nil
	}})
	require.NoError(t, n.AwaitPeer(t.Context(), "LabMSP"))
	n.plan.Peers[1].Port = 1
	n.conns = map[string]*grpc.ClientConn{}
	require.ErrorContains(t, n.AwaitPeer(t.Context(), "LabMSP"), "LabMSP/peer does not tell its height")
}

// aTaker is an orderer that takes updates of the channel's configuration, or not.
type aTaker struct {
	orderer.UnimplementedAtomicBroadcastServer
	answer func() common.Status
}

func (a aTaker) Broadcast(stream orderer.AtomicBroadcast_BroadcastServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	return stream.Send(&orderer.BroadcastResponse{Status: a.answer()})
}

// Orderers that take no update now are handed it again; one that they refuse may be done already, by a command
// that was killed, and is handed in once more only.
func TestUpdateThatIsNotTakenAtOnce(t *testing.T) {
	const ready = common.Status_SUCCESS
	for name, c := range map[string]struct {
		answers []common.Status // one after the other; the last goes on
		inForce int             // after so many answers
		fails   string
	}{
		"no leader":          {answers: []common.Status{503, 503, 503, 503, ready}, inForce: 5},
		"one takes it":       {answers: []common.Status{503, 400, ready}, inForce: 3},
		"done before":        {answers: []common.Status{400}, inForce: 4},
		"refused for good":   {answers: []common.Status{403}, fails: "refused the update: FORBIDDEN"},
		"and one is not up":  {answers: []common.Status{403, 403, 403, 503, 403}, fails: "refused the update: FORBIDDEN"},
		"taken, and refused": {answers: []common.Status{ready, 400}, inForce: 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := hostOfLab(t)
			n.inForceAfter = 300 * time.Millisecond
			n.config.Binaries = t.TempDir()
			translator := "#!/bin/sh\nfor last; do :; done; echo update > \"$last\"\n"
			require.NoError(t, os.WriteFile(filepath.Join(n.config.Binaries, "configtxlator"), []byte(translator), 0o700))
			before, after := configOfMembers(1), configOfMembers(2)
			applicationOf(before).Groups["LabMSP"] = groupWithRoots(t, "LabMSP", "root\n")
			for _, id := range []string{"LabMSP", "CarrierMSP"} {
				applicationOf(after).Groups[id] = groupWithRoots(t, id, "root\n")
			}
			var answers atomic.Int64
			serveAsPeer(t, n, "LabMSP", aPeer{config: func() configuration {
				if c.inForce > 0 && answers.Load() >= int64(c.inForce) {
					return after
				}
				return before
			}})
			for i := range n.plan.Orderers {
				plan := &n.plan.Orderers[i]
				tlsca := replaceTLSAuthority(t, n, peerPlan{nodePlan: nodePlan{Domain: plan.Domain}})
				folder := n.orderingFolder(*plan, "")
				require.NoError(t, os.MkdirAll(filepath.Dir(folder), 0o700))
				require.NoError(t, os.Rename(n.organisationFolder(peerPlan{nodePlan: nodePlan{Domain: plan.Domain}}, ""), folder))
				plan.Port = serveOver(t, tlsca, func(s *grpc.Server) {
					orderer.RegisterAtomicBroadcastServer(s, aTaker{answer: func() common.Status {
						return c.answers[min(int(answers.Add(1)), len(c.answers))-1]
					}})
				})
			}
			err := n.changeMember(t.Context(), "CarrierMSP", true, func(configuration) {})
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				return
			}
			require.NoError(t, err)
			require.True(t, n.isMember("CarrierMSP"))
		})
	}
}

// Endorsements of most that a lagging peer knows of are too few once another has joined: they are gathered anew.
func TestEndorsementsOfMostBeforeAnotherJoined(t *testing.T) {
	few := fmt.Errorf("submit: %w", &client.CommitError{Code: peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE})
	other := &client.CommitError{Code: peer.TxValidationCode_EXPIRED_CHAINCODE}
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		trying context.Context
		err    error
		ends   bool
	}{{t.Context(), nil, false}, {t.Context(), few, false}, {t.Context(), other, true}, {expired, other, false}} {
		err := ofOneTry(c.trying, c.err)
		require.ErrorIs(t, err, c.err)
		require.Equal(t, c.ends, errors.As(err, new(fatalError)), c.err)
	}
}
