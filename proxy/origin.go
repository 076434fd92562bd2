package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pires/go-proxyproto"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/visible"
)

// An origin is what a client's connection doesn't tell of it: who it is, from a
// PROXY header, and where it wanted to go. The zero value is for one that tells
// all.
type origin struct {
	version int      // of the PROXY header; 0 for none
	client  net.Addr // whom the header names; nil for whoever connected
	to      net.Addr // where the client wanted to go; nil for where it connected
}

// name is the client as transcripts show it, and as rules know it.
func (o origin) name(conn net.Conn) string {
	if o.client != nil {
		return nameOf(o.client)
	}
	return clientName(conn)
}

// from is where the client comes from.
func (o origin) from(conn net.Conn) net.Addr {
	if o.client != nil {
		return o.client
	}
	return conn.RemoteAddr()
}

// destination is where the client wanted to go.
func (o origin) destination(conn net.Conn) net.Addr {
	if o.to != nil {
		return o.to
	}
	return conn.LocalAddr()
}

// headerTimeout is how long a client has for its PROXY header.
const headerTimeout = 5 * time.Second

// readHeader reads a PROXY header, and not a byte after it: the socket goes on
// as it is.
func readHeader(conn net.Conn, timeout time.Duration) (o origin, err error) {
	conn.SetReadDeadline(time.Now().Add(timeout))
	defer conn.SetReadDeadline(time.Time{})
	var raw []byte
	for more := true; more; {
		var next [1]byte
		switch _, err := io.ReadFull(conn, next[:]); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return o, fmt.Errorf("none came in %v", timeout)
		case err != nil:
			return o, errors.New("the connection ended before it")
		}
		raw = append(raw, next[0])
		var kind smtp.Header
		if kind, _, more = smtp.ReadHeader(raw); !more && kind != smtp.ProxyV1 && kind != smtp.ProxyV2 {
			return o, errors.New("the connection begins with something else")
		}
	}
	h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return o, errors.New(visible.Text(err.Error()))
	}
	o.version = int(h.Version)
	if from, to, ok := h.TCPAddrs(); ok && h.Command.IsProxy() { // and not a proxy that speaks for itself
		o.client, o.to = from, to
	}
	return o, nil
}

// writeHeader tells a server of the client.
func writeHeader(conn net.Conn, version byte, from, to net.Addr, timeout time.Duration) error {
	client, destination := addrPort(from), addrPort(to)
	if client.Addr().Is4() != destination.Addr().Is4() || !client.IsValid() {
		from, to = nil, nil // which no header can tell
	}
	conn.SetWriteDeadline(time.Now().Add(timeout))
	defer conn.SetWriteDeadline(time.Time{})
	_, err := proxyproto.HeaderProxyFromAddrs(version, from, to).WriteTo(conn)
	return err
}

// open is the client as a transcript shows it.
func (o origin) open(conn net.Conn, tls bool) *facts.Open {
	f := &facts.Open{Client: o.name(conn), Listen: nameOf(conn.LocalAddr()), TLS: tls, Header: o.version}
	if o.client != nil {
		f.Peer = clientName(conn)
	}
	if o.to != nil {
		f.Destination = nameOf(o.to)
	}
	return f
}

// awaitHeader admits a client once its PROXY header has come. It returns false
// when no more clients are wanted.
func (p *Proxy) awaitHeader(l Listener, conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closing || p.isFull():
		conn.Close()
		return false
	case len(p.waiting) >= orDefault(p.MaxSessions, DefaultMaxSessions)+mostTurnedAway:
		conn.Close()
		return true
	}
	p.waiting[conn] = struct{}{}
	p.wg.Go(func() {
		o, err := readHeader(conn, orDefault(p.header, headerTimeout))
		p.mu.Lock()
		delete(p.waiting, conn)
		p.mu.Unlock()
		if err != nil {
			p.Log.Warn().Str("client", clientName(conn)).Stringer("listen", l).Str("header", err.Error()).Msg("closed a connection without a good PROXY header, which --proxy-protocol wants of every client")
			conn.Close()
			return
		}
		if !p.accept(l, conn, o) {
			p.enough()
		}
	})
	return true
}

// dropWaiting closes the connections whose header has not come.
func (p *Proxy) dropWaiting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.waiting {
		conn.Close()
	}
}

// redirected is where a client wanted to go that was led here on its way.
func (p *Proxy) redirected(conn net.Conn) (o origin, there bool) {
	to := originalDestination(conn)
	if !to.IsValid() || p.ours(to) {
		return o, false
	}
	return origin{to: net.TCPAddrFromAddrPort(netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))}, true
}
