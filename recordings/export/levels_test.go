package export_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/recordings/export"
	"smtptap/recordings/redact"
)

// private is a session that holds something private in every place that one
// can have: both legs, STARTTLS, facts, envelope, header, message.
func private() *decode.Transcript {
	x := newTeller(false)
	x.t.Target = "mx:corp.example.com"
	x.fact(&facts.Open{Client: "198.51.100.7:40000", Listen: "127.0.0.1:2525"})
	x.fact(&facts.DNS{Kind: "MX", Name: "corp.example.com", Server: "203.0.113.53:53", Answers: []string{"10 mail.corp.example.com."}})
	x.fact(&facts.Dial{Host: "mail.corp.example.com", Addr: "198.51.100.25:587", Local: "198.51.100.8:40001", Why: "MX 10", Took: 3 * time.Millisecond})
	up := decode.Dialogue{}
	var upstream [3][]byte
	upSay := func(side who.Party, text string) {
		o := up.Feed(x.at, side, []byte(text+"\r\n"))
		for _, e := range o.Events {
			from, to := who.Smtptap, who.Server
			if e.Side == who.Server {
				from, to = to, from
			}
			x.t.Entries = append(x.t.Entries, decode.Entry{At: e.At, From: from, To: to, Leg: who.ServerLeg, Event: &e})
		}
		upstream[side] = append(upstream[side], text+"\r\n"...)
	}
	upSay(who.Server, "220 mail.corp.example.com ESMTP")
	upSay(who.Client, "EHLO smtptap.corp.example.com")
	upSay(who.Server, "250 mail.corp.example.com greets 198.51.100.8, write to wei@corp.example.com")
	x.server("220 mail.corp.example.com ESMTP")
	x.client("EHLO desk.corp.example.com")
	x.server("250-mail.corp.example.com", "250-STARTTLS", "250 SMTPUTF8")
	x.client("STARTTLS")
	x.server("220 go ahead")
	x.fact(&facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", SNI: "mail.corp.example.com", Verified: true, Checked: true, Verdict: "ok",
		Chain: []facts.Certificate{{Subject: "CN=mail.corp.example.com,E=wei@corp.example.com", Names: []string{"mail.corp.example.com"}}}})
	x.take(x.d.Secured(x.at))
	x.client("EHLO desk.corp.example.com")
	x.server("250-mail.corp.example.com", "250-AUTH LOGIN", "250 SMTPUTF8")
	x.client("AUTH LOGIN")
	x.server("334 VXNlcm5hbWU6")
	x.client(base64.StdEncoding.EncodeToString([]byte("wei@corp.example.com")))
	x.server("334 UGFzc3dvcmQ6")
	x.client(base64.StdEncoding.EncodeToString([]byte(password)))
	x.server("235 2.7.0 welcome wei@corp.example.com")
	x.client("VRFY <wei@corp.example.com>")
	x.server("250 2.1.5 Wei Zhang <wei@corp.example.com>")
	x.client("MAIL FROM:<wei@corp.example.com> SMTPUTF8")
	x.server("250 2.1.0 fine")
	x.client("RCPT TO:<jürgen@bücher.example.net> ORCPT=rfc822;wei@corp.example.com")
	x.server("550 5.1.1 <jürgen@bücher.example.net> is not known to mail.corp.example.com, ask wei@corp.example.com")
	x.client("RCPT TO:<jürgen@xn--bcher-kva.example.net>")
	x.server("250 2.1.5 fine")
	x.client("DATA")
	x.server("354 go on")
	x.client("Received: from desk.corp.example.com ([198.51.100.7]) by mail.corp.example.com for <wei@corp.example.com>; today",
		"DKIM-Signature: v=1; d=corp.example.com; i=wei@corp.example.com; b=abc",
		"From: Wei Zhang <wei@corp.example.com>", "Reply-To: =?utf-8?B?V2VpIFpoYW5n?= <wei@corp.example.com>",
		"Subject: =?utf-8?Q?mail_of_wei=40corp.example.com?=",
		"List-Unsubscribe: <mailto:wei@corp.example.com?subject=out>, <https://lists.example.net/u?k=0123456789abcdef0123456789>", "",
		"secret plan of wei@corp.example.com", "https://lists.example.net/reset?token=0123456789abcdef0123456789", ".")
	x.server("250 2.0.0 queued for wei@corp.example.com")
	x.client("QUIT")
	x.server("221 2.0.0 bye")
	tr := x.end()
	client := tr.Bytes
	tr.Bytes = func(leg who.Leg, side who.Party, s decode.Span) ([]byte, error) {
		if leg == who.ServerLeg {
			return upstream[side][s.Start:s.End], nil
		}
		return client(leg, side, s)
	}
	return tr
}

// What each level takes out is in no format; what it leaves is.
func TestLevelsInEveryFormat(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("wei@corp.example.com"))
	addresses := []string{"wei@", "Wei Zhang", "V2VpIFpoYW5n", "wei=40", "jürgen", "bücher", "xn--bcher", encoded, "d=corp.example.com", "@corp.example.com"}
	hosts := []string{"mail.corp", "desk.corp", "smtptap.corp", "198.51.100.", "203.0.113.53"}
	body, links := []string{"secret plan"}, []string{"0123456789abcdef"}
	for _, level := range []struct {
		name string
		keep bool
		gone []string
		left []string
	}{
		{"auth", false, []string{password}, []string{"wei@corp.example.com", "mail.corp.example.com"}},
		{"addresses", false, addresses, []string{"user1@domain1.example"}},
		{"addresses", true, []string{"wei@", "Wei Zhang", "jürgen", encoded}, []string{"user1@corp.example.com"}},
		{"hosts", false, hosts, []string{"host"}},
		{"body", false, body, []string{"wei@corp.example.com"}},
		{"links", false, links, []string{"[link]"}},
		{"all", false, append(append(append(addresses[:len(addresses):len(addresses)], hosts...), body...), append(links, "corp.example.com")...), []string{"user1@host"}},
	} {
		levels, err := redact.Parse([]string{level.name})
		if err != nil {
			t.Fatal(err)
		}
		levels.KeepDomains = level.keep
		shared, err := redact.Apply(private(), levels)
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range export.Formats() {
			text := string(write(t, shared, format))
			for _, gone := range level.gone {
				if i := strings.Index(text, gone); i >= 0 {
					t.Errorf("%s, domains kept %v: %s holds %q: %q", level.name, level.keep, format, gone, text[max(0, i-60):min(len(text), i+60)])
				}
			}
			for _, left := range level.left {
				if format != "eml" && !strings.Contains(text, left) && !strings.Contains(strings.ReplaceAll(text, `\[`, "["), left) && !strings.Contains(text, strings.NewReplacer("[", `\[`, "]", `\]`).Replace(left)) {
					t.Errorf("%s, domains kept %v: %s does not hold %q", level.name, level.keep, format, left)
				}
			}
		}
	}
}

// One address has one stand-in, in whatever place and spelling.
func TestOneStandIn(t *testing.T) {
	shared, err := redact.Apply(private(), redact.Levels{Addresses: true})
	if err != nil {
		t.Fatal(err)
	}
	text := string(write(t, shared, "eml")) + string(write(t, shared, "text"))
	for _, want := range []string{
		"write to user1@domain1.example", "welcome user1@domain1.example", "VRFY <user1@domain1.example>", "250 2.1.5 Name 1 <user1@domain1.example>", "CN=mail.corp.example.com,E=user1@domain1.example", "MAIL FROM:<user1@domain1.example>",
		"ORCPT=rfc822;user1@domain1.example", "for <user1@domain1.example>; today", "d=domain1.example; i=user1@domain1.example",
		"From: Name 1 <user1@domain1.example>", `Reply-To: "Name 1" <user1@domain1.example>`, "mail_of_user1@domain1.example",
		"<mailto:user1@domain1.example?subject=out>", "secret plan of user1@domain1.example", "queued for user1@domain1.example",
		"RCPT TO:<user2@domain2.example> ORCPT", "550 5.1.1 <user2@domain2.example> is", "RCPT TO:<user2@domain2.example>\n",
		base64.StdEncoding.EncodeToString([]byte("user1@domain1.example")),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// A password that also stands in the message stops the export.
func TestPasswordInMessage(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("my password is " + password))
	for name, lines := range map[string][]string{
		"in the subject": {"Subject: " + password, "", "x"},
		"in the body":    {"Subject: s", "", "it is " + password},
		"in base64":      {"Content-Transfer-Encoding: base64", "", encoded[:40], encoded[40:]},
	} {
		x := newTeller(true)
		x.server("220 mx")
		x.client("EHLO c")
		x.server("250 AUTH PLAIN")
		x.client("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00u\x00"+password)))
		x.server("235 yes")
		x.client("MAIL FROM:<a@example.com>")
		x.server("250 ok")
		x.client("RCPT TO:<b@example.com>")
		x.server("250 ok")
		x.client("DATA")
		x.server("354 go")
		x.client(append(lines, ".")...)
		x.server("250 ok")
		kept := x.end()
		shared, err := redact.Apply(kept, redact.Levels{})
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"eml", "html", "pcapng", "json", "text"} {
			var out bytes.Buffer
			err := export.Write(&out, shared, format, lang.English, redact.Secrets(kept))
			if !errors.Is(err, redact.ErrLeak) || strings.Contains(out.String(), password) {
				t.Errorf("%s, %s: %v, %d bytes written", name, format, err, out.Len())
			}
		}
		if blank, err := redact.Apply(kept, redact.Levels{Body: true}); err != nil {
			t.Error(err)
		} else if err := export.Write(new(bytes.Buffer), blank, "eml", lang.English, redact.Secrets(kept)); (err != nil) != (name == "in the subject") {
			t.Errorf("%s, without the body: %v", name, err)
		}
	}
}

// Redacting twice is the same as once, in each format.
func TestRedactedTwice(t *testing.T) {
	for _, name := range redact.Names() {
		levels, err := redact.Parse([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		once, err := redact.Apply(private(), levels)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := redact.Apply(once, levels)
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range export.Formats() {
			if a, b := string(write(t, once, format)), string(write(t, twice, format)); a != b {
				i := 0
				for i < min(len(a), len(b)) && a[i] == b[i] {
					i++
				}
				t.Errorf("%s as %s: twice it is\n%q\nonce\n%q", name, format, b[max(0, i-80):min(len(b), i+80)], a[max(0, i-80):min(len(a), i+80)])
			}
		}
	}
}

// What an export holds is counted in what is written, in whatever notation it
// stands there.
func TestHolds(t *testing.T) {
	x := newTeller(false)
	x.fact(&facts.Note{ID: facts.NoteRuleDelayed, Text: "RCPT@2=450, DATA.end@10=wait"}) // no addresses
	x.server("220 mx")
	x.client("EHLO c")
	x.server("250 DSN")
	x.client("MAIL FROM:<> SIZE=10")
	x.server("250 ok")
	x.client("RCPT TO:<postmaster> ORCPT=rfc822;top.secret+40corp.example")
	x.server("250 ok")
	tr := x.end()
	for _, format := range export.Formats() {
		want := 1
		if format == "eml" {
			want = 0
		}
		if c, err := export.Holds(tr, format, lang.English); err != nil || c.Addresses != want {
			t.Errorf("%s: %s, %v", format, c.In(lang.English), err)
		}
	}
	redacted, err := redact.Apply(private(), redact.Levels{Addresses: true, Hosts: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range export.Formats() {
		if c, err := export.Holds(redacted, format, lang.English); err != nil || c.Addresses != 0 {
			t.Errorf("%s, redacted: %s, %v", format, c.In(lang.English), err)
		}
	}
}
