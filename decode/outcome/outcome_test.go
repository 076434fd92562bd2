package outcome_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/outcome"
)

// entries are those of a dialogue.
func entries(text string) []decode.Entry {
	return decodetest.New(false).Play(text, nil).Close().Entries
}

// of is what became of a dialogue that has ended.
func of(text string) outcome.Session {
	var t outcome.Tracker
	for _, e := range append(entries(text), decode.Entry{Fact: &facts.End{Cause: facts.CauseClosed}}) {
		t.Add(e)
	}
	return t.Session()
}

const (
	hello = "S: 220 mx\nC: EHLO x\nS: 250 mx\n"
	from  = "C: MAIL FROM:<a@example.org>\nS: 250 ok\n"
	data  = "C: DATA\nS: 354 go\nC: Subject: x\nC: \nC: x\nC: .\n"
	taken = "S: 250 2.0.0 ok queued as 4XYZ12\n"
)

func rcpt(address, reply string) string {
	return fmt.Sprintf("C: RCPT TO:<%s@example.net>\nS: %s\n", address, reply)
}

// tell writes a transaction in one line.
func tell(t *outcome.Transaction) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", t.Sender, t.Outcome)
	if t.MadeGood {
		b.WriteString(" made-good")
	}
	fmt.Fprintf(&b, " by %s %d %s:", t.Decided.By, t.Decided.Code, t.QueueID())
	for _, to := range t.Recipients {
		name, _, _ := strings.Cut(to.Path, "@")
		fmt.Fprintf(&b, " %s=%s", name, to.Answer)
		if to.Sent {
			b.WriteString("+sent")
		}
		if to.MadeGood {
			b.WriteString("+made-good")
		}
	}
	return b.String()
}

func TestTransactions(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"sent", hello + from + rcpt("b", "250 ok") + data + taken, []string{"a@example.org sent by server 250 4XYZ12: b=accepted+sent"}},
		{"a recipient for another time", hello + from + rcpt("b", "250 ok") + rcpt("c", "452 4.5.3 later") + data + taken + from + rcpt("c", "250 ok") + data + taken, []string{
			"a@example.org partly made-good by server 250 4XYZ12: b=accepted+sent c=temporary+made-good",
			"a@example.org sent by server 250 4XYZ12: c=accepted+sent",
		}},
		{"asked again at once", hello + from + rcpt("b", "451 4.7.1 greylisted") + rcpt("b", "250 ok") + data + taken, []string{"a@example.org sent by server 250 4XYZ12: b=accepted+sent"}},
		{"another sender makes nothing good", hello + from + rcpt("b", "550 no") + strings.Replace(from, "a@", "z@", 1) + rcpt("b", "250 ok") + data + taken, []string{
			"a@example.org refused by server 550 : b=rejected",
			"z@example.org sent by server 250 4XYZ12: b=accepted+sent",
		}},
		{"put off, and sent later", hello + from + rcpt("b", "451 4.7.1 greylisted") + "C: RSET\nS: 250 ok\n" + from + rcpt("b", "250 ok") + data + taken, []string{
			"a@example.org refused made-good by server 451 : b=temporary+made-good",
			"a@example.org sent by server 250 4XYZ12: b=accepted+sent",
		}},
		{"refused for good, then another message", hello + from + rcpt("b", "550 no") + "C: RSET\nS: 250 ok\n" + from + rcpt("b", "250 ok") + data + taken, []string{
			"a@example.org refused by server 550 : b=rejected",
			"a@example.org sent by server 250 4XYZ12: b=accepted+sent",
		}},
		{"the sender refused for good, then another message", hello + "C: MAIL FROM:<a@example.org>\nS: 550 5.7.1 no\n" + from + rcpt("b", "250 ok") + data + taken, []string{
			"a@example.org refused by server 550 :",
			"a@example.org sent by server 250 4XYZ12: b=accepted+sent",
		}},
		{"MAIL without the parameter", hello + "C: MAIL FROM:<a@example.org> BODY=8BITMIME\nS: 555 5.5.4 no\n" + from + rcpt("b", "250 ok") + data + taken, []string{
			"a@example.org refused made-good by server 555 :",
			"a@example.org sent by server 250 4XYZ12: b=accepted+sent",
		}},
		{"refused, then with a login", hello + from + rcpt("b", "550 5.7.1 relaying denied") + "C: RSET\nS: 250 ok\nC: AUTH PLAIN AHVzZXIAc2VjcmV0LXB3\nS: 235 ok\n" + from + rcpt("b", "250 ok") + data + taken, []string{
			"a@example.org refused made-good by server 550 : b=rejected+made-good",
			"a@example.org sent by server 250 4XYZ12: b=accepted+sent",
		}},
		{"a reply without a code takes no message", hello + from + rcpt("b", "250 ok") + data + "C: hi\nC: .\nS: thanks\n", []string{"a@example.org abandoned by client 0 : b=accepted"}},
		{"354 again takes no message", hello + from + rcpt("b", "250 ok") + data + "C: hi\nC: .\nS: 354 go on\n", []string{"a@example.org refused by server 354 : b=accepted"}},
		{"the first refusal decides", hello + from + rcpt("b", "550 no") + rcpt("c", "451 later") + "C: RSET\nS: 250 ok\n", []string{"a@example.org refused by server 550 : b=rejected c=temporary"}},
		{"MAIL is refused", hello + "C: MAIL FROM:<a@example.org>\nC: RCPT TO:<b@example.net>\nC: DATA\nS: 553 5.1.8 no\nS: 503 no\nS: 503 no\n", []string{"a@example.org refused by server 553 : b=rejected"}},
		{"MAIL inside a transaction", hello + from + rcpt("b", "250 ok") + "C: MAIL FROM:<a@example.org>\nS: 503 5.5.1 nested\n" + data + taken, []string{"a@example.org sent by server 250 4XYZ12: b=accepted+sent"}},
		{"given up", hello + from + rcpt("b", "250 ok") + "C: RCPT TO:<c@example.net>\n", []string{"a@example.org abandoned by client 0 : b=accepted c=unanswered"}},
		{"the null sender", hello + "C: MAIL FROM:<>\nS: 250 ok\n" + rcpt("b", "250 ok") + data + taken, []string{" sent by server 250 4XYZ12: b=accepted+sent"}},
		{"DATA is put off and asked for again", hello + from + rcpt("b", "250 ok") + "C: DATA\nS: 451 4.3.0 later\n" + data + taken, []string{"a@example.org sent by server 250 4XYZ12: b=accepted+sent"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := of(c.text)
			var got []string
			for i := range s.Transactions {
				got = append(got, tell(&s.Transactions[i]))
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// What only follows from a refusal is known as such.
func TestConsequences(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"none", hello + from + rcpt("b", "550 no") + rcpt("c", "550 no"), 0},
		{"DATA without a recipient", hello + from + rcpt("b", "550 no") + "C: DATA\nS: 503 no\n", 1},
		{"DATA accepted without a recipient", hello + from + rcpt("b", "550 no") + "C: DATA\nS: 354 go\nC: .\nS: 554 no valid recipients\n", 1},
		{"everything after MAIL", hello + "C: MAIL FROM:<a@example.org>\nS: 550 no\n" + rcpt("b", "503 no") + "C: DATA\nS: 503 no\n", 2},
		{"MAIL after a refused login", hello + "C: AUTH PLAIN AHVzZXIAc2VjcmV0LXB3\nS: 535 no\nC: MAIL FROM:<a@example.org>\nS: 530 log in\n", 1},
		{"a sender refused for its own sake", hello + "C: AUTH PLAIN AHVzZXIAc2VjcmV0LXB3\nS: 535 no\nC: MAIL FROM:<a@example.org>\nS: 553 5.1.8 no such domain\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if s := of(c.text); len(s.Consequences) != c.want {
				t.Errorf("%v, want %d of them", s.Consequences, c.want)
			}
		})
	}
}

// A session may go on for ever.
func TestBounded(t *testing.T) {
	var tr outcome.Tracker
	for _, e := range entries(hello + strings.Repeat(from+rcpt("b", "250 ok")+data+taken, 300)) {
		tr.Add(e)
	}
	for i := range 300 {
		for _, e := range entries("S: 220 x\n" + strings.Replace(from, "a@", fmt.Sprintf("a%d@", i), 1) + strings.Repeat(rcpt("c", "550 no"), 100)) {
			tr.Add(e)
		}
	}
	s := tr.Session()
	kept := 0
	for i := range s.Transactions {
		kept += len(s.Transactions[i].Recipients)
	}
	if len(s.Transactions) > 101 || kept > 600 || s.Messages != 300 || s.Accepted != 300 || len(s.QueueIDs) > 4 {
		t.Errorf("%d transactions, %d recipients, %d messages to %d, %d queue ids", len(s.Transactions), kept, s.Messages, s.Accepted, len(s.QueueIDs))
	}
	tr.Add(decode.Entry{Fact: &facts.End{Cause: facts.CauseClosed}})
	if o, d := tr.Outcome(); o != outcome.Partly || d.Code != 550 {
		t.Errorf("%s, %+v", o, d)
	}
}

// saidIn keeps the lines of a text in which something is said, as it stands there.
func saidIn(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "C: ") || strings.HasPrefix(line, "S: ") {
			b.WriteString(strings.ReplaceAll(line, `\`, `\\`))
		}
	}
	return b.String()
}

// FuzzTracker feeds dialogues of any lines. Asking in between changes nothing,
// and what is told holds together.
func FuzzTracker(f *testing.F) {
	f.Add(hello + from + rcpt("b", "250 ok") + data + taken)
	f.Add(hello + from + rcpt("b", "550 no") + "C: RSET\nS: 250 ok\n" + from + "S: 421 bye\n")
	f.Add("S: 220 x\nC: LHLO x\nS: 250 x\n" + from + rcpt("b", "250 ok") + rcpt("c", "250 ok") + data + "S: 250 ok\nS: 452 full\nC: QUIT\n")
	f.Add("C: BDAT 3 LAST\nC: x\nS: 250 ok\nS: 250 ok\nC: DATA\nS: 250\nC: MAIL\nC: QUIT\nS: 250 ok\n")
	f.Fuzz(func(t *testing.T, text string) {
		var asked, left outcome.Tracker
		for _, e := range append(entries(saidIn(text)), decode.Entry{Fact: &facts.End{Cause: facts.CauseServerGone}}) {
			asked.Add(e)
			asked.Session()
			left.Add(e)
		}
		a, b := asked.Session(), left.Session()
		if !reflect.DeepEqual(a, b) {
			t.Errorf("asking changes the answer:\n%+v\n%+v", a, b)
		}
		if a.Outcome == outcome.Sent && a.Messages == 0 || a.Outcome == outcome.Running || a.Refused < 0 {
			t.Errorf("%+v", a)
		}
		for i := range a.Transactions {
			if o := a.Transactions[i].Outcome; o == "" || o == outcome.Running {
				t.Errorf("a transaction of a session that has ended is %q", o)
			}
		}
	})
}
