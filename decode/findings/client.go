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
)

// recognise tells the client by its log's dialect, by its X-Mailer, or by its
// manners.
func recognise(v *view) clientKind {
	for _, d := range []struct {
		prefix string
		kind   clientKind
	}{{"wp-mail", clientWordPress}, {"phpmailer", clientPHPMailer}, {"nodemailer", clientNodemailer}, {"smtplib", clientSmtplib}, {"symfony", clientSymfony}, {"swiftmailer", clientSymfony}} {
		if strings.HasPrefix(v.t.Dialect, d.prefix) {
			return d.kind
		}
	}
	for _, e := range v.t.Entries {
		if e.Event == nil {
			continue
		}
		if h := e.Event.Header; h != nil && (strings.EqualFold(h.Name, "X-Mailer") || strings.EqualFold(h.Name, "User-Agent")) {
			lower := strings.ToLower(h.Value)
			for name, kind := range map[string]clientKind{"phpmailer": clientPHPMailer, "nodemailer": clientNodemailer, "wpmailsmtp": clientWordPress} {
				if strings.Contains(lower, name) {
					return kind
				}
			}
		}
		if c := e.Event.Command; c != nil && (strings.HasPrefix(string(e.Event.Raw), "ehlo ") || strings.HasPrefix(string(e.Event.Raw), "mail FROM:")) {
			return clientSmtplib
		}
	}
	return clientUnknown
}

// Client is the program that the client of a session seems to be, "" when it
// can't be told. Its own fix is the one to show first.
func Client(t *decode.Transcript) string { return string(newView(t).client) }

// For is the fix in the terms of that client, "" when none is known.
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
			return f.PHPMailer
		}
		return f.WordPress
	}
	return ""
}

// clientRules are about what clients do or say by themselves.
var clientRules = []rule{
	{id: "PM-INVALID-HOST", severity: Failure,
		any:     []when{{client: `invalid host(entry)?:`}},
		text:    "PHPMailer found no usable host name: {says}",
		cause:   "Host holds a URL, a path or characters that host names can't have.",
		fix:     Fix{General: "Give the bare host name", PHPMailer: "$mail->Host = 'smtp.example.com';"},
		sources: []string{"PHPMailer#1488"}},
	{id: "PM-OPENSSL-MISSING", severity: Failure,
		any:     []when{{client: `extension missing: openssl|unable to find the socket transport "?(ssl|tls)|ssl support is not available`}},
		text:    "PHP has no OpenSSL extension, so there is no encryption",
		cause:   "The extension is not installed or not enabled in the php.ini that this PHP reads.",
		fix:     Fix{General: "Enable extension=openssl in php.ini and restart PHP"},
		sources: []string{"php.net: OpenSSL installation"}},
	{id: "PM-STREAM-DISABLED", severity: Warning,
		any:     []when{{client: `stream_socket_client not available|stream_socket_client\(\) has been disabled`}},
		text:    "stream_socket_client is disabled, so TLS options have no effect",
		cause:   "The host forbids the function in php.ini (disable_functions).",
		fix:     Fix{General: "Let the host enable stream_socket_client"},
		sources: []string{"php.net: disable_functions"}},
	{id: "PM-NOT-SMTP", severity: Failure,
		any:     []when{{client: `could not instantiate mail function|sendmail: .*not found|sendmail_path`}},
		text:    "PHPMailer does not use SMTP at all, but PHP's mail()",
		cause:   "isSMTP() was not called, or was undone later.",
		fix:     Fix{General: "Choose SMTP", PHPMailer: "$mail->isSMTP();"},
		sources: []string{"PHPMailer wiki Troubleshooting"}},
	{id: "PM-EMPTY-BODY", severity: Failure,
		any:     []when{{client: `message body empty`}},
		text:    "PHPMailer refuses to send an empty body",
		cause:   "Body is empty, or \"0\".",
		fix:     Fix{General: "Fill the body", PHPMailer: "$mail->Body = '…'; // or $mail->AllowEmpty = true;"},
		sources: []string{"PHPMailer source, preSend"}},
	{id: "PM-SMTPSECURE-VALUE", severity: Failure,
		any:     []when{{client: `SMTPSecure:? ?'?(TLS|SSL|starttls|STARTTLS|true|1)'?\s*$`, and: caseSensitive}},
		text:    "SMTPSecure has a value that PHPMailer does not know",
		cause:   "Only 'tls' and 'ssl' in lower case count; anything else means no encryption.",
		fix:     Fix{General: "Use the constants", PHPMailer: "$mail->SMTPSecure = PHPMailer::ENCRYPTION_STARTTLS;"},
		sources: []string{"PHPMailer documentation: SMTPSecure"}},
	{id: "PM-IDN-DROPPED", severity: Failure,
		any:     []when{{client: `Invalid address:.*[^\x00-\x7f]|idn_to_ascii`}},
		text:    "an address with an international domain was dropped",
		cause:   "PHPMailer needs PHP's intl extension to convert such domains.",
		fix:     Fix{General: "Install the intl extension", PHPMailer: "apt-get install php-intl; check the return value of addAddress()"},
		sources: []string{"PHPMailer documentation: punyencodeAddress"}},
	{id: "PM-FORK-SHARED-SOCKET", severity: Failure,
		any:     []when{{client: `bad record mac|decryption failed or bad record|SSL3_GET_RECORD`}},
		text:    "encrypted data got mixed up: two processes share one connection",
		cause:   "A process was forked while the SMTP connection was open; parent and child use the same TLS state.",
		fix:     Fix{General: "Close the connection before forking, or connect in each process", PHPMailer: "$mail->smtpClose(); // before pcntl_fork()"},
		sources: []string{"PHPMailer#2230"}},
	{id: "HEADER-INJECTION", severity: Failure,
		any:     []when{{client: `contained line breaks`}},
		test:    injectedHeader,
		text:    "a value with a line break made a header field or command of its own",
		cause:   "Text from a form was put into a header or address without being checked; that is how spammers misuse forms.",
		fix:     Fix{General: "Refuse line breaks in names, subjects and addresses", PHPMailer: "update PHPMailer (5.2.14 and later refuse them)"},
		sources: []string{"CVE-2015-8476", "OWASP: email header injection"}},
	{id: "PM-QUIT-AFTER-DEAD", severity: Advice, noise: true,
		any:     []when{{client: `QUIT command failed:?\s*$`}},
		text:    "QUIT on a connection that was gone already",
		cause:   "PHPMailer says goodbye after every failure.",
		fix:     Fix{General: "Nothing to mend here; look at what came before"},
		sources: []string{"PHPMailer source, SMTP.php"}},
	{id: "PM-RSET-AFTER-TLS-FAIL", severity: Advice, noise: true,
		any:     []when{{client: `called reset\(\) without being connected|RSET command failed`}},
		text:    "RSET on a connection whose TLS had failed",
		cause:   "The clean-up behind a failed handshake fails as well.",
		fix:     Fix{General: "Nothing to mend here; look at the handshake"},
		sources: []string{"PHPMailer#1357"}},
	{id: "PM-TIMELIMIT", severity: Advice,
		any:     []when{{client: `select timed-out in|timelimit reached|stream timed-out`}},
		text:    "PHPMailer waited for a silent server",
		cause:   "Timeout covers connecting and single reads; the wait for a reply is SMTP::$Timelimit, 300 s by default.",
		fix:     Fix{General: "Shorten both", PHPMailer: "$mail->Timeout = 20; $mail->getSMTPInstance()->Timelimit = 20;"},
		sources: []string{"PHPMailer source, SMTP::$Timelimit"}},
	{id: "DEBUG-LEFT-ON", severity: Advice, test: debugLeaks,
		text:    "the debug output shows credentials",
		cause:   "Debug output of older clients, and of PHPMailer at level 4, holds the encoded password; base64 is no protection.",
		fix:     Fix{General: "Change a password that was posted; switch debugging off in production", PHPMailer: "$mail->SMTPDebug = SMTP::DEBUG_OFF;"},
		sources: []string{"PHPMailer documentation: SMTPDebug"}},
	{id: "CLIENT-SENDER-INVALID", severity: Failure,
		any:     []when{{client: `invalid address:?\s+\(?(from|sender|setFrom)|Email "[^"]*" does not comply|could not parse .*address|Address in mailbox given`}},
		text:    "the client's library refused an address before anything was sent: {says}",
		cause:   "The address is malformed or empty.",
		fix:     Fix{General: "Check the address that the program puts in", PHPMailer: "$mail->setFrom('user@example.com');"},
		sources: []string{"RFC 5321 section 4.1.2"}},
}

func caseSensitive(v *view, i int) bool {
	for _, s := range v.says {
		if s.entry != i {
			continue
		}
		_, value, _ := strings.Cut(s.text, ":")
		value = strings.Trim(strings.TrimSpace(value), "'\"")
		return value != "tls" && value != "ssl" && value != ""
	}
	return false
}

// injectedHeader finds envelope-like fields that a subject or name smuggled in:
// a Bcc behind the Subject in a message of a library that never writes Bcc.
func injectedHeader(v *view) []int {
	if v.client != clientPHPMailer {
		return nil
	}
	for i, e := range v.t.Entries {
		if e.Event != nil && e.Event.Header != nil && strings.EqualFold(e.Event.Header.Name, "Bcc") {
			return []int{i}
		}
	}
	return nil
}

func debugLeaks(v *view) []int {
	if v.t.Source != decode.SourceLog || v.t.Lack(decode.LackCredentials) {
		return nil
	}
	return v.eachMask(func(_ int, m *decode.Mask) bool {
		return (m.What == "password" || m.What == "credentials" || m.What == "token") && !hasFact(m, decode.FactEmpty)
	})
}
