//go:build soak

package main

import (
	"fmt"
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
	for _, node := range []string{"LabMSP/peer", "orderer4"} {
		kind := map[string]string{"peer": "Peer", "orderer": "Orderer"}[nodeKind(node)]
		l.run(kind+"OfAWrongRoot", func(t *testing.T) {
			certPEM, keyPEM := foreignServer(t)
			l.wrongTLS(t, node, "of a wrong root", certPEM, keyPEM)
		})
		l.run(kind+"Expired", func(t *testing.T) {
			certPEM, keyPEM := l.expiredServer(t, node)
			l.wrongTLS(t, node, "with an expired certificate", certPEM, keyPEM)
		})
	}
	l.run("Callers", l.callers)
	l.run("TwoOrderers", func(t *testing.T) { l.tooFewOrderers(t, "TWO-ORDERERS", "orderer2", "orderer3") })
	l.run("ThreeOrderers", func(t *testing.T) { l.tooFewOrderers(t, "THREE-ORDERERS", "orderer1", "orderer2", "orderer3") })

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

// tooFewOrderers: nothing is ordered without a third, every request is answered so that it may be
// repeated, and all goes on when the others are back.
func (l *losses) tooFewOrderers(t *testing.T, lot string, away ...string) {
	for _, node := range away {
		l.network("kill", node)
	}
	began := time.Now()
	_, refusal, err := l.r.gateway.post(t.Context(), trace.RoleFactory, "/batches", lot, lotRequest(l.made, lot))
	require.NoError(t, err)
	require.NotNil(t, refusal)
	require.Equal(t, ledger.CodeOutcomeUnknown, refusal.Code, "%s", refusal.Detail)
	require.Equal(t, http.StatusAccepted, refusal.Status)
	require.NotEmpty(t, refusal.Transaction)
	t.Logf("%d orderers killed: answered %s after %.0f s", len(away), refusal.Code, time.Since(began).Seconds())
	// The writers too, whose answers are demanded to be such in the end: each of the eight.
	acknowledged, answered := l.w.count(), l.w.mayRepeat()
	l.w.mu.Lock()
	last := l.w.times[len(l.w.times)-1]
	l.w.mu.Unlock()
	require.Less(t, last.Sub(began), 30*time.Second, "something was acknowledged that too few orderers cannot order")
	require.Eventually(t, func() bool { return l.w.mayRepeat() >= answered+8 }, 3*time.Minute, 50*time.Millisecond)
	require.Equal(t, acknowledged, l.w.count(), "something was acknowledged that too few orderers cannot order")

	began = time.Now()
	l.network("up")
	healed := time.Since(began)
	l.w.within(t, acknowledged+20, 3*time.Minute)
	t.Logf("%d orderers back: acknowledged again after %.1f s; up took %.1f s", len(away), l.w.firstAfter(began).Sub(began).Seconds(), healed.Seconds())
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
