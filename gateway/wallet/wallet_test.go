package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func enrolment(t *testing.T) (certificate, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func TestPutAndIdentity(t *testing.T) {
	w, err := Open(t.TempDir()+"/wallet", nil)
	require.NoError(t, err)
	_, err = w.Identity("farm-a@farm")
	require.Equal(t, CodeUnknownIdentity, trace.CodeOf(err))
	certificate, key := enrolment(t)
	require.NoError(t, w.Put("farm-a@farm", trace.ProducerMSP, certificate, key))
	id, err := w.Identity("farm-a@farm")
	require.NoError(t, err)
	require.Equal(t, trace.ProducerMSP, id.MSPID)
	require.Equal(t, trace.CodeAlreadyExists, trace.CodeOf(w.Put("farm-a@farm", trace.ProducerMSP, certificate, key)))
	for _, name := range []string{"", "../x", "a/b", ".new-a", "a b"} {
		_, err := w.Identity(name)
		require.Equal(t, CodeUnknownIdentity, trace.CodeOf(err), name)
		require.Equal(t, trace.CodeInvalid, trace.CodeOf(w.Put(name, trace.ProducerMSP, certificate, key)), name)
	}
}

// TestCrash loses everything unsynced after each Put: what was acknowledged is there,
// whole.
func TestCrash(t *testing.T) {
	disk := vfs.NewCrashableMem()
	require.NoError(t, disk.MkdirAll("data", 0o700))
	root, err := disk.OpenDir("/")
	require.NoError(t, err)
	require.NoError(t, root.Sync())
	w, err := Open("data/wallet", disk)
	require.NoError(t, err)
	certificate, key := enrolment(t)
	require.NoError(t, w.Put("farm-a@farm", trace.ProducerMSP, certificate, key))
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	after, err := Open("data/wallet", crashed)
	require.NoError(t, err)
	id, err := after.Identity("farm-a@farm")
	require.NoError(t, err, "an acknowledged identity is lost")
	require.Equal(t, trace.ProducerMSP, id.MSPID)
}

// TestDamagedIdentityIsRefused: at the start, in words that name it.
func TestDamagedIdentityIsRefused(t *testing.T) {
	_, otherKey := enrolment(t)
	for name, damage := range map[string]func(folder string) error{
		"key removed":             func(f string) error { return os.Remove(f + "/key.pem") },
		"organisation removed":    func(f string) error { return os.Remove(f + "/msp") },
		"organisation emptied":    func(f string) error { return os.Truncate(f+"/msp", 0) },
		"key emptied":             func(f string) error { return os.Truncate(f+"/key.pem", 0) },
		"key halved":              func(f string) error { return os.Truncate(f+"/key.pem", 90) },
		"key of another":          func(f string) error { return os.WriteFile(f+"/key.pem", otherKey, 0o600) },
		"certificate overwritten": func(f string) error { return os.WriteFile(f+"/cert.pem", []byte("no certificate"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/wallet"
			w, err := Open(dir, nil)
			require.NoError(t, err)
			certificate, key := enrolment(t)
			require.NoError(t, w.Put("farm-a@farm", trace.ProducerMSP, certificate, key))
			require.NoError(t, os.Mkdir(dir+"/.new-farm-b@farm", 0o700), "of a crash")
			_, err = Open(dir, nil)
			require.NoError(t, err)
			require.NoError(t, damage(dir+"/farm-a@farm"))
			_, err = Open(dir, nil)
			require.Equal(t, CodeDamaged, trace.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, "farm-a@farm")
		})
	}
}
