package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/recordings/transcript"
)

// Metrics count sessions for Prometheus. No value of a label comes from the wire.
type Metrics struct {
	registry *prometheus.Registry
	target   string
	sessions *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	findings *prometheus.CounterVec
	bytes    *prometheus.CounterVec
}

// Values of the label tls: the connections that had it.
const (
	tlsNone   = "none"
	tlsClient = "client"
	tlsServer = "server"
	tlsBoth   = "both"
)

// stepBuckets reach from a server next door to the ten minutes that a client may
// have to wait after the final dot (RFC 5321 section 4.5.3.2.6).
var stepBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

// NewMetrics returns metrics of the sessions of the set, which all go to target.
func NewMetrics(set *transcript.Set, target, version string) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), target: visible.Text(target),
		sessions: counter("smtptap_sessions_total", "Sessions that have ended, by what became of their mail and by the connections that had TLS.", "outcome", "target", "tls"),
		findings: counter("smtptap_findings_total", "Findings in sessions that have ended. See smtptap findings ID.", "id", "severity"),
		bytes:    counter("smtptap_bytes_total", "Bytes of sessions that have ended, by who sent them.", "side"),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "smtptap_step_duration_seconds", Buckets: stepBuckets,
			Help: "How long a step of a session took: until the reply, where it is a command.",
		}, []string{"step", "leg"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "smtptap_build_info", Help: "Always 1."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.sessions, m.findings, m.bytes, m.steps, build)
	m.gauge("smtptap_sessions_open", "Sessions in progress.", func() float64 { return float64(set.State().Live) })
	if set.State().Recording {
		m.gauge("smtptap_recording_waiting_bytes", "Bytes that wait for the disk.", func() float64 { return float64(set.State().Waiting) })
		m.gauge("smtptap_recording_failing", "1 while the disk takes nothing.", func() float64 {
			if set.State().Err != "" {
				return 1
			}
			return 0
		})
		m.Count("smtptap_recording_written_bytes_total", "Bytes written into recordings.", func() int64 { return set.State().Bytes })
		m.Count("smtptap_recording_lost_bytes_total", "Bytes that could not be recorded.", func() int64 { return set.State().Lost })
	}
	// A series that begins at 1 looks to rate() as if nothing had happened.
	for _, o := range outcome.All() {
		for _, tls := range []string{tlsNone, tlsClient, tlsServer, tlsBoth} {
			if o != outcome.Running {
				m.sessions.WithLabelValues(string(o), m.target, tls)
			}
		}
	}
	for _, side := range []who.Party{who.Client, who.Server} {
		m.bytes.WithLabelValues(side.String())
	}
	return m
}

func (m *Metrics) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Count adds a number that only grows.
func (m *Metrics) Count(name, help string, value func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
}

// Add counts a session that has ended.
func (m *Metrics) Add(t *decode.Transcript) {
	report := findings.Analyze(t, lang.English)
	m.sessions.WithLabelValues(string(became(t, report)), m.target, secured(t)).Inc()
	for _, f := range report.Findings {
		m.findings.WithLabelValues(f.ID, string(f.Severity)).Inc()
	}
	for _, s := range stepsOf(t) {
		if s.over && s.name != "" {
			m.steps.WithLabelValues(s.name, s.leg.String()).Observe((s.end - s.sent).Seconds())
		}
	}
	for _, e := range t.Entries {
		if end, ok := e.Fact.(*facts.End); ok {
			m.bytes.WithLabelValues(who.Client.String()).Add(float64(max(end.ClientBytes, 0)))
			m.bytes.WithLabelValues(who.Server.String()).Add(float64(max(end.ServerBytes, 0)))
		}
	}
}

// became is what became of a session, of which t may hold only a part.
func became(t *decode.Transcript, r findings.Report) outcome.Outcome {
	if t.Became != "" {
		return outcome.Outcome(t.Became)
	}
	return r.Outcome.Outcome
}

// secured says which connections had TLS.
func secured(t *decode.Transcript) string {
	var on [3]bool
	for _, e := range t.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok && f.Err == "" {
			on[f.Leg] = true
		}
	}
	switch {
	case on[who.ClientLeg] && on[who.ServerLeg]:
		return tlsBoth
	case on[who.ClientLeg]:
		return tlsClient
	case on[who.ServerLeg]:
		return tlsServer
	}
	return tlsNone
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
