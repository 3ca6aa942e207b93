package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/rules"
	keys "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/embedded"
	"traceledger/network/fabric"
)

// TestResponsibleOrganisation holds, for every row of the access matrix, that the fact
// is void without the endorsement of each organisation that answers for it, whoever else
// endorses it, and valid with it. Rows are added in responsible_matrix_test.go; one
// without a case fails the test.
func TestResponsibleOrganisation(t *testing.T) {
	t.Run("Embedded", func(t *testing.T) {
		ledger := contracttest.Open(t, func(c *embedded.Config) { c.SeparateEndorsers = true }).Ledger
		testResponsible(t, endorsersWithout, func(msp, name string, attributes map[string]string) (certificate, key []byte, conn grpc.ClientConnInterface, err error) {
			e, err := ledger.Enrol(msp, name, attributes)
			if err != nil {
				return nil, nil, nil, err
			}
			own := ledger.Conn()
			t.Cleanup(func() { require.NoError(t, own.Close()) })
			return e.CertPEM, e.KeyPEM, own, nil
		})
	})
	t.Run("Fabric", func(t *testing.T) {
		network := startContracts(t)
		// Of the majorities one each: the strongest, and one of three.
		some := func(row int, guard string) [][]string {
			all := endorsersWithout(row, guard)
			return [][]string{all[0], all[1+row%(len(all)-1)]}
		}
		testResponsible(t, some, func(msp, name string, attributes map[string]string) (certificate, key []byte, conn grpc.ClientConnInterface, err error) {
			if certificate, key, err = network.Enrol(msp, name, attributes); err != nil {
				return nil, nil, nil, err
			}
			conn, err = network.Conn(msp)
			return certificate, key, conn, err
		})
	})
}

// startContracts brings up a real network with the contracts on it and nothing written.
func startContracts(t *testing.T) *fabric.Network {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	program := (&operator{t: t}).tracecc("tracecc", "")
	network, err := fabric.Start(ctx, fabric.Config{Dir: t.TempDir(), BatchInterval: 50 * time.Millisecond, LogLevel: "error"})
	require.NoError(t, err)
	t.Cleanup(network.Stop)
	require.NoError(t, network.Deploy(ctx, fabric.Chaincode{Name: chaincodeName, Version: "1", Binary: program, Policy: endorsementPolicy(network)}))
	return network
}

// endorsersWithout are all the others together, and every majority of three of them.
func endorsersWithout(_ int, guard string) [][]string {
	others := slices.DeleteFunc(trace.MSPs(), func(msp string) bool { return msp == guard })
	sets := [][]string{others}
	for i := range others {
		sets = append(sets, slices.Delete(slices.Clone(others), i, i+1))
	}
	return sets
}

// enrolling gives a certificate with its key and the way to its organisation's gateway.
type enrolling func(msp, name string, attributes map[string]string) (certificate, key []byte, conn grpc.ClientConnInterface, err error)

// guardedCall is one transaction: a row's call under some endorsers.
type guardedCall struct {
	row       rules.AccessRow
	call      responsibleCall
	endorsers []string
	want      peer.TxValidationCode
}

func testResponsible(t *testing.T, without func(row int, guard string) [][]string, enrol enrolling) {
	began := time.Now()
	w := &responsibleWorld{t: t, enrol: enrol, members: map[trace.PartyID]*responsibleMember{}, now: trace.TimeOf(began)}
	require.NoError(t, w.open())
	matrix := rules.AccessMatrix()
	first := w.tryBeforeFounding(matrix, without)
	t.Logf("%d tried before founding after %s", first, time.Since(began).Round(time.Millisecond))
	require.NoError(t, w.found())
	calls := w.prepare(matrix)
	t.Logf("%d rows prepared after %s", len(matrix), time.Since(began).Round(time.Millisecond))

	var void, valid, last []guardedCall
	for i, row := range matrix {
		if calls[i].request == nil {
			continue // tried before founding
		}
		void = append(void, voidCalls(i, row, calls[i], without)...)
		with := validCall(row, calls[i])
		if calls[i].last {
			last = append(last, with)
		} else {
			valid = append(valid, with)
		}
	}
	// What is void has changed nothing: the very same requests are valid afterwards.
	w.tryAll(void)
	t.Logf("%d void after %s", len(void), time.Since(began).Round(time.Millisecond))
	w.tryAll(valid)
	for _, a := range last {
		w.tryAll([]guardedCall{a})
	}
	t.Logf("%d valid after %s", len(valid)+len(last), time.Since(began).Round(time.Millisecond))
}

// voidCalls are a row's call under majorities that each lack one of its guards.
func voidCalls(i int, row rules.AccessRow, call responsibleCall, without func(row int, guard string) [][]string) []guardedCall {
	var void []guardedCall
	for _, guard := range row.Guards {
		for _, endorsers := range without(i, guard) {
			void = append(void, guardedCall{row, call, endorsers, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE})
		}
	}
	return void
}

// validCall is a row's call under a majority with all its guards.
func validCall(row rules.AccessRow, call responsibleCall) guardedCall {
	endorsers := slices.Clone(row.Guards)
	for _, msp := range trace.MSPs() {
		if len(endorsers) < 3 && !slices.Contains(endorsers, msp) {
			endorsers = append(endorsers, msp)
		}
	}
	return guardedCall{row, call, endorsers, peer.TxValidationCode_VALID}
}

// tryBeforeFounding tries, in their order, the rows that are possible only while nothing
// is recorded, and returns how many transactions that were.
func (w *responsibleWorld) tryBeforeFounding(matrix []rules.AccessRow, without func(row int, guard string) [][]string) (tried int) {
	w.t.Helper()
	for _, c := range casesBeforeFounding(w) {
		rows := 0
		for i, row := range matrix {
			if row.Transaction != c.transaction {
				continue
			}
			call, err := c.prepare()
			require.NoError(w.t, err, c.transaction)
			void := voidCalls(i, row, call, without)
			w.tryAll(void)
			w.tryAll([]guardedCall{validCall(row, call)})
			w.before = append(w.before, row.Transaction)
			rows++
			tried += len(void) + 1
		}
		require.Equal(w.t, 1, rows, "%s: a channel has this transaction once, so one row of the access matrix", c.transaction)
	}
	return tried
}

// prepare makes each row's call but of those tried before founding, all that it needs being on the chain afterwards.
func (w *responsibleWorld) prepare(matrix []rules.AccessRow) []responsibleCall {
	w.t.Helper()
	cases := responsibleCases()
	var missing []string
	calls := make([]responsibleCall, len(matrix))
	var group errgroup.Group
	for i, row := range matrix {
		if slices.Contains(w.before, row.Transaction) {
			continue
		}
		prepare, ok := cases[row.Transaction]
		if !ok {
			missing = append(missing, row.Transaction)
			continue
		}
		group.Go(func() error {
			p := &preparation{world: w, role: row.Role}
			calls[i] = prepare(p)
			if p.err != nil {
				return fmt.Errorf("prepare %s by %s: %w", row.Transaction, row.Role, p.err)
			}
			return nil
		})
	}
	require.NoError(w.t, group.Wait())
	require.Empty(w.t, missing, "the access matrix has transactions without a case in responsible_matrix_test.go")
	for transaction := range cases {
		require.True(w.t, slices.ContainsFunc(matrix, func(row rules.AccessRow) bool { return row.Transaction == transaction }), "%s is not in the access matrix", transaction)
	}
	return calls
}

func (w *responsibleWorld) tryAll(attempts []guardedCall) {
	w.t.Helper()
	var mu sync.Mutex
	wrong := map[string]string{}
	var group errgroup.Group
	group.SetLimit(16) // of more, a slow machine's peers would endorse none within their eight seconds
	for _, a := range attempts {
		group.Go(func() error {
			got, err := w.try(a)
			if err != nil || got != a.want {
				mu.Lock()
				defer mu.Unlock()
				wrong[fmt.Sprintf("%s by %s, endorsed by %v", a.row.Transaction, a.row.Role, a.endorsers)] = fmt.Sprintf("%s, want %s (%v)", got, a.want, err)
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in the map
	require.Empty(w.t, wrong)
}

// try commits the call under its endorsers and returns how it ended. Conflicts with
// other rows are repeated, as a gateway does.
func (w *responsibleWorld) try(a guardedCall) (peer.TxValidationCode, error) {
	m, err := w.member(trace.PartyID(a.row.Role), a.row.Role)
	if err != nil {
		return -1, err
	}
	_, code, err := m.submit(w.t.Context(), a.row.Transaction, a.call.request, a.call.transient, a.endorsers...)
	return code, err
}

// responsibleWorld is a ledger on which the rows' facts are possible.
type responsibleWorld struct {
	t     *testing.T
	enrol enrolling
	now   trace.Time

	mu      sync.Mutex
	members map[trace.PartyID]*responsibleMember
	serial  int
	before  []string // transactions tried before founding
}

// next numbers what has to be there once.
func (w *responsibleWorld) next() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serial++
	return w.serial
}

type responsibleMember struct{ network *client.Network }

// member is a party with a certificate for a role, at its organisation's gateway.
func (w *responsibleWorld) member(party trace.PartyID, role trace.Role) (*responsibleMember, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.members[party]; m != nil {
		return m, nil
	}
	msp := trace.MSPOf(role)
	certPEM, keyPEM, conn, err := w.enrol(msp, string(party), map[string]string{trace.AttributeRole: string(role), trace.AttributeParty: string(party)})
	if err != nil {
		return nil, err
	}
	certificate, err := identity.CertificateFromPEM(certPEM)
	if err != nil {
		return nil, err
	}
	id, err := identity.NewX509Identity(msp, certificate)
	if err != nil {
		return nil, err
	}
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return nil, err
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return nil, err
	}
	gate, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn),
		client.WithEndorseTimeout(time.Minute), client.WithSubmitTimeout(time.Minute), client.WithCommitStatusTimeout(3*time.Minute))
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { require.NoError(w.t, gate.Close()) })
	m := &responsibleMember{gate.GetNetwork(channelName)}
	w.members[party] = m
	return m, nil
}

// submit commits a request and returns its receipt and how it ended, anew after a
// conflict and while endorsers are at different heights.
func (m *responsibleMember) submit(ctx context.Context, name string, request any, transient map[string][]byte, endorsers ...string) (receipt trace.Receipt, code peer.TxValidationCode, err error) {
	argument, err := keys.Encode(request)
	if err != nil {
		return receipt, -1, err
	}
	options := []client.ProposalOption{client.WithArguments(string(argument))}
	if len(transient) > 0 {
		options = append(options, client.WithTransient(transient))
	}
	if len(endorsers) > 0 {
		options = append(options, client.WithEndorsingOrganizations(endorsers...))
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	var refused time.Time
	for {
		transaction, err := m.endorse(ctx, name, options...)
		if err == nil {
			var code peer.TxValidationCode
			if code, err = outcomeOf(ctx, m.network, transaction); err != nil {
				return receipt, -1, err
			}
			if code != peer.TxValidationCode_MVCC_READ_CONFLICT && code != peer.TxValidationCode_PHANTOM_READ_CONFLICT {
				return receipt, code, keys.Decode(transaction.Result(), &receipt)
			}
		} else if !endorsesLater(err, &refused) {
			return receipt, -1, errors.New(wholeText(err))
		}
		select {
		case <-ctx.Done():
			return receipt, -1, fmt.Errorf("%w; last: %s", ctx.Err(), wholeText(err))
		case <-pause.C:
		}
	}
}

func (m *responsibleMember) endorse(ctx context.Context, name string, options ...client.ProposalOption) (*client.Transaction, error) {
	proposal, err := m.network.GetContract(chaincodeName).NewProposal(name, options...)
	if err != nil {
		return nil, err
	}
	return proposal.EndorseWithContext(ctx)
}

// endorsersLag is how long a contract's refusal may come from a peer that has not seen
// what another has.
const endorsersLag = time.Minute

// endorsesLater tells an endorsement that a healthy network may refuse for a moment;
// refused is when a contract first did.
func endorsesLater(err error, refused *time.Time) bool {
	var endorse *client.EndorseError
	if !errors.As(err, &endorse) {
		return false
	}
	text := wholeText(err)
	if strings.Contains(text, "chaincode response ") {
		if refused.IsZero() {
			*refused = time.Now()
		}
		return time.Since(*refused) < endorsersLag
	}
	if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded {
		return true
	}
	// A peer's gateway closes its connection to an endorser that takes longer than
	// endorsementTimeout, with all that others have under way there; and a peer may be kept
	// waiting by its chaincode process.
	for _, sign := range []string{
		"ProposalResponsePayloads do not match", "code = Unavailable", "code = Canceled", "code = DeadlineExceeded", "connection error", "failed to execute transaction",
	} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// wholeText is an error with what the single nodes behind it said.
func wholeText(err error) string {
	if err == nil {
		return ""
	}
	parts := map[string]bool{}
	for _, detail := range status.Convert(err).Details() {
		if detail, ok := detail.(*gateway.ErrorDetail); ok {
			parts[detail.GetMessage()] = true
		}
	}
	return strings.Join(append([]string{err.Error()}, slices.Sorted(maps.Keys(parts))...), "; ")
}
