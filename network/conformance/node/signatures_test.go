package node

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSignatures: what the client signs as npm has it, and with
// docs/samples/caliper/native-signatures.js, is what Fabric takes: ECDSA over the SHA-256 of the message, in DER,
// the lower of both s.
func TestSignatures(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	const number = 600 // an r or s is shorter than others once in 256
	samples := filepath.Join("..", "..", "..", "docs", "samples")
	preload, err := os.ReadFile(filepath.Join(samples, "caliper", "native-signatures.js"))
	require.NoError(t, err)
	for name, options := range map[string][]string{"stock": nil, "native": {"--require", "./native-signatures.js"}} {
		t.Run(name, func(t *testing.T) {
			scratch := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(scratch, "native-signatures.js"), preload, 0o600))
			cmd, err := Command(ctx, scratch, filepath.Join(samples, "node"), "signatures.js", strconv.Itoa(number))
			require.NoError(t, err)
			cmd.Args = append(append([]string{cmd.Args[0]}, options...), cmd.Args[1:]...)
			cmd.Stdin = bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
			var failed bytes.Buffer
			cmd.Stderr = &failed
			out, err := cmd.Output()
			require.NoError(t, err, failed.String())
			signed := 0
			for line := range strings.Lines(string(out)) {
				fields := strings.Fields(line)
				require.Len(t, fields, 2)
				message, err := base64.StdEncoding.DecodeString(fields[0])
				require.NoError(t, err)
				signature, err := base64.StdEncoding.DecodeString(fields[1])
				require.NoError(t, err)
				// The stock signer is given the hash, the native one the message.
				digest := message
				if options != nil {
					require.Contains(t, string(message), "origin:RegisterBatch")
					sum := sha256.Sum256(message)
					digest = sum[:]
				}
				require.True(t, ecdsa.VerifyASN1(&key.PublicKey, digest, signature), "%x", signature)
				var parts struct{ R, S *big.Int }
				_, err = asn1.Unmarshal(signature, &parts)
				require.NoError(t, err)
				require.LessOrEqual(t, parts.S.Cmp(new(big.Int).Rsh(key.Curve.Params().N, 1)), 0, "%x", signature)
				signed++
			}
			require.Equal(t, number, signed)
		})
	}
}
