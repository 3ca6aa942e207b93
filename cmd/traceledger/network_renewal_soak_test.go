//go:build soak

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// TestSoakRenewal renews the certificates of a peer, of a Fabric CA and of an orderer by the
// commands of docs/operations.md, under writers, and then replaces the orderer, data and keys lost,
// as that page tells. Each time another orderer is killed: without the renewed one nothing
// would be ordered. In the end every acknowledged record is on every peer.
func TestSoakRenewal(t *testing.T) {
	o, r := startConsortium(t)
	made := trace.TimeOf(time.Now()) - 3_600_000
	w := r.write(t, made)
	w.more(t, 20)
	blocks := commandsUnder(t, "## Renewing certificates")
	require.Len(t, blocks, 4, "a user's, a node's, a Fabric CA's, an orderer's")
	tools := "export " + fabric.BinariesVariable + "=" + allPrograms(t) + "\n" + o.operationsTools()
	again, _, found := strings.Cut(blocks[1], "\nX=")
	require.True(t, found)
	file := func(parts ...string) string { return filepath.Join(append([]string{o.dir, "nodes"}, parts...)...) }
	names, err := filepath.Glob(file("orderer3", "msp", "signcerts", "*.pem"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	orderers := []string{file("orderer3", "tls", "server.crt"), names[0]}

	changed := o.certificates(append(orderers, file(trace.LabMSP, "peer", "tls", "server.crt"), file(trace.LabMSP, "ca", "tls", "server.crt"))...)
	o.shell(t.TempDir(), strings.Join([]string{tools, blocks[1], blocks[2], "for d in stop start; do traceledger network $d LabMSP/ca -dir $N; done"}, "\n"))
	o.network("enrol", "-role", "lab", "-party", "a-lab", "-to", t.TempDir())
	w.more(t, 20)
	o.levelNode("LabMSP/peer")
	o.shell(t.TempDir(), strings.Join([]string{tools, again, blocks[3]}, "\n"))
	changed(true)
	o.isNeeded(w, "orderer3")

	changed = o.certificates(orderers...)
	keys, start := commandsUnder(t, "## Replacing an orderer")[0], "traceledger network start orderer3 -dir $N"
	renew, first := blocks[3], "again $L/tls/server.crt"
	for _, part := range []string{start, first} {
		require.Equal(t, 1, strings.Count(renew, part), part)
	}
	renew = strings.Replace(renew, start, "traceledger network up -config "+o.file, 1)
	renew = strings.Replace(renew, first, keys+"\n"+first, 1)
	o.shell(t.TempDir(), strings.Join([]string{tools, again, renew}, "\n"))
	changed(false)
	o.isNeeded(w, "orderer3")
	o.settleAll(r, w, made, 0)
	r.gateway.stop()
	require.Contains(t, o.network("down"), "no process and no listener is left")
}

// allPrograms is a folder with Fabric's programs and its CA's, as on a host without a source tree.
func allPrograms(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for _, ensure := range []func(context.Context) (string, error){fabric.EnsureBinaries, fabric.EnsureCA} {
		from, err := ensure(t.Context())
		require.NoError(t, err)
		programs, err := os.ReadDir(from)
		require.NoError(t, err)
		for _, program := range programs {
			require.NoError(t, os.Symlink(filepath.Join(from, program.Name()), filepath.Join(folder, program.Name())))
		}
	}
	return folder
}

// isNeeded has the writers go on with an orderer that the page's commands have waited for where
// another one is away, as fast as they ever do.
func (o *operator) isNeeded(w *writers, orderer string) {
	o.t.Helper()
	w.more(o.t, 20)
	o.levelNode(orderer)
	leader := o.leader()
	o.network("kill", "orderer1")
	began := time.Now()
	w.more(o.t, 20)
	stall := w.longestStall(began)
	o.t.Logf("with orderer1 killed, %s led: longest stall %s, wanted at most %s", leader, inSeconds(stall), inSeconds(wantedStall))
	require.LessOrEqual(o.t, stall, wantedStall)
	o.network("up")
	o.network("status")
}

// certificates reads some, and gives what demands that all are others, of the same keys or of others.
func (o *operator) certificates(files ...string) (changed func(sameKeys bool)) {
	o.t.Helper()
	read := func(file string) (raw, key string) {
		content, err := os.ReadFile(file)
		require.NoError(o.t, err)
		certificate, err := identity.CertificateFromPEM(content)
		require.NoError(o.t, err)
		return string(certificate.Raw), string(certificate.RawSubjectPublicKeyInfo)
	}
	raw, key := map[string]string{}, map[string]string{}
	for _, file := range files {
		raw[file], key[file] = read(file)
	}
	return func(sameKeys bool) {
		o.t.Helper()
		for _, file := range files {
			newRaw, newKey := read(file)
			require.NotEqual(o.t, raw[file], newRaw, file)
			require.Equal(o.t, sameKeys, key[file] == newKey, file)
		}
	}
}
