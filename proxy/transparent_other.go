//go:build !linux

package proxy

import (
	"net"
	"net/netip"
	"syscall"
)

const canBeTransparent = false

func takeForeign(string, string, syscall.RawConn) error { return nil }

func originalDestination(net.Conn) netip.AddrPort { return netip.AddrPort{} }
