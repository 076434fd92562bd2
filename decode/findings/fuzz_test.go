package findings_test

import (
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/who"
)

// FuzzAnalyze feeds sessions of any bytes to the rules. The input's lines begin
// with a letter that says what they are: c and s are lines of the sides, e and p
// lines and settings of a client's log, d, l, t, x facts, w a wait.
func FuzzAnalyze(f *testing.F) {
	for _, c := range []string{sent, hello + login + "S: 535 5.7.8 no\n", "error Connection refused (111)\n" + hello, loggedIn + mail + rcpt + content} {
		f.Add(compact(c))
	}
	f.Add("eConnection refused\npSMTPSecure: TLS\ndrefused\nlcertificate\nt\nx\nw\ns220 x\ncEHLO\ns250 x\ncBDAT 3 LAST\nabc")
	f.Add("s220 smtp.gmail.com - gsmtp\ncEHLO [127.0.0.1]\ns250 AUTH XOAUTH2\ncAUTH XOAUTH2 =\ns334 eyJzdGF0dXMiOiI0MDAifQ==\nc\ns535 \xc7\xeb\xca\xb9")
	f.Fuzz(func(t *testing.T, input string) {
		tr := fuzzed(input)
		r := findings.Analyze(tr, lang.English)
		proofsExist(t, tr, r)
		agrees(t, r)
		if strings.ContainsAny(r.Verdict.Text, "\x00\x1b\r\n") {
			t.Errorf("the verdict %q is not fit for a terminal", r.Verdict.Text)
		}
		for _, finding := range r.Findings {
			if strings.ContainsAny(finding.Text, "\x00\x1b\r\n") {
				t.Errorf("%s says %q, which is not fit for a terminal", finding.ID, finding.Text)
			}
		}
		tr.Source, tr.Ended = decode.SourceLive, false
		findings.Analyze(tr, lang.English)
		tr.Source, tr.Lacks = decode.SourceLog, []string{decode.LackServerLines, decode.LackEnd}
		findings.Analyze(tr, lang.English)
	})
}

// compact writes a script in the form of the fuzz input.
func compact(script string) string {
	return strings.NewReplacer("C: ", "c", "S: ", "s", "error ", "e").Replace(script)
}

func fuzzed(input string) *decode.Transcript {
	s := decodetest.New(false)
	s.Started = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	s.Dialogue.MidSession = strings.HasPrefix(input, "m")
	for _, line := range strings.Split(input, "\n") {
		if line == "" {
			continue
		}
		s.At += time.Millisecond
		switch rest := line[1:]; line[0] {
		case 's':
			s.Say(who.Server, who.Client, []byte(rest+"\r\n"))
		case 'e':
			s.Fact(&facts.Note{ID: facts.NoteClientError, Text: facts.Plain(rest)})
		case 'p':
			s.Fact(&facts.Note{ID: facts.NoteClientSetting, Text: facts.Plain(rest)})
		case 'n':
			s.Fact(&facts.Note{ID: facts.NoteNoReply, Text: facts.Plain(rest)})
		case 'd':
			s.Fact(&facts.Dial{Host: rest, Addr: rest, Err: facts.Plain(rest), Class: rest})
		case 'l':
			s.Fact(&facts.TLS{Leg: who.ServerLeg, Err: facts.Plain(rest), Class: rest, Verdict: rest})
		case 't':
			s.Take(s.Dialogue.Secured(s.At))
			s.Fact(&facts.TLS{Leg: who.ClientLeg, Version: rest})
		case 'x':
			s.Fact(&facts.Closed{Leg: who.ServerLeg, How: rest})
		case 'q':
			s.Fact(&facts.DNS{Name: rest, Kind: "MX", Answers: []string{rest}, Err: rest})
		case 'w':
			s.At += time.Minute
		default:
			s.Say(who.Client, who.Server, []byte(strings.TrimPrefix(line, "c")+"\r\n"))
		}
	}
	return s.Close()
}
