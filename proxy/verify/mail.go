package verify

import (
	"io"
	"net/netip"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// maxMessage bounds the messages that are verified, in bytes.
const maxMessage = 64_000_000

// Mails are the messages of a session, with their envelopes. The address is the
// one that the server saw, if it is valid, and is looked for in the session
// otherwise.
func Mails(t *decode.Transcript, address netip.Addr) []Mail {
	if !address.IsValid() {
		address = Seen(t)
	}
	var all []Mail
	for _, m := range t.Messages() {
		all = append(all, read(t, &m, address))
	}
	return all
}

func read(t *decode.Transcript, m *decode.Message, address netip.Addr) Mail {
	mail := Mail{Address: address, Helo: helo(t, m)}
	if m.Mail >= 0 {
		mail.From = t.Entries[m.Mail].Event.Command.Path
	}
	for _, i := range m.Parts {
		if h := t.Entries[i].Event.Header; h != nil && strings.EqualFold(strings.TrimSpace(h.Name), "From") {
			mail.Author = h.Value
			mail.Authors++
		}
	}
	switch {
	case !m.Complete:
		mail.Why = "no-message-end"
	case m.Size() > maxMessage:
		mail.Why = "too-large"
	default:
		text, err := io.ReadAll(t.Open(m))
		if err != nil {
			mail.Why = err.Error()
			break
		}
		mail.Message = text
	}
	return mail
}

// helo is the name that the client gave last before a message.
func helo(t *decode.Transcript, m *decode.Message) (name string) {
	for i, e := range t.Entries {
		if len(m.Parts) > 0 && i >= m.Parts[0] {
			break
		}
		if e.Event == nil || e.Event.Command == nil || e.Leg == who.ServerLeg {
			continue
		}
		switch e.Event.Command.Verb {
		case "EHLO", "HELO", "LHLO":
			name = strings.TrimSpace(e.Event.Command.Arg)
		}
	}
	return name
}

// Seen is the public address from which the server saw the session come: the
// one that it names in its reply to EHLO, or the connection's. It is invalid when
// neither is public: a router in between has another.
func Seen(t *decode.Transcript) (seen netip.Addr) {
	for _, e := range t.Entries {
		switch f := e.Fact.(type) {
		case *facts.Dial:
			if f.Err == "" {
				seen = public(host(f.Local))
			}
		case *facts.Open:
			if t.Mode == "" { // of a capture: nobody is in between
				seen = public(host(f.Client))
			}
		}
		if e.Event != nil && e.Event.Reply != nil && len(e.Event.Reply.EHLO) > 0 {
			if a := public(literal(e.Event.Reply.Lines[0].Text)); a.IsValid() {
				return a
			}
		}
	}
	return seen
}

// literal is the address in brackets in the greeting of many servers.
func literal(text string) netip.Addr {
	_, rest, _ := strings.Cut(text, "[")
	inside, _, _ := strings.Cut(rest, "]")
	a, _ := netip.ParseAddr(strings.TrimPrefix(inside, "IPv6:"))
	return a
}

func host(addr string) netip.Addr {
	ap, _ := netip.ParseAddrPort(addr)
	return ap.Addr().Unmap()
}

func public(a netip.Addr) netip.Addr {
	if upstream.Special(a) != "" {
		return netip.Addr{}
	}
	return a
}
