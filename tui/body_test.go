package tui

import (
	"slices"
	"strings"
	"testing"
)

// message is a script of a message with that header and body.
func messageScript(lines ...string) string {
	return greetingLines + "C: MAIL FROM:<ann@example.org>\nS: 250 ok\nC: RCPT TO:<lin@example.net>\nS: 250 ok\nC: DATA\nS: 354 go\n<<\nSubject: x\n" +
		strings.Join(lines, "\n") + "\n.\n>>\nS: 250 ok\nC: QUIT\nS: 221 bye\n"
}

// The decoded view decodes the text of messages where it stands. The raw form is
// one key away.
func TestBodiesAreDecoded(t *testing.T) {
	for _, c := range []struct {
		name, script string
		decoded, raw []string
	}{
		{"base64", sentScript(), []string{"你好 smtp", "decoded from base64"}, []string{"5L2g5aW9IHNtdHA=\\r\\n"}},
		{"quoted-printable", messageScript("Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "", "Gr=C3=BC=C3=9Fe aus K=", "=C3=B6ln"),
			[]string{"Grüße aus Köln", "decoded from quoted-printable"}, []string{"Gr=C3=BC=C3=9Fe aus K=\\r\\n"}},
		{"GBK", messageScript("Content-Type: text/plain; charset=gbk", "Content-Transfer-Encoding: base64", "", "xOO6ww=="), []string{"你好"}, []string{"xOO6ww==\\r\\n"}},
		{"HTML", messageScript("Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable", "", "<p class=3D\"a\">hello</p>"), []string{`<p class="a">hello</p>`}, []string{"class=3D"}},
		{"parts", attachmentScript(), []string{"--inner", "Grüße aus Köln", "Content-Type: text/html", "JVBERi0xLjcKJeLjz9MK"}, []string{"Gr=FC=DFe aus K=F6ln"}},
		{"dots", messageScript("Content-Transfer-Encoding: quoted-printable", "", "..a=20dot", "end"), []string{".a dot"}, []string{"..a=20dot"}},
		{"long", messageScript("Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "", strings.Join(slices.Repeat([]string{b64(strings.Repeat("一二三\n", 5))}, 200), "\n")), []string{"一二三"}, []string{"5LiA5LqM5LiJ"}},
		{"escapes", messageScript("Content-Transfer-Encoding: base64", "", b64("evil \x1b[2J text")), []string{`evil \x1b[2J text`}, []string{b64("evil \x1b[2J text")}},
	} {
		sim := emptySimulation(t, false)
		sim.Play("smtp://mail.example.com:587", c.script)
		settle(t, sim)
		s := newScreen(t, sim, 120, 100, nil)
		s.press("z", "enter")
		for i, e := range s.detail.Session().Entries {
			if e.Event != nil && e.Event.Body != nil {
				for range i {
					s.press("j")
				}
				s.press("enter")
				break
			}
		}
		s.expect(c.decoded...)
		for _, text := range c.raw {
			s.expectNot(text)
		}
		s.press("v")
		s.expect(c.raw...)
		s.expectNot("decoded from")
	}
}

// Text that is not encoded, and what is no text, stays as it is.
func TestOtherBodiesStay(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", messageScript("", "Gr=C3=BC=C3=9Fe is no encoding here"))
	sim.Play("smtp://mail.example.com:587", messageScript("Content-Type: application/pdf", "Content-Transfer-Encoding: base64", "", "JVBERi0xLjcKJeLjz9MK"))
	settle(t, sim)
	s := newScreen(t, sim, 120, 100, nil)
	s.press("z", "enter")
	s.expect("JVBERi0xLjcKJeLjz9MK")
	s.expectNot("decoded from")
	s.press("q", "k", "enter")
	s.expect("Gr=C3=BC=C3=9Fe is no encoding here")
	s.expectNot("decoded from")
}
