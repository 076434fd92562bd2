package findings

import "strings"

const heloFix = "$mail->Helo = 'www.example.com'; // a name of yours that resolves; or $mail->Hostname"

// heloRules are about EHLO and HELO.
var heloRules = []rule{
	{id: "HELO-EMPTY-501", severity: Failure,
		any:     []when{{to: "EHLO HELO", code: "5..", and: emptyName}, {to: "EHLO HELO", code: "5..", text: `requires (domain|host)|empty helo|syntax: (e?helo|ehlo) hostname`}},
		text:    "the client greets without a name: {reply}",
		cause:   "EHLO needs the client's host name or address literal behind it.",
		fix:     Fix{General: "Give the client a host name to greet with", PHPMailer: heloFix, Nodemailer: "name: 'www.example.com'", Smtplib: "smtplib.SMTP(…, local_hostname='www.example.com')"},
		sources: []string{"RFC 5321 section 4.1.1.1"}},
	{id: "HELO-NOT-FQDN-504", severity: Failure,
		any:     []when{{code: "5..|4..", text: `need fully.?qualified (host ?name|domain)|helo.*(fqdn|fully.?qualified)|(fqdn|fully.?qualified).*(helo|host)`}, {to: "EHLO HELO", code: "504"}},
		text:    "the server wants a full host name in EHLO, not {helo}: {reply}",
		cause:   "The client greets with a bare machine name or localhost. Strict servers take only a full domain name.",
		fix:     Fix{General: "Set a full host name for the client to greet with", PHPMailer: heloFix, Nodemailer: "name: 'www.example.com'", Smtplib: "local_hostname='www.example.com'", Symfony: "MAILER_DSN=…?local_domain=www.example.com; Laravel: MAIL_EHLO_DOMAIN"},
		sources: []string{"RFC 5321 section 2.3.5", "postfix.org reject_non_fqdn_helo_hostname"}},
	{id: "HELO-UNRESOLVABLE-450", severity: Failure,
		any:     []when{{code: "4..|5..", text: `helo command rejected: host not found|helo.*(does not resolve|not found in dns|unresolvable)`}},
		text:    "the name in EHLO, {helo}, does not exist in DNS: {reply}",
		cause:   "The server looks the client's greeting name up and finds nothing.",
		fix:     Fix{General: "Greet with a name that has an address record", PHPMailer: heloFix, Nodemailer: "name: 'www.example.com'"},
		sources: []string{"postfix.org reject_unknown_helo_hostname"}},
	{id: "HELO-DNS-MISMATCH", severity: Failure,
		any:     []when{{to: "EHLO HELO MAIL RCPT greeting", code: "4..|5..", text: `helo.*(does not match|mismatch)|forward.?confirmed|fcrdns|(does not|doesn't) match.*(helo|hostname|reverse)`}},
		text:    "greeting name, address and reverse name of the client do not fit together: {reply}",
		cause:   "The server compares the name in EHLO with the DNS of the connecting address.",
		fix:     Fix{General: "Let the EHLO name, its address record and the PTR record of the address agree, or send through a relay with login", PHPMailer: heloFix},
		sources: []string{"RFC 5321 section 4.1.4", "RFC 1912 section 2.1"}},
	{id: "HELO-SYNTAX-501", severity: Failure,
		any:     []when{{to: "EHLO HELO", code: "500|501|550|553|554", text: `invalid (domain|name|argument|helo|hostname)|syntactically invalid|bad syntax|bad (hostname|helo)|argument.*invalid|illegal|malformed|helo command rejected: invalid name`}},
		text:    "the name in EHLO, {helo}, is no valid host name: {reply}",
		cause:   "The greeting name holds characters that host names can't have, such as underscores, spaces or a version number.",
		fix:     Fix{General: "Set a valid host name for the client to greet with", PHPMailer: heloFix, Nodemailer: "name: 'www.example.com'", Smtplib: "local_hostname='www.example.com'"},
		sources: []string{"RFC 5321 section 4.1.1.1", "RFC 1123 section 2.1", "PHPMailer#1258"}},
	{id: "EHLO-AGAIN-503", severity: Failure,
		any:     []when{{to: "EHLO HELO", code: "503", text: `duplicate|already`}, {code: "503", text: `already said helo|duplicate helo`}},
		text:    "the server does not take a second greeting: {reply}",
		cause:   "Some servers refuse EHLO once it was said; a client that reuses a connection, or whose replies got out of step, repeats it.",
		fix:     Fix{General: "Greet once for each connection, and once more behind STARTTLS"},
		sources: []string{"RFC 5321 section 4.1.4"}},
	{id: "HELO-REJECTED-POLICY", severity: Failure,
		any:     []when{{to: "EHLO HELO", code: "550|554|521|553"}, {code: "55.", text: `helo.*(rejected|denied|you are not me|spamhaus|listed|invalid helo name)|invalid helo`}},
		text:    "the server does not accept the name {helo} in EHLO: {reply}",
		cause:   "The name belongs to somebody else, to the server itself, or stands on a list.",
		fix:     Fix{General: "Greet with your own host name", PHPMailer: heloFix, Nodemailer: "name: 'www.example.com'"},
		sources: []string{"RFC 5321 section 4.1.1.1", "postfix.org smtpd_helo_restrictions"}},
	{id: "EHLO-UNSUPPORTED", severity: Warning, test: ehloUnsupported,
		text:    "the server does not know EHLO: no AUTH, no TLS, no 8-bit text",
		cause:   "A very old server, a filter, or not a mail server of the kind that is needed.",
		fix:     Fix{General: "Use the provider's submission server; HELO has no login"},
		sources: []string{"RFC 5321 section 3.2"}},
	{id: "HELO-INSTEAD-OF-EHLO", severity: Warning, test: heloOnly,
		text:    "the client says HELO, so the server offers neither AUTH nor TLS",
		cause:   "Extensions are only offered to a client that says EHLO.",
		fix:     Fix{General: "Say EHLO", Smtplib: "smtp.ehlo()"},
		sources: []string{"RFC 5321 section 3.2"}},
	{id: "EHLO-AFTER-AUTH", severity: Failure, test: ehloAfterAuth,
		text:    "a second EHLO behind the login made the server forget it",
		cause:   "Some servers start anew at every EHLO.",
		fix:     Fix{General: "Do not greet again behind AUTH"},
		sources: []string{"RFC 4954 section 4", "RFC 5321 section 4.1.4"}},
	{id: "EHLO-LAST-LINE-MISPARSED", severity: Failure, test: lastLineMisread,
		text:    "the client misses an extension that stands on the last line of the EHLO reply",
		cause:   "The last line has a space behind the code instead of a hyphen; some parsers only read the lines before it.",
		fix:     Fix{General: "Update the client library"},
		sources: []string{"RFC 5321 section 4.2.1"}},
	{id: "AUTH-OLD-EQUALS-FORM", severity: Advice, test: oldAuthForm,
		text:    "the server offers AUTH only in the old form AUTH=",
		cause:   "Before RFC 2554 some clients read AUTH=LOGIN. Modern clients look for \"AUTH LOGIN\" and find nothing.",
		fix:     Fix{General: "Let the server announce AUTH with a space", PHPMailer: "$mail->AuthType does not help: PHPMailer reads the AUTH line only"},
		sources: []string{"RFC 4954 section 3"}},
	{id: "HELO-ODD-NAME", severity: Advice, test: oddName,
		text:    "the client greets with {helo}, which stricter servers refuse",
		cause:   "The name is no public host name: a default of the machine or library.",
		fix:     Fix{General: "Set a real host name", PHPMailer: heloFix, Nodemailer: "name: 'www.example.com'", Smtplib: "local_hostname='www.example.com'"},
		sources: []string{"RFC 5321 section 4.1.4", "PHPMailer#2189"}},
}

func emptyName(v *view, i int) bool {
	for _, a := range v.answers {
		if a.entry == i && a.asked >= 0 {
			c := v.event0(a.asked).Command
			return c != nil && strings.TrimSpace(c.Arg) == ""
		}
	}
	return false
}

func ehloUnsupported(v *view) []int {
	for _, a := range v.answersTo("EHLO") {
		if a.reply.Code/100 != 5 {
			continue
		}
		for _, h := range v.answersTo("HELO") {
			if h.entry > a.entry && h.reply.Code == 250 {
				return []int{a.asked, a.entry}
			}
		}
	}
	return nil
}

func heloOnly(v *view) []int {
	if _, ehlo := v.last["EHLO"]; ehlo {
		return nil
	}
	at, helo := v.last["HELO"]
	if !helo {
		return nil
	}
	for _, a := range v.answers {
		if a.entry > at && (a.reply.Code == 503 || a.reply.Code == 530 || a.reply.Code == 550) && strings.Contains(strings.ToLower(a.text), "auth") {
			return []int{at, a.entry}
		}
	}
	return nil
}

func ehloAfterAuth(v *view) []int {
	for _, a := range v.answersTo("AUTH") {
		if a.reply.Code != 235 {
			continue
		}
		again := v.last["EHLO"]
		if again < a.entry {
			continue
		}
		for _, r := range v.answers {
			if r.entry > again && (r.reply.Code == 530 || r.enhanced == "5.7.0") {
				return []int{a.entry, again, r.entry}
			}
		}
	}
	return nil
}

func lastLineMisread(v *view) []int {
	if v.ehlo < 0 {
		return nil
	}
	lines := v.event0(v.ehlo).Reply.Lines
	last := strings.ToUpper(lines[len(lines)-1].Text)
	for _, s := range v.says {
		lower := strings.ToLower(s.text)
		if strings.HasPrefix(last, "STARTTLS") && strings.Contains(lower, "starttls") && strings.Contains(lower, "not") ||
			strings.HasPrefix(last, "AUTH") && strings.Contains(lower, "auth") && (strings.Contains(lower, "not supported") || strings.Contains(lower, "not advertise")) {
			return []int{v.ehlo, s.entry}
		}
	}
	return nil
}

func oldAuthForm(v *view) []int {
	_, old := v.offered["AUTH="]
	_, current := v.offered["AUTH"]
	if old && !current {
		return []int{v.ehlo}
	}
	return nil
}

func oddName(v *view) []int {
	for _, c := range v.commands {
		cmd := v.event0(c).Command
		if cmd == nil || cmd.Verb != "EHLO" && cmd.Verb != "HELO" {
			continue
		}
		name := strings.ToLower(strings.TrimSpace(cmd.Arg))
		if name == "" {
			return nil
		}
		literal := strings.HasPrefix(name, "[") && !strings.HasPrefix(name, "[127.") && !strings.HasPrefix(name, "[::1")
		if !literal && (!strings.Contains(name, ".") || strings.HasPrefix(name, "[") || name == "localhost.localdomain" || strings.ContainsAny(name, "_ :/") || strings.HasSuffix(name, ".local")) {
			return []int{c}
		}
		return nil
	}
	return nil
}
