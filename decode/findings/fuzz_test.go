package findings_test

import (
	"strings"
	"testing"
	"time"

	"smtptap/decode"
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
	tr := &decode.Transcript{Source: decode.SourceRecording, Ended: true, Started: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	d := decode.Dialogue{Midway: strings.HasPrefix(input, "m")}
	var streams [3][]byte
	at := time.Duration(0)
	take := func(out decode.Out) {
		for i := range out.Events {
			e := out.Events[i]
			tr.Entries = append(tr.Entries, decode.Entry{At: e.At, From: who.Server, To: who.Client, Event: &e})
		}
		for _, p := range out.Pieces {
			streams[p.Side] = append(streams[p.Side], p.Bytes...)
			if p.Mask != nil {
				streams[p.Side] = append(streams[p.Side], decode.MaskText...)
			}
		}
	}
	fact := func(f facts.Fact) {
		tr.Entries = append(tr.Entries, decode.Entry{At: at, From: who.Smtptap, To: who.Smtptap, Fact: f})
	}
	feed := func(side who.Party, text string) {
		for p := []byte(text + "\r\n"); len(p) > 0; {
			out := d.Feed(at, side, p)
			take(out)
			p = p[out.N:]
		}
	}
	for _, line := range strings.Split(input, "\n") {
		if line == "" {
			continue
		}
		at += time.Millisecond
		switch rest := line[1:]; line[0] {
		case 's':
			feed(who.Server, rest)
		case 'e':
			fact(&facts.Note{ID: "client-error", Text: rest})
		case 'p':
			fact(&facts.Note{ID: "client-setting", Text: rest})
		case 'n':
			fact(&facts.Note{ID: "client-no-reply", Text: rest})
		case 'd':
			fact(&facts.Dial{Host: rest, Addr: rest, Err: rest, Class: rest})
		case 'l':
			fact(&facts.TLS{Leg: who.ServerLeg, Err: rest, Class: rest, Verdict: rest})
		case 't':
			take(d.Secured(at))
			fact(&facts.TLS{Leg: who.ClientLeg, Version: rest})
		case 'x':
			fact(&facts.Closed{Leg: who.ServerLeg, How: rest})
		case 'q':
			fact(&facts.DNS{Name: rest, Kind: "MX", Answers: []string{rest}, Err: rest})
		case 'w':
			at += time.Minute
		default:
			feed(who.Client, strings.TrimPrefix(line, "c"))
		}
	}
	take(d.Closed(at, who.Client))
	take(d.Closed(at, who.Server))
	tr.Bytes = func(_ who.Leg, side who.Party, span decode.Span) ([]byte, error) {
		return streams[side][span.Start:span.End], nil
	}
	return tr
}
