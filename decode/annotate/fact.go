package annotate

import (
	"cmp"
	"strings"
	"time"

	"smtptap/decode/codes"
	"smtptap/decode/facts"
)

// fact puts something that was not said but happened into words.
func (x *explainer) fact(f facts.Fact) {
	switch f := f.(type) {
	case *facts.Open:
		x.open(f)
	case *facts.Dial:
		x.dial(f)
	case *facts.DNS:
		x.dns(f)
	case *facts.TLS:
		x.tls(f)
	case *facts.Hello:
		x.hello(f)
	case *facts.Closed:
		x.closed(f)
	case *facts.End:
		x.end(f)
	case *facts.Note:
		x.say(Note, f.Text)
	case *facts.Lost:
		x.say(Warning, "the recorder lost "+count(f.Records, "record")+" of "+codes.Size(f.Bytes)+because(f.Why))
	default:
		x.mean(f.Type())
	}
}

// because appends a reason if there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func (x *explainer) open(f *facts.Open) {
	text := "client " + f.Client + " connected to " + f.Listen
	if f.TLS {
		text += ", which speaks TLS from the first byte"
	}
	x.mean(text)
}

// took appends how long something lasted; a pasted log does not tell.
func took(word string, d time.Duration) string {
	if d == 0 {
		return ""
	}
	return word + " " + Duration(d)
}

func (x *explainer) dial(f *facts.Dial) {
	target := cmp.Or(f.Addr, "the server")
	var who []string
	if f.Host != "" && f.Host != f.Addr && !strings.HasPrefix(f.Addr, f.Host+":") {
		who = append(who, f.Host)
	}
	if f.Why != "" {
		who = append(who, f.Why)
	}
	if len(who) > 0 {
		target += " (" + strings.Join(who, ", ") + ")"
	}
	if f.Err == "" {
		text := "connected to " + target + took(" in", f.Took)
		if f.Local != "" {
			text += ", from " + f.Local
		}
		x.mean(text)
		return
	}
	x.say(Warning, "could not reach "+target+took(" after", f.Took)+because(f.Err))
	if text, ok := dialClasses[f.Class]; ok {
		x.mean(text)
	}
}

var dialClasses = map[string]string{
	"refused":     "the host is there, but nothing listens on that port, or a firewall says no",
	"timeout":     "no answer: the host is down, or a firewall drops the packets (many providers block port 25)",
	"unreachable": "there is no route to that address from here",
	"resolve":     "the name has no address, or the DNS could not be asked",
	"not-allowed": "smtptap does not connect to such addresses unless --allow-private is given",
	"loop":        "the target is smtptap itself",
}

func (x *explainer) dns(f *facts.DNS) {
	text := "asked for " + f.Kind + " of " + f.Name
	if f.Server != "" {
		text += " at " + f.Server
	}
	if f.TCP {
		text += " over TCP"
	}
	text += ": "
	switch {
	case f.Err != "":
		reason, ok := dnsErrors[f.Err]
		if !ok {
			reason = f.Err
		}
		if f.Rcode != "" && f.Rcode != "NOERROR" {
			reason = f.Rcode + ", " + reason
		}
		text += reason
	case f.Rcode != "" && f.Rcode != "NOERROR":
		text += f.Rcode
		if meaning, ok := rcodes[f.Rcode]; ok {
			text += ", " + meaning
		}
	default:
		text += count(int64(len(f.Answers)), "record")
	}
	kind := Meaning
	if f.Err != "" || f.Rcode != "" && f.Rcode != "NOERROR" {
		kind = Note
	}
	x.say(kind, text+took(", after", f.Took))
	for _, a := range f.Answers {
		x.mean(a)
	}
}

var dnsErrors = map[string]string{
	"timeout":        "no answer came",
	"nodata":         "the name exists, but has no such record",
	"truncated":      "the answer was cut off",
	"wrong question": "the answer was to another question",
}

var rcodes = map[string]string{
	"NXDOMAIN": "the name does not exist",
	"SERVFAIL": "the resolver could not find out",
	"REFUSED":  "the resolver does not answer us",
	"FORMERR":  "the resolver did not understand the question",
	"NOTIMP":   "the resolver cannot do that",
}

func (x *explainer) closed(f *facts.Closed) {
	peer := "the " + f.Leg.String()
	switch f.How {
	case "fin":
		x.mean(peer + " closed its side of the connection")
	case "close-notify":
		x.mean(peer + " closed its side of the connection, TLS included")
	case "truncated":
		x.say(Note, peer+" closed the connection without ending TLS: what it sent last may be cut off")
	case "reset":
		x.say(Warning, peer+" reset the connection"+because(f.Err))
	default:
		x.say(Warning, "the connection to "+peer+" broke"+because(f.Err))
	}
}

func (x *explainer) end(f *facts.End) {
	text, ok := causes[f.Cause]
	if !ok {
		text = "the session ended: " + f.Cause
	}
	kind := Meaning
	if f.Cause != facts.CauseClosed {
		kind = Note
	}
	x.say(kind, text+because(f.Err))
	x.mean("read " + codes.Size(f.ClientBytes) + " from the client, " + codes.Size(f.ServerBytes) + " from the server")
}

var causes = map[string]string{
	facts.CauseClosed:      "the session ended in order",
	facts.CauseClientReset: "the session ended because the client reset the connection",
	facts.CauseServerReset: "the session ended because the server reset the connection",
	facts.CauseClientGone:  "the session ended because the client left",
	facts.CauseServerGone:  "the session ended because the server closed the connection",
	facts.CauseUnreachable: "the session ended because no server could be reached",
	facts.CauseRefused:     "smtptap refused the session",
	facts.CauseTLS:         "the session ended because TLS could not be agreed",
	facts.CauseIdle:        "smtptap ended the session because nothing was said for too long",
	facts.CauseShutdown:    "the session ended because smtptap was stopped",
	facts.CauseRule:        "a rule decided how the session ended",
	facts.CauseInternal:    "the session ended by a fault of smtptap",
}

// day is how dates of certificates are written.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
