package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"traceledger/network/fabric"
)

// TestFabric runs the suite against a real network that it brings up itself.
// The first run on a machine builds the Fabric programs, about 80 s.
func TestFabric(t *testing.T) {
	buildContext, cancelBuild := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancelBuild()
	binaries, err := fabric.EnsureBinaries(buildContext)
	require.NoError(t, err)
	service := filepath.Join(t.TempDir(), "service")
	out, err := exec.CommandContext(buildContext, "go", "build", "-buildvcs=false", "-o", service, "./chaincode/service").CombinedOutput()
	require.NoError(t, err, "%s", out)

	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	began := time.Now()
	network, err := fabric.Start(ctx, fabric.Config{
		Dir:      t.TempDir(),
		Binaries: binaries,
		Channel:  Channel,
		// The tests submit one transaction after the other.
		BatchInterval: 50 * time.Millisecond,
		LogLevel:      "error", // conflicts are warnings, and wanted here
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			showLogs(t, network)
		}
		network.Stop()
	})
	require.NoError(t, network.Deploy(ctx, fabric.Chaincode{
		Name:        Chaincode,
		Version:     Version,
		Binary:      service,
		Collections: collectionsFile(t),
	}))
	t.Logf("network with chaincode up after %s", time.Since(began).Round(time.Millisecond))
	Run(t, fabricEngine{network})
}

// collectionsFile is Collections in the form of Fabric's peer command.
func collectionsFile(t *testing.T) []byte {
	t.Helper()
	type policy struct {
		Signature string `json:"signaturePolicy"`
	}
	type entry struct {
		Name              string  `json:"name"`
		Policy            string  `json:"policy"`
		RequiredPeerCount int     `json:"requiredPeerCount"`
		MaxPeerCount      int     `json:"maxPeerCount"`
		BlockToLive       uint64  `json:"blockToLive"`
		MemberOnlyRead    bool    `json:"memberOnlyRead"`
		MemberOnlyWrite   bool    `json:"memberOnlyWrite"`
		EndorsementPolicy *policy `json:"endorsementPolicy,omitempty"`
	}
	var entries []entry
	for _, c := range Collections {
		e := entry{
			Name:            c.Name,
			Policy:          "OR('" + strings.Join(c.Members, ".member', '") + ".member')",
			MaxPeerCount:    len(c.Members),
			BlockToLive:     c.BlockToLive,
			MemberOnlyRead:  c.MemberOnlyRead,
			MemberOnlyWrite: c.MemberOnlyWrite,
		}
		if c.EndorsedBy != "" {
			e.EndorsementPolicy = &policy{"OR('" + c.EndorsedBy + ".peer')"}
		}
		entries = append(entries, e)
	}
	content, err := json.Marshal(entries)
	require.NoError(t, err)
	return content
}

// showLogs prints what the nodes complained of; their logs hold errors
// only.
func showLogs(t *testing.T, network *fabric.Network) {
	for _, node := range network.Nodes() {
		log, err := os.ReadFile(node.LogFile())
		if err != nil {
			t.Log(err)
			continue
		}
		if len(log) > 1000 {
			log = log[len(log)-1000:]
		}
		t.Logf("%s (running: %t):\n%s", node.Name(), node.Running(), log)
	}
}

type fabricEngine struct{ network *fabric.Network }

func (fabricEngine) Name() string { return "fabric" }

func (e fabricEngine) Conn(t *testing.T, mspID string) grpc.ClientConnInterface {
	t.Helper()
	conn, err := e.network.Conn(mspID)
	require.NoError(t, err)
	return conn
}

func (e fabricEngine) Enrol(t *testing.T, mspID, name string, attributes map[string]string, notAfter time.Time) (identity.Identity, identity.Sign) {
	t.Helper()
	var options []fabric.EnrolOption
	if !notAfter.IsZero() {
		options = append(options, fabric.ValidUntil(notAfter))
	}
	certPEM, keyPEM, err := e.network.Enrol(mspID, name, attributes, options...)
	require.NoError(t, err)
	return parseIdentity(t, mspID, certPEM, keyPEM)
}

// RestartOrdering ends all orderers and starts them again, and returns when the
// channel takes transactions.
func (e fabricEngine) RestartOrdering(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for i := 1; i <= 4; i++ {
		node, err := e.network.Node(fmt.Sprintf("orderer%d", i))
		require.NoError(t, err)
		node.Kill()
		require.NoError(t, node.Start(ctx))
	}
}

func parseIdentity(t *testing.T, mspID string, certPEM, keyPEM []byte) (identity.Identity, identity.Sign) {
	t.Helper()
	certificate, err := identity.CertificateFromPEM(certPEM)
	require.NoError(t, err)
	id, err := identity.NewX509Identity(mspID, certificate)
	require.NoError(t, err)
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	require.NoError(t, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(t, err)
	return id, sign
}
