package redact

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// Patterns of what gets stand-ins. They are generous: a stand-in too many does
// less harm than an address that stays.
var (
	ip4Pattern   = regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b`)
	ip6Pattern   = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{1,4}:){2,7}(?:[0-9a-f]{1,4}|:)|(?i)\b(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}|::[0-9a-f]{1,4}`)
	namePattern  = regexp.MustCompile(`[\pL\pN](?:[\pL\pM\pN-]*[\pL\pM\pN])?(?:\.[\pL\pN](?:[\pL\pM\pN-]*[\pL\pM\pN])?)+`)
	linkPattern  = regexp.MustCompile(`(?i)\b(https?://[^/\s"'<>?#]+)[/?#][^\s"'<>]*`)
	linkHost     = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://(?:[^\s/@"'<>]*@)?([\pL\pN](?:[\pL\pM\pN.-]*[\pL\pM\pN])?)`)
	routePattern = regexp.MustCompile(`@(` + namePattern.String() + `)[,:]`) // of a source route (RFC 5321 appendix C)
	tokenPattern = regexp.MustCompile(`\b[A-Za-z0-9_-]{24,}\b`)
)

// standIns gives each thing its stand-in, the same one each time.
type standIns struct {
	levels  Levels
	people  map[string]string // stand-ins of local parts, by address with its domain in A-labels; of login names
	users   int               // how many of these were given out
	given   map[string]bool   // addresses of stand-ins
	persons map[string]string // by display name
	domains map[string]string // of addresses, in A-labels
	hosts   map[string]string
	ips     map[netip.Addr]string
	known   []string // host names to look for, longest first
	four    int
	six     int

	phrases       []string          // those of locals that are no single word
	locals        map[string]string // stand-ins of local parts and user names that stand alone, by them in lower case
	organisations map[string]string // by name in a certificate
}

func newStandIns(l Levels) *standIns {
	return &standIns{levels: l, people: map[string]string{}, given: map[string]bool{}, persons: map[string]string{},
		domains: map[string]string{}, hosts: map[string]string{}, ips: map[netip.Addr]string{}, locals: map[string]string{}, organisations: map[string]string{}}
}

// text replaces in text that is no part of a message.
func (s *standIns) text(t string) string {
	if s.levels.Addresses {
		t = s.inHex(s.inAddresses(t), s.inPlain)
	}
	if s.levels.Hosts {
		t = s.inHex(s.inOrganisations(s.inHosts(t)), s.inHosts)
	}
	if s.levels.Addresses {
		t = s.inLocals(t, false)
	}
	if s.levels.Addresses && !s.levels.KeepDomains {
		t = s.inDomains(t)
	}
	return t
}

// content replaces in the text of a message.
func (s *standIns) content(t string) string {
	if s.levels.Links {
		t = linkPattern.ReplaceAllString(t, "$1/[link]")
		t = tokenPattern.ReplaceAllStringFunc(t, maskToken)
	}
	return s.text(t)
}

// maskToken takes out what looks random: long, and with digits in it.
func maskToken(token string) string {
	if strings.ContainsAny(token, "0123456789") && !strings.Contains(token, "__") {
		return "[token]"
	}
	return token
}

// learn remembers a host name, to replace it wherever it stands.
func (s *standIns) learn(host string) {
	host = strings.Trim(strings.ToLower(host), ".[]")
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == "localhost" || !strings.ContainsAny(host, ".-") && len(host) < 4 {
		return
	}
	if strings.ContainsAny(host, " \t()<>\"/:@") {
		return
	}
	key := canonical(host)
	if _, found := s.hosts[key]; found || isStandIn(key) {
		return
	}
	s.hosts[key] = fmt.Sprintf("host%d.example", len(s.hosts)+1)
	s.known = append(s.known, key)
	if unicode, err := idna.ToUnicode(key); err == nil && unicode != key {
		s.known = append(s.known, unicode)
	}
	slices.SortStableFunc(s.known, func(a, b string) int { return len(b) - len(a) })
}

// inDomains replaces the domains of addresses where they stand for
// themselves, as in the d= of a DKIM signature. Hosts in them are left to the
// level for hosts.
func (s *standIns) inDomains(t string) string {
	return namePattern.ReplaceAllStringFunc(t, func(name string) string {
		if have := s.domains[canonical(name)]; have != "" {
			return have
		}
		return name
	})
}

func (s *standIns) inHosts(t string) string {
	for _, m := range linkHost.FindAllStringSubmatch(t, -1) {
		s.learn(m[1])
	}
	for _, m := range addressPattern.FindAllStringSubmatch(t, -1) {
		if domain := m[3][:domainEnd(m[3])]; strings.Contains(domain, ".") {
			s.learn(domain)
		}
	}
	for _, m := range routePattern.FindAllStringSubmatch(t, -1) {
		s.learn(m[1])
	}
	for _, host := range s.known {
		t = replaceWord(t, host, s.hosts[canonical(host)])
	}
	t = ip4Pattern.ReplaceAllStringFunc(t, s.ip)
	return ip6Pattern.ReplaceAllStringFunc(t, s.ip)
}

// ip is the stand-in of an IP address, out of those kept for documentation
// (RFC 3849 for IPv6). Loopback addresses tell nothing and stay.
func (s *standIns) ip(text string) string {
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.IsLoopback() || ip.IsUnspecified() {
		return text
	}
	if have, found := s.ips[ip]; found {
		return have
	}
	var name string
	if ip.Is4() {
		name = documented(s.four)
		s.four++
	} else {
		s.six++
		name = fmt.Sprintf("2001:db8::%x", s.six)
	}
	s.ips[ip] = name
	s.ips[netip.MustParseAddr(name)] = name
	return name
}

// documented is the nth address of those for documentation (RFC 5737), and after
// them of those for benchmarks (RFC 2544).
func documented(n int) string {
	networks := []string{"192.0.2", "198.51.100", "203.0.113"}
	const hosts = 254
	if n < len(networks)*hosts {
		return fmt.Sprintf("%s.%d", networks[n/hosts], n%hosts+1)
	}
	n -= len(networks) * hosts
	return fmt.Sprintf("198.%d.%d.%d", 18+n>>16&1, n>>8&255, n&255)
}

// replaceWord replaces word, in any case, where it is not part of a longer
// name.
func replaceWord(t, word, with string) string {
	lower := asciiLower(t)
	var b strings.Builder
	from := 0
	for {
		i := strings.Index(lower[from:], word)
		if i < 0 {
			break
		}
		start, end := from+i, from+i+len(word)
		b.WriteString(t[from:start])
		if insideName(lower, start) || end < len(t) && isNameByte(lower[end]) && lower[end] != '.' {
			b.WriteString(t[start:end])
		} else {
			b.WriteString(with)
		}
		from = end
	}
	return b.String() + t[from:]
}

// insideName reports whether a name goes on in front of start. The hyphen
// after the code of a reply is part of none (RFC 5321 section 4.2.1).
func insideName(t string, start int) bool {
	if start == 0 || t[start-1] == '.' || !isNameByte(t[start-1]) {
		return false
	}
	line := t[strings.LastIndexByte(t[:start], '\n')+1 : start]
	return len(line) != len("250-") || line[3] != '-' || strings.Trim(line[:3], "0123456789") != ""
}

// asciiLower is text with A to Z in lower case and every byte in its place.
func asciiLower(t string) string {
	b := []byte(t)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}
