package codes

import (
	"strconv"
	"strings"
)

// Verb returns what a command asks for. verb is upper case.
func Verb(verb string) (Meaning, bool) {
	m, ok := verbs[verb]
	return m, ok
}

var verbs = map[string]Meaning{
	"ATRN":     {"hand out my waiting mail on this connection", "RFC 2645"},
	"AUTH":     {"log in", "RFC 4954"},
	"BDAT":     {"a counted chunk of the message follows", "RFC 3030"},
	"BURL":     {"fetch a part of the message from an IMAP server", "RFC 4468"},
	"DATA":     {"the message follows", "RFC 5321 section 4.1.1.4"},
	"DEBUG":    {"debugging mode of very old servers, tried by scanners", "not in any RFC"},
	"EHLO":     {"the client greets, and asks for extensions", "RFC 5321 section 4.1.1.1"},
	"ETRN":     {"start delivery of a domain's waiting mail", "RFC 1985"},
	"EXPN":     {"who is on this list", "RFC 5321 section 4.1.1.7"},
	"HELO":     {"hello, without extensions", "RFC 5321 section 4.1.1.1"},
	"HELP":     {"help text for people", "RFC 5321 section 4.1.1.8"},
	"LHLO":     {"hello, in LMTP: there will be a reply per recipient", "RFC 2033"},
	"MAIL":     {"a message from this sender", "RFC 5321 section 4.1.1.2"},
	"NOOP":     {"nothing: are you there", "RFC 5321 section 4.1.1.9"},
	"QUIT":     {"the client ends the session", "RFC 5321 section 4.1.1.10"},
	"RCPT":     {"to this recipient", "RFC 5321 section 4.1.1.3"},
	"RSET":     {"forget sender and recipients", "RFC 5321 section 4.1.1.5"},
	"SAML":     {"write to the terminal and mail", "RFC 821, obsolete"},
	"SEND":     {"write to the terminal", "RFC 821, obsolete"},
	"SOML":     {"write to the terminal or mail", "RFC 821, obsolete"},
	"STARTTLS": {"encrypt from here on", "RFC 3207"},
	"TURN":     {"change roles", "RFC 821, obsolete"},
	"VERB":     {"verbose replies", "RFC 5321 section 8.1"},
	"VRFY":     {"does this user exist", "RFC 5321 section 4.1.1.6"},
	"WIZ":      {"back door of very old servers, tried by scanners", "not in any RFC"},
	"XCLIENT":  {"tells the server about the original client", "Postfix"},
	"XFORWARD": {"tells the server about the original client, for your log", "Postfix"},
	"X-EXPS":   {"log in as an Exchange server", "Microsoft Exchange"},
}

// Parameter returns what a parameter of MAIL or RCPT asks for, such as
// BODY=8BITMIME; key and value are as sent. The text may quote the value. It
// is false for a parameter that is in no table.
func Parameter(key, value string) (Meaning, bool) {
	key = strings.ToUpper(key)
	if m, ok := parameterValues[key+"="+strings.ToUpper(value)]; ok {
		return m, true
	}
	m, ok := parameters[key]
	if !ok {
		return Meaning{}, false
	}
	switch key {
	case "SIZE":
		if n, err := strconv.ParseUint(value, 10, 63); err == nil {
			m.Text += " " + Size(int64(n))
			return m, true
		}
	case "AUTH", "ENVID", "SUBMITTER":
		value = xtext(value)
	case "ORCPT":
		if kind, address, ok := strings.Cut(value, ";"); ok {
			value = xtext(address)
			if !strings.EqualFold(kind, "rfc822") {
				value += " (" + kind + ")"
			}
		}
	case "NOTIFY":
		m.Text += " " + notify(value)
		return m, true
	}
	if value != "" {
		m.Text += " " + value
	}
	return m, true
}

// notify reads the list of NOTIFY (RFC 3461 section 4.1).
func notify(value string) string {
	var when []string
	for v := range strings.SplitSeq(strings.ToUpper(value), ",") {
		if text, ok := notifications[v]; ok {
			v = text
		}
		when = append(when, v)
	}
	return strings.Join(when, ", ")
}

var notifications = map[string]string{
	"SUCCESS": "on delivery", "FAILURE": "on failure", "DELAY": "on delay",
}

// xtext decodes the escape +HH of RFC 3461 section 4. What is not an escape
// stays.
func xtext(s string) string {
	if !strings.Contains(s, "+") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var parameterValues = map[string]Meaning{
	"AUTH=<>":         {"the submitter is not known", "RFC 4954 section 5"},
	"BODY=7BIT":       {"text is ASCII", "RFC 6152"},
	"BODY=8BITMIME":   {"text may hold bytes above 127", "RFC 6152"},
	"BODY=BINARYMIME": {"the message may hold any bytes, sent in BDAT chunks", "RFC 3030"},
	"NOTIFY=NEVER":    {"no delivery reports", "RFC 3461 section 4.1"},
	"RET=FULL":        {"a failure report should bring the whole message back", "RFC 3461 section 4.3"},
	"RET=HDRS":        {"a failure report should bring only the headers back", "RFC 3461 section 4.3"},
}

var parameters = map[string]Meaning{
	"AUTH":        {"submitted by", "RFC 4954 section 5"},
	"BODY":        {"kind of text", "RFC 6152"},
	"BY":          {"deliver by this deadline", "RFC 2852"},
	"CONPERM":     {"content may be converted", "RFC 4141"},
	"CONNEG":      {"ask what content the recipient can show", "RFC 4141"},
	"ENVID":       {"the sender's name for this message in reports", "RFC 3461 section 4.4"},
	"HOLDFOR":     {"hold back for this many seconds:", "RFC 4865"},
	"HOLDUNTIL":   {"hold back until", "RFC 4865"},
	"MT-PRIORITY": {"priority from -9 to 9:", "RFC 6710"},
	"MTRK":        {"the way of this message will be asked for", "RFC 3885"},
	"NOTIFY":      {"send delivery reports", "RFC 3461 section 4.1"},
	"ORCPT":       {"the address as it was at first:", "RFC 3461 section 4.2"},
	"PRDR":        {"reply per recipient after the message", "Exim, expired draft"},
	"REQUIRETLS":  {"this message must have TLS on its whole way", "RFC 8689"},
	"RET":         {"what a failure report should bring back:", "RFC 3461 section 4.3"},
	"RRVS":        {"deliver only if the mailbox has had the same owner since", "RFC 7293"},
	"SIZE":        {"the message is about", "RFC 1870"},
	"SMTPUTF8":    {"addresses or headers hold characters outside ASCII", "RFC 6531"},
	"SOLICIT":     {"kinds of advertising in it:", "RFC 3865"},
	"SUBMITTER":   {"the responsible submitter is", "RFC 4405"},
	"TRANSID":     {"transaction to resume:", "RFC 1845"},
	"XOORG":       {"the sender's organisation is", "Microsoft Exchange"},
	"XVERP":       {"one bounce address per recipient", "Postfix"},
}
