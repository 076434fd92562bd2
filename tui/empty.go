package tui

import (
	"net/netip"
	"strings"

	"smtptap/decode/visible"
	"smtptap/tui/draw"
	"smtptap/tui/panes"
)

func newHelp(m *model) overlay {
	title := "smtptap"
	if m.options.Version != "" {
		title += " " + visible.Text(m.options.Version)
	}
	return panes.NewHelp(m.theme, title)
}

// emptyScreen is the screen before the first session: what to do to see one.
func (m *model) emptyScreen(width, height int) []string {
	t := m.theme
	var all []draw.Line
	say := func(label, text string) {
		all = append(all, draw.Line{Indent: 3, Label: label, LabelWidth: 13, LabelStyle: t.Key, Text: text, AsSent: true})
	}
	if m.options.View || len(m.options.Listen) == 0 {
		all = append(all, draw.Line{}, draw.Line{Indent: 3, Text: m.theme.Say("empty-view"), Style: t.Strong}, draw.Line{})
		say("o", m.theme.Say("empty-open"))
		say("", m.theme.Say("empty-made"))
		return m.rows(all, width)
	}
	host, port := m.clientAddress()
	all = append(all, draw.Line{},
		draw.Line{Indent: 3, Text: m.theme.Say("empty-waiting"), Style: t.Strong},
		draw.Line{Indent: 3, Text: m.theme.Say("empty-point", "host", host, "port", port, "where", m.targetWords()), Style: t.Meaning},
		draw.Line{})
	say("swaks", "swaks --server "+host+":"+port+" --from ann@example.com --to bob@example.net")
	all = append(all, draw.Line{})
	say("PHPMailer", "$mail->isSMTP(); $mail->Host = '"+host+"'; $mail->Port = "+port+";")
	say("", "$mail->SMTPAutoTLS = false;  // "+m.theme.Say("empty-or-trust"))
	all = append(all, draw.Line{})
	say("nodemailer", "nodemailer.createTransport({host: '"+host+"', port: "+port+", ignoreTLS: true})")
	all = append(all, draw.Line{})
	say("smtplib", "smtplib.SMTP('"+host+"', "+port+").send_message(message)")
	if m.options.CA != "" {
		all = append(all, draw.Line{})
		say("TLS", m.theme.Say("empty-trust", "file", visible.Text(m.options.CA)))
		say("", "smtptap ca howto phpmailer   "+m.theme.Say("empty-howto"))
	}
	return m.rows(all, width)
}

// targetWords says where the target leads.
func (m *model) targetWords() string {
	switch to := m.options.Target; to {
	case "sink":
		return m.theme.Say("to-sink")
	case "mx":
		return m.theme.Say("to-mx")
	default:
		return m.theme.Say("to-server", "server", visible.Text(to))
	}
}

// clientAddress is the address that a client on this machine uses.
func (m *model) clientAddress() (host, port string) {
	addr := strings.TrimPrefix(m.options.Listen[0], "tls:")
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return addr, "2525"
	}
	host, port = strings.Trim(addr[:i], "[]"), addr[i+1:]
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return host, port
}

func (m *model) rows(all []draw.Line, width int) []string {
	var rows []string
	for i := range all {
		for _, row := range all[i].Rows(width, m.theme.Marks.Ellipsis) {
			rows = append(rows, draw.Cut(row, width, ""))
		}
	}
	return rows
}
