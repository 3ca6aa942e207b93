package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/chaincode/trace"
)

// namesConn keeps whom each endorsement named, and answers in the peer's place where fail does.
type namesConn struct {
	grpc.ClientConnInterface

	mu    sync.Mutex
	named [][]string
	fail  func(named []string) error
}

func (c *namesConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if request, ok := args.(*gateway.EndorseRequest); ok {
		c.mu.Lock()
		c.named = append(c.named, request.GetEndorsingOrganizations())
		fail := c.fail
		c.mu.Unlock()
		if fail != nil {
			if err := fail(request.GetEndorsingOrganizations()); err != nil {
				return err
			}
		}
	}
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

// asked gives whom the endorsements named since it was asked last.
func (c *namesConn) asked(fail func(named []string) error) [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	named := c.named
	c.named, c.fail = nil, fail
	return named
}

// naming is a client whose endorsements are watched, at a time of the test's own.
type naming struct {
	*Client
	t       *testing.T
	n       *network
	conn    *namesConn
	metrics *Metrics
	now     time.Time
	written int
}

func newNaming(t *testing.T) *naming {
	n := newNetwork(t)
	f := &naming{t: t, n: n, conn: &namesConn{ClientConnInterface: n.faults}, metrics: NewMetrics(), now: time.Now()}
	f.Client = n.client(t, openStore(t, vfs.NewMem()), func(cfg *Config) {
		cfg.Conns, cfg.Metrics = []grpc.ClientConnInterface{f.conn}, f.metrics
	})
	f.plans.now = func() time.Time { return f.now }
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// write writes an entry of its own and gives whom its endorsements named.
func (f *naming) write(fail func(named []string) error) [][]string {
	f.t.Helper()
	f.conn.asked(fail)
	f.written++
	key := fmt.Sprintf("page %d", f.written)
	_, err := f.Submit(background, f.n.farm, write(key, key))
	require.NoError(f.t, err)
	return f.conn.asked(nil)
}

var peersChoice []string // nobody is named

// What the peer chose is named for a number of calls of the same kind, and for a time.
func TestThePeersChoiceIsNamed(t *testing.T) {
	f := newNaming(t)
	require.Equal(t, [][]string{peersChoice}, f.write(nil))
	var chosen []string
	for range choiceUses {
		asked := f.write(nil)
		require.Len(t, asked, 1)
		require.Len(t, asked[0], 3, "a majority")
		require.Contains(t, asked[0], f.n.farm.MSPID)
		if chosen != nil {
			require.Equal(t, chosen, asked[0])
		}
		chosen = asked[0]
	}
	require.Equal(t, [][]string{peersChoice}, f.write(nil), "used up")
	require.NotEqual(t, peersChoice, f.write(nil)[0])
	f.now = f.now.Add(choiceFor)
	require.Equal(t, [][]string{peersChoice}, f.write(nil), "too old")

	f.conn.asked(nil)
	_, err := f.Submit(background, f.n.farm, add("balance", "other method"))
	require.NoError(t, err)
	lab := f.n.enrol(trace.LabMSP, "lab1", map[string]string{"trace.party": "P-LAB-01", "trace.role": "lab"})
	_, err = f.Submit(background, lab, write("lab", "other organisation"))
	require.NoError(t, err)
	require.Equal(t, [][]string{peersChoice, peersChoice}, f.conn.asked(nil))
}

func aborted(details ...*gateway.ErrorDetail) error {
	state := status.New(codes.Aborted, "failed to collect enough transaction endorsements, see attached details for more info")
	for _, detail := range details {
		with, err := state.WithDetails(detail)
		if err != nil {
			panic(err)
		}
		state = with
	}
	return state.Err()
}

// Whatever a named choice fails for but the contract's refusal, the call succeeds as if
// nobody had been named, and without a pause.
func TestAFailedChoiceIsMadeAnew(t *testing.T) {
	for name, failure := range map[string]func(named []string) error{
		"peer that is down": func(named []string) error {
			return aborted(&gateway.ErrorDetail{MspId: named[2], Message: "rpc error: code = Unavailable desc = connection error"})
		},
		"organisation without a peer": func(named []string) error {
			return status.Error(codes.Unavailable, noPeersText+named[2])
		},
		"peer that lies behind": func(named []string) error {
			return aborted(&gateway.ErrorDetail{MspId: named[1], Message: "chaincode response 500, NOT_FOUND: no such product"})
		},
		"peers that disagree": func(named []string) error {
			return aborted(&gateway.ErrorDetail{MspId: named[1], Message: "ProposalResponsePayloads do not match"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newNaming(t)
			f.write(nil)
			asked := f.write(func(named []string) error {
				if named == nil {
					return nil
				}
				return failure(named)
			})
			require.Len(t, asked, 2)
			require.NotEqual(t, peersChoice, asked[0])
			require.Equal(t, peersChoice, asked[1])
			require.True(t, f.routes.all[0].well(), "the peer asked answered")
			require.Equal(t, 1.0, testutil.ToFloat64(f.metrics.retries.WithLabelValues("choice")))
			require.Zero(t, testutil.ToFloat64(f.metrics.retries.WithLabelValues("conflicting")))
			require.NotEqual(t, peersChoice, f.write(nil)[0], "the new choice is named from then on")
		})
	}
}

// Of several choices those stay that do without the organisation whose peer is down.
func TestAnOrganisationThatIsDownIsNotNamed(t *testing.T) {
	f := newNaming(t)
	of := planned{f.routes.all[0], f.n.farm.MSPID, "diary:Write"}
	with := []string{trace.ProducerMSP, trace.LabMSP, trace.CarrierMSP}
	without := []string{trace.ProducerMSP, trace.PlatformMSP, trace.RegulatorMSP}
	f.plans.learn(of, with, 0)
	f.plans.learn(of, without, 0)
	f.plans.learn(of, with, 0)
	down := func(named []string) error {
		if slices.Contains(named, trace.LabMSP) {
			return aborted(&gateway.ErrorDetail{MspId: trace.LabMSP, Message: "rpc error: code = DeadlineExceeded desc = context deadline exceeded"})
		}
		return nil
	}
	require.Equal(t, [][]string{with, without}, f.write(down))
	require.Equal(t, [][]string{without}, f.write(down))
}

// A refusal by all who were named is the contract's: nobody is asked again.
func TestARefusalOfTheNamedIsDefinite(t *testing.T) {
	f := newNaming(t)
	f.write(nil)
	f.conn.asked(nil)
	_, err := f.Submit(background, f.n.farm, write("forbidden", "key"))
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(err))
	require.Len(t, f.conn.asked(nil), 1)
	require.NotEqual(t, peersChoice, f.write(nil)[0])
}

// When the channel asks for more than was named, as after an organisation has joined, all
// choices are forgotten, also those that are on their way.
func TestAChoiceThatIsNotEnoughIsForgotten(t *testing.T) {
	f := newNaming(t)
	of := planned{f.routes.all[0], f.n.farm.MSPID, "diary:Write"}
	_, before := f.plans.take(of)
	f.plans.learn(of, []string{trace.ProducerMSP, trace.LabMSP}, before)
	f.plans.learn(planned{f.routes.all[0], f.n.farm.MSPID, "diary:Add"}, []string{trace.ProducerMSP}, before)
	asked := f.write(nil)
	require.Equal(t, [][]string{{trace.ProducerMSP, trace.LabMSP}, peersChoice}, asked)
	require.Equal(t, 1.0, testutil.ToFloat64(f.metrics.retries.WithLabelValues("ENDORSEMENT_POLICY_FAILURE")))
	f.plans.learn(of, []string{trace.ProducerMSP}, before)
	require.Len(t, f.write(nil)[0], 3)
	f.conn.asked(nil)
	_, err := f.Submit(background, f.n.farm, add("balance", "key"))
	require.NoError(t, err)
	require.Equal(t, [][]string{peersChoice}, f.conn.asked(nil))
}

// Who named the endorsers names them every time, and teaches nothing.
func TestTheCallersOwnEndorsersStand(t *testing.T) {
	f := newNaming(t)
	own := []string{trace.ProducerMSP, trace.LabMSP, trace.CarrierMSP, trace.PlatformMSP}
	f.conn.asked(nil)
	for i := range 2 {
		call := write(strings.Repeat("x", i+1), fmt.Sprint(i))
		call.Endorsers = own
		_, err := f.Submit(background, f.n.farm, call)
		require.NoError(t, err)
	}
	require.Equal(t, [][]string{own, own}, f.conn.asked(nil))
	require.Equal(t, [][]string{peersChoice}, f.write(nil))
}
