package monitor

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"traceledger/chaincode/trace"
)

// Metrics is what an operator sees of monitors; a prometheus.Collector. Nil counts into
// nowhere.
type Metrics struct {
	mu     sync.Mutex
	oldest map[string]trace.Time // by monitor: of the records it works on; 0 when level

	running  *prometheus.GaugeVec
	lag      *prometheus.GaugeVec
	cursor   *prometheus.GaugeVec
	waiting  *prometheus.GaugeVec
	verdicts *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	looks    *prometheus.CounterVec
	failures prometheus.Counter
}

// NewMetrics makes the metrics of all monitors of a process.
func NewMetrics() *Metrics {
	return &Metrics{
		oldest: map[string]trace.Time{},
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "traceledger_monitor_running", Help: "1 while a monitor runs, 0 when it stopped: the log says why.",
		}, []string{"monitor"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "traceledger_monitor_lag_seconds", Help: "Age of the oldest record a monitor has not judged yet; 0 when level.",
		}, []string{"monitor"}),
		cursor: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "traceledger_monitor_cursor", Help: "Number of the next block a monitor wants.",
		}, []string{"monitor"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "traceledger_monitor_waiting", Help: "Subjects that wait for files or for another try.",
		}, []string{"monitor"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "traceledger_monitor_verdicts_total", Help: "Findings, by what became of them: given, known already, refused.",
		}, []string{"monitor", "finding", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "traceledger_monitor_seconds", Help: "From the transaction's time of the newest record to its verdict committed.",
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 60, 600},
		}, []string{"monitor"}),
		looks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "traceledger_monitor_looks_total", Help: "Subjects looked at, by outcome: judged, incomplete, failed.",
		}, []string{"monitor", "outcome"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "traceledger_monitor_retries_total", Help: "Submissions of monitors that found the ledger away.",
		}),
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.running, m.lag, m.cursor, m.waiting, m.verdicts, m.latency, m.looks, m.failures}
}

// Describe is prometheus.Collector's.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(out)
	}
}

// Collect is prometheus.Collector's.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.age()
	for _, c := range m.all() {
		c.Collect(out)
	}
}

func (m *Metrics) verdict(monitor, finding string, o Outcome) {
	if m != nil {
		m.verdicts.WithLabelValues(monitor, finding, string(o)).Inc()
	}
}

func (m *Metrics) failed() {
	if m != nil {
		m.failures.Inc()
	}
}

func (m *Metrics) looked(monitor, outcome string) {
	if m != nil {
		m.looks.WithLabelValues(monitor, outcome).Inc()
	}
}

func (m *Metrics) took(monitor string, seconds float64) {
	if m != nil {
		m.latency.WithLabelValues(monitor).Observe(max(seconds, 0))
	}
}

// runs marks a monitor as running until stopped is called.
func (m *Metrics) runs(monitor string) (stopped func()) {
	if m == nil {
		return func() {}
	}
	g := m.running.WithLabelValues(monitor)
	g.Set(1)
	return func() { g.Set(0) }
}

// state says where a monitor is, and when the oldest record was made that it works on;
// 0 when it is level.
func (m *Metrics) state(monitor string, next uint64, waiting int, oldest trace.Time) {
	if m != nil {
		m.cursor.WithLabelValues(monitor).Set(float64(next))
		m.waiting.WithLabelValues(monitor).Set(float64(waiting))
		m.mu.Lock()
		m.oldest[monitor] = oldest
		m.mu.Unlock()
	}
}

// age brings the lag up to date: of a monitor that stands still it grows.
func (m *Metrics) age() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for monitor, oldest := range m.oldest {
		lag := 0.0
		if oldest > 0 {
			lag = max(0, secondsSince(oldest))
		}
		m.lag.WithLabelValues(monitor).Set(lag)
	}
}
