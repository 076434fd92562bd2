package ca

import (
	"net/netip"
	"strings"
)

// A host is what a root and its leaves are for beside this machine: a name or
// an address. The zero value is this machine alone.
type host struct {
	name string // lower case
	addr netip.Addr
}

const localhost = "localhost"

// parseHost reads a host name or an address, perhaps in brackets. What no
// certificate can hold, and this machine itself, is the zero value.
func parseHost(s string) host {
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		if ip = ip.Unmap().WithZone(""); ip.IsLoopback() {
			return host{}
		}
		return host{addr: ip}
	}
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if name == localhost || !isHostName(name) {
		return host{}
	}
	return host{name: name}
}

// isHostName reports whether name can stand in a certificate: labels of
// letters, digits, hyphens and underscores, in at most 253 octets (RFC 5280
// section 4.2.1.6). A wildcard is none: no client asks for one.
func isHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func (h host) String() string {
	switch {
	case h.addr.IsValid():
		return h.addr.String()
	case h.name != "":
		return h.name
	}
	return localhost
}

// maxCommonName is what a common name may hold (RFC 5280 appendix A.1).
const maxCommonName = 64

// commonName is the host as far as it fits. Clients look at it only where there
// are no other names.
func (h host) commonName() string { return cutTo(h.String(), maxCommonName) }

func cutTo(s string, n int) string { return s[:min(len(s), n)] }
