package replay

import (
	"net/netip"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// OnThisMachine is for the addresses that a replay may be said to: it returns
// the reason why not for all but loopback addresses. The unspecified address is
// refused too, although some systems take it for loopback.
func OnThisMachine(a netip.Addr) error {
	if a.Unmap().IsLoopback() {
		return nil
	}
	return facts.Sentence("replay-here-only")
}

// Private says why a password must not be said in a session as it is now: its
// server is on another machine, and there is no TLS with it.
func Private(t *decode.Transcript) error {
	var at string
	secured := false
	for _, e := range t.Entries {
		switch f := e.Fact.(type) {
		case *facts.Dial:
			if f.Err == "" {
				at, secured = f.Addr, false
			}
		case *facts.TLS:
			secured = secured || f.Leg == who.ServerLeg && f.Err == ""
		}
	}
	if secured {
		return nil
	}
	if addr, err := netip.ParseAddrPort(at); err == nil && OnThisMachine(addr.Addr()) == nil {
		return nil
	}
	return words.Error("password-in-clear")
}
