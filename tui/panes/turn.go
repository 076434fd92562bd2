package panes

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/tui/draw"
)

// A turn is who is awaited in a session that runs, for what, and since when.
type turn struct {
	who   waitCause
	what  string // key of a text
	verb  string // in that text
	since time.Duration
}

// words are the turn as a sentence, at a time of the session.
func (t *turn) words(theme *draw.Theme, at time.Duration) string {
	return theme.Say("waiting-"+t.who.String(), "what", t.label(theme), "time", theme.Time(max(at-t.since, 0)))
}

// label says what is awaited.
func (t *turn) label(theme *draw.Theme) string { return theme.Say(t.what, "command", t.verb) }

// turnOf works out whose turn it is. It is nil where a session has ended, or was
// handed through unopened.
func turnOf(s *decode.Transcript) *turn {
	if s.Ended {
		return nil
	}
	f := turnFinder{turn: turn{who: waitSetup, what: "turn-connect"}}
	for _, e := range s.Entries {
		switch {
		case e.Fact != nil:
			f.fact(e)
		case e.Event.Kind == decode.KindOpaque || e.Event.Kind == decode.KindMissing:
			f.unseen = true
		case e.Event.Side == who.Server:
			f.server(e)
		default:
			f.client(e)
		}
	}
	switch n := len(s.Entries); {
	case f.unseen:
		return nil
	case n > 0 && isHeld(s.Entries[n-1]):
		f.now(waitSetup, "turn-held", s.Entries[n-1].At)
	case len(f.asked) > 0:
		f.turn = f.asked[0].turn
	}
	return &f.turn
}

func isHeld(e decode.Entry) bool {
	note, ok := e.Fact.(*facts.Note)
	return ok && note.ID == facts.NoteRuleHeld
}

// A turnFinder goes through the entries of a session.
type turnFinder struct {
	turn   turn // where no reply is outstanding
	asked  []question
	unseen bool // it can't be known any more
}

// A question is what the client said and the server has not answered.
type question struct {
	leg  who.Leg
	seq  int
	turn turn
}

func (f *turnFinder) now(w waitCause, what string, at time.Duration) {
	f.turn = turn{who: w, what: what, since: at}
}

func (f *turnFinder) fact(e decode.Entry) {
	switch fact := e.Fact.(type) {
	case *facts.Open:
		if fact.TLS {
			f.now(waitClient, "turn-handshake", e.At)
		} else {
			f.now(waitSetup, "turn-connect", e.At)
		}
	case *facts.DNS:
		f.turn.since = e.At
	case *facts.Dial:
		if f.now(waitSetup, "turn-connect", e.At); fact.Err == "" {
			f.now(waitServer, "turn-greeting", e.At)
		}
	case *facts.TLS:
		f.handshake(fact, e.At)
	case *facts.Closed:
		f.asked = nil
		if f.now(waitServer, "turn-close", e.At); e.From == who.Server {
			f.turn.who = waitClient
		}
	}
}

func (f *turnFinder) handshake(fact *facts.TLS, at time.Duration) {
	switch {
	case fact.Leg == who.ServerLeg && fact.Implicit:
		f.now(waitServer, "turn-greeting", at)
	case fact.Leg == who.ServerLeg:
		f.now(waitClient, "turn-handshake", at)
	case fact.Implicit:
		f.now(waitSetup, "turn-connect", at)
	default:
		f.now(waitClient, "turn-command", at)
	}
}

func (f *turnFinder) server(e decode.Entry) {
	r := e.Event.Reply
	if r == nil {
		return
	}
	for len(f.asked) > 0 && r.To >= 0 && (f.asked[0].leg != e.Leg || f.asked[0].seq <= r.To) {
		f.asked = f.asked[1:]
	}
	f.now(waitClient, "turn-command", e.At)
	switch {
	case e.Event.Kind == decode.KindGreeting:
		f.turn.what = "turn-first"
	case r.Code == 334:
		f.turn.what = "turn-login"
	case r.ToVerb == "DATA" && r.Code == 354:
		f.turn.what = "turn-message"
	case r.ToVerb == "STARTTLS" && r.Positive():
		f.turn.what = "turn-handshake"
	case r.ToVerb == "QUIT":
		f.turn.what = "turn-close"
	}
}

func (f *turnFinder) client(e decode.Entry) {
	q := question{e.Leg, e.Event.Seq, turn{who: waitServer, what: "turn-reply", since: e.At}}
	switch ev := e.Event; ev.Kind {
	case decode.KindHeader, decode.KindBody:
		f.turn.since = e.At
		if n := len(f.asked); n > 0 && f.asked[n-1].turn.who == waitClient { // a chunk that has come
			f.asked[n-1].turn = q.turn
			f.asked[n-1].turn.verb = "BDAT"
		}
		return
	case decode.KindEndOfData:
		q.turn.what = "turn-accept"
	case decode.KindAuth:
		q.turn.what = "turn-auth"
		switch ev.Auth.Step {
		case decode.StepUser:
			q.turn.what = "turn-username"
		case decode.StepPassword:
			q.turn.what = "turn-password"
		}
	case decode.KindCommand:
		q.turn.verb = commandName(ev.Command)
		if ev.Command.ChunkSize > 0 {
			q.turn = turn{who: waitClient, what: "turn-chunk", since: e.At}
		}
	}
	f.asked = append(f.asked, q)
}

// commandName is a command as people call it.
func commandName(c *decode.Command) string {
	switch c.Verb {
	case "MAIL":
		return "MAIL FROM"
	case "RCPT":
		return "RCPT TO"
	case "":
		return "?"
	}
	return visible.Text(c.Verb)
}
