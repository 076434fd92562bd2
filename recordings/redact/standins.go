package redact

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Patterns of what gets stand-ins. They are generous: a stand-in too many does
// less harm than an address that stays.
var (
	addressPattern = regexp.MustCompile(`[\pL\pN.!#$%&'*+/=?^_{|}~-]+@(?:[\pL\pN](?:[\pL\pN-]*[\pL\pN])?(?:\.[\pL\pN](?:[\pL\pN-]*[\pL\pN])?)*|\[[0-9A-Fa-f:.IPv]+\])`)
	ip4Pattern     = regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b`)
	ip6Pattern     = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{1,4}:){2,7}(?:[0-9a-f]{1,4}|:)|(?i)\b(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}|::[0-9a-f]{1,4}`)
	linkPattern    = regexp.MustCompile(`(?i)\b(https?://[^/\s"'<>?#]+)[/?#][^\s"'<>]*`)
	tokenPattern   = regexp.MustCompile(`\b[A-Za-z0-9_-]{24,}\b`)
)

// standIns gives each thing its stand-in, the same one each time.
type standIns struct {
	levels  Levels
	people  map[string]string // by address, domain in lower case
	domains map[string]string
	hosts   map[string]string
	ips     map[netip.Addr]string
	known   []string // host names to look for, longest first
	four    int
	six     int
}

func newStandIns(l Levels) *standIns {
	return &standIns{levels: l, people: map[string]string{}, domains: map[string]string{}, hosts: map[string]string{}, ips: map[netip.Addr]string{}}
}

// text replaces in text that is no part of a message.
func (s *standIns) text(t string) string {
	if s.levels.Addresses {
		t = addressPattern.ReplaceAllStringFunc(t, s.address)
	}
	if s.levels.Hosts {
		t = s.inHosts(t)
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

// address is the stand-in of a mail address.
func (s *standIns) address(a string) string {
	at := strings.LastIndexByte(a, '@')
	local, domain := a[:at], strings.ToLower(a[at+1:])
	key := local + "@" + domain
	if have, found := s.people[key]; found {
		return have
	}
	if _, ours := s.standInFor(a); ours {
		return a
	}
	name := fmt.Sprintf("user%d@", len(s.people)+1)
	if s.levels.KeepDomains {
		name += domain
	} else {
		name += s.domain(domain)
	}
	s.people[key] = name
	return name
}

// standInFor reports whether a is a stand-in that was given out already.
func (s *standIns) standInFor(a string) (string, bool) {
	for _, have := range s.people {
		if have == a {
			return have, true
		}
	}
	return "", false
}

func (s *standIns) domain(d string) string {
	if have, found := s.domains[d]; found {
		return have
	}
	name := fmt.Sprintf("domain%d.example", len(s.domains)+1)
	s.domains[d] = name
	return name
}

// user is the stand-in of a login name, which may be no address.
func (s *standIns) user(u string) string {
	switch {
	case u == "" || !s.levels.Addresses:
		return s.text(u)
	case addressPattern.MatchString(u):
		return s.text(u)
	}
	if have, found := s.people[u]; found {
		return have
	}
	name := fmt.Sprintf("user%d", len(s.people)+1)
	s.people[u] = name
	return name
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
	if _, found := s.hosts[host]; found {
		return
	}
	s.hosts[host] = fmt.Sprintf("host%d.example", len(s.hosts)+1)
	s.known = append(s.known, host)
	for i := len(s.known) - 1; i > 0 && len(s.known[i]) > len(s.known[i-1]); i-- {
		s.known[i], s.known[i-1] = s.known[i-1], s.known[i]
	}
}

func (s *standIns) inHosts(t string) string {
	for _, host := range s.known {
		t = replaceWord(t, host, s.hosts[host])
	}
	t = ip4Pattern.ReplaceAllStringFunc(t, s.ip)
	return ip6Pattern.ReplaceAllStringFunc(t, s.ip)
}

// ip is the stand-in of an IP address, out of those kept for documentation
// (RFC 5737, RFC 3849). Loopback addresses tell nothing and stay.
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
		s.four++
		name = fmt.Sprintf("192.0.2.%d", s.four%255)
	} else {
		s.six++
		name = fmt.Sprintf("2001:db8::%x", s.six)
	}
	s.ips[ip] = name
	s.ips[netip.MustParseAddr(name)] = name
	return name
}

// replaceWord replaces word, in any case, where it is not part of a longer
// name.
func replaceWord(t, word, with string) string {
	lower := strings.ToLower(t)
	if len(lower) != len(t) {
		return t // folding moved the offsets; such text holds no ASCII host name we learned
	}
	var b strings.Builder
	from := 0
	for {
		i := strings.Index(lower[from:], word)
		if i < 0 {
			break
		}
		start, end := from+i, from+i+len(word)
		b.WriteString(t[from:start])
		if start > 0 && isNameByte(lower[start-1]) && lower[start-1] != '.' || end < len(t) && isNameByte(lower[end]) && lower[end] != '.' {
			b.WriteString(t[start:end])
		} else {
			b.WriteString(with)
		}
		from = end
	}
	return b.String() + t[from:]
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}
