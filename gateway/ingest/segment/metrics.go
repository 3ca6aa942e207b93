package segment

import "github.com/prometheus/client_golang/prometheus"

// Metrics of a Segmenter; register it once.
type Metrics struct {
	kept, duplicates, conflicts         prometheus.Counter
	refused, cut                        *prometheus.CounterVec
	anchored, anchoredReadings, retried prometheus.Counter
	waiting, waitingSegments, oldest    prometheus.Gauge
	parked                              prometheus.Gauge
	delay                               prometheus.Histogram
}

// NewMetrics makes counters that count nothing yet.
func NewMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "traceledger_ingest_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "traceledger_ingest_" + name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "traceledger_ingest_" + name, Help: help}, []string{label})
	}
	return &Metrics{
		kept:             counter("readings_total", "Readings kept durably."),
		duplicates:       counter("duplicates_total", "Readings dropped because the same one was kept before."),
		conflicts:        counter("conflicts_total", "Readings set aside because another of the same device and time was kept before."),
		refused:          vector("refused_total", "Calls whose readings were not kept, by code.", "code"),
		cut:              vector("segments_cut_total", "Segments cut, by why.", "why"),
		anchored:         counter("segments_anchored_total", "Segments on the chain."),
		anchoredReadings: counter("readings_anchored_total", "Readings in segments on the chain."),
		retried:          counter("segment_retries_total", "Attempts to anchor a segment that are made again."),
		waiting:          gauge("waiting_bytes", "Bytes of readings that wait to be on the chain."),
		waitingSegments:  gauge("waiting_segments", "Segments that are not on the chain yet, the parked ones too."),
		oldest:           gauge("waiting_seconds", "How long the oldest segment waits."),
		parked:           gauge("parked_segments", "Segments that the chain refused."),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "traceledger_ingest_anchor_seconds", Help: "From cutting a segment to its place on the chain.",
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 60, 600, 3600}}),
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.kept, m.duplicates, m.conflicts, m.refused, m.cut, m.anchored, m.anchoredReadings, m.retried, m.waiting, m.waitingSegments, m.oldest, m.parked, m.delay}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(to)
	}
}
