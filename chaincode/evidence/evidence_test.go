package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/evidence"
	"traceledger/chaincode/trace"
)

// FuzzRead: whatever travels as an envelope is read or refused, and only what the
// authorities' own members signed holds.
func FuzzRead(f *testing.F) {
	l := contracttest.Start(f)
	var authorities []trace.SourceAuthority
	for _, msp := range trace.MSPs() {
		authorities = append(authorities, trace.SourceAuthority{MSP: msp, Certificates: []string{string(l.CACertPEM(msp))}})
	}
	blocks := l.Blocks()
	last := blocks[len(blocks)-1].GetData().GetData()[0]
	original, err := evidence.Read(last)
	require.NoError(f, err)
	require.NoError(f, original.Check(authorities))
	require.Contains(f, original.Facts.Endorsers, trace.RegulatorMSP)
	require.Equal(f, contracttest.Regulator, original.Facts.Party)
	f.Add(last)
	f.Add(blocks[0].GetData().GetData()[0])
	f.Add([]byte{})
	for at := 0; at < len(last); at += 97 {
		changed := append([]byte(nil), last...)
		changed[at] ^= 4
		f.Add(changed)
	}
	f.Fuzz(func(t *testing.T, envelope []byte) {
		read, err := evidence.Read(envelope)
		if err != nil || read.Check(authorities) != nil {
			return
		}
		require.Equal(t, original.ID, read.ID)
		require.Equal(t, original.Facts.Arguments, read.Facts.Arguments)
		require.Equal(t, original.Facts.At, read.Facts.At)
	})
}
