//go:build soak

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/wallet"
)

// TestSoakNewcomerWithItsOwnKeys has an organisation join by the commands of
// docs/operations.md, "On another host, with keys of its own": in a folder that holds what
// it made itself and what that page says a member gives it, and nothing of the network's.
// What its processor writes is endorsed by its own peer.
func TestSoakNewcomerWithItsOwnKeys(t *testing.T) {
	const second = "Producer2MSP"
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	host := t.TempDir()
	var ports []string
	for range 4 { // of the peer, its chaincode listener, the chaincode, operations
		_, port, err := net.SplitHostPort(freeAddress(t))
		require.NoError(t, err)
		ports = append(ports, port)
	}
	// The page's example is a carrier; a producer needs less before it may write.
	text := strings.NewReplacer("Carrier2", "Producer2", "carrier2", "producer2", "28200", ports[0], "28201", ports[1], "28202", ports[2], "28203", ports[3])
	var blocks []string
	for _, block := range commandsUnder(t, "### On another host, with keys of its own") {
		blocks = append(blocks, text.Replace(block))
	}
	require.Len(t, blocks, 6, "keys and definition, admission, update, peer, link, join")
	o.shell(host, blocks[0])

	r.gateway.must(trace.RoleRegulator, "/organisations", "producer2", map[string]any{"claimed": made, "msp": second, "kind": trace.ProducerMSP})
	r.gateway.must(trace.RoleRegulator, "/guards", "guard-producer2", map[string]any{"msp": second, "version": 1})
	tools, members := o.operationsTools(), t.TempDir()
	handOver(t, members, filepath.Join(host, "producer2.json"))
	o.shell(members, tools+"\n"+blocks[2])

	o.shell(members, tools+`
peer channel fetch 0 genesis.block -c trace -o $O --tls --cafile $OCA
peer lifecycle chaincode getinstalledpackage --output-directory . \
  --package-id $(peer lifecycle chaincode queryinstalled -O json | jq -r '.installed_chaincodes[0].package_id')
cp $OCA orderer-ca.pem`)
	handOver(t, host, filepath.Join(members, "genesis.block"), filepath.Join(members, "orderer-ca.pem"))
	packages, err := filepath.Glob(filepath.Join(members, "*.tar.gz"))
	require.NoError(t, err)
	require.Len(t, packages, 1)
	label, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(packages[0]), ".tar.gz"), ":") // of the package's id
	handOver(t, host, packages[0], filepath.Join(o.dir, "programs", label))
	pattern := filepath.Join(o.dir, "nodes", trace.CarrierMSP, "peer")
	require.NoError(t, os.CopyFS(filepath.Join(host, "builder"), os.DirFS(filepath.Join(pattern, "builder"))))
	handOver(t, host, filepath.Join(pattern, "core.yaml"))

	clean := "unset ${!CORE_@} FABRIC_CFG_PATH; "
	o.shell(host, clean+blocks[3])
	o.shell(host, clean+blocks[4])
	orderer := strings.TrimPrefix(regexp.MustCompile(`export O=\S+`).FindString(tools), "export O=")
	asAdministrator, join, found := strings.Cut(strings.Replace(blocks[5], "O=127.0.0.1:17050", "O="+orderer, 1), "peer channel join")
	require.True(t, found)
	require.Contains(t, asAdministrator, "O="+orderer)
	join, approve, found := strings.Cut("peer channel join"+join, "peer lifecycle chaincode approveformyorg")
	require.True(t, found)
	administrator := clean + asAdministrator + `
export FABRIC_CFG_PATH=$PWD/peer
ID=$(peer lifecycle chaincode calculatepackageid trace_1-*.tar.gz)
` + patiently + `
`
	o.shell(host, administrator+"patiently "+strings.TrimSpace(join))
	// Until its peer has read the block that brought it in, it refuses its own administrator.
	o.shell(host, administrator+"patiently peer lifecycle chaincode approveformyorg"+approve)

	attributes := `{"attrs":{"trace.role":"processor","trace.party":"second-processor"}}`
	o.shell(host, fmt.Sprintf(`X=crypto/peerOrganizations/producer2.example/ca
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/OU=client/CN=second-processor" -keyout user.key |
  openssl x509 -req -CA $X/ca.producer2.example-cert.pem -CAkey $X/priv_sk -days 30 -out user.crt \
    -extfile <(printf 'keyUsage=critical,digitalSignature\n1.2.3.4.5.6.7.8.1=DER:%x\n')`, attributes))
	certPEM, err := os.ReadFile(filepath.Join(host, "user.crt"))
	require.NoError(t, err)
	keyPEM, err := os.ReadFile(filepath.Join(host, "user.key"))
	require.NoError(t, err)
	identities, err := wallet.Open(filepath.Join(r.gateway.data, "wallet"), nil)
	require.NoError(t, err)
	require.NoError(t, identities.Put(enrolmentName("second-processor", trace.RoleProcessor), second, certPEM, keyPEM))
	r.gateway.tokens[trace.RoleProcessor] = strings.TrimSpace(r.gateway.command("token", "-make", "second", "-role", "processor", "-party", "second-processor"))
	r.gateway.admitSecond(second)
	require.Eventually(t, func() bool { // once the other peers have heard of it
		_, refusal, err := r.gateway.post(t.Context(), trace.RoleProcessor, "/products", "product-second", secondProduct(made))
		require.NoError(t, err)
		require.True(t, refusal == nil || refusal.Retriable, "%+v", refusal)
		return refusal == nil
	}, time.Minute, 500*time.Millisecond)
	lot := lotRequest(made, "SECOND")
	lot["gtin"] = secondGTIN
	written := r.gateway.must(trace.RoleProcessor, "/batches", "lot-second", lot)
	var record struct {
		Endorsers []string `json:"endorsers"`
	}
	r.gateway.get(trace.RoleProcessor, "/v1/records/"+string(written.Record), &record)
	require.Contains(t, record.Endorsers, second)
	r.gateway.stop()
	require.Contains(t, o.network("down"), "no process and no listener is left")
}

// handOver copies files, as somebody would send them.
func handOver(t *testing.T, to string, files ...string) {
	t.Helper()
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, filepath.Base(file)), content, info.Mode()))
	}
}

// patiently repeats a command in a shell whose peer was started a moment before.
const patiently = `patiently() { for i in $(seq 60); do if "$@"; then return; fi; sleep 1; done; tail -n 20 peer/log; return 1; }`
