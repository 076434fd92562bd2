package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"smtptap/decode/visible"
	"smtptap/proxy"
	"smtptap/proxy/upstream"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// serveFlags are the flags of smtptap itself, and of demo as far as they make
// sense there.
type serveFlags struct {
	listen []string

	socketMode modeFlag
	header     bool // clients begin with a PROXY header

	target  targetFlags
	tls     tlsFlags
	rules   ruleFlags
	record  string
	keep    bool
	ui      string
	screen  screenFlags
	color   colorMode
	allow   []string
	most    int
	idle    time.Duration
	drain   time.Duration
	once    bool
	count   int
	expect  expectFlags
	monitor telemetryFlags
	logging logFlags
	single  bool                        // no more than one session is to come
	as      string                      // the command that records, where it is not smtptap itself
	over    func(*transcript.Set) error // is given the sessions when all are over; may be nil
	forward func(os.Signal) bool        // takes a signal in place of smtptap, if it reports so; may be nil
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
	p.tellProvider(f.target.to)
	px, closeTarget, err := f.proxy(log)
	if err != nil {
		return err
	}
	defer closeTarget()
	// The exit status may tell what became of all sessions.
	set, records, err := f.transcripts(log, ui == "none" && f.count == 0 && f.over == nil && !f.expect.wanted() && !monitored)
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
	closeTarget, extra, err := f.target.apply(px)
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
			log.Error().Str("error", visible.Text(err.Error())).Int64("lost_bytes", lost).Msg("sessions are not being recorded; they go on")
			return
		}
		log.Warn().Int64("lost_bytes", lost).Msg("sessions are being recorded again")
	}
	o.Fault = func(id string, cause any) {
		log.Error().Str("session", id).Str("cause", panicCause(cause)).Msg("decoding failed; the session continues as raw bytes")
	}
	if f.record == "none" {
		return transcript.NewSet(o), nil, nil
	}
	dir, err := folder(f.record)
	if err != nil {
		return nil, nil, err
	}
	if o.Folder, err = recordings.OpenFolder(dir); err != nil {
		return nil, nil, err
	}
	if advice := o.Folder.Advice(); advice != "" {
		log.Warn().Msg(advice)
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

// serving is a proxy at work and the face that shows it.
type serving struct {
	program   *Program
	flags     *serveFlags
	log       zerolog.Logger
	proxy     *proxy.Proxy
	set       *transcript.Set
	listeners []proxy.Listener

	recordings *recordings.Folder // nil when nothing is recorded
	monitors   *monitors          // nil for none
	told       chan struct{}      // closed when a signal says to stop
}

// lastWords is how long somebody who reads smtptap's output slowly, or not at
// all, may hold up its end once it was told to stop.
const lastWords = 2 * time.Second

func (s *serving) run(ctx context.Context, ui string, visit func(context.Context, string) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if within := s.flags.expect.within; within > 0 {
		ctx, stop = context.WithTimeout(ctx, within)
		defer stop()
	}
	// A reader of the output or of the log who leaves must not end sessions. The
	// signal is not ignored: whom smtptap runs would ignore it too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if ui != "tui" { // the screen sees to its signals itself
		signals := make(chan os.Signal, 2)
		taken := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
		if s.flags.forward != nil {
			taken = passedOn
		}
		for _, sig := range taken {
			if sig != syscall.SIGHUP || !signal.Ignored(sig) { // as nohup has it
				signal.Notify(signals, sig)
			}
		}
		defer signal.Stop(signals)
		go s.onSignal(ctx, signals, stop)
	}
	context.AfterFunc(ctx, s.monitors.stop)
	served := make(chan error, 1)
	go func() { served <- s.proxy.Serve(ctx, s.listeners...) }()
	visited := make(chan error, 1)
	if visit != nil {
		go func() {
			visited <- visit(ctx, s.listeners[0].Addr().String())
			if ui != "tui" {
				stop()
			}
		}()
	} else {
		visited <- nil
	}
	shown := s.show(ctx, ui, served)
	stop()
	err := <-served
	for _, e := range []error{<-visited, s.lost(s.set.Close()), shown} {
		if err == nil {
			err = e
		}
	}
	s.monitors.close()
	s.farewell(ui)
	if s.flags.over != nil && err == nil {
		err = s.flags.over(s.set)
	}
	ended := s.status
	if s.flags.expect.wanted() {
		ended = s.report
	}
	return cmp.Or(err, ended())
}

// onSignal stops in an orderly way at the first signal, and at once at the
// second.
func (s *serving) onSignal(ctx context.Context, signals <-chan os.Signal, stop func()) {
	for sig := range signals {
		switch {
		case s.flags.forward != nil && s.flags.forward(sig):
		case ctx.Err() == nil:
			s.log.Info().Str("signal", sig.String()).Stringer("drain", s.flags.drain).Msg("stopping; sessions may go on for a while, a second signal cuts them off")
			close(s.told)
			stop()
		default:
			s.proxy.Abort()
		}
	}
}

// show runs the face until the user is done with it, or the proxy has ended.
func (s *serving) show(ctx context.Context, ui string, served chan error) error {
	if ui == "tui" {
		return s.screen(ctx)
	}
	var form liveForm
	out := s.program.streams.Out
	switch ui {
	case "text":
		form = textForm(out, s.program.lang, s.flags.color.on(out), !s.flags.single)
	case "json":
		form = jsonForm(out, s.program.lang)
	}
	over, end := context.WithCancel(context.Background())
	defer end()
	go func() {
		err := <-served
		served <- err
		end()
	}()
	if ui == "none" {
		<-over.Done()
		return nil
	}
	shown := make(chan error, 1)
	go func() { shown <- followSessions(over, s.set, form) }()
	select {
	case err := <-shown:
		return s.unread(over, err)
	case <-over.Done():
		return s.readToEnd(shown)
	}
}

// unread goes on without a face: sessions matter more than who looks at them.
func (s *serving) unread(over context.Context, err error) error {
	if err != nil {
		s.log.Warn().Str("error", visible.Text(err.Error())).Msg("the output can't be written; sessions go on without it")
	}
	<-over.Done()
	return unlessLeft(err)
}

// unlessLeft is err, unless it says that the reader has seen enough, as head(1)
// does.
func unlessLeft(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// readToEnd waits until the rest of the output is read, after a signal no
// longer than lastWords.
func (s *serving) readToEnd(shown <-chan error) error {
	select {
	case err := <-shown:
		return unlessLeft(err)
	case <-s.told:
	}
	select {
	case err := <-shown:
		return unlessLeft(err)
	case <-time.After(lastWords):
		s.log.Warn().Msg("nobody reads the output; its end was left out")
		return nil
	}
}

// lost makes what recordings lack the reason of the exit status.
func (s *serving) lost(err error) error {
	if err == nil {
		return nil
	}
	return &statusError{exitSeen, err}
}

// status is 3 when smtptap was to relay a number of sessions and something that
// one of them tried was not sent, or can't be told.
func (s *serving) status() error {
	if s.flags.count == 0 {
		return nil
	}
	for _, sum := range s.set.Summaries(0) {
		if !sum.Outcome.Good() {
			return exit(exitSeen)
		}
	}
	return nil
}

// farewell says where the recordings are, where somebody is reading.
func (s *serving) farewell(ui string) {
	if ui != "text" || s.set.Len() == 0 {
		return
	}
	var paths []string
	for _, sum := range s.set.Summaries(0) {
		if path := s.set.Path(sum.ID); path != "" {
			paths = append(paths, path)
		}
	}
	switch {
	case len(paths) == 1:
		s.program.note("recorded", "path", paths[0])
	case len(paths) > 1:
		s.program.note("sessions-recorded", "count", strconv.Itoa(len(paths)), "folder", s.recordings.Dir())
	}
}
