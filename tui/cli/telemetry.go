package cli

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/decode/visible"
	"smtptap/proxy"
	"smtptap/proxy/telemetry"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

// telemetryFlags say which monitoring systems are told of sessions.
type telemetryFlags struct {
	metrics, otlp string
	logs          bool
	logsTo        string
}

func (f *telemetryFlags) flags(cmd *cobra.Command) {
	cmd.Flags().Var(checked(&f.metrics, "", func(s string) error {
		_, err := telemetry.ParseAddr(s)
		return err
	}), "metrics", "")
	cmd.Flags().Var(checked(&f.otlp, "", telemetry.ParseURL), "otlp", "")
	cmd.Flags().BoolVar(&f.logs, "otlp-logs", false, "")
}

// wanted reports whether somebody is told. The variables of OpenTelemetry may say so.
func (f *telemetryFlags) wanted() (bool, error) {
	traces, err := telemetry.Endpoint(f.otlp, telemetry.SignalTraces)
	if err == nil && f.logs {
		f.logsTo, err = telemetry.Endpoint(f.otlp, telemetry.SignalLogs)
	}
	if err != nil {
		return false, usage(err)
	}
	if f.logs && (traces == "" || f.logsTo == "") {
		return false, wrong("logs-without-collector")
	}
	f.otlp = traces
	return f.metrics != "" || f.otlp != "", nil
}

// monitors are those that are told of sessions; nil for nobody.
type monitors struct {
	follower *telemetry.Follower
	server   *telemetry.Server // nil for none
	traces   *telemetry.Traces // nil for none
	log      zerolog.Logger
	stopping atomic.Bool
}

// start begins to tell of the sessions of the set, or returns nil if nobody wants
// to know.
func (f *telemetryFlags) start(px *proxy.Proxy, set *transcript.Set, levels redact.Levels, log zerolog.Logger) (*monitors, error) {
	if f.metrics == "" && f.otlp == "" {
		return nil, nil
	}
	m := &monitors{log: log}
	var tell []func(*decode.Transcript)
	var metrics *telemetry.Metrics
	var listener net.Listener
	if f.metrics != "" {
		addr, err := telemetry.ParseAddr(f.metrics)
		if err != nil {
			return nil, err
		}
		if listener, err = net.Listen("tcp", addr); err != nil {
			return nil, fmt.Errorf("--metrics %s: %w", f.metrics, errors.Unwrap(err))
		}
		metrics = telemetry.NewMetrics(set, px.Target, version())
		tell = append(tell, metrics.Add)
	}
	if f.otlp != "" {
		traces, err := telemetry.NewTraces(telemetry.TraceOptions{Endpoint: f.otlp, Logs: f.logsTo, Version: version(), Redact: levels, Trouble: m.trouble})
		if err != nil {
			if listener != nil {
				listener.Close()
			}
			return nil, fmt.Errorf("--otlp %s: %w", f.otlp, err)
		}
		m.traces = traces
		tell = append(tell, traces.Add)
		if metrics != nil {
			metrics.Count("smtptap_traces_dropped_spans_total", "Spans that did not get to the collector.", traces.Dropped)
			if f.logs {
				metrics.Count("smtptap_logs_dropped_records_total", "Records of logs that did not get to the collector.", traces.DroppedRecords)
			}
		}
	}
	m.follower = telemetry.Follow(set, tell...)
	if metrics != nil {
		metrics.Count("smtptap_telemetry_missed_sessions_total", "Sessions that metrics and traces lack.", m.follower.Missed)
		m.server = telemetry.Serve(listener, metrics, func() error { return m.ready(set) })
		log.Info().Stringer("addr", m.server.Addr()).Msg("metrics")
	}
	return m, nil
}

// trouble tells that traces or logs don't arrive, or do again.
func (m *monitors) trouble(s telemetry.Signal, err error, dropped int64) {
	lost := "dropped_spans"
	if s == telemetry.SignalLogs {
		lost = "dropped_records"
	}
	if err != nil {
		m.log.Warn().Str("error", visible.Text(err.Error())).Int64(lost, dropped).Msgf("%s don't reach the collector, sessions continue", s)
		return
	}
	m.log.Info().Int64(lost, dropped).Msgf("%s reach the collector again", s)
}

// ready is why sessions should not be sent here; nil when they should.
func (m *monitors) ready(set *transcript.Set) error {
	if m.stopping.Load() {
		return errors.New("smtptap is stopping")
	}
	if reason := set.State().Err; reason != "" {
		return errors.New("sessions are not being recorded: " + reason)
	}
	return nil
}

// stop tells whoever asks that no more sessions are taken.
func (m *monitors) stop() {
	if m != nil {
		m.stopping.Store(true)
	}
}

// close tells of the last sessions and ends.
func (m *monitors) close() {
	if m == nil {
		return
	}
	m.follower.Close(lastWords)
	if m.traces != nil {
		m.traces.Close(lastWords)
		if spans, records := m.traces.Dropped(), m.traces.DroppedRecords(); spans+records > 0 {
			m.log.Warn().Int64("dropped_spans", spans).Int64("dropped_records", records).Msg("some telemetry did not reach the collector")
		}
	}
	if m.server != nil {
		m.server.Close()
	}
}
