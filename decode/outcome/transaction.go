package outcome

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

// A transaction is one that the server has begun, or has just refused: what
// follows from a refusal still belongs to it.
type transaction struct {
	Transaction
	mailNo  Decision // MAIL was refused
	dataNo  Decision // DATA, a chunk or the message was refused
	stray   Decision // a refusal that answers nothing
	sending bool     // the server waits for the message, or has it
	since   int      // entry from which on it does
	due     int      // replies of LMTP still to come
	next    int      // recipient that the next of them is for
	turned  bool     // a recipient that is kept was refused
}

// decided reports that the transaction can't be sent any more.
func (x *transaction) decided() bool {
	return x.mailNo.Code != 0 || x.dataNo.Code != 0 || x.accepted == 0 && x.refused > 0
}

func (t *Tracker) begin(mail int, sender string) *transaction {
	t.open = &transaction{Transaction: Transaction{Mail: mail, Sender: sender, Decided: Decision{Entry: -1}}}
	return t.open
}

func (t *Tracker) mail(q question, r *decode.Reply, d Decision) {
	x := t.open
	if r.Code == 503 && x != nil && !x.decided() {
		return // nested: the transaction that stands goes on
	}
	t.close(Decision{By: who.Client, Text: "MAIL", Entry: q.entry}, Abandoned)
	x = t.begin(q.entry, q.path)
	if r.Code < 400 {
		t.overcome(atMail)
		return
	}
	x.mailNo = d
	if t.refusal.stage == atAuth && wantsLogin(r) {
		t.follows(d)
	}
}

// wantsLogin reports a refusal of MAIL that is for want of a login.
func wantsLogin(r *decode.Reply) bool {
	return r.Code == 530 || r.Code == 503 || r.Enhanced == "5.7.0" || r.Enhanced == "5.7.1" || strings.Contains(strings.ToLower(r.Text()), "auth")
}

func (t *Tracker) rcpt(q question, r *decode.Reply, d Decision) {
	x := t.open
	switch {
	case x == nil:
		x = t.begin(-1, "")
	case x.dataNo.Code != 0 && x.sending && r.Code >= 400:
		t.follows(d)
		return
	case x.due > 0 || x.dataNo.Code != 0 && x.sending:
		t.close(Decision{}, Abandoned)
		x = t.begin(-1, x.Sender)
	}
	switch {
	case r.Code < 400:
		x.mailNo = Decision{}
	case x.mailNo.Code != 0:
		t.follows(d)
	}
	t.recipient(x, q.path, r, d)
}

// recipient notes what the server made of a recipient, the last time that it
// was asked.
func (t *Tracker) recipient(x *transaction, path string, r *decode.Reply, d Decision) {
	to := Recipient{Path: path, Answer: Accepted, Decided: d}
	switch {
	case r.Code < 400:
		t.taken++
	case r.Code >= 500:
		to.Answer = Rejected
	case r.Code >= 400:
		to.Answer = Temporary
	}
	if x.turned && path != "" {
		for i := range x.Recipients {
			if old := &x.Recipients[i]; old.Answer != Accepted && strings.EqualFold(old.Path, path) {
				x.refused--
				*old = to
				x.count(to.Answer)
				return
			}
		}
	}
	x.count(to.Answer)
	switch {
	case t.kept+len(x.Recipients) < maxRecipients || t.forget(false):
		x.Recipients = append(x.Recipients, to)
		x.turned = x.turned || to.Answer != Accepted
	case to.Answer != Accepted:
		x.lost++
	}
}

func (x *transaction) count(a Answer) {
	if a == Accepted {
		x.accepted++
		return
	}
	x.refused++
}

func (t *Tracker) data(q question, r *decode.Reply, d Decision) {
	x := t.current()
	switch {
	case r.Code < 400:
		x.sending, x.since, x.dataNo = true, d.Entry, Decision{}
	case x.decided():
		t.follows(d)
	default:
		x.dataNo = d
	}
}

// current is the transaction that stands. A log may lack its beginning.
func (t *Tracker) current() *transaction {
	if t.open == nil {
		t.begin(-1, "")
	}
	return t.open
}

func (t *Tracker) chunk(q question, r *decode.Reply, d Decision) {
	if q.last || r.Code >= 400 {
		t.ended(q, r, d)
		return
	}
	t.current().sending = true
}

// ended takes the reply to a whole message.
func (t *Tracker) ended(q question, r *decode.Reply, d Decision) {
	x := t.current()
	x.message = q.message
	switch {
	case r.Code >= 400 && x.decided():
		t.follows(d)
		return
	case r.Rcpt > 0 && (x.accepted > 0 || x.due > 0):
		t.delivered(x, r, d)
		return
	case r.Code/100 != 2: // 354 again takes no message either
		x.dataNo, x.sending = d, true
		return
	case d.By == who.Smtptap && !t.tookIt: // a rule says so, and the server has not
		d.Text = replyText(r)
		x.dataNo, x.sending = d, true
		return
	}
	t.tookIt = false
	x.answer(r, d)
	for i := range x.Recipients {
		x.Recipients[i].Sent = x.Recipients[i].Answer == Accepted
	}
	t.finish()
}

func (x *transaction) answer(r *decode.Reply, d Decision) {
	d.Text = replyText(r)
	x.taken, x.Decided = true, d
}

// delivered takes the reply of LMTP that is for the next recipient (RFC 2033
// section 4.2).
func (t *Tracker) delivered(x *transaction, r *decode.Reply, d Decision) {
	if x.due == 0 {
		x.due = x.accepted
	}
	x.due--
	for x.next < len(x.Recipients) && x.Recipients[x.next].Answer != Accepted {
		x.next++
	}
	switch {
	case r.Code < 400:
		x.answer(r, d)
		if x.next < len(x.Recipients) {
			x.Recipients[x.next].Sent = true
		}
	default:
		x.accepted--
		x.refused++
		if x.next >= len(x.Recipients) {
			x.lost++
			break
		}
		to := &x.Recipients[x.next]
		to.Decided, to.Answer = d, Rejected
		if r.Code < 500 {
			to.Answer = Temporary
		}
	}
	x.next++
	switch {
	case x.due > 0:
	case x.taken:
		t.finish()
	default:
		x.sending = true
		t.close(Decision{}, Refused)
	}
}

// close ends the transaction that stands. By and how tell what became of it if
// the server has decided nothing.
func (t *Tracker) close(by Decision, how Outcome) {
	x := t.open
	if x == nil {
		return
	}
	if !x.taken {
		x.Outcome, x.Decided = how, by
		if no := x.no(); no.Code != 0 {
			x.Outcome, x.Decided = Refused, no
			if no.By == who.Smtptap {
				x.Outcome = Failed
			}
		}
	}
	t.finish()
}

// no is the reply that refused the transaction, if one did. When the message
// was on its way, the refusal of a recipient did not.
func (x *transaction) no() Decision {
	for _, d := range []Decision{x.mailNo, x.dataNo, x.stray} {
		if d.Code != 0 {
			return d
		}
	}
	if x.sending && x.accepted > 0 {
		return Decision{}
	}
	for i := range x.Recipients {
		if x.Recipients[i].Answer > Accepted {
			return x.Recipients[i].Decided
		}
	}
	return Decision{}
}

// finish puts the transaction that is over with the others.
func (t *Tracker) finish() {
	x, since, due := &t.open.Transaction, t.open.since, t.open.due
	t.open = nil
	if x.message == (message{}) && !x.taken {
		x.message = t.fresh
	}
	if x.taken {
		x.Outcome = Sent
		if x.refused > 0 || due > 0 {
			x.Outcome = Partly
		}
		t.messages++
		t.since = max(since, x.Mail)
		t.accepted += max(x.accepted-due, 1)
		t.refused += x.refused
		if len(t.queued) < maxQueueIDs {
			t.queued = append(t.queued, string(x.Decided.Text))
		}
		t.makeGood(x)
	}
	for len(t.past) >= maxTransactions && t.forget(true) {
	}
	t.past = append(t.past, *x)
	t.kept += len(x.Recipients)
}

// settled reports that nothing of the transaction is left to be made good.
func (x *Transaction) settled() bool { return x.Outcome == Sent || x.MadeGood }

// forget gives up the oldest transaction that is settled, or else, if it must,
// the oldest: nothing makes that one good any more. It reports whether one was.
func (t *Tracker) forget(must bool) bool {
	for i := range t.past {
		if t.past[i].settled() {
			t.drop(i)
			return true
		}
	}
	if must && len(t.past) > 0 {
		if d := t.past[0].firstNo(); t.past[0].Outcome.Bad() {
			t.gone = &d
		}
		t.drop(0)
		return true
	}
	return false
}

func (t *Tracker) drop(i int) {
	t.kept -= len(t.past[i].Recipients)
	t.past = append(t.past[:i], t.past[i+1:]...)
}

// final reports a refusal that no client repeats as it was (RFC 5321 section
// 4.2.1). MAIL can be said in another way: without a parameter, or after a login.
func (x *Transaction) final() bool {
	if x.Outcome != Refused || x.Decided.By != who.Server || x.pardoned {
		return false
	}
	switch code := x.Decided.Code; {
	case len(x.Recipients) > 0:
		return code >= 500
	default:
		return code == 550 || code == 551 || code == 553 || code == 554
	}
}

// pardon tells that after a login the refusals before it are worth another try.
func (t *Tracker) pardon() {
	for i := range t.past {
		t.past[i].pardoned = true
	}
	if t.open != nil {
		t.open.pardoned = true
	}
}

// makeGood marks what earlier transactions failed to send and this one sent: to
// the same recipients from the same sender, and not another message. A message
// that was refused for good and is sent all the same was another one.
func (t *Tracker) makeGood(x *Transaction) {
	for i := range t.past {
		old := &t.past[i]
		if old.settled() || old.final() || !strings.EqualFold(old.Sender, x.Sender) || !old.message.same(x.message) {
			continue
		}
		left := old.lost
		for j := range old.Recipients {
			to := &old.Recipients[j]
			if !to.Sent && !to.MadeGood && x.sentTo(to.Path) {
				to.MadeGood = true
				if old.taken {
					t.refused--
				}
			}
			if !to.Sent && !to.MadeGood {
				left++
			}
		}
		old.MadeGood = left == 0
	}
}

func (x *Transaction) sentTo(path string) bool {
	for i := range x.Recipients {
		if to := &x.Recipients[i]; to.Sent && strings.EqualFold(to.Path, path) {
			return true
		}
	}
	return false
}
