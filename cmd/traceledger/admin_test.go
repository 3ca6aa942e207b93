package main

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/wallet"
)

// requireOwnersOnly demands that nobody but the owner reaches the admin socket.
func (h *house) requireOwnersOnly() {
	h.t.Helper()
	folder, err := os.Stat(filepath.Join(h.data, adminFolder))
	require.NoError(h.t, err)
	require.Equal(h.t, fs.FileMode(0o700), folder.Mode().Perm())
	socket, err := os.Stat(adminPath(h.data))
	require.NoError(h.t, err)
	require.Equal(h.t, fs.ModeSocket, socket.Mode().Type())
}

// TestLetInWhileRunning enrols and makes tokens beside a house that runs, was killed,
// and is stopped.
func TestLetInWhileRunning(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, os.Mkdir(filepath.Join(h.data, adminFolder), 0o755))
	h.start("serve")
	h.requireOwnersOnly()

	elsewhere := filepath.Join(t.TempDir(), "wallet")
	enrol := func(party string) { h.command("enrol", "-role", "farm", "-party", party, "-to", elsewhere) }
	enrol("farm-01")
	h.tokens[trace.RoleRegulator] = strings.TrimSpace(h.command("token", "-make", "office", "-role", "regulator", "-party", "the-regulator"))
	h.tokens[trace.RoleFactory] = strings.TrimSpace(h.command("token", "-make", "line 1", "-role", "factory", "-party", "the-factory"))
	h.furnish()
	require.Contains(t, h.command("token"), "line 1")
	h.command("token", "-revoke", strings.Split(h.tokens[trace.RoleFactory], "_")[1])
	require.Equal(t, http.StatusUnauthorized, h.get(trace.RoleFactory, "/v1/me", nil))

	for name, args := range map[string][]string{
		"enrol: no role":       {"enrol", "-role", "king", "-party", "farm-01", "-to", elsewhere},
		"enrol: no party":      {"enrol", "-role", "farm", "-party", "", "-to", elsewhere},
		"enrol: there already": {"enrol", "-role", "farm", "-party", "farm-01", "-to", elsewhere},
		"token: no role":       {"token", "-make", "x", "-role", "king", "-party", "farm-01"},
		"token: unknown id":    {"token", "-revoke", "0000000000000000"},
	} {
		_, said, err := h.try(args[0], args[1:]...)
		require.Error(t, err, name)
		require.Contains(t, said, "traceledger: ", name)
		require.NotContains(t, said, "in use", name)
	}

	h.kill() // the socket stays behind
	_, err := os.Stat(adminPath(h.data))
	require.NoError(t, err)
	enrol("farm-02")
	h.start("serve")
	h.requireOwnersOnly()
	enrol("farm-03")
	h.stop()
	_, err = os.Stat(adminPath(h.data))
	require.ErrorIs(t, err, fs.ErrNotExist)
	enrol("farm-04")

	identities, err := wallet.Open(elsewhere, nil)
	require.NoError(t, err)
	for _, name := range []string{"farm-01@farm", "farm-02@farm", "farm-03@farm", "farm-04@farm"} {
		id, err := identities.Identity(name)
		require.NoError(t, err, name)
		require.Equal(t, trace.ProducerMSP, id.MSPID)
		require.Equal(t, "farm", id.Role)
	}
}

// TestAPathTooLongForASocket runs all the same, and says what does not work.
func TestAPathTooLongForASocket(t *testing.T) {
	h := newHouse(t)
	h.data = filepath.Join(h.data, strings.Repeat("d", 120))
	h.start("serve")
	_, said, err := h.try("enrol", "-role", "farm", "-party", "farm-01", "-to", t.TempDir())
	require.Error(t, err)
	require.Contains(t, said, "in use by another process")
	h.stop()
	require.Contains(t, h.errors.String(), "too long for a socket")
}
