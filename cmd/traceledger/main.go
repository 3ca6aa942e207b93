// Command traceledger is the one binary; each sub-command is a role.
//
//	run     the whole house on the embedded ledger, with the demonstration loaded
//	serve   the whole house on the embedded ledger, empty
//	ledger  the embedded ledger alone, for stock Fabric clients over TLS
//	gateway REST interface, desks and pages, on a ledger elsewhere
//	scanner the public pages alone, on a ledger elsewhere
//	monitor monitors alone, on a ledger elsewhere: facts in, verdicts out
//	enrol   issue an identity of a ledger into a wallet
//	verify  walk a ledger's chain and check every hash, signature and validity
//	backup  copy the data of a stopped or running house consistently
//	export  write a whole ledger into an archive, to move it
//	import  verify an archive and record it again on another ledger
//	dump    write the read model's ordered keys and values, to compare rebuilds
//	token   make, list or revoke access tokens
//	network operate a consortium's Fabric network: up, status, down and the like
//	bench   measure this machine, each figure beside its comparison
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// command is one role.
type command struct {
	name, title string
	run         func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"run", "the whole house on the embedded ledger, with the demonstration loaded", runDemo},
		{"serve", "the whole house on the embedded ledger", runServe},
		{"ledger", "the embedded ledger alone, for Fabric clients over TLS", runLedger},
		{"gateway", "REST interface, desks and pages, on a ledger elsewhere", runGateway},
		{"scanner", "the public pages alone, on a ledger elsewhere", runScanner},
		{"monitor", "monitors alone, on a ledger elsewhere: facts in, verdicts out", runMonitor},
		{"enrol", "issue an identity of a ledger into a wallet", runEnrol},
		{"verify", "check every hash, signature and validity of the chain", runVerify},
		{"backup", "copy the data that cannot be rebuilt", runBackup},
		{"export", "write a whole ledger into an archive, to move it", runExport},
		{"import", "verify an archive and record it again on another ledger", runImport},
		{"dump", "write the read model in order", runDump},
		{"bench", "measure this machine, each figure beside its comparison", runBench},
		{"device", "simulate a JT/T 808 terminal against a running house", runDevice},
		{"network", "operate a consortium's Fabric network: up, status, down and the like", runNetwork},
		{"token", "make, list or revoke access tokens", runToken},
	}
}

func main() {
	// Requests make much short-lived garbage on a small live heap: collecting it a fifth
	// as often is worth some memory. GOGC in the environment decides otherwise.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(500)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := dispatch(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "traceledger:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], out)
			}
		}
	}
	fmt.Fprintln(out, "usage: traceledger COMMAND [flags]")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-8s %s\n", c.name, c.title)
	}
	if len(args) > 0 {
		return fmt.Errorf("no command %q", args[0])
	}
	return flag.ErrHelp
}

// logTo makes the structured log; people's lines go to standard output, the log to
// standard error.
func logTo(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})), nil
}
