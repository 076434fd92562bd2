package redact

import (
	"bytes"
	"encoding/json"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
)

// learnHosts collects the host names of a session from where they stand for
// themselves, so that they are found wherever else they stand.
func (r *rewriter) learnHosts() {
	if !r.levels.Hosts {
		return
	}
	r.learnTarget(r.from.Target)
	for _, e := range r.from.Entries {
		switch f := e.Fact.(type) {
		case *facts.Dial:
			r.names.learn(f.Host)
			if host, _, err := net.SplitHostPort(f.Addr); err == nil {
				r.names.learn(host)
			}
		case *facts.DNS:
			r.names.learn(f.Name)
			for _, answer := range f.Answers {
				for _, word := range strings.Fields(answer) {
					if strings.HasSuffix(word, ".") {
						r.names.learn(word)
					}
				}
			}
		case *facts.TLS:
			r.names.learn(f.SNI)
			for _, c := range f.Chain {
				for _, name := range c.Names {
					r.names.learn(strings.TrimPrefix(name, "*."))
				}
			}
		}
		if e.Event != nil {
			r.learnEvent(e.Event)
		}
	}
}

// learnDomains gives the domains of addresses their stand-ins, so that they are
// found where they stand before the first address.
func (r *rewriter) learnDomains() {
	if !r.levels.Addresses || r.levels.KeepDomains {
		return
	}
	for _, e := range r.from.Entries {
		if e.Event == nil {
			continue
		}
		if h := e.Event.Header; h != nil && strings.EqualFold(h.Name, "Received") {
			for _, m := range loggedIn.FindAllStringSubmatch(h.Value, -1) {
				r.names.user(m[1])
			}
		}
		text := string(e.Event.Raw)
		if e.Event.Auth != nil {
			text += " " + e.Event.Auth.User + " " + e.Event.Auth.Authzid
		}
		for _, m := range addressPattern.FindAllStringSubmatch(text, -1) {
			if domain := m[3][:domainEnd(m[3])]; !noDomain(m[2], domain) {
				r.names.domainOf(domain)
			}
		}
	}
}

// learnTarget reads HOST[:PORT], with a scheme or "mx:" in front.
func (r *rewriter) learnTarget(target string) {
	if _, rest, found := strings.Cut(target, "://"); found {
		target = rest
	}
	target = strings.TrimPrefix(target, "mx:")
	if host, _, err := net.SplitHostPort(target); err == nil {
		target = host
	}
	r.names.learn(target)
}

// receivedHost is a host in a Received field (RFC 5321 section 4.4), with the
// names that servers put into comments.
var receivedHost = regexp.MustCompile(`(?i)(?:\b(?:from|by)\s+|\b(?:helo|ehlo)[= ]\s*)([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?)(?:[\s()\[;,]|$)|\(([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?)\s+\[`)

// noHost are words of Received fields that stand where a host may.
var noHost = map[string]bool{"unknown": true, "localhost": true, "helo": true, "ehlo": true, "envelope-from": true, "from": true, "authenticated": true, "using": true,
	"port": true, "using-tls": true, "version": true, "no": true, "not": true, "postfix": true, "exim": true, "sendmail": true, "qmail": true, "smtp": true, "esmtp": true,
	"local": true, "network": true, "account": true, "may": true, "client": true, "verified": true, "cipher": true, "may-be-forged": true, "http": true, "userid": true, "hello": true}

// loggedIn is the user in a Received field.
var loggedIn = regexp.MustCompile(`(?i)\bauthenticated (?:sender|user|as|id)?[:=]?\s*([^\s();]+)`)

// clientName is a host in the attributes of XCLIENT and XFORWARD.
var clientName = regexp.MustCompile(`(?i)\b(?:NAME|HELO|DESTADDR|ADDR)=(\S+\.\S+)`)

func (r *rewriter) learnEvent(ev *decode.Event) {
	switch {
	case ev.Command != nil && smtp.Greets(ev.Command.Verb):
		r.names.learn(ev.Command.Arg)
	case ev.Kind == decode.KindGreeting, ev.Reply != nil && smtp.Extends(ev.Reply.ToVerb):
		if len(ev.Reply.Lines) > 0 {
			name, _, _ := strings.Cut(ev.Reply.Lines[0].Text, " ")
			if strings.Contains(name, ".") {
				r.names.learn(name)
			}
		}
	case ev.Command != nil && (ev.Command.Verb == "XCLIENT" || ev.Command.Verb == "XFORWARD"):
		for _, m := range clientName.FindAllStringSubmatch(ev.Command.Arg, -1) {
			r.names.learn(m[1])
		}
	case ev.Header != nil && strings.EqualFold(ev.Header.Name, "Received"):
		for _, m := range receivedHost.FindAllStringSubmatch(ev.Header.Value, -1) {
			if name := strings.ToLower(m[1] + m[2]); !noHost[name] && !commonWords[name] {
				r.names.learn(name)
			}
		}
	case ev.Header != nil && strings.EqualFold(ev.Header.Name, "Message-ID"):
		if i := strings.LastIndexByte(ev.Header.Value, '@'); i >= 0 {
			r.names.learn(strings.TrimRight(ev.Header.Value[i+1:], "> \t"))
		}
	}
}

// fact replaces in everything that a fact says.
func (r *rewriter) fact(f facts.Fact) facts.Fact {
	if !r.levels.Addresses && !r.levels.Hosts {
		return f
	}
	if again, err := r.factAgain(f); err == nil {
		return again
	}
	return facts.NewNote("redacted")
}

func (r *rewriter) factAgain(f facts.Fact) (facts.Fact, error) {
	data, err := facts.Marshal(f)
	if err != nil {
		return nil, err
	}
	var said any
	numbers := json.NewDecoder(bytes.NewReader(data))
	numbers.UseNumber()
	if err := numbers.Decode(&said); err != nil {
		return nil, err
	}
	if data, err = json.Marshal(r.names.inJSON(said)); err != nil {
		return nil, err
	}
	if r.levels.Hosts {
		data = fingerprint.ReplaceAll(data, []byte(`"sha256":""`))
	}
	return facts.Unmarshal(f.Type(), data)
}

// inJSON replaces in the strings of a value.
func (s *standIns) inJSON(value any) any {
	switch v := value.(type) {
	case string:
		return s.text(v)
	case []any:
		for i := range v {
			v[i] = s.inJSON(v[i])
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == "say" {
				continue // the key of a text
			}
			if text, ok := v[name].(string); ok && (name == "subject" || name == "issuer") {
				v[name] = s.subject(text)
				continue
			}
			v[name] = s.inJSON(v[name])
		}
	}
	return value
}

// fingerprint is a certificate's, by which it could be looked up.
var fingerprint = regexp.MustCompile(`"sha256":"[0-9a-fA-F:]*"`)
