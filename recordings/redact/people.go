package redact

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// addressPattern finds mail addresses, with those of SMTPUTF8 (RFC 6531), in
// whatever notation their @ is: plain, percent-encoded, as a character
// reference of HTML, escaped as in JSON. U+FFFD stands for bytes that are no
// UTF-8. It is generous: a stand-in too many does less harm than an address
// that stays.
var addressPattern = regexp.MustCompile(
	`([\pL\pM\pN\x{FFFD}!#$%&'*+/=?^_{|}~-][\pL\pM\pN\x{FFFD}.!#$%&'*+/=?^_{|}~-]*|[\pL\pM\pN\x{FFFD}.!#$%&'*+/=?^_{|}~-]*"(?:[^"\\\r\n]|\\.){1,64}")` +
		`(@|%40|\+40|&#0*64;|&#[xX]0*40;|&commat;|\\u0040)` +
		`([\pL\pN](?:[\pL\pM\pN-]*[\pL\pM\pN])?(?:\.[\pL\pN](?:[\pL\pM\pN-]*[\pL\pM\pN])?)*|\[[0-9A-Fa-f:.IPv]+\])`)

// keyPattern is what stands in front of an address and is not part of it: the
// name of a parameter of a link, or one of a header field or command.
var keyPattern = regexp.MustCompile(`^(?:.*?[?&][A-Za-z0-9_.-]+=|(?i:i|d|e|uid|cn|emailaddress|to|cc|bcc|from|mailfrom|email|e-?mail|mail|user|username|login|address|addr|rcpt|recipient|sender|orcpt|envid|auth|envelope-from|(?:smtp|header)\.[a-z]+|policy\.[a-z]+)=|(?:%3[CcDdAaBb]|%2[02Cc])+)`)

// encodedPattern finds what may be base64 of either alphabet (RFC 4648).
var encodedPattern = regexp.MustCompile(`[A-Za-z0-9+/_-]{12,}={0,2}`)

// inAddresses replaces mail addresses, also those inside of base64.
func (s *standIns) inAddresses(t string) string {
	return s.inPlain(encodedPattern.ReplaceAllStringFunc(t, s.inEncoded))
}

// inPlain replaces the mail addresses that are readable.
func (s *standIns) inPlain(t string) string {
	var b strings.Builder
	done := 0
	for _, m := range addressPattern.FindAllStringSubmatchIndex(t, -1) {
		local, at, domain := t[m[2]:m[3]], t[m[4]:m[5]], t[m[6]:m[7]]
		domain = domain[:domainEnd(domain)]
		if noDomain(at, domain) {
			continue
		}
		b.WriteString(t[done:m[0]])
		before := local[:s.before(local, domain)]
		b.WriteString(before + s.local(local[len(before):], at, domain) + at + s.domainOf(domain))
		done = m[6] + len(domain)
	}
	return b.String() + t[done:]
}

// inEncoded replaces addresses in base64 that holds text.
func (s *standIns) inEncoded(run string) string {
	alphabet := base64.StdEncoding
	if strings.ContainsAny(run, "-_") {
		alphabet = base64.URLEncoding
	}
	bare := strings.TrimRight(run, "=")
	if bare == run {
		alphabet = alphabet.WithPadding(base64.NoPadding)
	}
	plain, err := alphabet.DecodeString(run)
	if err != nil || !readable(plain) {
		return run
	}
	again := s.inPlain(string(plain))
	if again == string(plain) {
		return run
	}
	return alphabet.EncodeToString([]byte(again))
}

// readable reports text without control characters other than white space and
// what SASL separates its fields with: NUL and ^A.
func readable(p []byte) bool {
	for _, c := range string(p) {
		if c == utf8.RuneError || c < ' ' && !strings.ContainsRune("\t\r\n\x00\x01", c) {
			return false
		}
	}
	return len(p) > 0
}

// before is how many bytes of what matched as a local part are none of it.
func (s *standIns) before(local, domain string) int {
	if m := keyPattern.FindString(local); m != "" {
		return len(m)
	}
	// Languages that are written without spaces put text right before an
	// address. Where the address is known, the text is not part of it.
	cut := strings.LastIndexFunc(local, func(c rune) bool { return c >= utf8.RuneSelf })
	if cut < 0 {
		return 0
	}
	_, size := utf8.DecodeRuneInString(local[cut:])
	rest := local[cut+size:]
	for _, known := range []string{rest, strings.TrimLeft(rest, "_-")} {
		if known != "" && s.people[known+"@"+canonical(domain)] != "" {
			return len(local) - len(known)
		}
	}
	return 0
}

// domainEnd is where text begins that stands right after a domain without a
// space: no top level domain mixes ASCII with other letters.
func domainEnd(domain string) int {
	last := strings.LastIndexByte(domain, '.') + 1
	for i, c := range domain[last:] {
		if c >= utf8.RuneSelf {
			if i > 0 {
				return last + i
			}
			break
		}
	}
	return len(domain)
}

// noDomain reports what no address ends with: a number alone, as in RCPT@2=450,
// and what stands after a plus and 40 without a dot.
func noDomain(at, domain string) bool {
	return strings.Trim(domain, "0123456789") == "" || at == "+40" && !strings.Contains(domain, ".")
}

// local is the stand-in of a local part of an address in that domain.
func (s *standIns) local(local, at, domain string) string {
	if local == "" || s.given[local+"@"+domain] {
		return local
	}
	if plain, err := url.PathUnescape(local); err == nil && at == "%40" {
		local = plain
	}
	// What xtext hides of an address (RFC 3461 section 4).
	local = strings.NewReplacer("+2B", "+", "+2b", "+", "+3D", "=", "+3d", "=").Replace(local)
	if at == "+40" {
		local = fromXtext(local)
	}
	key := local + "@" + canonical(domain)
	have, found := s.people[key]
	if !found {
		have = s.nextUser()
		s.people[key] = have
		s.rememberLocal(local, have)
	}
	s.given[have+"@"+s.domainOf(domain)] = true
	return have
}

func (s *standIns) nextUser() string {
	s.users++
	return fmt.Sprintf("user%d", s.users)
}

// domainOf is what stands for the domain of an address.
func (s *standIns) domainOf(domain string) string {
	if s.levels.KeepDomains {
		return domain
	}
	key := canonical(domain)
	if have := s.hosts[key]; have != "" {
		return have
	}
	if have := s.domains[key]; have != "" {
		return have
	}
	if isStandIn(key) {
		return key
	}
	name := fmt.Sprintf("domain%d.example", len(s.domains)+1)
	s.domains[key] = name
	return name
}

var standInPattern = regexp.MustCompile(`^(?:host|domain)\d+\.example$`)

// isStandIn reports a name of the kind that is given out here. The top level
// domain is reserved (RFC 2606): nobody is hidden by replacing it.
func isStandIn(name string) bool { return standInPattern.MatchString(name) }

// StandIn reports an address that a redacted recording has in place of somebody's.
func StandIn(address string) bool {
	_, domain, found := strings.Cut(address, "@")
	return found && isStandIn(domain)
}

// canonical is one spelling of a domain: lower case, A-labels (RFC 5890).
func canonical(domain string) string {
	domain = strings.ToLower(domain)
	if isASCII(domain) {
		return domain
	}
	if ascii, err := idna.ToASCII(domain); err == nil {
		return ascii
	}
	return domain
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) < 0
}

// user is the stand-in of a login name, which may be no address.
func (s *standIns) user(u string) string {
	switch {
	case u == "" || !s.levels.Addresses:
		return s.text(u)
	case addressPattern.MatchString(u):
		return s.text(u)
	}
	have, found := s.people[u]
	if !found {
		have = s.nextUser()
		s.people[u] = have
		s.rememberLocal(u, have)
	}
	return have
}

// person is the stand-in of a display name, in which encodings are undone.
func (s *standIns) person(name string) string {
	key := strings.ToLower(strings.Join(strings.Fields(name), " "))
	have, found := s.persons[key]
	if !found {
		have = fmt.Sprintf("Name %d", len(s.persons)+1)
		s.persons[key] = have
	}
	return have
}
