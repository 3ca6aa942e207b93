package floor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"traceledger/chaincode/trace"
)

// Metrics is what an operator sees of a Floor and its webhooks; register it once.
type Metrics struct {
	utterances  prometheus.Counter
	refused     *prometheus.CounterVec
	transcripts prometheus.Gauge
	connections *prometheus.GaugeVec
	waiting     prometheus.Gauge
	oldest      prometheus.Gauge
	queued      *prometheus.GaugeVec
	retries     *prometheus.CounterVec
	verdicts    *prometheus.CounterVec
	latency     prometheus.Histogram
	runs        *prometheus.CounterVec
	erased      prometheus.Counter
	held        prometheus.Gauge
	steps       *prometheus.CounterVec
	owed        prometheus.Gauge

	deliveries *prometheus.CounterVec
	pending    *prometheus.GaugeVec
	behind     *prometheus.GaugeVec
	dead       *prometheus.GaugeVec

	look func() // brings the gauges up to date before they are read
}

// NewMetrics makes metrics that count nothing yet.
func NewMetrics() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "traceledger_" + name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "traceledger_" + name, Help: help}, labels)
	}
	return &Metrics{
		utterances:  counter("floor_utterances_total", "Utterances kept durably.").WithLabelValues(),
		refused:     counter("floor_refused_total", "Batches of which nothing was kept, by code.", "code"),
		transcripts: gauge("floor_transcripts", "Transcripts that brought something in the last ten minutes, or of which something waits.").WithLabelValues(),
		connections: gauge("floor_connections", "Connections that stay: transcripts over WebSocket, followers of events.", "kind"),
		waiting:     gauge("floor_waiting_utterances", "Utterances that are not on the chain in a run yet.").WithLabelValues(),
		oldest:      gauge("floor_waiting_seconds", "How long the oldest utterance waits for its verdict; 0 when all are judged.").WithLabelValues(),
		queued:      gauge("floor_queued", "What waits for a worker: utterances to judge, verdicts to give, runs to anchor.", "stage"),
		retries:     counter("floor_retries_total", "Submissions that are made again, by what: rule, verdict, run, step.", "of"),
		verdicts:    counter("floor_verdicts_total", "Verdicts, by finding and by what became of them: given, known already, refused.", "finding", "outcome"),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "traceledger_floor_verdict_seconds", Help: "From an utterance kept here to a verdict on it committed.",
			Buckets: []float64{.01, .03, .1, .3, .5, 1, 2, 3, 5, 10, 60, 600},
		}),
		runs:   counter("floor_runs_total", "Runs of utterances, by outcome: anchored, parked because the chain refused them.", "outcome"),
		erased: counter("floor_erased_transcripts_total", "Files of runs that were removed because their time was over.").WithLabelValues(),
		held:   gauge("floor_held_transcripts", "Files of runs past their time that are kept because a verdict on them is open.").WithLabelValues(),
		steps:  counter("floor_steps_total", "Steps of the ladder taken here, by kind.", "kind"),
		owed:   gauge("floor_steps_owed_streams", "Streams in which steps of the ladder may be due and are not taken yet.").WithLabelValues(),

		deliveries: counter("webhook_deliveries_total", "Sendings to a subscription, by outcome: taken, again later, dead.", "name", "outcome"),
		pending:    gauge("webhook_pending", "Deliveries that a subscription has not taken yet.", "name"),
		behind:     gauge("webhook_pending_seconds", "Age of the oldest action that a subscription has not taken yet; 0 when level.", "name"),
		dead:       gauge("webhook_dead", "Deliveries to a subscription that were given up: GET /v1/webhooks lists them.", "name"),
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.utterances, m.refused, m.transcripts, m.connections, m.waiting, m.oldest, m.queued, m.retries, m.verdicts,
		m.latency, m.runs, m.erased, m.held, m.steps, m.owed, m.deliveries, m.pending, m.behind, m.dead,
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	if m.look != nil {
		m.look()
	}
	for _, c := range m.all() {
		c.Collect(to)
	}
}

// Connected counts a connection that stays until leave is called.
func (f *Floor) Connected(kind string) (leave func()) {
	g := f.Metrics.connections.WithLabelValues(kind)
	g.Inc()
	return g.Dec
}

// look brings the gauges up to date.
func (f *Floor) look() {
	leave, err := f.enter()
	if err != nil {
		return
	}
	defer leave()
	m, now := f.Metrics, f.Now()
	f.mu.Lock()
	lines := make([]*line, 0, len(f.lines))
	for _, l := range f.lines {
		lines = append(lines, l)
	}
	f.mu.Unlock()
	oldest := time.Duration(0)
	for _, l := range lines {
		l.mu.Lock()
		for _, h := range l.waiting {
			if !h.done {
				oldest = max(oldest, now.Sub(h.said.Came.UTC()))
				break // they came in this order
			}
		}
		l.mu.Unlock()
	}
	m.transcripts.Set(float64(len(lines)))
	m.waiting.Set(float64(f.waiting.Load()))
	m.oldest.Set(oldest.Seconds())
	m.queued.WithLabelValues("judge").Set(float64(f.checks.len()))
	m.queued.WithLabelValues("verdict").Set(float64(f.gives.len()))
	m.queued.WithLabelValues("run").Set(float64(f.anchors.len()))
	held := 0
	if err := f.Store.Floor().Each(rowHeld, func(string, []byte) error { held++; return nil }); err == nil {
		m.held.Set(float64(held))
	}
	for _, h := range f.hooks {
		pending, dead, since, err := h.load()
		if err != nil {
			f.Logger.Error("webhook: what waits was not counted", "name", h.Name, "error", err)
			continue
		}
		m.dead.WithLabelValues(h.Name).Set(float64(dead))
		m.pending.WithLabelValues(h.Name).Set(float64(pending))
		m.behind.WithLabelValues(h.Name).Set(age(since, now))
	}
}

func age(since trace.Time, now time.Time) float64 {
	if since == 0 {
		return 0
	}
	return max(0, now.Sub(since.UTC()).Seconds())
}
