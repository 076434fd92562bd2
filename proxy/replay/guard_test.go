package replay_test

import (
	"net/netip"
	"testing"

	"smtptap/proxy/replay"
)

func TestOnThisMachine(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1": true, "127.8.9.10": true, "::1": true, "::ffff:127.0.0.1": true,
		"0.0.0.0": false, "::": false, "192.0.2.1": false, "10.0.0.1": false, "192.168.1.1": false, "169.254.1.1": false,
		"::ffff:192.0.2.1": false, "2001:db8::1": false, "fe80::1%eth0": false, "fd00::1": false,
	} {
		if err := replay.OnThisMachine(netip.MustParseAddr(addr)); (err == nil) != ok {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
