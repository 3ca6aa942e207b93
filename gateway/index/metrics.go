package index

import (
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/prometheus/client_golang/prometheus"
)

// counts is what a fold did, kept until it is committed.
type counts struct {
	blocks       int
	values       int
	transactions map[peer.TxValidationCode]int
}

func (c *counts) transaction(code peer.TxValidationCode, n int) {
	if c.transactions == nil {
		c.transactions = map[peer.TxValidationCode]int{}
	}
	c.transactions[code] += n
}

// metrics is what an operator sees of the fold.
type metrics struct {
	height       prometheus.Gauge
	transactions *prometheus.CounterVec
	values       prometheus.Counter
	rejected     *prometheus.CounterVec
	rebuilds     prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		height: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "traceledger_index_height", Help: "Number of the next block the read model wants.",
		}),
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "traceledger_index_transactions_total", Help: "Transactions folded, by Fabric validation code.",
		}, []string{"code"}),
		values: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "traceledger_index_values_total", Help: "Values admitted to the read model.",
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "traceledger_index_rejected_total", Help: "Transactions, or single values, on the chain but kept out of the read model, by reason.",
		}, []string{"reason"}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "traceledger_index_rebuilds_total", Help: "Times the read model was damaged or of another version and is built anew.",
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.height, m.transactions, m.values, m.rejected, m.rebuilds} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) folded(f *fold) {
	m.height.Set(float64(f.cursor.next))
	m.values.Add(float64(f.counts.values))
	for code, n := range f.counts.transactions {
		m.transactions.WithLabelValues(code.String()).Add(float64(n))
	}
	for _, r := range f.refused {
		m.rejected.WithLabelValues(string(r.reason.Code)).Inc()
	}
}
