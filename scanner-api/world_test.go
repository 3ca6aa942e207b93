package scanner_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
	scanner "traceledger/scanner-api"
	"traceledger/scanner-api/internal/journeytest"
)

const baseURL = "https://trace.example"

// world is a lot of kiwifruit on the real ledger, read by the real index, with the
// files that belong to it in the real store, behind a scanner.
type world struct {
	*contracttest.Kiwifruit
	t       testing.TB
	index   *index.Index
	store   *store.Store
	scanner *scanner.Scanner
	server  *httptest.Server
	clock   clock
	boxes   int64 // in the lot, each with a code

	lab, carrier, merchant *contracttest.Client

	lot      trace.LotID
	pack     trace.PackID
	serials  []trace.Serial // by item, from 0
	departed trace.Time
	absent   [][]byte // payloads that are not kept here
}

// clock is the scanner's time: today, moved by tests.
type clock struct {
	mu    sync.Mutex
	moved time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.moved)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += d
}

func startWorld(t testing.TB, configure ...func(*scanner.Config)) *world {
	return startWorldOf(t, 40, configure...)
}

func startWorldOf(t testing.TB, boxes int64, configure ...func(*scanner.Config)) *world {
	w := &world{boxes: boxes, Kiwifruit: contracttest.StartKiwifruit(contracttest.Start(t)), t: t, pack: "K1W1PACK", departed: contracttest.At(-34, 16*time.Hour)}
	w.openReaders(configure)
	w.admit()
	w.lot = w.Batch("PJ261018-A", boxes)
	w.serials = w.issue(w.pack, boxes, true)
	w.Farm.Must("code:ActivatePack", &trace.ActivatePackRequest{Write: w.claimed(w.HarvestedAt + 3_600_000), Pack: w.pack, LotID: w.lot})
	w.settle()
	return w
}

func (w *world) openReaders(configure []func(*scanner.Config)) {
	t := w.t
	var err error
	w.index, err = index.Open(index.Config{Dir: "index", FS: vfs.NewMem(), Chaincode: contracttest.Chaincode})
	require.NoError(t, err)
	w.store, err = store.Open(store.Config{Dir: "store", FS: vfs.NewMem()})
	require.NoError(t, err)
	cfg := scanner.Config{Index: w.index, Files: w.store.Files(), Scans: w.store.Scans(), BaseURL: baseURL, Now: w.clock.now, Rate: 1e6, Burst: 1e6}
	for _, change := range configure {
		change(&cfg)
	}
	w.scanner, err = scanner.New(cfg)
	require.NoError(t, err)
	w.server = httptest.NewServer(w.scanner)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.index.Follow(ctx, w.blocks) }()
	t.Cleanup(func() {
		w.server.Close()
		w.scanner.Close()
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the index stopped following: %v", err)
		}
		require.NoError(t, w.index.Close())
		require.NoError(t, w.store.Close())
	})
}

// blocks is the ledger's block stream by the stock client.
func (w *world) blocks(ctx context.Context, from uint64, handle func(*common.Block) error) error {
	enrolment, err := w.Ledger.Ledger.Enrol(trace.PlatformMSP, "scanner", map[string]string{trace.AttributeRole: string(trace.RoleScanner), trace.AttributeParty: "scanner-test"})
	if err != nil {
		return err
	}
	block, _ := pem.Decode(enrolment.CertPEM)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	id, err := identity.NewX509Identity(trace.PlatformMSP, certificate)
	if err != nil {
		return err
	}
	key, err := identity.PrivateKeyFromPEM(enrolment.KeyPEM)
	if err != nil {
		return err
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return err
	}
	conn := w.Ledger.Ledger.Conn()
	gate, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn))
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(gate.Close(), conn.Close()) }()
	blocks, err := gate.GetNetwork(contracttest.Channel).BlockEvents(ctx, client.WithStartBlock(from))
	if err != nil {
		return err
	}
	for b := range blocks {
		if err := handle(b); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// settle waits until the index has folded all blocks.
func (w *world) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	require.NoError(w.t, w.index.WaitFor(ctx, w.Ledger.Ledger.Height()-1))
}

func (w *world) claimed(at trace.Time) trace.Write {
	write := w.Write()
	write.Claimed = at
	return write
}

func (w *world) admit() {
	w.lab = w.Admit(trace.RoleLab, "lab-01")
	w.carrier = w.Admit(trace.RoleCarrier, "carrier-01")
	w.merchant = w.Admit(trace.RoleMerchant, "store-01")
	w.License("carrier-01", "YS-1", trace.LicenceTransport, trace.CategoryFruit)
	w.Regulator().Must("registry:GrantAccreditation", &trace.GrantAccreditationRequest{
		Write: w.Write(), Lab: "lab-01", Number: "CMA-01", Issuer: "市场监管总局", ValidFrom: contracttest.Day(-365), ValidTo: contracttest.Day(365),
		Items: []trace.AccreditedItem{{Category: trace.CategoryFruit, Substance: "*"}},
	})
	for _, substance := range []struct{ id, name, most string }{{"spinosad", "多杀霉素", "0.05"}, {"forchlorfenuron", "氯吡脲", "0.05"}} {
		most, err := trace.ParseDecimal(substance.most)
		require.NoError(w.t, err)
		w.Regulator().Must("standards:PublishLimit", &trace.PublishLimitRequest{
			Write: w.Write(), Commodity: "kiwifruit", Substance: substance.id, Name: substance.name, Kind: trace.LimitMaximum, Maximum: &most, Unit: "mg/kg",
			Source: trace.StandardSource{Standard: "GB 2763", Effective: contracttest.Day(-1000), Source: "test", Checked: true},
		})
	}
}

// issue makes a pack's codes and puts the pack on the chain; publish keeps its leaf
// file where the scanner finds it.
func (w *world) issue(pack trace.PackID, count int64, publish bool) []trace.Serial {
	random := rand.New(rand.NewPCG(1, uint64(pack[0])))
	serials := make([]trace.Serial, count)
	leaves := make([]trace.Digest, count)
	var file []byte
	for i := range serials {
		var secret [trace.SecretDigits]byte
		for n := range secret {
			secret[n] = trace.SerialAlphabet[random.IntN(32)]
		}
		serial, err := rules.FormatSerial(int64(i)+1, string(secret[:]))
		require.NoError(w.t, err)
		serials[i], leaves[i] = serial, rules.CodeLeaf(pack, serial)
		file = append(file, leaves[i][:]...)
	}
	w.Farm.Must("code:IssuePack", &trace.IssuePackRequest{Write: w.Write(), Pack: pack, Count: count, Root: rules.MerkleRoot(leaves), LeafFile: trace.DigestOf(file)})
	if publish {
		w.keep(file, "application/octet-stream")
	}
	return serials
}

func (w *world) keep(content []byte, mediaType string) trace.Digest {
	kept, err := w.store.Files().Keep(content, store.About{MediaType: mediaType, Uploader: "farm-01"})
	require.NoError(w.t, err)
	return trace.Digest(kept.Hash)
}

// inspect has the lot tested, with a report file that is kept.
func (w *world) inspect(value string) trace.Digest {
	report := w.keep([]byte("%PDF-1.4 report of "+value), "application/pdf")
	amount, err := trace.ParseDecimal(value)
	require.NoError(w.t, err)
	lot := w.lot
	items := []trace.InspectionItem{}
	for _, substance := range []string{"spinosad", "forchlorfenuron"} {
		items = append(items, trace.InspectionItem{Substance: substance, Method: "GB 23200.121-2021", Result: trace.ResultNumber, Value: &amount, Unit: "mg/kg"})
	}
	w.lab.Must("inspection:Report", &trace.ReportInspectionRequest{
		Write: w.Write(), Sample: trace.SampleLot, Lot: &lot, SampledAt: w.HarvestedAt + 3_600_000, ReportedAt: w.HarvestedAt + 7_200_000,
		CertificateNumber: "SC-1", Certificate: report, Items: items,
	})
	return report
}

func (w *world) certify() {
	w.Farm.Must("origin:IssueCertificate", &trace.IssueCertificateRequest{
		Write: w.Write(), LotID: w.lot, Basis: []trace.CertificateBasis{trace.BasisCommissioned}, IssuedOn: contracttest.Day(w.HarvestDay + 1),
	})
}

// ship sends a run of items to the merchant with a tracker whose readings are kept
// here if keep says so.
func (w *world) ship(id trace.ShipmentID, first, last int64, excursion, keep bool) {
	origin := trace.Place{Name: "蒲江", Point: trace.Point{Latitude: 30_210_000, Longitude: 103_510_000}}
	target := trace.Place{Name: "临平", Point: trace.Point{Latitude: 30_420_000, Longitude: 120_300_000}}
	w.Farm.Must("transit:Consign", &trace.ConsignRequest{
		Write: w.claimed(w.departed), Shipment: id, Carrier: "carrier-01", Consignee: "store-01", Lots: []trace.LotID{w.lot},
	})
	w.carrier.Must("transit:Dispatch", &trace.DispatchRequest{
		Write: w.claimed(w.departed), Shipment: id, Loads: []trace.Load{{Codes: &trace.CodeRange{Pack: w.pack, First: first, Last: last}}},
		From: w.Farm.Party, Consignee: "store-01", Origin: origin, Target: target, Departed: w.departed, Vehicle: "truck-07", Drivers: 2,
	})
	device := trace.DeviceID("tracker-" + string(id))
	w.carrier.Must("transit:BindDevice", &trace.BindDeviceRequest{
		Write: w.claimed(w.departed), Device: device, Shipment: id, Probes: []string{trace.ProbeReturnAir, trace.ProbePulp}, From: w.departed,
	})
	readings := journeytest.Kiwifruit(w.departed, excursion)
	var previous trace.Digest
	for n, sequence := 0, int64(1); n < len(readings); n, sequence = n+1000, sequence+1 {
		part := readings[n:min(n+1000, len(readings))]
		payload, err := trace.EncodeReadings(2, part)
		require.NoError(w.t, err)
		request := &trace.AnchorSegmentRequest{
			Device: device, Sequence: sequence, Shipment: id, Count: len(part), From: part[0].At, To: part[len(part)-1].At,
			Previous: previous, Payload: trace.DigestOf(payload),
		}
		_, err = w.carrier.SubmitTransient("transit:AnchorSegment", request, map[string][]byte{trace.TransientReadings: payload}, trace.CarrierMSP, trace.PlatformMSP, trace.RegulatorMSP)
		require.NoError(w.t, err)
		if keep {
			w.keep(payload, "application/octet-stream")
		} else {
			w.absent = append(w.absent, payload)
		}
		previous = request.Payload
	}
	arrived := w.departed + trace.Time((31*60+30)*60*1000)
	w.carrier.Must("transit:Arrive", &trace.ArriveRequest{Write: w.claimed(arrived), Shipment: id, At: arrived, Place: target, BadGoods: 160})
}

// whole makes the lot's record complete: certificate, inspection, one journey.
func (w *world) whole(excursion bool) {
	w.certify()
	w.inspect("0.01")
	w.ship("ship-01", 1, w.boxes, excursion, true)
	w.settle()
}

func (w *world) recall(lot trace.LotID, codes *trace.CodeRange, cause trace.Key) {
	w.Regulator().Must("enforcement:TakeAction", &trace.TakeActionRequest{
		Write: w.Write(), Kind: trace.ActionRecall, Lot: &lot, Codes: codes, Causes: []trace.Key{cause}, Reason: "检出不得检出的物质",
		Basis: []trace.LegalBasis{{Law: "食品安全法", Article: "第六十三条", Effective: contracttest.Day(-1000)}},
	})
	w.settle()
}

func (w *world) item(n int64) string {
	return fmt.Sprintf("/01/%s/10/%s/21/%s", w.lot.GTIN, w.lot.Lot, w.serials[n-1])
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) get(path string, header ...string) answer {
	return w.ask(http.MethodGet, path, header...)
}

func (w *world) ask(method, path string, header ...string) answer {
	request := httptest.NewRequest(method, path, nil)
	request.RemoteAddr = "192.0.2.1:4711"
	request.Header.Set("User-Agent", "Mozilla/5.0 (Linux; Android 15) Mobile")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i] == "From-Address" {
			request.RemoteAddr = header[i+1] + ":4711"
		}
	}
	recorder := httptest.NewRecorder()
	w.scanner.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}
