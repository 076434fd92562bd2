package panes

import (
	"fmt"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/tui/draw"
)

// A tlsPane shows TLS on both legs of a session: what was agreed, the
// certificates and what to think of them.
type tlsPane struct {
	page
	theme   *draw.Theme
	session *Session
	text    draw.Text
}

// newTLSPane returns an empty pane.
func newTLSPane(t *draw.Theme) *tlsPane {
	m := &tlsPane{theme: t, text: draw.Text{Theme: t}}
	m.page = newPage(&m.text, t, m.build, nil)
	return m
}

func (m *tlsPane) build(s *Session) {
	m.session = s
	m.text.Lines = m.text.Lines[:0]
	var client, server []*facts.TLS
	var hellos []*facts.Hello
	for _, e := range s.Entries {
		switch f := e.Fact.(type) {
		case *facts.TLS:
			if f.Leg == who.ServerLeg {
				server = append(server, f)
			} else {
				client = append(client, f)
			}
		case *facts.Hello:
			hellos = append(hellos, f)
		}
	}
	m.leg("Client to smtptap", "smtptap shows the client a certificate of its own authority here", client)
	m.blank()
	m.leg("smtptap to the server", "", server)
	for _, h := range hellos {
		m.blank()
		m.heading("A handshake that was not opened", "")
		m.hello(h)
	}
	if len(client)+len(server)+len(hellos) == 0 {
		m.blank()
		m.unencrypted()
	}
}

// unencrypted says why there was no TLS, as far as the dialogue shows it.
func (m *tlsPane) unencrypted() {
	offered, asked := false, false
	for _, e := range m.session.Entries {
		if e.Event == nil {
			continue
		}
		if r := e.Event.Reply; r != nil {
			for _, k := range r.EHLO {
				offered = offered || k.Name == "STARTTLS"
			}
		}
		if c := e.Event.Command; c != nil {
			asked = asked || c.Verb == "STARTTLS"
		}
	}
	switch {
	case m.session.Lack(decode.LackTLS):
		m.say("A pasted log does not show how TLS was agreed.")
	case asked:
		m.say("The client asked for STARTTLS, but no handshake followed.")
	case offered:
		m.say("The server offered STARTTLS. The client did not ask for it.")
	default:
		m.say("STARTTLS was not offered.")
	}
}

func (m *tlsPane) say(text string) {
	m.text.Lines = append(m.text.Lines, draw.TextLine(text, m.theme.Meaning))
}
func (m *tlsPane) blank() { m.text.Lines = append(m.text.Lines, draw.Line{}) }

func (m *tlsPane) heading(text, more string) {
	m.text.Lines = append(m.text.Lines, draw.Line{
		Label: draw.Rule(m.theme.Marks.Rule, 2) + " " + text + "  ", LabelStyle: m.theme.Strong,
		Text: more, Style: m.theme.Dim, Cut: true,
	})
}

const tlsLabelWidth = 16

func (m *tlsPane) fact(label, text string, style draw.Style) {
	if text != "" {
		m.text.Lines = append(m.text.Lines, draw.Line{
			Indent: 3, Label: label, LabelWidth: tlsLabelWidth, LabelStyle: m.theme.Dim, Text: visible.Text(text), Style: style,
		})
	}
}

func (m *tlsPane) leg(name, more string, all []*facts.TLS) {
	if len(all) == 0 {
		m.heading(name, "")
		m.fact("not encrypted", " ", m.theme.Plain)
		return
	}
	for i, f := range all {
		if i > 0 {
			m.blank()
		}
		m.heading(name, more)
		m.handshake(f)
	}
}

// handshake shows what was agreed, the verdict first.
func (m *tlsPane) handshake(f *facts.TLS) {
	plain := m.theme.Plain
	switch {
	case f.Err != "":
		m.fact(m.theme.Marks.Refused+" failed", f.Err, m.theme.Bad)
		m.fact("alert", strings.TrimSpace(f.Alert+by(f.By)), m.theme.Bad)
	case f.Leg == who.ServerLeg && f.Verified:
		m.fact(m.theme.Marks.Sent+" verified", "the certificate is good for this server", m.theme.Good)
	case f.Leg == who.ServerLeg:
		m.fact(m.theme.Marks.Failed+" not verified", strings.TrimPrefix(f.Verdict+": "+f.Reason, ": "), m.theme.Warn)
	default:
		m.fact(m.theme.Marks.Sent+" agreed", "the client accepted smtptap's certificate", m.theme.Good)
	}
	began := "by STARTTLS"
	if f.Implicit {
		began = "from the first byte"
	}
	m.fact("began", began, plain)
	m.fact("version", f.Version, plain)
	m.fact("cipher", f.Cipher, plain)
	m.fact("server name", f.SNI, plain)
	m.fact("ALPN", f.ALPN, plain)
	if f.Resumed {
		m.fact("resumed", "an earlier TLS session went on", plain)
	}
	if f.ClientCert {
		m.fact("client cert", "the server asked for a certificate of the client", plain)
	}
	m.fact("took", units.Time(f.Took), plain)
	for i := range f.Chain {
		m.certificate(i, &f.Chain[i])
	}
	if f.Hello != nil {
		m.hello(f.Hello)
	}
}

func by(p who.Party) string {
	if p == 0 {
		return ""
	}
	return " sent by the " + p.String()
}

func (m *tlsPane) hello(h *facts.Hello) {
	m.fact("client offers", strings.Join(h.Versions, ", "), m.theme.Plain)
	m.fact("", strings.Join(h.Ciphers, ", "), m.theme.Dim)
	m.fact("for", h.SNI, m.theme.Plain)
	m.fact("seen", h.Why, m.theme.Dim)
}

func (m *tlsPane) certificate(i int, c *facts.Certificate) {
	label := "certificate"
	if i > 0 {
		label = "issued by"
	}
	m.fact(label, c.Subject, m.theme.Strong)
	m.fact("", strings.Join(c.Names, ", "), m.theme.Plain)
	style := m.theme.Plain
	text := c.NotBefore.UTC().Format("2006-01-02") + " to " + c.NotAfter.UTC().Format("2006-01-02")
	at := m.session.Started
	switch left := c.NotAfter.Sub(at); {
	case at.IsZero():
	case left < 0:
		text, style = text+", expired "+days(-left)+" before the session", m.theme.Bad
	case at.Before(c.NotBefore):
		text, style = text+", not valid yet", m.theme.Bad
	default:
		text += ", " + days(left) + " left"
		if left < 14*24*time.Hour {
			style = m.theme.Warn
		}
	}
	m.fact("valid", text, style)
	m.fact("issuer", c.Issuer, m.theme.Plain)
	m.fact("key", c.Key, m.theme.Plain)
	m.fact("SHA-256", c.SHA256, m.theme.Dim)
}

func days(d time.Duration) string {
	if n := int(d.Hours() / 24); n != 1 {
		return fmt.Sprintf("%d days", n)
	}
	return "1 day"
}
