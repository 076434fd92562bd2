package session

import (
	"bytes"
	"fmt"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
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
	rcpts []string // of the transaction

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
	rule []byte            // the reply in the server's place, when that has not heard it; nil when it has
	mine bool              // smtptap said it: the client hears of no reply
	last bool              // the session ends with the reply
	hide []rules.Extension // of EHLO
	by   []*rules.Rule     // that hide them
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
			w.note(facts.NoteRuleDelayed, r, "%s waits for %s", w.what(t), r.Wait)
			w.wait(r.Wait)
		case rules.Hold:
			w.hold(r)
		case rules.Edit:
			t.line = editLines(r, t.line)
		case rules.Rate:
			w.slow(r)
		case rules.Cut:
			w.cut, w.cutBy = r.Count, r
		case rules.Hide:
			t.asked.hide, t.asked.by = append(t.asked.hide, r.Hidden...), append(t.asked.by, r)
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
func (w *way) what(t *turn) string {
	switch {
	case t == nil:
		return "what the " + w.peer.String() + " says"
	case t.end:
		return "the end of the message"
	case w.peer == who.Server:
		return fmt.Sprintf("the server's reply %d", t.code)
	case t.verb == "":
		return "the session"
	}
	return "the client's " + t.verb
}

// note tells the transcript what a rule did.
func (w *way) note(id string, r *rules.Rule, format string, args ...any) {
	w.at.Note(id, "rule "+r.String()+": "+fmt.Sprintf(format, args...))
}

func (w *way) slow(r *rules.Rule) {
	w.note(facts.NoteRuleSlowed, r, "what the %s says goes on at %d bytes a second", w.peer, r.Count)
	w.rate = r.Count
}

func (w *way) certify(r *rules.Rule) {
	w.note(facts.NoteRuleCertificate, r, "smtptap shows the client a bad certificate (%s)", r.Fault)
	w.at.Do(Action{Kind: Certify, Text: r.Fault})
}

// close carries out an action that ends the session, or leaves the client alone
// with it.
func (s *ruled) close(w *way, r *rules.Rule, what string) {
	at := w.at
	because := Action{Kind: Because, Cause: facts.CauseRule, Text: "rule " + r.String()}
	switch r.Kind {
	case rules.Silence:
		w.note(facts.NoteRuleSilent, r, "%s goes no further, and smtptap says nothing more to the client", what)
	case rules.HalfClose:
		w.note(facts.NoteRuleHalfClosed, r, "%s goes no further, and smtptap ends its side of the connection to the client", what)
		at.Do(Action{Kind: End, Peer: who.Client, How: ByCloseNotify})
	case rules.Reset:
		w.note(facts.NoteRuleEnded, r, "smtptap resets the connection to the client at %s", what)
		at.Do(because)
		s.drain()
		at.Do(Action{Kind: End, Peer: who.Client, How: ByReset})
		at.Do(Action{Kind: Close})
		s.over()
		return
	default: // Drop and Cut
		w.note(facts.NoteRuleEnded, r, "smtptap closes both connections at %s", what)
		at.Do(because)
		s.drain()
		at.Do(Action{Kind: Close})
		s.over()
		return
	}
	at.Do(because)
	s.mute, s.says.paused = true, false
	s.drain()
	for at.session.paused[who.Client] > 0 {
		at.Resume(who.Client) // or it could not be seen to leave
	}
}

// drain keeps what still waits from going on.
func (s *ruled) drain() {
	for _, w := range []*way{&s.says.way, &s.hears.way} {
		w.clear()
	}
}

func (s *ruled) over() { s.says.over, s.hears.over = true, true }

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

func (s *ruled) next() int {
	s.id++
	return s.id
}

// defaultHold is how long a line is held for somebody to let it go: shorter than
// the time in which an idle session ends.
const defaultHold = 10 * time.Minute

// hold has a line wait until somebody lets it go.
func (w *way) hold(r *rules.Rule) {
	if attended := w.at.Config().Attended; attended == nil || !attended() {
		w.note("rule-let-go", r, "%s goes on unchanged, because nobody is there to let it go", w.what(w.turn))
		return
	}
	w.note(facts.NoteRuleHeld, r, "%s is held", w.what(w.turn))
	w.held = r
	w.at.Do(Action{Kind: Held, Peer: w.peer, Data: bytes.Clone(w.turn.line), Text: r.String()})
	w.wait(defaultHold)
}

// released lets a held line go, in the way that somebody chose, or unchanged when
// nobody did.
func (w *way) released(how *Release) {
	r, t := w.held, w.turn
	w.held = nil
	w.at.Do(Action{Kind: Unheld, Peer: w.peer})
	if how == nil {
		w.note("rule-let-go", r, "%s goes on unchanged, because nobody has let it go", w.what(t))
		return
	}
	switch how.How {
	case ReleaseEdited:
		w.note("rule-released", r, "%s goes on as somebody has edited it", w.what(t))
		t.line = bytes.Clone(how.Data)
	case ReleaseAnswered:
		w.note("rule-released", r, "somebody has answered %s", w.what(t))
		w.turn = nil
		w.finish(answerWith(r, string(how.Data)), t)
	case ReleaseDropped:
		w.turn = nil
		drop := *r
		drop.Kind = rules.Drop
		w.finish(&drop, t)
	default:
		w.note("rule-released", r, "%s goes on unchanged", w.what(t))
	}
}

// answerWith is a rule that answers with that reply.
func answerWith(r *rules.Rule, reply string) *rules.Rule {
	answer := *r
	answer.Kind = rules.Answer
	answer.Status, answer.Reply = rules.ReadReply(reply)
	return &answer
}
