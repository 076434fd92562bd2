package findings

import (
	"net/netip"
	"strings"
)

// splitHostPort splits "host:port" and "[host]:port". Without a port the whole
// is the host.
func splitHostPort(address string) (host, port string) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 || strings.IndexByte(address, ':') != i && !strings.HasPrefix(address, "[") {
		return strings.Trim(address, "[]"), ""
	}
	return strings.Trim(address[:i], "[]"), address[i+1:]
}

// address parses an IP address; ok is false for names.
func address(text string) (ip netip.Addr, ok bool) {
	ip, err := netip.ParseAddr(text)
	return ip, err == nil
}
