package fabric

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAuthority takes a Fabric CA alone, without a channel, through what it is there for.
func TestAuthority(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	config, err := Config{Dir: t.TempDir(), Authorities: true}.withDefaults()
	require.NoError(t, err)
	config, err = config.withPrograms(ctx)
	require.NoError(t, err)
	n, err := takeFolder(ctx, config)
	require.NoError(t, err)
	t.Cleanup(n.Stop)
	require.NoError(t, n.loadOrCreate(ctx))
	require.NoError(t, n.makeNodes())
	node, err := n.Node("LabMSP/ca")
	require.NoError(t, err)
	path := filepath.Join(node.dir, "fabric-ca-server-config.yaml")
	made, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, earlierRegistrar(t, made), 0o600))
	require.NoError(t, node.Start(ctx))
	attributes := map[string]string{"trace.role": "lab", "trace.party": "lab-01"}

	t.Run("EnrolsAndEnrolsAnew", func(t *testing.T) {
		for range 2 {
			certPEM, keyPEM, err := n.EnrolAtCA("LabMSP", "lab-01@lab", attributes)
			require.NoError(t, err)
			_, err = tls.X509KeyPair(certPEM, keyPEM)
			require.NoError(t, err)
		}
	})
	t.Run("ARegistrarOfAnEarlierVersionIsConfined", func(t *testing.T) {
		testBroadRegistrar(ctx, t, n, node, made)
	})
	t.Run("ItsRegistrarMakesClientsOnly", func(t *testing.T) {
		client, err := n.caClient("LabMSP")
		require.NoError(t, err)
		admin, err := n.registrar("LabMSP", client)
		require.NoError(t, err)
		register := func(kind string, attributes map[string]string) error {
			var attrs []map[string]string
			for name, value := range attributes {
				attrs = append(attrs, map[string]string{"name": name, "value": value})
			}
			return client.call(http.MethodPost, "/api/v1/register", map[string]any{
				"id": "other-" + kind, "type": kind, "affiliation": "", "attrs": attrs,
			}, signedBy(admin), nil)
		}
		require.NoError(t, register("client", nil))
		for _, kind := range []string{"peer", "admin", "orderer"} {
			require.ErrorContains(t, register(kind, nil), "Authorization failure", kind)
		}
		for name, value := range map[string]string{
			"hf.Registrar.Roles": "client", "hf.Registrar.Attributes": "trace.role", "hf.Revoker": "true", "trace.other": "1",
		} {
			require.ErrorContains(t, register("client", map[string]string{name: value}), "Authorization failure", name)
		}
		more := map[string]any{"attrs": []map[string]string{{"name": "hf.Registrar.Roles", "value": "*"}}}
		require.ErrorContains(t, client.call(http.MethodPut, "/api/v1/identities/"+registrarName, more, signedBy(admin), nil), "Authorization failure")
		require.ErrorContains(t, client.call(http.MethodPost, "/api/v1/affiliations", map[string]any{"name": "east"}, signedBy(admin), nil), "Authorization failure")
		var revoked struct{ CRL string }
		require.NoError(t, client.call(http.MethodPost, "/api/v1/revoke", map[string]any{"id": "lab-01@lab", "gencrl": true}, signedBy(admin), &revoked))
		require.NotEmpty(t, revoked.CRL, "as docs/operations.md tells to revoke a user")
	})
	t.Run("ItsOwnClientRevokes", func(t *testing.T) { // as docs/operations.md tells
		peer, err := n.plan.peer("LabMSP")
		require.NoError(t, err)
		secret, err := os.ReadFile(filepath.Join(node.dir, "registrar.secret"))
		require.NoError(t, err)
		_, _, err = n.EnrolAtCA("LabMSP", "lab-03@lab", attributes)
		require.NoError(t, err)
		home := t.TempDir()
		for _, arguments := range [][]string{
			{"enroll", "-u", "https://" + registrarName + ":" + strings.TrimSpace(string(secret)) + "@" + node.Address()},
			{"revoke", "-e", "lab-03@lab", "--gencrl", "-u", "https://" + node.Address()},
		} {
			arguments = append(arguments, "--tls.certfiles", filepath.Join(n.organisationFolder(peer, "tlsca"), "tlsca."+peer.Domain+"-cert.pem"))
			require.NoError(t, run(ctx, []string{"FABRIC_CA_CLIENT_HOME=" + home}, filepath.Join(config.caBinaries, "fabric-ca-client"), arguments...))
		}
		list, err := os.ReadFile(filepath.Join(home, "msp", "crls", "crl.pem"))
		require.NoError(t, err)
		block, _ := pem.Decode(list)
		require.NotNil(t, block)
		revoked, err := x509.ParseRevocationList(block.Bytes)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(revoked.RevokedCertificateEntries), 2, "that of lab-01@lab too")
	})
	t.Run("OnlyItsMetricsArePlain", func(t *testing.T) {
		requireTLS(t, node.Name(), node.Address())
		require.Contains(t, operationsOf(t, node, "/healthz"), `"status":"OK"`)
		require.Contains(t, operationsOf(t, node, "/metrics"), "api_request_count{")
	})
	t.Run("ItsOwnCertificateIsRenewed", func(t *testing.T) {
		before := node.PID()
		require.NoError(t, n.renewTLS(ctx, node))
		require.Equal(t, before, node.PID(), "not before its time")
		plan, err := n.plan.peer("LabMSP")
		require.NoError(t, err)
		ca := replaceTLSAuthority(t, n, plan)
		require.NoError(t, n.renewTLS(ctx, node))
		require.NotEqual(t, before, node.PID())
		only := x509.NewCertPool()
		only.AddCert(ca.certificate)
		conn, err := tls.Dial("tcp", node.Address(), &tls.Config{RootCAs: only})
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		_, _, err = n.EnrolAtCA("LabMSP", "lab-02@lab", attributes)
		require.NoError(t, err)
	})
}

// earlierRegistrar is a CA's configuration as versions before the registrar was confined
// wrote it.
func earlierRegistrar(t *testing.T, configuration []byte) []byte {
	broad := bytes.Replace(configuration, []byte(`        hf.Registrar.Roles: client
        hf.Registrar.Attributes: trace.role,trace.party
        hf.Revoker: true
        hf.GenCRL: true
`), []byte(`        hf.Registrar.Roles: "*"
        hf.Registrar.DelegateRoles: "*"
        hf.Registrar.Attributes: "*"
        hf.Revoker: true
        hf.GenCRL: true
        hf.AffiliationMgr: true
`), 1)
	require.NotEqual(t, configuration, broad)
	return broad
}

// testBroadRegistrar: one that could make an administrator cannot after up, for which its own
// configuration is as if made today, so that it is asked once.
func testBroadRegistrar(ctx context.Context, t *testing.T, n *Network, node *Node, made []byte) {
	client, err := n.caClient("LabMSP")
	require.NoError(t, err)
	admin, err := n.registrar("LabMSP", client)
	require.NoError(t, err)
	register := func(name string) error {
		return client.call(http.MethodPost, "/api/v1/register", map[string]any{"id": name, "type": "admin", "affiliation": ""}, signedBy(admin), nil)
	}
	require.NoError(t, register("administrator-before"))
	require.NoError(t, n.narrowRegistrar("LabMSP"))
	require.ErrorContains(t, register("administrator-after"), "Authorization failure")
	has, err := client.attributesOf(admin, registrarName)
	require.NoError(t, err)
	maps.DeleteFunc(has, func(name, value string) bool { return !strings.HasPrefix(name, "hf.") || value == "false" })
	delete(has, "hf.EnrollmentID")
	delete(has, "hf.Type")
	delete(has, "hf.Affiliation")
	require.Equal(t, map[string]string{
		"hf.Registrar.Roles": "client", "hf.Registrar.Attributes": "trace.role,trace.party", "hf.Revoker": "true", "hf.GenCRL": "true",
	}, has)

	path := filepath.Join(node.dir, "fabric-ca-server-config.yaml")
	confined, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(made), string(confined))
	require.NoError(t, n.narrowRegistrar("LabMSP"), "nothing to do")

	// The last one ended before it wrote the configuration.
	require.NoError(t, os.WriteFile(path, earlierRegistrar(t, made), 0o600))
	require.NoError(t, n.narrowRegistrar("LabMSP"))
	confined, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(made), string(confined))
	node.Stop(stopGrace)
	require.NoError(t, node.Start(ctx))
	require.ErrorContains(t, register("administrator-later"), "Authorization failure")
}

// A registrar that its operator has confined in another way can be told no more.
func TestMaySet(t *testing.T) {
	for allowed, may := range map[string]bool{
		"*": true, "hf.*": true, "trace.role, hf.Registrar.Roles": true,
		"": false, "trace.role,trace.party": false, "trace.*": false, "hf.Revoker": false,
	} {
		require.Equal(t, may, maySet(allowed, "hf.Registrar.Roles"), allowed)
	}
}

// operationsOf is what a node answers about itself.
func operationsOf(t require.TestingT, node *Node, path string) string {
	response, err := http.Get("http://" + node.metrics + path)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(content)
}
