package upstream_test

import (
	"net/netip"
	"testing"

	"smtptap/proxy/upstream"
)

func TestSpecial(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0":                  "unspecified",
		"0.1.2.3":                  "unspecified",
		"10.0.0.1":                 "private",
		"100.64.0.1":               "shared by carrier-grade NAT",
		"100.127.255.255":          "shared by carrier-grade NAT",
		"127.0.0.1":                "loopback",
		"127.255.255.254":          "loopback",
		"169.254.169.254":          "link-local",
		"172.16.0.1":               "private",
		"172.31.255.255":           "private",
		"192.0.0.8":                "reserved for protocols",
		"192.0.2.1":                "for documentation",
		"192.88.99.1":              "6to4 relay",
		"192.168.1.1":              "private",
		"198.18.0.1":               "for benchmarks",
		"198.19.255.255":           "for benchmarks",
		"198.51.100.1":             "for documentation",
		"203.0.113.1":              "for documentation",
		"224.0.0.1":                "multicast",
		"239.255.255.255":          "multicast",
		"240.0.0.1":                "reserved",
		"255.255.255.255":          "broadcast",
		"::":                       "unspecified",
		"::1":                      "loopback",
		"::7f00:1":                 "IPv4-compatible",
		"::ffff:127.0.0.1":         "loopback",
		"::ffff:10.0.0.1":          "private",
		"::ffff:0:7f00:1":          "IPv4-translated",
		"64:ff9b::7f00:1":          "NAT64",
		"64:ff9b:1::a00:1":         "NAT64",
		"100::1":                   "discard-only",
		"2001::1":                  "Teredo",
		"2001:2::1":                "for benchmarks",
		"2001:10::1":               "reserved for protocols",
		"2001:db8::1":              "for documentation",
		"2002:7f00:1::1":           "6to4",
		"3fff::1":                  "for documentation",
		"5f00::1":                  "segment routing",
		"fc00::1":                  "private",
		"fd12:3456::1":             "private",
		"fe80::1":                  "link-local",
		"fe80::1%eth0":             "link-local",
		"fec0::1":                  "site-local",
		"ff02::1":                  "multicast",
		"4000::1":                  "not global unicast",
		"8.8.8.8":                  "",
		"1.1.1.1":                  "",
		"9.255.255.255":            "",
		"11.0.0.0":                 "",
		"100.63.255.255":           "",
		"100.128.0.0":              "",
		"172.15.255.255":           "",
		"172.32.0.0":               "",
		"192.167.255.255":          "",
		"223.255.255.255":          "",
		"::ffff:8.8.8.8":           "",
		"2606:4700:4700::1111":     "",
		"2a00:1450:4001:82a::200e": "",
		"2001:4860:4860::8888":     "",
		"2001:200::1":              "",
		"2003::1":                  "",
		"3fff:1000::1":             "",
		"2001:db9::1":              "",
	} {
		if got := upstream.Special(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is %q, want %q", addr, got, want)
		}
	}
	if got := upstream.Special(netip.Addr{}); got == "" {
		t.Error("no address at all is an ordinary one")
	}
}
