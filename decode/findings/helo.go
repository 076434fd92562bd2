package findings

import (
	"strings"

	"smtptap/decode"
)

// heloRules are about EHLO and HELO.
var heloRules = []rule{
	{
		id: "HELO-EMPTY-501", severity: Failure, title: "EHLO without a name",
		when:  []when{{to: "EHLO HELO", also: nameless}, {text: `(ehlo|helo) requires (a )?(domain|host)|empty (helo|ehlo)|syntax: (e?helo|ehlo) hostname|(helo|ehlo) .{0,20}(requires|needs|missing) .{0,20}(argument|name|domain)`}},
		text:  "the client greets without a name: {reply}",
		cause: "The variable that should hold the host name is empty, as it is in scripts that run outside a web server.",
		fix: Fix{
			General:   "Give the client a host name to greet with",
			PHPMailer: phpHelo, Nodemailer: nodeName, Smtplib: pyName, Symfony: symName,
		},
		sources: []string{"RFC 5321 section 4.1.1.1", "postfix.org: smtpd_helo_required"},
	},
	{
		id: "HELO-NOT-FQDN-504", severity: Failure, title: "the EHLO name is not a full host name",
		when:  []when{{text: `need fully[- ]?qualified (host ?name|domain)|(helo|ehlo).{0,60}(fqdn|fully[- ]?qualified)|(fqdn|fully[- ]?qualified).{0,60}(helo|ehlo|host)|hostname.{0,30}fqdn`, also: notAboutAddress}, {to: "EHLO HELO", code: "504"}},
		text:  "the server wants a full host name in EHLO[, not {helo}]: {reply}",
		cause: "The client greets with a bare machine name, a container's id or localhost. Some servers check the name even behind a login.",
		fix: Fix{
			General:   "Let the client greet with a full host name that resolves, such as that of the web site",
			PHPMailer: phpHelo + " // or $mail->Hostname", Nodemailer: nodeName, Smtplib: pyName, Symfony: symName, Other: "JavaMail: mail.smtp.localhost; curl: smtp://host/www.example.com",
		},
		sources: []string{"RFC 5321 section 2.3.5", "postfix.org: reject_non_fqdn_helo_hostname", "bitwarden/server#164"},
	},
	{
		id: "HELO-UNRESOLVABLE-450", severity: Failure, title: "the EHLO name does not resolve",
		when:    []when{{text: `(helo|ehlo) command rejected: (host|domain) not found|(helo|ehlo).{0,80}(does not resolve|doesn't resolve|not found in dns|unresolvable|cannot be resolved|no (dns|a|mx) record)`}},
		text:    "the name in EHLO[, {helo},] does not exist in DNS: {reply}",
		cause:   "The server looks up the name that the client greets with, and finds nothing.",
		fix:     Fix{General: "Greet with a name that has an address record", PHPMailer: phpHelo, Nodemailer: nodeName, Smtplib: pyName, Symfony: symName},
		sources: []string{"postfix.org: reject_unknown_helo_hostname"},
	},
	{
		id: "HELO-DNS-MISMATCH", severity: Failure, title: "EHLO name and reverse name differ",
		when:    []when{{text: `(helo|ehlo).{0,120}(not match|mismatch|differ|not (the same|equal))|forward.?confirmed|\bfcrdns\b|(not match|mismatch).{0,60}(helo|ehlo|reverse|ptr|rdns)`}},
		text:    "the name in EHLO[, {helo},] does not fit the DNS of the client's address: {reply}",
		cause:   "The server compares the greeting name with the reverse name of the connecting address, and sometimes that name's address in turn. RFC 5321 does not allow it to refuse for this alone; many do.",
		fix:     Fix{General: "Let the EHLO name be the reverse name of the client's address, or send through a server with a login", PHPMailer: "$mail->Helo = 'reverse-name-of-the-address.example.com';", Nodemailer: nodeName, Smtplib: pyName, Symfony: symName},
		sources: []string{"RFC 5321 section 4.1.4", "PHPMailer#2189"},
	},
	{
		id: "HELO-SYNTAX-501", severity: Failure, title: "the EHLO name has illegal characters",
		when:  []when{{to: "EHLO HELO", code: "4xx 50x 553", text: `invalid (domain|name|argument|helo|ehlo|host)|syntactically invalid|bad syntax|syntax error|bad (host ?name|helo|ehlo)|argument.{0,80}invalid|illegal|malformed`}, {to: "EHLO HELO", code: "501 553"}, {text: `(helo|ehlo) command rejected: invalid name|syntactically invalid (helo|ehlo)|helo/ehlo argument`}},
		text:  "the name in EHLO[, {helo},] is no valid host name: {reply}",
		cause: "It holds an underscore, a space, a port or a URL, often because it comes from $_SERVER['SERVER_NAME'].",
		fix: Fix{
			General:   "Set a valid host name for the client to greet with",
			PHPMailer: phpHelo + " // 6.x checks the name that it finds itself, not this one", Nodemailer: nodeName, Smtplib: pyName, Symfony: symName,
			Other: "Roundcube: $config['smtp_helo_host']",
		},
		sources: []string{"RFC 5321 section 4.1.1.1", "RFC 1123 section 2.1", "PHPMailer#1258", "roundcube/roundcubemail#6408"},
	},
	{
		id: "EHLO-AGAIN-503", severity: Failure, title: "a second greeting is refused",
		when:    []when{{to: "EHLO HELO", code: "503"}, {to: "EHLO HELO", text: `duplicate|already (said|greeted|sent)`}},
		text:    "the server does not take a second greeting: {reply}",
		cause:   "Something sends EHLO twice: a proxy, or a client whose replies got out of step. RFC 5321 allows it; some servers don't.",
		fix:     Fix{General: "Greet once for each connection, and once more behind STARTTLS"},
		sources: []string{"RFC 5321 section 4.1.4", "haraka/Haraka#376"},
	},
	{
		id: "EHLO-UNSUPPORTED", severity: Failure, title: "the server does not know EHLO",
		when:    []when{{to: "EHLO", code: "500 502 555"}, {to: "EHLO", text: `(not|un)[- ]?(recogni[sz]ed|implemented|supported|known)|unknown command|invalid command`}},
		text:    "the server does not know EHLO: {reply}",
		cause:   "A very old server, or a filter or virus scanner in between. There is no login, no encryption and no SIZE without EHLO.",
		fix:     Fix{General: "Use HELO for a local relay; otherwise find out what stands in between, or use the provider's submission server", PHPMailer: "PHPMailer tries HELO by itself; a login then needs $mail->AuthType = 'LOGIN';", Smtplib: "smtp.ehlo_or_helo_if_needed()"},
		sources: []string{"RFC 5321 section 3.2", "dahlia/upyo#41"},
	},
	{
		id: "HELO-REJECTED-POLICY", severity: Failure, title: "the EHLO name is refused by policy",
		when: []when{
			{to: "EHLO HELO", code: "55x 521", text: `helo|ehlo|name|denied|reject|policy`},
			{text: `(helo|ehlo)( command| name| string| host(name)?)*.{0,60}(rejected|denied|refused|not accepted|not allowed|blocked|listed|forbidden|you are not me|spamhaus)|invalid (helo|ehlo) name|bad (helo|ehlo)|(reject|denied|block).{0,40}\b(helo|ehlo)\b`},
		},
		text:    "the server does not accept the name in EHLO[, {helo}]: {reply}",
		cause:   "The name is localhost, a bare IP address, the server's own, somebody else's, or stands on a block list.",
		fix:     Fix{General: "Greet with a name of your own; write an address in brackets, as [192.0.2.1]", PHPMailer: phpHelo, Nodemailer: nodeName, Smtplib: pyName, Symfony: symName},
		sources: []string{"RFC 5321 section 4.1.3", "postfix.org: smtpd_helo_restrictions"},
	},
	{
		id: "HELO-INSTEAD-OF-EHLO", severity: Warning, title: "HELO gives away the extensions",
		find:    heloOnly,
		text:    "the client says HELO, so that the server offers neither login nor encryption",
		cause:   "Extensions are offered to clients that say EHLO only.",
		fix:     Fix{General: "Say EHLO", Smtplib: "smtp.ehlo()", Other: "smtp-cli --force-ehlo"},
		sources: []string{"RFC 5321 section 3.2", "RFC 4954 section 3", "mludvig/smtp-cli#26"},
	},
	{
		id: "EHLO-AFTER-AUTH", severity: Failure, title: "EHLO after the login loses it",
		find:    ehloAfterAuth,
		text:    "a second EHLO behind the login made the server forget it: {reply}",
		cause:   "Some servers begin anew at every EHLO.",
		fix:     Fix{General: "Do not greet again behind AUTH"},
		sources: []string{"RFC 4954 section 4", "jstedfast/MailKit#162"},
	},
	{
		id: "EHLO-LAST-LINE-MISPARSED", severity: Failure, title: "an extension on the last line is missed",
		find:    lastLineMissed,
		text:    "the client says that the server does not offer what stands on the last line of its EHLO reply: {says}",
		cause:   "The last line of a reply has a space behind its code in place of a hyphen; some parsers read the others only, or compare keywords in one case.",
		fix:     Fix{General: "Update the client library; it must take \"250 \" like \"250-\""},
		sources: []string{"RFC 5321 section 4.2.1", "zetacomponents/Mail#34"},
	},
	{
		id: "AUTH-OLD-EQUALS-FORM", severity: Advice, title: "AUTH only in its old form",
		find:    oldAuthForm,
		text:    "the server lists its mechanisms only in the old form with an equals sign",
		cause:   "AUTH=LOGIN was for mail programs of the last century. Clients of today look for \"AUTH LOGIN\" and find no login.",
		fix:     Fix{General: "Let the server list AUTH with a space; as a client set the mechanism by hand", PHPMailer: "no property helps: PHPMailer looks at the AUTH line only", Other: "JavaMail: mail.smtp.auth.mechanisms"},
		sources: []string{"RFC 4954 section 3"},
	},
	{
		id: "HELO-ODD-NAME", severity: Advice, title: "an EHLO name that others refuse",
		find:    oddName,
		text:    "the client greets with {helo}, which stricter servers refuse",
		cause:   "It is no public host name but a default of the machine or the library. Spam filters count it.",
		fix:     Fix{General: "Set a real host name", PHPMailer: phpHelo, Nodemailer: nodeName, Smtplib: pyName, Symfony: symName, Other: "curl: smtp://host/www.example.com"},
		sources: []string{"RFC 5321 section 4.1.4", "curl/curl#9464"},
	},
}

// notAboutAddress leaves addresses without a domain to the sender's and
// recipient's rules.
func notAboutAddress(_ *session, r *reply) bool {
	return !strings.Contains(r.folded(), "address rejected")
}

func nameless(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && strings.TrimSpace(c.Arg) == "" && !s.lack(decode.LackBrackets)
}

func heloOnly(s *session) *sighting {
	if s.said("EHLO") || !s.said("HELO") {
		return nil
	}
	at := s.byName["HELO"][0]
	for i := range s.replies {
		r := &s.replies[i]
		if r.entry > at && r.code >= 500 && (strings.Contains(r.folded(), "auth") || strings.Contains(r.folded(), "relay")) {
			return see(at, r.entry)
		}
	}
	return nil
}

func ehloAfterAuth(s *session) *sighting {
	again := s.last("EHLO", len(s.t.Entries))
	if s.loggedIn < 0 || again < s.loggedIn {
		return nil
	}
	for i := range s.replies {
		r := &s.replies[i]
		if r.entry > again && (r.code == 530 || r.enhanced == "5.7.0" || r.enhanced == "5.7.1") && r.verb != "EHLO" {
			return see(s.loggedIn, again, r.entry)
		}
	}
	return nil
}

// lastLineMissed finds a client that complains of the lack of something that
// the last line of the EHLO reply offers.
func lastLineMissed(s *session) *sighting {
	if s.ehlo < 0 {
		return nil
	}
	lines := s.ev(s.ehlo).Reply.Lines
	if len(lines) < 2 {
		return nil
	}
	keyword, _, _ := strings.Cut(strings.ToLower(lines[len(lines)-1].Text), " ")
	if keyword != "starttls" && keyword != "auth" {
		return nil
	}
	for _, said := range s.says {
		if strings.Contains(said.folded, keyword) && missing.match(said.folded) && said.entry > s.ehlo {
			return see(s.ehlo, said.entry).with("says", said.text)
		}
	}
	return nil
}

var missing = newPattern(`not (supported|offered|advertised?|available|found)|does(n't| not) (support|offer|advertise)|no (auth|starttls)|unsupported`)

func oldAuthForm(s *session) *sighting {
	if s.offers("AUTH=") && !s.offers("AUTH") {
		return see(s.ehlo)
	}
	return nil
}

func oddName(s *session) *sighting {
	for _, i := range s.commands {
		c := s.ev(i).Command
		if c.Verb != "EHLO" && c.Verb != "HELO" || !s.fromClient(i) {
			continue
		}
		if isOddName(strings.ToLower(strings.TrimSpace(c.Arg))) {
			return see(i)
		}
		return nil
	}
	return nil
}

// isOddName reports a greeting name that no public server would bear. What a
// poster or tool has hidden is not judged.
func isOddName(name string) bool {
	if name == "" || name == "unknown" || strings.Trim(name, "-*x.…") == "" || strings.Contains(name, "hidden") {
		return false
	}
	if literal, found := strings.CutPrefix(name, "["); found {
		ip, ok := address(strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "ipv6:"))
		return !ok || ip.IsLoopback() || ip.IsPrivate()
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case "local", "lan", "internal", "localdomain", "home", "localhost", "invalid":
		return true
	}
	_, bare := address(name)
	return bare || !strings.Contains(name, ".") || strings.ContainsAny(name, "_ :/")
}
