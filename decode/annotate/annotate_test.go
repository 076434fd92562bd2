package annotate_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

var update = flag.Bool("update", false, "write the golden files anew")

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// entries runs a dialogue: each line begins with C or S and a space, and ends
// in CRLF.
func entries(keepSecrets bool, lines []string) []decode.Entry {
	s := decodetest.New(keepSecrets)
	for _, line := range lines {
		from := who.FromLetter(line[0])
		s.Say(from, from.Other(), []byte(line[2:]+"\r\n"))
		s.At += time.Millisecond
	}
	return s.Close().Entries
}

// page writes entries as they could be shown.
func page(v annotate.View, all []decode.Entry) string {
	var b strings.Builder
	for _, e := range all {
		mark := "   ==="
		switch {
		case e.Event == nil:
		case e.Event.Side == who.Client:
			mark = "C ->"
		default:
			mark = "S <-"
		}
		raw := v.Raw(e)
		if len(raw) == 0 && e.Event != nil {
			raw = []string{"(" + e.Event.Kind.String() + ")"}
		}
		for _, line := range raw {
			fmt.Fprintf(&b, "%s %s\n", mark, line)
		}
		for _, l := range v.Entry(e) {
			fmt.Fprintf(&b, "      %s: %s\n", l.Kind, l.Text)
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", path, got)
	}
}

var dialogues = []struct {
	name  string
	lines []string
}{
	{"session", []string{
		"S 220 mx.example.com ESMTP",
		"C EHLO client.example.org",
		"S 250-mx.example.com",
		"S 250-SIZE 10485760",
		"S 250-8BITMIME",
		"S 250-AUTH LOGIN PLAIN",
		"S 250-AUTH=LOGIN",
		"S 250-X-UNHEARD-OF 1",
		"S 250 ENHANCEDSTATUSCODES",
		"C AUTH LOGIN",
		"S 334 VXNlcm5hbWU6",
		"C " + b64("user@example.com"),
		"S 334 UGFzc3dvcmQ6",
		"C " + b64(" secret word\n"),
		"S 235 2.7.0 Accepted",
		"C MAIL FROM:<a@example.com> SIZE=1234 BODY=8BITMIME X-ODD=1",
		"S 250 2.1.0 Ok",
		"C RCPT TO:<张三@例子.公司> NOTIFY=SUCCESS,FAILURE",
		"S 550 5.1.1 No such user",
		"C RCPT TO:<b@xn--fsqu00a.example>",
		"S 250 2.1.5 Ok",
		"C DATA",
		"S 354 Go ahead",
		"C Subject: =?UTF-8?B?5piT6IGU5LqR6aqM6K+B56CB?=",
		"C From: =?gbk?Q?=D2=D7=C1=AA?= <a@example.com>",
		"C To: b@example.org",
		"C Content-Type: text/plain; charset=utf-8; name*=utf-8''%E9%99%84.txt",
		"C X-Bad: =?utf-8?Q?a b?=",
		"C ",
		"C 你好 smtp",
		"C ..",
		"C .",
		"S 250 2.0.0 Queued as 12345",
		"C QUIT",
		"S 221 2.0.0 Bye",
	}},
	{"refusals", []string{
		"S 554 5.7.1 Not you",
		"C HELO x",
		"S 250 hello",
		"C EHLO x",
		"S 502 what",
		"C AUTH NTLM",
		"S 504 5.7.4 No",
		"C MAIL FROM:<>",
		"S 450 4.7.1 Later",
		"C BOGUS",
		"S 500 5.5.1 What",
		"C BDAT 5 LAST",
		"C abc",
		"S 599 Odd",
		"C RSET",
		"S 601 Odder",
		"S no code",
	}},
	{"logins", []string{
		"S 220 mx.example.com",
		"C AUTH PLAIN " + b64("admin\x00user\x00user"),
		"S 535 5.7.8 Error: \xc7\xeb\xca\xb9\xd3\xc3\xca\xda\xc8\xa8\xc2\xeb\xb5\xc7\xc2\xbc",
		"C AUTH CRAM-MD5",
		"S 334 " + b64("<123.456@mx.example.com>"),
		"C " + b64("user@example.com 0123456789abcdef0123456789abcdef"),
		"S 235 Ok",
		"C AUTH XOAUTH2 " + b64("user=user@example.com\x01auth=Bearer ya29.token\x01\x01"),
		"S 334 " + b64(`{"status":"400","schemes":"Bearer"}`),
		"C ",
		"S 535 5.7.8 No",
		"C AUTH LOGIN " + b64("%75ser"),
		"S 334 UGFzc3dvcmQ6",
		"C *",
		"S 501 5.7.0 Cancelled",
		"C AUTH HOMEMADE",
		"S 504 No",
		"C cGFzc3dvcmQxMjM0",
		"S 500 What",
	}},
	{"lmtp", []string{
		"S 220 mx.example.com LMTP",
		"C LHLO client.example.org",
		"S 250-mx.example.com",
		"S 250 PIPELINING",
		"C MAIL FROM:<a@example.com>",
		"S 250 2.1.0 Ok",
		"C RCPT TO:<b@example.com>",
		"S 250 2.1.5 Ok",
		"C RCPT TO:<c@example.com>",
		"S 250 2.1.5 Ok",
		"C DATA",
		"S 354 Go ahead",
		"C .",
		"S 250 2.1.5 Saved",
		"S 452 4.2.2 Full",
	}},
	{"hostile", []string{
		"S 220 \x1b]0;PWN\x07\x1b[2J \u202eevil",
		"C EHLO \x1b[31m\x9b2J",
		"S 250-x\x1b[2K",
		"S 250 SIZE\x1b 1",
		"C MAIL FROM:<a\x1b@example.com> ENVID=+1B[2J",
		"S 250 \xff\xfe",
		"C RCPT TO:<b@example.com>",
		"S 250 ok",
		"C DATA",
		"S 354 ok",
		"C Subject: =?utf-8?Q?=1B[2J=E2=80=AE?=",
		"C From: =?\x1b?Q?a?= <\x1b@\x9b>",
		"C Content-Type: text/plain; name=\"=?utf-8?Q?=07?=\"",
		"C ",
		"C .",
		"S 250 ok",
	}},
}

func TestDialogues(t *testing.T) {
	for _, c := range dialogues {
		golden(t, c.name, page(annotate.View{}, entries(false, c.lines)))
		golden(t, c.name+".zh", page(annotate.View{Lang: lang.Chinese}, entries(false, c.lines)))
	}
}

// TestMarks shows every byte, line ends included.
func TestMarks(t *testing.T) {
	all := entries(false, []string{`S 220 a\r`, "C NOOP\n\tb"})
	var got []string
	for _, e := range all {
		got = append(got, annotate.View{Marks: true}.Raw(e)...)
	}
	want := []string{`220 a\\r\r\n`, `NOOP\n`, `\tb\r\n`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSecrets shows a kept secret only where the view reveals it.
func TestSecrets(t *testing.T) {
	const canary = "cAnArY-4711"
	lines := []string{
		"S 220 mx.example.com",
		"C AUTH PLAIN " + b64("\x00user@example.com\x00"+canary),
		"S 535 5.7.8 I do not know " + b64("\x00user@example.com\x00"+canary),
		"C AUTH LOGIN",
		"S 334 VXNlcm5hbWU6",
		"C " + b64("user@example.com"),
		"S 334 UGFzc3dvcmQ6",
		"C " + b64(canary),
		"S 535 \xff " + canary,
		"C " + b64(canary+canary[:1]),
		"S 500 What",
	}
	all := entries(true, lines)
	hidden := page(annotate.View{}, all) + page(annotate.View{Marks: true}, all)
	for _, form := range []string{canary, b64(canary), b64("\x00user@example.com\x00" + canary)} {
		if strings.Contains(hidden, form) {
			t.Errorf("%q is shown:\n%s", form, hidden)
		}
	}
	if n := strings.Count(hidden, decode.MaskText); n < 8 {
		t.Errorf("%d masks:\n%s", n, hidden)
	}
	revealed := page(annotate.View{Reveal: true}, all)
	for _, want := range []string{"the password: " + canary, b64(canary)} {
		if !strings.Contains(revealed, want) {
			t.Errorf("%q is not revealed:\n%s", want, revealed)
		}
	}
}

func TestFacts(t *testing.T) {
	when := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	leaf := facts.Certificate{Subject: "CN=mx.example.com", Issuer: "CN=Example CA", Names: []string{"mx.example.com", "192.0.2.1"},
		NotBefore: when, NotAfter: when.AddDate(0, 3, 0), Key: "ECDSA P-256"}
	authority := facts.Certificate{Subject: "CN=Example CA", Issuer: "CN=Example Root", NotBefore: when, NotAfter: when.AddDate(5, 0, 0), Key: "RSA 4096"}
	hello := &facts.Hello{Leg: who.ClientLeg, SNI: "mx.example.com", Versions: []string{"TLS 1.3", "TLS 1.2"}, ALPN: []string{"smtp"}, Ciphers: []string{"a", "b"}}
	all := []decode.Entry{}
	for _, f := range []facts.Fact{
		&facts.Open{Client: "127.0.0.1:40000", Listen: "127.0.0.1:2525"},
		&facts.Open{Client: "127.0.0.1:40000", Listen: "127.0.0.1:4465", TLS: true},
		&facts.DNS{Name: "example.org", Kind: "MX", Server: "192.0.2.53:53", Rcode: "NOERROR", Answers: []string{"example.org. 300 IN MX 10 mx.example.org."}, Took: 3 * time.Millisecond},
		&facts.DNS{Name: "example.net", Kind: "A", Rcode: "NXDOMAIN", TCP: true, Took: 3 * time.Millisecond},
		&facts.DNS{Name: "example.net", Kind: "AAAA", Rcode: "NOERROR", Err: "nodata", Took: 3 * time.Millisecond},
		&facts.DNS{Name: "example.net", Kind: "MX", Err: "timeout", Took: 10 * time.Second},
		&facts.DNS{Name: "example.net", Kind: "MX", Err: "something else", Rcode: "SERVFAIL"},
		&facts.Dial{Host: "mx.example.org", Addr: "192.0.2.1:25", Local: "192.0.2.9:50000", Why: "MX 10 of example.org", Took: 12 * time.Millisecond},
		&facts.Dial{Addr: "192.0.2.1:25", Why: "configured", Took: 30 * time.Second, Err: "i/o timeout", Class: "timeout"},
		&facts.Dial{Host: "mx.example.org", Addr: "mx.example.org:25"}, // of a pasted log, which tells no times
		&facts.TLS{Leg: who.ServerLeg},
		&facts.Dial{Addr: "192.0.2.1:25", Took: time.Millisecond, Err: "connection refused", Class: "refused"},
		&facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", SNI: "mx.example.com", ALPN: "smtp", Resumed: true, Took: 12 * time.Millisecond,
			Chain: []facts.Certificate{leaf, authority}, Verified: true, Checked: true, Verdict: "ok", ClientCert: true},
		&facts.TLS{Leg: who.ServerLeg, Implicit: true, Version: "TLS 1.2", Took: 12 * time.Millisecond, Chain: []facts.Certificate{leaf}, Verdict: "expired", Reason: "it ended on 2030-04-02"},
		&facts.TLS{Leg: who.ServerLeg, Took: 12 * time.Millisecond, Checked: true, Verdict: "unknown-authority", Err: "certificate not trusted", Class: "certificate"},
		&facts.TLS{Leg: who.ClientLeg, Version: "TLS 1.3", Took: time.Millisecond, Chain: []facts.Certificate{leaf}, Hello: hello},
		&facts.TLS{Leg: who.ClientLeg, Took: time.Millisecond, Err: "remote error: tls: unknown certificate authority", Class: "alert", Alert: "unknown_ca", By: who.Client},
		&facts.TLS{Leg: who.ServerLeg, Took: time.Millisecond, Err: "first record does not look like a TLS handshake", Class: "not-tls", Alert: "made_up"},
		&facts.Hello{Leg: who.ClientLeg, SNI: "mx.example.com", Why: "passed through"},
		&facts.Hello{},
		&facts.Closed{Leg: who.ClientLeg, How: "fin"},
		&facts.Closed{Leg: who.ServerLeg, How: "close-notify"},
		&facts.Closed{Leg: who.ServerLeg, How: "truncated"},
		&facts.Closed{Leg: who.ServerLeg, How: "reset", Err: "connection reset by peer"},
		&facts.Closed{Leg: who.ServerLeg, How: "error", Err: "i/o timeout"},
		&facts.End{Cause: facts.CauseClosed, ClientBytes: 1, ServerBytes: 2000},
		&facts.End{Cause: facts.CauseIdle, Err: "15 minutes"},
		&facts.End{Cause: "new"},
		&facts.Note{ID: "x", Text: "smtptap hid STARTTLS\x1b"},
		&facts.Lost{Records: 3, Bytes: 5000, Why: "disk full"},
	} {
		all = append(all, decode.Entry{From: who.Smtptap, To: who.Smtptap, Fact: f})
	}
	golden(t, "facts", page(annotate.View{}, all))
	golden(t, "facts.zh", page(annotate.View{Lang: lang.Chinese}, all))
}

// TestEveryCause makes sure that no constant of the facts is without words.
func TestEveryCause(t *testing.T) {
	for _, cause := range []string{facts.CauseClosed, facts.CauseClientReset, facts.CauseServerReset, facts.CauseClientGone, facts.CauseServerGone,
		facts.CauseUnreachable, facts.CauseRefused, facts.CauseTLS, facts.CauseIdle, facts.CauseShutdown, facts.CauseByHand, facts.CauseInternal} {
		lines := annotate.View{}.Entry(decode.Entry{Fact: &facts.End{Cause: cause}})
		if len(lines) == 0 || strings.HasSuffix(lines[0].Text, ": "+cause) {
			t.Errorf("%s: %v", cause, lines)
		}
	}
}

func TestHeader(t *testing.T) {
	got := annotate.View{}.Header("Subject", "=?utf-8?Q?=E4=BD=A0_=1B?=")
	want := []annotate.Line{{Kind: annotate.Meaning, Text: `decoded (utf-8): 你 \x1b`}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (annotate.View{}).Header("Subject", "plain"); got != nil {
		t.Errorf("a plain subject: %+v", got)
	}
}

func TestUnseen(t *testing.T) {
	event := func(e decode.Event) decode.Entry { return decode.Entry{Event: &e} }
	golden(t, "unseen", page(annotate.View{}, []decode.Entry{
		event(decode.Event{Side: who.Client, Kind: decode.KindMissing, Missing: &decode.Missing{Bytes: 5000, Why: decode.WhyEncrypted}}),
		event(decode.Event{Side: who.Client, Kind: decode.KindMissing, Missing: &decode.Missing{Bytes: 1, Why: decode.WhyNotRecorded}}),
		event(decode.Event{Side: who.Server, Kind: decode.KindMissing, Missing: &decode.Missing{Bytes: -1, Why: decode.WhyNotInLog}}),
		event(decode.Event{Side: who.Client, Kind: decode.KindOpaque, Raw: []byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"), Span: decode.Span{End: 10}}),
		event(decode.Event{Side: who.Server, Kind: decode.KindOpaque, Raw: []byte("??"), Span: decode.Span{End: 9000}}),
		event(decode.Event{Side: who.Client, Kind: decode.KindBody, Span: decode.Span{Start: 10, End: 3010}, Body: &decode.Body{Lines: 2, Longest: 2000, EightBit: true, Chunk: true}}),
		event(decode.Event{Side: who.Server, Kind: decode.KindReply, Raw: []byte("250 a\r\n"), Span: decode.Span{End: 7}, Reply: &decode.Reply{Code: 250, ToVerb: "NOOP", Dropped: 7}}),
		event(decode.Event{Side: who.Client, Kind: decode.KindAuth, Raw: []byte("[secret]\r\n"), Span: decode.Span{End: 10},
			Auth: &decode.Auth{Mechanism: "SCRAM-SHA-256", Step: decode.StepResponse, Decoded: "a", Secret: &decode.Mask{What: "new", Facts: []string{"channel-binding", "user-empty", "user-without-domain", "unheard-of"}}}}),
	}))
}

// FuzzEntry feeds any bytes through the decoder and checks that whatever comes
// out is visible.
func FuzzEntry(f *testing.F) {
	for _, c := range dialogues {
		var client, server []string
		for _, line := range c.lines {
			if line[0] == 'C' {
				client = append(client, line[2:])
			} else {
				server = append(server, line[2:])
			}
		}
		f.Add(strings.Join(client, "\r\n"), strings.Join(server, "\r\n"))
	}
	f.Fuzz(func(t *testing.T, client, server string) {
		lines := []string{}
		c, s := strings.Split(client, "\r\n"), strings.Split(server, "\r\n")
		for i := range max(len(c), len(s)) {
			if i < len(s) {
				lines = append(lines, "S "+s[i])
			}
			if i < len(c) {
				lines = append(lines, "C "+c[i])
			}
		}
		for _, e := range entries(false, lines) {
			for _, l := range (annotate.View{}).Entry(e) {
				if l.Text == "" || visible.Text(l.Text) != l.Text {
					t.Fatalf("%s of %+v: %q is not visible", l.Kind, e.Event, l.Text)
				}
			}
			for _, l := range annotate.Raw(e) {
				if visible.Text(l) != l {
					t.Fatalf("raw form of %+v: %q is not visible", e.Event, l)
				}
			}
		}
	})
}

// Text that a reply holds as base64 is decoded; words that could be base64 and
// say nothing are left alone.
func TestEncodedTextInReplies(t *testing.T) {
	for reply, want := range map[string]string{
		"535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6":            "Password:",
		"535 5.7.8 Error: authentication failed: VXNlcm5hbWU6":            "Username:",
		"535 5.7.8 failed (" + b64("生成授权码 first") + ")":                   "生成授权码 first",
		"535-5.7.8 see\r\nS 535 5.7.8 '" + b64("try again later") + "'":   "try again later",
		"535 5.7.8 " + b64("evil \x1b[2J text"):                           "",
		"535 5.7.8 " + b64("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7"):        "",
		"250 2.0.0 Ok: queued as 4F2A81C0D3E9":                            "",
		"550 5.1.1 authentications verification mailboxes administrators": "",
		"421 4.7.0 try AAAAAAAAAAAA and 123456789012":                     "",
		"535 5.7.8 " + b64(strings.Repeat("a long text ", 200)):           "",
		"535 5.7.8 UGFzc3dvcmQ":                                           "",
	} {
		lines := append([]string{"S 220 x", "C NOOP"}, strings.Split("S "+reply, "\r\n")...)
		var got []string
		for _, e := range entries(false, lines) {
			for _, l := range (annotate.View{}).Entry(e) {
				if text, ok := strings.CutPrefix(l.Text, "the base64 in it says: "); ok {
					got = append(got, text)
				}
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s: decoded %q, want %q", reply, got, want)
		}
	}
}

// What is routine is so in a session that went well, and never where something
// was refused.
func TestRoutine(t *testing.T) {
	for line, want := range map[string]bool{
		"S 220 x": true, "C EHLO a": true, "S 250-x\r\nS 250 SIZE 10": true, "S 250 2.1.5 Ok": true, "C DATA": true, "S 354 go": true,
		"S 550 5.1.1 no": false, "S 451 4.7.1 later": false, "C FOO": false, "C MAIL FROM:<>": false,
	} {
		lines := []string{}
		if line != "S 220 x" {
			lines = append(lines, "S 220 x")
		}
		if strings.HasPrefix(line, "S ") && line != "S 220 x" {
			lines = append(lines, "C EHLO a")
		}
		all := entries(false, append(lines, strings.Split(line, "\r\n")...))
		last := all[len(lines)]
		explained := annotate.View{}.Entry(last)
		if len(explained) == 0 {
			t.Errorf("%s is not explained", line)
		}
		for _, l := range explained {
			if l.Routine != want {
				t.Errorf("%s: %+v", line, l)
			}
		}
	}
}
