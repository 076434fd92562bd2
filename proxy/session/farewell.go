package session

import (
	"errors"
	"fmt"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/proxy/handshake"
	"smtptap/proxy/upstream"
)

// A Refusal is why smtptap does not serve a client.
type Refusal struct {
	Code string // reply code and enhanced status code
	ID   string // of the note; "" for none
	Why  facts.Sentence
}

// note tells the transcript.
func (r *Refusal) note(at *Place) {
	if r != nil && r.ID != "" {
		at.Do(Action{Kind: Fact, Fact: &facts.Note{ID: r.ID, Text: r.Why}})
	}
}

// Error makes it an error that ends a session.
func (r *Refusal) Error() string { return r.Why.String() }

// InFacts is the error as a fact says it.
func (r *Refusal) InFacts() facts.Sentence { return r.Why }

// A failure ends a session.
type failure struct {
	cause string         // one of the Cause constants of facts
	text  facts.Sentence // more about it
	reply string         // what the client is told, without line end; "" when it can't be told, or was
}

// refused is a failure of something for that cause, and the reply that tells
// the client of it.
func refused(cause, code string, what facts.Sentence, err error) failure {
	text := facts.Say("about", "what", what, "why", err)
	return failure{cause, text, code + " [smtptap] " + inReply(text.String())}
}

// unreachable is the failure to reach a server.
func unreachable(err error) failure {
	var refusal *Refusal
	var reply upstream.Replier
	switch {
	case errors.As(err, &refusal):
		return failure{facts.CauseRefused, refusal.Why, refusal.Code + " [smtptap] " + refusal.Why.String()}
	case errors.As(err, &reply):
		r := reply.Reply()
		return failure{causeOf(r), facts.Because(err), fmt.Sprintf("%d %s [smtptap] %s", r.Code, r.Enhanced, r.Text)}
	}
	return failure{facts.CauseUnreachable, facts.Because(err), "421 4.4.1 [smtptap] cannot reach the server: " + visible.Text(err.Error())}
}

func causeOf(r upstream.Reply) string {
	if r.Code >= 500 {
		return facts.CauseRefused
	}
	return facts.CauseUnreachable
}

// withClient is the failure of TLS with the client. One that waits for words in
// clear text is told.
func withClient(err error, implicit bool) failure {
	f := failure{cause: facts.CauseTLS, text: facts.Because(err)}
	var failed *handshake.Error
	if implicit && errors.As(err, &failed) && (failed.Class == handshake.ClassNotTLS || failed.Class == handshake.ClassTimeout && failed.Nothing) {
		f.reply = "554 5.7.0 [smtptap] TLS begins with the first byte on this port"
	}
	return f
}

// maxInReply is how much text a reply of smtptap's has room for. The line may
// hold 512 octets with its end (RFC 5321 section 4.5.3.1.5).
const maxInReply = 512 - len("454 4.7.0 [smtptap] \r\n")

// inReply makes text fit for a reply: ASCII, which is all that a client may
// expect (RFC 5321 section 4.2), and not too long.
func inReply(text string) string {
	var b strings.Builder
	for _, r := range text {
		piece := string(r)
		if r >= 0x80 {
			piece = fmt.Sprintf(`\u%04x`, r)
		}
		if b.Len()+len(piece) > maxInReply-len("...") {
			return b.String() + "..."
		}
		b.WriteString(piece)
	}
	return b.String()
}

// fail ends the session, and tells the client why.
func (p *Place) fail(f failure) {
	p.Do(Action{Kind: Because, Cause: f.cause, Why: f.text})
	p.leave(f.reply)
}

// leave ends the session with these last words to the client, "" for none.
func (p *Place) leave(reply string) {
	s := p.session
	for _, place := range s.row {
		if l, ok := place.layer.(leaver); ok {
			l.leave()
		}
	}
	s.tracked, s.runs = -1, nil
	s.stand(farewell{})
	at := s.row[0]
	s.paused[who.Client] = 1
	if reply != "" {
		at.Say(who.Client, reply+"\r\n")
	}
	if s.ended[who.Client] {
		at.Do(Action{Kind: Close})
		return
	}
	at.Pause(who.Server)
	at.Do(Action{Kind: End, Peer: who.Client, How: ByCloseNotify})
	at.Resume(who.Client)
	at.Wake(s.config.Linger)
}

// A leaver is a layer that hears of a session's last words, which do not come to
// it: it keeps what it still holds.
type leaver interface{ leave() }

// A farewell gives the client time to read smtptap's last words: what it has
// sent meanwhile would turn a plain close into a reset.
type farewell struct{}

func (farewell) Handle(at *Place, e Event) {
	switch {
	case e.Kind == Bytes:
		at.Hear(e.Peer, e.Data)
	case e.Kind == Ended && e.Peer == who.Client, e.Kind == Woken:
		at.Do(Action{Kind: Close})
	}
}
