package annotate

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/units"
	"smtptap/decode/who"
)

// fact puts something that was not said but happened into words.
func (x *explainer) fact(f facts.Fact) {
	switch f := f.(type) {
	case *facts.Open:
		key := "open"
		if f.TLS {
			key = "open-tls"
		}
		x.mean(key, "client", f.Client, "listen", f.Listen)
		if f.Header > 0 {
			x.mean("open-header", "version", strconv.Itoa(f.Header), "peer", cmp.Or(f.Peer, f.Client))
		}
		if f.Destination != "" {
			x.mean("open-destination", "to", f.Destination)
		}
	case *facts.Dial:
		x.dial(f)
	case *facts.DNS:
		x.dns(f)
	case *facts.TLS:
		x.tls(f)
	case *facts.Hello:
		x.mean("tls-begins", "why", facts.Sentence(f.Why).In(x.view.Lang), "offer", x.offer(f))
	case *facts.Closed:
		x.closed(f)
	case *facts.End:
		x.end(f)
	case *facts.Note:
		x.tell(Note, f.Text.In(x.view.Lang))
	case *facts.Lost:
		x.say(Warning, "lost", "n", strconv.FormatInt(f.Records, 10), "size", units.Bytes(f.Bytes), "why", f.Why.In(x.view.Lang))
	default:
		x.tell(Meaning, f.Type())
	}
}

// peer is the one at the other end of a connection.
func (x *explainer) peer(leg who.Leg) string { return x.text("the-" + leg.String()) }

// took is how long something lasted, "" where a pasted log does not show it.
func took(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return units.Time(d)
}

func (x *explainer) dial(f *facts.Dial) {
	target := cmp.Or(f.Addr, x.text("the-server"))
	var which []string
	if f.Host != "" && f.Host != f.Addr && !strings.HasPrefix(f.Addr, f.Host+":") {
		which = append(which, f.Host)
	}
	if f.Why != "" {
		which = append(which, f.Why.In(x.view.Lang))
	}
	if len(which) > 0 {
		target += " (" + strings.Join(which, ", ") + ")"
	}
	if f.Err == "" {
		x.mean("dialled", "target", target, "took", took(f.Took), "local", f.Local)
		return
	}
	x.say(Warning, "dial-failed", "target", target, "took", took(f.Took), "why", f.Err.In(x.view.Lang))
	x.meanKnown("dial-" + f.Class)
}

// meanKnown adds the text with that key if there is one.
func (x *explainer) meanKnown(key string) {
	if x.known(key) != "" {
		x.mean(key)
	}
}

func (x *explainer) dns(f *facts.DNS) {
	kind, answer := Note, ""
	switch failed := f.Rcode != "" && f.Rcode != "NOERROR"; {
	case f.Err != "":
		answer = cmp.Or(x.known("dns-"+strings.ReplaceAll(f.Err, " ", "-")), f.Err)
		if failed {
			answer = x.text("dns-rcode", "rcode", f.Rcode, "meaning", answer)
		}
	case failed:
		answer = x.text("dns-rcode", "rcode", f.Rcode, "meaning", x.known("dns-"+f.Rcode))
	default:
		kind, answer = Meaning, x.text("dns-records", "n", strconv.Itoa(len(f.Answers)))
		if len(f.Answers) == 1 {
			answer = x.text("dns-record")
		}
	}
	key := "asked"
	if f.TCP {
		key = "asked-tcp"
	}
	x.say(kind, key, "kind", f.Kind, "name", f.Name, "server", f.Server, "answer", answer, "took", took(f.Took))
	for _, a := range f.Answers {
		x.tell(Meaning, a)
	}
}

func (x *explainer) closed(f *facts.Closed) {
	kind := Warning
	switch f.How {
	case "fin", "close-notify":
		kind = Meaning
	case "truncated":
		kind = Note
	}
	x.say(kind, x.either("closed-"+f.How, "closed"), "peer", x.peer(f.Leg), "why", f.Err.In(x.view.Lang))
}

func (x *explainer) end(f *facts.End) {
	kind := Note
	if f.Cause == facts.CauseClosed {
		kind = Meaning
	}
	x.say(kind, x.either("end-"+f.Cause, "end"), "cause", f.Cause, "why", f.Err.In(x.view.Lang))
	x.mean("read-bytes", "client", units.Bytes(f.ClientBytes), "server", units.Bytes(f.ServerBytes))
}

// day is how dates of certificates are written.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
