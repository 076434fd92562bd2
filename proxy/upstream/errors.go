package upstream

import (
	"fmt"
	"strings"

	"smtptap/decode/visible"
)

// A Problem is the kind of reason for which no server was found or reached.
type Problem string

const (
	BadDomain     Problem = "bad-domain"     // no domain name and no address literal
	NoSuchDomain  Problem = "no-such-domain" // NXDOMAIN
	NoData        Problem = "no-data"        // the name exists, without records of the kind asked for
	NoAddress     Problem = "no-address"     // neither MX nor address, or no MX host has an address
	NullMX        Problem = "null-mx"        // the domain says that it takes no mail (RFC 7505)
	BadMX         Problem = "bad-mx"         // the MX records name nothing that can be a mail server
	AliasLoop     Problem = "alias-loop"     // CNAME records in a circle, or more than maxAliases of them
	ServerFailure Problem = "server-failure" // SERVFAIL, or another error of the resolver's
	ServerRefused Problem = "server-refused" // REFUSED
	Timeout       Problem = "timeout"        // no resolver answered in time
	BadAnswer     Problem = "bad-answer"     // what came was not the answer to the question
	NotAllowed    Problem = "not-allowed"    // the address is private or otherwise special
	Loop          Problem = "loop"           // the session would come back to smtptap
	Unreachable   Problem = "unreachable"    // no address accepted a connection
)

// problems gives each Problem its words and the reply that a mail server gives
// for it (RFC 5321 section 4.2, RFC 3463, RFC 7505 section 4).
var problems = map[Problem]struct {
	words    string
	code     int
	enhanced string
}{
	BadDomain:     {"not a domain", 501, "5.1.3"},
	NoSuchDomain:  {"no such domain", 550, "5.1.2"},
	NoData:        {"no such record", 550, "5.4.4"},
	NoAddress:     {"no mail server has an address", 550, "5.4.4"},
	NullMX:        {"the domain accepts no mail (null MX)", 556, "5.1.10"},
	BadMX:         {"the MX records name no mail server", 550, "5.4.4"},
	AliasLoop:     {"the aliases (CNAME) lead nowhere", 550, "5.4.4"},
	ServerFailure: {"the DNS server failed", 451, "4.4.3"},
	ServerRefused: {"the DNS server refused to answer", 451, "4.4.3"},
	Timeout:       {"no answer from DNS in time", 451, "4.4.3"},
	BadAnswer:     {"DNS gave an answer that cannot be used", 451, "4.4.3"},
	NotAllowed:    {"the address is not a public one", 550, "5.7.1"},
	Loop:          {"mail would come back here", 554, "5.4.6"},
	Unreachable:   {"no mail server could be reached", 451, "4.4.1"},
}

// Temporary reports whether trying again later may help.
func (p Problem) Temporary() bool { return problems[p].code/100 == 4 }

// A Reply is an SMTP reply that tells a client about a problem.
type Reply struct {
	Code     int
	Enhanced string // enhanced status code (RFC 3463)
	Text     string // one line of printable ASCII
}

// A NoServerError says why there is no server to go to: the DNS names none, or
// none may be used, or none could be reached.
type NoServerError struct {
	Name    string // domain or host
	Kind    string // kind of record asked for, or ""
	Problem Problem
	Detail  string // in words, or ""
	Err     error  // what caused it, or nil
}

func (e *NoServerError) Error() string {
	var b strings.Builder
	if e.Kind != "" {
		b.WriteString(e.Kind + " of ")
	}
	fmt.Fprintf(&b, "%s: %s", visible.Text(e.Name), problems[e.Problem].words)
	if e.Detail != "" {
		b.WriteString(": " + visible.Text(e.Detail))
	}
	return b.String()
}

func (e *NoServerError) Unwrap() error { return e.Err }

// Temporary reports whether trying again later may help.
func (e *NoServerError) Temporary() bool { return e.Problem.Temporary() }

// Reply is what a mail server would answer to RCPT for this reason.
func (e *NoServerError) Reply() Reply {
	p := problems[e.Problem]
	return Reply{Code: p.code, Enhanced: p.enhanced, Text: inASCII(e.Error())}
}

// inASCII writes what is not ASCII as \u20ac: a reply may hold nothing else
// unless the client asked for it (RFC 6531 section 3.7.4.2).
func inASCII(safe string) string {
	var b strings.Builder
	for _, r := range safe {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
