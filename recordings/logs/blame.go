package logs

import (
	"net"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A cause is what a tool's words about a failed connection mean.
type cause struct {
	said    *pattern
	dial    string // facts.Dial.Class, when no connection came about
	tls     string // facts.TLS.Class, when the handshake failed
	verdict string // facts.TLS.Verdict, when the certificate was the reason
}

// causes, the more exact first. The words are those of the C library, PHP,
// OpenSSL (1.0 to 3), GnuTLS, Go, Node.js, Java and Python.
var causes = []cause{
	{said: compile(`did not match expected cn|unable to locate peer certificate cn|hostname mismatch|(?:host ?name|altname)s? (?:.* )?(?:does|do) not match|not match(?:es)? certificate's altnames|certificate is valid for .*, not |no subject alternative|doesn't match '|failed host verification|host name does not match|no alternative certificate subject name matches`), tls: "certificate", verdict: "wrong-name"},
	{said: compile(`certificate has expired|certificate expired|expired certificate`), tls: "certificate", verdict: "expired"},
	{said: compile(`certificate is not yet valid|not yet activated`), tls: "certificate", verdict: "not-yet-valid"},
	{said: compile(`self[- ]signed`), tls: "certificate", verdict: "self-signed"},
	{said: compile(`certificate verify failed|unable to (?:get|verify).*(?:issuer|certificate)|unknown authority|unable to find valid certification path|failed ca verification|certificate is not trusted|ssl certificate problem|unable_to_`), tls: "certificate", verdict: "unknown-authority"},
	{said: compile(`wrong version number|unknown protocol|packet length too long|record overflow|first record does not look like a tls|plaintext connection|unsupported or unrecognized ssl message`), tls: "not-tls"},
	{said: compile(`unsupported protocol|protocol version|version too low|no protocols available|no common version`), tls: "no-common-version"},
	{said: compile(`no shared cipher|handshake failure|no ciphers available|dh key too small`), tls: "no-common-cipher"},
	{said: compile(`stream_crypto_method|unable to (?:connect|connect with|start|use) (?:with )?(?:starttls|tls|ssl)|could not start tls|tls startup failed|starttls attempted but failed|could not convert socket to tls|enable crypto|ssl operation failed|ssl_accept error|ssl_connect error|handshake (?:problem|error|failed)|tls negotiation failed`), tls: "other"},
	{said: compile(`query(?:a|aaaa|mx|srv) e[a-z]+`), dial: "resolve"}, // Node.js asks DNS itself
	{said: compile(`connection refused|econnrefused|actively refused|\(111\)|\(61\)|\(10061\)`), dial: "refused"},
	{said: compile(`timed[ -]?out|etimedout|timeout|\(110\)|\(10060\)`), dial: "timeout"},
	{said: compile(`cannot assign requested address|eaddrnotavail|\(99\)`), dial: "unreachable"},
	{said: compile(`unreachable|no route to host|enetunreach|ehostunreach|\(101\)|\(113\)`), dial: "unreachable"},
	{said: compile(`getaddrinfo|name or service not known|enotfound|eai_again|no such host|unknown ?host|could not resolve|temporary failure in name|nodename nor servname|resolve host`), dial: "resolve"},
	{said: compile(`permission denied|\(13\)`), dial: "not-allowed"},
}

// waitSetting is how long a tool waits, which JavaMail adds to every error.
var waitSetting = compile(`timeout -?\d+`)

// causeOf finds what text means, nil when it says nothing known.
func causeOf(text string) *cause {
	text = waitSetting.ReplaceAllString(strings.ToLower(text[:min(len(text), maxRow)]), "")
	for i := range causes {
		if causes[i].said.MatchString(text) {
			return &causes[i]
		}
	}
	return nil
}

// blame writes the reason of a failure into an attempt to connect. What is
// known already is kept: tools report the same failure again in vaguer words.
func blame(l *line, text string) {
	c := causeOf(text)
	if l.tls != nil && (c == nil || c.tls != "" || c.dial == "") {
		if l.tls.Err == "" {
			l.tls.Err = facts.Plain(text)
		}
		if c != nil && (l.tls.Class == "" || l.tls.Class == "other") {
			l.tls.Class, l.tls.Verdict = c.tls, c.verdict
		}
		return
	}
	if l.tls != nil && l.tls.Err != "" {
		return
	}
	if l.dial.Err == "" {
		l.dial.Err = facts.Plain(text)
		l.dial.Class = "other"
	}
	if c != nil && c.dial != "" && l.dial.Class == "other" {
		l.dial.Class = c.dial
	}
}

// failedTLS is the fact of a handshake that came to nothing.
func failedTLS(text string) *facts.TLS {
	t := &facts.TLS{Leg: who.ServerLeg, Err: facts.Plain(text), Class: "other"}
	if c := causeOf(text); c != nil && c.tls != "" {
		t.Class, t.Verdict = c.tls, c.verdict
	}
	return t
}

// hostPort joins them, without the port when the log names none.
func hostPort(host, port string) string {
	if port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// endOfData is what a reply to a whole message answers, in place of a verb.
const endOfData = "."

// verbs of the client, for deciding who said a line without a mark.
var verbs = map[string]bool{
	"EHLO": true, "HELO": true, "LHLO": true, "MAIL": true, "RCPT": true, "DATA": true, "BDAT": true, "RSET": true, "NOOP": true,
	"QUIT": true, "VRFY": true, "EXPN": true, "HELP": true, "AUTH": true, "STARTTLS": true, "XCLIENT": true, "XFORWARD": true, "ETRN": true, "TURN": true,
}

// verbOf is the verb that text begins with in upper case, "" when it is none.
func verbOf(text string) string {
	word, rest, _ := strings.Cut(strings.TrimLeft(text, " \t"), " ")
	word = strings.ToUpper(strings.TrimSuffix(strings.TrimRight(word, "\r\n\t"), ":"))
	if verbs[word] {
		return verified(word, rest)
	}
	return ""
}

// verified keeps English sentences that begin with a verb's letters ("Data
// sent", "Help me") from being taken for commands.
func verified(word, rest string) string {
	rest = strings.TrimSpace(rest)
	switch word {
	case "EHLO", "HELO", "LHLO":
		if strings.Count(rest, " ") > 2 {
			return ""
		}
	case "MAIL":
		if !strings.HasPrefix(strings.ToUpper(rest), "FROM") {
			return ""
		}
	case "RCPT":
		if !strings.HasPrefix(strings.ToUpper(rest), "TO") {
			return ""
		}
	case "DATA", "RSET", "QUIT", "STARTTLS":
		if strings.Contains(rest, " ") {
			return ""
		}
	case "HELP", "TURN", "NOOP", "EXPN", "VRFY":
		if strings.Count(rest, " ") > 1 {
			return ""
		}
	}
	return word
}
