package monitor

import (
	"context"
	"encoding/json"
	"errors"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Monitor is one monitor that follows the chain. Its methods are called from several
// goroutines at once.
type Monitor interface {
	// Rule is the version it judges by.
	Rule() Rule
	// Kinds are the kinds of record (index.Record.Kind) that can change what it finds.
	Kinds() []string
	// Concerns names the subjects that a record of these kinds makes worth a look. They
	// are the monitor's own business and need not be the subjects of its findings.
	Concerns(world World, record index.Record) ([]trace.Subject, error)
	// Look gathers what is known of a subject and judges it. It is called again whenever
	// something new is known, and after a restart for what it has seen before, so
	// everything that level, text and time of a finding depend on must be in its Input:
	// then the same finding is the same verdict. With ErrIncomplete the findings given are
	// written and the subject is looked at again later.
	Look(ctx context.Context, world World, subject trace.Subject) ([]Finding, error)
}

// Rule is a version of a monitor's rule. Monitor and Version name it on the chain, once:
// whoever publishes a version alone gives verdicts by it.
type Rule struct {
	Monitor     string // "coldchain"
	Version     string // "1.0.0"
	Description string
	Content     []byte // its data: thresholds, lexicon; the chain keeps the SHA-256
}

// Finding is what a check found.
type Finding struct {
	Subject     trace.Subject
	Finding     string // code, "temperature-excursion"
	Level       trace.VerdictLevel
	Text        string // Chinese, at most 300 characters
	TextEnglish string
	// At is when what was found was so; the verdict's claimed time. It must follow from
	// Input, as everything else here does.
	At trace.Time
	// Input is everything that the finding depends on; the verdict carries the SHA-256 of
	// its canonical JSON. A trace.Digest stands for itself.
	Input    any
	Evidence []trace.Key    // records, at most 20
	Files    []trace.Digest // evidence off the chain, at most 20
	// ConfidenceBP, Observed, Host and Utterance are as in trace.GiveVerdictRequest; the
	// last three belong to a finding on a stream.
	ConfidenceBP trace.BasisPoints
	Observed     trace.Time
	Host         trace.PartyID
	Utterance    int
}

// World is what monitors may look at.
type World struct {
	Index *index.Index
	// File gives the bytes with a hash, found false while they are not kept here; asking
	// may have them fetched.
	File func(hash trace.Digest) (content []byte, found bool, err error)
}

// ErrIncomplete tells that a file was missing: what needs it was not judged.
var ErrIncomplete = errors.New("a file is not here yet")

// key is where the verdict of a finding lies while no case has frozen its subject. After
// that the chain is asked, which answers the same.
func (f *Finding) key(rule Rule) (trace.Key, error) {
	request, err := f.request(rule)
	if err != nil {
		return "", err
	}
	return state.FactKey(f.Subject, 0, state.FactVerdict, string(rules.VerdictID(request))), nil
}

// request is the verdict of a finding.
func (f *Finding) request(rule Rule) (*trace.GiveVerdictRequest, error) {
	input, ok := f.Input.(trace.Digest)
	if !ok {
		content, err := json.Marshal(f.Input) // structs and slices only: one form
		if err != nil {
			return nil, err
		}
		input = trace.DigestOf(content)
	}
	return &trace.GiveVerdictRequest{
		Claimed: f.At, Monitor: rule.Monitor, Version: rule.Version, Subject: f.Subject,
		Finding: f.Finding, Level: f.Level, Text: f.Text, TextEnglish: f.TextEnglish,
		Input: input, Evidence: f.Evidence, Files: f.Files, ConfidenceBP: f.ConfidenceBP,
		Observed: f.Observed, Host: f.Host, Utterance: f.Utterance,
	}, nil
}
