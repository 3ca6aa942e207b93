package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/store"
)

// runVerify walks the whole chain of a stopped house, holds imported records to their
// originals, and the words that verdicts judged to their anchored runs.
func runVerify(ctx context.Context, args []string, out io.Writer) error {
	cfg, err := readConfig("verify", args, nil)
	if err != nil {
		return err
	}
	logger, err := logTo(cfg.LogLevel)
	if err != nil {
		return err
	}
	eng, err := openEmbedded(cfg.Data, logger)
	if err != nil {
		return err
	}
	defer eng.Close()
	began := time.Now()
	if err := eng.Verify(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "verified %d blocks in %s: header chain, data hashes, signatures, endorsements, validity\n", eng.Height(), time.Since(began).Round(time.Millisecond))
	if err := verifyOriginals(ctx, cfg, eng, out); err != nil {
		return err
	}
	return verifyWords(ctx, cfg, eng, out)
}

// runBackup copies the store of a stopped house: outbox, files, tokens, scan counts.
// The chain is copied by copying the stopped ledger directory; the read model
// rebuilds.
func runBackup(ctx context.Context, args []string, out io.Writer) error {
	to := ""
	cfg, err := readConfig("backup", args, func(f *flag.FlagSet) { f.StringVar(&to, "to", "", "directory to write, which must not exist") })
	if err != nil {
		return err
	}
	if to == "" {
		return errors.New("backup needs -to DIRECTORY")
	}
	s, err := store.Open(store.Config{Dir: filepath.Join(cfg.Data, "store")})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Backup(ctx, to); err != nil {
		return err
	}
	fmt.Fprintln(out, "backup", to)
	return nil
}

// runDump writes the read model of a stopped house, ordered: two builds from the
// same chain give the same bytes.
func runDump(_ context.Context, args []string, out io.Writer) error {
	cfg, err := readConfig("dump", args, nil)
	if err != nil {
		return err
	}
	x, err := index.Open(index.Config{Dir: filepath.Join(cfg.Data, "index")})
	if err != nil {
		return err
	}
	defer x.Close()
	w := bufio.NewWriter(out)
	if err := x.Dump(w); err != nil {
		return err
	}
	return w.Flush()
}

// withBase fills the public base a command without a listener does not have.
func (c Config) withBase() Config {
	if c.PublicBase == "" {
		c.PublicBase = "http://" + c.Address
	}
	return c
}

// issueToken enrols an identity for a party and role, if there is none, and makes a
// token for it. The secret is returned once and not kept.
func (n *node) issueToken(name string, role trace.Role, party trace.PartyID, lasts time.Duration) (string, error) {
	msp := trace.MSPOf(role)
	if msp == "" {
		return "", trace.Errorf(trace.CodeInvalid, "role %q is not a role", role)
	}
	if err := party.Validate(); err != nil {
		return "", err
	}
	enrolment := enrolmentName(party, role)
	// One that is in the wallet may be of an organisation that joined later.
	id, err := n.enrolled(enrolment, msp, role, party)
	if err != nil {
		return "", err
	}
	presented, _, err := n.store.Tokens().Create(store.Token{
		Name: name, MSPID: id.MSPID, Party: string(party), Role: string(role), Enrolment: enrolment, Expires: time.Now().Add(lasts),
	})
	return presented, err
}
