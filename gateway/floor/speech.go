package floor

import (
	"context"
	"hash/crc32"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// Checker says what is wrong with an utterance. It is pure: the same utterance gives the
// same findings. It is called from many goroutines.
type Checker interface {
	Rule() Rule
	Check(Said) ([]Finding, error)
}

// Rule is the version of a monitor's rule as it is published.
type Rule struct {
	Monitor, Version, Description string
	Content                       trace.Digest // of the lexicon
}

// Said is an utterance as a Checker sees it.
type Said struct {
	Text string
	// Categories are those of the products on sale, as trace.Product has them: what is
	// harmless of a dress may be a medical claim of a cream.
	Categories []trace.Category
	Products   []trace.Product
}

// Finding is one thing that was found.
type Finding struct {
	Code        string             `json:"code"` // "absolute-term"
	Level       trace.VerdictLevel `json:"level"`
	Text        string             `json:"text"` // in words, with the article
	TextEnglish string             `json:"textEnglish,omitempty"`
	Term        Term               `json:"term"`
}

// Term is what was said, and where: bytes [Begin, End) of the utterance's text.
type Term struct {
	Text    string `json:"text"`              // as the lexicon has it
	Begin   int    `json:"begin"`             // in the text as it was spoken
	End     int    `json:"end"`               //
	Article string `json:"article,omitempty"` // of law
}

// verdict is a finding on its way to the chain.
type verdict struct {
	heard   *heard
	left    *int // verdicts of the utterance still to come; under line.mu
	request trace.GiveVerdictRequest
}

// publishRule puts the rule on file before its first verdict. A version is one content
// for ever: with another, nothing is judged until the version is raised.
func (f *Floor) publishRule(ctx context.Context) error {
	rule := f.Checker.Rule()
	request := trace.PublishRuleRequest{
		Monitor: rule.Monitor, Version: rule.Version, Description: rule.Description, Content: rule.Content,
		Write: trace.Write{IdempotencyKey: "rule-" + rule.Version, Claimed: trace.TimeOf(f.Now())},
	}
	for try := 0; ; try++ {
		// Published before, by this monitor or by hand, it is not claimed anew.
		known, err := recordOf[trace.MonitorRule](f, state.RuleKey(rule.Monitor, rule.Version))
		if err == nil && known == nil {
			_, err = f.submit(ctx, f.Monitor, ledger.Call{
				Contract: "verdict", Method: "PublishRule", Arguments: encode(&request), IdempotencyKey: "rule " + rule.Monitor + " " + rule.Version,
			})
		} else if err == nil && known.Content != rule.Content {
			err = trace.Errorf(trace.CodeAlreadyExists, "rule %s %s is on the chain with other content", rule.Monitor, rule.Version)
		}
		if err == nil {
			f.rule.Store(true)
			return nil
		}
		f.Metrics.retries.WithLabelValues("rule").Inc()
		level := slog.LevelInfo // a house that is being furnished has no monitor yet
		if try > 10 {
			level = slog.LevelWarn
		}
		f.Logger.Log(ctx, level, "the rule of the speech monitor is not published; no verdicts until it is", "rule", rule.Monitor+" "+rule.Version, "error", err)
		if !f.pause(ctx, try) {
			return nil
		}
	}
}

// check judges an utterance and sends its verdicts on.
func (f *Floor) check(ctx context.Context, h *heard) {
	given, terms, err := f.judge(h)
	for try := 0; err != nil; try++ {
		f.Logger.Error("an utterance is not judged yet", "stream", h.line.stream, "number", h.number, "error", err)
		if !f.pause(ctx, try) {
			return
		}
		given, terms, err = f.judge(h)
	}
	if len(given) == 0 {
		f.judged(h)
		return
	}
	evidence := evidenceRow{Stream: h.line.stream, Writer: h.line.writer, Number: h.number, Terms: terms}
	// Found again after a crash, because the utterance is judged again then.
	if err := f.Store.Floor().Apply(store.Change{rowEvidence + given[0].Input.String(): encode(&evidence)}); err != nil {
		f.Logger.Error("where an utterance's finding lies was not kept", "error", err)
	}
	left := len(given)
	for _, request := range given {
		f.gives.add(&verdict{h, &left, request})
	}
}

// judge gives the verdicts on an utterance: one for each kind of finding, so that a
// sentence with two such words is one violation.
func (f *Floor) judge(h *heard) ([]trace.GiveVerdictRequest, []Term, error) {
	mine, err := f.judgedHere(h.line)
	if err != nil || !mine {
		return nil, nil, err
	}
	stream, err := recordOf[trace.Stream](f, state.StreamKey(h.line.stream))
	if err != nil || stream == nil {
		return nil, nil, err
	}
	said, err := f.saidIn(stream, h.said.Text)
	if err != nil {
		return nil, nil, err
	}
	findings, err := f.Checker.Check(said)
	if err != nil || len(findings) == 0 {
		return nil, nil, err
	}
	line, err := trace.EncodeUtterances([]trace.Utterance{h.said.Utterance})
	if err != nil {
		return nil, nil, err
	}
	rule := f.Checker.Rule()
	host := h.said.Host
	if host == "" && len(stream.Hosts) == 1 {
		host = stream.Hosts[0].Party
	}
	var out []trace.GiveVerdictRequest
	var terms []Term
	for _, found := range findings {
		terms = append(terms, found.Term)
		i := slices.IndexFunc(out, func(r trace.GiveVerdictRequest) bool { return r.Finding == found.Code })
		if i >= 0 {
			r := &out[i]
			r.Text, r.TextEnglish = joined(r.Text, "；", found.Text), joined(r.TextEnglish, "; ", found.TextEnglish)
			if graver(found.Level, r.Level) {
				r.Level = found.Level
			}
			continue
		}
		out = append(out, trace.GiveVerdictRequest{
			Monitor: rule.Monitor, Version: rule.Version, Subject: state.StreamSubject(h.line.stream),
			Finding: found.Code, Level: found.Level, Text: clip(found.Text), TextEnglish: clip(found.TextEnglish),
			Input: trace.DigestOf(line), Observed: h.said.From, Host: host,
		})
	}
	for i := range out {
		// Nobody is blamed for what nobody is known to have said.
		if host == "" && (out[i].Level == trace.LevelWarning || out[i].Level == trace.LevelViolation) {
			out[i].Level = trace.LevelNotice
		}
	}
	return out, terms, nil
}

func (f *Floor) saidIn(stream *trace.Stream, text string) (Said, error) {
	said := Said{Text: text}
	for _, p := range stream.Products {
		product, err := recordOf[trace.Product](f, state.ProductKey(p.GTIN))
		if err != nil {
			return said, err
		}
		if product != nil {
			said.Products = append(said.Products, *product)
			if !slices.Contains(said.Categories, product.Category) {
				said.Categories = append(said.Categories, product.Category)
			}
		}
	}
	return said, nil
}

// judgedHere tells whether this transcript is the one of its stream that is judged: two
// of the same words would be two violations. A monitor's is preferred to the room's own,
// whose writer has an interest; of several monitors' it is the first.
func (f *Floor) judgedHere(l *line) (bool, error) {
	name := rowJudged + string(l.stream)
	turn := &f.judging[crc32.ChecksumIEEE([]byte(l.stream))%uint32(len(f.judging))]
	turn.Lock() // not f.mu, which all streams would wait for while the disk syncs
	defer turn.Unlock()
	row, found, err := f.Store.Floor().Get(name)
	if err != nil {
		return false, err
	}
	judged := trace.PartyID(row)
	if judged == l.writer {
		return true, nil
	}
	if found {
		before, err := f.isMonitor(judged)
		if err != nil || before {
			return false, err
		}
		now, err := f.isMonitor(l.writer)
		if err != nil || !now {
			return false, err
		}
	}
	return true, f.Store.Floor().Apply(store.Change{name: []byte(l.writer)})
}

func (f *Floor) isMonitor(party trace.PartyID) (bool, error) {
	p, err := recordOf[trace.Party](f, state.PartyKey(party))
	if err != nil || p == nil {
		return false, err
	}
	return slices.Contains(p.Roles, trace.RoleMonitor), nil
}

// give brings a verdict onto the chain, however long it takes; one that the chain
// refuses is logged and let go.
func (f *Floor) give(ctx context.Context, v *verdict) {
	for try := 0; ; try++ {
		if f.rule.Load() {
			v.request.Claimed = trace.TimeOf(f.Now())
			call := ledger.Call{Contract: "verdict", Method: "Give", Arguments: encode(&v.request)}
			call.IdempotencyKey = "verdict " + trace.DigestOf(call.Arguments).String()
			receipt, err := f.submit(ctx, f.Monitor, call)
			if err == nil || trace.CodeOf(err) == trace.CodeAlreadyExists { // in the words of an earlier program
				f.given(v, receipt)
				break
			}
			if !later(err) {
				f.Metrics.verdicts.WithLabelValues(v.request.Finding, "refused").Inc()
				f.Logger.Error("the ledger refused a verdict", "stream", v.heard.line.stream, "finding", v.request.Finding, "error", err)
				break
			}
			f.Metrics.retries.WithLabelValues("verdict").Inc()
			f.Logger.Warn("a verdict is not on the chain yet", "stream", v.heard.line.stream, "error", err)
		}
		if !f.pause(ctx, try) {
			return
		}
	}
	l := v.heard.line
	l.mu.Lock()
	*v.left--
	last := *v.left == 0
	l.mu.Unlock()
	if last {
		f.judged(v.heard)
	}
}

// given counts a verdict that is on the chain; one that was there before took no time.
func (f *Floor) given(v *verdict, receipt ledger.Receipt) {
	outcome := "known"
	if receipt.Block > 0 {
		outcome = "given"
		f.Metrics.latency.Observe(max(0, f.Now().Sub(v.heard.said.Came.UTC()).Seconds()))
	}
	f.Metrics.verdicts.WithLabelValues(v.request.Finding, outcome).Inc()
}

// judged lets an utterance go into a run.
func (f *Floor) judged(h *heard) {
	h.line.mu.Lock()
	defer h.line.mu.Unlock()
	h.done = true
	f.cut(h.line, f.Now())
}

// SelfCheck gives the findings on a text. Nothing of it is kept or logged.
func (f *Floor) SelfCheck(text, category string) (Rule, []Finding, error) {
	if f.Checker == nil {
		return Rule{}, nil, trace.Errorf(trace.CodeNotReady, "no speech rule is loaded here")
	}
	said := Said{Text: text}
	if category != "" {
		said.Categories = []trace.Category{trace.Category(category)}
	}
	findings, err := f.Checker.Check(said)
	return f.Checker.Rule(), findings, err
}

// maxVerdictText is the longest text of a verdict that the chain takes, in characters.
const maxVerdictText = 300

func joined(a, separator, b string) string {
	if b == "" || strings.Contains(a, b) {
		return a
	}
	return clip(a + separator + b)
}

func clip(text string) string {
	if utf8.RuneCountInString(text) <= maxVerdictText {
		return text
	}
	return string([]rune(text)[:maxVerdictText-1]) + "…"
}

func graver(a, b trace.VerdictLevel) bool {
	order := []trace.VerdictLevel{trace.LevelClear, trace.LevelNotice, trace.LevelWarning, trace.LevelViolation}
	return slices.Index(order, a) > slices.Index(order, b)
}
