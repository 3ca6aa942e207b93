package contract_test

import (
	"encoding/json"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/evidence"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/block"
)

// move is a ledger's records on their way to another.
type move struct {
	t        *testing.T
	source   *contracttest.Ledger
	target   *contracttest.Ledger
	of       trace.SourceLedger
	evidence []trace.Evidence
	leaves   []trace.Digest
	clients  map[string]*contracttest.Client
}

// readMove takes from a ledger what an import of it needs.
func readMove(t *testing.T, source, target *contracttest.Ledger) *move {
	m := &move{t: t, source: source, target: target, clients: map[string]*contracttest.Client{}}
	blocks := source.Blocks()
	for _, b := range blocks {
		flags, err := block.Flags(b)
		require.NoError(t, err)
		for i, raw := range b.GetData().GetData() {
			original, err := evidence.Read(raw)
			if err != nil || flags[i] != peer.TxValidationCode_VALID || original.Facts.Chaincode != contracttest.Chaincode || !rules.Imported(string(original.Facts.Arguments[0])) {
				continue
			}
			m.evidence = append(m.evidence, trace.Evidence{Block: int64(b.GetHeader().GetNumber()), Position: i, Envelope: raw})
			m.leaves = append(m.leaves, rules.ImportLeaf(int64(b.GetHeader().GetNumber()), i, trace.DigestOf(raw)))
		}
	}
	require.NotEmpty(t, m.evidence)
	for i := range m.evidence {
		m.evidence[i].Index = int64(i)
		m.evidence[i].Proof, _ = rules.InclusionProof(m.leaves, int64(i))
	}
	m.of = trace.SourceLedger{
		Genesis: trace.Digest(block.HeaderHash(blocks[0].GetHeader())), Height: int64(len(blocks)),
		Tip: trace.Digest(block.HeaderHash(blocks[len(blocks)-1].GetHeader())), Channel: contracttest.Channel, Chaincode: contracttest.Chaincode,
		Count: int64(len(m.leaves)), Root: rules.MerkleRoot(m.leaves), Archive: trace.DigestOf([]byte("archive")),
	}
	for _, msp := range trace.MSPs() {
		m.of.Authorities = append(m.of.Authorities, trace.SourceAuthority{MSP: msp, Certificates: []string{string(source.CACertPEM(msp))}})
	}
	return m
}

func (m *move) opening() *trace.OpenImportRequest {
	return &trace.OpenImportRequest{Write: m.target.Write(), SourceLedger: m.of}
}

func (m *move) closing() *trace.CloseImportRequest {
	return &trace.CloseImportRequest{Write: m.target.Write(), Genesis: m.of.Genesis}
}

// as is the same party in the same role on the target.
func (m *move) as(role trace.Role, party trace.PartyID) *contracttest.Client {
	name := string(party) + "@" + string(role)
	if m.clients[name] == nil {
		m.clients[name] = m.target.Enrol(role, party)
	}
	return m.clients[name]
}

// take imports one transaction, after change; by is nil for the original's own party.
func (m *move) take(i int, by *contracttest.Client, change func(arguments []string, e *trace.Evidence)) (trace.Receipt, error) {
	original, err := evidence.Read(m.evidence[i].Envelope)
	require.NoError(m.t, err)
	if by == nil {
		by = m.as(original.Facts.Role, original.Facts.Party)
	}
	arguments, e := []string{string(original.Facts.Arguments[0]), string(original.Facts.Arguments[1])}, m.evidence[i]
	if change != nil {
		change(arguments, &e)
	}
	raw, err := json.Marshal(e)
	require.NoError(m.t, err)
	return by.SubmitRaw(arguments[0], client.WithArguments(arguments[1]), client.WithTransient(map[string][]byte{trace.TransientEvidence: raw}),
		client.WithEndorsingOrganizations(trace.MSPs()...))
}

func (m *move) refused(code trace.Code, i int, by *contracttest.Client, change func(arguments []string, e *trace.Evidence)) {
	m.t.Helper()
	_, err := m.take(i, by, change)
	require.Equal(m.t, code, trace.CodeOf(err), "%v", err)
}

func (m *move) must(i int) trace.Receipt {
	m.t.Helper()
	receipt, err := m.take(i, nil, nil)
	require.NoError(m.t, err)
	return receipt
}

// startMove has a farm's ledger, and an empty one with epoch and guards.
func startMove(t *testing.T) (*move, *contracttest.Kiwifruit) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	k.Batch("LOT-1", 10)
	target := contracttest.Open(t)
	target.Prepare()
	return readMove(t, k.Ledger, target), k
}

// The whole way: opened, every record taken over in order with its original time, closed,
// and then ordinary writing begins.
func TestImportOnTheLedger(t *testing.T) {
	m, k := startMove(t)
	regulator := m.target.Regulator()
	opened := regulator.Must("registry:OpenImport", m.opening())
	require.Equal(t, state.ImportKey(m.of.Genesis), opened.Record)
	regulator.Must("registry:TouchEpoch", &trace.TouchEpochRequest{Number: 2}) // the hourly touch goes on
	last := trace.Receipt{}
	for i := range m.evidence {
		last = m.must(i)
	}
	require.Equal(t, state.BatchKey(trace.LotID{GTIN: k.Product, Lot: "LOT-1"}), last.Record)
	regulator.Must("registry:CloseImport", m.closing())

	before, after := contracttest.Value[trace.Batch](m.source, last.Record), contracttest.Value[trace.Batch](m.target, last.Record)
	require.NotNil(t, after.Original)
	original, err := evidence.Read(m.evidence[len(m.evidence)-1].Envelope)
	require.NoError(t, err)
	require.Equal(t, original.ID, after.Original.Transaction)
	require.Equal(t, trace.DigestOf(m.evidence[len(m.evidence)-1].Envelope), after.Original.Envelope)
	require.Equal(t, original.Facts.At, after.Recorded, "the rules go on judging by the time at which it was known")
	require.Greater(t, after.Original.Imported, after.Recorded)
	after.Original = nil
	require.Equal(t, before, after, "the same record under the same key")
	ceilings := contracttest.Value[[]trace.YieldCeiling](m.target, state.YieldCeilingKey("kiwifruit"))
	require.NotNil(t, (*ceilings)[0].Original)

	farm := m.as(trace.RoleFarm, k.Farm.Party)
	farm.Must("origin:RegisterBatch", k.BatchRequest("LOT-2", 10))
	require.Nil(t, contracttest.Value[trace.Batch](m.target, state.BatchKey(trace.LotID{GTIN: k.Product, Lot: "LOT-2"})).Original)
}

// An import is opened by the regulator, once, on a channel without records, for something.
func TestOpeningAnImport(t *testing.T) {
	m, k := startMove(t)
	regulator := m.target.Regulator()
	k.Regulator().Refused(trace.CodeImport, "registry:OpenImport", m.opening())
	m.as(trace.RoleFarm, k.Farm.Party).Refused(trace.CodeForbidden, "registry:OpenImport", m.opening())
	regulator.Refused(trace.CodeImport, "registry:CloseImport", m.closing())
	for name, change := range map[string]func(*trace.OpenImportRequest){
		"no root":        func(r *trace.OpenImportRequest) { r.Root = trace.Digest{} },
		"no authorities": func(r *trace.OpenImportRequest) { r.Authorities = nil },
		"twice":          func(r *trace.OpenImportRequest) { r.Authorities = append(r.Authorities, r.Authorities[0]) },
		"not a certificate": func(r *trace.OpenImportRequest) {
			r.Authorities = []trace.SourceAuthority{{MSP: trace.LabMSP, Certificates: []string{"x"}}}
		},
		"nothing": func(r *trace.OpenImportRequest) { r.Count = 0 },
	} {
		r := m.opening()
		change(r)
		_, err := regulator.Submit("registry:OpenImport", r)
		require.Contains(t, []trace.Code{trace.CodeInvalid, trace.CodeMissing}, trace.CodeOf(err), "%s: %v", name, err)
	}
	regulator.Must("registry:OpenImport", m.opening())
	another := m.opening()
	another.Genesis = trace.DigestOf([]byte("another ledger"))
	regulator.Refused(trace.CodeImport, "registry:OpenImport", another)
	regulator.Refused(trace.CodeImport, "registry:CloseImport", m.closing())
}

// The window lets nobody invent a fact: what is not one of the original transactions, by
// its own writer, in order, is refused; and nothing else is recorded meanwhile.
func TestAnImportIsNotAbused(t *testing.T) {
	m, k := startMove(t)
	m.refused(trace.CodeImport, 0, nil, nil) // no window
	regulator := m.target.Regulator()
	regulator.Must("registry:OpenImport", m.opening())
	regulator.Refused(trace.CodeImport, "registry:AdmitParty", &trace.AdmitPartyRequest{
		Write: m.target.Write(), Party: contracttest.Regulator, Roles: []trace.Role{trace.RoleRegulator}, ValidFrom: contracttest.Day(-1), ValidTo: contracttest.Day(1),
	})

	m.refused(trace.CodeImport, 1, nil, nil) // before its turn
	m.must(0)
	m.refused(trace.CodeImport, 0, nil, nil) // again
	lot := len(m.evidence) - 1
	for i := 1; i < lot; i++ {
		m.must(i)
	}
	farm := k.Farm.Party
	m.refused(trace.CodeEvidence, lot, m.as(trace.RoleFarm, "farm-02"), nil)
	m.refused(trace.CodeEvidence, lot, m.as(trace.RoleProcessor, farm), nil)
	m.refused(trace.CodeEvidence, lot, nil, func(a []string, _ *trace.Evidence) {
		var request map[string]any
		require.NoError(t, json.Unmarshal([]byte(a[1]), &request))
		request["place"] = "北京"
		changed, err := json.Marshal(request)
		require.NoError(t, err)
		a[1] = string(changed)
	})
	for name, change := range map[string]func(*trace.Evidence){
		"another's envelope":   func(e *trace.Evidence) { e.Envelope = m.evidence[1].Envelope },
		"another block":        func(e *trace.Evidence) { e.Block++ },
		"a proof cut off":      func(e *trace.Evidence) { e.Proof = e.Proof[1:] },
		"a byte more":          func(e *trace.Evidence) { e.Envelope = append(append([]byte(nil), e.Envelope...), 0x78, 1) },
		"a negative place":     func(e *trace.Evidence) { e.Position = -1 },
		"without the envelope": func(e *trace.Evidence) { e.Envelope = nil },
	} {
		t.Log(name)
		m.refused(trace.CodeEvidence, lot, nil, func(_ []string, e *trace.Evidence) { change(e) })
	}
	m.must(lot)
	m.target.Regulator().Must("registry:CloseImport", m.closing())
	m.refused(trace.CodeImport, lot, nil, nil) // after the end
	regulator.Refused(trace.CodeImport, "registry:OpenImport", &trace.OpenImportRequest{Write: m.target.Write(), SourceLedger: func() trace.SourceLedger {
		again := m.of
		again.Genesis = trace.DigestOf([]byte("again"))
		return again
	}()})
}

// A transaction of a ledger with other authorities is refused even where the root, which
// the regulator gave, names it; so is one whose signature, endorsement or request was changed.
func TestImportChecksTheOriginalItself(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, m *move){
		"signed under another authority": func(t *testing.T, m *move) {
			other := contracttest.Open(t)
			for i := range m.of.Authorities {
				m.of.Authorities[i].Certificates = []string{string(other.CACertPEM(m.of.Authorities[i].MSP))}
			}
		},
		"signature changed": func(t *testing.T, m *move) {
			m.change(0, func(e *common.Envelope, _ *peer.ChaincodeActionPayload) { e.Signature[len(e.Signature)-1] ^= 1 })
		},
		"endorsements taken away": func(t *testing.T, m *move) {
			m.change(0, func(_ *common.Envelope, a *peer.ChaincodeActionPayload) { a.Action.Endorsements = nil })
		},
		"channel of another name": func(t *testing.T, m *move) { m.of.Channel = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			source, target := contracttest.Start(t), contracttest.Open(t)
			target.Prepare()
			m := readMove(t, source, target)
			change(t, m)
			target.Regulator().Must("registry:OpenImport", m.opening())
			m.refused(trace.CodeEvidence, 0, nil, nil)
		})
	}
}

// change alters an original transaction and names the altered one in the opening.
func (m *move) change(i int, alter func(*common.Envelope, *peer.ChaincodeActionPayload)) {
	e, payload, tx, action := &common.Envelope{}, &common.Payload{}, &peer.Transaction{}, &peer.ChaincodeActionPayload{}
	require.NoError(m.t, proto.Unmarshal(m.evidence[i].Envelope, e))
	require.NoError(m.t, proto.Unmarshal(e.Payload, payload))
	require.NoError(m.t, proto.Unmarshal(payload.Data, tx))
	require.NoError(m.t, proto.Unmarshal(tx.Actions[0].Payload, action))
	alter(e, action)
	pack := func(message proto.Message) []byte {
		raw, err := proto.Marshal(message)
		require.NoError(m.t, err)
		return raw
	}
	tx.Actions[0].Payload = pack(action)
	payload.Data = pack(tx)
	e.Payload = pack(payload)
	m.evidence[i].Envelope = pack(e)
	m.leaves[i] = rules.ImportLeaf(m.evidence[i].Block, m.evidence[i].Position, trace.DigestOf(m.evidence[i].Envelope))
	m.of.Root = rules.MerkleRoot(m.leaves)
	for n := range m.evidence {
		m.evidence[n].Proof, _ = rules.InclusionProof(m.leaves, int64(n))
	}
}
