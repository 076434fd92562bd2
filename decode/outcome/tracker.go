package outcome

import (
	"cmp"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// Bounds of what a Tracker keeps.
const (
	maxText         = 200  // bytes of a reply
	maxSentence     = 1000 // bytes of a sentence that can be said in every language
	maxPath         = 320  // bytes of an address
	maxAsked        = 4096 // commands that wait for their reply
	maxTransactions = 100
	maxRecipients   = 500 // of all transactions that are kept
	maxQueueIDs     = 4
	maxConsequences = 100
)

// A Tracker finds out what becomes of a session. The zero value is ready to
// use.
type Tracker struct {
	entries int // that were added
	asked   []question
	fresh   message // of the message that is being sent

	open *transaction  // that the server has, or has just decided
	past []Transaction // that are over, oldest first
	kept int           // recipients in past
	gone *Decision     // of the newest one that failed and is not kept

	taken                       int      // recipients that were accepted, whatever became of the message
	messages, accepted, refused int      // of messages that were taken
	since                       int      // entry from which on the newest of them was sent
	queued                      []string // replies that took them, the first few
	consequences                []int

	refusal refusal   // newest one outside of transactions that still stands
	failure Decision  // newest connection or handshake that failed
	first   who.Party // who closed first on the present connections; 0 for nobody yet
	dialled bool
	greeted bool
	probed  bool // the client only looked whether the port is open
	sealed  bool // TLS was handed through unopened
	quit    bool
	tookIt  bool // the server took the newest message, in words that the client did not hear
	dot     int  // entry that ends the newest message, plus one; 0 for none
	wentOn  bool // the client said something after that
	last    time.Duration
	end     *facts.End
	cut     bool // no more comes, and there is no end
	settled bool // what the end left open is closed
	login   bool // it was taken

	early bool // the server took the newest message before its end

	log       gaps
	complaint Decision // newest failure that the client's own log tells
	broken    Decision // that log tells that no reply came to the newest command
}

// gaps are what a pasted log leaves out.
type gaps struct {
	pasted, end, serverLines, dialogue bool
}

// A question is something of the client that a reply is due for.
type question struct {
	seq     int
	entry   int
	at      time.Duration
	verb    string
	path    string // of MAIL and RCPT
	last    bool   // of BDAT
	message message
}

// A message is what tells it from others.
type message struct{ id, subject string }

// same reports whether two messages may be the same. What is not known speaks
// for it.
func (m message) same(n message) bool {
	if m.id != "" && m.id == n.id {
		return true
	}
	return m.subject == n.subject || m == message{} || n == message{}
}

// Add takes the next entry. Of the server's leg alone it counts facts only:
// what is said there shows in the replies that the client gets.
func (t *Tracker) Add(e decode.Entry) {
	i := t.entries
	t.entries++
	t.last = e.At
	switch {
	case e.Fact != nil:
		t.fact(i, e.Fact)
	case e.Leg != who.ServerLeg:
		t.event(i, e)
	case e.From == who.Server && e.Event.Reply != nil && e.Event.Reply.ToVerb == smtp.EndOfData:
		t.tookIt = e.Event.Reply.Code/100 == 2
	}
}

// Cut tells that what was added stops before the session does.
func (t *Tracker) Cut() { t.cut = true }

func (t *Tracker) fact(i int, f facts.Fact) {
	switch f := f.(type) {
	case *facts.Dial:
		t.failure = failed(f.Err, who.Server, i)
		if f.Err == "" {
			t.dialled, t.first = true, 0
		}
	case *facts.TLS:
		if t.probed = f.Implicit && f.AtOnce(); t.probed {
			break
		}
		t.failure = failed(f.Err, cmp.Or(f.By, who.Smtptap), i)
	case *facts.Hello:
		switch f.Why {
		case facts.HelloPassed:
			t.sealed = true
		case facts.HelloPlainPort:
			t.failure = failed("tls-on-plain-port", who.Client, i)
		}
	case *facts.Note:
		t.note(i, f)
	case *facts.Closed:
		if t.first == 0 {
			t.first = f.Leg.Peer()
		}
	case *facts.End:
		t.end = f
	}
}

func (t *Tracker) note(i int, n *facts.Note) {
	switch n.ID {
	case facts.NoteClientSilent:
		t.failure = failed(n.Text, who.Client, i)
	case facts.NoteServerSilent:
		t.failure = failed(n.Text, who.Server, i)
	case facts.NoteClientError:
		t.complaint = failed(n.Text, who.Client, i)
	case facts.NoteNoReply:
		t.broken = failed(n.Text, who.Server, i)
	}
}

func failed(text facts.Sentence, by who.Party, entry int) Decision {
	if text == "" {
		return Decision{}
	}
	return Decision{By: by, Text: short(text), Entry: entry}
}

func (t *Tracker) event(i int, e decode.Entry) {
	ev := e.Event
	switch ev.Kind {
	case decode.KindCommand:
		t.command(i, ev)
	case decode.KindAuth:
		if ev.Side == who.Client {
			t.ask(question{seq: ev.Seq, entry: i, at: ev.At, verb: "AUTH"})
		}
	case decode.KindOpaque:
		if ev.Side == who.Client && !t.sealed {
			t.failure = failed("what the client sent is not SMTP", who.Client, i)
		}
	case decode.KindHeader:
		t.header(ev.Header)
	case decode.KindEndOfData:
		t.ask(question{seq: ev.Seq, entry: i, at: ev.At, verb: smtp.EndOfData, message: t.fresh})
		t.dot, t.wentOn, t.fresh = i+1, false, message{}
	case decode.KindGreeting:
		t.greeted = true
		t.broken = Decision{}
		if ev.Reply.Code/100 != 2 {
			t.refuse(atGreeting, decision(i, e))
		}
	case decode.KindReply:
		t.broken = Decision{}
		t.reply(i, e)
	}
}

func (t *Tracker) command(i int, ev *decode.Event) {
	c := ev.Command
	t.wentOn = t.dot > 0
	q := question{seq: ev.Seq, entry: i, at: ev.At, verb: c.Verb}
	switch c.Verb {
	case "MAIL":
		t.fresh, t.early = message{}, false
		q.path = clip(c.Path, maxPath)
	case "RCPT":
		q.path = clip(c.Path, maxPath)
	case "BDAT":
		if q.last = c.Last; q.last {
			q.message = t.fresh
			t.dot, t.wentOn, t.fresh = i+1, false, message{}
		}
	case "QUIT":
		t.quit = true
	}
	t.ask(q)
}

func (t *Tracker) ask(q question) {
	if len(t.asked) == maxAsked {
		t.asked = t.asked[1:]
	}
	t.asked = append(t.asked, q)
}

// header notes what tells a message from others.
func (t *Tracker) header(h *decode.Header) {
	switch {
	case len(h.Name) == len("Subject") && t.fresh.subject == "" && strings.EqualFold(h.Name, "Subject"):
		t.fresh.subject = clip(h.Value, maxText)
	case len(h.Name) == len("Message-ID") && t.fresh.id == "" && strings.EqualFold(h.Name, "Message-ID"):
		t.fresh.id = clip(h.Value, maxText)
	}
}

// reply finds what a reply answers. One without a code answers nothing: what was
// asked goes on waiting.
func (t *Tracker) reply(i int, e decode.Entry) {
	r := e.Event.Reply
	if r.Code == 0 {
		return
	}
	q := question{entry: -1, verb: r.ToVerb}
	if r.To >= 0 {
		for k := range t.asked {
			if t.asked[k].seq != r.To {
				continue
			}
			verb := q.verb
			if q = t.asked[k]; verb != "" {
				q.verb = verb
			}
			t.asked = t.asked[k+1:] // a log may lack the replies to what was asked before
			break
		}
	}
	t.answered(i, q, e)
}

// answered lets a reply move the session on.
func (t *Tracker) answered(i int, q question, e decode.Entry) {
	r := e.Event.Reply
	d := decision(i, e)
	if r.Positive() && r.To >= 0 && d.By != who.Smtptap && q.verb != "QUIT" {
		t.failure = Decision{} // it went on all the same
	}
	switch q.verb {
	case "MAIL":
		t.mail(q, r, d)
	case "RCPT":
		t.rcpt(q, r, d)
	case "DATA":
		t.data(q, r, d)
	case "BDAT":
		t.chunk(q, r, d)
	case smtp.EndOfData:
		if t.early && QueueID(r.Text()) == "" {
			break // of one of those
		}
		t.ended(q, r, d)
	case "RSET", "EHLO", "HELO", "LHLO":
		t.restart(q, r, d)
	case "QUIT":
		if x := t.open; x != nil && x.sending && r.Code == 250 {
			t.ended(q, r, d) // the late reply to the message, read at QUIT
			break
		}
		t.close(Decision{By: who.Client, Text: "QUIT", Entry: q.entry}, Abandoned)
	case "":
		if d.By == who.Server && r.Code == 250 && QueueID(r.Text()) != "" && e.Event.Noted("early-reply") {
			t.early = true
			t.ended(q, r, d)
			break
		}
		t.stray(r, d)
	case "PROXY": // that EHLO goes well after it is no sign that the server took it
		if r.Code >= 400 {
			t.refuse(atTLS, d)
		}
	case "AUTH":
		if r.Code == 235 {
			t.login = true
			t.pardon()
		}
		t.refuseOr(atAuth, r, d)
	default:
		t.refuseOr(stageOf(q.verb), r, d)
	}
}

// restart takes the reply to a command that gives up the transaction.
func (t *Tracker) restart(q question, r *decode.Reply, d Decision) {
	if r.Code < 400 {
		t.close(Decision{By: who.Client, Text: facts.Sentence(q.verb), Entry: q.entry}, Abandoned)
	}
	t.refuseOr(stageOf(q.verb), r, d)
}

// stray takes a reply that answers nothing, such as that of a server that closes.
func (t *Tracker) stray(r *decode.Reply, d Decision) {
	x := t.open
	switch {
	case r.Code < 400:
	case x != nil && !x.decided():
		x.stray = d
	default:
		t.refuseOr(atNothing, r, d)
	}
}

// decision is what a reply decides.
func decision(i int, e decode.Entry) Decision {
	d := Decision{By: e.Author(), Code: e.Event.Reply.Code, Entry: i}
	if !e.Event.Reply.Positive() {
		d.Text = replyText(e.Event.Reply)
	}
	return d
}
