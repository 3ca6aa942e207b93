package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/floor"
)

// newFloor makes the live-streaming floor as it is configured.
func (n *node) newFloor() (*floor.Floor, error) {
	cfg := floor.Config{Ledger: n.ledger, Index: n.index, Store: n.store, Identities: n.wallet, Logger: n.logger}
	cfg.Limits.RunAge = n.cfg.Floor.RunAge
	if party := n.cfg.Floor.Monitor; party != "" {
		cfg.Checker, cfg.Monitor = fewWords{}, enrolmentName(party, trace.RoleMonitor)
	}
	if party := n.cfg.Floor.Operator; party != "" {
		cfg.Operator = enrolmentName(party, trace.RolePlatformOperator)
	}
	for _, w := range n.cfg.Floor.Webhooks {
		secret, err := os.ReadFile(w.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", w.Name, err)
		}
		cfg.Webhooks = append(cfg.Webhooks, floor.Webhook{Name: w.Name, URL: w.URL, Secret: bytes.TrimRight(secret, "\r\n")})
	}
	return floor.New(cfg)
}

// demoFloor lets the demonstration's monitor and operator work, unless others are named.
func demoFloor(cfg *Config) error {
	if cfg.Floor.Monitor != "" || cfg.Floor.Operator != "" {
		return nil
	}
	demo, err := fixtures.ReadDemo(fixtures.Files())
	if err != nil {
		return err
	}
	cfg.Floor.RunAge = time.Second // nobody waits half a minute to see it whole
	for _, id := range demo.Identities {
		switch id.Role {
		case trace.RoleMonitor:
			cfg.Floor.Monitor = id.Party
		case trace.RolePlatformOperator:
			cfg.Floor.Operator = id.Party
		}
	}
	return nil
}

// fewWords stands in for the speech monitor until that is here: a handful of absolute
// terms, found wherever they stand. It does not understand a negation.
type fewWords struct{}

var absoluteTerms = []string{"全网最低价", "全国第一", "世界第一", "史上最低", "100%有效"}

// Rule implements floor.Checker.
func (fewWords) Rule() floor.Rule {
	return floor.Rule{
		Monitor: "speech", Version: "few-words-1", Description: "绝对化用语（示范词表，不辨否定句）",
		Content: trace.DigestOf([]byte(strings.Join(absoluteTerms, "\n"))),
	}
}

// Check implements floor.Checker.
func (fewWords) Check(said floor.Said) ([]floor.Finding, error) {
	var out []floor.Finding
	for _, term := range absoluteTerms {
		at := strings.Index(said.Text, term)
		if at < 0 {
			continue
		}
		out = append(out, floor.Finding{
			Code: "absolute-term", Level: trace.LevelViolation,
			Text:        "直播中出现绝对化用语“" + term + "”（广告法第九条）",
			TextEnglish: "An absolute term was said on the stream: " + term + " (Advertising Law, art. 9)",
			Term:        floor.Term{Text: term, Begin: at, End: at + len(term), Article: "广告法第九条"},
		})
	}
	return out, nil
}
