package jt808

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what a Server does. Register it on a Prometheus registry:
// registry.MustRegister(metrics).
type Metrics struct {
	connections   prometheus.Gauge
	authenticated prometheus.Gauge
	held          prometheus.Gauge
	throttled     prometheus.Gauge
	inFlight      prometheus.Gauge
	frames        prometheus.Counter
	bytes         prometheus.Counter
	readings      prometheus.Counter
	implausible   prometheus.Counter
	refused       *prometheus.CounterVec // by code
	closed        *prometheus.CounterVec // by why
	seconds       prometheus.Histogram
}

// NewMetrics returns metrics at zero.
func NewMetrics() *Metrics {
	const namespace, subsystem = "traceledger", "jt808"
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
	}
	by := func(name, label, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, []string{label})
	}
	return &Metrics{
		connections:   gauge("connections", "Open connections."),
		authenticated: gauge("authenticated", "Connections of authenticated devices."),
		held:          gauge("held", "Connections not read from because the readings before are not taken yet."),
		throttled:     gauge("throttled", "Connections not read from because their device sends more than it may."),
		inFlight:      gauge("in_flight_readings", "Readings being made durable."),
		frames:        counter("frames_total", "Frames with a right checksum."),
		bytes:         counter("received_bytes_total", "Bytes received."),
		readings:      counter("readings_total", "Readings acknowledged as durable; resends count again."),
		implausible:   counter("implausible_values_total", "Values left out of a reading because nothing measures so."),
		refused:       by("refused_total", "code", "Frames, messages and connections refused, by code."),
		closed:        by("closed_total", "why", "Connections that ended, by why."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "durable_seconds",
			Help:    "Time until the readings of one buffer were durable.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}),
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.connections, m.authenticated, m.held, m.throttled, m.inFlight, m.frames, m.bytes, m.readings, m.implausible, m.refused, m.closed, m.seconds}
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
