package findings

import (
	"slices"
	"strings"

	"smtptap/decode"
)

// clientKind is the program that the client is, by its id in the catalogue.
type clientKind string

const (
	clientUnknown   clientKind = ""
	clientPHPMailer clientKind = "phpmailer"
	clientPython    clientKind = "python"
	clientWordPress clientKind = "wordpress"
)

// recognise tells the client by its log's dialect, by what it writes into its
// messages, by its manners, or by the words of its errors.
func (s *session) recognise() clientKind {
	if kind := clientWhere(func(c *clientData) bool { return beginsWith(s.t.Dialect, c.Dialects) }); kind != clientUnknown {
		return kind
	}
	for _, i := range s.fields {
		if kind := fieldClient(s.ev(i).Header); kind != clientUnknown {
			return kind
		}
	}
	for _, i := range s.commands {
		// Only smtplib writes its verbs in this mixture.
		raw := string(s.ev(i).Raw)
		if strings.HasPrefix(raw, "mail FROM:") || strings.HasPrefix(raw, "rcpt TO:") {
			return clientPython
		}
	}
	for _, said := range s.says {
		if kind := clientWhere(func(c *clientData) bool { return containsAny(said.folded, c.Marks) }); kind != clientUnknown {
			return kind
		}
	}
	return clientUnknown
}

// clientWhere is the first client that something holds for; one that sends
// through another goes before that one.
func clientWhere(holds func(*clientData) bool) clientKind {
	all := clients()
	for _, through := range []bool{true, false} {
		for i := range all {
			if c := &all[i]; (c.Uses != "") == through && holds(c) {
				return clientKind(c.ID)
			}
		}
	}
	return clientUnknown
}

func beginsWith(s string, any []string) bool {
	return slices.ContainsFunc(any, func(p string) bool { return strings.HasPrefix(s, p) })
}

func fieldClient(h *decode.Header) clientKind {
	value := strings.ToLower(h.Value)
	switch strings.ToLower(h.Name) {
	case "x-mailer", "user-agent":
		return clientWhere(func(c *clientData) bool { return containsAny(value, c.Mailers) })
	case "content-type":
		if _, boundary, found := strings.Cut(value, "boundary="); found {
			boundary = strings.TrimLeft(boundary, `"`)
			return clientWhere(func(c *clientData) bool { return beginsWith(boundary, c.Boundaries) })
		}
	}
	return clientUnknown
}

// isPHPMailer reports PHPMailer itself or WordPress around it.
func (s *session) isPHPMailer() bool {
	return s.client == clientPHPMailer || s.client == clientWordPress
}
