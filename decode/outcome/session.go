package outcome

import (
	"slices"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// shortWait is from how long on a client that leaves has given up waiting,
// rather than changed its mind.
const shortWait = 3 * time.Second

// Of is what became of a whole transcript.
func Of(tr *decode.Transcript) Session {
	t := Tracker{}
	for i := range tr.Entries {
		t.Add(tr.Entries[i])
	}
	t.log = gaps{
		pasted: tr.Source == decode.SourceLog, end: tr.Lack(decode.LackEnd),
		serverLines: tr.Lack(decode.LackServerLines), dialogue: tr.Lack(decode.LackDialogue),
	}
	switch {
	case t.log.pasted:
		t.cut = true
	case t.log.end:
		t.Cut()
	case tr.Ended && t.end == nil:
		t.end = &facts.End{}
	}
	s := t.Session()
	if whole := Outcome(tr.Became); whole != "" && whole != s.Outcome {
		s.Outcome, s.Decided = whole, Decision{Entry: -1}
	}
	return s
}

// Session is what became of the session so far.
func (t *Tracker) Session() Session {
	var s Session
	s.Outcome, s.Decided = t.Outcome()
	s.Transactions = append(s.Transactions, t.past...)
	if t.open != nil {
		x := t.open.Transaction
		x.Outcome, x.Decided = Running, t.open.no()
		s.Transactions = append(s.Transactions, x)
	}
	s.Messages, s.Accepted, s.Refused, s.Consequences = t.messages, t.accepted, t.refused, t.consequences
	if s.Inferred = t.inferred(); s.Inferred {
		s.Messages = 1
	}
	for _, text := range t.queued {
		if id := QueueID(text); id != "" {
			s.QueueIDs = append(s.QueueIDs, id)
		}
	}
	return s
}

// Counts are the messages that the server took, and the recipients, whatever
// became of their message.
func (t *Tracker) Counts() (messages, recipients int) { return t.messages, t.taken }

// Outcome is what became of the session, and what decided it.
func (t *Tracker) Outcome() (Outcome, Decision) {
	if t.end == nil && !t.cut {
		return Running, Decision{Entry: -1}
	}
	waited := t.settle()
	bad, taken, unknown := t.sum()
	switch {
	case t.messages > 0 && bad != nil:
		return Partly, bad.Decision
	case t.messages > 0 && t.disputed():
		return Disputed, t.complaint
	case t.messages > 0:
		return Sent, taken
	case t.inferred():
		return Sent, Decision{Entry: -1}
	}
	if t.probed && len(t.past) == 0 {
		return Nothing, Decision{Entry: -1}
	}
	if t.end != nil && hopeless[t.end.Cause] {
		return Failed, t.hopeless()
	}
	switch {
	case t.sealed:
		return Opaque, Decision{Entry: -1}
	case bad != nil && t.refusal.stage == atAuth && slices.Contains(t.consequences, bad.Entry):
		return byWhom(t.refusal.Decision)
	case bad != nil:
		return bad.how, bad.Decision
	case t.refusal.stands:
		return t.refusedOutside()
	case t.failure.Text != "":
		return Failed, t.failure
	}
	return t.withoutMail(waited, unknown)
}

// A failing is a transaction that failed and was not made good.
type failing struct {
	Decision
	how Outcome
}

// sum finds the newest failing, the reply that took the newest message, and
// whether what became of a transaction is not known.
func (t *Tracker) sum() (bad *failing, taken Decision, unknown bool) {
	if t.gone != nil {
		bad = &failing{*t.gone, Refused}
	}
	for i := range t.past {
		x := &t.past[i]
		switch {
		case x.MadeGood:
		case x.Outcome == Partly:
			bad = &failing{x.firstNo(), Partly}
		case x.Outcome.Bad():
			bad = &failing{x.Decided, x.Outcome}
		case x.Outcome == Unknown:
			unknown = true
		}
		if x.taken {
			taken = x.Decided
		}
	}
	return bad, taken, unknown
}

// firstNo is the reply to the first recipient that was refused for good.
func (x *Transaction) firstNo() Decision {
	for i := range x.Recipients {
		if to := &x.Recipients[i]; to.Answer > Accepted && !to.MadeGood {
			return to.Decided
		}
	}
	return x.Decided
}

// byWhom tells a refusal of the server's from one of smtptap's own.
func byWhom(d Decision) (Outcome, Decision) {
	if d.By == who.Smtptap {
		return Failed, d
	}
	return Refused, d
}

// refusedOutside is what a refusal outside of transactions comes to. When
// smtptap gave it for a failure, that failure decides.
func (t *Tracker) refusedOutside() (Outcome, Decision) {
	d := t.refusal.Decision
	if d.By == who.Smtptap && t.failure.Text != "" {
		d.By, d.Text = t.failure.By, t.failure.Text
	}
	if d.By != t.refusal.By {
		return Failed, d
	}
	return byWhom(d)
}

// hopeless are the causes of an end that keep any message from being sent.
var hopeless = map[string]bool{
	facts.CauseUnreachable: true, facts.CauseRefused: true, facts.CauseTLS: true, facts.CauseInternal: true,
}

func (t *Tracker) hopeless() Decision {
	d := Decision{By: who.Smtptap, Code: t.refusal.Code, Text: t.refusal.Text, Entry: t.refusal.Entry}
	switch {
	case t.failure.Text != "":
		d.By, d.Text, d.Entry = t.failure.By, t.failure.Text, t.failure.Entry
	case t.end.Err != "":
		d.Text = short(t.end.Err)
	case d.Text == "":
		d.Text = facts.Sentence(t.end.Cause)
	}
	return d
}

// withoutMail is the outcome of a session in which no transaction was begun and
// nothing was refused.
func (t *Tracker) withoutMail(waited time.Duration, unknown bool) (Outcome, Decision) {
	by, how := t.lost()
	left := t.unanswered()
	switch {
	case t.log.pasted && (t.complaint.Text != "" || t.broken.Text != ""):
		return Failed, by
	case t.log.pasted && t.log.dialogue:
		return Failed, by
	case t.log.pasted && (t.log.end || t.log.serverLines), unknown:
		return Unknown, Decision{Entry: -1}
	case t.log.pasted && t.quit && !t.login:
		return Abandoned, by // nobody shows the log of a session that was to do nothing
	case t.log.pasted:
		return Nothing, Decision{Entry: -1}
	case how == Unknown:
		return Unknown, Decision{Entry: -1}
	case t.end.Cause == facts.CauseIdle, t.end.Cause == facts.CauseRule:
		return Failed, by
	case how == Failed && by.By == who.Server && !t.quit:
		return Failed, by
	case how == Failed && by.By == who.Smtptap && left != "":
		return Failed, by
	case how == Abandoned && !t.quit && (left == "AUTH" || left != "" && waited >= shortWait):
		return Abandoned, by
	}
	return Nothing, Decision{Entry: -1}
}

// unanswered is the verb of the newest thing that the client waits for, "" for
// nothing that matters. Before the greeting it waits for that.
func (t *Tracker) unanswered() string {
	for i := len(t.asked) - 1; i >= 0; i-- {
		switch v := t.asked[i].verb; v {
		case "QUIT", "RSET", "NOOP", "HELP":
		default:
			return v
		}
	}
	if !t.greeted && t.dialled {
		return "greeting"
	}
	return ""
}

// lost is how a connection ended on which something was still to come.
func (t *Tracker) lost() (Decision, Outcome) {
	d := Decision{By: t.first, Entry: t.entries - 1}
	if t.log.pasted {
		return t.lostInLog()
	}
	if t.cut {
		return d, Unknown
	}
	d.Text = short(t.end.Err)
	if d.Text == "" {
		d.Text = facts.Sentence(t.end.Cause)
	}
	switch t.end.Cause {
	case facts.CauseIdle, facts.CauseShutdown, facts.CauseByHand, facts.CauseInternal, facts.CauseRefused, facts.CauseRule:
		d.By = who.Smtptap
	case facts.CauseUnreachable, facts.CauseTLS:
		return t.hopeless(), Failed
	case facts.CauseServerGone, facts.CauseServerReset:
		d.By = who.Server
	case facts.CauseClientGone, facts.CauseClientReset:
		if t.first != who.Server { // whoever left first left the other nothing to stay for
			d.By = who.Client
		}
	}
	switch d.By {
	case who.Server, who.Smtptap:
		return d, Failed
	}
	d.By = who.Client
	return d, Abandoned
}

// lostInLog is lost for a pasted log, which tells of an end in words.
func (t *Tracker) lostInLog() (Decision, Outcome) {
	switch {
	case t.broken.Text != "":
		return t.broken, Failed
	case t.complaint.Text != "":
		return t.complaint, Failed
	case t.failure.Text != "":
		return t.failure, Failed
	case t.log.end || t.log.serverLines:
		return Decision{Entry: -1}, Unknown
	}
	return Decision{By: who.Client, Entry: t.entries - 1}, Abandoned
}

// settle ends what the end of the session left open, once, and returns for how
// long the client had waited by then.
func (t *Tracker) settle() (waited time.Duration) {
	by, how := t.lost()
	if !t.greeted && len(t.asked) == 0 {
		waited = t.last
	}
	for i := range t.asked {
		q := &t.asked[i]
		waited = t.last - q.at
		if t.settled {
			continue
		}
		switch q.verb {
		case "MAIL":
			t.close(by, how)
			t.begin(q.entry, q.path)
		case "RCPT":
			if x := t.current(); t.kept+len(x.Recipients) < maxRecipients {
				x.Recipients = append(x.Recipients, Recipient{Path: q.path})
			}
		case "DATA", "BDAT":
			t.current()
		case smtp.EndOfData:
			t.current().message = q.message
		case "QUIT", "RSET":
			if i == 0 {
				t.close(Decision{By: who.Client, Text: facts.Sentence(q.verb), Entry: q.entry}, Abandoned)
			}
		}
	}
	if !t.settled {
		t.close(by, how)
		t.settled = true
	}
	return waited
}

// inferred reports a log without the server's lines in which the client ended
// its message and went on without complaint, as it does when the message is
// taken.
func (t *Tracker) inferred() bool {
	return t.log.serverLines && t.messages == 0 && t.complaint.Text == "" && t.wentOn
}

// disputed reports a log in which the client reports a failure after the
// message that the server took.
func (t *Tracker) disputed() bool {
	return t.complaint.Text != "" && t.complaint.Entry > t.since
}
