package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"smtptap/decode/facts"
)

// A fakeNet is a network in which each address accepts or fails after a while.
type fakeNet struct {
	mu    sync.Mutex
	after map[string]time.Duration
	err   map[string]error
	open  []net.Conn
}

func (n *fakeNet) dial(ctx context.Context, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	select {
	case <-time.After(n.after[host]):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := n.err[host]; err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = append(n.open, there)
	return here, nil
}

func addresses(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// dials lists the notes of attempts as "address class".
func dials(noted []facts.Fact) []string {
	var out []string
	for _, f := range noted {
		if d, ok := f.(*facts.Dial); ok {
			out = append(out, strings.TrimSpace(strings.TrimSuffix(d.Addr, ":25")+" "+d.Class))
		}
	}
	return out
}

func TestConnect(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	unreachable := &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
	tests := []struct {
		name  string
		addrs []netip.Addr
		net   *fakeNet
		want  string // address that was reached
		took  time.Duration
		dials []string
	}{
		{name: "the first", addrs: addresses("192.0.2.1", "192.0.2.2"),
			net:  &fakeNet{after: map[string]time.Duration{"192.0.2.1": 100 * time.Millisecond}},
			want: "192.0.2.1", took: 100 * time.Millisecond, dials: []string{"192.0.2.1"}},
		{name: "refused, then the next at once", addrs: addresses("192.0.2.1", "192.0.2.2"),
			net:  &fakeNet{err: map[string]error{"192.0.2.1": refused}},
			want: "192.0.2.2", dials: []string{"192.0.2.1 refused", "192.0.2.2"}},
		{name: "no IPv6 here", addrs: addresses("2001:db8::1", "192.0.2.1"),
			net:  &fakeNet{err: map[string]error{"2001:db8::1": unreachable}},
			want: "192.0.2.1", dials: []string{"[2001:db8::1] unreachable", "192.0.2.1"}},
		{name: "silent, then the next beside it", addrs: addresses("2001:db8::1", "192.0.2.1"),
			net:  &fakeNet{after: map[string]time.Duration{"2001:db8::1": time.Hour, "192.0.2.1": 10 * time.Millisecond}},
			want: "192.0.2.1", took: 260 * time.Millisecond, dials: []string{"[2001:db8::1] other", "192.0.2.1"}},
		{name: "slow, but faster than the next", addrs: addresses("2001:db8::1", "192.0.2.1"),
			net:  &fakeNet{after: map[string]time.Duration{"2001:db8::1": 300 * time.Millisecond, "192.0.2.1": 300 * time.Millisecond}},
			want: "2001:db8::1", took: 300 * time.Millisecond, dials: []string{"192.0.2.1 other", "[2001:db8::1]"}},
		{name: "all refuse", addrs: addresses("192.0.2.1", "192.0.2.2"),
			net:   &fakeNet{err: map[string]error{"192.0.2.1": refused, "192.0.2.2": refused}},
			dials: []string{"192.0.2.1 refused", "192.0.2.2 refused"}},
		{name: "all silent", addrs: addresses("192.0.2.1", "192.0.2.2"),
			net:  &fakeNet{after: map[string]time.Duration{"192.0.2.1": time.Hour, "192.0.2.2": time.Hour}},
			took: 30*time.Second + 250*time.Millisecond, dials: []string{"192.0.2.1 timeout", "192.0.2.2 timeout"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &Connector{dial: tt.net.dial}
				var noted []facts.Fact
				begin := time.Now()
				s, failed := c.connect(t.Context(), func(f facts.Fact) { noted = append(noted, f) }, Host{Name: "mx.example.org"}, tt.addrs)
				got := ""
				if s != nil {
					got = s.Addr.Addr().String()
					s.Conn.Close()
				}
				if got != tt.want || time.Since(begin) != tt.took {
					t.Errorf("reached %q after %v, want %q after %v", got, time.Since(begin), tt.want, tt.took)
				}
				if d := dials(noted); !slices.Equal(d, tt.dials) {
					t.Errorf("noted %q, want %q", d, tt.dials)
				}
				if s == nil && len(failed) != len(tt.addrs) {
					t.Errorf("%d of %d attempts are told as failed", len(failed), len(tt.addrs))
				}
				// Whatever was opened beside the winner is closed again.
				for _, c := range tt.net.open {
					c.SetReadDeadline(time.Now().Add(time.Second))
					if _, err := c.Read(make([]byte, 1)); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
						t.Error("a connection was left open")
					}
				}
			})
		})
	}
}

// TestGuard goes through the real dialer: what is refused is the address of
// the socket, so no name and no answer can lead around it.
func TestGuard(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	reached := make(chan struct{}, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			reached <- struct{}{}
		}
	}()
	for _, a := range []string{"127.0.0.1", "::ffff:127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::", "169.254.169.254", "10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"} {
		c := &Connector{Port: port, Timeout: 5 * time.Second}
		var noted []facts.Fact
		s, failed := c.connect(t.Context(), func(f facts.Fact) { noted = append(noted, f) }, Host{Name: "mx.example.org"}, addresses(a))
		if s != nil || len(failed) != 1 || noted[0].(*facts.Dial).Class != "not-allowed" {
			t.Errorf("%s: %v, %+v", a, s, noted[0])
		}
	}
	if len(reached) != 0 {
		t.Errorf("%d connections were made to special addresses", len(reached))
	}
	c := &Connector{Port: port, AllowPrivate: true}
	s, _ := c.connect(t.Context(), func(facts.Fact) {}, Host{}, addresses("127.0.0.1"))
	if s == nil {
		t.Fatal("with AllowPrivate the address was not reached")
	}
	s.Conn.Close()
	<-reached
}

func TestLoop(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	self := netip.MustParseAddrPort(l.Addr().String())
	c := &Connector{Port: self.Port(), AllowPrivate: true, Loop: func(remote netip.AddrPort) bool { return remote == self }}
	s, failed := c.connect(t.Context(), func(facts.Fact) {}, Host{}, addresses("127.0.0.1"))
	if s != nil || len(failed) != 1 || !errors.Is(failed[0].err, errLoop) {
		t.Errorf("%v, %v", s, failed)
	}
}

// A noter is a session that keeps its facts.
type noter struct{ noted []facts.Fact }

func (n *noter) Fact(f facts.Fact)           { n.noted = append(n.noted, f) }
func (n *noter) Ours(netip.AddrPort) bool    { return false }
func (n *noter) Destination() netip.AddrPort { return netip.AddrPort{} }
func (n *noter) OursAt(path string) bool     { return path == "/ours" }

// Only has the last word about the address itself.
func TestOnly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	var asked []netip.Addr
	f := &Fixed{Host: "127.0.0.1", Port: port, Only: func(a netip.Addr) error {
		asked = append(asked, a)
		return errors.New("not today")
	}}
	ses := &noter{}
	s, err := f.Dial(t.Context(), ses)
	if s != nil || err == nil || !strings.HasSuffix(err.Error(), ": not today") {
		t.Errorf("%v, %v", s, err)
	}
	if len(asked) != 1 || asked[0] != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("asked about %v", asked)
	}
	if len(ses.noted) != 1 || ses.noted[0].(*facts.Dial).Class != "not-allowed" {
		t.Errorf("noted %+v", ses.noted)
	}
}

// TestRoute: the DNS says where, the connector how far one gets.
func TestRoute(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	literal := func(name, addr string) Host { return Host{Name: name, Literal: netip.MustParseAddr(addr)} }
	for _, tt := range []struct {
		name    string
		hosts   []Host
		err     map[string]error
		want    string
		problem Problem
		code    int
	}{
		{"second host", []Host{literal("a", "192.0.2.1"), literal("b", "192.0.2.2")}, map[string]error{"192.0.2.1": refused}, "b", "", 0},
		{"all refuse", []Host{literal("a", "192.0.2.1"), literal("b", "192.0.2.2")}, map[string]error{"192.0.2.1": refused, "192.0.2.2": refused}, "", Unreachable, 451},
		{"all private", []Host{literal("a", "192.0.2.1")}, map[string]error{"192.0.2.1": &specialError{"private"}}, "", NotAllowed, 550},
		{"private, then refused", []Host{literal("a", "192.0.2.1"), literal("b", "192.0.2.2")}, map[string]error{"192.0.2.1": &specialError{"private"}, "192.0.2.2": refused}, "", Unreachable, 451},
		{"refused, then private", []Host{literal("a", "192.0.2.1"), literal("b", "192.0.2.2")}, map[string]error{"192.0.2.2": &specialError{"private"}, "192.0.2.1": refused}, "", Unreachable, 451},
		{"loop", []Host{literal("a", "192.0.2.1")}, map[string]error{"192.0.2.1": errLoop}, "", Loop, 554},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &fakeNet{err: tt.err}
			c := &Connector{dial: n.dial}
			l := new(Resolver).Lookup(func(facts.Fact) {})
			s, err := c.NewRoute(l, Domain{ASCII: "example.org"}, tt.hosts).Next(t.Context())
			if tt.want != "" {
				if err != nil || s.Host.Name != tt.want {
					t.Fatalf("%v, %v, want %s", s, err, tt.want)
				}
				s.Conn.Close()
				return
			}
			var none *NoServerError
			if !errors.As(err, &none) || none.Problem != tt.problem || none.Reply().Code != tt.code {
				t.Fatalf("%v, want %s", err, tt.problem)
			}
			for i := range tt.hosts {
				if addr := fmt.Sprintf("192.0.2.%d", i+1); !strings.Contains(none.Reply().Text, addr) {
					t.Errorf("reply %q does not name %s", none.Reply().Text, addr)
				}
			}
		})
	}
}

func TestPatience(t *testing.T) {
	m := &MX{Resolver: new(Resolver)}
	if got := m.Patience(); got != 10*time.Second+5*31*time.Second {
		t.Errorf("by default %v", got)
	}
	m = &MX{Resolver: &Resolver{Budget: time.Second}, Connector: Connector{Timeout: 2 * time.Second, Stagger: time.Second}}
	if got := m.Patience(); got != 31*time.Second {
		t.Errorf("as set %v", got)
	}
}
