package embedded

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

// TestManyWriters has 64 clients write keys of their own and one they share.
// Every own write must be valid; of the shared key's increments exactly those
// reported valid must have taken place.
func TestManyWriters(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	const writers, rounds = 64, 4
	var mu sync.Mutex
	increments := 0
	var wg sync.WaitGroup
	for w := range writers {
		contract := connect(t, l, DefaultOrganisations()[w%5]).GetNetwork("trace").GetContract("store")
		wg.Go(func() {
			for r := range rounds {
				if _, err := contract.SubmitTransaction("put", fmt.Sprintf("own-%d-%d", w, r), "1"); err != nil {
					t.Errorf("own key: %v", err)
				}
				_, commit, err := contract.SubmitAsync("copy", client.WithArguments("shared", "shared"))
				if err != nil {
					t.Errorf("shared key: %v", err)
					return
				}
				outcome, err := commit.Status()
				if err != nil {
					t.Errorf("shared key: %v", err)
					return
				}
				mu.Lock()
				if outcome.Code == peer.TxValidationCode_VALID {
					increments++
				} else if outcome.Code != peer.TxValidationCode_MVCC_READ_CONFLICT {
					t.Errorf("shared key: %s", outcome.Code)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	v := l.store.view()
	defer v.release()
	shared, err := v.Public("store", "shared")
	require.NoError(t, err)
	require.Len(t, shared.Value, increments)
	require.Positive(t, increments)
	for w := range writers {
		for r := range rounds {
			own, err := v.Public("store", fmt.Sprintf("own-%d-%d", w, r))
			require.NoError(t, err)
			require.NotNil(t, own)
		}
	}
	require.NoError(t, l.Verify(testContext(t)))
}

// TestBlocksAreBounded gathers transactions into blocks of three: none is larger, and
// none is cut before it is full, as long as it may wait.
func TestBlocksAreBounded(t *testing.T) {
	cfg := testConfig(vfs.NewMem())
	cfg.Batch = BatchConfig{MaxMessages: 3}
	l := openTest(t, cfg)
	l.orderer.batch.MaxLinger = time.Hour // set now: the chaincode's definition is alone in its block
	contract := connect(t, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
	var wg sync.WaitGroup
	first := l.Height()
	for i := range 18 {
		wg.Go(func() {
			if _, err := contract.SubmitTransaction("put", fmt.Sprint(i), "1"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	v := l.store.view()
	defer v.release()
	require.Equal(t, first+6, v.height)
	for number := first; number < v.height; number++ {
		b, err := v.block(number)
		require.NoError(t, err)
		require.Len(t, b.GetData().GetData(), 3)
	}
}

func TestExpiredAndForeignClients(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	expired := connect(t, l, "ProducerMSP", NotAfter(time.Now().Add(-time.Minute))).GetNetwork("trace").GetContract("store")
	_, err := expired.EvaluateTransaction("get", "a")
	require.Equal(t, codes.Unavailable, status.Code(err))
	requireDetail(t, err, "proposal client identity expired")
	_, err = expired.SubmitTransaction("put", "a", "1")
	require.Equal(t, codes.Aborted, status.Code(err))
	requireDetail(t, err, "proposal client identity expired")

	other := openTest(t, testConfig(vfs.NewMem()))
	e, err := other.Enrol("ProducerMSP", "stranger", nil)
	require.NoError(t, err)
	g := connectAs(t, l, e)
	defer g.Close()
	_, err = g.GetNetwork("trace").GetContract("store").EvaluateTransaction("get", "a")
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	require.ErrorContains(t, err, "creator org unknown, creator is malformed")
	require.EqualValues(t, 2, l.Height(), "nothing was written")
}

func requireDetail(t *testing.T, err error, message string) {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if e, ok := d.(*gateway.ErrorDetail); ok {
			require.Contains(t, e.GetMessage(), message)
			require.NotEmpty(t, e.GetMspId())
			require.NotEmpty(t, e.GetAddress())
			return
		}
	}
	t.Fatalf("%v has no details", err)
}

func TestChaincodeErrors(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	contract := connect(t, l, "LabMSP").GetNetwork("trace").GetContract("store")
	_, err := contract.SubmitTransaction("fail", "LOT_UNKNOWN: no lot of that name")
	var endorse *client.EndorseError
	require.ErrorAs(t, err, &endorse)
	require.Equal(t, codes.Aborted, status.Code(err))
	requireDetail(t, err, "chaincode response 500, LOT_UNKNOWN: no lot of that name")
	_, err = contract.EvaluateTransaction("fail", "broken")
	require.Equal(t, codes.Unknown, status.Code(err))
	require.ErrorContains(t, err, "evaluate call to endorser returned error: chaincode response 500, broken")
	_, err = contract.SubmitTransaction("panic", "oh")
	requireDetail(t, err, "chaincode stream terminated")
	_, err = contract.EvaluateTransaction("get", "a")
	require.NoError(t, err, "a chaincode that panics ends its own call only")
}

// TestSeparateEndorsersDisagree lets one peer lag behind: what it reads differs,
// so its endorsement does not match.
func TestSeparateEndorsersDisagree(t *testing.T) {
	cfg := testConfig(vfs.NewMem())
	cfg.SeparateEndorsers = true
	l := openTest(t, cfg)
	contract := connect(t, l, "ProducerMSP").GetNetwork("trace").GetContract("store")
	endorsers := client.WithEndorsingOrganizations("ProducerMSP", "LabMSP", "CarrierMSP")
	_, err := contract.SubmitTransaction("put", "a", "1")
	require.NoError(t, err)
	require.NoError(t, l.HoldEndorser("LabMSP"))
	_, err = contract.SubmitTransaction("put", "a", "2")
	require.NoError(t, err)
	_, err = contract.Submit("copy", client.WithArguments("a", "b"), endorsers)
	require.Equal(t, codes.Aborted, status.Code(err))
	requireDetail(t, err, "ProposalResponsePayloads do not match")
	l.ReleaseEndorser("LabMSP")
	_, err = contract.Submit("copy", client.WithArguments("a", "b"), endorsers)
	require.NoError(t, err)

	require.Error(t, l.HoldEndorser("NobodyMSP"))
	require.ErrorContains(t, openTest(t, testConfig(vfs.NewMem())).HoldEndorser("LabMSP"), "SeparateEndorsers")
}

// TestEndorsementsFollowTheKeys checks who endorses: a majority by default, the
// named organisations if there are any, each once.
func TestEndorsementsFollowTheKeys(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	contract := connect(t, l, "LabMSP").GetNetwork("trace").GetContract("store")
	endorsersOf := func(options ...client.ProposalOption) []string {
		proposal, err := contract.NewProposal("put", append(options, client.WithArguments("a", "1"))...)
		require.NoError(t, err)
		tx, err := proposal.Endorse()
		require.NoError(t, err)
		raw, err := tx.Bytes()
		require.NoError(t, err)
		prepared := &gateway.PreparedTransaction{}
		require.NoError(t, proto.Unmarshal(raw, prepared))
		envelope, err := proto.Marshal(prepared.GetEnvelope())
		require.NoError(t, err)
		parsed := block.ParseTransaction(envelope)
		require.Nil(t, parsed.Defect)
		var out []string
		for _, e := range parsed.Action.Endorsements {
			id, err := l.validator.Identify(e.GetEndorser())
			require.NoError(t, err)
			out = append(out, id.MSPID)
		}
		return out
	}
	seen := map[string]bool{}
	for range 30 {
		who := endorsersOf()
		require.Len(t, who, 3)
		require.Contains(t, who, "LabMSP", "the client's own organisation endorses")
		for _, m := range who {
			seen[m] = true
		}
	}
	require.Len(t, seen, 5, "which others endorse varies")
	require.Equal(t, []string{"CarrierMSP", "RegulatorMSP"},
		endorsersOf(client.WithEndorsingOrganizations("RegulatorMSP", "CarrierMSP", "RegulatorMSP")))
}

func TestServeOverTLS(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	certificate, pool := selfSigned(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- l.Serve(listener, &tls.Config{Certificates: []tls.Certificate{certificate}}) }()

	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, "")))
	require.NoError(t, err)
	defer conn.Close()
	e, err := l.Enrol("ProducerMSP", "remote", nil)
	require.NoError(t, err)
	id, sign := clientIdentity(t, e)
	g, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(conn),
		client.WithEndorseTimeout(patience), client.WithSubmitTimeout(patience), client.WithCommitStatusTimeout(patience))
	require.NoError(t, err)
	defer g.Close()
	_, err = g.GetNetwork("trace").GetContract("store").SubmitTransaction("put", "a", "1")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, <-served)
	require.ErrorIs(t, l.Serve(listener, nil), errClosed)
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ledger"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestCloseDrains closes the ledger under load: whatever was reported committed
// is there afterwards, streams end, and nothing keeps running.
func TestCloseDrains(t *testing.T) {
	before := goleak.IgnoreCurrent()
	defer func() { // who has been told to end has yet to come to it
		for began := time.Now(); ; {
			err := goleak.Find(before)
			if err == nil {
				return
			}
			require.Less(t, time.Since(began), patience, "%v", err)
		}
	}()
	disk := vfs.NewMem()
	l, err := Open(testConfig(disk))
	require.NoError(t, err)
	e, err := l.Enrol("ProducerMSP", "writer", nil)
	require.NoError(t, err)
	g := connectAs(t, l, e)
	contract := g.GetNetwork("trace").GetContract("store")
	events, err := g.GetNetwork("trace").BlockEvents(context.Background(), client.WithStartBlock(0))
	require.NoError(t, err)

	var mu sync.Mutex
	committed := map[string]bool{}
	enough := make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d-%d", w, i)
				if _, err := contract.SubmitTransaction("put", key, "1"); err != nil {
					return
				}
				mu.Lock()
				committed[key] = true
				if len(committed) > 50 {
					once.Do(func() { close(enough) })
				}
				mu.Unlock()
			}
		})
	}
	flowing, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for b := range events {
			if b.GetHeader().GetNumber() == 1 {
				close(flowing)
			}
		}
	}()
	<-enough
	select {
	case <-flowing: // or the stream might end before it has begun
	case <-ended:
		t.Fatal("the stream ended while the ledger ran")
	}
	require.NoError(t, l.Close())
	require.NoError(t, l.Close(), "closing twice is fine")
	wg.Wait()
	<-ended
	require.NoError(t, g.Close())
	_, err = contract.EvaluateTransaction("get", "a")
	require.Error(t, err)

	l, err = Open(testConfig(disk))
	require.NoError(t, err)
	v := l.store.view()
	for key := range committed {
		value, err := v.Public("store", key)
		require.NoError(t, err)
		require.NotNil(t, value, key)
	}
	v.release()
	require.NoError(t, l.Verify(testContext(t)))
	require.NoError(t, l.Close())
}

// TestStatusWaitsForTheContext gives up waiting when the client does.
func TestStatusWaitsForTheContext(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := l.store.awaitTransaction(ctx, "no such transaction")
	require.True(t, errors.Is(err, context.DeadlineExceeded))
	require.Empty(t, l.store.waiting)
}

func TestEnrolment(t *testing.T) {
	l := openTest(t, testConfig(vfs.NewMem()))
	e, err := l.Enrol("LabMSP", "Dr. Li", map[string]string{"trace.role": "lab", "trace.party": "P-1"}, NotAfter(time.Now().Add(time.Hour)))
	require.NoError(t, err)
	id, _ := clientIdentity(t, e)
	_ = id
	pair, _, err := decodePair(keyPair{string(e.CertPEM), string(e.KeyPEM)})
	require.NoError(t, err)
	require.Equal(t, "Dr. Li", pair.Subject.CommonName)
	require.Equal(t, []string{"client"}, pair.Subject.OrganizationalUnit)
	found := false
	for _, x := range pair.Extensions {
		if x.Id.Equal(attributesOID) {
			found = true
			require.JSONEq(t, `{"attrs":{"trace.role":"lab","trace.party":"P-1"}}`, string(x.Value))
		}
	}
	require.True(t, found)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(l.CACertPEM("LabMSP")))
	_, err = pair.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	require.NoError(t, err)
	require.Nil(t, l.CACertPEM("NobodyMSP"))
	_, err = l.Enrol("NobodyMSP", "x", nil)
	require.ErrorContains(t, err, "not a member")
	_, err = l.Enrol("LabMSP", "", nil)
	require.Error(t, err)
}

func TestConfigurationIsChecked(t *testing.T) {
	good := testConfig(vfs.NewMem())
	for name, change := range map[string]func(*Config){
		"no directory":       func(c *Config) { c.Dir = "" },
		"channel name":       func(c *Config) { c.Channel = "Trace!" },
		"organisation twice": func(c *Config) { c.Organisations = []string{"A", "A"} },
		"chaincode name":     func(c *Config) { c.Chaincodes[0].Name = "a b" },
		"no version":         func(c *Config) { c.Chaincodes[0].Version = "" },
		"nothing to run":     func(c *Config) { c.Chaincodes[0].Chaincode = nil },
		"chaincode twice":    func(c *Config) { c.Chaincodes = append(c.Chaincodes, c.Chaincodes[0]) },
		"too many members":   func(c *Config) { c.Organisations = make([]string, maxOrganisations+1) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			cfg.Chaincodes = append([]Chaincode(nil), good.Chaincodes...)
			change(&cfg)
			_, err := Open(cfg)
			require.Error(t, err)
		})
	}
}
