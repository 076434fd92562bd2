package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// Fixed leads every session to one server that the user named.
type Fixed struct {
	Host     string // name or IP address
	Port     uint16
	Implicit bool           // TLS from the first byte
	LMTP     bool           // it speaks LMTP
	Why      facts.Sentence // as in facts.Dial; "" means "configured"
	// Resolver finds the host's addresses; nil means the system's, which
	// also reads the hosts file.
	Resolver *net.Resolver
	Only     func(netip.Addr) error // as a Connector's
}

// Dial connects to the first of the host's addresses that answers. The error is
// a *ConnectError.
func (f *Fixed) Dial(ctx context.Context, ses Session) (*Server, error) {
	h := Host{Name: f.Host, Why: f.Why}
	if h.Why == "" {
		h.Why = "configured"
	}
	addrs, err := f.addresses(ctx, ses, h)
	if err != nil {
		return nil, err
	}
	c := &Connector{Port: f.Port, AllowPrivate: true, Loop: ses.Ours, Only: f.Only}
	server, failed := c.connect(ctx, ses.Fact, h, addrs)
	if server == nil {
		return nil, &ConnectError{Host: f.Host, attempts: failed}
	}
	server.Named, server.Implicit, server.LMTP = true, f.Implicit, f.LMTP
	return server, nil
}

func (f *Fixed) addresses(ctx context.Context, ses Session, h Host) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(f.Host); err == nil {
		return []netip.Addr{ip}, nil
	}
	begun := time.Now()
	addrs, err := f.Resolver.LookupNetIP(ctx, "ip", f.Host)
	if err != nil {
		words := lookupFailure(err)
		ses.Fact(&facts.Dial{
			Host: f.Host, Addr: net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))), Why: h.Why,
			Took: time.Since(begun), Err: words, Class: classResolve,
		})
		return nil, &ConnectError{Host: f.Host, dns: words}
	}
	for i, a := range addrs {
		addrs[i] = a.Unmap()
	}
	return addrs, nil
}

// lookupFailure says in words why the system's resolver found no address.
func lookupFailure(err error) facts.Sentence {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &dns) && dns.IsTimeout:
		return "dns-timeout"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &dns):
		return facts.Plain(visible.Text(dns.Err))
	}
	return facts.Plain(visible.Text(err.Error()))
}

// A ConnectError says why a server that the user named could not be reached.
type ConnectError struct {
	Host     string
	dns      facts.Sentence // why its name has no address; "" when it has
	attempts []attempt      // at its addresses
}

// InFacts is the error as a fact says it.
func (e *ConnectError) InFacts() facts.Sentence {
	if e.dns != "" {
		return facts.Say("dial-cannot-find", "host", e.Host, "why", e.dns)
	}
	ip, err := netip.ParseAddr(e.Host)
	if err == nil && len(e.attempts) == 1 && ip == e.attempts[0].to.Addr() {
		_, words := dialFailure(e.attempts[0].err)
		return facts.Say("dial-cannot-connect", "host", e.attempts[0].to.String(), "why", words)
	}
	var each []facts.Sentence
	for _, a := range e.attempts {
		_, words := dialFailure(a.err)
		each = append(each, facts.Say("about", "what", a.to.String(), "why", words))
	}
	return facts.Say("dial-cannot-connect", "host", e.Host, "why", facts.All("list", each))
}

func (e *ConnectError) Error() string { return e.In(lang.English) }

// In is the error in one language.
func (e *ConnectError) In(l lang.Lang) string { return visible.Text(e.InFacts().In(l)) }

// Loop reports whether smtptap would have connected to itself.
func (e *ConnectError) Loop() bool {
	for _, a := range e.attempts {
		if errors.Is(a.err, errLoop) {
			return true
		}
	}
	return false
}

// Reply is what the client is told: to try again, unless trying again would
// lead here again (RFC 5321 section 6.3, RFC 3463 section 3.5).
func (e *ConnectError) Reply() Reply {
	r := Reply{Code: 421, Enhanced: "4.4.1", Text: inASCII(e.Error())}
	switch {
	case e.dns != "":
		r.Enhanced = "4.4.3"
	case e.Loop():
		r.Code, r.Enhanced = 554, "5.4.6"
	}
	return r
}
