package proxy

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// canBeTransparent reports that the system tells where a client wanted to go.
const canBeTransparent = true

// takeForeign lets a listener take connections to other addresses, as TPROXY leads
// them to it. That needs a right that REDIRECT does without.
func takeForeign(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1)
		unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
	})
}

// originalDestination is where a client wanted to go: the system remembers it of
// a connection that REDIRECT has changed, and TPROXY leaves it as it was.
func originalDestination(conn net.Conn) netip.AddrPort {
	local := addrPort(conn.LocalAddr())
	raw := rawOf(conn)
	if raw == nil {
		return local
	}
	raw.Control(func(fd uintptr) {
		if local.Addr().Is4() {
			// The option's value is a sockaddr_in; this type has room for one.
			if a, err := unix.GetsockoptIPv6Mreq(int(fd), unix.SOL_IP, unix.SO_ORIGINAL_DST); err == nil {
				local = netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.Multiaddr[4:8])), binary.BigEndian.Uint16(a.Multiaddr[2:4]))
			}
			return
		}
		if a, err := unix.GetsockoptIPv6MTUInfo(int(fd), unix.SOL_IPV6, unix.SO_ORIGINAL_DST); err == nil {
			var port [2]byte
			binary.NativeEndian.PutUint16(port[:], a.Addr.Port)
			local = netip.AddrPortFrom(netip.AddrFrom16(a.Addr.Addr), binary.BigEndian.Uint16(port[:]))
		}
	})
	return local
}
