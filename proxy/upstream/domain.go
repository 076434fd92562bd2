package upstream

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"smtptap/decode/facts"
)

// A Domain is where mail is addressed to: a domain name in both its forms, or
// an address literal (RFC 5321 section 4.1.3).
type Domain struct {
	ASCII   string     // lower case, A-labels, no trailing dot; of a literal as given, with its brackets
	Unicode string     // the same with U-labels; equal to ASCII when there are none
	Literal netip.Addr // valid for an address literal only
}

// String is the ASCII form, followed by the Unicode form when they differ.
func (d Domain) String() string {
	if d.Unicode == d.ASCII {
		return d.ASCII
	}
	return d.ASCII + " (" + d.Unicode + ")"
}

const (
	maxName  = 253 // of a domain name in its text form (RFC 1035 section 2.3.4)
	maxLabel = 63
)

// toASCII maps as a lookup does, with the checks of IDNA2008. It is used only
// for names that hold something other than ASCII, so its strictness about
// underscores meets no existing host.
var toASCII = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(true))

// ParseDomain reads what follows the @ of an address. The error is a
// *NoServerError with the problem BadDomain.
func ParseDomain(s string) (Domain, error) {
	bad := func(why facts.Sentence) (Domain, error) {
		return Domain{}, &NoServerError{Name: s, Problem: BadDomain, Detail: why}
	}
	if strings.HasPrefix(s, "[") {
		a, why := parseLiteral(s)
		if why != "" {
			return bad(why)
		}
		return Domain{ASCII: s, Unicode: s, Literal: a}, nil
	}
	name := strings.TrimSuffix(s, ".")
	if name == "" {
		return bad("name-empty")
	}
	ascii := strings.ToLower(name)
	if !isASCII(name) {
		var err error
		if ascii, err = toASCII.ToASCII(name); err != nil || !utf8.ValidString(name) {
			return bad("name-not-idn")
		}
	}
	if why := badName(ascii); why != "" {
		return bad(why)
	}
	if looksLikeAddress(ascii) {
		return bad(facts.Say("name-is-address", "address", ascii))
	}
	d := Domain{ASCII: ascii, Unicode: ascii}
	if strings.Contains(ascii, "xn--") {
		if u, err := idna.Display.ToUnicode(ascii); err == nil {
			d.Unicode = u
		}
	}
	return d, nil
}

// parseLiteral reads an address literal: [192.0.2.1] or [IPv6:2001:db8::1].
func parseLiteral(s string) (_ netip.Addr, why facts.Sentence) {
	inner, ok := strings.CutSuffix(s[1:], "]")
	if !ok {
		return netip.Addr{}, "name-bracket-open"
	}
	const tag = "IPv6:"
	six := len(inner) >= len(tag) && strings.EqualFold(inner[:len(tag)], tag)
	if six {
		inner = inner[len(tag):]
	}
	a, err := netip.ParseAddr(inner)
	switch {
	case err != nil || a.Zone() != "":
		return netip.Addr{}, "name-no-address"
	case a.Is6() && !six:
		return netip.Addr{}, "name-no-tag"
	case a.Is4() && six:
		return netip.Addr{}, "name-wrong-tag"
	}
	return a, ""
}

// badName says why name is not one that a host or mail domain can have, or "".
// Underscores are let through: names with them exist and resolve.
func badName(name string) facts.Sentence {
	if len(name) > maxName {
		return facts.Say("name-too-long", "n", maxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return "name-label-empty"
		case len(label) > maxLabel:
			return facts.Say("name-label-long", "n", maxLabel)
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return "name-label-hyphen"
		}
		for _, c := range []byte(label) {
			if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return "name-characters"
			}
		}
	}
	return ""
}

// looksLikeAddress reports whether name is an IP address, or would be read as
// one: no top-level domain consists of digits (RFC 3696 section 2).
func looksLikeAddress(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last != "" && strings.Trim(last, "0123456789") == ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
