package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/network/fabric"
)

// organisations are five gateways, one for each organisation with identities of its own
// only, and scanners of two of them, on one real network.
type organisations struct {
	*operator
	t        *testing.T
	gateways map[string]*house
	second   *house // another gateway of the producers, at the platform's peer
	drops    *droppingProxy
	scanners []*house // of the lab and of the carrier
	made     trace.Time
	departed trace.Time // shipment sh-1

	mu           sync.Mutex
	acknowledged map[trace.Key]string // record → transaction
	unsettled    []job                // answered with a code that says to try again
	broken       []string             // answered otherwise
}

// actors are who writes at each organisation's gateway.
var actors = map[string]who{
	trace.ProducerMSP:  {"the-factory", trace.RoleFactory},
	trace.LabMSP:       {"the-lab", trace.RoleLab},
	trace.CarrierMSP:   {"the-carrier", trace.RoleCarrier},
	trace.PlatformMSP:  {"the-monitor", trace.RoleMonitor},
	trace.RegulatorMSP: {"the-regulator", trace.RoleRegulator},
}

// startOrganisations sets them up as docs/roles.md tells an organisation to.
func startOrganisations(t *testing.T) *organisations {
	s := &organisations{
		operator: newOperator(t), t: t, gateways: map[string]*house{}, made: trace.TimeOf(time.Now()) - 3_600_000, acknowledged: map[trace.Key]string{},
	}
	t.Log(strings.TrimSpace(s.network("up")))
	wallets := map[string]string{}
	for _, msp := range trace.MSPs() {
		s.gateways[msp] = newHouse(t)
		s.gateways[msp].lags = time.Minute
		wallets[msp] = filepath.Join(s.gateways[msp].data, "wallet")
	}
	s.second = newHouse(t)
	s.second.lags = time.Minute
	s.scanners = []*house{newHouse(t), newHouse(t)}
	s.enrolAll(wallets)

	var starting sync.WaitGroup
	for _, msp := range trace.MSPs() {
		starting.Go(func() { s.startGateway(msp) })
	}
	starting.Go(func() { s.startSecond(wallets[trace.ProducerMSP]) })
	starting.Wait()
	require.False(t, t.Failed(), "a gateway did not start")
	producer := s.gateways[trace.ProducerMSP]
	token := filepath.Join(t.TempDir(), "files.token")
	printed := producer.command("token", "-make", "scanners", "-role", string(trace.RoleScanner), "-party", string(readerPartyOf(trace.ProducerMSP)))
	require.NoError(t, os.WriteFile(token, []byte(printed), 0o600))
	for i, msp := range []string{trace.LabMSP, trace.CarrierMSP} {
		reader := enrolmentName(readerPartyOf(msp), trace.RoleScanner)
		require.NoError(t, os.CopyFS(filepath.Join(s.scanners[i].data, "wallet", reader), os.DirFS(filepath.Join(wallets[msp], reader))))
		s.scanners[i].args = []string{"-config", s.scanners[i].configure(Config{
			Connection: s.connection(msp), FilesFrom: []FilesFrom{{Base: producer.base, TokenFile: token}},
		})}
		starting.Go(func() { s.scanners[i].start("scanner", s.scanners[i].args...) })
	}
	s.furnish()
	s.levelPeers()
	starting.Wait()
	require.False(t, t.Failed(), "a scanner did not start")
	return s
}

func (s *organisations) connection(msp string) string {
	return filepath.Join(s.dir, "clients", msp, connectionName)
}

// enrolAll gives every organisation's gateway its reader and its actor, and of other
// organisations none but the platform's, for which the factory has itself enrolled.
func (s *organisations) enrolAll(wallets map[string]string) {
	var group errgroup.Group
	enrol := func(msp string, role trace.Role, party trace.PartyID) {
		group.Go(func() error {
			out, err := s.try("enrol", "-role", string(role), "-party", string(party), "-org", msp, "-to", wallets[msp])
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	for msp, actor := range actors {
		enrol(msp, actor.role, actor.party)
		reader := enrolmentName(readerPartyOf(msp), trace.RoleScanner)
		require.NoError(s.t, os.CopyFS(filepath.Join(wallets[msp], reader), os.DirFS(filepath.Join(s.dir, "clients", msp, "wallet", reader))))
	}
	enrol(trace.RegulatorMSP, trace.RoleRegulator, operatorParty)
	require.NoError(s.t, group.Wait())
	// The factory works at the platform's gateway too, with a certificate of its own for there.
	s.network("enrol", "-role", "factory", "-party", "the-factory", "-to", wallets[trace.PlatformMSP])
}

func (s *organisations) startGateway(msp string) {
	h, actor := s.gateways[msp], actors[msp]
	if h.args == nil {
		h.args = []string{"-config", h.configure(Config{Connection: s.connection(msp)})}
		printed := h.command("token", append([]string{"-make", "actor", "-role", string(actor.role), "-party", string(actor.party)}, h.args...)...)
		h.tokens[actor.role] = strings.TrimSpace(printed)
		if msp == trace.PlatformMSP {
			h.tokens[trace.RoleFactory] = strings.TrimSpace(h.command("token", append([]string{"-make", "factory", "-role", "factory", "-party", "the-factory"}, h.args...)...))
		}
	}
	h.start("gateway", h.args...)
}

// startSecond starts another gateway of the producers. It knows the platform's peer only,
// behind a proxy that can lose answers.
func (s *organisations) startSecond(wallet string) {
	require.NoError(s.t, os.CopyFS(filepath.Join(s.second.data, "wallet"), os.DirFS(wallet)))
	connection, err := readConnection(s.connection(trace.PlatformMSP))
	require.NoError(s.t, err)
	s.drops = newDroppingProxy(s.t, &connection.Peers[0])
	connection.Peers = []Peer{s.drops.peer()}
	path := filepath.Join(s.t.TempDir(), connectionName)
	require.NoError(s.t, connection.write(path))
	config := s.second.configure(Config{Connection: path})
	s.second.tokens[trace.RoleFactory] = strings.TrimSpace(s.second.command("token", "-config", config, "-make", "actor", "-role", "factory", "-party", "the-factory"))
	s.second.start("gateway", "-config", config)
}

// furnish has every organisation put on the chain what its later facts stand on.
func (s *organisations) furnish() {
	now := trace.TimeOf(time.Now())
	from, to := now.Date()-365, now.Date()+365
	regulator, producer := s.gateways[trace.RegulatorMSP], s.gateways[trace.ProducerMSP]
	grant := func(path, key string, body map[string]any) {
		body["claimed"], body["validFrom"], body["validTo"] = now, from, to
		regulator.must(trace.RoleRegulator, path, key, body)
	}
	grant("/parties", "admit-the-regulator", map[string]any{"party": "the-regulator", "roles": []string{"regulator"}, "legalPerson": true, "name": "示范监管局"})
	for _, actor := range actors {
		if actor.role != trace.RoleRegulator {
			grant("/parties", "admit-"+string(actor.party), map[string]any{"party": actor.party, "roles": []trace.Role{actor.role}, "legalPerson": true, "name": "示范单位"})
		}
	}
	grant("/licences", "licence", map[string]any{"party": "the-factory", "number": "TEST-1", "kind": "cosmetics", "scope": []string{"cosmetics"}, "issuer": "示范药监局"})
	grant("/licences", "prefix", map[string]any{"party": "the-factory", "number": "952000020", "kind": "gs1-prefix", "issuer": "示范编码中心"})
	grant("/licences", "transport", map[string]any{"party": "the-carrier", "number": "TEST-2", "kind": "transport", "scope": []string{"cosmetics"}, "issuer": "示范交通局"})
	grant("/accreditations", "accreditation", map[string]any{"lab": "the-lab", "number": "CMA-TEST", "issuer": "示范市监局", "items": []map[string]any{{"category": "cosmetics", "substance": "*"}}})
	producer.must(trace.RoleFactory, "/products", "product", map[string]any{
		"claimed": now, "gtin": "09520000200015", "name": "面霜", "category": "cosmetics", "commodity": "cosmetics-leave-on",
		"netContent": map[string]any{"amount": 1, "unit": "piece"}, "licenceNumber": "TEST-1", "filingNumber": "国妆备字2026000001", "producer": "the-factory", "shelfLifeDays": 1000,
	})
	s.note(producer.must(trace.RoleFactory, "/batches", "BASE", lotRequest(s.made, "BASE")))
	loads := []map[string]any{{"codes": map[string]any{"pack": s.order(producer, "BASE"), "first": 1, "last": 50}}}
	producer.must(trace.RoleFactory, "/consignments", "consign", map[string]any{
		"claimed": now, "shipment": "sh-1", "carrier": "the-carrier", "consignee": "the-monitor", "loads": loads,
	})
	place := map[string]any{"name": "杭州市", "point": map[string]any{"latitude": 30_420_000, "longitude": 120_300_000}}
	s.departed = trace.TimeOf(time.Now())
	s.gateways[trace.CarrierMSP].must(trace.RoleCarrier, "/shipments", "dispatch", map[string]any{
		"claimed": s.departed, "shipment": "sh-1", "loads": loads, "from": "the-factory", "consignee": "the-monitor", "origin": place, "target": place, "departed": s.departed,
	})
}

// order makes a pack of codes for a lot; its leaf file stays with that gateway.
func (s *organisations) order(h *house, lot string) trace.PackID {
	order := api.CodeOrder{Count: 100, Lot: &trace.LotID{GTIN: "09520000200015", Lot: trace.LotNumber(lot)}}
	return h.ordered(lot, order).Pack
}

// TestOrganisations lets five organisations write at their gateways while peers, the
// ordering leader, gateways and scanners fail one after the other, doubles requests,
// loses answers and floods a gateway. What was acknowledged is on every peer, once, and
// every read model is the same.
func TestOrganisations(t *testing.T) {
	s := startOrganisations(t)
	s.filesOfOthers()
	s.doubled(8)
	s.contested(8)
	s.lostAnswers(8)
	w := s.write(trace.MSPs()...)
	w.more(10)
	s.losesPeer(w, trace.LabMSP)
	s.frozenPeer(w, trace.PlatformMSP)
	s.levelOrderers()
	s.losesOrderer(w, s.leader())
	s.killedGateway(w, trace.ProducerMSP)
	s.killedScanner(w, 1)
	w.end()
	s.flood(400, 2_500)
	s.settle()
	s.requireSame()
}

// filesOfOthers has other organisations' scanners show a code of the producers' as checked
// against its leaf file, which they fetch by its hash. A gateway that fetches from nobody
// shows the same page without.
func (s *organisations) filesOfOthers() {
	producer := s.gateways[trace.ProducerMSP]
	s.note(producer.must(trace.RoleFactory, "/batches", "FILES", lotRequest(s.made, "FILES")))
	code := (&roles{gateway: producer}).order("FILES", 10)
	for _, scanner := range s.scanners {
		(&roles{scanner: scanner}).waitForScan(s.t, code, true)
	}
	(&roles{scanner: s.gateways[trace.LabMSP]}).waitForScan(s.t, code, false)
}

// losesPeer kills an organisation's peer: what needs its endorsement is refused for now,
// everybody else goes on, and its gateway follows another peer until its own is back.
func (s *organisations) losesPeer(w *organisationWriters, msp string) {
	t, gateway, own := s.t, s.gateways[msp], s.address(msp+"/peer")
	began := time.Now()
	s.network("kill", msp+"/peer")
	s.refusedForNow(msp)
	w.moreOf(5, s.others(msp)...)
	require.Eventually(t, func() bool { return gateway.metric("traceledger_ledger_peer_well", own) == 0 }, 3*time.Minute, 50*time.Millisecond)
	s.level(gateway, s.scanners[0])
	t.Logf("peer of %s killed: others went on, its gateway level at another peer after %s", msp, time.Since(began).Round(100*time.Millisecond))
	require.Eventually(t, func() bool { return strings.Contains(gateway.said(), own) }, time.Minute, 50*time.Millisecond, "the log names the peer")

	s.network("start", msp+"/peer")
	began = time.Now()
	s.comesHome(gateway, own)
	w.moreOf(5, msp)
	t.Logf("back: its gateway at its own peer again after %s", time.Since(began).Round(100*time.Millisecond))
}

// frozenPeer stops a peer's process, which keeps its connections and answers nothing.
func (s *organisations) frozenPeer(w *organisationWriters, msp string) {
	t, gateway, own := s.t, s.gateways[msp], s.address(msp+"/peer")
	pid := s.pid(msp + "/peer")
	began := time.Now()
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }() // also when the test fails
	require.Eventually(t, func() bool { return gateway.metric("traceledger_ledger_peer_well", own) == 0 }, 3*time.Minute, 50*time.Millisecond)
	noticed := time.Since(began)
	w.moreOf(5, s.others(msp)...)
	s.level(gateway)
	t.Logf("peer of %s frozen: noticed after %s, others wrote and its gateway was level after %s", msp, noticed.Round(100*time.Millisecond), time.Since(began).Round(100*time.Millisecond))
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	began = time.Now()
	s.comesHome(gateway, own)
	w.moreOf(5, msp)
	t.Logf("thawed: its gateway at its own peer again after %s", time.Since(began).Round(100*time.Millisecond))
}

// comesHome waits until a gateway follows blocks from its own peer, and has it endorse. One
// whose blocks stood still several times is left alone for five minutes.
func (s *organisations) comesHome(gateway *house, own string) {
	s.t.Helper()
	blocks, endorsed := gateway.metric("traceledger_ledger_blocks_total", own), gateway.metric("traceledger_ledger_endorsed_total", own)
	if !assert.Eventually(s.t, func() bool {
		return gateway.metric("traceledger_ledger_peer_well", own) == 1 &&
			gateway.metric("traceledger_ledger_blocks_total", own) > blocks && gateway.metric("traceledger_ledger_endorsed_total", own) > endorsed
	}, 8*time.Minute, 50*time.Millisecond) {
		require.FailNow(s.t, "the gateway does not come home", gateway.said())
	}
}

// losesOrderer kills an orderer. As an operator would, it sees first that the others are
// level, or two of four would be away.
func (s *organisations) losesOrderer(w *organisationWriters, orderer string) {
	s.levelOrderers()
	began := time.Now()
	s.network("kill", orderer)
	w.more(5)
	s.t.Logf("%s killed: every organisation had 5 more facts committed after %s", orderer, time.Since(began).Round(100*time.Millisecond))
	s.network("up") // with its height level: another one may be the next to go
}

// killedGateway kills a gateway under load: its outbox finishes after the start.
func (s *organisations) killedGateway(w *organisationWriters, msp string) {
	gateway := s.gateways[msp]
	began := time.Now()
	gateway.kill()
	s.mu.Lock() // it gets another address
	s.startGateway(msp)
	s.mu.Unlock()
	require.Eventually(s.t, func() bool { return gateway.metric("traceledger_ledger_outbox_transactions", "") <= writersEach }, 3*time.Minute, 50*time.Millisecond)
	w.more(5)
	s.t.Logf("gateway of %s killed and started: every organisation had 5 more facts after %s", msp, time.Since(began).Round(100*time.Millisecond))
}

// killedScanner kills one of two scanners while facts come; started again it goes on.
func (s *organisations) killedScanner(w *organisationWriters, victim int) {
	s.scanners[victim].kill()
	w.more(2)
	s.level(s.scanners[1-victim])
	s.scanners[victim].start("scanner", s.scanners[victim].args...)
	s.level(s.scanners[victim])
}

func (s *organisations) others(msp string) (others []string) {
	for _, other := range trace.MSPs() {
		if other != msp {
			others = append(others, other)
		}
	}
	return others
}

func (s *organisations) node(name string) fabric.NodeStatus {
	for _, node := range s.nodesNow() {
		if node.Name == name {
			return node
		}
	}
	require.FailNow(s.t, "no node", name)
	return fabric.NodeStatus{}
}

// nodesNow is nodes where some may be down.
func (o *operator) nodesNow() (nodes []fabric.NodeStatus) {
	out, _ := o.try("status", "-json")
	require.NoError(o.t, json.NewDecoder(strings.NewReader(out)).Decode(&nodes), out)
	return nodes
}

func (s *organisations) address(node string) string { return s.node(node).Address }
func (s *organisations) pid(node string) int        { return s.node(node).PID }

// said is what a process has logged.
func (h *house) said() string { return h.errors.String() }

// metric reads one value of /metrics, of a peer where the metric is by peer; 0 where
// there is none.
func (h *house) metric(name, peer string) float64 {
	response, err := http.Get(h.base + "/metrics")
	require.NoError(h.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(h.t, err)
	if peer != "" {
		name += fmt.Sprintf("{peer=%q}", peer)
	}
	for line := range strings.Lines(string(content)) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			require.NoError(h.t, err)
			return value
		}
	}
	return 0
}

// settle repeats what was not settled and demands every acknowledged record under its
// transaction, valid, on every peer, and that no other transaction has written it.
func (s *organisations) settle() {
	t := s.t
	t.Helper()
	require.Empty(t, s.broken)
	t.Logf("%d records acknowledged, %d to be repeated", len(s.acknowledged), len(s.unsettled))
	var group sync.WaitGroup
	jobs := make(chan job)
	for range 32 {
		group.Go(func() {
			for j := range jobs {
				s.repeat(j)
			}
		})
	}
	for _, j := range s.unsettled {
		jobs <- j
	}
	close(jobs)
	group.Wait()
	require.Empty(t, s.broken)
	s.network("up") // until all are level: what one peer has, another may get a block later
	found, doubled, lost := len(s.acknowledged), map[trace.Key]bool{}, []string{}
	chains := s.chains()
	for record, transaction := range s.acknowledged {
		everywhere := true
		for msp, chain := range chains {
			if !chain.valid[transaction] || chain.writes[record] == 0 {
				lost, everywhere = append(lost, fmt.Sprintf("%s on the peer of %s", record, msp)), false
			}
			if chain.writes[record] > 1 {
				doubled[record] = true
			}
		}
		if !everywhere {
			found--
		}
	}
	t.Logf("acknowledged %d, found on every peer %d, doubled %d, lost %d", len(s.acknowledged), found, len(doubled), len(lost))
	require.Empty(t, lost)
	require.Empty(t, doubled, "one request is one transaction")
}

// requireSame demands that all gateways and scanners have folded the same blocks to the
// same bytes: each block once, none left out.
func (s *organisations) requireSame() {
	all := append([]*house{s.second}, s.scanners...)
	for _, msp := range trace.MSPs() {
		all = append(all, s.gateways[msp])
	}
	for _, h := range all { // what is sent again for an answer that was lost makes blocks too
		require.Eventually(s.t, func() bool { return h.metric("traceledger_ledger_outbox_transactions", "") == 0 }, 4*time.Minute, 50*time.Millisecond, h.base)
	}
	s.level(all...)
	lots := s.gateways[trace.ProducerMSP].countLots()
	written := 0
	for record := range s.acknowledged {
		if strings.HasPrefix(string(record), "batch/") {
			written++
		}
	}
	require.Equal(s.t, written, lots, "nothing is lost, nothing doubled")
	first := ""
	for i, h := range all {
		h.stop()
		dump := h.command("dump")
		if i == 0 {
			first = dump
		}
		require.True(s.t, dump == first, "the read model of %s is another", h.data)
	}
}
