package findings

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
)

// connectRules are about reaching the server and its greeting.
var connectRules = []rule{
	{id: "WRONG-SERVICE-PORT", severity: Failure, test: wrongService,
		any:   []when{{client: `\+OK .*(pop|dovecot|ready)|\* OK .*imap|HTTP/1\.[01] 400|SSH-2\.0-`}, {to: "greeting", text: `pop3|imap4|dovecot ready`}},
		text:  "what answers there is not a mail submission server: {reply}",
		cause: "The port belongs to another service, most often POP3 (110, 995) or IMAP (143, 993), which receive mail instead of sending it.",
		fix: Fix{General: "Use the SMTP host and port 587 (STARTTLS) or 465 (TLS)", PHPMailer: "$mail->Host = 'smtp.example.com'; $mail->Port = 587; // not the POP3 or IMAP server",
			Nodemailer: "host: 'smtp.example.com', port: 587", Smtplib: "smtplib.SMTP('smtp.example.com', 587)"},
		sources: []string{"RFC 6409 section 3.1", "RFC 8314 section 3.3", "PHPMailer#1351"}},
	{id: "SMTP-INSPECTION-ASTERISKS", severity: Failure, test: inspected,
		text:    "a firewall between client and server rewrites the dialogue",
		cause:   "An SMTP inspection (Cisco PIX/ASA fixup, some antivirus products) blanks the banner and hides STARTTLS behind X characters, so encryption and AUTH are not offered.",
		fix:     Fix{General: "Switch off SMTP inspection on the firewall or antivirus, or use port 465, where it can't look inside", PHPMailer: "$mail->SMTPSecure = PHPMailer::ENCRYPTION_SMTPS; $mail->Port = 465;"},
		sources: []string{"Cisco ASA inspect esmtp documentation", "postfix.org smtp_pix_workarounds"}},
	{id: "PROXY-PROTOCOL-HEADER", severity: Failure, test: noted("proxy-protocol"),
		any:     []when{{text: `proxy not allowed|PROXY TCP[46]`}},
		text:    "a load balancer sends a PROXY header that the server does not expect",
		cause:   "The load balancer puts the client's address in front of the session (PROXY protocol); the server reads it as a command.",
		fix:     Fix{General: "Switch the PROXY protocol on at the server for this listener, or off at the load balancer"},
		sources: []string{"haproxy.org PROXY protocol specification", "postfix.org smtpd_upstream_proxy_protocol"}},
	{id: "REDIRECTED-SERVER", severity: Failure, test: redirected,
		text:  "another server answers than the one that was asked for",
		cause: "The hosting company or network redirects outgoing SMTP to its own server. That server does not know the account, and its certificate is for another name.",
		fix: Fix{General: "Ask the hosting company to open outgoing SMTP to this provider, or send through the provider's HTTP API or the host's own mail server",
			PHPMailer: "$mail->Host = 'localhost'; $mail->Port = 25; $mail->SMTPAuth = false; // the host's own server, if it allows that"},
		sources: []string{"PHPMailer wiki Troubleshooting", "PHPMailer#2853", "PHPMailer#1004"}},
	{id: "CONN-REFUSED", severity: Failure, test: dialFailed("refused"),
		any:   []when{{client: `connection refused|ECONNREFUSED|\(111\)|10061|actively refused|ConnectionRefusedError`}},
		text:  "nothing accepts connections at the server's address and port",
		cause: "No mail server listens on that port, or a firewall rejects the connection. Inside a container, localhost is the container itself.",
		fix: Fix{General: "Check host and port from the same machine, for example with `nc -vz HOST 587`; try 587 and 465 instead of 25",
			PHPMailer: "$mail->Host = 'smtp.example.com'; $mail->Port = 587;", Nodemailer: "host: 'smtp.example.com', port: 587 // in Docker: the service's name", Smtplib: "smtplib.SMTP('smtp.example.com', 587)",
			Symfony: "MAILER_DSN=smtp://smtp.example.com:587; Laravel: MAIL_HOST, MAIL_PORT"},
		sources: []string{"PHPMailer wiki Troubleshooting", "RFC 6409 section 3.1"}},
	{id: "CONN-TIMEOUT", severity: Failure, test: dialFailed("timeout", "unreachable"),
		any:   []when{{client: `timed? ?out \(110\)|connection timed out|ETIMEDOUT|network is unreachable|10060|no route to host|operation timed out|Connection could not be established.*timed out`}},
		text:  "the server's address does not answer",
		cause: "A firewall drops the packets: many hosts and home providers block outgoing port 25, some 465 and 587 too; or the address is wrong or has no IPv6 route.",
		fix: Fix{General: "Try port 587 or 465 from the same machine; ask the host whether outgoing SMTP is open",
			PHPMailer: "$mail->Port = 587; $mail->SMTPSecure = PHPMailer::ENCRYPTION_STARTTLS;", Nodemailer: "port: 587, connectionTimeout: 10000"},
		sources: []string{"PHPMailer wiki Troubleshooting", "Google Compute Engine: sending email, port 25 is blocked"}},
	{id: "CONN-LOCAL-UNAVAILABLE", severity: Failure, test: dialFailed("resolve"),
		any:   []when{{client: `cannot assign requested address|permission denied \(13\)|getaddrinfo|ENOTFOUND|EAI_AGAIN|name or service not known|no such host|nodename nor servname|could not resolve|Temporary failure in name resolution`}},
		text:  "the client's own machine could not start the connection",
		cause: "The host name does not resolve, SELinux or a sandbox forbids network connections, or the machine has no usable address.",
		fix: Fix{General: "Check the spelling of the host name and the machine's DNS; with SELinux run `setsebool -P httpd_can_network_connect on`",
			PHPMailer: "$mail->Host = 'smtp.example.com'; // a name only: no https://, no path, no port"},
		sources: []string{"PHPMailer wiki Troubleshooting", "httpd_selinux(8)"}},
	{id: "CONN-CLOSED-NO-GREETING", severity: Failure, test: closedBeforeGreeting,
		any:     []when{{client: `greeting never received|Invalid greeting|EOF caught while checking if connected|unexpectedly closed.*greet`, and: noGreeting}},
		text:    "the server closed the connection without a greeting",
		cause:   "The server or a filter before it turned the client away at once: an address block, too many connections, a broken service behind a port forwarding, or a port that expects TLS.",
		fix:     Fix{General: "Try again from another network; check whether the port expects TLS from the first byte (465)", PHPMailer: "$mail->SMTPSecure = PHPMailer::ENCRYPTION_SMTPS; $mail->Port = 465; // if the port is 465"},
		sources: []string{"RFC 5321 section 3.1", "PHPMailer#1593"}},
	{id: "BANNER-CPANEL-NOTICE", severity: Advice,
		any:     []when{{to: "greeting", code: "220", text: `we do not authorize the use of this system to transport unsolicited`}},
		text:    "the greeting's notice about unsolicited mail is only a notice",
		cause:   "cPanel's Exim greets everybody with this text. It is not a refusal.",
		fix:     Fix{General: "Nothing to mend here; look at the later replies"},
		sources: []string{"cPanel Exim configuration", "RFC 5321 section 4.2"}},
	{id: "RBL-BLOCKED-554", severity: Failure,
		any: []when{{code: "5..|4..", text: `blocked using|blacklist|block ?list|listed (at|by|in) .*(spamhaus|sorbs|barracuda|spamcop|uceprotect|rbl|dnsbl)|spamhaus\.org/(sbl|query|zen)|banned sending IP|S3150|S3140|\bSC-00[1-4]\b|\[BL2?1?\]|\(PH01\)|dnsbl|rbl\b`},
			{enhanced: `5\.7\.60[67]`}},
		text:    "the address that the mail comes from is on a block list: {reply}",
		cause:   "The sending IP address has a bad reputation, often because it is a home or shared cloud address. The password has no part in it.",
		fix:     Fix{General: "Send through an authenticated relay (587) instead of directly; otherwise ask the list named in the reply to remove the address"},
		sources: []string{"Spamhaus: block removal", "Microsoft sendersupport", "RFC 5782"}},
	{id: "PTR-MISSING", severity: Failure,
		any: []when{{code: "5..|4..", text: `bad dns ptr|ptr record|cannot find your (reverse )?hostname|reverse dns|no rdns|does not have a (valid )?ptr|fix reverse dns|rdns`},
			{enhanced: `[45]\.7\.25`}},
		text:    "the sending address has no proper reverse name: {reply}",
		cause:   "Servers that take mail from strangers want the sending IP address to resolve to a name that resolves back (PTR record).",
		fix:     Fix{General: "Let the owner of the IP address set its PTR record, or send through an authenticated relay"},
		sources: []string{"Google: email sender guidelines", "RFC 1912 section 2.1"}},
	{id: "CLIENT-IP-REFUSED-554", severity: Failure,
		any:     []when{{code: "5..", text: `client host rejected: access denied|client host rejected|your host is not allowed|ip .*not (allowed|permitted) to connect`}},
		text:    "the server refuses the client's address by its own rules: {reply}",
		cause:   "An access rule of the server names this IP address or network. No login changes it at this stage.",
		fix:     Fix{General: "Use the submission port 587 with authentication, or ask the server's administrator to allow the address", PHPMailer: "$mail->Port = 587; $mail->SMTPAuth = true;"},
		sources: []string{"postfix.org smtpd_client_restrictions"}},
	{id: "RATE-421-CONNECTIONS", severity: Failure,
		any:     []when{{code: "4..|5..", text: `too many (concurrent |simultaneous )?(smtp )?(connections|sessions)|concurrent connections|connection (rate|limit)|thread limit|too much load|connection frequency limited`}},
		text:    "too many connections at once: {reply}",
		cause:   "The server limits how many connections one address may have or open in a time.",
		fix:     Fix{General: "Send one after the other over one connection, and wait before trying again", PHPMailer: "$mail->SMTPKeepAlive = true; // one connection for many messages", Nodemailer: "pool: true, maxConnections: 1"},
		sources: []string{"postfix.org smtpd_client_connection_count_limit", "Microsoft 365: Exchange Online limits"}},
	{id: "BANNER-554", severity: Failure,
		any:     []when{{to: "greeting", code: "5.."}},
		text:    "the server turns the client away in its greeting: {reply}",
		cause:   "The server takes no mail from this address, or takes no mail at all. RFC 5321 lets it say so before any command.",
		fix:     Fix{General: "Use the provider's submission server and port 587 or 465"},
		sources: []string{"RFC 5321 section 3.1", "RFC 7504"}},
	{id: "GREETING-421", severity: Failure,
		any:     []when{{to: "greeting", code: "4.."}},
		text:    "the server is not available now: {reply}",
		cause:   "The server is busy, being restarted, or holds this client back for a while.",
		fix:     Fix{General: "Try again later; a queueing mail server does that by itself"},
		sources: []string{"RFC 5321 section 3.8"}},
}

// dialFailed finds attempts to connect of these classes when none succeeded.
func dialFailed(classes ...string) func(*view) []int {
	return func(v *view) []int {
		var failed []int
		for i, e := range v.t.Entries {
			d, ok := e.Fact.(*facts.Dial)
			if !ok {
				continue
			}
			if d.Err == "" {
				return nil
			}
			for _, c := range classes {
				if d.Class == c {
					failed = append(failed, i)
				}
			}
		}
		return failed
	}
}

func noGreeting(v *view, _ int) bool { return v.greeting < 0 }

// connected reports whether the session had a server.
func (v *view) connected() bool {
	for _, e := range v.t.Entries {
		if d, ok := e.Fact.(*facts.Dial); ok && d.Err == "" {
			return true
		}
	}
	return false
}

func closedBeforeGreeting(v *view) []int {
	if v.greeting >= 0 || !v.connected() || v.failedTLS() >= 0 {
		return nil
	}
	for i, e := range v.t.Entries {
		if c, ok := e.Fact.(*facts.Closed); ok && c.Leg == facts.ServerLeg {
			return []int{i}
		}
	}
	return nil
}

func wrongService(v *view) []int {
	for _, a := range v.answers {
		if a.reply.Code != 0 {
			return nil
		}
		for _, mark := range []string{"+OK", "* OK", "HTTP/1.", "SSH-", "* BYE"} {
			if strings.HasPrefix(a.text, mark) {
				return []int{a.entry}
			}
		}
	}
	return nil
}

func inspected(v *view) []int {
	for _, a := range v.answers {
		stars := a.verb == "greeting" && strings.Count(a.text, "*") > 10
		if stars {
			return []int{a.entry}
		}
		for _, k := range a.reply.EHLO {
			if len(k.Name) > 4 && strings.Trim(k.Name, "XA") == "" {
				return []int{a.entry}
			}
		}
	}
	return nil
}

// redirected finds a server that greets with somebody else's name: the target
// is a well-known provider, the greeting is not.
func redirected(v *view) []int {
	wanted := v.wantedProvider()
	if wanted == "" || v.greeting < 0 {
		return nil
	}
	greets := v.event0(v.greeting).Reply.Text()
	if got := findProvider(greets); got == wanted || greets == "" {
		return nil
	}
	name, _, _ := strings.Cut(strings.TrimSpace(greets), " ")
	if !strings.Contains(name, ".") || v.sameAs(wanted) {
		return nil
	}
	return []int{v.greeting}
}

// wantedProvider is whose server the client meant to reach.
func (v *view) wantedProvider() provider {
	for _, e := range v.t.Entries {
		if d, ok := e.Fact.(*facts.Dial); ok && d.Err == "" {
			if p := findProvider(d.Host); p != "" {
				return p
			}
		}
	}
	for _, s := range v.says {
		lower := strings.ToLower(s.text)
		if strings.HasPrefix(lower, "host:") || strings.Contains(lower, "opening to ") || strings.Contains(lower, "trying ") || strings.Contains(lower, "connect: ") {
			if p := findProvider(lower); p != "" {
				return p
			}
		}
	}
	return findProvider(v.t.Target)
}

// sameAs reports that some reply of the session shows the provider after all.
func (v *view) sameAs(p provider) bool {
	for _, a := range v.answers {
		if findProvider(a.text) == p && a.verb != "greeting" {
			return true
		}
	}
	return false
}

// noted finds events with that note.
func noted(ids ...string) func(*view) []int {
	return func(v *view) []int {
		var at []int
		for i, e := range v.t.Entries {
			if e.Event == nil {
				continue
			}
			for _, n := range e.Event.Notes {
				for _, id := range ids {
					if n.ID == id {
						at = append(at, i)
					}
				}
			}
		}
		return firstFew(at)
	}
}

// firstFew keeps the proof of a finding short.
func firstFew(entries []int) []int {
	const most = 5
	if len(entries) > most {
		return entries[:most]
	}
	return entries
}

// hasNote reports whether an event carries a note.
func hasNote(e *decode.Event, id string) bool {
	for _, n := range e.Notes {
		if n.ID == id {
			return true
		}
	}
	return false
}
