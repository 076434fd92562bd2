package panes

import (
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
	m.leg(m.theme.Say("tls-client"), m.theme.Say("tls-client-more"), client)
	m.blank()
	m.leg(m.theme.Say("tls-server"), "", server)
	for _, h := range hellos {
		m.blank()
		m.heading(m.theme.Say("tls-unopened"), "")
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
		m.say(m.theme.Say("tls-not-in-log"))
	case asked:
		m.say(m.theme.Say("tls-no-handshake"))
	case offered:
		m.say(m.theme.Say("tls-not-asked"))
	default:
		m.say(m.theme.Say("tls-not-offered"))
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
		m.fact(m.theme.Say("tls-none"), " ", m.theme.Plain)
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
		m.fact(m.theme.Marks.Refused+" "+m.theme.Say("tls-failed"), f.Err.In(m.theme.Lang), m.theme.Bad)
		m.fact(m.theme.Say("tls-alert"), m.alert(f), m.theme.Bad)
	case f.Leg == who.ServerLeg && f.Verified:
		m.fact(m.theme.Marks.Sent+" "+m.theme.Say("tls-verified"), m.theme.Say("tls-verified-more"), m.theme.Good)
	case f.Leg == who.ServerLeg:
		m.fact(m.theme.Marks.Failed+" "+m.theme.Say("tls-not-verified"), strings.TrimPrefix(f.Verdict+": "+f.Reason.In(m.theme.Lang), ": "), m.theme.Warn)
	default:
		m.fact(m.theme.Marks.Sent+" "+m.theme.Say("tls-agreed"), m.theme.Say("tls-agreed-more"), m.theme.Good)
	}
	began := m.theme.Say("tls-by-starttls")
	if f.Implicit {
		began = m.theme.Say("tls-implicit")
	}
	m.fact(m.theme.Say("tls-began"), began, plain)
	m.fact(m.theme.Say("tls-version"), f.Version, plain)
	m.fact(m.theme.Say("tls-cipher"), f.Cipher, plain)
	m.fact(m.theme.Say("tls-name"), f.SNI, plain)
	m.fact("ALPN", f.ALPN, plain)
	if f.Resumed {
		m.fact(m.theme.Say("tls-resumed"), m.theme.Say("tls-resumed-more"), plain)
	}
	if f.ClientCert {
		m.fact(m.theme.Say("tls-client-cert"), m.theme.Say("tls-client-cert-more"), plain)
	}
	m.fact(m.theme.Say("tls-took"), units.Time(f.Took), plain)
	for i := range f.Chain {
		m.certificate(i, &f.Chain[i])
	}
	if f.Hello != nil {
		m.hello(f.Hello)
	}
}

// alert names the alert and who sent it.
func (m *tlsPane) alert(f *facts.TLS) string {
	if f.By == 0 {
		return f.Alert
	}
	return strings.TrimSpace(f.Alert + " " + m.theme.Say("tls-alert-by-"+f.By.String()))
}

func (m *tlsPane) hello(h *facts.Hello) {
	m.fact(m.theme.Say("tls-offers"), strings.Join(h.Versions, ", "), m.theme.Plain)
	m.fact("", strings.Join(h.Ciphers, ", "), m.theme.Dim)
	m.fact(m.theme.Say("tls-name"), h.SNI, m.theme.Plain)
	m.fact(m.theme.Say("label-seen"), h.Why, m.theme.Dim)
}

func (m *tlsPane) certificate(i int, c *facts.Certificate) {
	label := m.theme.Say("certificate")
	if i > 0 {
		label = m.theme.Say("certificate-by")
	}
	m.fact(label, c.Subject, m.theme.Strong)
	m.fact("", strings.Join(c.Names, ", "), m.theme.Plain)
	style := m.theme.Plain
	text := m.theme.Say("valid-dates", "from", c.NotBefore.UTC().Format("2006-01-02"), "to", c.NotAfter.UTC().Format("2006-01-02"))
	at := m.session.Started
	switch left := c.NotAfter.Sub(at); {
	case at.IsZero():
	case left < 0:
		text, style = text+m.theme.Say("list-separator")+m.theme.Count("expired", days(-left)), m.theme.Bad
	case at.Before(c.NotBefore):
		text, style = text+m.theme.Say("list-separator")+m.theme.Say("not-valid-yet"), m.theme.Bad
	default:
		text += m.theme.Say("list-separator") + m.theme.Count("days-left", days(left))
		if left < 14*24*time.Hour {
			style = m.theme.Warn
		}
	}
	m.fact(m.theme.Say("valid"), text, style)
	m.fact(m.theme.Say("issuer"), c.Issuer, m.theme.Plain)
	m.fact(m.theme.Say("key"), c.Key, m.theme.Plain)
	m.fact("SHA-256", c.SHA256, m.theme.Dim)
}

func days(d time.Duration) int { return int(d.Hours() / 24) }
