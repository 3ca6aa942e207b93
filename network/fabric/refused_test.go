package fabric

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// TestRefusedByOrderers has orderers of every kind asked for the laboratory, as its administrator and its peer.
func TestRefusedByOrderers(t *testing.T) {
	const (
		refusing = "F" // FORBIDDEN to the organisation
		admin    = "A" // to its administrator only, whose certificate was revoked
		serving  = "B" // gives the block
		ill      = "U" // SERVICE_UNAVAILABLE
		apart    = "N" // NOT_FOUND: not on the channel
		hanging  = "H"
		down     = "-"
		foreign  = "X" // refuses, with a certificate of another authority
		moved    = "M" // refuses, where topology.json tells and not the configuration
	)
	for _, c := range []struct {
		orderers string
		end      map[string]time.Duration // of certificates, by whose
		who      string
		refusing int
		out      bool
	}{
		{orderers: "FFFF", refusing: 4, out: true},
		{orderers: "FFF-", refusing: 3, out: true},
		{orderers: "FFFB", refusing: 3, out: true}, // one has not read that it left
		{orderers: "FMFH", refusing: 3, out: true},
		{orderers: "FFBB", refusing: 2},
		{orderers: "FF--", refusing: 2},
		{orderers: "FFXX", refusing: 2},
		{orderers: "FUNB", refusing: 1},
		{orderers: "BBBF", refusing: 1}, // one has not read that it joined
		{orderers: "BBBB"},
		{orderers: "AAAA"},
		{orderers: "----"},
		{orderers: "AAAA", end: map[string]time.Duration{"peer": time.Minute}, who: "its administrator", refusing: 4, out: true},
		{orderers: "FFFF", end: map[string]time.Duration{"admin": -time.Hour}, who: "its peer", refusing: 4, out: true},
		{orderers: "AAAA", end: map[string]time.Duration{"admin": -time.Hour}, who: "its peer"},
	} {
		t.Run(fmt.Sprint(c.orderers, c.end), func(t *testing.T) {
			t.Parallel()
			n := hostOfLab(t)
			lab := labsKeys(t, n, c.end)
			config := &common.Config{ChannelGroup: &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Orderer": {Groups: map[string]*common.ConfigGroup{}}}}}
			var mapped common.Orderers
			for i := range n.plan.Orderers {
				plan := &n.plan.Orderers[i]
				ca := replaceTLSAuthority(t, n, peerPlan{nodePlan: nodePlan{Domain: plan.Domain}})
				config.ChannelGroup.Groups["Orderer"].Groups[plan.MSPID] = groupWithRoots(t, plan.MSPID, string(ca.certPEM))
				behaves := c.orderers[i : i+1]
				if behaves == foreign {
					ca = replaceTLSAuthority(t, n, peerPlan{nodePlan: nodePlan{Domain: "false.example"}})
				}
				known := plan.nodePlan
				if behaves != down {
					plan.Port = serveAsOrderer(t, ca, lab, n.channel, func(ctx context.Context, whose string) common.Status {
						switch {
						case behaves == ill:
							return common.Status_SERVICE_UNAVAILABLE
						case behaves == apart:
							return common.Status_NOT_FOUND
						case behaves == hanging:
							<-ctx.Done()
						case behaves == serving || behaves == admin && whose == "peer":
							return common.Status_SUCCESS
						}
						return common.Status_FORBIDDEN
					})
					if behaves == moved {
						before, err := net.Listen("tcp", loopback+":0") // something is there that never answers
						require.NoError(t, err)
						defer before.Close()
						known.Port = before.Addr().(*net.TCPAddr).Port
					} else {
						known.Port = plan.Port
						plan.Port = 1
					}
				}
				mapped.ConsenterMapping = append(mapped.ConsenterMapping, &common.Consenter{Host: known.Host, Port: uint32(known.Port), MspId: plan.MSPID})
			}
			value, err := proto.Marshal(&mapped)
			require.NoError(t, err)
			config.ChannelGroup.Groups["Orderer"].Values = map[string]*common.ConfigValue{"Orderers": {Value: value}}
			plan, err := n.plan.peer("LabMSP")
			require.NoError(t, err)

			told, err := n.refusals(t.Context(), plan, config)
			require.NoError(t, err)
			if c.who == "" {
				c.who = "its administrator and its peer"
			}
			require.Equal(t, tally{refusing: c.refusing, orderers: 4, who: c.who}, told)
			require.Equal(t, c.out, told.out())

			// Its own peer has read that it left, which it was given for it is in again, unless they refuse it.
			left, err := n.outBy(t.Context(), config)
			if c.out {
				require.NoError(t, err)
				require.Equal(t, map[string]tally{"LabMSP": told}, left)
			} else {
				require.ErrorContains(t, err, "the peer of LabMSP has read that the channel has LabMSP no more, and not whether it was taken in again")
				require.Equal(t, c.refusing > 0, strings.Contains(err.Error(), fmt.Sprintf("%d of 4 orderers refuse", c.refusing)), err)
			}
			config.ChannelGroup.Groups["Application"] = &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"LabMSP": {}}}
			left, err = n.outBy(t.Context(), config)
			require.NoError(t, err)
			require.Empty(t, left, "nobody is asked about a member")

			ended, end := context.WithCancel(t.Context())
			end()
			_, err = n.refusals(ended, plan, config)
			require.ErrorIs(t, err, context.Canceled, "what was not heard to its end tells nothing")
		})
	}
}

// Whose certificates end, or ended, is refused for that: nobody is asked.
func TestNobodyAsksWithCertificatesThatEnd(t *testing.T) {
	n := hostOfLab(t)
	labsKeys(t, n, map[string]time.Duration{"admin": -time.Hour, "peer": 10 * time.Minute})
	plan, err := n.plan.peer("LabMSP")
	require.NoError(t, err)
	told, err := n.refusals(t.Context(), plan, configOfMembers(1))
	require.NoError(t, err)
	require.Equal(t, tally{}, told)
	require.False(t, told.out())
	left, err := n.outBy(t.Context(), configOfMembers(1))
	require.NoError(t, err, "what its peer has read stands")
	require.Empty(t, left)
}

// Asked at the address of the organisation's orderer, too, where it has one only.
func TestWhereOrderersAre(t *testing.T) {
	n := hostOfLab(t)
	group := func(id string, endpoints ...string) *common.ConfigGroup {
		g := groupWithRoots(t, id, "")
		value, err := proto.Marshal(&common.OrdererAddresses{Addresses: endpoints})
		require.NoError(t, err)
		g.Values["Endpoints"] = &common.ConfigValue{Value: value}
		return g
	}
	value, err := proto.Marshal(&common.Orderers{ConsenterMapping: []*common.Consenter{
		{Host: "one", Port: 1, MspId: "Orderer1MSP"}, {Host: "two", Port: 1, MspId: "Orderer9MSP"}, {Host: "two", Port: 2, MspId: "Orderer9MSP"},
	}})
	require.NoError(t, err)
	config := configOfMembers(1, "LabMSP")
	config.ChannelGroup.Groups["Orderer"] = &common.ConfigGroup{
		Groups: map[string]*common.ConfigGroup{"Orderer1MSP": group("Orderer1MSP", "one:1", "one:2"), "Orderer9MSP": group("Orderer9MSP", "two:3")},
		Values: map[string]*common.ConfigValue{"Orderers": {Value: value}},
	}
	places, err := n.orderersIn(config)
	require.NoError(t, err)
	var addresses [][]string
	for _, place := range places {
		addresses = append(addresses, place.addresses)
	}
	require.Equal(t, [][]string{{"one:1", "one:2", n.plan.Orderers[0].Address()}, {"two:1"}, {"two:2"}}, addresses)

	places, err = n.orderersIn(configOfMembers(1, "LabMSP"))
	require.NoError(t, err)
	require.Empty(t, places)
	require.False(t, tally{}.out(), "nobody is no quorum")
	config.ChannelGroup.Groups["Orderer"].Values["Orderers"].Value = []byte("?")
	_, err = n.orderersIn(config)
	require.ErrorContains(t, err, "the orderers in the channel's configuration")
}

// A block is signed by a quorum, of whom some may lie. What refuses a newcomer that the block took in – who
// did not sign, and the liars – is never a quorum; what refuses one that left may be, with all faulty ones silent.
func TestQuorumOfOrderers(t *testing.T) {
	for orderers, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 4, 6: 4, 7: 5, 10: 7} {
		require.Equal(t, want, quorum(orderers), orderers)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "orderers")
		faulty := (n - 1) / 3
		require.False(t, tally{refusing: n - quorum(n) + faulty, orderers: n}.out())
		require.True(t, tally{refusing: n - faulty, orderers: n}.out())
	})
}

// Too few refusals are told beside what went wrong, and do not change whether it is tried again.
func TestRefusalsBesideAnError(t *testing.T) {
	plain := errors.New("no combination of peers")
	two := tally{refusing: 2, orderers: 4, who: "its peer"}
	require.Equal(t, plain, tally{orderers: 4}.beside(plain))
	require.EqualError(t, two.beside(plain), "no combination of peers; 2 of 4 orderers refuse its peer")
	require.ErrorIs(t, two.beside(plain), plain)
	var last fatalError
	require.False(t, errors.As(two.beside(plain), &last))
	require.True(t, errors.As(two.beside(fmt.Errorf("submit: %w", fatal(plain))), &last))
	require.EqualError(t, last, "no combination of peers; 2 of 4 orderers refuse its peer")
}

// One whom a quorum of the orderers refuses is none of the members, until a newer configuration tells.
func TestRefusedIsNoMember(t *testing.T) {
	n := hostOfLab(t)
	require.NoError(t, n.learn(configOfMembers(3, Organisations[:]...)), "of its own peer, which does not get the block")
	require.NoError(t, n.allDeparted())
	n.refused = map[string]tally{"LabMSP": {refusing: 3, orderers: 4, who: "its administrator"}}
	require.Equal(t, []Member{{MSPID: "LabMSP"}}, n.Departed())
	require.True(t, n.isDeparted("LabMSP/peer"))
	require.False(t, n.isDeparted("orderer2"))
	require.EqualError(t, n.allDeparted(), "the channel has LabMSP no more, or not the authority of its certificates: 3 of 4 orderers refuse its administrator; its nodes are left alone. "+
		"It is taken in again by traceledger network add -msp LabMSP -kind LabMSP where the keys of most members' administrators are, "+
		"else by Fabric's tools (docs/operations.md)")
	_, all := n.withBlocks()
	require.Empty(t, all, "its peer is not waited for")
	require.NoError(t, n.learn(configOfMembers(3, Organisations[:]...)))
	require.True(t, n.isDeparted("LabMSP/peer"), "no news")
	require.NoError(t, n.learn(configOfMembers(5, Organisations[:]...)))
	require.False(t, n.isDeparted("LabMSP/peer"))
	require.NoError(t, n.allDeparted())
	require.NoError(t, n.learn(configOfMembers(6, "CarrierMSP")))
	require.ErrorContains(t, n.allDeparted(), "the channel has LabMSP no more; its nodes", "somebody told")

	require.NoError(t, os.RemoveAll(n.cryptoFolder()))
	require.NoError(t, n.allDeparted(), "nobody's administrator is here")
}

// testRefused: real orderers refuse the carrier's organisation, which has left, in the words of one that has its own
// keys only, and no member.
func testRefused(t *testing.T, n *Network) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	carrier, err := n.plan.peer("CarrierMSP")
	require.NoError(t, err)
	require.ErrorContains(t, n.awaitSubmitsAround(ctx, carrier), "orderers refuse its administrator and its peer")
	lab, err := n.plan.peer("LabMSP")
	require.NoError(t, err)
	config, err := n.channelConfig(ctx, lab)
	require.NoError(t, err)
	told, err := n.refusals(ctx, lab, config)
	require.NoError(t, err)
	require.Equal(t, tally{orderers: 4, who: "its administrator and its peer"}, told)
}

// labsKeys gives the laboratory's administrator and peer keys, good for a year or for so long.
func labsKeys(t *testing.T, n *Network, ends map[string]time.Duration) *authority {
	t.Helper()
	return keysOf(t, n, "LabMSP", ends)
}

// keysOf is labsKeys for any organisation.
func keysOf(t *testing.T, n *Network, mspID string, ends map[string]time.Duration) *authority {
	t.Helper()
	plan, err := n.plan.peer(mspID)
	require.NoError(t, err)
	ca := replaceTLSAuthority(t, n, plan)
	for whose, place := range map[string]struct{ folder, name string }{
		"admin": {n.organisationFolder(plan, "users/Admin@"+plan.Domain+"/msp"), "Admin@" + plan.Domain},
		"peer":  {n.nodeFolder(plan.name() + "/msp"), "peer0." + plan.Domain},
	} {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: whose}, KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-24 * time.Hour)}
		if in, ok := ends[whose]; ok {
			template.NotAfter = time.Now().Add(in)
		}
		keys, err := ca.issue(template)
		require.NoError(t, err)
		for file, content := range map[string][]byte{"signcerts/" + place.name + "-cert.pem": keys.certPEM, "keystore/priv_sk": keys.keyPEM} {
			path := filepath.Join(place.folder, file)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path, content, 0o600))
		}
	}
	return ca
}

// anOrderer answers with a status, after the first block where that is SUCCESS, whoever it is that asks in a
// request as Fabric's orderers demand it (common/deliver).
type anOrderer struct {
	orderer.UnimplementedAtomicBroadcastServer
	identities *authority // of those who may ask
	channel    string
	status     func(ctx context.Context, whose string) common.Status
}

// serveAsOrderer listens with a certificate of an ordering organisation's TLS authority, on a port of 127.0.0.1.
func serveAsOrderer(t *testing.T, tlsca, identities *authority, channel string, status func(context.Context, string) common.Status) (port int) {
	t.Helper()
	keys, err := tlsca.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "orderer"}, IPAddresses: []net.IP{net.ParseIP(loopback)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	require.NoError(t, err)
	certificate, err := tls.X509KeyPair(keys.certPEM, keys.keyPEM)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", loopback+":0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	orderer.RegisterAtomicBroadcastServer(server, anOrderer{identities: identities, channel: channel, status: status})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().(*net.TCPAddr).Port
}

func (o anOrderer) Deliver(stream orderer.AtomicBroadcast_DeliverServer) error {
	request, err := stream.Recv()
	if err != nil {
		return err
	}
	whose, err := o.whose(request)
	if err != nil {
		return stream.Send(&orderer.DeliverResponse{Type: &orderer.DeliverResponse_Status{Status: common.Status_BAD_REQUEST}})
	}
	status := o.status(stream.Context(), whose)
	if status == common.Status_SUCCESS {
		block := &common.Block{Header: &common.BlockHeader{}}
		if err := stream.Send(&orderer.DeliverResponse{Type: &orderer.DeliverResponse_Block{Block: block}}); err != nil {
			return err
		}
	}
	return stream.Send(&orderer.DeliverResponse{Type: &orderer.DeliverResponse_Status{Status: status}})
}

// whose is the name in the certificate of who has signed a request for the first block.
func (o anOrderer) whose(request *common.Envelope) (string, error) {
	var payload common.Payload
	var channel common.ChannelHeader
	var signature common.SignatureHeader
	var creator msp.SerializedIdentity
	var seek orderer.SeekInfo
	if err := errors.Join(proto.Unmarshal(request.GetPayload(), &payload),
		proto.Unmarshal(payload.GetHeader().GetChannelHeader(), &channel), proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), &signature),
		proto.Unmarshal(signature.GetCreator(), &creator), proto.Unmarshal(payload.GetData(), &seek)); err != nil {
		return "", err
	}
	block, _ := pem.Decode(creator.GetIdBytes())
	if block == nil {
		return "", errors.New("no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	key, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	hash := sha256.Sum256(request.GetPayload())
	switch {
	case !ok || !ecdsa.VerifyASN1(key, hash[:], request.GetSignature()):
		return "", errors.New("not signed by its creator")
	case certificate.CheckSignatureFrom(o.identities.certificate) != nil || creator.GetMspid() != "LabMSP":
		return "", errors.New("of another organisation")
	case channel.GetChannelId() != o.channel || channel.GetType() != int32(common.HeaderType_DELIVER_SEEK_INFO) || time.Since(channel.GetTimestamp().AsTime()).Abs() > time.Minute:
		return "", errors.New("not for this channel, now")
	case seek.GetStart().GetOldest() == nil || seek.GetStop().GetOldest() == nil || len(signature.GetNonce()) == 0:
		return "", errors.New("not for the first block")
	}
	return certificate.Subject.CommonName, nil
}

// groupWithRoots is an organisation in a configuration, with the certificates of its TLS authority.
func groupWithRoots(t *testing.T, id string, roots ...string) *common.ConfigGroup {
	t.Helper()
	fabric := &msp.FabricMSPConfig{Name: id}
	for _, root := range roots {
		fabric.TlsRootCerts = append(fabric.TlsRootCerts, []byte(root))
	}
	config, err := proto.Marshal(fabric)
	require.NoError(t, err)
	kept, err := proto.Marshal(&msp.MSPConfig{Config: config})
	require.NoError(t, err)
	return &common.ConfigGroup{Values: map[string]*common.ConfigValue{"MSP": {Value: kept}}}
}
