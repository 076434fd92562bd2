package cli

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/proxy"
	"smtptap/proxy/telemetry"
	"smtptap/recordings/transcript"
)

// telemetryFlags say which monitoring systems are told of sessions.
type telemetryFlags struct{ metrics string }

func (f *telemetryFlags) flags(cmd *cobra.Command) {
	cmd.Flags().Var(checked(&f.metrics, "", func(s string) error {
		_, err := telemetry.ParseAddr(s)
		return err
	}), "metrics", "")
}

// wanted reports whether somebody is told.
func (f *telemetryFlags) wanted() bool { return f.metrics != "" }

// monitors are those that are told of sessions; nil for nobody.
type monitors struct {
	follower *telemetry.Follower
	server   *telemetry.Server
	stopping atomic.Bool
}

// start begins to tell of the sessions of the set.
func (f *telemetryFlags) start(px *proxy.Proxy, set *transcript.Set, log zerolog.Logger) (*monitors, error) {
	if !f.wanted() {
		return nil, nil
	}
	m := &monitors{}
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
	m.follower = telemetry.Follow(set, tell...)
	if metrics != nil {
		metrics.Count("smtptap_telemetry_missed_sessions_total", "Sessions that metrics and traces lack.", m.follower.Missed)
		m.server = telemetry.Serve(listener, metrics, func() error { return m.ready(set) })
		log.Info().Stringer("addr", m.server.Addr()).Msg("metrics")
	}
	return m, nil
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
	if m.server != nil {
		m.server.Close()
	}
}
