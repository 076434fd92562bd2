package diff_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/recordings/diff"
)

// session decodes a dialogue.
func session(t *testing.T, text string) *decode.Transcript {
	return decodetest.New(false).Play(text, nil).Close()
}

const base = `
	S: 220 mx.example.org ESMTP ready at Fri, 02 Jan 2026 03:04:05 +0000
	C: EHLO client.example.com
	S: 250-mx.example.org
	S: 250-SIZE 1000000
	S: 250 8BITMIME
	C: MAIL FROM:<a@example.com>
	S: 250 2.1.0 fine
	C: RCPT TO:<b@example.net>
	S: 250 2.1.5 fine
	C: DATA
	S: 354 go on
	C: Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
	C: Date: Fri, 02 Jan 2026 03:04:05 +0000
	C: Message-ID: <1@client.example.com>
	C: Content-Type: text/plain; charset=utf-8
	C: 
	C: hello  world
	C: .
	S: 250 2.0.0 Ok: queued as 4XYZ12
	C: QUIT
	S: 221 2.0.0 bye`

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to string // what is replaced in base
		first    string // section and key of the first difference, "" for none
		body     diff.Body
	}{
		{"the same", "", "", "", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"what always differs", "4XYZ12", "5ABC99", "", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"another date", "02 Jan 2026 03:04:05", "03 Jan 2026 09:00:00", "", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"another message id", "<1@client", "<2@client", "", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"the subject in base64", "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "=?utf-8?B?R3LDvMOfZQ==?=", "", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"another extension", "SIZE 1000000", "SIZE 500", "extensions EHLO SIZE", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"a refused recipient", "250 2.1.5 fine", "550 5.1.1 no such user", "reply reply to RCPT b@example.net", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"another sender", "a@example.com", "z@example.com", "envelope MAIL FROM", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"white space in the body", "hello  world", "hello world", "message message 1, text", diff.Body{Message: 1, Relaxed: true}},
		{"another body", "hello  world", "goodbye", "message message 1, text", diff.Body{Message: 1}},
		{"a slow reply", "S: 354 go on", "wait 12s\n\tS: 354 go on", "timing time of the reply to DATA", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
		{"a login", "C: MAIL", "C: AUTH PLAIN AHUAcHc=\n\tS: 235 ok\n\tC: MAIL", "auth AUTH", diff.Body{Message: 1, Wire: true, Even: true, Simple: true, Relaxed: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := diff.Compare(session(t, base), session(t, strings.ReplaceAll(base, c.from+"", c.to)), diff.Options{})
			if c.from == "" {
				r, err = diff.Compare(session(t, base), session(t, base), diff.Options{})
			}
			if err != nil {
				t.Fatal(err)
			}
			first := ""
			if !r.Same() {
				first = r.Differences[0].Section + " " + r.Differences[0].Key
			}
			if first != c.first {
				t.Errorf("they part at %q, want %q: %+v", first, c.first, r.Differences)
			}
			if len(r.Bodies) != 1 || r.Bodies[0] != c.body {
				t.Errorf("bodies: %+v, want %+v", r.Bodies, c.body)
			}
		})
	}
}

// Boundaries are made up anew for each message, and parts are compared by their
// lines.
func TestParts(t *testing.T) {
	const headed = "Content-Type: text/plain; charset=utf-8"
	mixed := func(boundary, inner, charset, text string) *decode.Transcript {
		lines := []string{
			`Content-Type: multipart/mixed; boundary="` + boundary + `"`, "", "--" + boundary,
			`Content-Type: multipart/alternative; boundary="` + inner + `"`, "", "--" + inner,
			"Content-Type: text/plain; charset=" + charset, "", "first", text, "--" + inner + "--", "--" + boundary + "--",
		}
		return session(t, strings.Replace(base, headed+"\n\tC: \n\tC: hello  world", strings.Join(lines, "\n\tC: "), 1))
	}
	for _, c := range []struct {
		name string
		b    *decode.Transcript
		key  string // of the difference
		line *diff.Line
		body diff.Body
	}{
		{"other boundaries", mixed("zzz", "zzz2", "utf-8", "Grüße"), "", nil, diff.Body{Message: 1, Even: true}},
		{"another line", mixed("b1", "b12", "utf-8", "Grüße \x1b[2J"), "message 1, part 1.1", &diff.Line{Number: 2, A: "Grüße", B: `Grüße \x1b[2J`}, diff.Body{Message: 1}},
		{"another charset", mixed("b1", "b12", "iso-8859-1", "Gr\xfc\xdfe"), "message 1, part 1.1", nil, diff.Body{Message: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := diff.Compare(mixed("b1", "b12", "utf-8", "Grüße"), c.b, diff.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Same() != (c.key == "") || !r.Same() && (len(r.Differences) != 1 || r.Differences[0].Key != c.key) {
				t.Fatalf("differences %+v", r.Differences)
			}
			if !r.Same() && !reflect.DeepEqual(r.Differences[0].Line, c.line) {
				t.Errorf("line %+v, want %+v", r.Differences[0].Line, c.line)
			}
			if r.Bodies[0] != c.body {
				t.Errorf("body %+v, want %+v", r.Bodies[0], c.body)
			}
		})
	}
}

// A session that stops early lacks what follows, and the times of replies that
// it never had are not held against it.
func TestStopsEarly(t *testing.T) {
	r, err := diff.Compare(session(t, base), session(t, strings.Split(base, "\tC: DATA")[0]), diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range r.Differences {
		if d.EntryB >= 0 || d.Section == "timing" {
			t.Errorf("difference %d: %+v", i, d)
		}
	}
	if r.Differences[0].Key != "DATA" {
		t.Errorf("they part at %q", r.Differences[0].Key)
	}
}

// With All nothing is taken for the same that is not.
func TestAll(t *testing.T) {
	r, err := diff.Compare(session(t, base), session(t, strings.ReplaceAll(base, "4XYZ12", "5ABC99")), diff.Options{All: true})
	if err != nil || len(r.Differences) != 1 || r.Differences[0].Key != "reply to the message" {
		t.Errorf("%+v, %v", r, err)
	}
}

// What a log lacks is not held against it.
func TestLacks(t *testing.T) {
	log := session(t, strings.Split(base, "\tC: DATA")[0])
	log.Source, log.Bytes = decode.SourceLog, nil
	log.Lacks = []string{decode.LackServerLines, decode.LackBody}
	r, err := diff.Compare(session(t, base), log, diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Differences {
		if d.Section == "reply" || d.Section == "greeting" || d.Section == "message" {
			t.Errorf("compared %+v", d)
		}
	}
	if len(r.NotCompared) != 2 {
		t.Errorf("not compared: %q", r.NotCompared)
	}
}

func TestForms(t *testing.T) {
	evil := strings.ReplaceAll(base, "2.1.5 fine", "2.1.5 \x1b[2J")
	r, err := diff.Compare(session(t, base), session(t, evil), diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var text, doc bytes.Buffer
	if err := r.Text(&text, false); err != nil || strings.ContainsRune(text.String(), 0x1b) || !strings.Contains(text.String(), "\nfirst difference:\n  reply to RCPT b@example.net\n  - 250 2.1.5 fine\n  + 250 2.1.5 \\x1b[2J\n") {
		t.Errorf("%q, %v", text.String(), err)
	}
	var read struct {
		Same        bool
		Differences []diff.Difference
	}
	if err := r.JSON(&doc); err != nil || json.Unmarshal(doc.Bytes(), &read) != nil || read.Same || len(read.Differences) != 1 {
		t.Errorf("%s, %v", doc.String(), err)
	}
}
