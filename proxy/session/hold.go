package session

import (
	"bytes"
	"time"

	"smtptap/decode/facts"
	"smtptap/proxy/session/rules"
)

// HoldTime is how long a line is held for somebody to let it go: shorter than
// the time in which an idle session ends.
const HoldTime = 10 * time.Minute

// hold has a line wait until somebody lets it go.
func (w *way) hold(r *rules.Rule) {
	if attended := w.at.Config().Attended; attended == nil || !attended() {
		w.note("rule-let-go", r, "rule-nobody", "line", w.what(w.turn))
		return
	}
	w.note(facts.NoteRuleHeld, r, "rule-held", "line", w.what(w.turn))
	w.held = r
	w.at.Do(Action{Kind: Held, Peer: w.peer, Data: bytes.Clone(w.turn.line), Text: r.String()})
	w.wait(HoldTime)
}

// released lets a held line go, in the way that somebody chose, or unchanged when
// nobody did.
func (w *way) released(how *Release) {
	r, t := w.held, w.turn
	w.held = nil
	w.at.Do(Action{Kind: Unheld, Peer: w.peer})
	if how == nil {
		w.note("rule-let-go", r, "rule-unreleased", "line", w.what(t))
		return
	}
	switch how.How {
	case ReleaseEdited:
		w.note("rule-released", r, "rule-released-edited", "line", w.what(t))
		t.line = bytes.Clone(how.Data)
	case ReleaseAnswered:
		w.note("rule-released", r, "rule-released-answered", "line", w.what(t))
		w.turn = nil
		w.finish(answerWith(r, string(how.Data)), t)
	case ReleaseDropped:
		w.turn = nil
		drop := *r
		drop.Kind = rules.Drop
		w.finish(&drop, t)
	default:
		w.note("rule-released", r, "rule-released", "line", w.what(t))
	}
}

// answerWith is a rule that answers with that reply.
func answerWith(r *rules.Rule, reply string) *rules.Rule {
	answer := *r
	answer.Kind = rules.Answer
	answer.Status, answer.Reply = rules.ReadReply(reply)
	return &answer
}
