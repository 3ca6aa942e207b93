package contract_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"traceledger/chaincode/contract"
	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// stub runs one transaction against committed values, without a ledger around it, so
// that a benchmark sees the contracts alone. As on a ledger, writes are not read back.
type stub struct {
	shim.ChaincodeStubInterface
	committed map[string][]byte
	creator   []byte
	now       *timestamppb.Timestamp
	arguments [][]byte
	writes    map[string][]byte

	single   []string   // keys read one by one
	together [][]string // keys read in one exchange with the peer
	batches  int        // of writes
}

func (s *stub) GetArgs() [][]byte                               { return s.arguments }
func (s *stub) GetCreator() ([]byte, error)                     { return s.creator, nil }
func (s *stub) GetTxTimestamp() (*timestamppb.Timestamp, error) { return s.now, nil }
func (s *stub) GetState(key string) ([]byte, error) {
	s.single = append(s.single, key)
	return s.committed[key], nil
}
func (s *stub) StartWriteBatch() {}
func (s *stub) FinishWriteBatch() error {
	s.batches++
	return nil
}
func (s *stub) GetMultipleStates(keys ...string) ([][]byte, error) {
	s.together = append(s.together, keys)
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = s.committed[key]
	}
	return values, nil
}
func (s *stub) PutState(key string, value []byte) error              { s.writes[key] = value; return nil }
func (s *stub) SetStateValidationParameter(_ string, _ []byte) error { return nil }
func (s *stub) SetEvent(string, []byte) error                        { return nil }
func (s *stub) GetTransient() (map[string][]byte, error)             { return nil, nil }
func (s *stub) GetFunctionAndParameters() (string, []string) {
	parameters := make([]string, 0, len(s.arguments))
	for _, a := range s.arguments[1:] {
		parameters = append(parameters, string(a))
	}
	return string(s.arguments[0]), parameters
}

// bench is a chaincode with committed values and certificates to call it by.
type bench struct {
	tb        testing.TB
	ledger    *contracttest.Ledger // only issues certificates and fresh requests
	contracts *contract.Chaincode
	committed map[string][]byte
	creators  map[trace.Role][]byte
	last      *stub // of the last transaction
}

func newBench(tb testing.TB) *bench {
	contracts, err := contract.New()
	require.NoError(tb, err)
	b := &bench{tb: tb, ledger: contracttest.Open(tb), contracts: contracts, committed: map[string][]byte{}, creators: map[trace.Role][]byte{}}
	for role, party := range map[trace.Role]string{trace.RoleRegulator: "regulator-01", trace.RoleFarm: "farm-01"} {
		e, err := b.ledger.Ledger.Enrol(trace.MSPOf(role), party, map[string]string{trace.AttributeRole: string(role), trace.AttributeParty: party})
		require.NoError(tb, err)
		b.creators[role], err = proto.Marshal(&msp.SerializedIdentity{Mspid: e.MSPID, IdBytes: e.CertPEM})
		require.NoError(tb, err)
	}
	regulator := func(transaction string, request any) { b.must(trace.RoleRegulator, transaction, request) }
	regulator("registry:TouchEpoch", &trace.TouchEpochRequest{Number: 1})
	for _, organisation := range trace.MSPs() {
		regulator("registry:InstallGuard", &trace.InstallGuardRequest{MSP: organisation, Version: 1})
	}
	for _, role := range []trace.Role{trace.RoleRegulator, trace.RoleFarm} {
		party := map[trace.Role]trace.PartyID{trace.RoleRegulator: "regulator-01", trace.RoleFarm: "farm-01"}[role]
		regulator("registry:AdmitParty", &trace.AdmitPartyRequest{
			Write: b.ledger.Write(), Party: party, Roles: []trace.Role{role}, LegalPerson: true, Name: "测试",
			ValidFrom: contracttest.Day(-100), ValidTo: contracttest.Day(100),
		})
	}
	b.must(trace.RoleFarm, "origin:RegisterPlot", &trace.RegisterPlotRequest{
		Write: b.ledger.Write(), Plot: "plot-01", Crop: "kiwifruit", Area: 5_333, Place: "蒲江",
	})
	return b
}

// run simulates one transaction and gives its writes.
func (b *bench) run(role trace.Role, transaction string, request any) (map[string][]byte, string) {
	argument, err := state.Encode(request)
	require.NoError(b.tb, err)
	s := &stub{
		committed: b.committed, creator: b.creators[role], now: timestamppb.New(time.Now()),
		arguments: [][]byte{[]byte(transaction), argument}, writes: map[string][]byte{},
	}
	b.last = s
	response := b.contracts.Invoke(s)
	return s.writes, response.GetMessage()
}

func (b *bench) must(role trace.Role, transaction string, request any) {
	writes, refusal := b.run(role, transaction, request)
	require.Empty(b.tb, refusal)
	for key, value := range writes {
		b.committed[key] = value
	}
}

// BenchmarkAddLogEntry is a whole transaction without the ledger: certificate,
// gates, registry, rule and writes.
func BenchmarkAddLogEntry(b *testing.B) {
	bench := newBench(b)
	for n := 0; b.Loop(); n++ {
		_, refusal := bench.run(trace.RoleFarm, "origin:AddLogEntry", &trace.AddLogEntryRequest{
			Write: trace.Write{IdempotencyKey: fmt.Sprint(n), Claimed: trace.TimeOf(time.Now())}, Plot: "plot-01", Season: contracttest.Day(0).Year(),
			Activity: trace.ActivityIrrigation, At: contracttest.At(-1, 0), Note: "滴灌 2 小时",
		})
		if refusal != "" {
			b.Fatal(refusal)
		}
	}
}
