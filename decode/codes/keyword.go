package codes

import (
	"strconv"
	"strings"
)

// Keyword returns what an EHLO keyword offers. name is upper case, params is
// what follows it (RFC 5321 section 4.1.1.1). It is false for a keyword that
// is in no table.
func Keyword(name, params string) (Meaning, bool) {
	if old, ok := strings.CutPrefix(name, "AUTH="); ok {
		return Meaning{"logins in the spelling that old Outlook needs: " + spaced(old+" "+params), "not in any RFC"}, true
	}
	m, ok := keywords[name]
	if !ok {
		return Meaning{}, false
	}
	m.Text += keywordParams(name, params)
	return m, true
}

// keywordParams says what the parameters of those keywords mean that have some
// worth explaining.
func keywordParams(name, params string) string {
	if params == "" {
		if name == "SIZE" {
			return " (limit not told)"
		}
		return ""
	}
	switch name {
	case "SIZE":
		if n, err := strconv.ParseUint(params, 10, 63); err == nil {
			if n == 0 {
				return ", no fixed limit"
			}
			return ", at most " + Size(int64(n))
		}
	case "DELIVERBY":
		return ", soonest in " + params + " s"
	case "FUTURERELEASE":
		if longest, _, ok := strings.Cut(params, " "); ok {
			return ", at most " + longest + " s ahead"
		}
	case "AUTH", "LIMITS", "XCLIENT", "XFORWARD", "MT-PRIORITY", "X-EXPS", "BURL", "NO-SOLICITING":
		return ": " + spaced(params)
	}
	return ""
}

func spaced(params string) string { return strings.Join(strings.Fields(params), ", ") }

// Size writes a number of bytes for people: "512 bytes", "10 MiB (10485760
// bytes)", "33.4 MiB (35000000 bytes)".
func Size(n int64) string {
	exact := strconv.FormatInt(n, 10) + " bytes"
	if n == 1 {
		exact = "1 byte"
	}
	if n < 1<<10 {
		return exact
	}
	v, unit := float64(n)/(1<<10), 0
	for v >= 1<<10 && unit < 3 {
		v /= 1 << 10
		unit++
	}
	short := strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	return short + " " + [...]string{"KiB", "MiB", "GiB", "TiB"}[unit] + " (" + exact + ")"
}

var keywords = map[string]Meaning{
	"8BITMIME":            {"takes message text with bytes above 127 as it is", "RFC 6152"},
	"ATRN":                {"hands out waiting mail on the same connection, after AUTH", "RFC 2645"},
	"AUTH":                {"logins it understands", "RFC 4954"},
	"BINARYMIME":          {"takes messages of any bytes, in BDAT chunks", "RFC 3030"},
	"BURL":                {"fetches parts of the message from an IMAP server", "RFC 4468"},
	"CHECKPOINT":          {"resumes an interrupted transaction", "RFC 1845"},
	"CHUNKING":            {"takes the message in counted chunks (BDAT) in place of DATA", "RFC 3030"},
	"CONNEG":              {"tells what content the recipient can show", "RFC 4141"},
	"CONPERM":             {"may convert content when the sender permits it", "RFC 4141"},
	"DELIVERBY":           {"delivers by a deadline, or reports that it could not", "RFC 2852"},
	"DSN":                 {"the sender may choose which delivery reports come back", "RFC 3461"},
	"ENHANCEDSTATUSCODES": {"replies carry a second code that says more, such as 5.7.8", "RFC 2034"},
	"ETRN":                {"starts delivery of a domain's waiting mail on request", "RFC 1985"},
	"EXPN":                {"tells the members of a list", "RFC 5321 section 3.5"},
	"FUTURERELEASE":       {"holds a message back until a given time", "RFC 4865"},
	"HELP":                {"answers HELP with text for people", "RFC 5321 section 4.1.1.8"},
	"LIMITS":              {"tells its limits beforehand", "RFC 9422"},
	"MT-PRIORITY":         {"messages may have a priority", "RFC 6710"},
	"MTRK":                {"a message's way can be asked for later", "RFC 3885"},
	"NO-SOLICITING":       {"wants no mail of the named kinds of advertising", "RFC 3865"},
	"ONEX":                {"one message per connection", "RFC 5321 section 8.1"},
	"PIPELINING":          {"the client may send several commands without waiting for each reply", "RFC 2920"},
	"REQUIRETLS":          {"a message can demand TLS for its whole way", "RFC 8689"},
	"RRVS":                {"delivers only if the mailbox still belongs to the same owner", "RFC 7293"},
	"SAML":                {"writes to the terminal and mails", "RFC 821, obsolete"},
	"SEND":                {"writes to the terminal", "RFC 821, obsolete"},
	"SIZE":                {"the client may announce a message's size before sending it", "RFC 1870"},
	"SMTPUTF8":            {"addresses and headers may be in any script", "RFC 6531"},
	"SOML":                {"writes to the terminal or mails", "RFC 821, obsolete"},
	"STARTTLS":            {"the connection can be encrypted", "RFC 3207"},
	"SUBMITTER":           {"MAIL may name the responsible submitter", "RFC 4405"},
	"TURN":                {"client and server may change roles", "RFC 821, obsolete"},
	"UTF8SMTP":            {"an experiment that SMTPUTF8 replaced", "RFC 5336, obsolete"},
	"VERB":                {"verbose replies", "RFC 5321 section 8.1"},
	"VRFY":                {"tells whether a user exists", "RFC 5321 section 3.5"},

	"MAILCOMPRESS":     {"compressed messages, of QQ's own clients", "Tencent"},
	"PIPECONNECT":      {"a client that knows the server may begin before the greeting", "Exim"},
	"PIPE_CONNECT":     {"a client that knows the server may begin before the greeting", "Exim"},
	"X_PIPE_CONNECT":   {"a client that knows the server may begin before the greeting", "Exim"},
	"PRDR":             {"a reply per recipient after the message", "Exim, expired draft"},
	"X-ANONYMOUSTLS":   {"TLS between Exchange servers of one organisation", "Microsoft Exchange"},
	"X-EXPS":           {"logins between Exchange servers", "Microsoft Exchange"},
	"X-LINK2STATE":     {"routing tables between Exchange servers", "Microsoft Exchange"},
	"X-RCPTLIMIT":      {"tells how many recipients a message may have", "unregistered"},
	"XADR":             {"asks for the rewriting of an address", "Oracle Communications Messaging"},
	"XCIR":             {"asks for the state of a delivery", "Oracle Communications Messaging"},
	"XCLIENT":          {"a trusted proxy may pass on what it knows of the client", "Postfix"},
	"XEXCH50":          {"properties between Exchange servers", "Microsoft Exchange"},
	"XFORWARD":         {"a trusted filter may pass on what it knows of the client, for logging", "Postfix"},
	"XGEN":             {"general functions between servers", "Oracle Communications Messaging"},
	"XLOOP":            {"the server's mark, to recognise loops", "Oracle Communications Messaging"},
	"XOORG":            {"the sender's organisation, between Exchange servers", "Microsoft Exchange"},
	"XPROXY":           {"passes a session on to another Exchange server", "Microsoft Exchange"},
	"XPROXYFROM":       {"tells where a passed-on session came from", "Microsoft Exchange"},
	"XPROXYTO":         {"tells where a session is to be passed on", "Microsoft Exchange"},
	"XRDST":            {"the next destination, between Exchange servers", "Microsoft Exchange"},
	"XREMOTEQUEUE":     {"starts delivery of waiting mail", "unregistered"},
	"XSESSIONPARAMS":   {"properties of the session, between Exchange servers", "Microsoft Exchange"},
	"XSHADOW":          {"keeps a spare copy on another Exchange server", "Microsoft Exchange"},
	"XSHADOWREQUEST":   {"keeps a spare copy on another Exchange server", "Microsoft Exchange"},
	"XSTA":             {"asks for the state of the server", "Oracle Communications Messaging"},
	"XVERP":            {"MAIL may ask for one bounce address per recipient", "Postfix"},
	"COREMAIL":         {"the mark of a Coremail server (NetEase and others)", "Coremail"},
	"XXXX":             {"something in between overwrote a keyword: Cisco's SMTP inspection does this", "Cisco PIX/ASA"},
	"XXXXXXXA":         {"something in between overwrote STARTTLS: Cisco's SMTP inspection does this, and the session stays in clear", "Cisco PIX/ASA"},
	"XXXXXXXX":         {"something in between overwrote a keyword, such as STARTTLS: Cisco's SMTP inspection does this", "Cisco PIX/ASA"},
	"XXXXXXXXXXXXXXXX": {"something in between overwrote a keyword: Cisco's SMTP inspection does this", "Cisco PIX/ASA"},
}
