package handshake

import (
	"crypto/tls"
	"slices"
)

// hellos are the cipher suites with which the clients of a TLS library begin,
// those of TLS 1.3 apart. Each library has an order of its own, and so have
// PHP and Node.js, which tell OpenSSL what to offer.
var hellos = []struct {
	library string
	suites  []uint16
}{
	{"PHP", []uint16{0xc02f, 0xc02b, 0xc030, 0xc02c, 0x009e, 0x00a2}},
	{"Node.js", []uint16{0xc02f, 0xc02b, 0xc030, 0xc02c, 0x009e, 0xc027}},
	{"OpenSSL", []uint16{0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa}},
	{"Java", []uint16{0xc02c, 0xc02b, 0xcca9, 0xc030, 0xcca8, 0xc02f}},
	{"Go", []uint16{0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8}},
	{"GnuTLS", []uint16{0xc02c, 0xcca9, 0xc0ad, 0xc00a, 0xc02b, 0xc0ac}},
}

// library guesses whose ClientHello it is, from the defaults of versions in use
// today. A program that chooses suites of its own looks like none, or another.
func library(h *tls.ClientHelloInfo) string {
	suites := slices.DeleteFunc(slices.Clone(h.CipherSuites), func(id uint16) bool {
		return isGREASE(id) || id>>8 == 0x13 // of TLS 1.3
	})
	for _, known := range hellos {
		if len(suites) >= len(known.suites) && slices.Equal(suites[:len(known.suites)], known.suites) {
			return known.library
		}
	}
	return ""
}
