package scanner

import "github.com/prometheus/client_golang/prometheus"

// metrics are counters, resolved once so that a request only adds.
type metrics struct {
	counted, uncounted, refused, rendered, suspected prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) (metrics, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "traceledger", Subsystem: "scanner", Name: "requests_total",
		Help: "Requests by outcome: scan counted, answered without counting, refused with a problem.",
	}, []string{"outcome"})
	rendered := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "traceledger", Subsystem: "scanner", Name: "bodies_rendered_total",
		Help: "Pages and documents rendered because none was kept for their version.",
	})
	suspected := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "traceledger", Subsystem: "scanner", Name: "suspected_copy_scans_total",
		Help: "Scans of codes that are scanned in ways one pack cannot be.",
	})
	m := metrics{
		counted: requests.WithLabelValues("counted"), uncounted: requests.WithLabelValues("uncounted"),
		refused: requests.WithLabelValues("refused"), rendered: rendered, suspected: suspected,
	}
	if registry == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{requests, rendered, suspected} {
		if err := registry.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}
