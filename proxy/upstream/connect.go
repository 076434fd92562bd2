package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"smtptap/decode/facts"
)

// A Connector opens connections to servers whose addresses somebody else
// chose: whoever runs the domain that mail is for.
type Connector struct {
	// Port of every server, 25 if zero.
	Port uint16
	// AllowPrivate lets a domain lead to private, loopback and otherwise
	// special addresses.
	AllowPrivate bool
	// Timeout is how long one address has to accept, 30 s if zero.
	Timeout time.Duration
	// Stagger is how long an address is waited for before the next one of the
	// same host is tried beside it, 250 ms if zero (RFC 8305 section 5).
	Stagger time.Duration
	// Loop reports whether a connection to that address would come back to
	// smtptap. May be nil.
	Loop func(remote netip.AddrPort) bool
	// Only says why an address must not be connected to, nil for one that may.
	// It is asked about the address itself, whatever name and answer that came
	// from. May be nil.
	Only func(netip.Addr) error

	dial func(ctx context.Context, address string) (net.Conn, error) // replaced in tests
}

const (
	defaultPort    = 25
	defaultConnect = 30 * time.Second
	defaultStagger = 250 * time.Millisecond
)

// Classes of facts.Dial.
const (
	classRefused     = "refused"
	classTimeout     = "timeout"
	classUnreachable = "unreachable"
	classResolve     = "resolve"
	classNotAllowed  = "not-allowed"
	classLoop        = "loop"
	classOther       = "other"
)

// A forbiddenError is an address that Connector.Only refuses.
type forbiddenError struct{ error }

// A specialError is an address that must not be connected to.
type specialError struct{ facts.Sentence }

var (
	errLoop   error = facts.Say("dial-loop")
	errSlower error = facts.Say("dial-slower")
)

// guard refuses special addresses. It runs on the address that the socket is
// about to be connected to, whatever name and answer that came from.
func (c *Connector) guard(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &specialError{facts.Say("dial-special", "kind", facts.Sentence("not an IP address"))}
	}
	if kind := Special(ap.Addr()); kind != "" && !c.AllowPrivate {
		return &specialError{facts.Say("dial-special", "kind", facts.Sentence(kind))}
	}
	if c.Only != nil {
		if err := c.Only(ap.Addr().Unmap()); err != nil {
			return &forbiddenError{err}
		}
	}
	return nil
}

// one makes one connection.
func (c *Connector) one(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	if c.Loop != nil && c.Loop(to) {
		return nil, errLoop
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Timeout, defaultConnect))
	defer cancel()
	dial := c.dial
	if dial == nil {
		// A peer that is gone is found by the session's own timeout.
		d := &net.Dialer{ControlContext: c.guard, FallbackDelay: -1, KeepAlive: -1}
		dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	return dial(ctx, to.String())
}

// An attempt is how one address of a host was tried.
type attempt struct {
	to   netip.AddrPort
	conn net.Conn
	took time.Duration
	err  error
}

// try tries one address.
func (c *Connector) try(ctx context.Context, to netip.AddrPort) attempt {
	begin := time.Now()
	conn, err := c.one(ctx, to)
	return attempt{to, conn, time.Since(begin), err}
}

// connect tries the addresses of a host in order, each a little after the one
// before unless that has failed already, and returns the first connection
// that comes about. Every attempt is noted, the successful one last. It
// returns when no attempt is under way any more.
func (c *Connector) connect(ctx context.Context, note func(facts.Fact), h Host, addrs []netip.Addr) (*Server, []attempt) {
	port := cmp.Or(c.Port, defaultPort)
	if len(addrs) == 1 {
		a := c.try(ctx, netip.AddrPortFrom(addrs[0], port))
		note(a.fact(h))
		if a.err != nil {
			return nil, []attempt{a}
		}
		return &Server{Conn: a.conn, Host: h, Addr: a.to}, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan attempt)
	stagger := time.NewTimer(0)
	defer stagger.Stop()

	var won *attempt
	var failed []attempt
	for next, running := 0, 0; running > 0 || (won == nil && next < len(addrs)); {
		start := stagger.C
		if next == len(addrs) || won != nil {
			start = nil
		}
		select {
		case <-start:
			to := netip.AddrPortFrom(addrs[next], port)
			next, running = next+1, running+1
			go func() { ended <- c.try(ctx, to) }()
			stagger.Reset(cmp.Or(c.Stagger, defaultStagger))
		case a := <-ended:
			running--
			switch {
			case won != nil:
				if a.conn != nil {
					a.conn.Close()
				}
				a.err = errSlower
				note(a.fact(h))
			case a.err != nil:
				note(a.fact(h))
				failed = append(failed, a)
				stagger.Reset(0)
			default:
				won = &a
				cancel()
			}
		}
	}
	if won == nil {
		return nil, failed
	}
	note(won.fact(h))
	return &Server{Conn: won.conn, Host: h, Addr: won.to}, failed
}

// Connect connects to the first address of a host that accepts, trying each a
// little after the one before. Every attempt is noted. The error is
// a *NoServerError.
func (c *Connector) Connect(ctx context.Context, note func(facts.Fact), h Host, addrs []netip.Addr) (*Server, error) {
	server, failed := c.connect(ctx, note, h, addrs)
	if server != nil {
		return server, nil
	}
	r := Route{Domain: Domain{ASCII: h.Name}}
	for _, a := range failed {
		r.failures = append(r.failures, a.failure(h))
	}
	return nil, r.failed()
}

// fact is the attempt as a transcript shows it.
func (a *attempt) fact(h Host) *facts.Dial {
	f := &facts.Dial{Host: h.Name, Addr: a.to.String(), Why: h.Why, Took: a.took}
	if a.err == nil {
		f.Local = a.conn.LocalAddr().String()
		return f
	}
	f.Class, f.Err = dialFailure(a.err)
	return f
}

// dialFailure gives an error of a connection attempt its class and its words.
func dialFailure(err error) (class string, words facts.Sentence) {
	var special *specialError
	var forbidden *forbiddenError
	switch {
	case errors.As(err, &forbidden):
		return classNotAllowed, facts.Because(forbidden.error)
	case errors.As(err, &special):
		return classNotAllowed, special.Sentence
	case errors.Is(err, errLoop):
		return classLoop, facts.Because(errLoop)
	case errors.Is(err, syscall.ECONNREFUSED):
		return classRefused, "connection refused"
	case errors.Is(err, syscall.ENOENT):
		return classUnreachable, facts.Say("dial-no-socket")
	case errors.Is(err, syscall.EACCES):
		return classNotAllowed, "permission denied"
	case isTimeout(err), errors.Is(err, syscall.ETIMEDOUT):
		return classTimeout, "no answer in time"
	case errors.Is(err, syscall.ENETUNREACH):
		return classUnreachable, "network is unreachable"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return classUnreachable, "no route to host"
	case errors.Is(err, context.Canceled):
		return classOther, "given up"
	}
	return classOther, facts.Plain(why(err))
}

// A Server is a server that a connection was made to.
type Server struct {
	Conn net.Conn
	Host Host           // its Name is what a certificate is checked against
	Addr netip.AddrPort // not valid for a unix socket

	// Named: the user named this server, so a certificate that does not fit
	// ends the session. Servers that MX records name are spoken to with
	// opportunistic TLS (RFC 7435).
	Named    bool
	Implicit bool // TLS begins with the first byte
	LMTP     bool // it speaks LMTP (RFC 2033)
	AnyName  bool // its certificate may be for any name
}

// Local reports a server on this machine.
func (s *Server) Local() bool { return !s.Addr.IsValid() || s.Addr.Addr().IsLoopback() }

// A Route leads to the servers of one domain, one after the other.
type Route struct {
	Domain Domain

	connector *Connector
	lookup    *Lookup
	note      func(facts.Fact)
	hosts     []Host
	failures  []failure
}

// A failure is why one host or address was of no use.
type failure struct {
	problem Problem
	words   facts.Sentence
}

// NewRoute begins a route to hosts, whose addresses are looked up when their
// turn comes.
func (c *Connector) NewRoute(l *Lookup, d Domain, hosts []Host) *Route {
	return &Route{Domain: d, connector: c, lookup: l, note: l.note, hosts: hosts}
}

// Next connects to the next server that can be reached. The error is a
// *NoServerError when there is none left, or the context's.
func (r *Route) Next(ctx context.Context) (*Server, error) {
	for len(r.hosts) > 0 {
		h := r.hosts[0]
		r.hosts = r.hosts[1:]
		addrs, err := r.lookup.Addresses(ctx, h)
		if err != nil {
			var none *NoServerError
			if !errors.As(err, &none) {
				return nil, err
			}
			r.note(&facts.Dial{Host: h.Name, Addr: fmt.Sprintf("%s:%d", h.Name, cmp.Or(r.connector.Port, defaultPort)), Why: h.Why, Err: none.InFacts(), Class: classResolve})
			r.failures = append(r.failures, r.nowhere(none))
			continue
		}
		server, failed := r.connector.connect(ctx, r.note, h, addrs)
		for _, a := range failed {
			r.failures = append(r.failures, a.failure(h))
		}
		if server != nil {
			return server, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return nil, r.failed()
}

// Again connects to a server anew, at the same address.
func (r *Route) Again(ctx context.Context, s *Server) (*Server, error) {
	return r.connector.Connect(ctx, r.note, s.Host, []netip.Addr{s.Addr.Addr()})
}

// nowhere is a host without an address as a reason why the domain has no
// server. That the host does not exist does not mean that the domain doesn't.
func (r *Route) nowhere(none *NoServerError) failure {
	f := failure{none.Problem, none.InFacts()}
	if none.Name == r.Domain.ASCII {
		f.words = none.Detail
	} else if f.problem == NoSuchDomain {
		f.problem = NoAddress
	}
	return f
}

func (a *attempt) failure(h Host) failure {
	class, words := dialFailure(a.err)
	f := failure{Unreachable, facts.Say("dial-at", "host", h.Name, "address", a.to.String(), "why", words)}
	switch class {
	case classNotAllowed:
		f.problem = NotAllowed
	case classLoop:
		f.problem = Loop
	}
	return f
}

// failed sums up why no server is left: as a problem that may pass if any of
// them may, and otherwise as the last one met.
func (r *Route) failed() error {
	e := &NoServerError{Name: r.Domain.ASCII, Problem: NoAddress}
	var words []facts.Sentence
	for i, f := range r.failures {
		if i == 0 || f.problem.Temporary() || !e.Problem.Temporary() {
			e.Problem = f.problem
		}
		if f.words != "" {
			words = append(words, f.words)
		}
	}
	e.Detail = facts.All("list", words)
	return e
}
