package redact_test

import (
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/recordings/redact"
)

const envelope = "S: 220 hi\nC: EHLO a\nS: 250-b\nS: 250 CHUNKING\nC: MAIL FROM:<wei@corp.example.com>\nS: 250 ok\nC: RCPT TO:<b@example.org>\nS: 250 ok\n"

// data is a session that sends a message of those lines.
func data(lines ...string) string {
	return envelope + "C: DATA\nS: 354 go\nC: " + strings.Join(lines, "\nC: ") + "\nC: .\nS: 250 ok\nC: QUIT\nS: 221 bye"
}

// part is a message with one part after another.
func part(header string, lines ...string) string {
	all := append(strings.Split(header, "\n"), "")
	return data(append([]string{"Subject: s", "Content-Type: multipart/mixed; boundary=b", "", "--b", "", "first", "--b"}, append(append(all, lines...), "--b--")...)...)
}

// Addresses are found wherever a message may hold them, and are the same as
// in the envelope.
func TestAddressesInMessages(t *testing.T) {
	const is, utf16 = "user1@domain1.example", "w\x00e\x00i\x00@\x00c\x00o\x00r\x00p\x00.\x00c\x00n\x00"
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"encoded-word as a name":   {part("Content-Type: text/csv; name=\"=?utf-8?Q?=E6=8A=A5_wei@corp.example.com.csv?=\"", "a"), "Content-Type: text/csv; name*=utf-8''%E6%8A%A5%20user1%40domain1.example.csv\r\n"},
		"folded encoded-words":     {part("Content-Disposition: attachment;\n filename=\"=?utf-8?B?"+b64("wei@corp.")+"?=\n =?utf-8?B?"+b64("example.com")+"?=\"", "a"), `attachment; filename="` + is + `"`},
		"RFC 2231":                 {part("Content-Disposition: attachment; filename*=utf-8''wei%40corp.example.com", "a"), `attachment; filename="` + is + `"`},
		"RFC 2231, continued":      {part("Content-Disposition: attachment;\n filename*0*=utf-8''wei%40corp.;\n filename*1=example.com", "a"), `attachment; filename="` + is + `"`},
		"plain name":               {part("Content-Type: text/csv; name=wei@corp.example.com.csv", "a"), `text/csv; name="` + is + `.csv"`},
		"Content-Description":      {part("Content-Description: =?utf-8?B?"+b64("报告 wei@corp.example.com")+"?=", "a"), "Content-Description: =?utf-8?q?=E6=8A=A5=E5=91=8A_" + is + "?="},
		"unknown charset":          {part("Content-Description: =?x-own?Q?wei=40corp.example.com?=", "a"), is},
		"header of a message":      {part("Content-Type: message/rfc822", "Subject: =?utf-8?Q?wei=40corp.example.com?=", "", "inner"), "Subject: =?utf-8?q?" + is + "?=\r\n"},
		"message in base64":        {part("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64", b64("Subject: =?utf-8?Q?wei=40corp.example.com?=\r\n\r\ninner")), b64("Subject: =?utf-8?q?" + is + "?=\r\n\r\ninner")},
		"attached table":           {part("Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64", b64("1,wei@corp.example.com\r\n")), b64("1," + is + "\r\n")},
		"text in base64":           {part("Content-Transfer-Encoding: base64", b64("to wei@corp.example.com\r\n")), b64("to " + is + "\r\n")},
		"base64 that is none":      {part("Content-Transfer-Encoding: base64", "wei@corp.example.com"), "\r\n\r\nAAAAAAAAAAAAAAAAAAAA\r\n"},
		"damaged base64":           {part("Content-Transfer-Encoding: base64", "!"+b64("to wei@corp.example.com")), "\r\n\r\nAAAAAAA"},
		"binary":                   {part("Content-Type: image/png\nContent-Transfer-Encoding: base64", b64("\x89PNG\x00wei@corp.example.com")), "\r\n\r\nAAAAAAA"},
		"UTF-16":                   {part("Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64", b64(utf16)), "\r\n\r\nAAAAAAA"},
		"unknown encoding":         {part("Content-Transfer-Encoding: x-uuencode", "begin 600 a", "'=V5I0&-O<G"), "\r\n\r\nxxxxxxxxxxx\r\n"},
		"reference":                {data("Subject: s", "", "wei&#64;corp.example.com"), "user1&#64;domain1.example"},
		"link":                     {data("Subject: s", "", "https://example.net/?email=wei%40corp.example.com&x=1"), "/?email=user1%40domain1.example&x=1"},
		"parameter of a link":      {data("List-Unsubscribe: <mailto:leave@example.net?subject=wei@corp.example.com>", "", "x"), "@domain3.example?subject=" + is + ">"},
		"base64 in a link":         {data("Subject: s", "", "https://example.net/?u="+b64("wei@corp.example.com")), "?u=" + b64(is)},
		"behind text":              {data("Subject: s", "", "写信给wei@corp.example.com吧"), "写信给user1@domain1.example"},
		"behind text, joined":      {data("Subject: s", "", "报告_wei@corp.example.com"), "报告_user1@domain1.example"},
		"DKIM":                     {data("DKIM-Signature: v=1; d=corp.example.com; i=@corp.example.com; b=abc", "", "x"), "d=domain1.example; i=@domain1.example; b=abc"},
		"DKIM, a user":             {data("DKIM-Signature: v=1; i=wei@CORP.example.com", "", "x"), "i=" + is},
		"Received":                 {data("Received: from a by b for <wei@corp.example.com>; today", "", "x"), "for <" + is + ">;"},
		"Authentication-Results":   {data("Authentication-Results: mx; spf=pass smtp.mailfrom=wei@corp.example.com", "", "x"), "smtp.mailfrom=" + is},
		"two chunks":               {envelope + "C: BDAT 25\nC: Subject: s\nC:\nC: write wei\nS: 250 ok\nC: BDAT 20 LAST\nC: @corp.example.com..\nS: 250 ok\nC: QUIT\nS: 221 bye", ""},
		"one chunk":                {envelope + "C: BDAT 36 LAST\nC: Subject: s\nC:\nC: wei@corp.example.com\nS: 250 ok\nC: QUIT\nS: 221 bye", "BDAT 37 LAST\r\nSubject: s\r\n\r\n" + is + "\r\nQUIT\r\n"},
		"a boundary of an address": {data("Content-Type: multipart/mixed; boundary=\"=_wei@corp.example.com\"", "", "--=_wei@corp.example.com", "", "inner", "--=_wei@corp.example.com--"), "inner\r\n--=_wei"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := decodeSession(test.text, false)
			out := apply(t, tr, redact.Levels{Addresses: true})
			got := said(t, out, who.Client)
			if name == "a boundary of an address" {
				if parts := strings.Count(got, "\r\n--user"); parts != 2 {
					t.Errorf("%d boundaries:\n%s", parts, got)
				}
			} else if !strings.Contains(got, test.want) {
				t.Errorf("%q is missing in\n%s", test.want, got)
			}
			for _, gone := range []string{"wei@", "corp.example.com", "wei=40", "wei%40", b64("wei@corp.example.com")} {
				if strings.Contains(got, gone) {
					t.Errorf("%q is left in\n%s", gone, got)
				}
			}
			if a, b := kinds(tr), kinds(out); a != b {
				t.Errorf("the dialogue was\n%s\nnow it is\n%s", a, b)
			}
		})
	}
}

// kinds are the kinds of the events, and what was made of them.
func kinds(tr *decode.Transcript) string {
	var b strings.Builder
	for _, e := range tr.Entries {
		if e.Event == nil {
			continue
		}
		b.WriteString(e.Event.Kind.String())
		if e.Event.Command != nil {
			b.WriteString(" " + e.Event.Command.Verb)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// What can't be searched is taken out; its size and hash stay.
func TestPartTakenOut(t *testing.T) {
	tr := decodeSession(part("Content-Type: image/png\nContent-Transfer-Encoding: base64", b64("\x89PNG\x00")), false)
	out := apply(t, tr, redact.Levels{Addresses: true})
	var notes []string
	for _, e := range out.Entries {
		if n, ok := e.Fact.(*facts.Note); ok {
			notes = append(notes, n.ID+": "+n.Text.String())
		}
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "part-redacted: part taken out, because it can't be searched: image/png, 8 B as sent, SHA-256 ") {
		t.Errorf("%q", notes)
	}
	if c := redact.Count(out); c.Messages != 1 {
		t.Errorf("the other part is not counted: %s", c.In(lang.English))
	}
}

// What a session holds is counted by address, stand-ins not at all.
func TestCount(t *testing.T) {
	tr := decodeSession(data("Subject: =?utf-8?Q?=E6=8A=A5_wei@corp.example.com?=", "From: b@example.org", "", "text"), false)
	if got := redact.Count(tr).In(lang.English); got != "addresses 2, message bodies 1, secrets 0" {
		t.Error(got)
	}
	if got := redact.Count(apply(t, tr, redact.Levels{Addresses: true, Body: true})).In(lang.English); got != "addresses 0, message bodies 0, secrets 0" {
		t.Error(got)
	}
}

// A part that holds nothing to replace stays as it is to the byte.
func TestUntouchedParts(t *testing.T) {
	text := part("Content-Transfer-Encoding: quoted-printable", "a=20b=", "c", "..d =4")
	tr := decodeSession(text, false)
	got := said(t, apply(t, tr, redact.Levels{Addresses: true}), who.Client)
	if !strings.Contains(got, "a=20b=\r\nc\r\n..d =4\r\n") {
		t.Error(got)
	}
}

// A line that begins with a dot because it was folded anew is stuffed.
func TestFoldedDotsAreStuffed(t *testing.T) {
	for n := range 80 {
		line := "wei@corp.example.com " + strings.Repeat("x", n) + "...................."
		text := part("Content-Transfer-Encoding: quoted-printable", line, "..end")
		tr := decodeSession(text, false)
		out := apply(t, tr, redact.Levels{Addresses: true})
		if a, b := kinds(tr), kinds(out); a != b {
			t.Fatalf("%d: the dialogue was\n%s\nnow it is\n%s", n, a, b)
		}
		for _, e := range out.Entries {
			if e.Event != nil && e.Event.Kind == decode.KindBody && len(e.Event.Notes) > 0 {
				t.Errorf("%d: %+v in %s", n, e.Event.Notes, said(t, out, who.Client))
			}
		}
	}
}

func TestDisplayNames(t *testing.T) {
	for value, want := range map[string]string{
		"Wei Zhang <wei@corp.example.com>":                                       "Name 1 <user1@domain1.example>",
		"\"Zhang, Wei\" <wei@corp.example.com>, =?utf-8?B?5byg5Lyf?= <x@a.test>": `"Name 1" <user1@domain1.example>, "Name 2" <user3@domain3.example>`,
		"wei@corp.example.com (Wei Zhang)":                                       "user1@domain1.example (Name 1)",
		"wei@corp.example.com":                                                   "user1@domain1.example",
		"\"wei@corp.example.com\" <wei@corp.example.com>":                        `"user1@domain1.example" <user1@domain1.example>`,
		"Team: Wei <wei@corp.example.com>, b@example.org;":                       "Name 1: Name 2 <user1@domain1.example>, user2@domain2.example;",
		"undisclosed-recipients:;":                                               "undisclosed-recipients:;",
		"Wei Zhang":                                                              "Name 1",
		"<Wei Zhang>":                                                            "<Name 1>",
		"Wei wei@corp.example.com":                                               "Name 1 user1@domain1.example",
		"=?utf-8?Q?Zhang,_Wei?= <wei@corp.example.com":                           `"Name 1" <user1@domain1.example`,
		"=?utf-8?Q?Wei_<wei@corp.example.com>?=":                                 "=?utf-8?q?Name_1_<user1@domain1.example>?=",
		"Wei <wei@corp.example.com>, wei <b@example.org>, \"WEI\" <wei@corp.example.com>": `Name 1 <user1@domain1.example>, Name 1 <user2@domain2.example>, "Name 1" <user1@domain1.example>`,
	} {
		for _, header := range []string{"From", "to", "Cc", "Reply-To", "Sender", "Resent-From"} {
			out := apply(t, decodeSession(data(header+": "+value, "", "x"), false), redact.Levels{Addresses: true})
			got := said(t, out, who.Client)
			want := header + ": " + want + "\r\n"
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s: %q is missing in\n%s", header, value, want, got)
			}
		}
	}
}

// Whatever is replaced, everything was said when it was.
func TestTimesStay(t *testing.T) {
	tr := decodeSession(mail(), false)
	for _, l := range []redact.Levels{{Addresses: true}, {Hosts: true}, {Links: true}, {Body: true}, {Addresses: true, Hosts: true, Links: true}} {
		out := apply(t, tr, l)
		i := 0
		for _, e := range out.Entries {
			if e.Fact != nil {
				continue
			}
			if was := tr.Entries[i]; e.At != was.At || e.Event.Begin != was.Event.Begin {
				t.Errorf("%+v: entry %d: %v to %v, was %v to %v", l, i, e.Event.Begin, e.At, was.Event.Begin, was.At)
			}
			i++
		}
	}
}
