// Package smtptest is for tests of Go programs that send mail. It starts a proxy
// in front of an embedded server that accepts everything, or in front of a
// server of yours, and holds the sessions to what you expect of them:
//
//	tap := smtptest.Start(t, smtptest.Options{TLS: true})
//	sendWelcome(tap.Addr, tap.Roots) // what is tested
//	tap.Expect("sent tls:yes to:bob@example.net", "!finding>=warning")
//
// A miss names the session, the finding and the line that proves it. The queries
// are those of smtptap's --expect.
package smtptest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/proxy"
	"smtptap/proxy/ca"
	"smtptap/proxy/session/rules"
	"smtptap/proxy/sink"
	"smtptap/proxy/standin"
	"smtptap/proxy/upstream"
	"smtptap/recordings/expect"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
)

// Options say what a Tap does. The zero value leads to the embedded server, in
// clear.
type Options struct {
	TLS bool   // the embedded server offers STARTTLS
	To  string // HOST:PORT of a server to relay to, instead of the embedded one

	// Recording is the file of one whose server stands in, without the waits of
	// then. Clients must do what they did then, or are answered by 503, with
	// Lenient by the embedded server.
	Recording string
	Lenient   bool

	Rules    []string      // what goes wrong on purpose, as --rule has it: "RCPT=450 4.2.1 busy"
	Patience time.Duration // how long Expect waits for sessions to end; 0 means 10 s
}

// A Tap is a proxy that runs as long as the test.
type Tap struct {
	Addr  string         // HOST:PORT where it listens
	Host  string         // the same in two
	Port  int            // parts
	Roots *x509.CertPool // to trust where TLS is offered

	t        testing.TB
	patience time.Duration
	set      *transcript.Set
}

const loopback = "127.0.0.1"

// Start starts a proxy, and stops it when the test is over.
func Start(t testing.TB, o Options) *Tap {
	t.Helper()
	authority, err := ca.Open(filepath.Join(t.TempDir(), "ca"))
	if err != nil {
		t.Fatal(err)
	}
	x := &Tap{t: t, patience: cmp.Or(o.Patience, 10*time.Second), set: transcript.NewSet(transcript.Options{}), Roots: authority.Pool()}
	t.Cleanup(func() {
		if err := x.set.Close(); err != nil {
			t.Error(err)
		}
	})
	px := &proxy.Proxy{Transcripts: x.set, Target: o.To}
	px.TLS.Authority = func() (*ca.Authority, error) { return authority, nil }
	switch {
	case o.Recording != "":
		px.Target, px.TLS.Roots = "rec:"+o.Recording, x.Roots
		px.Upstream = x.recorded(o, authority)
	case o.To != "":
		px.Upstream = x.fixed(o.To)
	default:
		px.Target, px.TLS.Roots = "sink", x.Roots
		px.Upstream = x.fixed(x.sink(o.TLS, authority))
	}
	all, err := rules.ParseFile(strings.Join(o.Rules, "\n"), "Options.Rules")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) > 0 {
		px.Rules = rules.NewSet(all, 1)
	}
	l := x.listen()
	x.Addr = l.Addr().String()
	at := l.Addr().(*net.TCPAddr)
	x.Host, x.Port = at.IP.String(), at.Port
	x.serve(func(ctx context.Context) error { return px.Serve(ctx, proxy.Listener{Listener: l}) }, px.Abort)
	return x
}

// fixed leads to the server at HOST:PORT.
func (x *Tap) fixed(to string) *upstream.Fixed {
	x.t.Helper()
	host, port, err := net.SplitHostPort(to)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil {
		x.t.Fatalf("smtptest: %q is not HOST:PORT", to)
	}
	return &upstream.Fixed{Host: host, Port: uint16(n)}
}

// recorded leads to the server of a recording.
func (x *Tap) recorded(o Options, authority *ca.Authority) *standin.Server {
	x.t.Helper()
	recorded, damage, err := transcript.Load(o.Recording)
	if err == nil && damage != nil {
		err = damage
	}
	if err != nil {
		x.t.Fatalf("smtptest: %v", err)
	}
	server, err := standin.New(recorded, standin.Options{Lenient: o.Lenient, TLS: x.certificate(authority)})
	if err != nil {
		x.t.Fatalf("smtptest: %v", err)
	}
	x.t.Cleanup(server.Close)
	return server
}

// certificate is that of the embedded server, and of a recorded one.
func (x *Tap) certificate(authority *ca.Authority) *tls.Config {
	x.t.Helper()
	leaf, err := authority.Leaf(loopback)
	if err != nil {
		x.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{*leaf}}
}

// sink starts the embedded server and returns where it listens.
func (x *Tap) sink(secure bool, authority *ca.Authority) string {
	x.t.Helper()
	server := &sink.Server{}
	if secure {
		server.TLS = x.certificate(authority)
	}
	l := x.listen()
	x.serve(func(ctx context.Context) error { return server.Serve(ctx, l) }, func() {})
	return l.Addr().String()
}

func (x *Tap) listen() net.Listener {
	x.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		x.t.Fatal(err)
	}
	return l
}

// serve runs something until the test is over.
func (x *Tap) serve(run func(context.Context) error, abort func()) {
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- run(ctx) }()
	x.t.Cleanup(func() {
		stop()
		abort()
		if err := <-served; err != nil {
			x.t.Error(err)
		}
	})
}

// Expect waits until the sessions so far have ended, and fails the test for each
// query that one of them misses, or when there is none. Without a query all mail
// must have been sent.
func (x *Tap) Expect(queries ...string) {
	x.t.Helper()
	if len(queries) == 0 {
		queries = []string{"sent"}
	}
	var j expect.Judge
	for _, text := range queries {
		q, err := query.Parse(text)
		if err != nil {
			x.t.Fatalf("%q: %v", text, err)
		}
		j.Queries = append(j.Queries, q)
	}
	x.wait()
	var r expect.Report
	for _, sum := range x.set.Summaries(0) {
		t, err := x.set.Open(sum.ID)
		if err != nil {
			r.Unjudged(sum.ID, err)
			continue
		}
		r.Add(j.Session(t, sum))
	}
	r.Few(1, 0)
	for _, line := range r.Lines() {
		x.t.Error(line)
	}
}

// Sessions are the sessions so far, oldest first, when they have ended: all that
// was said, decoded. decode/findings explains them.
func (x *Tap) Sessions() []*decode.Transcript {
	x.t.Helper()
	x.wait()
	var all []*decode.Transcript
	for _, sum := range x.set.Summaries(0) {
		t, err := x.set.Open(sum.ID)
		if err != nil {
			x.t.Fatal(err)
		}
		all = append(all, t)
	}
	return all
}

// wait waits until no session is in progress, as long as there is patience.
func (x *Tap) wait() {
	changed, cancel := x.set.Subscribe()
	defer cancel()
	enough := time.After(x.patience)
	for x.set.State().Live > 0 {
		select {
		case <-changed:
		case <-enough:
			return
		}
	}
}
