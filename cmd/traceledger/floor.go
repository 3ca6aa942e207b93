package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/floor"
	"traceledger/gateway/monitor/speech"
)

// newFloor makes the live-streaming floor as it is configured.
func (n *node) newFloor(metrics prometheus.Registerer) (*floor.Floor, error) {
	counters := floor.NewMetrics()
	if err := metrics.Register(counters); err != nil {
		return nil, err
	}
	cfg := floor.Config{Ledger: n.ledger, Index: n.index, Store: n.store, Identities: n.wallet, Metrics: counters, Logger: n.logger}
	cfg.Keep = time.Duration(n.cfg.Floor.TranscriptDays) * 24 * time.Hour
	cfg.Limits.RunAge = n.cfg.Floor.RunAge
	if party := n.cfg.Floor.Monitor; party != "" {
		began := time.Now()
		lexicon, err := speech.Embedded()
		if err != nil {
			return nil, fmt.Errorf("speech lexicon: %w", err)
		}
		n.logger.Info("speech lexicon loaded", "version", lexicon.Version, "terms", len(lexicon.Terms), "took", time.Since(began).Round(time.Millisecond))
		cfg.Checker, cfg.Monitor = newSpeechCheck(lexicon), enrolmentName(party, trace.RoleMonitor)
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
