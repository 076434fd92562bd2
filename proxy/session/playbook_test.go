package session_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/session"
	"smtptap/proxy/upstream"
)

// A playbook tells a session what happens, line by line, and compares what it
// does. Lines with >> are events, the lines with << after them all that follows:
//
//	>> began                 << dial the server
//	>> dialled               << say client 220 hello|
//	>> client EHLO a|        << relay client EHLO a|
//	>> server FIN            << hear, discard, promise, send, skip, note, tls, ...
//
// In texts | is CR LF. Events that answer an action answer the newest one of the
// kind.
type playbook struct {
	t       *testing.T
	session *session.Session
	asked   map[session.ActionKind]session.Action
	paused  map[who.Party]bool
}

func given(t *testing.T, c session.Config) *playbook {
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	c.Linger = 5 * time.Second
	if c.Mode == "" {
		c.Mode = session.Intercept
	}
	return &playbook{t: t, session: session.New(c), asked: map[session.ActionKind]session.Action{},
		paused: map[who.Party]bool{who.Client: true, who.Server: true}}
}

// opened is given with the session at the first relayed byte.
func opened(t *testing.T, c session.Config) *playbook {
	return given(t, c).play(open)
}

const open = `
		>> began
		<< dial the server
		>> dialled
		<< resume server
		<< resume client`

func (b *playbook) play(script string) *playbook {
	b.t.Helper()
	var event string
	var want []string
	check := func() {
		b.t.Helper()
		if event == "" {
			return
		}
		if got := b.tell(event); strings.Join(got, "\n") != strings.Join(want, "\n") {
			b.t.Fatalf(">> %s\ngot\n\t%s\nwant\n\t%s", event, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
	for line := range strings.Lines(shown.Replace(script)) {
		arrow, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch arrow {
		case ">>":
			check()
			event, want = text, nil
		case "<<":
			want = append(want, text)
		case "":
		default:
			b.t.Fatalf("no arrow: %q", line)
		}
	}
	check()
	return b
}

// lineEnds are bytes as a script has them, and shown the other way round.
var shown = strings.NewReplacer("\r\n", "|", "\x16", `\x16`, "\x03", `\x03`, "\x01", `\x01`)
var lineEnds = strings.NewReplacer("|", "\r\n", `\x16`, "\x16", `\x03`, "\x03", `\x01`, "\x01")

// tell tells the session of an event and returns what it does.
func (b *playbook) tell(event string) []string {
	b.t.Helper()
	word, text, _ := strings.Cut(event, " ")
	peer := who.Named(word)
	var e session.Event
	failed := func(text string) error {
		if text == "" {
			return nil
		}
		return fmt.Errorf("%s", text)
	}
	answer := func(kind session.ActionKind, e session.Event) session.Event {
		a, found := b.asked[kind]
		if !found {
			b.t.Fatalf(">> %s: nothing has asked for that", event)
		}
		delete(b.asked, kind)
		if e.Peer == 0 {
			e.Peer = a.Peer
		}
		return a.Answer(e)
	}
	switch {
	case word == "began":
		e = session.Event{Kind: session.Began}
	case word == "dialled":
		server := &upstream.Server{Host: upstream.Host{Name: "mx.example"}, Addr: netip.MustParseAddrPort("127.0.0.1:25"), Implicit: text == "implicit", LMTP: text == "lmtp"}
		if server.Implicit || server.LMTP {
			text = ""
		}
		e = answer(session.Dial, session.Event{Kind: session.Dialled, Err: failed(text), Server: server, Local: "[127.0.0.1]"})
	case word == "quieted":
		e = answer(session.Quiet, session.Event{Kind: session.Quieted})
	case word == "secured":
		e = answer(session.Secure, session.Event{Kind: session.Secured, Err: failed(text)})
	case word == "woken":
		e = answer(session.Wake, session.Event{Kind: session.Woken})
	case word == "released":
		how, data, _ := strings.Cut(text, " ")
		e = answer(session.Held, session.Event{Kind: session.LetGo})
		e.Release = map[string]*session.Release{
			"unchanged": {}, "edited": {How: session.ReleaseEdited, Data: []byte(lineEnds.Replace(data))},
			"answered": {How: session.ReleaseAnswered, Data: []byte(data)}, "dropped": {How: session.ReleaseDropped},
		}[how]
	case peer != 0 && text == "FIN":
		e = session.Event{Kind: session.Ended, Peer: peer, How: session.ByFIN, Err: failed("EOF")}
	case peer != 0:
		e = session.Event{Kind: session.Bytes, Peer: peer, Data: []byte(lineEnds.Replace(text))}
	default:
		b.t.Fatalf("no event: %q", event)
	}
	var told []string
	for _, a := range b.session.Handle(e, nil) {
		b.asked[a.Kind] = a
		if a.Kind == session.Wake && a.After == 0 {
			delete(b.asked, a.Kind)
			continue
		}
		told = append(told, show(a))
	}
	for i := range e.Data {
		e.Data[i] = '#' // lent for the call only
	}
	return told
}

var kinds = map[session.ActionKind]string{
	session.Relay: "relay", session.Promise: "promise", session.Send: "send", session.Skip: "skip", session.Gone: "gone", session.Hear: "hear",
	session.Discard: "discard", session.Say: "say", session.Fact: "note", session.TLSUp: "tls", session.Unopened: "unopened", session.Released: "released",
	session.Pause: "pause", session.Resume: "resume", session.Quiet: "quiet", session.Secure: "secure", session.Dial: "dial", session.Hangup: "hangup",
	session.Certify: "certify", session.Held: "held", session.Unheld: "unheld", session.End: "end", session.Wake: "wake", session.Because: "because", session.Close: "close",
}

func show(a session.Action) string {
	words := []string{kinds[a.Kind]}
	if a.Peer != 0 {
		words = append(words, a.Peer.String())
	}
	if len(a.Data) > 0 {
		words = append(words, shown.Replace(string(a.Data)))
	}
	switch a.Kind {
	case session.Fact:
		if n, ok := a.Fact.(*facts.Note); ok {
			words = append(words, n.ID)
		}
	case session.TLSUp:
		words = append(words, fmt.Sprint(a.Client, " ", a.Server))
	case session.Dial:
		words = append(words, [...]string{"the server", "first of " + a.Domain.ASCII, "next", "again"}[a.Which])
	case session.End, session.Gone:
		words = append(words, string(a.How))
	case session.Wake:
		words = append(words, a.After.Round(time.Millisecond).String())
	case session.Because:
		words = append(words, a.Cause)
	case session.Certify:
		words = append(words, a.Text)
	}
	return strings.Join(words, " ")
}
