package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"radagora/dicom/dimse"
	"radagora/fault"
	"radagora/hl7/mllp"
)

// metrics counts what the doors do, for those who watch over the program. They
// hold no personal data: labels are kinds and titles of nobody.
type metrics struct {
	registry *prometheus.Registry
	door     *prometheus.CounterVec
	bytes    prometheus.Counter
	took     prometheus.Histogram
	messages *prometheus.CounterVec
}

// newMetrics returns the metrics of a house.
func newMetrics(h *house) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		door: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "radagora_dicom_total", Help: "What happened on DICOM associations, by occasion and kind of error.",
		}, []string{"occasion", "error"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "radagora_dicom_stored_bytes_total", Help: "Bytes of data sets that C-STORE brought.",
		}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "radagora_dicom_store_seconds", Help: "From the first byte of a data set to the answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "radagora_hl7_total", Help: "What happened on lines for HL7 messages, by occasion and kind of error.",
		}, []string{"occasion", "error"}),
	}
	m.registry.MustRegister(m.door, m.bytes, m.took, m.messages, rooms{h}, conditions{h.Observer},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe counts what happened on an association.
func (m *metrics) observe(o dimse.Observation) {
	kind := ""
	if o.Err != nil {
		kind = fault.Of(o.Err).String()
	}
	m.door.WithLabelValues(string(o.Occasion), kind).Inc()
	if o.Occasion == dimse.Stored {
		m.bytes.Add(float64(o.Bytes))
		m.took.Observe(o.Took.Seconds())
	}
}

// message counts what happened on a line for messages.
func (m *metrics) message(o mllp.Observation) {
	kind := ""
	if o.Err != nil {
		kind = fault.Of(o.Err).String()
	}
	m.messages.WithLabelValues(string(o.Occasion), kind).Inc()
}

// handler answers /metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// rooms collects what the rooms know when they are asked.
type rooms struct{ *house }

var (
	descPending = prometheus.NewDesc("radagora_dose_pending", "Studies whose dose waits to be derived.", nil, nil)
	descLag     = prometheus.NewDesc("radagora_journal_lag", "Entries a consumer of the journal has yet to read.", []string{"consumer"}, nil)
	descPacks   = prometheus.NewDesc("radagora_pack_bytes", "Bytes that the packs take on disk.", nil, nil)
)

// Describe implements prometheus.Collector.
func (r rooms) Describe(c chan<- *prometheus.Desc) {
	c <- descPending
	c <- descLag
	c <- descPacks
}

// Collect implements prometheus.Collector. What cannot be had is left out.
func (r rooms) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if n, err := r.Dose.Pending(ctx); err == nil {
		c <- prometheus.MustNewConstMetric(descPending, prometheus.GaugeValue, float64(n))
	}
	if all, err := r.Journal.Consumers(ctx); err == nil {
		for _, x := range all {
			c <- prometheus.MustNewConstMetric(descLag, prometheus.GaugeValue, float64(x.Lag), x.Name)
		}
	}
	c <- prometheus.MustNewConstMetric(descPacks, prometheus.GaugeValue, float64(r.Packs.Used()))
}
