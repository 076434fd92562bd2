package findings

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// dialTexts are reasons of failed connections that say more than their class.
var dialTexts = []struct {
	part, id string
}{
	{"cannot assign requested address", "CONN-LOCAL-UNAVAILABLE"}, {"eaddrnotavail", "CONN-LOCAL-UNAVAILABLE"},
	{"permission denied", "CONN-LOCAL-UNAVAILABLE"}, {"eacces", "CONN-LOCAL-UNAVAILABLE"},
	{"dial tcp: lookup", "CONN-LOCAL-UNAVAILABLE"}, // the name server did not answer, not the mail server
}

// dialClasses are the rules for the classes of failed connections.
var dialClasses = map[string]string{
	"refused": "CONN-REFUSED", "timeout": "CONN-TIMEOUT", "unreachable": "CONN-TIMEOUT", "resolve": "CONN-LOCAL-UNAVAILABLE",
	"not-allowed": "MX-NOT-ALLOWED", "loop": "LOOP-TO-SELF",
}

// findDialFault tells why no server was reached.
func (s *session) findDialFault() *fault {
	var f *fault
	for _, d := range s.dials {
		if d.fact.Err == "" || s.heardServer(d.entry) {
			return nil
		}
		if f == nil {
			f = &fault{id: s.dialRule(d.fact)}
			if !s.pasted() {
				f.as("smtptap")
			}
		}
		f.entries = append(f.entries, d.entry)
	}
	if f != nil {
		f.entries = firstFew(f.entries)
	}
	return f
}

// heardServer reports that the server said something after an entry: a log may
// leave out the attempt that went well.
func (s *session) heardServer(after int) bool {
	for i := range s.replies {
		if at := s.replies[i].entry; at > after && s.t.Entries[at].From == who.Server {
			return true
		}
	}
	return false
}

func (s *session) dialRule(d *facts.Dial) string {
	reason := fold(d.Err.String())
	for _, known := range dialTexts {
		if strings.Contains(reason, known.part) {
			if s.pasted() {
				return known.id
			}
		}
	}
	if id := dialClasses[d.Class]; id != "" {
		return id
	}
	return "CONN-FAILED"
}

// dialFailed finds the attempts to connect that failed for that reason.
func dialFailed(id string) finder {
	return func(s *session) *evidence { return s.dialFault.of(id) }
}

// port is the port that the client connected to, "" when unknown.
func (s *session) port() string {
	for i := len(s.dials) - 1; i >= 0; i-- {
		if _, port := splitHostPort(s.dials[i].fact.Addr); port != "" {
			return port
		}
	}
	if port := s.settings["port"]; port != "" {
		return port
	}
	_, port := splitHostPort(s.t.Target)
	return port
}

// otherServices are ports of services that take no mail for sending.
var otherServices = map[string]bool{
	"110": true, "995": true, "143": true, "993": true, "220": true, "80": true, "443": true, "8080": true,
	"21": true, "22": true, "53": true, "3306": true, "5432": true,
}

// implicitTLS are ports that speak TLS from the first byte.
var implicitTLS = map[string]bool{"465": true, "993": true, "995": true, "991": true, "443": true}

// otherGreetings are how other services begin.
var otherGreetings = []string{"+OK", "* OK", "* BYE", "* PREAUTH", "HTTP/1.", "SSH-", "<!DOCTYPE", "<html"}

func wrongService(s *session) *evidence {
	if g := s.otherGreeting(); g != nil {
		return g
	}
	if s.dialFault == nil {
		return s.tlsFault.of("WRONG-SERVICE-PORT")
	}
	return nil
}

// otherGreeting finds how another service begins.
func (s *session) otherGreeting() *evidence {
	for i := range s.replies {
		r := s.replies[i]
		if r.code != 0 {
			break
		}
		for _, g := range otherGreetings {
			if strings.HasPrefix(r.text(), g) {
				return see(r.entry)
			}
		}
	}
	return nil
}

// inspected finds what firewalls make of greetings and extensions.
func inspected(s *session) *evidence {
	for i := range s.replies {
		r := s.replies[i]
		if r.verb == toGreeting && strings.Count(r.text(), "*") > 10 {
			return see(r.entry)
		}
		for _, k := range r.event.Reply.EHLO {
			if len(k.Name) >= 7 && strings.Trim(k.Name, "XA") == "" {
				return see(r.entry)
			}
		}
	}
	return nil
}

// proxyHeader finds a PROXY header, version 1 as the decoder notes it or
// version 2, whose signature ends in a line that reads as QUIT.
func proxyHeader(s *session) *evidence {
	if s.header != nil {
		return s.header
	}
	if at := s.noted("proxy-protocol"); len(at) > 0 {
		return see(at...)
	}
	for i, c := range s.commands {
		if i+1 == len(s.commands) || s.ev(c).Command.Verb != "QUIT" {
			continue
		}
		next := s.ev(s.commands[i+1]).Raw
		if len(next) > 2 && (next[0] == 0x20 || next[0] == 0x21) && next[1]&0x0f <= 2 && next[1]>>4 <= 3 {
			return see(c, s.commands[i+1])
		}
	}
	return nil
}

// ownNames are providers whose servers always name them in the greeting.
var ownNames = map[provider]bool{
	gmail: true, microsoft: true, outlook: true, yahoo: true, yandex: true, ses: true, sendgrid: true, mailgun: true,
	zoho: true, qq: true, exmail: true, netease: true, icloud: true, gmx: true,
}

// otherSoftware is in the greetings of hosts' own servers.
var otherSoftware = []string{"exim", "postfix", "sendmail", "cpanel", "plesk", "mailenable", "smartermail", "hmailserver", "we do not authorize", "secureserver"}

// redirected finds a greeting that is not that of the provider asked for.
func redirected(s *session) *evidence {
	if s.greeting < 0 {
		return s.redirectedTLS()
	}
	r := s.answer(s.greeting)
	if !ownNames[s.wanted] || r.code != 220 || strings.TrimSpace(r.text()) == "" || s.shows(s.wanted) {
		return nil
	}
	if !containsAny(r.folded(), otherSoftware) && !namesHost(r.text()) {
		return nil
	}
	return see(r.entry).with("wanted", s.wanted.name())
}

// shows reports that the server is that provider's after all.
func (s *session) shows(p provider) bool {
	for r := range s.to(toGreeting, "EHLO", "HELO", "MAIL", "RCPT", "DATA", toMessage, "QUIT") {
		if found := findProvider(withoutAddresses(r.folded())); found == p || found == microsoft && p == outlook {
			return true
		}
	}
	return false
}

// namesHost reports a greeting that begins with a host name that nobody has
// made unreadable.
func namesHost(greeting string) bool {
	name := firstWord(greeting)
	labels := strings.Split(strings.ToLower(name), ".")
	if len(labels) < 2 || strings.ContainsAny(name, "*#<>[]()…") {
		return false
	}
	domain := labels[len(labels)-2]
	return strings.Trim(domain, "x") != "" && domain != "example" && domain != "domain" && domain != "mydomain"
}

// redirectedTLS finds a certificate with another name on a connection to a
// provider that is known to have proper ones.
func (s *session) redirectedTLS() *evidence {
	if !ownNames[s.wanted] || s.tlsFault.of("TLS-NAME-MISMATCH") == nil {
		return nil
	}
	g := see(s.tlsFault.entries...).with("wanted", s.wanted.name())
	g.severity = Warning
	return g
}

// local reports whether client and server are on one machine, as far as is
// known.
func (s *session) local() bool {
	if s.t.Target == "sink" {
		return true
	}
	host := s.t.Target
	for _, d := range s.dials {
		if d.fact.Err == "" {
			host = d.fact.Addr
			if d.fact.Host == "localhost" {
				return true
			}
		}
	}
	host, _ = splitHostPort(host)
	ip, ok := address(host)
	return host == "localhost" || ok && ip.IsLoopback()
}

// connected reports whether there was a connection to a server.
func (s *session) connected() bool {
	for _, d := range s.dials {
		if d.fact.Err == "" {
			return true
		}
	}
	return len(s.replies) > 0
}

// clientLeft is the entry that tells that the client closed first, or -1.
func (s *session) clientLeft() int {
	if len(s.closed) > 0 && s.closed[0].fact.Leg == who.ClientLeg {
		return s.closed[0].entry
	}
	return -1
}

// serverLeft is the entry that tells that the server closed first, or -1.
func (s *session) serverLeft() int {
	if len(s.closed) > 0 && s.closed[0].fact.Leg == who.ServerLeg {
		return s.closed[0].entry
	}
	if s.end != nil && (s.end.fact.Cause == facts.CauseServerGone || s.end.fact.Cause == facts.CauseServerReset) && s.clientLeft() < 0 {
		return s.end.entry
	}
	return -1
}

// offers reports whether the server offered an extension.
func (s *session) offers(keyword string) bool {
	_, found := s.offered[keyword]
	return found
}

// fromClient reports an entry that the client said itself, not smtptap in its place.
func (s *session) fromClient(i int) bool {
	return s.t.Entries[i].From != who.Smtptap && s.t.Entries[i].Leg != who.ServerLeg
}
