package findings

import (
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// connectRules are about reaching the server and its greeting.
var connectRules = []rule{
	{
		id: "WRONG-SERVICE-PORT", severity: Failure, title: "the port belongs to another service",
		find:  wrongService,
		when:  []when{{to: toGreeting, code: "2xx 4xx 5xx", text: `\bpop3\b|\bimap4?\b|ftp server|\bftpd\b`}, {said: `\+ok .*(pop|dovecot|ready)|\* ok .*imap|ssh-2\.0-`}},
		text:  "what answers at this port is no server for sending mail[: {reply}]",
		cause: "The port is that of another service: most often POP3 (110, 995) or IMAP (143, 993), whose settings were copied into those for outgoing mail.",
		fix: Fix{
			General:    "Use the provider's SMTP host with port 587 (STARTTLS) or 465 (TLS from the start)",
			PHPMailer:  "$mail->Host = 'smtp.example.com'; " + phpStartTLS,
			Nodemailer: "host: 'smtp.example.com', " + nodeStartTLS,
			Smtplib:    "smtplib.SMTP('smtp.example.com', 587)",
			Symfony:    "MAILER_DSN=smtp://…@smtp.example.com:587",
			WordPress:  "WP Mail SMTP: SMTP Host and Port 587, Encryption TLS",
		},
		sources: []string{"RFC 6409 section 3.1", "RFC 8314 section 3", "PHPMailer#1351"},
	},
	{
		id: "SMTP-INSPECTION-ASTERISKS", severity: Failure, title: "a firewall rewrites the dialogue",
		find:  inspected,
		when:  []when{{code: "500 502", text: `command (unrecognized|unrecognised|unknown): "?x{4}`}},
		text:  "something between client and server rewrites the dialogue",
		cause: "An SMTP inspection on the way (Cisco PIX or ASA, some antivirus products) blanks the greeting and writes X over STARTTLS, so that encryption and login disappear.",
		fix: Fix{
			General:   "Use port 465, where nothing on the way can look inside, or switch the inspection off on the firewall",
			PHPMailer: phpSMTPS, Nodemailer: nodeSMTPS, Smtplib: pySMTPS, Symfony: symSMTPS,
		},
		sources: []string{"Cisco ASA: inspect esmtp", "postfix.org: smtp_pix_workarounds", "PHPMailer wiki: Troubleshooting"},
	},
	{
		id: "PROXY-PROTOCOL-HEADER", severity: Failure, title: "a load balancer's PROXY header reaches the server",
		find:  proxyHeader,
		when:  []when{{text: `proxy (not allowed|timeout|protocol)|proxy tcp[46]`}, {said: `proxy tcp[46] \d`}},
		text:  "a load balancer puts a PROXY header in front of the session, and the server reads it as a command",
		cause: "The load balancer announces the client's address with the PROXY protocol; the server is not set up for it. Where the server waits for the header and the balancer sends none, both wait.",
		fix: Fix{
			General: "Switch the PROXY protocol on at both ends or at neither",
			Other:   "Postfix: smtpd_upstream_proxy_protocol = haproxy; HAProxy: remove send-proxy",
		},
		sources: []string{"HAProxy: PROXY protocol specification", "postfix.org: smtpd_upstream_proxy_protocol"},
	},
	{
		id: "REDIRECTED-SERVER", severity: Failure, title: "another server answers than the one asked for",
		find:  redirected,
		text:  "another server answers than {wanted}'s[: it greets with {reply}]",
		cause: "The hosting company or network sends all outgoing SMTP to a server of its own. That server knows nothing of the account, and its certificate bears another name.",
		fix: Fix{
			General:   "Ask the hosting company to open outgoing SMTP, use its own mail server, or send through the provider's HTTP API; leave certificate checks on, or the password goes to the wrong server",
			PHPMailer: "leave $mail->SMTPOptions empty; through the host's own server: $mail->Host = 'localhost'; $mail->Port = 25; $mail->SMTPAuth = false; $mail->SMTPAutoTLS = false;",
			WordPress: "WP Mail SMTP: choose a mailer that uses HTTP (an API key) instead of Other SMTP",
		},
		sources: []string{"PHPMailer wiki: Troubleshooting", "PHPMailer#2853", "PHPMailer#1004"},
	},
	{
		id: "CONN-REFUSED", severity: Failure, title: "connection refused",
		find:  dialFailed("CONN-REFUSED"),
		when:  []when{{said: `connection refused|econnrefused|actively refused|connectionrefusederror|\(111\)|\b10061\b`}},
		text:  "nothing takes connections at the server's address and port[: {says}]",
		cause: "No mail server listens there, or a firewall rejects the connection. Inside a container, localhost is the container itself.",
		fix: Fix{
			General:    "Check host and port from the same machine, such as with `nc -vz HOST 587`; try 587 or 465 in place of 25",
			PHPMailer:  "$mail->Host = 'smtp.example.com'; $mail->Port = 587;",
			Nodemailer: "host: 'smtp.example.com', port: 587 // in Docker the service's name, not localhost",
			Smtplib:    "smtplib.SMTP('smtp.example.com', 587)",
			Symfony:    "MAILER_DSN=smtp://smtp.example.com:587; Laravel: MAIL_HOST, MAIL_PORT",
			WordPress:  "WP Mail SMTP: check SMTP Host and Port; many hosts block them",
		},
		sources: []string{"PHPMailer wiki: Troubleshooting", "RFC 6409 section 3.1", "PHPMailer#1149"},
	},
	{
		id: "CONN-TIMEOUT", severity: Failure, title: "the server's address does not answer",
		find:  dialFailed("CONN-TIMEOUT"),
		when:  []when{{said: `connect(ion)?( to [^ ]+)? ?(attempt )?timed? ?out|timed out \(110\)|\betimedout\b.*\bconn\b|network is unreachable|no route to host|enetunreach|ehostunreach|\b10060\b|connection timeout|operation timed out`}},
		text:  "the server's address does not answer[: {says}]",
		cause: "Something drops the packets: most clouds and many hosts block outgoing port 25, some 465 and 587 as well. Or the address is wrong, or has an IPv6 address that the network can't reach.",
		fix: Fix{
			General:    "Try port 587, 465 or 2525 from the same machine, over IPv4 too; ask the host whether outgoing SMTP is open",
			PHPMailer:  phpStartTLS + " $mail->Timeout = 15; // over IPv4: $mail->Host = gethostbyname($name) with SMTPOptions ssl peer_name",
			Nodemailer: "port: 587, connectionTimeout: 10000",
			Smtplib:    "smtplib.SMTP(host, 587, timeout=15)",
			Symfony:    "MAILER_DSN=smtp://host:587",
			Other:      "curl -4 smtp://host:587",
		},
		sources: []string{"PHPMailer wiki: Troubleshooting", "Google Compute Engine: sending email from an instance", "PHPMailer#1332"},
	},
	{
		id: "CONN-LOCAL-UNAVAILABLE", severity: Failure, title: "the client's machine could not start the connection",
		find:  dialFailed("CONN-LOCAL-UNAVAILABLE"),
		when:  []when{{said: `cannot assign requested address|eaddrnotavail|permission denied \(13\)|\beacces\b|getaddrinfo|enotfound|eai_again|name or service not known|no such host|nodename nor servname|could not resolve|unknown ?host|temporary failure in name resolution|gaierror`}},
		text:  "the client's own machine could not start the connection[: {says}]",
		cause: "The host name does not resolve (mistyped, a URL in place of a name, no resolver in the container), a sandbox such as SELinux forbids it, or the machine has no address of that family.",
		fix: Fix{
			General:    "Give a bare host name and check that it resolves there; with SELinux run `setsebool -P httpd_can_network_connect on`",
			PHPMailer:  "$mail->Host = 'smtp.example.com'; // a name only: no https://, no path",
			Nodemailer: "host: 'smtp.example.com'",
			Smtplib:    "smtplib.SMTP('smtp.example.com', 587)",
			Symfony:    "MAILER_DSN=smtp://smtp.example.com:587; Laravel: MAIL_HOST",
		},
		sources: []string{"PHPMailer wiki: Troubleshooting", "httpd_selinux(8)", "PHPMailer#1488"},
	},
	{
		id: "CONN-CLOSED-NO-GREETING", severity: Failure, title: "no greeting",
		find:  lost("CONN-CLOSED-NO-GREETING"),
		when:  []when{{said: `greeting never received|invalid greeting|no greeting`}},
		text:  "the server took the connection and gave no greeting",
		cause: "An access list, a limit on connections or a filter in front of the server turns the client away; or the port expects TLS from the first byte.",
		fix: Fix{
			General:    "If the port is 465, use TLS from the start; otherwise look for the client's address in the server's log, and try from another network",
			PHPMailer:  phpSMTPS + " // if that is the port",
			Nodemailer: nodeSMTPS + " // or raise greetingTimeout",
			Smtplib:    pySMTPS,
		},
		sources: []string{"RFC 5321 section 3.1", "PHPMailer#1593"},
	},
	{
		id: "BANNER-CPANEL-NOTICE", severity: Advice, title: "cPanel's notice is not an error", role: beside,
		when:    []when{{to: toGreeting, code: "220", text: `we do not authorize the use of this system to transport unsolicited`}},
		text:    "the greeting's words about unsolicited mail are only a notice",
		cause:   "cPanel's Exim greets everybody with three lines, the last two of which are often taken for a refusal.",
		fix:     Fix{General: "Nothing to mend here; look at the replies further down"},
		sources: []string{"RFC 5321 section 4.2", "docs.cpanel.net: Exim configuration"},
	},
	{
		id: "RBL-BLOCKED-554", severity: Failure, title: "the sending address is on a block list",
		when: []when{
			{text: `blocked using|(client host|ip( address)?|host|address|sender|server) .{0,80}\b(black ?list|block ?list|deny ?list|blocked)|(listed|blocked) (at|by|in|on|with) .{0,60}(spamhaus|sorbs|barracuda|spamcop|uceprotect|rbl\b|dnsbl|abuseat|blacklist|blocklist|block list)|spamhaus\.org/(sbl|query|zen|pbl|xbl)|open resolver|banned sending ip|dnsbl|\brbl\b|real-?time block`, also: notDomainList},
			{text: `\bs31(40|50)\b|\bsc-00[1-4]\b|\[bl[0-9]*\]|\(ph01\)|\(bay[0-9]*\)`},
			{enhanced: "x.7.606 x.7.607 x.7.511"},
			{said: `blocked using [^ ]+|client host \[[^\]]*\] blocked`},
		},
		text:  "the address that the mail comes from is on a block list: {reply}",
		cause: "The sending address has a bad name, often because it belongs to a home line or a shared cloud. The password has no part in it. A text that names an open resolver means that the receiver's own DNS is set up wrongly.",
		fix: Fix{
			General:   "Send through a provider's submission server with a login instead of directly; if the address is yours and clean, ask the list named in the reply to remove it",
			PHPMailer: "$mail->Host = 'smtp.provider.example'; " + phpLogin,
		},
		sources: []string{"Spamhaus: removal center", "Microsoft: sendersupport.olc.protection.outlook.com", "RFC 5782"},
	},
	{
		id: "PTR-MISSING", severity: Failure, title: "no proper reverse name",
		when: []when{
			{text: `bad dns ptr|\bptr\b|cannot find your (reverse )?host ?name|reverse (dns|hostname|lookup|mapping)|\brdns\b|does not have a (valid )?ptr`, also: notAboutHELO},
			{enhanced: "x.7.25"},
		},
		text:    "the sending address has no proper reverse name: {reply}",
		cause:   "Servers that take mail from strangers want its address to have a PTR record whose name leads back to it.",
		fix:     Fix{General: "Let the owner of the address set a PTR record, or send through a provider's submission server", PHPMailer: "$mail->Host = 'smtp.provider.example'; " + phpLogin},
		sources: []string{"support.google.com/mail/answer/81126", "postfix.org: reject_unknown_client_hostname", "RFC 1912 section 2.1"},
	},
	{
		id: "CLIENT-IP-REFUSED-554", severity: Failure, title: "the client's address is refused",
		when:  []when{{text: `client host rejected|(your|client) (host|ip|address|network) .{0,40}(is )?not (allowed|permitted|authori[sz]ed) to (connect|use)|connections? from your .{0,40}(not allowed|refused|denied)|you are not allowed to connect`}},
		text:  "the server's own rules refuse the client's address: {reply}",
		cause: "A submission service that lets in only clients that log in or stand on a list, and this one did neither, or its login is not allowed there.",
		fix: Fix{
			General:    "Log in before sending, on port 587; or have the address put on the server's list",
			PHPMailer:  phpLogin,
			Nodemailer: nodeLogin, Smtplib: pyLogin, Symfony: symLogin,
		},
		sources: []string{"postfix.org: smtpd_client_restrictions", "symfony/symfony#34760"},
	},
	{
		id: "RATE-421-CONNECTIONS", severity: Failure, title: "too many connections",
		when: []when{
			{text: `too many (concurrent |simultaneous |smtp )*(connections|sessions)|concurrent (smtp )?(connections|sessions)|number of (concurrent|simultaneous) |connection (rate|count|frequency) |connection limit|thread limit|too much load|hl:icc|connections? per (hour|minute|ip)`},
			{enhanced: "4.3.2", text: `connection|thread|concurren`},
		},
		text:    "too many connections at a time: {reply}",
		cause:   "The server limits how many connections one address may hold, or open within a time. A loop that connects for every message, or does not close, gets there soon.",
		fix:     Fix{General: "Send many messages over one connection, with fewer workers, and wait before the next try", PHPMailer: phpKeep, Nodemailer: nodePool, Smtplib: "keep one smtplib.SMTP object for all messages", Symfony: "MAILER_DSN=…?max_per_second=1"},
		sources: []string{"postfix.org: smtpd_client_connection_count_limit", "Exim: smtp_accept_max", "PHPMailer#2070"},
	},
	{
		id: "BANNER-554", severity: Failure, title: "the server turns the client away in its greeting",
		when:    []when{{to: toGreeting, code: "5xx"}},
		text:    "the server turns the client away in its greeting: {reply}",
		cause:   "It takes no mail from this address, or no mail at all, and says so before any command.",
		fix:     Fix{General: "Use your provider's submission server, with a login, on port 587 or 465", PHPMailer: phpStartTLS + " " + phpLogin},
		sources: []string{"RFC 5321 section 3.1", "RFC 7504 section 2"},
	},
	{
		id: "GREETING-421", severity: Failure, title: "the server is not available",
		when:    []when{{to: toGreeting, code: "4xx"}},
		text:    "the server is not available now: {reply}",
		cause:   "It is busy, being restarted, or holds this client back for a while.",
		fix:     Fix{General: "Try again later; a queueing mail server does so by itself"},
		sources: []string{"RFC 5321 section 3.8"},
	},
}

// notDomainList leaves block lists of domains and links to URIBL-BLOCKED, and
// those of greeting names to the HELO rules.
func notDomainList(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"domain", "url", "helo", "uribl", "surbl", "/dbl"})
}

func notAboutHELO(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"helo", "ehlo"})
}

// dialTexts are reasons of failed connections that say more than their class.
var dialTexts = []struct {
	part, id string
}{
	{"cannot assign requested address", "CONN-LOCAL-UNAVAILABLE"}, {"eaddrnotavail", "CONN-LOCAL-UNAVAILABLE"},
	{"permission denied", "CONN-LOCAL-UNAVAILABLE"}, {"eacces", "CONN-LOCAL-UNAVAILABLE"},
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
		}
		f.entries = append(f.entries, d.entry)
	}
	if f != nil {
		f.entries = firstFew(f.entries)
	}
	return f
}

// heardServer reports that the server said something behind an entry: a log may
// leave out the attempt that went well.
func (s *session) heardServer(behind int) bool {
	for i := range s.replies {
		if at := s.replies[i].entry; at > behind && s.t.Entries[at].From == who.Server {
			return true
		}
	}
	return false
}

func (s *session) dialRule(d *facts.Dial) string {
	reason := fold(d.Err)
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
	return func(s *session) *sighting {
		if s.dialFault == nil || s.dialFault.id != id {
			return nil
		}
		return &s.dialFault.sighting
	}
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

func wrongService(s *session) *sighting {
	for i := range s.replies {
		r := &s.replies[i]
		if r.code != 0 {
			break
		}
		for _, g := range otherGreetings {
			if strings.HasPrefix(r.text(), g) {
				return see(r.entry).with("reply", r.text())
			}
		}
	}
	if s.dialFault == nil && s.tlsFault != nil && s.tlsFault.id == "WRONG-SERVICE-PORT" {
		return &s.tlsFault.sighting
	}
	return nil
}

// inspected finds what firewalls make of greetings and extensions.
func inspected(s *session) *sighting {
	for i := range s.replies {
		r := &s.replies[i]
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
func proxyHeader(s *session) *sighting {
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
func redirected(s *session) *sighting {
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
	return see(r.entry).with("wanted", string(s.wanted))
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
	name, _, _ := strings.Cut(strings.TrimSpace(greeting), " ")
	labels := strings.Split(strings.ToLower(name), ".")
	if len(labels) < 2 || strings.ContainsAny(name, "*#<>[]()…") {
		return false
	}
	domain := labels[len(labels)-2]
	return strings.Trim(domain, "x") != "" && domain != "example" && domain != "domain" && domain != "mydomain"
}

// redirectedTLS finds a certificate with another name on a connection to a
// provider that is known to have proper ones.
func (s *session) redirectedTLS() *sighting {
	if !ownNames[s.wanted] || s.tlsFault == nil || s.tlsFault.id != "TLS-NAME-MISMATCH" {
		return nil
	}
	g := see(s.tlsFault.entries...).with("wanted", string(s.wanted))
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
