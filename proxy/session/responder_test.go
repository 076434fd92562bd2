package session

import (
	"bytes"
	"strings"
	"testing"
)

// play says lines to a responder and returns what it answers, one line each:
// the first three digits, and what happens then.
func play(f *responder, said string) []string {
	var heard []string
	p := []byte(said)
	for len(p) > 0 {
		t := f.next(p)
		if t.n == 0 {
			return append(heard, "waits")
		}
		p = p[t.n:]
		heard = append(heard, outcome(f, t)...)
	}
	return heard
}

// outcome is what a turn comes to, in at most one word, and does what the responder
// expects of its owner.
func outcome(f *responder, t response) []string {
	word := ""
	if len(t.reply) > 0 {
		word = string(t.reply[:3])
	}
	switch t.then {
	case responseNeedsServer:
		word += "-> " + t.domain
	case responseStartTLS:
		word += " TLS"
		f.upgraded()
	case responseCloses:
		word += " bye"
	}
	if word == "" {
		return nil
	}
	return []string{word}
}

func TestFrontDesk(t *testing.T) {
	const hello, mail = "EHLO client.example\r\n", "MAIL FROM:<a@example.net> SIZE=100 BODY=8BITMIME\r\n"
	long := strings.Repeat("x", maxCommandLine)
	for _, tt := range []struct{ name, said, heard string }{
		{"hello", "EHLO client.example\r\n", "250"},
		{"lower case, spaces and a bare LF", "ehlo client.example  \n", "250"},
		{"HELO", "HELO client.example\r\n", "250"},
		{"without a name", "EHLO\r\nEHLO \r\nHELO\r\n", "501 501 501"},
		{"to the hand-off", hello + mail + "RCPT TO:<b@example.org>\r\n", "250 250 -> example.org"},
		{"HELO to the hand-off", "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n", "250 250 -> example.org"},
		{"spaces and case", hello + "mail from: <a@example.net>\r\nrcpt to: <b@example.org>\r\n", "250 250 -> example.org"},
		{"no brackets", hello + "MAIL FROM:a@example.net\r\nRCPT TO:b@example.org\r\n", "250 250 -> example.org"},
		{"parameters", hello + mail + "RCPT TO:<b@example.org> NOTIFY=NEVER ORCPT=rfc822;x@example.com\r\n", "250 250 -> example.org"},
		{"quoted local part", hello + mail + `RCPT TO:<"a> @b"@example.org>` + "\r\n", "250 250 -> example.org"},
		{"source route", hello + mail + "RCPT TO:<@one.example,@two.example:b@example.org>\r\n", "250 250 501"},
		{"IDN domain", hello + mail + "RCPT TO:<b@bücher.example>\r\n", "250 250 -> bücher.example"},
		{"address literal", hello + mail + "RCPT TO:<b@[192.0.2.1]>\r\n", "250 250 -> [192.0.2.1]"},
		{"two recipients", hello + mail + "RCPT TO:<b@example.org>\r\nRCPT TO:<c@example.com>\r\n", "250 250 -> example.org -> example.com"},
		{"postmaster without a domain", hello + mail + "RCPT TO:<postmaster>\r\n", "250 250 501"},
		{"quoted, without a domain", hello + mail + `RCPT TO:<"b@example.org">` + "\r\n", "250 250 501"},
		{"empty domain", hello + mail + "RCPT TO:<b@>\r\nRCPT TO:<>\r\n", "250 250 500 501"},
		{"not closed", hello + mail + "RCPT TO:<b@example.org\r\n", "250 250 500"},
		{"no TO", hello + mail + "RCPT <b@example.org>\r\n", "250 250 500"},
		{"MAIL before hello", mail, "503"},
		{"MAIL twice", hello + mail + mail, "250 250 503"},
		{"MAIL without FROM", hello + "MAIL a@example.net\r\n", "250 500"},
		{"RCPT before MAIL", hello + "RCPT TO:<b@example.org>\r\n", "250 503"},
		{"DATA before RCPT", hello + mail + "DATA\r\n", "250 250 503"},
		{"hello ends a transaction", hello + mail + hello + "RCPT TO:<b@example.org>\r\n", "250 250 250 503"},
		{"RSET", hello + mail + "RSET\r\nRCPT TO:<b@example.org>\r\n", "250 250 250 503"},
		{"NOOP VRFY EXPN HELP", "NOOP\r\nVRFY a\r\nEXPN a\r\nHELP\r\n", "250 252 502 214"},
		{"QUIT", hello + "QUIT\r\n", "250 221 bye"},
		{"AUTH", hello + "AUTH PLAIN AGEAYg==\r\n", "250 502"},
		{"STARTTLS", hello + "STARTTLS\r\nMAIL FROM:<>\r\nEHLO c\r\nSTARTTLS\r\nMAIL FROM:<>\r\n", "250 220 TLS 503 250 503 250"},
		{"STARTTLS with a parameter", "STARTTLS now\r\n", "500"},
		{"unknown", "XYZZY\r\n\r\nGET / HTTP/1.1\r\n", "500 500 500"},
		{"half a line", hello + "MAIL FR", "250 waits"},
		{"a line too long", long + "\r\nNOOP\r\n", "500 250"},
		{"a line just short enough", strings.Repeat("x", maxCommandLine-2) + "\r\nNOOP\r\n", "500 250"},
		{"BDAT", hello + mail + "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "250 250 503 250"},
		{"BDAT without a size", "BDAT\r\nBDAT x\r\nBDAT -1\r\nBDAT 99999999999999999999\r\nNOOP\r\n", "500 500 500 500 250"},
		{"blanks and tabs", " EHLO c\r\nEHLO  c\r\nEHLO\tc\r\nEHLO c\rx\r\n" + hello + "MAIL FROM:<a@example.net>\rRCPT TO:<b@example.org>\r\n", "500 500 500 500 250 500"},
		{"a chunk of a BDAT with two blanks", hello + mail + "BDAT  6 LAST\r\nQUIT\r\nNOOP\r\n", "250 250 500 250"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &responder{startTLS: true}
			if got := strings.Join(play(f, tt.said), " "); got != tt.heard {
				t.Errorf("heard %q, want %q", got, tt.heard)
			}
		})
	}
}

func TestFrontDeskGreeting(t *testing.T) {
	if got := new(responder).greeting(); !strings.HasPrefix(string(got), "220 smtptap.localhost ESMTP") || !printableLines(got) {
		t.Errorf("greeting %q", got)
	}
}

func TestFrontDeskOffers(t *testing.T) {
	list := func(f *responder) string {
		return string(f.next([]byte("EHLO c\r\n")).reply)
	}
	plain := "250-smtptap.localhost\r\n250-8BITMIME\r\n250-SIZE\r\n250 ENHANCEDSTATUSCODES\r\n"
	if got := list(new(responder)); got != plain {
		t.Errorf("without TLS: %q", got)
	}
	f := &responder{startTLS: true}
	if got := list(f); !strings.HasSuffix(got, "250 STARTTLS\r\n") {
		t.Errorf("with TLS: %q", got)
	}
	f.upgraded()
	if got := list(f); got != plain {
		t.Errorf("inside TLS: %q", got)
	}
	if got := string((&responder{}).next([]byte("STARTTLS\r\n")).reply[:3]); got != "502" {
		t.Errorf("STARTTLS that is not offered: %s", got)
	}
}

// TestFrontDeskKeepsLines: what the server will hear is what the client said.
func TestFrontDeskKeepsLines(t *testing.T) {
	f := new(responder)
	play(f, "eHLO client.example \nMAIL from:<A@example.net> X=Y\r\n")
	if string(f.hello) != "eHLO client.example \n" || string(f.mail) != "MAIL from:<A@example.net> X=Y\r\n" {
		t.Errorf("kept %q and %q", f.hello, f.mail)
	}
}

// FuzzResponder: however its input is cut, the responder says the same; it always
// goes on, and its replies are whole lines of printable ASCII.
func FuzzResponder(f *testing.F) {
	f.Add([]byte("EHLO c\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"), 3)
	f.Add([]byte("EHLO c\r\nSTARTTLS\r\nBDAT 10 LAST\r\n0123456789QUIT\r\n"), 1)
	f.Add([]byte("RCPT TO:<\"\\\">@\"@x>\r\n\x00\xff\n\n"), 7)
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		whole := strings.Join(play(&responder{startTLS: true}, string(said)), " ")
		responder := &responder{startTLS: true}
		step := max(1, cut%50)
		var heard []string
		var held []byte
		for p := said; len(p) > 0; {
			n := min(step, len(p))
			held, p = append(held, p[:n]...), p[n:]
			for len(held) > 0 {
				turn := responder.next(held)
				if turn.n == 0 {
					if len(held) >= maxCommandLine || bytes.IndexByte(held, '\n') >= 0 {
						t.Fatalf("%d bytes are held", len(held))
					}
					break
				}
				if r := turn.reply; len(r) > 0 && !printableLines(r) {
					t.Fatalf("reply %q", r)
				}
				heard = append(heard, outcome(responder, turn)...)
				held = held[turn.n:]
			}
		}
		if len(held) > 0 {
			heard = append(heard, "waits")
		}
		if got := strings.Join(heard, " "); got != whole {
			t.Fatalf("cut into pieces of %d: %q, whole: %q", step, got, whole)
		}
	})
}

func printableLines(r []byte) bool {
	if !bytes.HasSuffix(r, []byte("\r\n")) {
		return false
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(r, []byte("\r\n")), []byte("\r\n")) {
		if bytes.ContainsFunc(line, func(c rune) bool { return c < ' ' || c > '~' }) {
			return false
		}
	}
	return true
}
