package transcript_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
	"smtptap/recordings/transcript"
)

const hello = `
	dial 192.0.2.1:25
	S: 220 mx.example.org ESMTP
	C: EHLO client.example.com
	S: 250-mx.example.org
	S: 250 AUTH PLAIN
	`

const message = `
	C: DATA
	S: 354 go
	C: Subject: hello
	C:
	C: text
	C: .
	`

func TestOutcome(t *testing.T) {
	const (
		from  = "C: MAIL FROM:<a@example.com>\nS: 250 ok\n"
		to    = "C: RCPT TO:<b@example.org>\nS: 250 ok\n"
		toNo  = "C: RCPT TO:<c@example.org>\nS: 550 5.1.1 no such user\n"
		taken = "S: 250 2.0.0 queued\n"
	)
	tests := []struct {
		name    string
		text    string
		cause   string
		want    outcome.Outcome
		code    int
		verdict string
	}{
		{"sent", hello + from + to + message + taken + goodbye, facts.CauseClosed, outcome.Sent, 250, "250 2.0.0 queued"},
		{"sent in chunks", hello + from + to + "C: BDAT 4\nC: Subj\\\nS: 250 on\nC: BDAT 8 LAST\nC: ect: x\\r\\n\\\nS: 250 took it\n" + goodbye,
			facts.CauseClosed, outcome.Sent, 250, "250 took it"},
		{"sent, then silence", hello + from + to + message + taken + "S: 421 4.4.2 idle\n", facts.CauseServerGone, outcome.Sent, 250, "250 2.0.0 queued"},
		{"EHLO is unknown, HELO is not", "S: 220 mx\nC: EHLO x\nS: 502 what\nC: HELO x\nS: 250 ok\n" + goodbye, facts.CauseClosed, outcome.Nothing, 0, ""},
		{"one recipient refused", hello + from + to + toNo + message + taken + goodbye, facts.CauseClosed, outcome.Partly, 550, "550 5.1.1 no such user"},
		{"one message of two refused", hello + from + to + message + taken + from + to + message + "S: 554 5.7.1 spam\n" + goodbye,
			facts.CauseClosed, outcome.Partly, 554, "554 5.7.1 spam"},
		{"all recipients refused", hello + from + toNo + "C: DATA\nS: 503 5.5.1 no recipients\n" + goodbye, facts.CauseClosed, outcome.Refused, 550, "550 5.1.1 no such user"},
		{"message refused", hello + from + to + message + "S: 552 5.3.4 too big\n" + goodbye, facts.CauseClosed, outcome.Refused, 552, "552 5.3.4 too big"},
		{"AUTH refused", hello + "C: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 535 5.7.8 bad password\nC: MAIL FROM:<a@example.com>\nS: 530 5.7.0 authenticate\n" + goodbye,
			facts.CauseClosed, outcome.Refused, 535, "535 5.7.8 bad password"},
		{"AUTH refused, then not", hello + "C: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 535 5.7.8 bad password\nC: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 235 ok\n" + goodbye,
			facts.CauseClosed, outcome.Nothing, 0, ""},
		{"greeted with no", "S: 554 5.3.2 not here\n", facts.CauseServerGone, outcome.Refused, 554, "554 5.3.2 not here"},
		{"shut down", hello + from + "S: 421 4.3.2 shutting down\n", facts.CauseServerGone, outcome.Refused, 421, "421 4.3.2 shutting down"},
		{"unreachable", "PC: 421 4.4.1 smtptap can't reach it\n", facts.CauseUnreachable, outcome.Failed, 421, "421 4.4.1 smtptap can't reach it"},
		{"reset in a message", hello + from + to + "C: DATA\nS: 354 go\nC: Subject: x\n", facts.CauseClientReset, outcome.Abandoned, 0, facts.CauseClientReset},
		{"left in a message", hello + from + to + "C: DATA\nS: 354 go\nC: Subject: x\n", facts.CauseClosed, outcome.Abandoned, 0, facts.CauseClosed},
		{"left behind RSET", hello + from + to + "C: RSET\nS: 250 ok\n", facts.CauseClosed, outcome.Abandoned, 0, "RSET"},
		{"asked and left", hello + "C: VRFY b\nS: 502 no\n" + goodbye, facts.CauseServerGone, outcome.Refused, 502, "502 no"},
		{"TLS handed through", hello + "C: STARTTLS\nS: 220 go\nhello passed through\n", facts.CauseClientReset, outcome.Opaque, 0, ""},
		{"left for want of a certificate", hello + "C: STARTTLS\nS: 220 go\nnote server-left-after-handshake\n", facts.CauseServerGone, outcome.Failed, 0, "what server-left-after-handshake means"},
		{"said nothing", "", facts.CauseClosed, outcome.Nothing, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSet(t)
			l := s.Begin(transcript.Session{})
			play(t, l, tt.text, whole)
			if sum := l.Summary(); sum.Outcome != outcome.Running || !sum.Live {
				t.Errorf("live: %+v", sum)
			}
			l.End(facts.End{Cause: tt.cause})
			sum := s.Summary(0)
			if sum.Live || sum.Outcome != tt.want || sum.Code != tt.code || sum.Verdict.String() != tt.verdict {
				t.Errorf("got %s, %d, %q", sum.Outcome, sum.Code, sum.Verdict)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	s := newSet(t, func(o *transcript.Options) { o.KeepSecrets = true })
	l := s.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "mx:example.org", Mode: "hide"})
	l.Fact(&facts.Open{Client: "127.0.0.1:40000", Listen: "127.0.0.1:2525"})
	l.Fact(&facts.Dial{Host: "mx1.example.org", Addr: "192.0.2.1:25", Err: "connection refused"})
	if sum := l.Summary(); sum.Server != "" {
		t.Errorf("the server is %q before one is reached", sum.Server)
	}
	play(t, l, `
		dial 192.0.2.2:25
		tls server
		S: 220 mx.example.org ESMTP
		C: EHLO client.example.com
		S: 250 AUTH PLAIN
		C: AUTH PLAIN AHVzZXJAZXhhbXBsZS5jb20AcHc=
		S: 235 ok
		C: MAIL FROM:<first@example.com>
		S: 250 ok
		C: RCPT TO:<one@example.org>
		S: 250 ok
		C: RCPT TO:<two@example.org>
		S: 251 ok
		C: DATA
		S: 354 go
		C: SUBJECT: first
		C:
		C: 12345678
		C: .
		S: 250 one
		C: MAIL FROM:<second@example.com>
		S: 250 ok
		C: RCPT TO:<three@example.org>
		S: 250 ok
		C: DATA
		S: 354 go
		C: Subject: second
		C:
		C: .
		S: 250 two
		`+goodbye, whole)
	l.End(facts.End{Cause: facts.CauseClosed})
	got := s.Summary(0)
	want := transcript.Summary{
		ID: l.ID(), Started: got.Started, Took: got.Took, Source: decode.SourceLive,
		Client: "127.0.0.1:40000", Server: "mx.example.org:25", Target: "mx:example.org", TLS: true, Mode: "hide",
		User: "user@example.com", From: "first@example.com", Rcpt: "one@example.org", Rcpts: 3, Accepted: 3,
		Messages: 2, Sent: 2, Size: int64(len("SUBJECT: first\r\n\r\n12345678\r\nSubject: second\r\n\r\n")), Subject: "first",
		Outcome: outcome.Sent, Code: 250, Verdict: "250 two", Path: s.Path(l.ID()), SecretsKept: true,
	}
	if also := got.Also; also == nil || fmt.Sprint(*also) != "{[second@example.com] [two@example.org three@example.org] [second]}" {
		t.Errorf("later messages: %v", also)
	}
	got.Also = nil
	if got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if got.Took <= 0 {
		t.Errorf("took %v", got.Took)
	}
}

func TestSubject(t *testing.T) {
	for sent, want := range map[string]string{
		"hello":                                "hello",
		"=?UTF-8?B?5piT6IGU5LqR6aqM6K+B56CB?=": "易联云验证码",
		"=?gb2312?Q?=C4=E3=BA=C3?= =?utf-8?q?_smtp?=":          "你好 smtp",
		"=?no-such-charset?B?5piT?= stays":                     "=?no-such-charset?B?5piT?= stays",
		"=?utf-8?Q?" + strings.Repeat("=E4=BD=A0", 100) + "?=": strings.Repeat("你", 66) + "…",
	} {
		s := newSet(t, unrecorded)
		l := s.Begin(transcript.Session{})
		play(t, l, hello+"C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<b@example.org>\nS: 250 ok\nC: DATA\nS: 354 go\n", whole)
		l.Data(who.Client, who.Server, []byte("subject: "+sent+"\r\n\r\n"))
		if sum := s.Summary(0); sum.Subject != want {
			t.Errorf("%q: got %q, want %q", sent, sum.Subject, want)
		}
		l.End(ended)
	}
}

// A Summary is small whatever the peers send.
func TestSummaryIsBounded(t *testing.T) {
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	long := strings.Repeat("é", 4000)
	play(t, l, "S: 220 "+long+"\nC: EHLO x\nS: 250 x\nC: MAIL FROM:<"+long+"@example.com>\nS: 250 ok\nC: RCPT TO:<"+long+"@example.org>\nS: 550 "+long, whole)
	l.End(facts.End{Cause: facts.CauseClosed, Err: facts.Plain(long)})
	sum := s.Summary(0)
	for _, text := range []string{sum.From, sum.Rcpt, sum.Verdict.String()} {
		if len(text) > 210 || len(text) < 150 || !strings.HasSuffix(text, "é…") {
			t.Errorf("%d bytes: %q", len(text), text)
		}
	}
}

func TestSummarizeTorn(t *testing.T) {
	s := newSet(t)
	_, was := live(t, s, dialogues[0], whole)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := s.Path(was.ID)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]outcome.Outcome{
		"354 go": outcome.Unknown, "closed ": outcome.Sent, "MAIL": outcome.Unknown,
	} {
		n := strings.Index(string(file), at)
		if err := os.WriteFile(path, file[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := transcript.Summarize(path)
		if err != nil || sum.Outcome != want || sum.Live || !sum.Incomplete {
			t.Errorf("torn at %q: %+v, %v, want %s", at, sum, err, want)
		}
	}
	for name, p := range map[string][]byte{"empty": nil, "text": []byte("220 mx.example.org\r\n"), "magic": file[:20]} {
		if err := os.WriteFile(path, p, 0o600); err != nil {
			t.Fatal(err)
		}
		if sum, err := transcript.Summarize(path); err == nil {
			t.Errorf("%s: got %+v", name, sum)
		}
		if tr, _, err := transcript.Load(path); err == nil {
			t.Errorf("%s: got %+v", name, tr)
		}
	}
}
