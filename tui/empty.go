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
	return panes.NewHelp(m.theme, title, m.options.Lang)
}

// emptyScreen is the screen before the first session: what to do to see one.
func (m *model) emptyScreen(width, height int) []string {
	t := m.theme
	var all []draw.Line
	say := func(label, text string) {
		all = append(all, draw.Line{Indent: 3, Label: label, LabelWidth: 13, LabelStyle: t.Key, Text: text, AsSent: true})
	}
	if m.options.View || len(m.options.Listen) == 0 {
		all = append(all, draw.Line{}, draw.Line{Indent: 3, Text: "No recording is open.", Style: t.Strong}, draw.Line{})
		say("o", "opens one")
		say("", "recordings are made by smtptap as sessions pass through it")
		return m.rows(all, width)
	}
	host, port := m.clientAddress()
	all = append(all, draw.Line{},
		draw.Line{Indent: 3, Text: "Waiting for the first session.", Style: t.Strong},
		draw.Line{Indent: 3, Text: "Point a mail client at " + host + " port " + port + "; what it says goes " + m.targetWords() + ".", Style: t.Meaning},
		draw.Line{})
	say("swaks", "swaks --server "+host+":"+port+" --from ann@example.com --to bob@example.net")
	all = append(all, draw.Line{})
	say("PHPMailer", "$mail->isSMTP(); $mail->Host = '"+host+"'; $mail->Port = "+port+";")
	say("", "$mail->SMTPAutoTLS = false;  // or trust the authority below")
	all = append(all, draw.Line{})
	say("nodemailer", "nodemailer.createTransport({host: '"+host+"', port: "+port+", ignoreTLS: true})")
	all = append(all, draw.Line{})
	say("smtplib", "smtplib.SMTP('"+host+"', "+port+").send_message(message)")
	if m.options.CA != "" {
		all = append(all, draw.Line{})
		say("TLS", "clients must trust "+visible.Text(m.options.CA))
		say("", "smtptap ca howto phpmailer   says how; nodemailer, smtplib, curl, ... likewise")
	}
	return m.rows(all, width)
}

// targetWords says where the target leads.
func (m *model) targetWords() string {
	switch to := m.options.Target; to {
	case "sink":
		return "to a server inside smtptap, which accepts all and delivers nothing"
	case "mx":
		return "to the mail servers of each recipient's domain"
	default:
		return "to " + visible.Text(to) + " unchanged"
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
