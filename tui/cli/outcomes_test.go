package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/diff"
	"smtptap/recordings/export"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
)

// Dialogues that others are made of.
const (
	hello  = "S: 220 mx.example.org\nC: EHLO client.example.org\nS: 250-mx.example.org\nS: 250 AUTH PLAIN\n"
	lmtp   = "S: 220 mx.example.org\nC: LHLO client.example.org\nS: 250-mx.example.org\nS: 250 PIPELINING\n"
	from   = "C: MAIL FROM:<a@example.org>\nS: 250 ok\n"
	rcpt   = "C: RCPT TO:<b@example.net>\nS: 250 ok\n"
	noRcpt = "C: RCPT TO:<b@example.net>\nS: 550 5.1.1 no such user\n"
	more   = "C: RCPT TO:<c@example.net>\nS: 250 ok\n"
	noMore = "C: RCPT TO:<c@example.net>\nS: 452 4.5.3 too many recipients\n"
	begin  = "C: DATA\nS: 354 go\nC: Subject: one\nC: Message-ID: <1@example.org>\nC: \nC: hello\n"
	other  = "C: DATA\nS: 354 go\nC: Subject: two\nC: Message-ID: <2@example.org>\nC: \nC: hello\n"
	taken  = "C: .\nS: 250 2.0.0 ok queued as 4XYZ12\n"
	spam   = "C: .\nS: 554 5.7.1 spam\n"
	later  = "C: .\nS: 451 4.3.0 try later\n"
	reset  = "C: RSET\nS: 250 ok\n"
	quit   = "C: QUIT\nS: 221 bye\nclosed S\nclosed C\n"
	one    = from + rcpt + begin + taken
	wants  = "C: AUTH PLAIN AHVzZXIAc2VjcmV0LXB3\n"
)

// dialogues are sessions whose end is known.
var dialogues = []struct {
	name, text string
	cause      string // of the end
	want       outcome.Outcome
	by         who.Party // who decided it; 0 for nobody, or not asked
}{
	{"sent", hello + one + quit, facts.CauseClosed, outcome.Sent, 0},
	{"two sent", hello + one + one + quit, facts.CauseClosed, outcome.Sent, 0},
	{"sent, QUIT is not answered", hello + one + "C: QUIT\nclosed S\n", facts.CauseServerGone, outcome.Sent, 0},
	{"sent, and the client leaves without QUIT", hello + one + "closed C\n", facts.CauseClientGone, outcome.Sent, 0},
	{"sent, then the server has waited for long enough", hello + one + "S: 421 4.4.2 idle\nclosed S\n", facts.CauseServerGone, outcome.Sent, 0},
	{"sent in chunks", hello + from + rcpt + "C: BDAT 4\nC: Subj\\\nS: 250 on\nC: BDAT 8 LAST\nC: ect: x\\r\\n\\\nS: 250 took it\n" + quit, facts.CauseClosed, outcome.Sent, 0},
	{"pipelined to the end", hello + "C: MAIL FROM:<a@example.org>\nC: RCPT TO:<b@example.net>\nC: BDAT 3 LAST\nC: x\\r\\n\\\nC: QUIT\nS: 250 ok\nS: 250 ok\nS: 250 queued\nS: 221 bye\nclosed S\n", facts.CauseClosed, outcome.Sent, 0},
	{"the message takes a while, and QUIT comes before its reply", hello + from + rcpt + begin + "C: .\nC: QUIT\nS: 250 2.0.0 queued\nS: 221 bye\nclosed S\n", facts.CauseClosed, outcome.Sent, 0},

	{"a recipient is refused", hello + from + rcpt + "C: RCPT TO:<c@example.net>\nS: 550 5.1.1 no such user\n" + begin + taken + quit, facts.CauseClosed, outcome.Partly, who.Server},
	{"a recipient is put off and sent to later", hello + from + rcpt + noMore + begin + taken + from + more + begin + taken + quit, facts.CauseClosed, outcome.Sent, 0},
	{"a recipient is put off and not sent to later", hello + from + rcpt + noMore + begin + taken + quit, facts.CauseClosed, outcome.Partly, who.Server},
	{"smtptap puts a recipient off", hello + from + rcpt + "C: RCPT TO:<c@example.com>\nP: 452 4.5.3 [smtptap] the mail of this domain goes to another server\n" + begin + taken + quit, facts.CauseClosed, outcome.Partly, who.Smtptap},
	{"a recipient is asked for again", hello + from + "C: RCPT TO:<b@example.net>\nS: 451 4.7.1 greylisted\n" + rcpt + begin + taken + quit, facts.CauseClosed, outcome.Sent, 0},
	{"the message is put off and sent again", hello + from + rcpt + begin + later + one + quit, facts.CauseClosed, outcome.Sent, 0},
	{"the message is refused, and another one is sent to the same", hello + from + rcpt + other + spam + one + quit, facts.CauseClosed, outcome.Partly, who.Server},
	{"the first is refused, the second goes elsewhere", hello + from + noRcpt + reset + from + more + begin + taken + quit, facts.CauseClosed, outcome.Partly, who.Server},
	{"the second is refused", hello + one + from + rcpt + other + spam + quit, facts.CauseClosed, outcome.Partly, who.Server},
	{"the sender is refused, then taken after a login", hello + "C: MAIL FROM:<a@example.org>\nS: 530 5.7.0 log in\n" + wants + "S: 235 ok\n" + one + quit, facts.CauseClosed, outcome.Sent, 0},
	{"EHLO again in the middle", hello + from + rcpt + "C: EHLO client.example.org\nS: 250 mx.example.org\n" + one + quit, facts.CauseClosed, outcome.Sent, 0},
	{"the server closes in the second message", hello + one + from + rcpt + begin + "closed S\nclosed C\n", facts.CauseServerGone, outcome.Partly, who.Server},
	{"the server closes at the second MAIL", hello + one + "C: MAIL FROM:<a@example.org>\nclosed S\nclosed C\n", facts.CauseServerGone, outcome.Partly, who.Server},
	{"421 in the second transaction", hello + one + from + "C: RCPT TO:<b@example.net>\nS: 421 4.3.2 closing\nclosed S\n", facts.CauseServerGone, outcome.Partly, who.Server},
	{"LMTP takes it for one of two", lmtp + from + rcpt + more + begin + "C: .\nS: 250 ok\nS: 550 5.2.2 full\n" + quit, facts.CauseClosed, outcome.Partly, who.Server},
	{"LMTP takes it for both", lmtp + from + rcpt + more + begin + "C: .\nS: 250 ok\nS: 250 ok\n" + quit, facts.CauseClosed, outcome.Sent, 0},
	{"LMTP takes it for the second", lmtp + from + rcpt + more + begin + "C: .\nS: 452 4.2.2 full\nS: 250 ok\n" + quit, facts.CauseClosed, outcome.Partly, who.Server},
	{"LMTP takes a chunk for one of two", lmtp + from + rcpt + more + "C: BDAT 3 LAST\nC: x\\r\\n\\\nS: 250 ok\nS: 550 5.2.2 full\n" + quit, facts.CauseClosed, outcome.Partly, who.Server},
	{"LMTP takes it for one, and then for all", lmtp + from + rcpt + begin + "C: .\nS: 250 ok\n" + from + rcpt + more + begin + "C: .\nS: 250 ok\nS: 250 ok\n" + quit, facts.CauseClosed, outcome.Sent, 0},
	{"LMTP puts one off and takes it later", lmtp + from + rcpt + more + begin + "C: .\nS: 250 ok\nS: 451 4.3.0 later\n" + from + more + begin + "C: .\nS: 250 ok\n" + quit, facts.CauseClosed, outcome.Sent, 0},
	{"LMTP is cut off between two recipients", lmtp + from + rcpt + more + begin + "C: .\nS: 250 ok\nclosed S\nclosed C\n", facts.CauseServerGone, outcome.Partly, 0},
	{"LMTP takes it for nobody", lmtp + from + rcpt + more + begin + "C: .\nS: 550 5.2.2 full\nS: 550 5.2.2 full\n" + quit, facts.CauseClosed, outcome.Refused, who.Server},
	{"LMTP refuses its only recipient", lmtp + from + rcpt + begin + "C: .\nS: 550 5.2.2 full\n" + quit, facts.CauseClosed, outcome.Refused, who.Server},

	{"all recipients are refused", hello + from + noRcpt + quit, facts.CauseClosed, outcome.Refused, who.Server},
	{"all recipients are refused, pipelined", hello + "C: MAIL FROM:<a@example.org>\nC: RCPT TO:<b@example.net>\nC: DATA\nS: 250 ok\nS: 550 5.1.1 no such user\nS: 554 5.5.1 no valid recipients\n" + quit, facts.CauseClosed, outcome.Refused, who.Server},
	{"the message is refused", hello + from + rcpt + begin + spam + quit, facts.CauseClosed, outcome.Refused, who.Server},
	{"a chunk is refused", hello + from + rcpt + "C: BDAT 4\nC: Subj\\\nS: 552 5.3.4 too big\nC: BDAT 8 LAST\nC: ect: x\\r\\n\\\nS: 503 5.5.1 no transaction\n" + quit, facts.CauseClosed, outcome.Refused, who.Server},
	{"the login is refused, and so is MAIL", hello + wants + "S: 535 5.7.8 no\nC: MAIL FROM:<a@example.org>\nS: 530 5.7.0 log in\n" + quit, facts.CauseClosed, outcome.Refused, who.Server},
	{"the greeting says no", "S: 554 5.3.2 not here\nclosed S\n", facts.CauseServerGone, outcome.Refused, who.Server},
	{"421 in the transaction", hello + from + "S: 421 4.3.2 closing\nclosed S\n", facts.CauseServerGone, outcome.Refused, who.Server},

	{"the server closes in the message", hello + from + rcpt + begin + "closed S\nclosed C\n", facts.CauseServerGone, outcome.Failed, who.Server},
	{"the server closes at MAIL", hello + "C: MAIL FROM:<a@example.org>\nclosed S\n", facts.CauseServerGone, outcome.Failed, who.Server},
	{"the server closes before it greets", "closed S\n", facts.CauseServerGone, outcome.Failed, who.Server},
	{"no server is reached", "dial connection refused\nP: 421 4.4.1 [smtptap] no server was reached\n", facts.CauseUnreachable, outcome.Failed, who.Server},
	{"nothing is said for too long", hello + from, facts.CauseIdle, outcome.Failed, who.Smtptap},

	{"the client leaves in the message", hello + from + rcpt + begin + "closed C\n", facts.CauseClientGone, outcome.Abandoned, who.Client},
	{"the client resets the connection in the message", hello + from + rcpt + begin, facts.CauseClientReset, outcome.Abandoned, who.Client},
	{"MAIL and RCPT, then QUIT", hello + from + rcpt + quit, facts.CauseClosed, outcome.Abandoned, who.Client},
	{"MAIL and RCPT, then RSET", hello + from + rcpt + reset + quit, facts.CauseClosed, outcome.Abandoned, who.Client},

	{"a login and nothing else", hello + wants + "S: 235 ok\n" + quit, facts.CauseClosed, outcome.Nothing, 0},
	{"EHLO and nothing else", hello + quit, facts.CauseClosed, outcome.Nothing, 0},
	{"EHLO is unknown, HELO is not", "S: 220 mx\nC: EHLO x\nS: 502 what\nC: HELO x\nS: 250 ok\n" + quit, facts.CauseClosed, outcome.Nothing, 0},
	{"not a word", "closed C\n", facts.CauseClientGone, outcome.Nothing, 0},
	{"TLS is handed through", hello + "C: STARTTLS\nS: 220 go\nhello passed through\nclosed C\n", facts.CauseClientGone, outcome.Opaque, 0},
}

// play tells a log a dialogue, in which a side closes, a hello of TLS is handed
// through, and a server is not reached.
func play(t *testing.T, l *transcript.Log, text string) {
	t.Helper()
	for _, s := range decodetest.Script(text) {
		switch s.Word {
		case "":
			l.Data(s.From, s.To, s.Said)
		case "closed":
			side := who.FromLetter(s.Rest[0])
			l.Closed(side, facts.Closed{Leg: side.Leg(), How: "fin"})
		case "hello":
			l.Fact(&facts.Hello{Why: s.Rest})
			l.Unopened()
		case "dial":
			l.Fact(&facts.Dial{Addr: "192.0.2.25:25", Err: facts.Plain(s.Rest), Class: "refused"})
		default:
			t.Fatalf("no line of a dialogue: %s %s", s.Word, s.Rest)
		}
	}
}

// Whoever tells what became of a session tells the same.
func TestOneOutcome(t *testing.T) {
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
			if err != nil {
				t.Fatal(err)
			}
			set := transcript.NewSet(transcript.Options{Folder: folder})
			l := set.Begin(transcript.Session{Target: "mx.example.org:25"})
			if !strings.HasPrefix(d.text, "dial") {
				l.Fact(&facts.Dial{Addr: "192.0.2.25:25"})
			}
			play(t, l, d.text)
			if sum := l.Summary(); sum.Outcome != outcome.Running || !sum.Live {
				t.Errorf("while it runs it is %s", sum.Outcome)
			}
			if v := findings.Analyze(l.Transcript(), lang.English).Verdict; v.ID != findings.VerdictRunning {
				t.Errorf("while it runs the verdict is %s", v.ID)
			}
			l.End(facts.End{Cause: d.cause})
			if err := set.Close(); err != nil {
				t.Fatal(err)
			}
			told := readers(t, set, folder.Path(l.ID()))
			for name, o := range told {
				if o != d.want {
					t.Errorf("%s says %s, want %s", name, o, d.want)
				}
			}
			status := (&serving{flags: &serveFlags{count: 1}, set: set}).status()
			if (status == nil) != d.want.Good() {
				t.Errorf("--once ends with %v", status)
			}
			tr, _, err := transcript.Load(folder.Path(l.ID()))
			if err != nil {
				t.Fatal(err)
			}
			report := findings.Analyze(tr, lang.English)
			if report.Failed() != (report.Verdict.Severity == findings.Failure) || d.want.Good() != (report.Verdict.Severity == findings.Success) {
				t.Errorf("the verdict on %s is a %s: %s", d.want, report.Verdict.Severity, report.Verdict.Text)
			}
			if by := report.Outcome.Decided.By; d.by != 0 && by != d.by {
				t.Errorf("it was decided by %q, want %q", by, d.by)
			}
		})
	}
}

// readers asks all that tell an outcome of a recorded session.
func readers(t *testing.T, set *transcript.Set, path string) map[string]outcome.Outcome {
	t.Helper()
	told := map[string]outcome.Outcome{"the set": set.Summary(0).Outcome}
	sum, err := transcript.Summarize(path)
	if err != nil {
		t.Fatal(err)
	}
	told["the summary"] = sum.Outcome
	var listed []struct{ Outcome outcome.Outcome }
	var b bytes.Buffer
	if err := (&Program{}).listJSON(&b, []transcript.Summary{sum}); err != nil || json.Unmarshal(b.Bytes(), &listed) != nil {
		t.Fatalf("%v: %s", err, b.String())
	}
	told["list --json"] = listed[0].Outcome
	tr, _, err := transcript.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	told["the report"] = findings.Analyze(tr, lang.English).Outcome.Outcome
	var doc struct{ Outcome outcome.Outcome }
	b.Reset()
	if err := export.JSON(&b, tr, lang.English); err != nil || json.Unmarshal(b.Bytes(), &doc) != nil {
		t.Fatalf("%v: %s", err, b.String())
	}
	told["export -f json"] = doc.Outcome
	for _, o := range outcome.All() {
		f, err := query.Parse("outcome:" + string(o))
		if err != nil {
			t.Fatal(err)
		}
		if f.Match(&query.Session{Summary: sum}) {
			told["the filter"] = o
		}
	}
	nothing := *tr
	nothing.Entries = nil
	r, err := diff.Compare(tr, &nothing, diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	told["diff"] = outcome.Nothing // as of the other
	for _, d := range r.Differences {
		if d.Section == "outcome" {
			told["diff"] = outcome.Outcome(d.A)
		}
	}
	return told
}
