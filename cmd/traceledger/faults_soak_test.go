//go:build soak

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/network/fabric"
)

// toleratedStall between two acknowledgements is what is demanded of the loss of any one node; of the
// leader's, while all else is well, wantedStall.
const toleratedStall = 30 * time.Second

// losses is a consortium under writers from which something is taken.
type losses struct {
	*operator
	r    *roles
	w    *writers
	made trace.Time
}

// TestSoakFaults takes away what a consortium can lose, one after the other, while
// writers go on: an orderer, the leader, peers, chaincode services, two orderers at once,
// a peer's data, certificates. At the end every acknowledged record is on every peer.
func TestSoakFaults(t *testing.T) {
	o, r := startConsortium(t)
	l := &losses{operator: o, r: r, made: trace.TimeOf(time.Now()) - 3_600_000}
	require.LessOrEqual(t, o.ready, wantedReady, "nothing else ran yet")
	l.w = r.write(t, l.made)
	l.w.more(t, 50)
	t.Logf("longest stall while nothing is lost: %.1f s", l.w.longestStall(time.Time{}).Seconds())

	// The leader is lost before anything else: with another orderer behind, that would be
	// two of four.
	var leaders leaderLosses
	for i := range 3 {
		l.run(fmt.Sprintf("OrdererLeader%d", i+1), func(t *testing.T) {
			loss := leaderLoss{leader: o.leader(), excuse: o.unsteady()}
			loss.stall = l.lose(t, loss.leader)
			leaders = append(leaders, loss)
		})
	}
	t.Run("OrdererLeaders", func(t *testing.T) { leaders.require(t, 3) })
	l.run("OrdererFollower", func(t *testing.T) { l.lose(t, l.follower()) })
	l.run("PeerOfAnother", func(t *testing.T) { l.lose(t, "CarrierMSP/peer") })
	l.run("PeerOfTheGateway", func(t *testing.T) { l.lose(t, "PlatformMSP/peer") })
	l.run("PeerThatAnswersForIt", func(t *testing.T) { l.loseResponsible(t, "ProducerMSP/peer") })
	l.run("ChaincodeOfAnother", func(t *testing.T) { l.lose(t, "LabMSP/trace") })
	l.run("ChaincodeThatAnswersForIt", func(t *testing.T) { l.loseResponsible(t, "ProducerMSP/trace") })
	l.run("PeerWithoutData", l.wipePeer)
	l.run("PeerOfAWrongRoot", func(t *testing.T) { l.wrongRoot(t, "LabMSP/peer") })
	l.run("OrdererOfAWrongRoot", func(t *testing.T) { l.wrongRoot(t, "orderer4") })
	l.run("Callers", l.callers)
	l.run("TwoOrderers", l.twoOrderers)

	o.settleAll(r, l.w, l.made, 0)
	t.Run("ForgottenByTheOrderers", l.forgotten)
	for _, chain := range o.chains() {
		for _, lot := range refusedLots {
			require.Zero(t, chain.lots[lot], "a refused request was recorded: lot %s", lot)
		}
	}
}

// run runs a subtest, whose failures are not taken for those of the next: it is healed
// and the writers go on.
func (l *losses) run(name string, test func(*testing.T)) {
	l.t.Run(name, func(t *testing.T) {
		defer l.as(t)()
		defer l.try("up") // also after a failure
		test(t)
		l.network("up")
		l.network("status")
		l.w.within(t, l.w.count()+20, 3*time.Minute)
	})
}

// as has failures count for a subtest, until the function that it returns is called.
func (l *losses) as(t *testing.T) (back func()) {
	before := l.t
	l.t, l.r.gateway.t = t, t
	return func() { l.t, l.r.gateway.t = before, before }
}

// lose kills a node that the writers can do without.
func (l *losses) lose(t *testing.T, node string) (stall time.Duration) {
	began := time.Now()
	l.network("kill", node)
	require.Contains(t, l.refused("status"), node)
	l.w.within(t, l.w.count()+100, 2*time.Minute)
	stall = l.w.longestStall(began)
	t.Logf("%s killed: longest stall %s", node, inSeconds(stall))
	require.LessOrEqual(t, stall, toleratedStall)
	return stall
}

// follower is an orderer that does not lead.
func (l *losses) follower() string {
	if l.leader() == "orderer4" {
		return "orderer3"
	}
	return "orderer4"
}

// loseResponsible kills what the writers' facts need: they wait, with an answer that says
// so, and nothing is recorded until it is back.
func (l *losses) loseResponsible(t *testing.T, node string) {
	l.network("kill", node)
	lot := "WITHOUT-" + strings.ToUpper(path.Base(node))
	l.r.refusedForNow(t, l.made, lot)
	l.network("start", node)
	began := time.Now()
	l.w.acknowledge(lot, l.r.settle(t, l.made, lot).Transaction)
	t.Logf("%s killed and started: the waiting lot was recorded %.1f s later", node, time.Since(began).Seconds())
}

func (l *losses) wipePeer(t *testing.T) {
	const node = "LabMSP/peer"
	l.network("kill", node)
	require.NoError(t, os.RemoveAll(filepath.Join(l.dir, "nodes", node, "data")))
	l.w.more(t, 50)
	began := time.Now()
	l.network("up")
	t.Logf("a peer without data had %d records again after %.1f s", l.w.count(), time.Since(began).Seconds())
}

// wrongRoot gives a node a TLS certificate of an authority that nobody trusts: it is as
// if it were away, and level again once it has its own.
func (l *losses) wrongRoot(t *testing.T, node string) {
	folder := filepath.Join(l.dir, "nodes", filepath.FromSlash(node), "tls")
	certPEM, keyPEM := foreignServer(t)
	for file, foreign := range map[string][]byte{"server.crt": certPEM, "server.key": keyPEM} {
		at := filepath.Join(folder, file)
		own, err := os.ReadFile(at)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(at, foreign, 0o600))
		defer func() { require.NoError(t, os.WriteFile(at, own, 0o600)) }()
	}
	l.network("kill", node)
	defer l.try("kill", node) // the next up starts it with its own
	began := time.Now()
	l.network("start", node)
	require.Eventually(t, func() bool {
		status, err := l.try("status")
		return err != nil && strings.Contains(status, "1 of 19 nodes are not well: "+node) && strings.Contains(status, "certificate")
	}, time.Minute, 200*time.Millisecond)
	l.w.within(t, l.w.count()+50, 2*time.Minute)
	t.Logf("%s of a wrong root: longest stall %.1f s", node, l.w.longestStall(began).Seconds())
}

// foreignServer is a server certificate for this machine from an authority of its own.
func foreignServer(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "foreign"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "foreign"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.ParseIP("127.0.0.1")},
	}, authority, key.Public(), authorityKey)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// twoOrderers: nothing is ordered without a third, and all goes on with it.
func (l *losses) twoOrderers(t *testing.T) {
	l.network("kill", "orderer2")
	l.network("kill", "orderer3")
	const lot = "TWO-ORDERERS"
	began := time.Now()
	_, refusal, err := l.r.gateway.post(t.Context(), trace.RoleFactory, "/batches", lot, lotRequest(l.made, lot))
	require.NoError(t, err)
	require.NotNil(t, refusal)
	require.Equal(t, ledger.CodeOutcomeUnknown, refusal.Code, "%s", refusal.Detail)
	require.Equal(t, http.StatusAccepted, refusal.Status)
	require.NotEmpty(t, refusal.Transaction)
	t.Logf("two orderers killed: answered %s after %.0f s", refusal.Code, time.Since(began).Seconds())
	l.w.mu.Lock()
	last := l.w.times[len(l.w.times)-1]
	l.w.mu.Unlock()
	require.Less(t, last.Sub(began), 30*time.Second, "something was acknowledged that two of four orderers cannot order")

	began = time.Now()
	l.network("up")
	l.w.within(t, l.w.count()+20, 3*time.Minute)
	t.Logf("two orderers back: acknowledged again after %.1f s", time.Since(began).Seconds())
	written := l.r.settle(t, l.made, lot)
	require.Equal(t, refusal.Transaction, written.Transaction, "the same transaction, not another")
	l.w.acknowledge(lot, written.Transaction)
}

// autoRemoved is when an orderer has forgotten what it could not get ordered
// (RequestAutoRemoveTimeout in network/fabric/templates/configtx.yaml), with some to spare.
const autoRemoved = 3*time.Minute + 20*time.Second

// forgotten gives a transaction to one orderer while the others are away, and kills the
// gateway that sent it. The orderer forgets it after some minutes, without a word; the
// channel then works on without it. The gateway's outbox sends the very same bytes again.
// No writers go on here: with their transactions the orderers that are left would stay in
// their search for a leader, and so remember.
func (l *losses) forgotten(t *testing.T) {
	defer l.as(t)()
	defer l.try("up")
	second := l.secondGateway()
	for _, node := range []string{"orderer1", "orderer2", "orderer3"} {
		l.network("kill", node)
	}
	const lot = "FORGOTTEN"
	_, refusal, err := second.post(t.Context(), trace.RoleFactory, "/batches", lot, lotRequest(l.made, lot))
	require.NoError(t, err)
	require.NotNil(t, refusal)
	require.Equal(t, ledger.CodeOutcomeUnknown, refusal.Code, "%s", refusal.Detail)
	require.NotEmpty(t, refusal.Transaction)
	second.kill()
	// Nothing can be asked that would tell the moment.
	<-time.After(autoRemoved)
	for _, node := range []string{"orderer1", "orderer2", "orderer3"} {
		l.network("start", node)
	}
	l.r.settle(t, l.made, "NOT-FORGOTTEN")
	network, err := fabric.View(t.Context(), fabric.Config{Dir: l.dir})
	require.NoError(t, err)
	defer network.Detach()
	kept := false
	for _, msp := range trace.MSPs() {
		_, found := transactionOn(t, network, msp, refusal.Transaction)
		kept = kept || found
	}
	t.Logf("the orderer had kept transaction %s: %t", refusal.Transaction, kept)
	l.network("up") // the one that was left alone may stay behind

	second.start("gateway", second.args...)
	require.Eventually(t, func() bool {
		code, found := transactionOn(t, network, trace.LabMSP, refusal.Transaction)
		return found && code == peer.TxValidationCode_VALID
	}, 2*time.Minute, 500*time.Millisecond, "the outbox sends it again without being asked")
	written := second.must(trace.RoleFactory, "/batches", lot, lotRequest(l.made, lot))
	require.Equal(t, refusal.Transaction, written.Transaction, "the same transaction, not another")
	second.stop()
	for msp, chain := range l.chains() {
		require.True(t, chain.valid[refusal.Transaction], "the peer of %s", msp)
		require.Equal(t, 1, chain.lots[lot], "the peer of %s", msp)
	}
}

// secondGateway is another gateway of the factory's, as house with the arguments to
// start it again.
func (l *losses) secondGateway() *startedHouse {
	l.t.Helper()
	h := newHouse(l.t)
	require.NoError(l.t, os.CopyFS(filepath.Join(h.data, "wallet"), os.DirFS(filepath.Join(l.r.gateway.data, "wallet"))))
	config := h.configure(Config{Connection: filepath.Join(l.dir, "clients", trace.PlatformMSP, connectionName)})
	h.tokens[trace.RoleFactory] = strings.TrimSpace(h.command("token", "-config", config, "-make", "factory", "-role", string(trace.RoleFactory), "-party", "the-factory"))
	started := &startedHouse{house: h, args: []string{"-config", config}}
	h.start("gateway", started.args...)
	return started
}

type startedHouse struct {
	*house
	args []string
}
