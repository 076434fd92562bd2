package findings_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/who"
)

// A script is a session written down, one line for each thing that happens:
//
//	C: text, S: text   a line of either side; \n, \r, \t, \0 and \xNN stand for
//	                   bytes, and a line that ends in \ has no CRLF
//	tls                TLS has come about
//	wait 5s            time passes
//	closed C, closed S that side closes (reset C, reset S: with a reset)
//	target HOST:PORT   where --to leads, with a connection to it
//	error TEXT, set TEXT, dialect NAME, lack GAP
//	                   a pasted log with that line, setting, dialect or gap
//	running            the session has not ended
type script struct {
	t        testing.TB
	tr       *decode.Transcript
	dialogue decode.Dialogue
	streams  [3][]byte
	at       time.Duration
	closed   bool
}

// play makes the transcript of a script.
func play(t testing.TB, text string) *decode.Transcript {
	t.Helper()
	s := &script{t: t, tr: &decode.Transcript{Source: decode.SourceRecording, Ended: true, Started: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = strings.TrimLeft(line, "\t")
		if line != "" {
			s.at += time.Millisecond
			s.step(line)
		}
	}
	s.take(s.dialogue.Closed(s.at, who.Client))
	s.take(s.dialogue.Closed(s.at, who.Server))
	if s.tr.Source == decode.SourceRecording && s.tr.Ended && !s.closed {
		s.fact(&facts.End{Cause: facts.CauseClosed})
	}
	s.tr.Bytes = func(_ who.Leg, side who.Party, span decode.Span) ([]byte, error) {
		return s.streams[side][span.Start:span.End], nil
	}
	return s.tr
}

func (s *script) step(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "C:":
		s.say(who.Client, rest)
	case "S:":
		s.say(who.Server, rest)
	case "tls":
		s.take(s.dialogue.Secured(s.at))
		s.fact(&facts.TLS{Leg: who.ClientLeg, Version: "TLS 1.3"})
		s.fact(&facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Verified: true, Verdict: "ok"})
	case "wait":
		pause, err := time.ParseDuration(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		s.at += pause
	case "closed", "reset":
		s.closes(word, rest)
	case "target":
		host, _, _ := strings.Cut(rest, ":")
		s.tr.Target = rest
		s.fact(&facts.Dial{Host: host, Addr: strings.Replace(rest, host, "192.0.2.25", 1), Why: "configured"})
	case "error":
		s.tr.Source = decode.SourceLog
		s.fact(&facts.Note{ID: "client-error", Text: rest})
	case "set":
		s.tr.Source = decode.SourceLog
		s.fact(&facts.Note{ID: "client-setting", Text: rest})
	case "dialect":
		s.tr.Source, s.tr.Dialect, s.dialogue.Midway = decode.SourceLog, rest, true
	case "lack":
		s.tr.Source = decode.SourceLog
		s.tr.Lacks = append(s.tr.Lacks, rest)
	case "running":
		s.tr.Source, s.tr.Ended = decode.SourceLive, false
	default:
		s.t.Fatalf("script line %q", line)
	}
}

func (s *script) closes(how, speaker string) {
	side, leg := who.Client, who.ClientLeg
	if speaker == "S" {
		side, leg = who.Server, who.ServerLeg
	}
	s.take(s.dialogue.Closed(s.at, side))
	kind := map[string]string{"closed": "fin", "reset": "reset"}[how]
	s.fact(&facts.Closed{Leg: leg, How: kind})
	s.closed = true
}

var escapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\0`, "\x00", `\\`, `\`)

func (s *script) say(side who.Party, text string) {
	end := "\r\n"
	if rest, found := strings.CutSuffix(text, `\`); found {
		text, end = rest, ""
	}
	p := []byte(unhex(escapes.Replace(text)) + end)
	for len(p) > 0 {
		out := s.dialogue.Feed(s.at, side, p)
		s.take(out)
		p = p[out.N:]
	}
}

// unhex turns \xNN into bytes.
func unhex(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, `\x`)
		b.WriteString(before)
		var n byte
		if !found || len(rest) < 2 {
			return b.String()
		}
		if _, err := fmt.Sscanf(rest[:2], "%02x", &n); err != nil {
			return b.String()
		}
		b.WriteByte(n)
		text = rest[2:]
	}
}

func (s *script) fact(f facts.Fact) {
	s.tr.Entries = append(s.tr.Entries, decode.Entry{At: s.at, From: who.Smtptap, To: who.Smtptap, Fact: f})
}

func (s *script) take(out decode.Out) {
	for i := range out.Events {
		e := out.Events[i]
		from, to := who.Client, who.Server
		if e.Side == who.Server {
			from, to = to, from
		}
		s.tr.Entries = append(s.tr.Entries, decode.Entry{At: e.At, From: from, To: to, Event: &e})
	}
	for _, p := range out.Pieces {
		if p.Mask != nil {
			s.streams[p.Side] = append(s.streams[p.Side], decode.MaskText...)
		}
		s.streams[p.Side] = append(s.streams[p.Side], p.Bytes...)
	}
}

// add puts a fact into a transcript after what it holds.
func add(tr *decode.Transcript, all ...facts.Fact) *decode.Transcript {
	for _, f := range all {
		tr.Entries = append(tr.Entries, decode.Entry{From: who.Smtptap, To: who.Smtptap, Fact: f})
	}
	return tr
}

// list is a report for a failed test.
func list(r findings.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %s %s %v %s\n", f.Severity, f.ID, f.Entries, f.Text)
	}
	return b.String()
}

// Scripts that others begin with.
const (
	hello    = "S: 220 mx.example.org ESMTP\nC: EHLO www.example.com\nS: 250-mx.example.org\nS: 250-AUTH LOGIN PLAIN\nS: 250-SIZE 100000\nS: 250 8BITMIME\n"
	login    = "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: aHVudGVyMjI=\n"
	loggedIn = hello + login + "S: 235 ok\n"
	mail     = "C: MAIL FROM:<user@example.com>\nS: 250 ok\n"
	rcpt     = "C: RCPT TO:<to@example.net>\nS: 250 ok\n"
	data     = "C: DATA\nS: 354 go\n"
	header   = "C: Date: Wed, 04 Mar 2026 05:06:07 +0000\nC: From: user@example.com\nC: To: to@example.net\nC: Subject: x\nC: Message-ID: <1@example.com>\n"
	content  = data + header + "C: \nC: text\nC: .\n"
	quit     = "C: QUIT\nS: 221 bye\n"
	sent     = loggedIn + mail + rcpt + content + "S: 250 ok\n" + quit
)
