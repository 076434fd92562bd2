package findings

import (
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// An outcome is what became of what the client tried to send.
type outcome struct {
	kind     outcomeKind
	accepted int      // recipients of messages that the server took
	refused  int      // recipients of these messages that it did not
	messages int      // that the server took
	inferred bool     // no reply says so: the client went on as after an acceptance
	queue    []string // ids that the server gave
}

type outcomeKind uint8

const (
	notTried outcomeKind = iota // the client asked for nothing that was refused
	sentAll
	sentPart
	sentNone
	notShown // the transcript ends before it is decided
)

// A transaction is one MAIL with what follows from it (RFC 5321 section 3.3).
type transaction struct {
	mail     int    // entry of the MAIL command, or -1
	from     string // its address
	accepted int
	rcpts    []string
	turned   int    // recipients that were refused and not taken later
	taken    bool   // the server took the message
	decided  bool   // it was taken or refused
	reply    *reply // that decided it
}

// transactions are those of the session, in order. A log may lack the client's
// lines, so that replies alone must tell them apart.
func (s *session) transactions() []transaction {
	var all []transaction
	open := func() *transaction {
		if len(all) == 0 || all[len(all)-1].decided {
			all = append(all, transaction{mail: -1})
		}
		return &all[len(all)-1]
	}
	for _, r := range s.spoken {
		switch {
		case r.verb == "MAIL":
			t := transaction{mail: r.asked}
			if c := s.command(r); c != nil {
				t.from = c.Path
			}
			if !r.positive() {
				t.decided, t.reply = true, r
			}
			all = append(all, t)
		case r.verb == "RCPT":
			open().recipient(s, r)
		case r.verb == "DATA" && !r.positive(), r.verb == toMessage, r.verb == "BDAT" && s.lastChunk(r):
			t := open()
			t.decided, t.taken, t.reply = true, r.positive(), r
		}
	}
	return all
}

func (t *transaction) recipient(s *session, r *reply) {
	name := ""
	if c := s.command(r); c != nil {
		name = strings.ToLower(c.Path)
	}
	t.rcpts = append(t.rcpts, name)
	switch {
	case r.positive():
		t.accepted++
	case !s.madeGood(r):
		t.turned++
	}
}

// lastChunk reports a reply to the chunk that ends a message, or to one that
// was refused.
func (s *session) lastChunk(r *reply) bool {
	c := s.command(r)
	return !r.positive() || c == nil || c.Last
}

// findOutcome counts what was taken and what was not.
func (s *session) findOutcome() outcome {
	all := s.transactions()
	var o outcome
	failed := false
	for i := range all {
		t := &all[i]
		switch {
		case t.taken:
			o.messages++
			o.accepted += max(t.accepted, 1)
			o.refused += t.turned
			if id := QueueID(t.reply.text()); id != "" {
				o.queue = append(o.queue, id)
			}
		case !t.repeated(all[i+1:]):
			failed = failed || t.decided || t.turned > 0 || s.abandoned(t)
		}
	}
	if o.messages == 0 && s.wentOn() {
		o.messages, o.inferred = 1, true
	}
	switch {
	case o.messages > 0 && o.refused == 0 && !failed && !s.lostMail():
		o.kind = sentAll
	case o.messages > 0:
		o.kind = sentPart
	default:
		o.kind = s.nothingSent(failed, len(all) > 0)
	}
	return o
}

// repeated reports that what this transaction failed to send was sent by a
// later one.
func (t *transaction) repeated(later []transaction) bool {
	for i := range later {
		l := &later[i]
		if l.taken && l.from == t.from && (len(t.rcpts) == 0 || slices.Contains(l.rcpts, t.rcpts[0])) {
			return true
		}
	}
	return false
}

// abandoned reports a transaction that nobody refused and that led nowhere: the
// connection was lost, or the client went away.
func (s *session) abandoned(t *transaction) bool {
	if s.lack(decode.LackEnd) || s.lack(decode.LackServerLines) || s.running() {
		return false
	}
	return t.mail >= 0 || t.accepted > 0
}

// nothingSent tells why no message was taken.
func (s *session) nothingSent(failed, tried bool) outcomeKind {
	switch {
	case failed || s.faulty():
		return sentNone
	case s.running() || s.lack(decode.LackEnd) || s.handedThrough():
		return notShown
	case tried || s.said("MAIL") || s.said("DATA"):
		return sentNone
	case s.lack(decode.LackDialogue) || len(s.says) > len(s.settings):
		return sentNone
	}
	return notTried
}

// handedThrough reports a session that went on inside TLS which smtptap did not
// open.
func (s *session) handedThrough() bool {
	return slices.ContainsFunc(s.hellos, func(h told[*facts.Hello]) bool { return h.fact.Why == facts.HelloPassed })
}

// faulty reports a refusal that the session did not overcome, or a connection
// that came to nothing.
func (s *session) faulty() bool {
	if s.probed {
		return false
	}
	if s.dialFault != nil || s.tlsFault != nil || s.lossFault != nil {
		return true
	}
	if s.end != nil {
		switch s.end.fact.Cause {
		case facts.CauseUnreachable, facts.CauseRefused, facts.CauseTLS:
			return true
		}
	}
	return slices.ContainsFunc(s.spoken, func(r *reply) bool {
		return r.code >= 400 && !s.madeGood(r)
	})
}

// lostMail reports that the connection broke while more mail was on its way.
func (s *session) lostMail() bool {
	if s.lossFault == nil {
		return false
	}
	for _, i := range s.lossFault.entries {
		if ev := s.t.Entries[i].Event; ev != nil && ev.Side == who.Client && s.answers[i] == nil {
			return ev.Command == nil || ev.Command.Verb == "MAIL" || ev.Command.Verb == "RCPT" || ev.Command.Verb == "DATA" || ev.Command.Verb == "BDAT"
		}
	}
	return false
}

func (s *session) running() bool { return !s.t.Ended && !s.pasted() }

// wentOn reports a log without the server's lines in which the client ended its
// message and went on without complaint, as it does when the message is taken.
func (s *session) wentOn() bool {
	if !s.lack(decode.LackServerLines) || s.complained() {
		return false
	}
	dot := -1
	for i := range s.t.Entries {
		ev := s.t.Entries[i].Event
		switch {
		case ev == nil:
		case ev.Kind == decode.KindEndOfData:
			dot = i
		case dot >= 0 && ev.Kind == decode.KindCommand:
			return true
		}
	}
	return false
}

// complained reports an error in the client's log.
func (s *session) complained() bool {
	for _, said := range s.says {
		if n, ok := s.t.Entries[said.entry].Fact.(*facts.Note); !ok || n.ID == noteClientError {
			return true
		}
	}
	return false
}
