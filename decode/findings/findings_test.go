package findings_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
)

// session decodes a dialogue: "C: " and "S: " begin lines, "client-error: " a
// line of a client's log.
func session(t testing.TB, text string) *decode.Transcript {
	t.Helper()
	tr := &decode.Transcript{Source: decode.SourceRecording, Ended: true, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var d decode.Dialogue
	var streams [3][]byte
	take := func(o decode.Out) {
		for _, e := range o.Events {
			from, to := decode.PartyClient, decode.PartyServer
			if e.Side == decode.Server {
				from, to = to, from
			}
			tr.Entries = append(tr.Entries, decode.Entry{At: e.At, From: from, To: to, Event: &e})
		}
		for _, p := range o.Pieces {
			streams[p.Side] = append(streams[p.Side], p.Bytes...)
			if p.Mask != nil {
				streams[p.Side] = append(streams[p.Side], decode.MaskText...)
			}
		}
	}
	at := time.Duration(0)
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = strings.TrimLeft(line, "\t")
		at += time.Millisecond
		who, said, _ := strings.Cut(line, ": ")
		who = strings.TrimSuffix(who, ":")
		side := decode.Client
		switch who {
		case "client-error", "client-setting":
			tr.Entries = append(tr.Entries, decode.Entry{At: at, Fact: &facts.Note{ID: who, Text: said}})
			continue
		case "target":
			tr.Target = said
			tr.Entries = append(tr.Entries, decode.Entry{At: at, Fact: &facts.Dial{Host: said, Addr: "192.0.2.1:587"}})
			continue
		case "tls":
			take(d.Secured(at))
			continue
		case "wait":
			pause, err := time.ParseDuration(said)
			if err != nil {
				t.Fatal(err)
			}
			at += pause
			continue
		case "S":
			side = decode.Server
		}
		for p := []byte(strings.ReplaceAll(said, `\n`, "\n") + "\r\n"); len(p) > 0; {
			o := d.Feed(at, side, p)
			take(o)
			p = p[o.N:]
		}
	}
	take(d.Closed(at, decode.Client))
	take(d.Closed(at, decode.Server))
	tr.Bytes = func(_ bool, side decode.Side, s decode.Span) ([]byte, error) {
		return streams[side][s.Start:s.End], nil
	}
	return tr
}

const hello = "S: 220 mx.example.org ESMTP\nC: EHLO www.example.com\nS: 250-mx.example.org\nS: 250-AUTH LOGIN PLAIN\nS: 250-SIZE 1000\nS: 250 8BITMIME\n"

func TestVerdicts(t *testing.T) {
	for _, c := range []struct{ name, text, id, words string }{
		{"sent", hello + "C: MAIL FROM:<a@example.com>\nS: 250 ok\nC: RCPT TO:<b@example.net>\nS: 250 ok\nC: DATA\nS: 354 go\nC: Subject: x\nC: \nC: .\nS: 250 2.0.0 Ok: queued as 4XYZ12\nC: QUIT\nS: 221 bye",
			"SENT", "accepted; queue id 4XYZ12"},
		{"partly", hello + "C: MAIL FROM:<a@example.com>\nS: 250 ok\nC: RCPT TO:<b@example.net>\nS: 250 ok\nC: RCPT TO:<c@example.net>\nS: 550 5.1.1 User unknown\nC: DATA\nS: 354 go\nC: Subject: x\nC: \nC: .\nS: 250 OK id=1abcde-000001-AB\nC: QUIT\nS: 221 bye",
			"RCPT-UNKNOWN-550", "accepted for 1 of 2 recipients; queue id 1abcde-000001-AB; there is no mailbox c@example.net"},
		{"password", hello + "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: aHVudGVyMjI=\nS: 535 5.7.8 Error: authentication failed\nC: QUIT\nS: 221 bye",
			"AUTH-BAD-CREDENTIALS", "not sent: the server refused user name or password of user@example.com"},
		{"Gmail", "S: 220 smtp.gmail.com ESMTP x - gsmtp\nC: EHLO www.example.com\nS: 250-smtp.gmail.com at your service\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlckBleGFtcGxlLmNvbQ==\nS: 334 UGFzc3dvcmQ6\nC: aHVudGVyMjI=\nS: 535-5.7.8 Username and Password not accepted. Learn more at\nS: 535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp",
			"AUTH-GMAIL-535-5.7.8", "it takes App Passwords and OAuth only"},
		{"no login", hello + "C: MAIL FROM:<a@example.com>\nS: 250 ok\nC: RCPT TO:<b@example.net>\nS: 554 5.7.1 <b@example.net>: Relay access denied\nC: QUIT\nS: 221 bye",
			"AUTH-NOT-ATTEMPTED", "did not log in"},
		{"QQ in GBK", "S: 220 newxmesmtplogicsvrszc5.qq.com XMail Esmtp QQ Mail Server\nC: EHLO x.example.com\nS: 250 AUTH LOGIN\nC: AUTH LOGIN dXNlckBxcS5jb20=\nS: 334 UGFzc3dvcmQ6\nC: aHVudGVyMjI=\nS: 535 Error: \xc7\xeb\xca\xb9\xd3\xc3\xca\xda\xc8\xa8\xc2\xeb\xb5\xc7\xc2\xbc\xa1\xa3",
			"AUTH-QQ-AUTHCODE", "authorization code"},
		{"nothing", hello + "C: NOOP\nS: 250 ok", "NOTHING-SENT", "did not try"},
		{"refused connection", "client-error: SMTP ERROR: Failed to connect to server: Connection refused (111)", "CONN-REFUSED", "nothing takes connections"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := findings.Analyze(session(t, c.text))
			if r.Verdict.ID != c.id || !strings.Contains(r.Verdict.Text, c.words) {
				t.Errorf("verdict %+v, want %s with %q\n%s", r.Verdict, c.id, c.words, list(r))
			}
		})
	}
}

func list(r findings.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s %v %s\n", f.Severity, f.ID, f.Entries, f.Text)
	}
	return b.String()
}

// The catalogue is whole: unique ids, nothing left out, sentences that say so.
func TestCatalogueIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range findings.Catalogue() {
		if seen[e.ID] {
			t.Errorf("%s occurs twice", e.ID)
		}
		seen[e.ID] = true
		if e.Text == "" || e.Cause == "" || e.Fix.General == "" || len(e.Sources) == 0 || e.Severity == "" {
			t.Errorf("%s lacks something: %+v", e.ID, e)
		}
	}
}
