package redact_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/decode/who"
	"smtptap/recordings/redact"
)

// decodeSession decodes a dialogue in which a backslash stands for itself. Lines
// without a speaker are the client's.
func decodeSession(text string, keepSecrets bool) *decode.Transcript {
	s := decodetest.New(keepSecrets)
	return s.Play(strings.ReplaceAll(text, `\`, `\\`), func(step decodetest.Step) bool {
		s.Say(who.Client, who.Server, decodetest.Line(step.Word+" "+step.Rest))
		return true
	}).Close()
}

// said is everything that one side said.
func said(t *testing.T, tr *decode.Transcript, side who.Party) string {
	t.Helper()
	var all []byte
	for _, e := range tr.Entries {
		if e.Event == nil || e.Event.Side != side {
			continue
		}
		p, err := tr.Bytes(e.Leg, side, e.Event.Span)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p...)
	}
	return string(all)
}

func apply(t *testing.T, tr *decode.Transcript, l redact.Levels) *decode.Transcript {
	t.Helper()
	out, err := redact.Apply(tr, l)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		list []string
		want redact.Levels
		bad  bool
	}{
		{nil, redact.Levels{}, false},
		{[]string{"auth"}, redact.Levels{}, false},
		{[]string{"addresses, hosts"}, redact.Levels{Addresses: true, Hosts: true}, false},
		{[]string{"body", "links"}, redact.Levels{Body: true, Links: true}, false},
		{[]string{"all"}, redact.Levels{Addresses: true, Hosts: true, Body: true, Links: true}, false},
		{[]string{"adresses"}, redact.Levels{}, true},
	} {
		got, err := redact.Parse(tt.list)
		if (err != nil) != tt.bad || !tt.bad && got != tt.want {
			t.Errorf("Parse(%q) = %+v, %v", tt.list, got, err)
		}
	}
}

const address = "alice@corp.example.com"

// mail is a session that names the address in every way that it knows.
func mail() string {
	return `S: 220 mx.example.net ESMTP
C: EHLO pc.example.com
S: 250 mx.example.net
C: AUTH LOGIN
S: 334 ` + b64("Username:") + `
C: ` + b64(address) + `
S: 334 ` + b64("Password:") + `
C: ` + b64("correct horse") + `
S: 235 ok
C: MAIL FROM:<` + address + `>
S: 250 ok
C: RCPT TO:<bob@example.org>
S: 250 ok
C: DATA
S: 354 go
C: Subject: =?utf-8?B?` + b64("mail of "+address) + `?=
C: From: ` + address + `
C: Content-Type: multipart/mixed; boundary=b
C:
C: --b
C: Content-Type: text/plain
C: Content-Transfer-Encoding: base64
C:
C: ` + b64("write to "+address+"\r\n") + `
C: --b
C: Content-Type: text/plain
C: Content-Transfer-Encoding: quoted-printable
C:
C: write to alice=40corp.exam=
C: ple.com
C: ..stuffed
C: --b--
C: .
S: 250 queued
C: QUIT
S: 221 bye`
}

func TestSameStandInEverywhere(t *testing.T) {
	out := said(t, apply(t, decodeSession(mail(), false), redact.Levels{Addresses: true}), who.Client)
	const want = "user1@domain1.example"
	for _, s := range []string{
		b64(want) + "\r\n", "MAIL FROM:<" + want + ">", "Subject: =?utf-8?q?mail_of_" + want + "?=", "From: " + want,
		b64("write to " + want + "\r\n"), "write to " + want, "RCPT TO:<user2@domain2.example>", "\r\n..stuffed\r\n",
	} {
		if !strings.Contains(out, s) {
			t.Errorf("%q is missing in\n%s", s, out)
		}
	}
}

func TestKeepDomains(t *testing.T) {
	out := said(t, apply(t, decodeSession(mail(), false), redact.Levels{Addresses: true, KeepDomains: true}), who.Client)
	if !strings.Contains(out, "MAIL FROM:<user1@corp.example.com>") || strings.Contains(out, "alice") {
		t.Error(out)
	}
}

func TestHosts(t *testing.T) {
	tr := decodeSession(`S: 220 mx.example.net ESMTP
C: EHLO pc.example.com
S: 250-mx.example.net
S: 250 HELP mx.example.net greets 198.51.100.7
C: MAIL FROM:<>
S: 250 ok
C: RCPT TO:<bob@example.org>
S: 250 ok
C: DATA
S: 354 go
C: Received: from inner.example.com by pc.example.com
C:
C: seen on inner.example.com, at HTTPS://web.example.com:8443/x?u=http%3A and web.example.com
C: .
S: 250 queued by mx.example.net`, false)
	out := apply(t, tr, redact.Levels{Hosts: true})
	all := said(t, out, who.Client) + said(t, out, who.Server)
	for _, gone := range []string{"mx.example.net", "pc.example.com", "inner.example.com", "198.51.100.7", "web.example.com"} {
		if strings.Contains(all, gone) {
			t.Errorf("%s is still in\n%s", gone, all)
		}
	}
}

// shape is how long the lines are.
func shape(s string) []int {
	var lengths []int
	for line := range strings.SplitSeq(s, "\r\n") {
		lengths = append(lengths, len(line))
	}
	return lengths
}

func TestBodyKeepsItsShape(t *testing.T) {
	tr := decodeSession(mail(), false)
	out := apply(t, tr, redact.Levels{Body: true})
	before, after := said(t, tr, who.Client), said(t, out, who.Client)
	if !reflect.DeepEqual(shape(before), shape(after)) {
		t.Errorf("the lines are not as long as before:\n%s", after)
	}
	if strings.Contains(after, "write to") || !strings.Contains(after, "\r\n..xxxxxxx\r\n") && !strings.Contains(after, "\r\n.xxxxxxxx\r\n") {
		t.Error(after)
	}
}

func TestBodyIsGoneWhateverItsForm(t *testing.T) {
	const head = "S: 220 hi\nC: EHLO a\nS: 250-b\nS: 250 CHUNKING\nC: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<b@example.org>\nS: 250 ok\n"
	for name, text := range map[string]string{
		"plain":       head + "C: DATA\nS: 354 go\nC: Subject: s\nC:\nC: the secret plan\nC: .\nS: 250 ok",
		"preamble":    head + "C: DATA\nS: 354 go\nC: Content-Type: multipart/mixed; boundary=b\nC:\nC: the secret plan\nC: --b\nC:\nC: x\nC: --b--\nC: .\nS: 250 ok",
		"epilogue":    head + "C: DATA\nS: 354 go\nC: Content-Type: multipart/mixed; boundary=b\nC:\nC: --b\nC:\nC: x\nC: --b--\nC: the secret plan\nC: .\nS: 250 ok",
		"no header":   head + "C: DATA\nS: 354 go\nC:\nC: the secret plan\nC: .\nS: 250 ok",
		"attached":    head + "C: DATA\nS: 354 go\nC: Content-Type: message/rfc822\nC:\nC: Subject: inner\nC:\nC: the secret plan\nC: .\nS: 250 ok",
		"many parts":  head + "C: DATA\nS: 354 go\nC: Content-Type: multipart/mixed; boundary=b\nC:\n" + strings.Repeat("C: --b\nC:\nC: x\n", 20000) + "C: --b\nC:\nC: the secret plan\nC: --b--\nC: .\nS: 250 ok",
		"later chunk": head + "C: BDAT 14\nC: Subject: s\nC:\nS: 250 ok\nC: BDAT 22 LAST\nC: Plan: the secret plan\nS: 250 ok",
	} {
		t.Run(name, func(t *testing.T) {
			tr := decodeSession(text, false)
			if !strings.Contains(said(t, tr, who.Client), "secret plan") {
				t.Fatal("the session does not hold what is to be taken out")
			}
			out := said(t, apply(t, tr, redact.Levels{Body: true}), who.Client)
			if i := strings.Index(out, "secret plan"); i >= 0 {
				t.Errorf("still there: %q", out[max(0, i-80):min(len(out), i+40)])
			}
		})
	}
}

func TestLinksAndTokens(t *testing.T) {
	tr := decodeSession("S: 220 hi\nC: EHLO a\nS: 250 b\nC: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<b@example.org>\nS: 250 ok\nC: DATA\nS: 354 go\nC: Subject: s\nC:\nC: https://example.com/reset?k=1 and abcdefghij0123456789abcdefghij\nC: .\nS: 250 ok", false)
	out := said(t, apply(t, tr, redact.Levels{Links: true}), who.Client)
	if !strings.Contains(out, "https://example.com/[link] and [token]\r\n") {
		t.Error(out)
	}
}

// Boundaries look like tokens, and are none: parts inside parts stay told apart.
func TestBoundariesAreNoTokens(t *testing.T) {
	const outer, inner = "b1=_abcdefghij0123456789abcdefghij", "b2=_abcdefghij0123456789abcdefghij"
	out := said(t, apply(t, decodeSession(data(`Content-Type: multipart/mixed; boundary="`+outer+`"`, "", "--"+outer, `Content-Type: multipart/related; boundary="`+inner+`"`, "",
		"--"+inner, "", "abcdefghij0123456789abcdefghij", "--"+inner+"--", "--"+outer+"--"), false), redact.Levels{Links: true}), who.Client)
	if strings.Count(out, outer) != 3 || strings.Count(out, inner) != 3 || strings.Count(out, "[token]") != 1 {
		t.Error(out)
	}
}

// Message identifiers look like tokens, and are none: in place of one, the
// brackets of a token's stand-in make a field that mail parsers choke on.
func TestMessageIDsAreNoTokens(t *testing.T) {
	const id = "<abcdefghij0123456789abcdefghij@pc.example.com>"
	tr := decodeSession(data("Message-ID: "+id, "In-Reply-To: "+id, "References: "+id, "X-Token: abcdefghij0123456789abcdefghij", "", "x"), false)
	out := said(t, apply(t, tr, redact.Levels{Links: true}), who.Client)
	if strings.Count(out, id) != 3 || strings.Count(out, "[token]") != 1 {
		t.Error(out)
	}
	out = said(t, apply(t, tr, redact.Levels{Addresses: true, Hosts: true, Body: true, Links: true}), who.Client)
	if strings.Contains(out, "abcdefghij") || strings.Contains(out, "pc.example.com") || strings.Count(out, "[token]") != 1 {
		t.Error(out)
	}
}

func TestKeptSecretsAreMasked(t *testing.T) {
	tr := decodeSession(mail(), true)
	out := apply(t, tr, redact.Levels{})
	if got := said(t, out, who.Client); strings.Contains(got, b64("correct horse")) || !strings.Contains(got, decode.MaskText) {
		t.Error(got)
	}
	for _, e := range out.Entries {
		if e.Event != nil && e.Event.Auth != nil && e.Event.Auth.Revealed != "" {
			t.Error("a step still reveals its secret")
		}
	}
	if out.SecretsKept {
		t.Error("the session still says that it holds secrets")
	}
}

func TestNothingElseChanges(t *testing.T) {
	tr := decodeSession(mail(), false)
	out := apply(t, tr, redact.Levels{})
	if len(out.Entries) != len(tr.Entries) {
		t.Fatalf("%d entries, were %d", len(out.Entries), len(tr.Entries))
	}
	for i := range tr.Entries {
		if a, b := tr.Entries[i], out.Entries[i]; !reflect.DeepEqual(a, b) {
			t.Errorf("entry %d:\n%+v %+v\n%+v %+v", i, a, a.Event, b, b.Event)
		}
	}
}

func TestGuardFindsEveryForm(t *testing.T) {
	const secret = "p&ss \"wörd\""
	for name, leak := range map[string]string{
		"clear": secret, "url": "p%26ss+%22w%C3%B6rd%22", "quoted": `p&ss \"wörd\"`,
		"base64": b64(secret), "base64 behind one": b64("\x00" + secret), "base64 behind two": b64("\x00u" + secret),
		"hex": fmt.Sprintf("%x", secret), "upper hex": fmt.Sprintf("%X", secret),
		"html": "p&amp;ss &#34;wörd&#34;", "json": `p\u0026ss \"wörd\"`, "quoted-printable": `p&ss "w=C3=B6rd"`,
		"folded": "p&ss \r\n\"wörd\"", "folded quoted-printable": "p&ss \"w=C3=\r\n=B6rd\"",
		"folded base64": b64(secret)[:7] + "\r\n" + b64(secret)[7:], "url path": "p&ss%20%22w%C3%B6rd%22",
	} {
		text := "before " + leak + " after"
		for cut := range len(text) {
			var out bytes.Buffer
			g := redact.Guard(&out, []string{secret})
			g.Write([]byte(text[:cut]))
			g.Write([]byte(text[cut:]))
			if err := g.Close(); !errors.Is(err, redact.ErrLeak) {
				t.Errorf("%s, cut at %d: %v, wrote %q", name, cut, err, &out)
				break
			}
		}
	}
}

func TestGuardLetsOthersPass(t *testing.T) {
	var out bytes.Buffer
	g := redact.Guard(&out, []string{"correct horse"})
	for _, c := range []byte("nothing to hide") {
		if _, err := g.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Close(); err != nil || out.String() != "nothing to hide" {
		t.Errorf("%q, %v", &out, err)
	}
}

// However many there are, each address has a stand-in of its own.
func TestStandInsDiffer(t *testing.T) {
	const many = 1000
	var session strings.Builder
	session.WriteString("S: 220 mx.example.net\nC: EHLO pc.example.com\nS: 250 ok")
	for i := range many {
		fmt.Fprintf(&session, "\nC: NOOP 10.1.%d.%d a%d@corp%d.example.com\nS: 250 ok", i/250, i%250, i, i)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(said(t, apply(t, decodeSession(session.String(), false), redact.Levels{Addresses: true, Hosts: true}), who.Client)) {
		for _, word := range strings.Fields(line)[1:] {
			if seen[word] {
				t.Errorf("%s stands for two", word)
			}
			seen[word] = true
		}
	}
	if len(seen) != 1+2*many {
		t.Errorf("%d stand-ins", len(seen))
	}
}
