package smtp

import "bytes"

// A Header is what may stand before the first command.
type Header uint8

const (
	NoHeader Header = iota
	ProxyV1         // the header of the PROXY protocol, version 1: a line
	ProxyV2         // its version 2, which is binary
	TLS             // a TLS handshake
)

// lines is how often a server may answer the header that does not know it: the
// binary one reads as two empty lines, one with a NUL, QUIT, and the start of
// the next command.
func (h Header) lines() int {
	if h == ProxyV2 {
		return 4
	}
	return 1
}

const (
	proxyV1        = "PROXY "
	longestProxyV1 = 107
	proxyV2        = "\r\n\r\n\x00\r\nQUIT\n"
	proxyV2Fixed   = len(proxyV2) + 4
)

// ReadHeader looks at the start of a client's stream, and returns what stands
// there before the first command and how long it is, of TLS 0. More bytes are
// needed to tell while more is true; a length that is known already is returned.
func ReadHeader(p []byte) (h Header, n int, more bool) {
	switch {
	case BeginsTLS(p):
		return TLS, 0, false
	case begins(p, proxyV1):
		return readProxyV1(p)
	case begins(p, proxyV2):
		return readProxyV2(p)
	}
	return NoHeader, 0, false
}

// BeginsTLS reports whether p begins with a TLS handshake record (RFC 8446
// section 5.1). No command starts with that control character.
func BeginsTLS(p []byte) bool { return len(p) > 0 && p[0] == 0x16 }

// begins reports whether p begins with s, as far as both go.
func begins(p []byte, s string) bool {
	n := min(len(p), len(s))
	return string(p[:n]) == s[:n]
}

func readProxyV1(p []byte) (h Header, n int, more bool) {
	rest := p[min(len(p), len(proxyV1)):]
	if !begins(rest, "TCP4 ") && !begins(rest, "TCP6 ") && !begins(rest, "UNKNOWN") {
		return NoHeader, 0, false
	}
	if end := bytes.IndexByte(p, '\n'); end >= 0 {
		if end >= longestProxyV1 || p[end-1] != '\r' || end < len(proxyV1)+len("TCP4 ") {
			return NoHeader, 0, false
		}
		return ProxyV1, end + 1, false
	}
	return NoHeader, 0, len(p) < longestProxyV1
}

func readProxyV2(p []byte) (h Header, n int, more bool) {
	if len(p) < proxyV2Fixed {
		return NoHeader, 0, true
	}
	if version, command := p[12]>>4, p[12]&0xf; version != 2 || command > 1 {
		return NoHeader, 0, false
	}
	n = proxyV2Fixed + int(p[14])<<8 + int(p[15])
	return ProxyV2, n, len(p) < n
}
