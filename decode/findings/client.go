package findings

import (
	"strings"

	"smtptap/decode"
)

// clientKind is the program that the client is, by its id in the catalogue.
type clientKind string

const (
	clientUnknown    clientKind = ""
	clientPHPMailer  clientKind = "phpmailer"
	clientNodemailer clientKind = "nodemailer"
	clientPython     clientKind = "python"
	clientSymfony    clientKind = "symfony"
	clientWordPress  clientKind = "wordpress"
	clientJava       clientKind = "java"
)

// dialectClients are the clients by the dialect of their log.
var dialectClients = []struct {
	prefix string
	kind   clientKind
}{
	{"wp-mail-smtp", clientWordPress}, {"phpmailer", clientPHPMailer}, {"nodemailer", clientNodemailer},
	{"smtplib", clientPython}, {"symfony", clientSymfony}, {"swiftmailer", clientSymfony}, {"laravel", clientSymfony},
	{"swaks", "swaks"}, {"curl", "curl"}, {"msmtp", "msmtp"}, {"javamail", clientJava}, {"roundcube", "roundcube"},
	{"dokuwiki", "dokuwiki"}, {"wiremail", "wiremail"},
}

// mailerClients are the clients by what they write into X-Mailer or User-Agent.
var mailerClients = []struct {
	part string
	kind clientKind
}{
	{"wpmailsmtp", clientWordPress}, {"phpmailer", clientPHPMailer}, {"nodemailer", clientNodemailer},
	{"swiftmailer", clientSymfony}, {"symfony", clientSymfony}, {"swaks", "swaks"}, {"mutt", "mutt"},
	{"thunderbird", "thunderbird"}, {"outlook", "outlook"},
}

// boundaryClients are the clients by the boundaries that they make.
var boundaryClients = []struct {
	prefix string
	kind   clientKind
}{
	{"b1_", clientPHPMailer}, {"b2_", clientPHPMailer}, {"--_nmp-", clientNodemailer}, {"_=_swift", clientSymfony},
	{"===============", clientPython}, {"----=_part_", clientJava},
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
			return clientPython
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

// isPHPMailer reports PHPMailer itself or WordPress around it.
func (s *session) isPHPMailer() bool {
	return s.client == clientPHPMailer || s.client == clientWordPress
}
