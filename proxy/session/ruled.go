package session

import (
	"bytes"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/units"
	"smtptap/decode/who"
	"smtptap/proxy/session/rules"
	"smtptap/recordings/query"
)

// Ruled are the layers that carry out the rules of a session; known is what
// queries can ask for when the client connects. They stand next to the client:
// one looks at what it says, the other at what it is about to hear. A line waits
// in them until it is complete, and nothing else does that no rule holds up.
//
// They keep both peers in step. What a rule has answered, the server never
// hears, and its answer comes in its turn among the server's. A server that is
// in the middle of what the client believes to be over is told RSET before the
// next transaction; when it is a message whose end it must not get, the
// connection to it is closed.
func Ruled(r *rules.Session, known query.Session) []Layer {
	s := &ruled{rules: r, known: known}
	s.says = says{way: newWay(s, who.Client, r.Over(rules.ClientBytes))}
	s.hears = hears{way: newWay(s, who.Server, r.Over(rules.ServerBytes))}
	s.says.next, s.hears.next = s.says.look, s.hears.look
	return []Layer{&s.hears, &s.says}
}

// ruled is what the two layers share.
type ruled struct {
	rules *rules.Session
	known query.Session
	rcpts string // of the transaction

	says  says
	hears hears

	client smtp.Sequence // what the client has said and heard
	server smtp.Sequence // what the server has heard and said
	asked  []asked       // of the client, oldest first: replies go to it in that order
	id     int           // of the newest

	opaque bool            // TLS is handed through
	mute   bool            // the client is told nothing more
	gone   bool            // the server says no more
	alone  bool            // a rule has closed the connection to the server
	size   int64           // of the message that is sent, so far
	spoilt string          // the verb with which the client's transaction ended, and not the server's
	login  decode.Dialogue // of a login, for its user
}

// asked is something that the client, or smtptap in its place, has said.
type asked struct {
	id   int
	verb string
	rule []byte        // the reply in the server's place, when that has not heard it; nil when it has
	mine bool          // smtptap said it: the client hears of no reply
	last bool          // the session ends with the reply
	hide []*rules.Rule // of EHLO: that hide extensions
}

// A turn is a line that rules are about.
type turn struct {
	line    []byte // as it is to go on, with its end
	was     []byte // as it was said
	own     bool   // smtptap says it
	command smtp.Command
	verb    string
	end     bool // the line ends a message
	code    int  // of a reply
	asked   asked
	act     []*rules.Rule // that have not acted yet
}

func (t *turn) edited() bool { return !bytes.Equal(t.line, t.was) }

// act has the rules of the way's turn act, and reports whether all have: the
// line then goes on.
func (w *way) act() bool {
	t := w.turn
	for len(t.act) > 0 {
		r := t.act[0]
		t.act = t.act[1:]
		switch r.Kind {
		case rules.Delay:
			w.delay(r)
		case rules.Hold:
			w.hold(r)
		case rules.Edit:
			t.line = editLines(r, t.line)
		case rules.Rate:
			w.slow(r)
		case rules.Cut:
			w.cut, w.cutBy = r.Count, r
		case rules.Hide:
			t.asked.hide = append(t.asked.hide, r)
		case rules.Certify:
			w.certify(r)
		default:
			w.turn = nil
			w.finish(r, t)
			return false
		}
		if w.waits {
			return false
		}
	}
	return true
}

// editLines edits each line by itself.
func editLines(r *rules.Rule, text []byte) (edited []byte) {
	for line := range bytes.Lines(text) {
		end := line[len(smtp.TrimEnd(line)):]
		edited = append(append(edited, r.Edited(smtp.TrimEnd(line))...), end...)
	}
	return edited
}

// what names the line of a turn.
func (w *way) what(t *turn) facts.Sentence {
	switch {
	case t == nil:
		return facts.Sentence("what-" + w.peer.String() + "-says")
	case t.end:
		return "what-end"
	case w.peer == who.Server:
		return facts.Say("what-reply", "code", t.code)
	case t.verb == "":
		return "what-session"
	}
	return facts.Say("what-command", "verb", t.verb)
}

// note tells the transcript what a rule did, by the text with that key.
func (w *way) note(id string, r *rules.Rule, key string, words ...any) {
	w.tell(id, "rule-says", "rule", r.String(), "what", facts.Say(key, words...))
}

// tell is a note whose text has another key than its id.
func (w *way) tell(id, key string, words ...any) {
	w.at.Do(Action{Kind: Fact, Fact: &facts.Note{ID: id, Text: facts.Say(key, words...)}})
}

func (w *way) delay(r *rules.Rule) {
	w.note(facts.NoteRuleDelayed, r, "rule-delayed", "line", w.what(w.turn), "time", r.Wait)
	w.wait(r.Wait)
}

func (w *way) slow(r *rules.Rule) {
	w.note(facts.NoteRuleSlowed, r, "rule-slowed", "line", w.what(nil), "rate", units.Bytes(r.Count))
	w.rate = r.Count
}

func (w *way) certify(r *rules.Rule) {
	w.note(facts.NoteRuleCertificate, r, "rule-certificate", "fault", r.Fault)
	w.at.Do(Action{Kind: Certify, Text: r.Fault})
}

// close carries out an action that ends the session, or leaves the client alone
// with it.
func (s *ruled) close(w *way, r *rules.Rule, what facts.Sentence) {
	at := w.at
	switch r.Kind {
	case rules.Silence:
		w.note(facts.NoteRuleSilent, r, "rule-silent", "line", what)
	case rules.HalfClose:
		w.note(facts.NoteRuleHalfClosed, r, "rule-half-closed", "line", what)
		at.Do(Action{Kind: End, Peer: who.Client, How: ByCloseNotify})
	case rules.Reset:
		w.note(facts.NoteRuleEnded, r, "rule-reset", "line", what)
	default: // Drop and Cut
		w.note(facts.NoteRuleEnded, r, "rule-closed", "line", what)
	}
	at.Do(Action{Kind: Because, Cause: facts.CauseRule, Why: facts.Say("rule", "rule", r.String())})
	s.says.clear()
	s.hears.clear()
	if r.Kind == rules.Silence || r.Kind == rules.HalfClose {
		s.mute, s.says.paused = true, false
		for at.session.paused[who.Client] > 0 {
			at.Resume(who.Client) // or it could not be seen to leave
		}
		return
	}
	if r.Kind == rules.Reset {
		at.Do(Action{Kind: End, Peer: who.Client, How: ByReset})
	}
	at.Do(Action{Kind: Close})
	s.stop()
}

func (s *ruled) stop() { s.says.over, s.hears.over = true, true }

// secured hears that TLS with the client is up: both begin again.
func (s *ruled) secured(at *Place) {
	at.session.runs = nil
	for _, p := range s.says.in {
		at.Discard(who.Client, p.data)
	}
	s.says.in, s.says.early, s.says.sent = nil, nil, 0
	s.client.Secured()
	s.server.Secured()
	s.asked, s.known.TLS = nil, true
}

// sealed hears that TLS is handed through.
func (s *ruled) sealed() {
	s.opaque = true
	s.client.Decide(smtp.NotText)
	s.server.Decide(smtp.NotText)
}

func (s *ruled) newID() int {
	s.id++
	return s.id
}
