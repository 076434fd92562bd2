package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/proxy"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

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
	err = cmp.Or(err, ended())
	s.flags.finishUpload(s.log)
	return err
}

// onSignal stops in an orderly way at the first signal, and at once at the
// second.
func (s *serving) onSignal(ctx context.Context, signals <-chan os.Signal, stop func()) {
	for sig := range signals {
		switch {
		case s.flags.forward != nil && s.flags.forward(sig):
		case ctx.Err() == nil:
			s.log.Info().Str("signal", sig.String()).Str("drain_timeout", units.Time(s.flags.drain)).Msg("stopping: sessions may continue for the drain timeout, a second signal cuts them off")
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
		s.log.Warn().Str("error", visible.Text(err.Error())).Msg("the output can't be written, sessions continue without it")
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
		s.log.Warn().Msg("nobody reads the output, its end was left out")
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
	case s.flags.uploading != nil:
		s.program.note("sessions-recorded", "count", strconv.Itoa(len(paths)), "folder", shown(s.flags.record))
	case len(paths) == 1:
		s.program.note("recorded", "path", paths[0])
	case len(paths) > 1:
		s.program.note("sessions-recorded", "count", strconv.Itoa(len(paths)), "folder", s.recordings.Dir())
	}
	if s.flags.next != "" {
		s.program.complain("%s", s.flags.next)
	}
}
