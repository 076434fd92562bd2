package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// A Listener is where clients connect.
type Listener struct {
	net.Listener
	TLS         bool // TLS begins with the first byte
	Header      bool // every client begins with a PROXY header
	Transparent bool // clients are led here on their way to another place
}

// String is the listener's address in the form that ParseAddress reads.
func (l Listener) String() string {
	if l.TLS {
		return "tls:" + l.Where()
	}
	return l.Where()
}

// Where is the listener's address alone.
func (l Listener) Where() string { return nameOf(l.Addr()) }

// nameOf is an address as people read it: that of a unix socket begins with
// unix:.
func nameOf(a net.Addr) string {
	if unix, ok := a.(*net.UnixAddr); ok {
		return "unix:" + unix.Name
	}
	return a.String()
}

func closeAll(listeners []Listener) {
	for _, l := range listeners {
		l.Close() // a second time does no harm
	}
}

// clientName is where a client comes from. A client of a unix socket has no
// address, but is a process.
func clientName(conn net.Conn) string {
	if unix, ok := conn.(*net.UnixConn); ok {
		if who := credentials(unix); who != "" {
			return "unix:" + who
		}
	}
	return nameOf(conn.RemoteAddr())
}

// CheckExposure refuses, as Serve does, to listen to the world for everybody:
// whoever reaches smtptap can send mail as if from this machine.
func (p *Proxy) CheckExposure(l Listener) error {
	if len(p.Allow) > 0 {
		return nil
	}
	addr := addrPort(l.Addr()).Addr()
	if addr.IsValid() && !addr.IsLoopback() {
		return words.Error("needs-allow", "address", l)
	}
	return nil
}

// allows reports whether a client at addr may connect. Who may connect to a unix
// socket is up to its file. This machine's own clients come from any of its
// addresses when they are led here on their way.
func (p *Proxy) allows(l Listener, addr net.Addr) bool {
	if _, unix := addr.(*net.UnixAddr); unix {
		return true
	}
	ip := addrPort(addr).Addr()
	if len(p.Allow) == 0 {
		return ip.IsLoopback() || l.Transparent && isLocal(ip)
	}
	for _, prefix := range p.Allow {
		if prefix.Contains(ip) {
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

// oursAt reports whether this proxy listens on the unix socket at path.
func (p *Proxy) oursAt(path string) bool {
	for _, l := range p.listeners {
		if at, ok := l.Addr().(*net.UnixAddr); ok && (at.Name == path || sameFile(at.Name, path)) {
			return true
		}
	}
	return false
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
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
			return fmt.Errorf("accept on %s: %w", l, err)
		default:
			p.Log.Warn().Err(err).Stringer("listen", l).Dur("wait", wait).Msg("cannot accept a client now")
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
