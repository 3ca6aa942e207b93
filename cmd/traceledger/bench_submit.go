package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// benchLedger is a ledger with the submit client and the parties that measurements
// need.
type benchLedger struct {
	engine *embeddedEngine // nil where the ledger is a network
	store  *store.Store
	client *ledger.Client
	users  map[trace.Role]ledger.Identity
	issue  issuer
}

// openBenchLedger founds an embedded ledger.
func openBenchLedger(ctx context.Context, dir string) (b *benchLedger, err error) {
	logger, err := logTo("error")
	if err != nil {
		return nil, err
	}
	engine, err := openEmbedded(dir, logger)
	if err != nil {
		return nil, err
	}
	b = &benchLedger{engine: engine}
	conns, err := engine.Conns()
	if err == nil {
		err = b.open(ctx, dir, conns, engine.Enrol, 0)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// issuer is how a ledger's organisations issue identities.
type issuer func(msp, name string, attributes map[string]string) (certificate, key []byte, err error)

// open makes the gateway's side of the ledger behind conns, and puts on the chain what
// a factory needs to register lots.
func (b *benchLedger) open(ctx context.Context, dir string, conns []grpc.ClientConnInterface, enrol issuer, lag time.Duration) error {
	logger, err := logTo("error")
	if err != nil {
		return err
	}
	if b.store, err = store.Open(store.Config{Dir: filepath.Join(dir, "store"), Logger: logger}); err != nil {
		return err
	}
	b.users, b.issue = map[trace.Role]ledger.Identity{}, enrol
	for _, role := range []trace.Role{trace.RoleRegulator, trace.RoleFactory, trace.RoleCarrier, trace.RoleMerchant, trace.RoleScanner} {
		party := "bench-" + string(role)
		certificate, key, err := enrol(trace.MSPOf(role), party, map[string]string{trace.AttributeRole: string(role), trace.AttributeParty: party})
		if err != nil {
			return err
		}
		if b.users[role], err = ledger.NewIdentity(trace.MSPOf(role), certificate, key); err != nil {
			return err
		}
	}
	reader := b.users[trace.RoleScanner]
	b.client, err = ledger.New(ledger.Config{
		Conns: conns, Channel: channelName, Chaincode: chaincodeName, Outbox: b.store.Outbox(), Reader: &reader, Logger: logger, MaxInFlight: 1024, Lag: lag,
	})
	if err != nil {
		return err
	}
	return b.prepare(ctx)
}

func (b *benchLedger) close() {
	if b.client != nil {
		b.client.Close()
	}
	if b.store != nil {
		b.store.Close()
	}
	if b.engine != nil {
		b.engine.Close()
	}
}

func (b *benchLedger) submit(ctx context.Context, role trace.Role, contract, method, key string, request any) (ledger.Receipt, error) {
	arguments, err := json.Marshal(request)
	if err != nil {
		return ledger.Receipt{}, err
	}
	return b.client.Submit(ctx, b.users[role], ledger.Call{Contract: contract, Method: method, Arguments: arguments, IdempotencyKey: key})
}

// benchProduct is a trade item of the demonstration prefix.
const benchProduct trace.GTIN = "09520000200015"

// prepare puts on the chain what a factory needs to register lots.
func (b *benchLedger) prepare(ctx context.Context) error {
	now := time.Now()
	write := func(key string) trace.Write {
		return trace.Write{IdempotencyKey: key, Claimed: trace.TimeOf(now)}
	}
	from, to := trace.TimeOf(now.AddDate(-1, 0, 0)).Date(), trace.TimeOf(now.AddDate(1, 0, 0)).Date()
	type step struct {
		role             trace.Role
		contract, method string
		request          any
	}
	var steps []step
	for _, msp := range trace.MSPs() {
		steps = append(steps, step{trace.RoleRegulator, "registry", "InstallGuard", trace.InstallGuardRequest{MSP: msp, Version: 1}})
	}
	steps = append(steps, step{trace.RoleRegulator, "registry", "TouchEpoch", trace.TouchEpochRequest{Number: 1}})
	for _, role := range []trace.Role{trace.RoleRegulator, trace.RoleFactory, trace.RoleCarrier, trace.RoleMerchant} {
		steps = append(steps, step{trace.RoleRegulator, "registry", "AdmitParty", trace.AdmitPartyRequest{
			Write: write("admit-" + string(role)), Party: trace.PartyID("bench-" + string(role)), Roles: []trace.Role{role},
			LegalPerson: true, Name: "测试主体", ValidFrom: from, ValidTo: to,
		}})
	}
	steps = append(steps,
		step{trace.RoleRegulator, "registry", "GrantLicence", trace.GrantLicenceRequest{
			Write: write("licence"), Party: "bench-factory", Number: "BENCH-1", Kind: trace.LicenceCosmetics,
			Scope: []trace.Category{trace.CategoryCosmetics}, Issuer: "测试机关", ValidFrom: from, ValidTo: to,
		}},
		step{trace.RoleRegulator, "registry", "GrantLicence", trace.GrantLicenceRequest{
			Write: write("licence-carrier"), Party: "bench-carrier", Number: "BENCH-2", Kind: trace.LicenceTransport,
			Scope: []trace.Category{trace.CategoryCosmetics}, Issuer: "测试机关", ValidFrom: from, ValidTo: to,
		}},
		step{trace.RoleRegulator, "registry", "GrantLicence", trace.GrantLicenceRequest{
			Write: write("prefix"), Party: "bench-factory", Number: "952000020", Kind: trace.LicenceGS1Prefix, Issuer: "测试机关", ValidFrom: from, ValidTo: to,
		}},
		step{trace.RoleFactory, "origin", "RegisterProduct", trace.RegisterProductRequest{
			Write: write("product"), GTIN: benchProduct, Name: "面霜", Category: trace.CategoryCosmetics, Commodity: "cosmetics-leave-on",
			NetContent: trace.Quantity{Amount: 1, Unit: trace.Piece}, LicenceNumber: "BENCH-1", FilingNumber: "国妆备字2026000001", Producer: "bench-factory", ShelfLifeDays: 1000,
			Transport: &trace.TemperatureRange{Minimum: 0, Maximum: 2500}, GapSeconds: 900,
		}},
	)
	for i, s := range steps {
		if _, err := b.submit(ctx, s.role, s.contract, s.method, fmt.Sprintf("prepare-%d", i), s.request); err != nil {
			return fmt.Errorf("%s:%s: %w", s.contract, s.method, err)
		}
	}
	return nil
}

// registerLot registers one lot as a factory does it.
func (b *benchLedger) registerLot(ctx context.Context, lot string) (ledger.Receipt, error) {
	return b.submit(ctx, trace.RoleFactory, "origin", "RegisterBatch", lot, benchLot(lot))
}

func benchLot(lot string) trace.RegisterBatchRequest {
	now := trace.TimeOf(time.Now())
	return trace.RegisterBatchRequest{
		Write: trace.Write{IdempotencyKey: lot, Claimed: now},
		LotID: trace.LotID{GTIN: benchProduct, Lot: trace.LotNumber(lot)},
		Place: "杭州市余杭区", Point: trace.Point{Latitude: 30_420_000, Longitude: 120_300_000},
		Made: now - 3_600_000, Quantity: trace.Quantity{Amount: 10_000, Unit: trace.Piece},
	}
}

// benchSubmit measures durable registrations of lots by many clients at once, through
// outbox, stock client, contracts and synced commit, against the signature bound: six
// signatures and six verifications a transaction at this machine's cost, on all cores.
func benchSubmit(clients int) func(context.Context, string) ([]figure, error) {
	return func(ctx context.Context, dir string) ([]figure, error) {
		bound, err := signatureBound()
		if err != nil {
			return nil, err
		}
		b, err := openBenchLedger(ctx, dir)
		if err != nil {
			return nil, err
		}
		defer b.close()
		rate, err := rateOf(clients, 6*time.Second, func(i int64) error {
			_, err := b.registerLot(ctx, fmt.Sprintf("L%d", i))
			return err
		})
		return []figure{{fmt.Sprintf("submit-%d", clients), rate, "tx/s", "signature-bound", bound}}, err
	}
}

// rateOf runs work from many clients for a while and returns how often a second it was
// done.
func rateOf(clients int, during time.Duration, work func(i int64) error) (float64, error) {
	pace, err := paceOf(clients, during, work)
	return pace.rate, err
}

// pace is how clients fared that each waited for an answer before asking again.
type pace struct {
	rate     float64 // a second
	p50, p99 float64 // milliseconds
	done     int64   // warm-up included
}

// paceOf runs work from many clients for a while, after a warm-up of a fifth of it.
func paceOf(clients int, during time.Duration, work func(i int64) error) (pace, error) {
	var next atomic.Int64
	var counting, stop atomic.Bool
	var group sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	for range clients {
		group.Go(func() {
			var took []time.Duration
			var err error
			for err == nil && !stop.Load() {
				began := time.Now()
				if err = work(next.Add(1)); err == nil && counting.Load() {
					took = append(took, time.Since(began))
				}
			}
			if err != nil {
				stop.Store(true)
			}
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, took...), cmp.Or(failed, err) // one client's error says enough
		})
	}
	time.Sleep(during / 5)
	counting.Store(true)
	began := time.Now()
	time.Sleep(during)
	counting.Store(false)
	elapsed := time.Since(began)
	stop.Store(true)
	group.Wait()
	if failed != nil {
		return pace{}, failed
	}
	if len(all) == 0 {
		return pace{}, fmt.Errorf("nothing was done within %s", during)
	}
	slices.Sort(all)
	milliseconds := func(share int) float64 { return float64(all[len(all)*share/100].Microseconds()) / 1000 }
	return pace{rate: float64(len(all)) / elapsed.Seconds(), p50: milliseconds(50), p99: milliseconds(99), done: next.Load()}, nil
}

// signatureBound is how many transactions a second all cores could sign and verify
// if they did nothing else.
func signatureBound() (float64, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return 0, err
	}
	digest := sha256.Sum256([]byte("a transaction"))
	cores := runtime.GOMAXPROCS(0)
	return rateOf(cores, 2*time.Second, func(int64) error {
		for range 6 {
			signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
			if err != nil {
				return err
			}
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				return errors.New("own signature does not verify")
			}
		}
		return nil
	})
}
