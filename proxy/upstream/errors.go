package upstream

import (
	"fmt"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
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

// problems gives each Problem the reply that a mail server gives
// for it (RFC 5321 section 4.2, RFC 3463, RFC 7505 section 4).
var problems = map[Problem]struct {
	code     int
	enhanced string
}{
	BadDomain:     {501, "5.1.3"},
	NoSuchDomain:  {550, "5.1.2"},
	NoData:        {550, "5.4.4"},
	NoAddress:     {550, "5.4.4"},
	NullMX:        {556, "5.1.10"},
	BadMX:         {550, "5.4.4"},
	AliasLoop:     {550, "5.4.4"},
	ServerFailure: {451, "4.4.3"},
	ServerRefused: {451, "4.4.3"},
	Timeout:       {451, "4.4.3"},
	BadAnswer:     {451, "4.4.3"},
	NotAllowed:    {550, "5.7.1"},
	Loop:          {554, "5.4.6"},
	Unreachable:   {451, "4.4.1"},
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
	Detail  facts.Sentence // more about it, or ""
	Err     error          // what caused it, or nil
}

func (e *NoServerError) Error() string {
	return visible.Text(e.InFacts().String())
}

// InFacts is the error as a fact says it.
func (e *NoServerError) InFacts() facts.Sentence {
	words := []any{"name", e.Name, "problem", facts.Say("dns-" + string(e.Problem)), "detail", e.Detail}
	if e.Kind != "" {
		return facts.Say("no-server-kind", append(words, "kind", e.Kind)...)
	}
	return facts.Say("no-server", words...)
}

// In is the error in one language.
func (e *NoServerError) In(l lang.Lang) string { return visible.Text(e.InFacts().In(l)) }

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
