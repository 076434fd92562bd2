package proxy

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"smtptap/decode/visible"
	"smtptap/proxy/upstream"
)

// An Address is where to listen, as the user writes it.
type Address struct {
	tls     bool
	control func(network, address string, raw syscall.RawConn) error
	network string // "tcp", "tcp4", "unix" or "systemd"
	at      string // address, path, or the name of sockets
}

// Transparent is the address for connections that are led there on their way to
// another place. The error says why there can't be any.
func (a Address) Transparent() (Address, error) {
	switch {
	case !canBeTransparent:
		return a, words.Error("transparent-linux")
	case a.network == "unix":
		return a, words.Error("transparent-socket")
	case a.tls:
		return a, words.Error("transparent-tls")
	}
	a.control = takeForeign
	return a, nil
}

// ParseAddress reads where to listen:
//
//	PORT, :PORT, HOST:PORT   on loopback, on all addresses, on those of HOST; an IPv4 address stands for itself alone
//	unix:PATH                a unix socket
//	systemd, systemd:NAME    the sockets that systemd passes, or those with that FileDescriptorName=
//
// each with tls: in front for TLS from the first byte.
func ParseAddress(s string) (Address, error) {
	a := Address{network: "tcp"}
	a.at, a.tls = strings.CutPrefix(s, "tls:")
	if network, at, _ := strings.Cut(a.at, ":"); network == "unix" || network == "systemd" {
		a.network, a.at = network, at
	}
	var err error
	switch a.network {
	case "unix":
		err = upstream.CheckSocketPath(a.at)
	case "tcp":
		err = a.parseTCP()
	}
	if err != nil {
		return a, words.Error("listen-address", "address", visible.Text(s), "why", err)
	}
	return a, nil
}

var errAddress = words.Error("address-forms")

func (a *Address) parseTCP() error {
	if !strings.Contains(a.at, ":") {
		a.at = "127.0.0.1:" + a.at
	}
	host, port, err := net.SplitHostPort(a.at)
	if err != nil || port == "" {
		return errAddress
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return words.Error("not-a-port", "port", visible.Text(port))
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		a.network = "tcp4" // 0.0.0.0 would stand for IPv6 as well
	}
	return nil
}

// Listen listens there. A unix socket gets that mode.
func (a Address) Listen(mode fs.FileMode) ([]Listener, error) {
	switch a.network {
	case "systemd":
		return passed(a)
	case "unix":
		l, err := listenUnix(a.at, mode)
		return a.opened(l, err)
	}
	config := net.ListenConfig{KeepAlive: -1, Control: a.control} // a peer that is gone is found by IdleTimeout
	l, err := config.Listen(context.Background(), a.network, a.at)
	return a.opened(l, err)
}

func (a Address) opened(l net.Listener, err error) ([]Listener, error) {
	if err != nil {
		return nil, words.Error("listen-failed", "address", visible.Text(a.at), "why", cause(err), "hint", a.hint(err))
	}
	return []Listener{{Listener: l, TLS: a.tls}}, nil
}

// listenUnix listens on a unix socket. The file of one on which nobody listens
// any more is removed; that of the new one goes when it is closed.
func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil: // also for an abstract socket, which has no file
	case info.Mode()&fs.ModeSocket == 0:
		return nil, words.Error("not-a-socket")
	default:
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
			return nil, syscall.EADDRINUSE
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, err
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	defer withMask(0o777 &^ mode.Perm())()
	return net.Listen("unix", path)
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

func (a Address) hint(err error) any {
	switch {
	case a.network == "unix" && errors.Is(err, syscall.EADDRINUSE):
		return words.Error("hint-socket")
	case a.network == "unix":
		return ""
	case errors.Is(err, syscall.EADDRINUSE):
		return words.Error("hint-in-use")
	case errors.Is(err, syscall.EACCES):
		return words.Error("hint-low-port")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return words.Error("hint-not-here")
	}
	return ""
}
