package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
	"smtptap/proxy/ca"
	"smtptap/proxy/replay"
	"smtptap/proxy/upstream"
	"smtptap/recordings/diff"
	"smtptap/recordings/transcript"
)

// Replay is `smtptap replay`.
func Replay(p *Program) *cobra.Command {
	f := replayFlags{serveFlags: serveFlags{count: 1}}
	cmd := &cobra.Command{
		Use:  "replay REC --to TARGET",
		Args: p.args(0, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			return p.replay(cmd.Context(), refArg(a), &f)
		},
	}
	f.target.flags(cmd)
	f.tls.mode = string(proxy.Intercept)
	f.tls.toServerFlag(cmd)
	f.tls.serverTLSFlags.flags(cmd)
	recordFlag(cmd, &f.record)
	cmd.Flags().BoolVar(&f.keep, "keep-secrets", false, "")
	cmd.Flags().BoolVar(&f.reallySend, "really-send", false, "")
	cmd.Flags().BoolVar(&f.clearPassword, "clear-password", false, "")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "")
	cmd.Flags().BoolVar(&f.all, "all", false, "")
	f.color.flag(cmd)
	f.logging.flags(cmd)
	return cmd
}

type replayFlags struct {
	serveFlags
	reallySend, clearPassword bool
	asJSON, all               bool
	forget                    bool // the new session is not kept
}

// replay says a recording again through a proxy of its own, so that the new
// session is recorded, and TLS and MX dealt with, as any other is.
func (p *Program) replay(ctx context.Context, ref string, f *replayFlags) error {
	dir := f.record
	if f.forget = dir == "none"; f.forget {
		dir = ""
	}
	old, err := p.load(dir, ref)
	if err != nil {
		return err
	}
	script, err := replay.NewScript(old, replay.Environment(os.Getenv))
	if err != nil {
		return fmt.Errorf("%s: %w", old.ID, err)
	}
	if f.forget {
		if f.record, err = os.MkdirTemp("", "smtptap-replay-"); err != nil {
			return err
		}
		defer os.RemoveAll(f.record)
	}
	f.as = "replay"
	f.target.sinkTLS = script.StartsTLS()
	if target, err := f.target.parse(); err == nil && target.LMTP {
		script.Speak("LHLO")
	} else if err == nil && target.Kind != upstream.KindSink {
		script.Speak("EHLO")
	}
	p.tellProvider(f.target.to)
	r := &replaying{program: p, flags: f, old: old, script: script}
	again, err := r.run(ctx)
	if err != nil {
		return err
	}
	return p.compare(old, again, f)
}

// compare prints where the two sessions part.
func (p *Program) compare(old, again *decode.Transcript, f *replayFlags) error {
	result, err := diff.Compare(old, again, diff.Options{All: f.all, Lang: p.lang})
	if err != nil {
		return err
	}
	return p.printDiff(result, f.asJSON, f.color)
}

// replaying is a replay at work.
type replaying struct {
	program *Program
	flags   *replayFlags
	old     *decode.Transcript
	script  *replay.Script
	set     *transcript.Set
}

// run says the script and returns the new session.
func (r *replaying) run(ctx context.Context) (*decode.Transcript, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if !r.flags.reallySend {
		r.flags.target.only = replay.OnThisMachine
	}
	log, closeLog, err := r.flags.logging.open(r.program.streams, false)
	if err != nil {
		return nil, err
	}
	defer closeLog()
	px, closeTarget, err := r.flags.proxy(log)
	if err != nil {
		return nil, err
	}
	defer closeTarget()
	set, folder, err := r.flags.transcripts(log, false)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	px.Transcripts, r.set = set, set
	unsaid, err := r.through(ctx, px)
	if closed := set.Close(); err == nil {
		err = closed
	}
	r.flags.finishUpload(log)
	return r.result(unsaid, err)
}

// through says the script to the proxy, which leads it to the server.
func (r *replaying) through(ctx context.Context, px *proxy.Proxy) (unsaid []error, err error) {
	loopback, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	door := replay.NewDoor(loopback)
	l := proxy.Listener{Listener: door}
	if l.TLS, err = r.implicit(); err != nil {
		l.Close()
		return nil, err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- px.Serve(serving, l) }()
	unsaid, err = r.say(ctx, door, l.TLS)
	stop() // no other client is waited for
	patience := time.AfterFunc(hangUp, px.Abort)
	defer patience.Stop()
	if err != nil {
		px.Abort()
	}
	if ended := <-served; err == nil {
		err = ended
	}
	return unsaid, err
}

// hangUp is how long the server has to hang up when the client has.
const hangUp = 5 * time.Second

// say is the client.
func (r *replaying) say(ctx context.Context, door *replay.Door, implicit bool) ([]error, error) {
	conn, err := door.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	o := replay.Options{Implicit: implicit}
	if implicit || r.script.StartsTLS() {
		authority, err := authority()
		if err != nil {
			return nil, err
		}
		o.TLS = r.clientTLS(authority)
	}
	if !r.flags.clearPassword {
		o.MaySay = r.private
	}
	if implicit {
		conn = tls.Client(conn, o.TLS)
		defer conn.Close()
	}
	return replay.Play(ctx, conn, r.script, o)
}

// private asks whether the session, as it is now, is fit for a password.
func (r *replaying) private() error {
	all := r.set.Summaries(0)
	if len(all) == 0 {
		return failed("session-unknown")
	}
	t, err := r.set.Open(all[0].ID)
	if err != nil {
		return err
	}
	return replay.Private(t)
}

// implicit reports that TLS begins with the first byte: it did for the recorded
// client, or it does with the server and the client used STARTTLS.
func (r *replaying) implicit() (bool, error) {
	target, err := r.flags.target.parse()
	if err != nil {
		return false, err
	}
	for _, e := range r.old.Entries {
		if open, ok := e.Fact.(*facts.Open); ok && open.TLS {
			return true, nil
		}
	}
	return target.Implicit && r.script.StartsTLS(), nil
}

// clientTLS asks for the name that the recorded client asked for.
func (r *replaying) clientTLS(authority *ca.Authority) *tls.Config {
	roots := authority.Pool()
	config := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	for _, e := range r.old.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok && f.Leg == who.ClientLeg && f.SNI != "" {
			config.ServerName = f.SNI
		}
	}
	return config
}

// result is the new session as it was recorded. What was not said is told.
func (r *replaying) result(unsaid []error, err error) (*decode.Transcript, error) {
	all := r.set.Summaries(0)
	if len(all) == 0 {
		return nil, cmp.Or(err, failed("session-not-begun"))
	}
	path := r.set.Path(all[0].ID)
	t, _, unread := transcript.Load(path)
	if unread != nil {
		return nil, fmt.Errorf("%s: %w", path, cmp.Or(err, unread))
	}
	if why := notReached(t); why != "" {
		err = why
	}
	if err != nil && !mailed(t) {
		os.Remove(path) // it would be the latest recording, and says no more than the error
		return nil, err
	}
	for _, s := range unsaid {
		r.program.complain("%s", r.program.oneLine(s))
	}
	if !r.flags.forget {
		r.program.note("recorded", "path", path)
	}
	return t, err
}

// mailed reports that the server has heard of a message.
func mailed(t *decode.Transcript) bool {
	return slices.ContainsFunc(t.Messages(), func(m decode.Message) bool { return m.Mail >= 0 })
}

// notReached is why there was no server to say anything to, or "".
func notReached(t *decode.Transcript) facts.Sentence {
	for _, e := range t.Entries {
		if end, ok := e.Fact.(*facts.End); ok && (end.Cause == facts.CauseUnreachable || end.Cause == facts.CauseRefused) {
			return end.Err
		}
	}
	return ""
}
