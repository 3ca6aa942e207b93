package ledger

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what a Client does. Register it on a Prometheus registry:
// registry.MustRegister(metrics).
type Metrics struct {
	submits  *prometheus.CounterVec // by code of the answer, OK when done
	retries  *prometheus.CounterVec // by why
	inFlight prometheus.Gauge
	waiting  prometheus.Gauge
	outbox   prometheus.Gauge
	seconds  prometheus.Histogram

	// by peer
	peerWell *prometheus.GaugeVec
	endorsed *prometheus.CounterVec
	sent     *prometheus.CounterVec
	blocks   *prometheus.CounterVec
}

// NewMetrics returns metrics at zero.
func NewMetrics() *Metrics {
	const namespace, subsystem = "traceledger", "ledger"
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
	}
	byPeer := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, []string{"peer"})
	}
	return &Metrics{
		peerWell: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "peer_well",
			Help: "0 while a peer is asked last because it failed.",
		}, []string{"peer"}),
		endorsed: byPeer("endorsed_total", "Transactions endorsed, by the peer whose gateway service was asked."),
		sent:     byPeer("sent_total", "Transactions sent, by the peer they were handed to."),
		blocks:   byPeer("blocks_total", "Blocks followed, by the peer they came from."),
		submits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "submits_total",
			Help: "Submitted calls by the code of their answer.",
		}, []string{"code"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "retries_total",
			Help: "Further tries by cause: a validation code, unreachable, conflicting, choice (of endorsers), lag, doubt.",
		}, []string{"cause"}),
		inFlight: gauge("in_flight", "Calls under way."),
		waiting:  gauge("waiting", "Calls waiting to get under way."),
		outbox:   gauge("outbox_transactions", "Transactions sent or about to be sent whose outcome is not settled."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "submit_seconds",
			Help:    "Time from a call to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 15),
		}),
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.submits, m.retries, m.inFlight, m.waiting, m.outbox, m.seconds, m.peerWell, m.endorsed, m.sent, m.blocks}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(descriptions)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(metrics)
	}
}

func (m *Metrics) answered(err error, took time.Duration) {
	m.submits.WithLabelValues(outcomeLabel(err)).Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *Metrics) retried(cause string) { m.retries.WithLabelValues(cause).Inc() }
