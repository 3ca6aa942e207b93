package fabric

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testListeners tries every port of a running network: what other hosts or programs are to
// reach speaks TLS and nothing else, and a node's health and metrics are on this host only.
func testListeners(t *testing.T, network *Network) {
	addresses := network.plan.addresses()
	for name := range addresses {
		if strings.Contains(name, "/service") {
			delete(addresses, name) // planned for processes; those that run follow
		}
	}
	for _, s := range network.plan.Services {
		addresses[s.name()] = s.Address
	}
	tried := 0
	for name, address := range addresses {
		if strings.HasSuffix(name, operations) {
			require.True(t, strings.HasPrefix(address, "127.0.0.1:"), name)
			continue
		}
		requireTLS(t, name, address)
		tried++
	}
	require.Equal(t, 2*orderers+3*len(Organisations), tried, "each orderer's and its administration; each peer's, its chaincode listener, its chaincode")
	for _, node := range network.Nodes() {
		if node.metrics == "" {
			require.Contains(t, node.Name(), "/store", "only chaincode has none")
			continue
		}
		// What docs/operations.md tells to watch.
		watched := []string{"ledger_blockchain_height{", "process_resident_memory_bytes", "process_open_fds"}
		if strings.HasPrefix(node.Name(), "orderer") {
			watched = append(watched, "consensus_BFT_leader_id{", "cluster_comm_egress_queue_length{")
		} else {
			watched = append(watched, "gossip_membership_total_peers_known{", "endorser_proposal_duration_", "ledger_block_processing_time_", "grpc_server_unary_requests_completed{")
		}
		// A peer tells some of them from its first report on, seconds after it joined.
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.Contains(c, operationsOf(c, node, "/healthz"), `"status":"OK"`, node.Name())
			metrics := operationsOf(c, node, "/metrics")
			for _, name := range watched {
				assert.True(c, strings.Contains(metrics, name), "%s has no %s", node.Name(), name)
			}
		}, 2*time.Minute, 100*time.Millisecond)
	}
}

// requireTLS demands a handshake, and that who speaks without one gets nowhere.
func requireTLS(t *testing.T, name, address string) {
	t.Helper()
	// Whose certificate it is, is not asked here; the nodes and clients do.
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	require.NoError(t, err, name)
	require.NoError(t, conn.Close())
	for _, said := range []string{
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", // how a gRPC client begins
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		plain, err := net.Dial("tcp", address)
		require.NoError(t, err, name)
		require.NoError(t, plain.SetDeadline(time.Now().Add(2*time.Minute)))
		_, err = io.WriteString(plain, said)
		require.NoError(t, err, name)
		answer, err := io.ReadAll(plain)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "%s leaves the connection open", name)
		// A TLS alert, nothing, or Go's hint that this is the wrong protocol.
		const alert = "\x15"
		const hint = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
		if text := string(answer); text != "" && !strings.HasPrefix(text, alert) {
			require.Equal(t, hint, text, name)
		}
		plain.Close()
	}
}
