// Package contracttest runs the contracts on the real embedded ledger for tests: it
// starts one, makes it ready (epoch, guards, a regulator), enrols and admits parties,
// and submits as them through the stock Fabric client.
//
// Only tests import it; it is the one place under chaincode that knows a ledger
// engine.
package contracttest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"traceledger/chaincode/contract"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/embedded"
)

// Names on the ledger that Start opens.
const (
	Channel   = "trace"
	Chaincode = "trace"
	Regulator = trace.PartyID("regulator-test")
)

// Ledger is an embedded ledger with the contracts on it.
type Ledger struct {
	*embedded.Ledger
	tb        testing.TB
	conn      *grpc.ClientConn
	keys      atomic.Int64
	regulator *Client
}

// Start opens a ledger in memory that is ready: epoch touched, all guards installed,
// one regulator admitted. It is closed when the test ends. configure may change the
// ledger's configuration before it opens.
func Start(tb testing.TB, configure ...func(*embedded.Config)) *Ledger {
	tb.Helper()
	l := Open(tb, configure...)
	l.Prepare()
	l.regulator.Must("registry:AdmitParty", l.admission(trace.RoleRegulator, Regulator))
	return l
}

// Open opens a ledger in memory on which nothing was written yet.
func Open(tb testing.TB, configure ...func(*embedded.Config)) *Ledger {
	tb.Helper()
	contracts, err := contract.New()
	require.NoError(tb, err)
	cfg := embedded.Config{
		Dir: "ledger", FS: vfs.NewMem(), Channel: Channel, Organisations: trace.MSPs(),
		Chaincodes: []embedded.Chaincode{{Name: Chaincode, Version: "1", Chaincode: contracts}},
	}
	for _, change := range configure {
		change(&cfg)
	}
	ledger, err := embedded.Open(cfg)
	require.NoError(tb, err)
	l := &Ledger{Ledger: ledger, tb: tb, conn: ledger.Conn()}
	tb.Cleanup(func() {
		require.NoError(tb, l.conn.Close())
		require.NoError(tb, ledger.Close())
	})
	return l
}

// Regulator is the regulator that Start admitted.
func (l *Ledger) Regulator() *Client { return l.regulator }

// patience is how long any one answer may take on a busy machine.
const patience = 2 * time.Minute

// Client submits as one enrolled party.
type Client struct {
	Party  trace.PartyID
	Role   trace.Role
	MSP    string
	ledger *Ledger
	gate   *client.Gateway
}

// Enrol gives a party a certificate for a role without admitting it to the registry.
func (l *Ledger) Enrol(role trace.Role, party trace.PartyID) *Client {
	l.tb.Helper()
	return l.EnrolWith(trace.MSPOf(role), map[string]string{trace.AttributeRole: string(role), trace.AttributeParty: string(party)})
}

// EnrolWith gives a certificate of any organisation with any attributes, for tests of
// what must be refused.
func (l *Ledger) EnrolWith(msp string, attributes map[string]string) *Client {
	l.tb.Helper()
	name := fmt.Sprintf("client-%d", l.keys.Add(1))
	enrolment, err := l.Ledger.Enrol(msp, name, attributes)
	require.NoError(l.tb, err)
	block, _ := pem.Decode(enrolment.CertPEM)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(l.tb, err)
	id, err := identity.NewX509Identity(msp, certificate)
	require.NoError(l.tb, err)
	key, err := identity.PrivateKeyFromPEM(enrolment.KeyPEM)
	require.NoError(l.tb, err)
	sign, err := identity.NewPrivateKeySign(key)
	require.NoError(l.tb, err)
	gate, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(l.conn),
		client.WithEvaluateTimeout(patience), client.WithEndorseTimeout(patience), client.WithSubmitTimeout(patience), client.WithCommitStatusTimeout(patience))
	require.NoError(l.tb, err)
	l.tb.Cleanup(func() { require.NoError(l.tb, gate.Close()) })
	return &Client{
		Party: trace.PartyID(attributes[trace.AttributeParty]), Role: trace.Role(attributes[trace.AttributeRole]),
		MSP: msp, ledger: l, gate: gate,
	}
}

// Admit enrols a party for a role and admits it to the registry, as a legal person
// valid for ten years around today.
func (l *Ledger) Admit(role trace.Role, party trace.PartyID) *Client {
	l.tb.Helper()
	c := l.Enrol(role, party)
	l.regulator.Must("registry:AdmitParty", l.admission(role, party))
	return c
}

func (l *Ledger) admission(role trace.Role, party trace.PartyID) *trace.AdmitPartyRequest {
	return &trace.AdmitPartyRequest{
		Write: l.Write(), Party: party, Roles: []trace.Role{role}, LegalPerson: true, Name: "测试 " + string(party),
		ValidFrom: Day(-1825), ValidTo: Day(1825),
	}
}

// License puts a licence on file for a party, in force for a year around today.
func (l *Ledger) License(party trace.PartyID, number string, kind trace.LicenceKind, scope ...trace.Category) {
	l.tb.Helper()
	l.regulator.Must("registry:GrantLicence", &trace.GrantLicenceRequest{
		Write: l.Write(), Party: party, Number: number, Kind: kind, Scope: scope, Issuer: "测试机关",
		ValidFrom: Day(-365), ValidTo: Day(365),
	})
}

// Prefix gives a party a GS1 company prefix.
func (l *Ledger) Prefix(party trace.PartyID, digits string) {
	l.tb.Helper()
	l.License(party, digits, trace.LicenceGS1Prefix)
}

// Write is the common part of a request: a fresh idempotency key, claimed now.
func (l *Ledger) Write() trace.Write {
	return trace.Write{IdempotencyKey: fmt.Sprintf("key-%d", l.keys.Add(1)), Claimed: trace.TimeOf(time.Now())}
}

// Day is the civil day so many days after today. A transaction's time is the client's
// clock, so tests on a ledger count from today.
func Day(offset int) trace.Date { return trace.TimeOf(time.Now()).Date() + trace.Date(offset) }

// At is a time of day so many days after today, at +08:00.
func At(offset int, hour time.Duration) trace.Time {
	return Day(offset).Start() + trace.Time(hour.Milliseconds())
}

// Submit sends a request to a transaction such as "origin:RegisterBatch" and waits
// until it is committed. A refusal of the contract comes back as *trace.Error.
func (c *Client) Submit(transaction string, request any) (trace.Receipt, error) {
	argument, err := state.Encode(request)
	require.NoError(c.ledger.tb, err)
	return c.SubmitRaw(transaction, client.WithArguments(string(argument)))
}

// SubmitTransient is Submit with transient data, endorsed by the organisations named.
func (c *Client) SubmitTransient(transaction string, request any, transient map[string][]byte, endorsers ...string) (trace.Receipt, error) {
	argument, err := state.Encode(request)
	require.NoError(c.ledger.tb, err)
	return c.SubmitRaw(transaction, client.WithArguments(string(argument)), client.WithTransient(transient), client.WithEndorsingOrganizations(endorsers...))
}

// Endorse has a request simulated and endorsed, and sends nothing yet.
func (c *Client) Endorse(transaction string, request any, transient map[string][]byte, endorsers ...string) *client.Transaction {
	c.ledger.tb.Helper()
	argument, err := state.Encode(request)
	require.NoError(c.ledger.tb, err)
	proposal, err := c.gate.GetNetwork(Channel).GetContract(Chaincode).NewProposal(transaction,
		client.WithArguments(string(argument)), client.WithTransient(transient), client.WithEndorsingOrganizations(endorsers...))
	require.NoError(c.ledger.tb, err)
	endorsed, err := proposal.Endorse()
	require.NoError(c.ledger.tb, restore(err))
	return endorsed
}

// SubmitRaw sends any proposal.
func (c *Client) SubmitRaw(transaction string, options ...client.ProposalOption) (trace.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := c.gate.GetNetwork(Channel).GetContract(Chaincode).SubmitWithContext(ctx, transaction, options...)
	if err != nil {
		return trace.Receipt{}, restore(err)
	}
	var receipt trace.Receipt
	require.NoError(c.ledger.tb, state.Decode(answer, &receipt))
	return receipt, nil
}

// Must is Submit that fails the test on a refusal.
func (c *Client) Must(transaction string, request any) trace.Receipt {
	c.ledger.tb.Helper()
	receipt, err := c.Submit(transaction, request)
	require.NoError(c.ledger.tb, err, transaction)
	return receipt
}

// Refused submits and requires the refusal's code.
func (c *Client) Refused(code trace.Code, transaction string, request any) *trace.Error {
	c.ledger.tb.Helper()
	_, err := c.Submit(transaction, request)
	require.Equal(c.ledger.tb, code, trace.CodeOf(err), "%s answered: %v", transaction, err)
	coded, ok := err.(*trace.Error)
	require.True(c.ledger.tb, ok)
	return coded
}

// Value reads the committed value of a key into a record.
func Value[T any](l *Ledger, key trace.Key) *T {
	l.tb.Helper()
	argument, err := state.Encode(contract.GetRequest{Key: key})
	require.NoError(l.tb, err)
	answer, err := l.regulator.gate.GetNetwork(Channel).GetContract(Chaincode).EvaluateTransaction(contract.GetTransaction, string(argument))
	if err := restore(err); trace.CodeOf(err) == trace.CodeNotFound {
		return nil
	}
	require.NoError(l.tb, err)
	value := new(T)
	require.NoError(l.tb, state.Decode(answer, value))
	return value
}

// restore finds the contract's coded refusal in a client error.
func restore(err error) error {
	if err == nil {
		return nil
	}
	for _, detail := range status.Convert(err).Details() {
		if d, ok := detail.(*gateway.ErrorDetail); ok {
			if coded, ok := trace.Parse(d.GetMessage()); ok {
				return coded
			}
		}
	}
	if coded, ok := trace.Parse(status.Convert(err).Message()); ok {
		return coded
	}
	return err
}

// Blocks are all blocks so far, as a peer delivers them.
func (l *Ledger) Blocks() []*common.Block {
	l.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	height := l.Height()
	stream, err := l.regulator.gate.GetNetwork(Channel).BlockEvents(ctx, client.WithStartBlock(0))
	require.NoError(l.tb, err)
	var blocks []*common.Block
	for uint64(len(blocks)) < height {
		b, ok := <-stream
		require.True(l.tb, ok, "the block stream ended")
		blocks = append(blocks, b)
	}
	return blocks
}

// Prepare touches the first epoch and installs all guards, and admits nobody.
func (l *Ledger) Prepare() {
	l.tb.Helper()
	l.regulator = l.Enrol(trace.RoleRegulator, Regulator)
	l.regulator.Must("registry:TouchEpoch", &trace.TouchEpochRequest{Number: 1})
	for _, msp := range trace.MSPs() {
		l.regulator.Must("registry:InstallGuard", &trace.InstallGuardRequest{MSP: msp, Version: 1})
	}
}
