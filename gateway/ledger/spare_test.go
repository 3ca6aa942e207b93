package ledger

import (
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/chaincode/trace"
)

// failures are what peers of organisations do when they are asked to endorse with others, as
// Fabric's gateway tells it (internal/pkg/gateway).
var failures = map[string]func(named, failing []string) error{
	"unknown": func(named, failing []string) error {
		return status.Error(codes.Unavailable, "failed to find any endorsing peers for org(s): "+strings.Join(failing, ", "))
	},
	"unreachable": func(named, failing []string) error {
		return aborted(details(failing, "rpc error: code = Unavailable desc = connection error")...)
	},
	"lies behind and refuses": func(named, failing []string) error {
		return aborted(details(failing, "chaincode response 500, NOT_FOUND: no such device")...)
	},
	"says something else": func(named, failing []string) error {
		return aborted(details(failing[:1], "ProposalResponsePayloads do not match")...)
	},
}

func details(msps []string, text string) (all []*gateway.ErrorDetail) {
	for _, msp := range msps {
		all = append(all, &gateway.ErrorDetail{MspId: msp, Message: text})
	}
	return all
}

// without is a client of a network where some organisations' peers fail so; fail gives who
// of those that are named do.
func without(t *testing.T, failure string, failing ...string) (*Client, *network, *namesConn) {
	n := newNetwork(t)
	conn := &namesConn{ClientConnInterface: n.ledger.Conn()}
	conn.asked(func(named []string) error {
		if bad := slices.DeleteFunc(slices.Clone(named), func(msp string) bool { return !slices.Contains(failing, msp) }); len(bad) > 0 {
			return failures[failure](named, bad)
		}
		return nil
	})
	c := n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) {
		cfg.Conns, cfg.Conflicts, cfg.Unreachable = []grpc.ClientConnInterface{conn}, 2, 2
	})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, n, conn
}

// secret is a call that names its endorsers, and two to spare.
func secret(key string) Call {
	return Call{
		Contract: "diary", Method: "Secret", Arguments: []byte(key), IdempotencyKey: key,
		Transient: map[string][]byte{"payload": []byte("1,4.5")},
		Endorsers: []string{"ProducerMSP", "LabMSP", "CarrierMSP"}, Spare: []string{"PlatformMSP", "RegulatorMSP"},
	}
}

// Where a call names its endorsers, others stand in for any one or two that fail, but for
// the responsible one, and the next call does not ask those that failed first. The peer
// that was asked is not blamed.
func TestOthersStandInForEndorsersThatFail(t *testing.T) {
	spare := []string{"LabMSP", "CarrierMSP", "PlatformMSP", "RegulatorMSP"}
	for failure := range failures {
		for i, first := range spare {
			for _, second := range spare[i:] {
				t.Run(failure+"/"+first+" "+second, func(t *testing.T) {
					c, n, conn := without(t, failure, first, second)
					_, err := c.Submit(background, n.farm, secret("first"))
					require.NoError(t, err)
					for _, named := range conn.named {
						require.Len(t, named, 3)
						require.Equal(t, "ProducerMSP", named[0])
						require.Len(t, slices.Compact(slices.Sorted(slices.Values(named))), 3, "each once: %v", named)
					}
					require.True(t, c.routes.all[0].well())
					conn.mu.Lock()
					conn.named = nil
					conn.mu.Unlock()
					_, err = c.Submit(background, n.farm, secret("second"))
					require.NoError(t, err)
					require.Len(t, conn.named, 1, "who failed is not asked first again")
				})
			}
		}
	}
}

// Nobody stands in for the responsible organisation. That it alone refuses is no refusal of
// the contract: its peer may lie behind.
func TestNobodyStandsInForTheResponsible(t *testing.T) {
	for failure, code := range map[string]trace.Code{
		"unknown": CodeLedgerUnavailable, "unreachable": CodeLedgerUnavailable,
		"lies behind and refuses": CodeConflict, "says something else": CodeConflict,
	} {
		t.Run(failure, func(t *testing.T) {
			c, n, _ := without(t, failure, "ProducerMSP")
			_, err := c.Submit(background, n.farm, secret("key"))
			require.Equal(t, code, trace.CodeOf(err), "%v", err)
		})
	}
}

// What all who are named refuse is refused at once.
func TestRefusalOfAllNamedIsFinal(t *testing.T) {
	c, n, conn := without(t, "lies behind and refuses", "ProducerMSP", "LabMSP", "CarrierMSP")
	_, err := c.Submit(background, n.farm, secret("key"))
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(err), "%v", err)
	for _, named := range conn.named {
		require.Equal(t, []string{"ProducerMSP", "LabMSP", "CarrierMSP"}, named)
	}
}
