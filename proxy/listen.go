package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"smtptap/decode/visible"
)

// A Listener is where clients connect.
type Listener struct {
	net.Listener
	TLS bool // TLS begins with the first byte
}

// Listen opens what the user calls ADDR: PORT (on loopback), :PORT (on all
// addresses) or HOST:PORT, each with tls: in front for implicit TLS.
func Listen(addr string) (Listener, error) {
	rest, tls := strings.CutPrefix(addr, "tls:")
	if !strings.Contains(rest, ":") {
		rest = "127.0.0.1:" + rest
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil || port == "" {
		return Listener{}, fmt.Errorf("listen address \"%s\": use PORT, :PORT or HOST:PORT, or tls: and one of these", visible.Text(addr))
	}
	config := net.ListenConfig{KeepAlive: -1} // a peer that is gone is found by IdleTimeout
	l, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return Listener{}, fmt.Errorf("listen on %s: %w%s", visible.Text(rest), cause(err), listenHint(err))
	}
	return Listener{l, tls}, nil
}

// cause is the innermost part of a listen error; the outer ones repeat the address.
func cause(err error) error {
	var errno syscall.Errno
	var addr *net.AddrError
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &addr):
		return errors.New(addr.Err)
	case errors.As(err, &dns):
		return errors.New("no such host")
	}
	return err
}

func listenHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "; choose another port with --listen"
	case errors.Is(err, syscall.EACCES):
		return "; ports below 1024 need special rights, choose another with --listen"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "; this machine has no such address"
	}
	return ""
}

func closeAll(listeners []Listener) {
	for _, l := range listeners {
		l.Close() // a second time does no harm
	}
}

// CheckExposure refuses, as Serve does, to listen to the world for everybody: whoever reaches
// smtptap can send mail as if from this machine.
func (p *Proxy) CheckExposure(l Listener) error {
	if len(p.Allow) > 0 {
		return nil
	}
	addr := addrPort(l.Addr()).Addr()
	if addr.IsValid() && !addr.IsLoopback() {
		return fmt.Errorf("listening on %s, which is not loopback, needs --allow CIDR to say who may connect", l.Addr())
	}
	return nil
}

// allows reports whether a client at addr may connect.
func (p *Proxy) allows(addr netip.Addr) bool {
	if len(p.Allow) == 0 {
		return addr.IsLoopback()
	}
	for _, prefix := range p.Allow {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// addrPort is a's IP address and port, the zero value if it has none.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// ours reports whether addr is one where this proxy listens.
func (p *Proxy) ours(addr netip.AddrPort) bool {
	for _, l := range p.listeners {
		at := addrPort(l.Addr())
		if at.Port() != addr.Port() {
			continue
		}
		ip := addr.Addr().Unmap()
		if at.Addr() == ip || at.Addr().IsUnspecified() && (ip.IsUnspecified() || isLocal(ip)) {
			return true
		}
		if ip.IsUnspecified() && at.Addr().IsLoopback() {
			return true // the system takes it for loopback
		}
	}
	return false
}

// isLocal reports whether ip is an address of this machine.
func isLocal(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Unmap() == ip.WithZone("") {
			return true
		}
	}
	return false
}

// Accept errors that pass, such as running out of file descriptors, are waited
// out for a while that doubles from one to the other.
const (
	shortestBackOff = 5 * time.Millisecond
	longestBackOff  = time.Second
)

// acceptAll starts a session for each client. It returns nil when ctx is done
// or enough sessions have begun.
func (p *Proxy) acceptAll(ctx context.Context, l Listener) error {
	wait := shortestBackOff
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			wait = shortestBackOff
			if !p.admit(l, conn) {
				return nil
			}
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		default:
			p.Log.Warn().Err(err).Stringer("listen", l.Addr()).Dur("wait", wait).Msg("cannot accept a client now")
			pause(ctx, wait)
			wait = min(2*wait, longestBackOff)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
