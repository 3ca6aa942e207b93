package conformance

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/network/conformance/chaincode"
)

// suite is what the tests of one engine share.
type suite struct {
	engine   Engine
	members  map[string]*member
	prefixes atomic.Int64
}

// Run puts an engine through every test. The engine is not to be used by
// anything else meanwhile: the tests look at whole blocks.
func Run(t *testing.T, engine Engine) {
	s := newSuite(t, engine)
	for _, group := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"Submit", testSubmit},
		{"Request", testRequest},
		{"UnknownOutcome", testUnknownOutcome},
		{"Stranger", testStranger},
		{"Conflict", testConflict},
		{"Creator", testCreator},
		{"Tampered", testTampered},
		{"KeyPolicy", testKeyPolicy},
		{"Private", testPrivate},
		{"Event", testEvent},
		{"Deliver", testDeliver},
		{"Query", testQuery},
		{"Limit", testLimit},
		{"LedgerQueries", testLedgerQueries},
		{"Chain", testChain},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, s) })
	}
}

// newSuite enrols a client of every organisation.
func newSuite(t *testing.T, engine Engine) *suite {
	t.Helper()
	s := &suite{engine: engine, members: map[string]*member{}}
	for _, mspID := range organisations {
		s.members[mspID] = s.enrol(t, mspID, "conformance", map[string]string{"trace.role": "tester", "trace.party": "P-" + mspID})
	}
	return s
}

// enrol makes a new client of an organisation.
func (s *suite) enrol(t *testing.T, mspID, name string, attributes map[string]string) *member {
	t.Helper()
	id, sign := s.engine.Enrol(t, mspID, name, attributes, time.Time{})
	return newMember(t, s.engine.Conn(t, mspID), id, sign)
}

// prefix is a key prefix that no other test has.
func (s *suite) prefix() string { return fmt.Sprintf("k%05d/", s.prefixes.Add(1)) }

// commit submits an endorsed transaction and returns its outcome once every
// organisation's peer has it, which must be the same everywhere.
func (s *suite) commit(t *testing.T, m *member, transaction *client.Transaction) outcome {
	t.Helper()
	m.send(t, transaction)
	return s.outcome(t, transaction)
}

// outcome waits until every organisation's peer has a transaction.
func (s *suite) outcome(t *testing.T, transaction *client.Transaction) outcome {
	t.Helper()
	return s.outcomeOf(t, transaction.TransactionID())
}

// outcomeOf is outcome for a transaction that is known by its id only.
func (s *suite) outcomeOf(t *testing.T, transactionID string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answers := make([]*gateway.CommitStatusResponse, len(organisations))
	group, ctx := errgroup.WithContext(ctx)
	for i, mspID := range organisations {
		group.Go(func() (err error) {
			answers[i], err = s.members[mspID].status(ctx, transactionID)
			return err
		})
	}
	require.NoError(t, group.Wait())
	for i, answer := range answers {
		require.Equal(t, answers[0].GetResult().String(), answer.GetResult().String(), "%s judges differently", organisations[i])
		require.Equal(t, answers[0].GetBlockNumber(), answer.GetBlockNumber(), "%s has it in another block", organisations[i])
	}
	return outcome{id: transactionID, code: answers[0].GetResult(), block: answers[0].GetBlockNumber()}
}

// submit endorses, submits and waits; the transaction must come out valid.
func (s *suite) submit(t *testing.T, m *member, steps []chaincode.Step, options ...client.ProposalOption) outcome {
	t.Helper()
	transaction := m.endorse(t, steps, options...)
	done := s.commit(t, m, transaction)
	requireCode(t, peer.TxValidationCode_VALID, done)
	done.results = results(t, transaction.Result())
	return done
}

func requireCode(t *testing.T, want peer.TxValidationCode, got outcome) {
	t.Helper()
	require.Equal(t, want.String(), got.code.String(), "outcome of transaction %s in block %d", got.id, got.block)
}

// orgs names the endorsing organisations instead of leaving them to the gateway.
func orgs(mspIDs ...string) client.ProposalOption {
	return client.WithEndorsingOrganizations(mspIDs...)
}

func put(key, value string) chaincode.Step {
	return chaincode.Step{Op: "put", Key: key, Value: value}
}

func get(key string) chaincode.Step { return chaincode.Step{Op: "get", Key: key} }

func steps(list ...chaincode.Step) []chaincode.Step { return list }
