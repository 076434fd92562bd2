// Package tui is the screen: sessions on one side, the selected one on the
// other, following as they run.
//
// It reads sessions and never touches a socket. Nothing that moves mail waits
// for it: it asks the set of sessions what is new, when the set says that
// something is, at most thirty times a second. A terminal that is slow, stuck
// or gone delays the screen and nothing else.
//
// What is shown is in tui/panes, which knows nothing of this package. This package
// owns the program, the terminal and what the panes share.
package tui

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/muesli/termenv"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
	"smtptap/tui/draw"
	"smtptap/tui/panes"
	"smtptap/tui/terminal"
	"smtptap/tui/terminal/noquery"
)

// Sessions is what the screen reads. *transcript.Set is one.
type Sessions interface {
	Len() int
	Summary(i int) transcript.Summary
	Open(id string) (*decode.Transcript, error)
	Path(id string) string
	Add(path string) error
	State() transcript.State
	Subscribe() (changes <-chan struct{}, cancel func())
}

// Options say what the screen shows and how.
type Options struct {
	Set     Sessions
	Listen  []string              // addresses that clients connect to; none when only recordings are shown
	Target  string                // as given with --to
	TLS     string                // what happens at STARTTLS: "intercept", "pass", "hide"
	CA      string                // path of the local authority's certificate, for the empty screen
	Folder  *recordings.Folder    // where recordings are looked for; may be nil
	View    bool                  // recordings are looked at, nothing runs
	Remote  bool                  // the sessions run in another process
	Close   func(id string) error // ends a session that runs; nil if none can be
	Memory  string                // file that remembers how the list was sorted; "" for none
	Version string
	Notice  string                         // for people, shown until they close it; "" for none
	First   func(*transcript.Summary) bool // the session to open when it comes; nil for the newest
	Holder  Holder                         // holds lines of sessions; nil when nothing runs
	Lang    lang.Lang                      // of what people read

	ASCII   bool   // marks in ASCII
	NoColor bool   // no colours: bold, faint, underline and reverse only
	Theme   string // "dark", "light", "mono"; "" lets Run ask the terminal
	Mouse   bool   // the mouse is on from the start

	In, Out *os.File            // nil: os.Stdin, os.Stdout
	Verify  panes.Verify        // judges DKIM, SPF and DMARC of a message, which asks the DNS; may be nil
	Now     func() time.Time    // nil: time.Now
	Getenv  func(string) string // nil: os.Getenv
}

// ErrStuck says that the terminal did not take the last of what was written to
// it, so that nothing should be printed there any more.
var ErrStuck = draw.Texts().Error("screen-stuck")

// A Panic is a fault of the screen. The terminal has been given back.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("the screen failed: %q", fmt.Sprint(p.Value)) }

// fps is how often Bubble Tea looks whether there is a frame to write.
const fps = 30

// quitTimeout is how long a terminal may take to let the screen end.
const quitTimeout = 2 * time.Second

func init() { noquery.Restore() }

// background asks the terminal whether its background is dark or light. It must
// be asked before the screen is on it, or the answer comes among the keys.
func background(out *os.File) string {
	if termenv.NewOutput(out).HasDarkBackground() {
		return "dark"
	}
	return "light"
}

// Run shows the screen until the user quits, ctx is done, or a signal comes
// (SIGINT, SIGTERM, SIGHUP, SIGQUIT): none of these is an error. The terminal
// is as it was before when Run returns, and a short summary is printed on it.
func Run(ctx context.Context, o Options) error {
	if o.In == nil {
		o.In = os.Stdin
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Theme == "" && !o.NoColor {
		o.Theme = background(o.Out)
	}
	t, err := terminal.Open(o.In, o.Out)
	if err != nil {
		return err
	}
	defer t.Restore()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	go func() {
		for {
			select {
			case sig := <-signals:
				if sig != syscall.SIGINT || !t.Lent() {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	// A terminal that keeps the screen from ending is abandoned.
	stuck := time.AfterFunc(math.MaxInt64, t.Abandon)
	defer stuck.Stop()
	quitting := func() { stuck.Reset(quitTimeout) }
	defer context.AfterFunc(ctx, quitting)()
	m := newModel(ctx, o, t)
	if o.Holder != nil {
		defer o.Holder.Attend()() // however this ends, what is held goes on
	}
	// Bubble Tea waits for its reader of keys when it is told to quit, but
	// not when its context ends, which is therefore for panics only.
	killed, killProgram := context.WithCancel(context.WithoutCancel(ctx))
	defer killProgram()
	guard := &guard{model: m, quitting: quitting, kill: func() { cancel(); killProgram() }}
	p := tea.NewProgram(guard, tea.WithContext(killed), tea.WithInput(t.In()), tea.WithOutput(t), tea.WithAltScreen(),
		tea.WithFPS(fps), tea.WithoutSignalHandler(), tea.WithoutCatchPanics())
	defer context.AfterFunc(ctx, p.Quit)()
	_, err = p.Run()
	m.close()
	closed := t.Close()
	switch {
	case guard.panic() != nil:
		return guard.panic()
	case err != nil && ctx.Err() == nil && !errors.Is(err, tea.ErrProgramKilled):
		return fmt.Errorf("screen: %w", err)
	case closed != nil:
		return ErrStuck
	}
	_, err = fmt.Fprint(o.Out, m.closingSummary())
	return err
}
