package cli

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"smtptap/decode/visible"
	"smtptap/proxy"
	"smtptap/proxy/upstream"
	"smtptap/recordings"
	"smtptap/recordings/store"
	"smtptap/recordings/transcript"
)

// serveFlags are the flags of smtptap itself, and of demo as far as they make
// sense there.
type serveFlags struct {
	listen []string

	socketMode modeFlag
	header     bool // clients begin with a PROXY header

	target    targetFlags
	tls       tlsFlags
	rules     ruleFlags
	record    string
	keep      bool
	ui        string
	screen    screenFlags
	color     colorMode
	allow     []string
	most      int
	idle      time.Duration
	drain     time.Duration
	once      bool
	count     int
	expect    expectFlags
	attach    attachFlags
	web       string
	monitor   telemetryFlags
	logging   logFlags
	uploading *store.Upload                  // nil where recordings stay in a folder
	single    bool                           // no more than one session is to come
	as        string                         // the command that records, where it is not smtptap itself
	next      string                         // what may be done next, for people
	first     func(*transcript.Summary) bool // the session that the screen opens; may be nil
	over      func(*transcript.Set) error    // is given the sessions when all are over; may be nil
	forward   func(os.Signal) bool           // takes a signal in place of smtptap, if it reports so; may be nil
}

// serve is smtptap without a subcommand.
func (p *Program) serve() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:           "smtptap",
		Args:          p.args(0, 0),
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.run(cmd.Context(), &f, nil)
		},
	}
	cmd.SetVersionTemplate("smtptap {{.Version}}\n")
	f.relayFlags(cmd)
	uiFlag(cmd, &f.ui)
	f.screen.flags(cmd)
	f.color.flag(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.once, "once", false, "")
	flags.Var(atLeast(&f.count, 0, 1), "count", "")
	f.attach.flags(cmd)
	flags.Var(checked(&f.web, "", checkWeb), "web", "")
	f.expect.untilFlag(cmd)
	f.expect.flags(cmd)
	return cmd
}

// relayFlags are those of every command that relays sessions for others.
func (f *serveFlags) relayFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.listenFlags(cmd)
	f.target.flags(cmd)
	f.tls.flags(cmd)
	f.rules.flags(cmd)
	recordFlag(cmd, &f.record)
	flags.BoolVar(&f.keep, "keep-secrets", false, "")
	flags.Var(each(&f.allow, nil, func(s string) error { _, err := parsePrefix(s); return err }), "allow", "")
	flags.Var(atLeast(&f.most, proxy.DefaultMaxSessions, 1), "max-sessions", "")
	flags.Var(lasting(&f.idle, proxy.DefaultIdleTimeout, time.Millisecond), "idle-timeout", "")
	flags.Var(lasting(&f.drain, proxy.DefaultDrainTimeout, time.Millisecond), "drain-timeout", "")
	f.monitor.flags(cmd)
	f.logging.flags(cmd)
}

// uiFlag adds --ui.
func uiFlag(cmd *cobra.Command, ui *string) {
	cmd.Flags().Var(oneOf(ui, "auto", "auto", "tui", "text", "json", "none"), "ui", "")
}

// chooseUI settles what auto means: the screen where there is one.
func chooseUI(ui string, s Streams) (string, error) {
	in, _ := s.In.(*os.File)
	screen := isTerminal(s.Out) && in != nil && isTerminal(in)
	switch {
	case ui == "auto" && screen:
		return "tui", nil
	case ui == "auto":
		return "text", nil
	case ui == "tui" && !screen:
		return "", wrong("ui-needs-terminal")
	}
	return ui, nil
}

// run listens and relays until it is told to stop. visit, if set, is a client
// to run once smtptap listens; when it is done and nobody watches a screen, so
// is smtptap.
func (p *Program) run(ctx context.Context, f *serveFlags, visit func(ctx context.Context, addr string) error) error {
	if f.once {
		f.count = 1
	}
	f.single = f.single || f.count == 1
	ui, err := chooseUI(f.ui, p.streams)
	if err != nil {
		return err
	}
	if f.expect.reports.stdout() && ui != "none" {
		if f.ui != "auto" {
			return wrong("report-and-output", "other", "--ui "+ui)
		}
		ui = "none"
	}
	if err := f.expect.reports.prepare(); err != nil {
		return err
	}
	monitored, err := f.monitor.wanted()
	if err != nil {
		return err
	}
	private, err := f.expect.levels("addresses", "body")
	if err != nil {
		return err
	}
	log, closeLog, err := f.logging.open(p.streams, ui == "tui")
	if err != nil {
		return err
	}
	defer closeLog()
	if ui == "tui" { // which hides what is said before it
		f.next = cmp.Or(f.next, p.aboutProvider(f.target.to))
	} else {
		p.tellProvider(f.target.to)
	}
	px, closeTarget, err := f.proxy(log)
	if err != nil {
		return err
	}
	defer closeTarget()
	// The exit status may tell what became of all sessions.
	unwatched := ui == "none" && f.count == 0 && f.over == nil && !f.expect.wanted() && !monitored && f.web == ""
	set, records, err := f.transcripts(log, unwatched)
	if err != nil {
		return err
	}
	folder := "none"
	if records != nil {
		folder = records.Dir()
		defer records.Close()
	}
	px.Transcripts = set
	listeners, err := f.openListeners(px)
	if err != nil {
		set.Close()
		return err
	}
	monitors, err := f.monitor.start(px, set, private, log)
	if err != nil {
		closeListeners(listeners)
		set.Close()
		return err
	}
	f.prepareAuthority(px, listeners, log)
	f.rules.tell(px, log)
	for _, l := range listeners {
		log.Info().Str("addr", l.Where()).Bool("tls", l.TLS).Str("to", px.Target).Str("record", folder).Msg("listening")
	}
	s := &serving{program: p, flags: f, log: log, proxy: px, set: set, listeners: listeners, recordings: records, monitors: monitors, told: make(chan struct{})}
	stop, err := f.attach.offer(s, unwatched)
	if err != nil {
		closeListeners(listeners)
		monitors.close()
		set.Close()
		return err
	}
	defer stop()
	if f.web != "" {
		url, end, err := p.openWeb(f.web, func() *transcript.Set { return set })
		if err != nil {
			closeListeners(listeners)
			monitors.close()
			set.Close()
			return err
		}
		defer end()
		if ui == "tui" {
			f.next = cmp.Or(f.next, p.say("web", "url", url))
		} else {
			p.note("web", "url", url)
		}
	}
	return s.run(ctx, ui, visit)
}

// proxy makes the proxy that the flags describe.
func (f *serveFlags) proxy(log zerolog.Logger) (*proxy.Proxy, func(), error) {
	if err := f.checkListen(); err != nil {
		return nil, nil, err
	}
	px := &proxy.Proxy{Count: f.count, IdleTimeout: f.idle, DrainTimeout: f.drain, Log: log}
	for _, cidr := range f.allow {
		prefix, err := parsePrefix(cidr)
		if err != nil {
			return nil, nil, err
		}
		px.Allow = append(px.Allow, prefix)
	}
	closeTLS, err := f.tls.apply(px)
	if err != nil {
		return nil, nil, err
	}
	if err := f.rules.apply(px); err != nil {
		closeTLS()
		return nil, nil, err
	}
	closeTarget, extra, err := f.target.apply(px, f.record)
	if err != nil {
		closeTLS()
		return nil, nil, err
	}
	limit, why := proxy.SessionLimit(f.most, extra)
	if why != "" {
		log.Warn().Msg(why)
	}
	px.MaxSessions = limit
	return px, func() { closeTarget(); closeTLS() }, nil
}

// parsePrefix reads a CIDR. A plain address is not one: 10.0.0.0 may mean a
// network of any size.
func parsePrefix(s string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return prefix, failed("not-a-cidr")
	}
	return prefix.Masked(), nil
}

// transcripts makes the set of sessions and opens the folder for recordings.
func (f *serveFlags) transcripts(log zerolog.Logger, unwatched bool) (*transcript.Set, *recordings.Folder, error) {
	o := transcript.Options{KeepSecrets: f.keep, Unwatched: unwatched, Program: strings.TrimSpace("smtptap " + version() + " " + f.as)}
	o.Trouble = func(err error, lost int64) {
		if err != nil {
			log.Error().Str("error", visible.Text(err.Error())).Int64("lost_bytes", lost).Msg("sessions are not being recorded, but continue")
			return
		}
		log.Warn().Int64("lost_bytes", lost).Msg("sessions are being recorded again")
	}
	o.Fault = func(id string, cause any) {
		log.Error().Str("session", id).Str("cause", panicCause(cause)).Msg("decoding failed, the session continues as raw bytes")
	}
	if f.record == "none" {
		return transcript.NewSet(o), nil, nil
	}
	var remote *store.Store
	var dir string
	var err error
	if store.Is(f.record) {
		if remote, err = openStore(f.record); err == nil {
			dir = remote.Spool()
		}
	} else {
		dir, err = folder(f.record)
	}
	if err != nil {
		return nil, nil, err
	}
	if o.Folder, err = recordings.OpenFolder(dir); err != nil {
		return nil, nil, err
	}
	if advice := o.Folder.Advice(); advice != "" {
		log.Warn().Msg(advice)
	}
	if remote != nil {
		f.upload(remote, o.Folder, log)
	}
	return transcript.NewSet(o), o.Folder, nil
}

// prepareAuthority sees to it that clients which read the authority's file
// before they connect find the root for the target and for where smtptap listens.
func (f *serveFlags) prepareAuthority(px *proxy.Proxy, listeners []proxy.Listener, log zerolog.Logger) {
	target, err := f.target.parse()
	if err != nil || target.Kind != upstream.KindHost || px.Mode != proxy.Intercept {
		return
	}
	authority, err := px.TLS.Ready()
	names := []string{target.Host}
	for _, l := range listeners {
		if host, _, err := net.SplitHostPort(l.Addr().String()); err == nil && !net.ParseIP(host).IsUnspecified() {
			names = append(names, host)
		}
	}
	for _, name := range names {
		if err == nil {
			err = authority.Prepare(name)
		}
	}
	if err != nil {
		log.Warn().Str("error", visible.Text(err.Error())).Msg("clients can't be given TLS")
	}
}

// panicCause tells why decoding panicked. What is no error of the runtime may
// quote the session, with its secrets: of that only the type is told.
func panicCause(cause any) string {
	if err, ok := cause.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", cause)
}
