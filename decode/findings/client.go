package findings

import (
	"strings"

	"smtptap/decode"
)

// clientKind is the program that the client is.
type clientKind string

const (
	clientUnknown    clientKind = ""
	clientPHPMailer  clientKind = "PHPMailer"
	clientNodemailer clientKind = "nodemailer"
	clientSmtplib    clientKind = "smtplib"
	clientSymfony    clientKind = "Symfony"
	clientWordPress  clientKind = "WordPress"
	clientOther      clientKind = "other"
)

// dialectClients are the clients by the dialect of their log.
var dialectClients = []struct {
	prefix string
	kind   clientKind
}{
	{"wp-mail-smtp", clientWordPress}, {"phpmailer", clientPHPMailer}, {"nodemailer", clientNodemailer},
	{"smtplib", clientSmtplib}, {"symfony", clientSymfony}, {"swiftmailer", clientSymfony}, {"laravel", clientSymfony},
	{"swaks", clientOther}, {"curl", clientOther}, {"msmtp", clientOther}, {"javamail", clientOther}, {"roundcube", clientOther},
	{"dokuwiki", clientOther}, {"wiremail", clientOther},
}

// mailerClients are the clients by what they write into X-Mailer or User-Agent.
var mailerClients = []struct {
	part string
	kind clientKind
}{
	{"wpmailsmtp", clientWordPress}, {"phpmailer", clientPHPMailer}, {"nodemailer", clientNodemailer},
	{"swiftmailer", clientSymfony}, {"symfony", clientSymfony}, {"swaks", clientOther}, {"mutt", clientOther},
	{"thunderbird", clientOther}, {"outlook", clientOther},
}

// boundaryClients are the clients by the boundaries that they make.
var boundaryClients = []struct {
	prefix string
	kind   clientKind
}{
	{"b1_", clientPHPMailer}, {"b2_", clientPHPMailer}, {"--_nmp-", clientNodemailer}, {"_=_swift", clientSymfony},
	{"===============", clientSmtplib}, {"----=_part_", clientOther},
}

// recognise tells the client by its log's dialect, by what it writes into its
// messages, or by its manners.
func (s *session) recognise() clientKind {
	for _, d := range dialectClients {
		if strings.HasPrefix(s.t.Dialect, d.prefix) {
			return d.kind
		}
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
			return clientSmtplib
		}
	}
	return clientUnknown
}

func fieldClient(h *decode.Header) clientKind {
	value := strings.ToLower(h.Value)
	switch strings.ToLower(h.Name) {
	case "x-mailer", "user-agent":
		for _, m := range mailerClients {
			if strings.Contains(value, m.part) {
				return m.kind
			}
		}
	case "content-type":
		_, boundary, found := strings.Cut(value, "boundary=")
		if !found {
			return clientUnknown
		}
		boundary = strings.TrimLeft(boundary, `"`)
		for _, b := range boundaryClients {
			if strings.HasPrefix(boundary, b.prefix) {
				return b.kind
			}
		}
	}
	return clientUnknown
}

// Client is the program that the client of a session seems to be, "" when it
// can't be told. Its own fix is the one to show first.
func Client(t *decode.Transcript) string {
	s := &session{t: t, byName: map[string][]int{}, notes: map[string][]int{}}
	for i := range t.Entries {
		ev := t.Entries[i].Event
		switch {
		case ev == nil:
		case ev.Kind == decode.KindHeader:
			s.fields = append(s.fields, i)
		case ev.Kind == decode.KindCommand:
			s.commands = append(s.commands, i)
		}
	}
	return string(s.recognise())
}

// For is the fix in the terms of that client, as Report.Client names it; ""
// when none is known.
func (f Fix) For(client string) string {
	switch clientKind(client) {
	case clientPHPMailer:
		return f.PHPMailer
	case clientNodemailer:
		return f.Nodemailer
	case clientSmtplib:
		return f.Smtplib
	case clientSymfony:
		return f.Symfony
	case clientWordPress:
		if f.WordPress == "" {
			return f.PHPMailer // which WordPress sends through
		}
		return f.WordPress
	case clientOther:
		return f.Other
	}
	return ""
}

// isPHPMailer reports PHPMailer itself or WordPress around it.
func (s *session) isPHPMailer() bool {
	return s.client == clientPHPMailer || s.client == clientWordPress
}
