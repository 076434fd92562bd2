package findings

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
)

const (
	starttls = "$mail->SMTPSecure = PHPMailer::ENCRYPTION_STARTTLS; $mail->Port = 587;"
	smtps    = "$mail->SMTPSecure = PHPMailer::ENCRYPTION_SMTPS; $mail->Port = 465;"
	cafile   = "$mail->SMTPOptions = ['ssl' => ['cafile' => '/path/to/ca.pem']]; // for smtptap's own: see `smtptap ca howto phpmailer`"
)

// tlsRules are about encryption.
var tlsRules = []rule{
	{id: "TLS-ON-PLAINTEXT-PORT", severity: Failure, test: tlsOnPlainPort,
		any:   []when{{client: `wrong version number|unknown protocol|packet length too long|first record does not look like a TLS handshake|SSL23_GET_SERVER_HELLO|not an SSL/TLS|Unrecognized SSL message|plaintext connection`}},
		text:  "the client starts TLS at once on a port where the server speaks plain SMTP first",
		cause: "Implicit TLS belongs to port 465. On 587 and 25 the session begins in clear and is upgraded with STARTTLS.",
		fix: Fix{General: "Use STARTTLS on 587, or implicit TLS on 465", PHPMailer: starttls + " // or ENCRYPTION_SMTPS with 465",
			Nodemailer: "secure: false, port: 587 // or secure: true, port: 465", Smtplib: "smtplib.SMTP(host, 587) and starttls(); SMTP_SSL is for 465",
			Symfony: "MAILER_DSN=smtp://…:587 (not smtps://); Laravel: MAIL_ENCRYPTION=tls", WordPress: "WP Mail SMTP: encryption TLS with 587, SSL with 465"},
		sources: []string{"RFC 8314 section 3.3", "PHPMailer#1380"}},
	{id: "PLAIN-ON-IMPLICIT-TLS-PORT", severity: Failure, test: plainOnTLSPort,
		any:   []when{{client: `(465|smtps).*(timed out|timeout|empty greeting)`}},
		text:  "client and server wait for each other: the port expects TLS from the first byte, the client a greeting",
		cause: "Port 465 speaks TLS at once. A client that waits for a plain greeting there never gets one.",
		fix: Fix{General: "Use implicit TLS with port 465, or STARTTLS with 587", PHPMailer: smtps,
			Nodemailer: "secure: true, port: 465", Smtplib: "smtplib.SMTP_SSL(host, 465)", Symfony: "MAILER_DSN=smtps://…:465"},
		sources: []string{"RFC 8314 section 3.3"}},
	{id: "STARTTLS-INSIDE-TLS", severity: Failure,
		any:     []when{{to: "STARTTLS", code: "5..", text: `tls already active|already (in|using) tls|already encrypted`}, {to: "STARTTLS", code: "503", and: insideTLS}},
		text:    "STARTTLS inside a connection that is encrypted already",
		cause:   "The port speaks TLS from the first byte; there is nothing left to start.",
		fix:     Fix{General: "Use implicit TLS only, without STARTTLS", PHPMailer: smtps + " // and Host without tls://", Nodemailer: "secure: true, ignoreTLS: true"},
		sources: []string{"RFC 3207 section 4", "RFC 8314 section 3.3"}},
	{id: "TLS-NAME-MISMATCH", severity: Failure, test: verdictOf("wrong-name"),
		any:   []when{{client: `did not match expected CN|ERR_TLS_CERT_ALTNAME_INVALID|hostname mismatch|hostname/ip does(n't| not) match|doesn't match certificate|not valid for any names|is valid for .*, not |certificate name .*mismatch|no alternative certificate subject name|Host name does not match`}},
		text:  "the server's certificate is for another name than the one that was asked for",
		cause: "The client connects by an alias, an address or a name of its own domain, or another server answers (some hosts redirect outgoing mail).",
		fix: Fix{General: "Connect by a name that the certificate holds; if the certificate belongs to a stranger, outgoing mail is redirected",
			PHPMailer: "$mail->Host = 'name.in.the.certificate'; // or SMTPOptions ssl peer_name", Nodemailer: "host: 'name.in.the.certificate' // or tls: { servername: '…' }",
			Smtplib: "smtplib.SMTP('name.in.the.certificate', 587)"},
		sources: []string{"RFC 6125 section 6", "RFC 7817", "PHPMailer#985"}},
	{id: "TLS-CERT-VERIFY-FAIL", severity: Failure, test: certificateRefused,
		any:   []when{{client: `certificate verify failed|unable to verify the first certificate|self.?signed certificate|unable to get (local )?issuer certificate|certificate has expired|unknown authority|SSLHandshakeException|PKIX path|SSL certificate problem|CERT_HAS_EXPIRED|DEPTH_ZERO_SELF_SIGNED|certificate signed by unknown`}},
		text:  "a certificate was not accepted",
		cause: "The certificate is expired, self-signed, or issued by an authority that the verifying side does not know: an old CA bundle, a test server, or an intercepting proxy such as smtptap itself.",
		fix: Fix{General: "Trust the authority that issued it, or mend the server's certificate; do not switch verification off in production",
			PHPMailer: cafile, Nodemailer: "tls: { ca: fs.readFileSync('/path/to/ca.pem') }", Smtplib: "starttls(context=ssl.create_default_context(cafile='/path/to/ca.pem'))",
			Symfony: "MAILER_DSN=…?verify_peer=1 with openssl.cafile in php.ini", Other: "PHP in general: openssl.cafile=/path/to/ca.pem in php.ini"},
		sources: []string{"RFC 5280 section 6", "PHPMailer wiki Troubleshooting: certificate verification", "PHPMailer#1649"}},
	{id: "TLS-VERSION-MISMATCH", severity: Failure, test: noCommonTLS,
		any:   []when{{client: `unsupported protocol|alert protocol version|no protocols available|no shared cipher|dh key too small|ee key too small|unsafe legacy renegotiation|no common (version|protocol)|tlsv1 alert|protocol version not supported|version too low|no cipher suites in common|NO_SHARED_CIPHER`}},
		text:  "client and server have no TLS version or cipher in common",
		cause: "One side is too old for the other: servers drop TLS 1.0 and 1.1, modern systems refuse small keys and old ciphers.",
		fix: Fix{General: "Update the older side's TLS library; as a stopgap allow the old version on the newer side",
			PHPMailer: "$mail->SMTPOptions = ['ssl' => ['crypto_method' => STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT]];", Nodemailer: "tls: { minVersion: 'TLSv1.2' }",
			Smtplib: "context.minimum_version = ssl.TLSVersion.TLSv1_2"},
		sources: []string{"RFC 8996", "RFC 8997"}},
	{id: "TLS-OPPORTUNISTIC-FAIL", severity: Failure, test: opportunisticFailed,
		text:    "the client started TLS by itself because the server offered it, and the handshake failed",
		cause:   "PHPMailer upgrades to TLS on its own when STARTTLS is in the EHLO reply (SMTPAutoTLS), also when SMTPSecure is empty.",
		fix:     Fix{General: "Mend the certificate problem, or switch the automatic upgrade off for a server on the same machine", PHPMailer: "$mail->SMTPAutoTLS = false; // only for a local server", Nodemailer: "ignoreTLS: true"},
		sources: []string{"PHPMailer SMTPAutoTLS documentation", "PHPMailer#2652"}},
	{id: "TLS-HANDSHAKE-RESET", severity: Failure, test: failedTLSClass("reset", "closed"),
		any:     []when{{client: `(ssl|tls|crypto).*(connection reset|errno ?=? ?104|ECONNRESET|remote end closed|unexpected eof|socket disconnected)`}},
		text:    "the connection was cut during the TLS handshake",
		cause:   "A firewall, an antivirus or the server itself resets the connection when TLS begins; sometimes an old library that can't read a modern ClientHello.",
		fix:     Fix{General: "Try from another network and on the other port (465 or 587); look for inspection on the way"},
		sources: []string{"RFC 8446 section 6"}},
	{id: "TLS-HANDSHAKE-FAIL", severity: Failure, test: failedTLSClass("alert", "other", "timeout", "not-tls", "certificate"),
		any:     []when{{client: `unable to connect with (tls|starttls)|failed to enable crypto|TLS startup failed|stream_socket_enable_crypto|handshake failure|could not convert socket to tls|STARTTLS failed|SSL operation failed|Error upgrading connection|TLS Negotiation failed|Unable to start TLS`}},
		text:    "the TLS handshake failed",
		cause:   "The two sides did not agree on encryption: a certificate that is not trusted, a version or cipher that one side lacks, or a server whose TLS is broken.",
		fix:     Fix{General: "Look at the alert and the certificate in the TLS facts; try `openssl s_client -starttls smtp -connect HOST:587`", PHPMailer: "$mail->SMTPDebug = 3; // PHP's own warning tells the reason since PHPMailer 6.6"},
		sources: []string{"RFC 8446 section 6.2", "PHPMailer#1027"}},
	{id: "TLS-454-UNAVAILABLE", severity: Failure,
		any:     []when{{to: "STARTTLS", code: "454|4.."}},
		text:    "the server can't start TLS now: {reply}",
		cause:   "The server offers STARTTLS but its certificate or key can't be loaded, or it is short of resources.",
		fix:     Fix{General: "Mend the server's TLS configuration; as a client try port 465 or later", PHPMailer: smtps},
		sources: []string{"RFC 3207 section 4"}},
	{id: "STARTTLS-NOT-OFFERED", severity: Failure,
		any:     []when{{to: "STARTTLS", code: "5.."}, {client: `did not advertise STARTTLS|STARTTLS (is )?(not supported|not available)|does not (support|advertise) (STARTTLS|TLS)|TLS required but|STARTTLS extension not supported|Server does not support STARTTLS`}},
		text:    "the client wants STARTTLS, which this server does not offer",
		cause:   "The port or server has no STARTTLS (465 never has), the server is not set up for TLS, or a firewall hides it.",
		fix:     Fix{General: "Use port 465 with implicit TLS, or a port where EHLO lists STARTTLS; on a local server switch encryption off", PHPMailer: "$mail->SMTPSecure = ''; $mail->SMTPAutoTLS = false; // only on the same machine; otherwise " + smtps, Nodemailer: "secure: true, port: 465"},
		sources: []string{"RFC 3207 section 4"}},
	{id: "AUTH-BEFORE-STARTTLS-530", severity: Failure,
		any: []when{{to: "AUTH", code: "530|538|534|504|554|503|454", text: `starttls|encryption required|must issue a starttls|tls (is )?required|ssl required|requires? (tls|ssl|encryption)|secure connection`},
			{to: "AUTH", code: "538"}, {to: "AUTH", enhanced: `5\.7\.11`}},
		text:    "the server wants encryption before the login: {reply}",
		cause:   "The client sent AUTH in clear. The server takes passwords only inside TLS.",
		fix:     Fix{General: "Switch STARTTLS on before AUTH", PHPMailer: starttls, Nodemailer: "port: 587, secure: false, requireTLS: true", Smtplib: "smtp.starttls() before smtp.login()", Symfony: "leave auto_tls on; Laravel: MAIL_ENCRYPTION=tls"},
		sources: []string{"RFC 4954 section 6", "RFC 3207 section 4.1"}},
	{id: "TLS-REQUIRED-530", severity: Failure,
		any:     []when{{to: "MAIL RCPT DATA EHLO HELO", code: "5..", text: `must issue a starttls|starttls (command )?first|tls (is )?required|encryption (is )?required|requires? (tls|encryption)`}},
		text:    "the server takes mail only over TLS: {reply}",
		cause:   "The client did not start TLS although the server wants it.",
		fix:     Fix{General: "Switch STARTTLS on", PHPMailer: starttls, Nodemailer: "requireTLS: true", Smtplib: "smtp.ehlo(); smtp.starttls(); smtp.ehlo()"},
		sources: []string{"RFC 3207 section 4"}},
	{id: "EHLO-MISSING-AFTER-STARTTLS", severity: Failure, test: noEHLOAfterTLS,
		text:    "no EHLO behind STARTTLS, so the server does not know the client any more",
		cause:   "TLS throws away everything that was said before it, the EHLO included.",
		fix:     Fix{General: "Send EHLO again after the handshake", Smtplib: "smtp.starttls(); smtp.ehlo()"},
		sources: []string{"RFC 3207 section 4.2"}},
	{id: "STARTTLS-INJECTION-PIPELINED", severity: Warning, test: noted("starttls-injection"),
		any:     []when{{to: "STARTTLS", enhanced: `[45]\.5\.0`, text: `pipelin`}},
		text:    "clear text was sent behind STARTTLS; smtptap did not let it into TLS",
		cause:   "A client that does not wait for the reply, or an attack that smuggles commands into the encrypted session.",
		fix:     Fix{General: "Wait for the 220 before anything else is sent"},
		sources: []string{"RFC 3207 section 6", "CVE-2011-0411"}},
	{id: "STARTTLS-REPLY-INJECTION", severity: Warning, test: noted("starttls-reply-injection"),
		text:    "the server sent clear text behind its 220 to STARTTLS; smtptap did not let it into TLS",
		cause:   "A broken server, or an attack that puts replies into the encrypted session.",
		fix:     Fix{General: "Find out who answers there; a proper server is silent until the handshake"},
		sources: []string{"RFC 3207 section 6", "nostarttls.secvuln.info"}},
	{id: "PLAINTEXT-IN-TLS", severity: Advice, test: plainInTLS, noise: true,
		any:     []when{{client: `\x15\x03[\x00-\x04]`}},
		text:    "the clear QUIT behind a failed handshake got TLS bytes for an answer",
		cause:   "Some clients try to say goodbye in clear on a connection that is already speaking TLS.",
		fix:     Fix{General: "Nothing to mend here; the handshake before it is the trouble"},
		sources: []string{"RFC 8446 section 6"}},
	{id: "TLS-VERIFY-DISABLED", severity: Warning,
		any:     []when{{client: `'?verify_peer'? ?=> ?false|allow_self_signed'? ?=> ?true|rejectUnauthorized: ?false|InsecureSkipVerify`}},
		text:    "the client does not verify the server's certificate",
		cause:   "Verification was switched off, which lets anybody on the way read the password.",
		fix:     Fix{General: "Trust the right authority instead", PHPMailer: "remove verify_peer => false from SMTPOptions; " + cafile, Nodemailer: "remove rejectUnauthorized: false"},
		sources: []string{"PHPMailer wiki Troubleshooting"}},
	{id: "SUBMIT-ON-25", severity: Advice, test: submitOn25,
		text:    "the client logs in on port 25, which is meant for mail between servers",
		cause:   "Many networks block port 25 or filter it, and many servers offer no AUTH there.",
		fix:     Fix{General: "Use 587 or 465 for sending with a login", PHPMailer: starttls},
		sources: []string{"RFC 6409 section 3.1"}},
}

func insideTLS(v *view, i int) bool { return v.event0(i) != nil && v.event0(i).TLS }

// failedTLS is the entry of a handshake that failed, or -1.
func (v *view) failedTLS() int {
	for i, e := range v.t.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok && f.Err != "" {
			return i
		}
	}
	return -1
}

func failedTLSClass(classes ...string) func(*view) []int {
	return func(v *view) []int {
		i := v.failedTLS()
		if i < 0 {
			return nil
		}
		f := v.t.Entries[i].Fact.(*facts.TLS)
		if certificateAlert(f.Alert) || f.Alert == "protocol_version" || f.Verdict != "" && f.Verdict != "ok" {
			return nil // certificateRefused, noCommonTLS and verdictOf tell more
		}
		for _, c := range classes {
			if f.Class == c {
				return []int{i}
			}
		}
		return nil
	}
}

// verdictOf finds a certificate of the server that was judged so and, because
// of it, refused.
func verdictOf(verdicts ...string) func(*view) []int {
	return func(v *view) []int {
		for i, e := range v.t.Entries {
			f, ok := e.Fact.(*facts.TLS)
			if !ok || f.Leg != facts.ServerLeg || f.Err == "" {
				continue
			}
			for _, verdict := range verdicts {
				if f.Verdict == verdict {
					return []int{i}
				}
			}
		}
		return nil
	}
}

func certificateAlert(alert string) bool {
	switch alert {
	case "unknown_ca", "bad_certificate", "certificate_expired", "certificate_unknown", "unsupported_certificate", "certificate_revoked":
		return true
	}
	return false
}

func certificateRefused(v *view) []int {
	if at := verdictOf("expired", "not-yet-valid", "self-signed", "unknown-authority", "weak-key", "other")(v); at != nil {
		return at
	}
	for i, e := range v.t.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok && f.Err != "" && certificateAlert(f.Alert) {
			return []int{i}
		}
	}
	return v.quitBehindSTARTTLS()
}

// quitBehindSTARTTLS finds what older PHPMailers show of a certificate that
// PHP refused: STARTTLS is accepted, and the next line is QUIT.
func (v *view) quitBehindSTARTTLS() []int {
	if v.secured || v.client != clientPHPMailer && v.client != clientUnknown {
		return nil
	}
	for _, a := range v.answersTo("STARTTLS") {
		if a.reply.Code != 220 {
			continue
		}
		for _, c := range v.commands {
			if c <= a.entry {
				continue
			}
			if cmd := v.event0(c).Command; cmd != nil && (cmd.Verb == "QUIT" || cmd.Verb == "RSET") {
				return []int{a.entry, c}
			}
			return nil
		}
	}
	return nil
}

func noCommonTLS(v *view) []int {
	for i, e := range v.t.Entries {
		f, ok := e.Fact.(*facts.TLS)
		if ok && f.Err != "" && (f.Class == "no-common-version" || f.Class == "no-common-cipher" || f.Alert == "protocol_version" || f.Alert == "insufficient_security") {
			return []int{i}
		}
	}
	return nil
}

func tlsOnPlainPort(v *view) []int {
	if at := noted("not-smtp-tls")(v); at != nil {
		return at
	}
	for i, e := range v.t.Entries {
		if h, ok := e.Fact.(*facts.Hello); ok && h.Why == "on a plain port" {
			return []int{i}
		}
		// The other leg: smtptap spoke TLS first to a server that greets in clear.
		if f, ok := e.Fact.(*facts.TLS); ok && f.Implicit && f.Leg == facts.ServerLeg && f.Class == "not-tls" {
			return []int{i}
		}
	}
	return nil
}

// plainOnTLSPort finds a session in which nobody said anything, on a port that
// speaks TLS, or a client that spoke SMTP to a TLS listener of ours.
func plainOnTLSPort(v *view) []int {
	for i, e := range v.t.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok && f.Implicit && f.Leg == facts.ClientLeg && f.Class == "not-tls" {
			return []int{i}
		}
	}
	if v.greeting >= 0 || len(v.commands) > 0 || v.failedTLS() >= 0 {
		return nil
	}
	for i, e := range v.t.Entries {
		if d, ok := e.Fact.(*facts.Dial); ok && d.Err == "" && strings.HasSuffix(d.Addr, ":465") && !v.serverTLS() {
			return []int{i}
		}
	}
	return nil
}

func (v *view) serverTLS() bool {
	for _, e := range v.t.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok && f.Leg == facts.ServerLeg {
			return true
		}
	}
	return false
}

func opportunisticFailed(v *view) []int {
	auto := false
	for _, s := range v.says {
		lower := strings.ToLower(s.text)
		if strings.HasPrefix(lower, "smtpautotls: bool(true)") {
			auto = true
		}
		if strings.HasPrefix(lower, "smtpsecure:") && strings.TrimSpace(strings.Trim(lower[len("smtpsecure:"):], " '\"")) != "" {
			return nil
		}
	}
	if !auto {
		return nil
	}
	return v.quitBehindSTARTTLS()
}

func noEHLOAfterTLS(v *view) []int {
	for _, a := range v.answersTo("STARTTLS") {
		if a.reply.Code != 220 {
			continue
		}
		for _, c := range v.commands {
			cmd := v.event0(c).Command
			if c <= a.entry || cmd == nil {
				continue
			}
			if cmd.Verb == "AUTH" || cmd.Verb == "MAIL" {
				if r := v.answerTo(c); r != nil && r.reply.Code == 503 {
					return []int{c, r.entry}
				}
			}
			break
		}
	}
	return nil
}

func plainInTLS(v *view) []int {
	for i, e := range v.t.Entries {
		if e.Event != nil && e.Event.Side == decode.Server && len(e.Event.Raw) > 2 && e.Event.Raw[0] == 0x15 && e.Event.Raw[1] == 3 {
			return []int{i}
		}
	}
	return nil
}

func submitOn25(v *view) []int {
	if len(v.auths) == 0 {
		return nil
	}
	for i, e := range v.t.Entries {
		if d, ok := e.Fact.(*facts.Dial); ok && d.Err == "" && strings.HasSuffix(d.Addr, ":25") && !v.local() {
			return []int{i, v.auths[0]}
		}
	}
	return nil
}
