package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"traceledger/chaincode/rules"
	chain "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/archive"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wallet"
)

// importFlags are what import takes beside the configuration.
type importFlags struct {
	archive, digest, fromStore string
	check, wait                bool
}

// runImport verifies an archive and records it again on a ledger that has no records yet.
// Called again after any interruption it goes on where it was; on a ledger that has all of
// it, it only compares.
func runImport(ctx context.Context, args []string, out io.Writer) (err error) {
	var flags importFlags
	cfg, err := readConfig("import", args, func(f *flag.FlagSet) {
		f.StringVar(&flags.archive, "archive", "", "folder that export has written")
		f.StringVar(&flags.digest, "digest", "", "what the archive must be, as export printed it")
		f.BoolVar(&flags.check, "check", false, "only verify the archive")
		f.BoolVar(&flags.wait, "wait", false, "wait for other organisations to import what their parties wrote")
		f.StringVar(&flags.fromStore, "from-store", "", "backup of the source's store: take over codes' seeds, contacts and scan counts")
	})
	if err != nil {
		return err
	}
	if flags.archive == "" {
		return errors.New("import needs -archive FOLDER")
	}
	a, err := archive.Open(ctx, flags.archive)
	if err != nil {
		return err
	}
	m := a.Manifest
	if flags.digest != "" && flags.digest != a.Digest.String() {
		return trace.Errorf(archive.CodeContent, "this is archive %s, not %s", a.Digest, flags.digest)
	}
	fmt.Fprintf(out, "verified %d transactions of %d blocks, %d files: ledger %s\n", m.Count, m.Height, len(m.Files), m.Genesis)
	if flags.check {
		return nil
	}
	n, release, err := openStopped(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return (&importer{n, a, flags, out}).run(ctx)
}

// importer moves an archive onto the ledger of n.
type importer struct {
	*node
	archive *archive.Archive
	flags   importFlags
	out     io.Writer
}

func (i *importer) run(ctx context.Context) error {
	// What an earlier run had sent may be on its way still.
	if err := reach(ctx, i.logger, func() error { return i.ledger.Recover(ctx) }); err != nil {
		return err
	}
	if err := i.mayImport(ctx); err != nil {
		return err
	}
	if err := errors.Join(i.keepFiles(ctx), i.takeOver()); err != nil {
		return err
	}
	if err := i.prepare(ctx); err != nil {
		return fmt.Errorf("prepare the channel: %w", err)
	}
	done, err := i.open(ctx)
	if err != nil {
		return err
	}
	imported := int64(0)
	if !done {
		if imported, err = i.records(ctx); err != nil {
			return err
		}
		if err := i.close(ctx); err != nil {
			return err
		}
	}
	return i.compare(ctx, imported)
}

func (i *importer) genesis() trace.Digest { return i.archive.Manifest.Genesis }

// mayImport refuses early, before anything is written, what the chain would refuse: a
// channel with records, or with another ledger's import.
func (i *importer) mayImport(ctx context.Context) error {
	var e trace.Epoch
	err := reach(ctx, i.logger, func() (err error) {
		e, err = i.epoch(ctx, i.reader)
		return err
	})
	if trace.CodeOf(err) == trace.CodeNotFound {
		return nil
	}
	if err == nil && e.Import != nil && e.Import.Genesis != i.genesis() {
		err = trace.Errorf(trace.CodeImport, "the channel was opened for the ledger %s, the archive is of %s", e.Import.Genesis, i.genesis())
	}
	return err
}

// keepFiles puts the archive's files and the original transactions into the store, before
// any record names them.
func (i *importer) keepFiles(ctx context.Context) error {
	for _, f := range i.archive.Manifest.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, found, err := i.store.Files().Stat(store.Hash(f.Hash)); err != nil || found {
			if err != nil {
				return err
			}
			continue
		}
		content, err := i.archive.OpenFile(f)
		if err != nil {
			return err
		}
		// Nobody is charged for it: the archive's records name it.
		raw, err := io.ReadAll(content)
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
		if _, err := i.store.Files().Keep(raw, store.About{MediaType: f.MediaType}); err != nil {
			return err
		}
	}
	return i.archive.Transactions(ctx, 0, func(t archive.Transaction) error {
		if _, found, err := i.store.Files().Stat(store.Hash(trace.DigestOf(t.Evidence.Envelope))); err != nil || found {
			return err
		}
		_, err := i.store.Files().Keep(t.Evidence.Envelope, store.About{MediaType: "application/octet-stream"})
		return err
	})
}

// takeOver copies what the source's store alone has.
func (i *importer) takeOver() error {
	if i.flags.fromStore == "" {
		return nil
	}
	from, err := store.Open(store.Config{Dir: i.flags.fromStore, Logger: i.logger})
	if err != nil {
		return fmt.Errorf("-from-store: %w", err)
	}
	taken, err := i.store.TakeOver(from)
	if err = errors.Join(err, from.Close()); err == nil {
		fmt.Fprintf(i.out, "took over %d seeds, contacts and scan counts of %s\n", taken, i.flags.fromStore)
	}
	return err
}

// open opens the import unless that was done; done tells that it is closed already.
func (i *importer) open(ctx context.Context) (done bool, err error) {
	for first := true; ; first = false {
		e, err := i.epoch(ctx, i.reader)
		switch code := trace.CodeOf(err); {
		case err == nil && e.Import != nil && e.Import.Genesis != i.genesis():
			return false, i.mayImport(ctx)
		case err == nil && e.Import != nil:
			return !e.Import.Open, nil
		case err != nil && code != trace.CodeNotFound && !unreachable(err):
			return false, err
		}
		operator, err := i.wallet.Identity(operatorName)
		if trace.CodeOf(err) == wallet.CodeUnknownIdentity {
			if err := i.others(ctx, first, "a regulator to open the import", err); err != nil {
				return false, err
			}
			continue
		}
		if err != nil {
			return false, err
		}
		write := trace.Write{IdempotencyKey: "import-open", Claimed: trace.TimeOf(time.Now())}
		_, err = i.submit(ctx, operator, "OpenImport", trace.OpenImportRequest{Write: write, SourceLedger: i.archive.Source()})
		if code := trace.CodeOf(err); err != nil && code != trace.CodeAlreadyExists && !passing(err) {
			return false, err
		}
		if err := i.again(ctx, err); err != nil {
			return false, err
		}
	}
}

// close ends the import; where this wallet holds no operator, it waits for who does.
func (i *importer) close(ctx context.Context) error {
	for first, began := true, time.Now(); ; first = false {
		e, err := i.epoch(ctx, i.reader)
		if err == nil && e.Import != nil && !e.Import.Open {
			return nil
		}
		if err != nil && !unreachable(err) {
			return err
		}
		operator, err := i.wallet.Identity(operatorName)
		if trace.CodeOf(err) == wallet.CodeUnknownIdentity {
			if err := i.others(ctx, first, "a regulator to close the import", err); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		write := trace.Write{IdempotencyKey: "import-close", Claimed: trace.TimeOf(time.Now())}
		_, err = i.submit(ctx, operator, "CloseImport", trace.CloseImportRequest{Write: write, Genesis: i.genesis()})
		code := trace.CodeOf(err)
		lags := code == trace.CodeImport && time.Since(began) < importLag // an endorser has not seen the last records
		if err != nil && code != trace.CodeAlreadyExists && !passing(err) && !lags {
			return err
		}
		if err := i.again(ctx, err); err != nil {
			return err
		}
	}
}

// importLag is how long what a peer says of the import is put down to blocks that it has
// not seen.
const importLag = time.Minute

// again waits before something is tried again because of an error, if it is one.
func (i *importer) again(ctx context.Context, because error) error {
	if because != nil {
		i.logger.Warn("trying again", "error", because)
	}
	return pause(ctx, 200*time.Millisecond)
}

func (i *importer) submit(ctx context.Context, as ledger.Identity, method string, request any) (ledger.Receipt, error) {
	arguments, err := json.Marshal(request)
	if err != nil {
		return ledger.Receipt{}, err
	}
	// The key is new each time: the request tells when it was made, and the chain takes one.
	return i.ledger.Submit(ctx, as, ledger.Call{
		Contract: "registry", Method: method, Arguments: arguments, IdempotencyKey: method + time.Now().String(),
	})
}

// others waits a moment for another organisation, if that is wished; because says what is
// missing here.
func (i *importer) others(ctx context.Context, first bool, whom string, because error) error {
	if !i.flags.wait {
		return fmt.Errorf("%w; or with -wait, let another organisation do its part", because)
	}
	if first {
		fmt.Fprintf(i.out, "waiting for %s\n", whom)
	}
	return pause(ctx, 500*time.Millisecond)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errElsewhere ends a walk through the archive when the chain has got further than it, or
// not as far.
var errElsewhere = errors.New("the import is at another transaction")

// records imports what is not imported yet, in order, and counts it.
func (i *importer) records(ctx context.Context) (imported int64, err error) {
	told, first, stuckAt := time.Now(), true, int64(-1)
	since := time.Now() // it has moved last
	beyond := int64(0)  // all that this run has recorded: a peer that is behind has it done again
	for {
		next, err := i.progress(ctx)
		if err != nil {
			return imported, err
		}
		if next == i.archive.Manifest.Count {
			return imported, nil
		}
		if next != stuckAt {
			stuckAt, since, first = next, time.Now(), true
		}
		var last error
		at, before := next, beyond
		err = i.archive.Transactions(ctx, next, func(t archive.Transaction) error {
			at = t.Evidence.Index
			if last = i.record(ctx, t); last != nil {
				return errElsewhere
			}
			if at < beyond {
				return nil
			}
			imported, beyond, since = imported+1, at+1, time.Now()
			if now := time.Now(); imported%50 == 0 || now.Sub(told) > 5*time.Second {
				told = now
				fmt.Fprintf(i.out, "imported %d of %d\n", t.Evidence.Index+1, i.archive.Manifest.Count)
			}
			return nil
		})
		if err != nil && !errors.Is(err, errElsewhere) {
			return imported, err
		}
		err = nil // that it ended early, last tells
		lags := time.Since(since) < importLag
		switch code := trace.CodeOf(last); {
		case last == nil && beyond > before:
		case last == nil && lags: // the peer that told the progress is behind
			err = i.again(ctx, nil)
		case last == nil:
			err = fmt.Errorf("this gateway was answered for all of the archive, the channel has %d transactions of it: the gateway's data are of another channel", next)
		case code == wallet.CodeUnknownIdentity:
			err = i.others(ctx, first, "who holds the identity: "+last.Error(), last)
			first = false
		case passing(last) || code == trace.CodeImport && lags:
			err = i.again(ctx, last)
		default:
			err = fmt.Errorf("transaction %d of the archive: %w", at, last)
		}
		if err != nil {
			return imported, err
		}
	}
}

// record records a transaction's request again.
func (i *importer) record(ctx context.Context, t archive.Transaction) error {
	by := t.By.Facts
	name := enrolmentName(by.Party, by.Role)
	id, err := i.enrolled(name, by.MSP, by.Role, by.Party)
	if err != nil {
		return err
	}
	proof, err := json.Marshal(t.Evidence)
	if err != nil {
		return err
	}
	call := ledger.Call{
		Contract: t.Method.Contract, Method: t.Method.Name, Arguments: t.Arguments,
		Transient: map[string][]byte{trace.TransientEvidence: proof}, Endorsers: endorsersOf(t.Method, by.Role),
		IdempotencyKey: fmt.Sprintf("import %s %d", i.genesis(), t.Evidence.Index),
	}
	if t.Method.Transient != "" {
		call.Transient[t.Method.Transient] = t.Payload
	}
	_, err = i.ledger.Submit(ctx, id, call)
	return err
}

// endorsersOf are who must endorse, filled up to a majority: transient data go to named
// organisations only.
func endorsersOf(m trace.Method, role trace.Role) []string {
	out := slices.Clone(rules.GuardsOf(m, trace.MSPOf(role)))
	for _, msp := range trace.MSPs() {
		if len(out) < len(trace.MSPs())/2+1 && !slices.Contains(out, msp) {
			out = append(out, msp)
		}
	}
	return out
}

// progress is the number of the transaction to come.
func (i *importer) progress(ctx context.Context) (int64, error) {
	arguments, err := json.Marshal(map[string]trace.Key{"key": chain.ImportProgressKey(i.genesis())})
	if err != nil {
		return 0, err
	}
	var value []byte
	err = reach(ctx, i.logger, func() (err error) {
		value, err = i.ledger.Evaluate(ctx, i.reader, ledger.Call{Contract: "registry", Method: "Get", Arguments: arguments})
		return err
	})
	if trace.CodeOf(err) == trace.CodeNotFound {
		return 0, nil
	}
	var p trace.ImportProgress
	return p.Next, errors.Join(err, json.Unmarshal(value, &p))
}

// compare reads the target's chain and holds what was imported to the archive.
func (i *importer) compare(ctx context.Context, imported int64) error {
	var height uint64
	err := reach(ctx, i.logger, func() (err error) {
		height, err = i.ledger.Height(ctx, i.reader)
		return err
	})
	if err != nil {
		return err
	}
	target, enough := archive.Values{}, errors.New("all blocks are read")
	err = i.ledger.Blocks(ctx, i.reader, 0, func(b *common.Block) error {
		if err := target.Fold(b, chaincodeName); err != nil {
			return err
		}
		if b.GetHeader().GetNumber()+1 == height {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		return err
	}
	c, err := archive.Compare(i.archive.Values(), target)
	if err != nil {
		return err
	}
	count := i.archive.Manifest.Count
	fmt.Fprintf(i.out, "exported %d, imported %d now, found %d before; records and balances equal %d, different %d, missing %d, surplus %d\n",
		count, imported, count-imported, c.Equal, len(c.Different), len(c.Missing), len(c.Surplus))
	if c.Differences > 0 {
		return trace.Errorf(archive.CodeContent, "the ledgers differ: different %v, missing %v, surplus %v", c.Different, c.Missing, c.Surplus)
	}
	return nil
}
