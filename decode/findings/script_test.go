package findings_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/who"
)

// play makes the transcript of a script. Beside what is said, time and TLS:
//
//	closed C, closed S that side closes (reset C, reset S: with a reset)
//	target HOST:PORT   where --to leads, with a connection to it
//	error TEXT, set TEXT, dialect NAME, lack GAP
//	                   a pasted log with that line, setting, dialect or gap
//	running            the session has not ended
func play(t testing.TB, text string) *decode.Transcript {
	t.Helper()
	s := decodetest.New(false)
	s.Started = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	closed := false
	s.Play(text, func(step decodetest.Step) bool {
		switch rest := step.Rest; step.Word {
		case "tls":
			s.Take(s.Dialogue.Secured(s.At))
			s.Fact(&facts.TLS{Leg: who.ClientLeg, Version: "TLS 1.3"})
			s.Fact(&facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Verified: true, Verdict: "ok"})
		case "closed", "reset":
			side := who.FromLetter(rest[0])
			s.Take(s.Dialogue.Closed(s.At, side))
			s.Fact(&facts.Closed{Leg: side.Leg(), How: map[string]string{"closed": "fin", "reset": "reset"}[step.Word]})
			closed = true
		case "target":
			host, _, _ := strings.Cut(rest, ":")
			s.Target = rest
			s.Fact(&facts.Dial{Host: host, Addr: strings.Replace(rest, host, "192.0.2.25", 1), Why: "configured"})
		case "error", "set":
			s.Source = decode.SourceLog
			s.Fact(&facts.Note{ID: map[string]string{"error": facts.NoteClientError, "set": facts.NoteClientSetting}[step.Word], Text: facts.Plain(rest)})
		case "dialect":
			s.Source, s.Dialect, s.Dialogue.MidSession = decode.SourceLog, rest, true
		case "lack":
			s.Source = decode.SourceLog
			s.Lacks = append(s.Lacks, rest)
		case "running":
			s.Source, s.Ended = decode.SourceLive, false
		default:
			return false
		}
		return true
	})
	tr := s.Close()
	if tr.Source == decode.SourceRecording && tr.Ended && !closed {
		s.Fact(&facts.End{Cause: facts.CauseClosed})
	}
	return tr
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
