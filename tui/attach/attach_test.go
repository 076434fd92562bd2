package attach_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
	"smtptap/tui"
	"smtptap/tui/attach"
)

var _ tui.Sessions = (*attach.Remote)(nil)

// An offer is a Set that viewers can watch, and where.
type offer struct {
	*transcript.Set
	network, addr string
	secret        attach.Secret
	stop          func()
	closed        chan string // ids of sessions that viewers ended
}

// offered offers the sessions of a new Set at a unix socket, or inside TLS.
func offered(t *testing.T, network, addr string) *offer {
	t.Helper()
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	o := &offer{Set: transcript.NewSet(transcript.Options{Folder: folder}), network: network, closed: make(chan string, 1)}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	o.addr = l.Addr().String()
	if network == "tcp" {
		if o.secret, err = attach.MakeSecret(filepath.Join(t.TempDir(), "token")); err != nil {
			t.Fatal(err)
		}
		config, err := o.secret.TLS()
		if err != nil {
			t.Fatal(err)
		}
		l = tls.NewListener(l, config)
	}
	server := &attach.Server{
		Hello:    attach.Hello{Program: "smtptap test", Target: "sink", Listen: []string{"127.0.0.1:2525"}},
		Sessions: func() *transcript.Set { return o.Set }, State: o.State,
		Close: func(id string) error {
			if o.Path(id) == "" {
				return errors.New("no session \x1b " + id)
			}
			o.closed <- id
			return nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(ctx, l) })
	o.stop = func() { cancel(); serving.Wait() }
	t.Cleanup(func() { o.stop(); o.Set.Close(); folder.Close() })
	return o
}

func (o *offer) dial(t *testing.T) *attach.Remote {
	t.Helper()
	r, err := attach.Dial(t.Context(), o.network, o.addr, o.secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// say notes lines of a session: C: to the server, S: to the client.
func say(l *transcript.Log, lines ...string) {
	for _, line := range lines {
		from, to := who.Client, who.Server
		if strings.HasPrefix(line, "S") {
			from, to = to, from
		}
		l.Data(from, to, []byte(line[3:]+"\r\n"))
	}
}

func end(l *transcript.Log) { l.End(facts.End{Cause: facts.CauseClosed}) }

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// summaries are those of all sessions that a viewer knows.
func summaries(r tui.Sessions) (all []transcript.Summary) {
	for i := range r.Len() {
		all = append(all, r.Summary(i))
	}
	return all
}

func raw(t *decode.Transcript) string {
	var b strings.Builder
	for _, e := range t.Entries {
		if e.Event != nil {
			b.Write(e.Event.Raw)
		}
	}
	return b.String()
}

// A viewer sees sessions as they run, however it is connected; two see the same;
// one that comes late sees what was before.
func TestAttach(t *testing.T) {
	for network, addr := range map[string]string{"unix": filepath.Join(t.TempDir(), "a.sock"), "tcp": "127.0.0.1:0"} {
		t.Run(network, func(t *testing.T) {
			o := offered(t, network, addr)
			early := o.dial(t)
			l := o.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "sink"})
			say(l, "S: 220 mx.example.org", "C: EHLO client.example.org", "S: 250 mx.example.org", "C: AUTH PLAIN AGFubgBzZWNyZXQ=", "S: 235 ok")
			late := o.dial(t)
			for name, r := range map[string]*attach.Remote{"early": early, "late": late} {
				eventually(t, name+" sees the session run", func() bool { return r.Len() == 1 && r.Summary(0).Live && r.State().Live == 1 })
				if r.Hello.Target != "sink" || !r.State().Recording {
					t.Errorf("%s: %+v %+v", name, r.Hello, r.State())
				}
				eventually(t, name+" sees what is said", func() bool {
					tr, err := r.Open(l.ID())
					return err == nil && !tr.Ended && !tr.Lack(decode.LackEnd) && len(tr.CannotShow) == 0 && strings.HasSuffix(raw(tr), "235 ok\r\n")
				})
			}
			say(l, "C: MAIL FROM:<ann@example.com>", "S: 250 ok", "C: RCPT TO:<bob@example.net>", "S: 550 5.1.1 nobody")
			for _, r := range []*attach.Remote{early, late} {
				eventually(t, "it grows in the list", func() bool { return r.Summary(0).Rcpts == 1 })
				eventually(t, "it grows when it is opened", func() bool {
					tr, err := r.Open(l.ID())
					return err == nil && strings.HasSuffix(raw(tr), "nobody\r\n")
				})
			}
			took := early.Summary(0).Took
			eventually(t, "the time of a session that runs goes on", func() bool { return early.Summary(0).Took > took && early.Summary(0).Quiet > 0 })
			if err := early.End(l.ID()); err != nil || <-o.closed != l.ID() {
				t.Error(err)
			}
			if err := early.End("20261128-000702-644-w1tbz"); err == nil || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("ending no session says %q", err)
			}
			end(l)
			for _, r := range []*attach.Remote{early, late} {
				eventually(t, "it ends", func() bool {
					s := r.Summary(0)
					tr, err := r.Open(l.ID())
					return !s.Live && s.Outcome == outcome.Refused && err == nil && tr.Ended && !tr.Lack(decode.LackEnd)
				})
				tr, _ := r.Open(l.ID())
				if all, err := os.ReadFile(r.Path(l.ID())); err != nil || strings.Contains(string(all), "AGFubgBzZWNyZXQ") {
					t.Errorf("the copy holds a password, or is not there: %v", err)
				}
				if want, _ := o.Open(l.ID()); raw(tr) != raw(want) {
					t.Errorf("a viewer reads\n%s\nand not\n%s", raw(tr), raw(want))
				}
			}
			path := early.Path(l.ID())
			early.Close()
			if _, err := os.Stat(path); err == nil {
				t.Error("the copy outlives the viewer")
			}
		})
	}
}

// Bytes of a body are read from the copy.
func TestBody(t *testing.T) {
	o := offered(t, "unix", filepath.Join(t.TempDir(), "a.sock"))
	l := o.Begin(transcript.Session{})
	body := strings.Repeat("All work and no play. ", 3) + strings.Repeat("x", 900)
	say(l, "S: 220 x", "C: MAIL FROM:<a@example.org>", "S: 250 ok", "C: RCPT TO:<b@example.org>", "S: 250 ok", "C: DATA", "S: 354 go", "C: Subject: 你好\r\n\r\n"+strings.Repeat(body+"\r\n", 2000)+".", "S: 250 ok")
	end(l)
	r := o.dial(t)
	eventually(t, "it is sent", func() bool {
		return r.Len() == 1 && r.Summary(0).Outcome == outcome.Sent && r.Summary(0).Subject == "你好"
	})
	eventually(t, "its body is there", func() bool {
		tr, err := r.Open(l.ID())
		if err != nil {
			return false
		}
		for _, e := range tr.Entries {
			if e.Event != nil && e.Event.Kind == decode.KindBody {
				p, err := tr.Bytes(e.Leg, e.Event.Side, e.Event.Span)
				return err == nil && strings.Count(string(p), body) == 2000
			}
		}
		return false
	})
}

// Neither a viewer that reads nothing nor one that was killed keeps sessions, or
// other viewers, from going on.
func TestViewersHoldNothingUp(t *testing.T) {
	o := offered(t, "unix", filepath.Join(t.TempDir(), "a.sock"))
	stuck := func() net.Conn {
		conn, err := net.Dial("unix", o.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "GET /sessions HTTP/1.1\r\nHost: x\r\n\r\n")
		return conn
	}
	killed := stuck()
	for range 3 {
		defer stuck().Close()
	}
	r := o.dial(t)
	const n = 600
	begun := time.Now()
	for i := range n {
		l := o.Begin(transcript.Session{})
		say(l, "S: 220 x", fmt.Sprintf("C: MAIL FROM:<%s%d@example.org>", strings.Repeat("long", 40), i), "S: 250 ok")
		end(l)
		if i == n/2 {
			killed.Close()
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("%d sessions took %v beside viewers that are stuck", n, took)
	}
	eventually(t, "the other viewer sees all", func() bool { return r.Len() == n && !r.Summary(n-1).Live })
	for _, s := range summaries(r)[:10] {
		if !strings.HasPrefix(s.From, "long") {
			t.Errorf("%+v", s)
		}
	}
}

// The connection comes back: to the same smtptap, and to another in its place, in
// which what ran in the first does not run.
func TestReconnect(t *testing.T) {
	addr := filepath.Join(t.TempDir(), "a.sock")
	first := offered(t, "unix", addr)
	r := first.dial(t)
	l := first.Begin(transcript.Session{})
	say(l, "S: 220 x")
	eventually(t, "it runs", func() bool { return r.Len() == 1 })
	first.stop()
	eventually(t, "the loss is told", func() bool { return r.State().Detached != "" })
	second := offered(t, "unix", addr)
	other := second.Begin(transcript.Session{})
	say(other, "S: 220 y")
	eventually(t, "the other's sessions come", func() bool { return r.Len() == 2 && r.State().Detached == "" })
	eventually(t, "the first is over", func() bool {
		i := slices.IndexFunc(summaries(r), func(s transcript.Summary) bool { return s.ID == l.ID() })
		return !r.Summary(i).Live && r.State().Live == 1
	})
	end(l)
	end(other)
}

// Who does not know the secret learns nothing, and neither does whoever listens in
// another's place.
func TestStranger(t *testing.T) {
	o := offered(t, "tcp", "127.0.0.1:0")
	other, err := attach.MakeSecret(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attach.Dial(t.Context(), "tcp", o.addr, other); !errors.Is(err, attach.ErrStranger) {
		t.Errorf("with another token: %v", err)
	}
	for name, config := range map[string]*tls.Config{"no certificate": {InsecureSkipVerify: true}, "another": must(other.TLS())} {
		config.VerifyConnection = nil
		client := http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		if resp, err := client.Get("https://" + o.addr + "/sessions"); err == nil {
			resp.Body.Close()
			t.Errorf("%s is let in", name)
		}
	}
	if resp, err := http.Get("http://" + o.addr + "/sessions"); err == nil && resp.StatusCode == http.StatusOK {
		t.Error("it answers without TLS")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A viewer gets recordings of sessions and no other file, whatever it asks for.
func TestPaths(t *testing.T) {
	o := offered(t, "unix", filepath.Join(t.TempDir(), "a.sock"))
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", o.addr) }}}
	defer client.CloseIdleConnections()
	for _, id := range []string{"..%2f..%2fetc%2fpasswd", "%00", "x", "20261128-000702-644-w1tbz", "%2e%2e", strings.Repeat("a", 9000)} {
		resp, err := client.Get("http://x/sessions/" + id)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Errorf("%.40q is answered", id)
		}
	}
}
