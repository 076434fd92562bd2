package findings

import (
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// tlsRules are about encryption.
var tlsRules = []rule{
	{
		id: "TLS-ON-PLAINTEXT-PORT", severity: Failure, title: "TLS from the first byte on a port that begins in clear",
		find:  tlsOnPlainPort,
		when:  []when{{said: `wrong version number|unknown protocol|packet length too long|first record does not look like a tls handshake|unrecognized ssl message|plaintext connection|\\026\\003|\\x16\\x03`}, {text: `\\026\\003|\\x16\\x03|ssl attempted over a non-ssl|(tls|ssl) (handshake|hello) .{0,30}plain`}},
		text:  "the client starts TLS at once on a port where the server first speaks in clear[: {says}]",
		cause: "TLS from the first byte belongs to port 465. On 587 and 25 the session begins in clear and is upgraded with STARTTLS.",
		fix: Fix{
			General:   "Use STARTTLS with port 587, or port 465 with TLS from the start",
			PHPMailer: phpStartTLS + " // ENCRYPTION_SMTPS belongs to 465", Nodemailer: nodeStartTLS, Smtplib: pyStartTLS, Symfony: symStartTLS + " (not smtps://)",
			WordPress: "WP Mail SMTP: Encryption TLS with port 587, SSL with port 465",
		},
		sources: []string{"RFC 8314 section 3.3", "RFC 3207", "PHPMailer#1380", "awesomemotive/WP-Mail-SMTP#131"},
	},
	{
		id: "PLAIN-ON-IMPLICIT-TLS-PORT", severity: Failure, title: "both wait: the port wants TLS, the client a greeting",
		find:  plainOnTLSPort,
		when:  []when{{said: `http request was sent to https|(:465|port 465).{0,60}(timed? ?out|empty|greeting)`}},
		text:  "client and server wait for each other: the port expects TLS from the first byte, the client a greeting in clear",
		cause: "Such a port (465, sometimes 991, 993, 995) is silent until the client begins TLS. A client without encryption, or with STARTTLS, waits there for ever.",
		fix: Fix{
			General:   "Use TLS from the start with port 465, or STARTTLS with 587; `openssl s_client -connect HOST:PORT` shows which it is",
			PHPMailer: phpSMTPS, Nodemailer: nodeSMTPS, Smtplib: pySMTPS, Symfony: symSMTPS, Other: "JavaMail: mail.smtp.ssl.enable=true",
			WordPress: "WP Mail SMTP: Encryption SSL with port 465",
		},
		sources: []string{"RFC 8314 section 3.3", "nodemailer#1470"},
	},
	{
		id: "STARTTLS-INSIDE-TLS", severity: Failure, title: "STARTTLS inside TLS",
		find:    tlsFailed("STARTTLS-INSIDE-TLS"),
		when:    []when{{to: "STARTTLS", text: `already (active|in|using|running|started|encrypted|negotiated)|in progress`}, {to: "STARTTLS", code: "503 554", also: insideTLS}},
		text:    "STARTTLS on a connection that is encrypted already[: {reply}]",
		cause:   "Both kinds of encryption are switched on: TLS from the first byte and STARTTLS inside it.",
		fix:     Fix{General: "Choose one: on port 465 TLS from the start without STARTTLS", PHPMailer: phpSMTPS + " // and no tls:// in $mail->Host", Nodemailer: nodeSMTPS, Smtplib: pySMTPS + " // without starttls()", Symfony: symSMTPS},
		sources: []string{"RFC 3207 section 4", "RFC 8314 section 3.3", "horst-n/WireMailSmtp#23"},
	},
	{
		id: "TLS-NAME-MISMATCH", severity: Failure, title: "the certificate is for another name",
		find:  tlsFailed("TLS-NAME-MISMATCH"),
		lint:  lint{find: unverified("wrong-name"), severity: Warning, text: "the server's certificate is for another name than the one asked for[: {says}]; a client that verifies would refuse it"},
		when:  []when{{said: `did not match expected cn|unable to locate peer certificate cn|err_tls_cert_altname_invalid|host ?name mismatch|hostname/ip does(n't| not) match|doesn't match certificate|not match(es)? certificate|certificate is valid for .*, not |no alternative certificate subject name|no subject alternative|host ?name .{0,60}does not match|certificate name`}},
		text:  "the server's certificate is for another name than the one asked for[: {says}]",
		cause: "The client connects by an IP address, localhost or an alias that the certificate does not list; or another server answers in its place.",
		fix: Fix{
			General:    "Connect by a name that stands in the certificate; if the certificate is a stranger's, outgoing mail is being redirected",
			PHPMailer:  "$mail->Host = 'name.in.the.certificate'; // or $mail->SMTPOptions = ['ssl' => ['peer_name' => 'name.in.the.certificate']];",
			Nodemailer: "host: 'name.in.the.certificate' // or tls: { servername: '…' }",
			Smtplib:    "smtplib.SMTP('name.in.the.certificate', 587)",
			Symfony:    "MAILER_DSN=smtp://…@name.in.the.certificate:587",
			Other:      "swaks --tls-sni name.in.the.certificate",
		},
		sources: []string{"RFC 9525", "RFC 7817", "PHPMailer#985"},
	},
	{
		id: "TLS-PROXY-CA-UNTRUSTED", severity: Failure, title: "the client does not trust smtptap's certificate",
		find:  tlsFailed("TLS-PROXY-CA-UNTRUSTED"),
		text:  "the client {refused} the certificate that smtptap showed[: {alert}]",
		cause: "To read what is said inside TLS, smtptap shows the client a certificate of its own authority, which the client does not trust until it is told to.",
		fix: Fix{
			General:   "Let the client trust smtptap's authority (`smtptap ca howto`), or run with --starttls pass to hand TLS through unread",
			PHPMailer: phpCAFile + " // the file that `smtptap ca path` names", Nodemailer: "tls: { ca: fs.readFileSync('/path/to/ca.pem') } // or NODE_EXTRA_CA_CERTS",
			Smtplib: "smtp.starttls(context=ssl.create_default_context(cafile='/path/to/ca.pem'))", Symfony: "openssl.cafile=/path/to/ca.pem in php.ini",
			WordPress: "openssl.cafile=/path/to/ca.pem in php.ini, while debugging",
		},
		sources: []string{"RFC 8446 section 6.2", "RFC 5280 section 6"},
	},
	{
		id: "TLS-CERT-VERIFY-FAIL", severity: Failure, title: "the certificate is not accepted",
		find:  tlsFailed("TLS-CERT-VERIFY-FAIL"),
		lint:  lint{find: unverified("expired", "not-yet-valid", "self-signed", "unknown-authority", "weak-key", "other"), severity: Warning, text: "the server's certificate is not good[: {says}]; a client that verifies would refuse it"},
		when:  []when{{said: `certificate verify failed|unable to verify the first certificate|self[- ]?signed certificate|unable to get (local )?issuer|certificate (has|is) expired|unknown authority|sslhandshakeexception|pkix path|ssl certificate problem|cert_has_expired|depth_zero_self_signed|unable_to_verify|certificate is not trusted|certificate rejected|untrusted (root|certificate)`}},
		text:  "the client does not accept the server's certificate[: {says}]",
		cause: "It is expired, self-signed, or issued by an authority that the client does not know: an old CA bundle (openssl.cafile in PHP), a missing intermediate certificate, a test server, or something that intercepts. Older PHPMailers show nothing but STARTTLS, 220 and QUIT.",
		fix: Fix{
			General:   "Mend the server's certificate chain or renew the client's CA bundle; `openssl s_client -starttls smtp -connect HOST:587 -servername HOST` shows the chain. Do not switch verification off",
			PHPMailer: phpCAFile, Nodemailer: "tls: { ca: fs.readFileSync('/path/to/ca.pem') }", Smtplib: "smtp.starttls(context=ssl.create_default_context(cafile='/path/to/ca.pem'))",
			Symfony:   "openssl.cafile=/path/to/ca.pem in php.ini; for a test only MAILER_DSN=…?verify_peer=0",
			WordPress: "renew the CA bundle of PHP (openssl.cafile); ask the host if a firewall redirects the port",
			Other:     "Node.js: NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
		},
		sources: []string{"RFC 5280 section 6", "PHPMailer wiki: Troubleshooting", "PHPMailer#1027", "PHPMailer#1364"},
	},
	{
		id: "TLS-CLIENT-CERT-WANTED", severity: Failure, title: "the server wants a certificate of the client",
		find:  tlsFailed("TLS-CLIENT-CERT-WANTED"),
		when:  []when{{said: `certificate[ _]required|peer did not return a certificate|no (client )?certificate (was )?(presented|returned|supplied|given)|client certificate (is )?(required|needed|missing)`}},
		text:  "the server asked for a certificate of the client, and left without a word behind the handshake",
		cause: "It lets in only clients that show a certificate it knows. In TLS 1.3 it looks at that when the handshake is over for the client, so that all seems well up to there.",
		fix: Fix{
			General:    "Give smtptap the client's certificate with --client-cert, and see that the server trusts its issuer; with --starttls pass the client shows its own",
			PHPMailer:  "$mail->SMTPOptions = ['ssl' => ['local_cert' => '/path/to/client.pem', 'local_pk' => '/path/to/client.key']];",
			Nodemailer: "tls: { cert: fs.readFileSync('client.pem'), key: fs.readFileSync('client.key') }", Smtplib: "context.load_cert_chain('client.pem', 'client.key')",
			Other: "swaks --tls-cert client.pem --tls-key client.key",
		},
		sources: []string{"RFC 8446 section 4.4.2.4", "RFC 8446 section 6.2", "postfix.org: smtpd_tls_req_ccert"},
	},
	{
		id: "TLS-VERSION-MISMATCH", severity: Failure, title: "no TLS version or cipher in common",
		find:  tlsFailed("TLS-VERSION-MISMATCH"),
		when:  []when{{said: `unsupported protocol|alert protocol version|protocol_version|no protocols available|no shared cipher|(dh|ee) key too small|unsafe legacy renegotiation|no common (version|protocol)|protocol version not supported|version too low|no cipher suites? in common|no_shared_cipher|inappropriate_fallback`}},
		text:  "client and server have no TLS version or cipher in common[: {says}]",
		cause: "One side is too old for the other: servers drop TLS 1.0 and 1.1, modern systems refuse small keys and old ciphers.",
		fix: Fix{
			General:    "Update the older side; lower the newer side's demands only for a test",
			PHPMailer:  "update PHP and OpenSSL; for a test $mail->SMTPOptions = ['ssl' => ['crypto_method' => STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT]];",
			Nodemailer: "tls: { minVersion: 'TLSv1.2' }", Smtplib: "context.minimum_version = ssl.TLSVersion.TLSv1_2",
		},
		sources: []string{"RFC 8996", "PHPMailer#696", "mailcow/mailcow-dockerized#2398"},
	},
	{
		id: "TLS-OPPORTUNISTIC-FAIL", severity: Failure, title: "the automatic TLS upgrade fails",
		find:    tlsFailed("TLS-OPPORTUNISTIC-FAIL"),
		text:    "the client started TLS by itself because the server offered it, and the handshake failed[: {says}]",
		cause:   "PHPMailer upgrades whenever STARTTLS is on offer (SMTPAutoTLS), also with SMTPSecure empty; local relays often have a certificate of their own making.",
		fix:     Fix{General: "Give the relay a proper certificate, or switch the automatic upgrade off for a relay that you trust", PHPMailer: "$mail->SMTPAutoTLS = false; // for a local relay only", Nodemailer: "ignoreTLS: true", Symfony: "MAILER_DSN=…?auto_tls=false", WordPress: "WP Mail SMTP: Auto TLS off"},
		sources: []string{"PHPMailer documentation: SMTPAutoTLS", "PHPMailer wiki: Troubleshooting", "PHPMailer#2652"},
	},
	{
		id: "TLS-HANDSHAKE-RESET", severity: Failure, title: "the connection is cut during the handshake",
		find:    tlsFailed("TLS-HANDSHAKE-RESET"),
		when:    []when{{said: `(ssl|tls|crypto|secure).{0,80}(connection (was )?reset|errno ?=? ?104|econnreset|remote end closed|unexpected eof|eof occurred|socket disconnected|socket hang up)`}},
		text:    "the connection was cut during the TLS handshake[: {says}]",
		cause:   "A firewall, a virus scanner or the server itself drops the connection when TLS begins.",
		fix:     Fix{General: "Try from another network and the other port (465 or 587), and look at the server's log; `openssl s_client -starttls smtp -connect HOST:587` shows how far it gets", PHPMailer: phpSMTPS, Nodemailer: nodeSMTPS, Smtplib: pySMTPS},
		sources: []string{"RFC 8446 section 6", "PHPMailer#1649"},
	},
	{
		id: "TLS-HANDSHAKE-FAIL", severity: Failure, title: "the handshake fails",
		find: tlsFailed("TLS-HANDSHAKE-FAIL"),
		when: []when{{said: `unable to (connect|start|use) .{0,10}(tls|starttls|ssl)|failed to enable crypto|tls startup failed|stream_socket_enable_crypto|handshake fail|could not (convert socket to|start) tls|starttls (command )?failed|ssl operation failed|error (upgrading|starting) (connection|tls)|tls negotiation failed|error initiating tls|secure connection failed|ssl_error|ssl error|tlsv1 alert`}},
		text: "the TLS handshake failed[: {says}]",
		cause: "The two sides did not agree: a certificate that is not trusted, a version or cipher that one side lacks, or a server whose TLS is broken. " +
			"An alert of the client numbered 42 to 48 means the certificate, one of the server numbered 40 the ciphers, 70 the version.",
		fix:     Fix{General: "Look for the alert and the certificate in the TLS facts; `openssl s_client -starttls smtp -connect HOST:587` tells more than most clients do", PHPMailer: phpDebug + " // PHPMailer 6.6 and later tell PHP's reason", Nodemailer: "logger: true, debug: true"},
		sources: []string{"RFC 8446 section 6.2", "nextcloud/server#17134"},
	},
	{
		id: "TLS-454-UNAVAILABLE", severity: Failure, title: "the server can't start TLS",
		when:    []when{{to: "STARTTLS", code: "4xx"}, {said: `454.{0,20}tls|tls (is )?(currently |temporarily )?not available due to`}},
		text:    "the server offers STARTTLS but can't start it now: {reply}",
		cause:   "It can't load its certificate or key, or it limits handshakes.",
		fix:     Fix{General: "Check the paths and permissions of the server's certificate and key; as a client try later, or port 465", PHPMailer: "$mail->SMTPAutoTLS = false; // for a local relay only", Nodemailer: "ignoreTLS: true // for a local relay only"},
		sources: []string{"RFC 3207 section 4", "postfix.org: smtpd_tls_key_file"},
	},
	{
		id: "STARTTLS-NOT-OFFERED", severity: Failure, title: "no STARTTLS here",
		when: []when{
			{to: "STARTTLS", code: "5xx"},
			{said: `starttls.{0,40}(not supported|not available|not offered|not advertised|required|isn't supported|unsupported|extension not)|(did|does) not (advertise|support|offer) (starttls|tls)|tls required but|server does not support (secure|tls|starttls)`},
		},
		text: "the client wants STARTTLS, and the server does not offer it[: {reply}]",
		cause: "The server has no TLS on that port (465 never has STARTTLS, mail catchers and internal connectors have none at all), " +
			"or something on the way removed the line.",
		fix: Fix{
			General:   "Use a port whose EHLO reply lists STARTTLS, or 465 with TLS from the start; for a mail catcher on the same machine switch encryption off",
			PHPMailer: phpSMTPS + " // for a mail catcher: " + phpNoTLS, Nodemailer: nodeSMTPS + " // for a mail catcher: secure: false, ignoreTLS: true", Smtplib: pySMTPS,
			Symfony: symSMTPS + "; for a mail catcher Laravel: MAIL_ENCRYPTION=null", WordPress: "WP Mail SMTP: Encryption SSL with port 465",
		},
		sources: []string{"RFC 3207 section 4", "PHPMailer#3021", "postalserver/postal#745"},
	},
	{
		id: "AUTH-BEFORE-STARTTLS-530", severity: Failure, title: "login before STARTTLS",
		when: []when{
			{to: "AUTH", text: `starttls|encryption (is )?required|(tls|ssl|encryption|secure (connection|channel)) (is )?(required|needed|first)|requires? (a )?(tls|ssl|encrypt|secure)|must (use|issue|start|be) .{0,20}(tls|encrypt|secure)|unable to initialize security|only over (tls|ssl)|plaintext (auth|login|password)|cleartext`},
			{to: "AUTH", code: "538"}, {to: "AUTH", enhanced: "5.7.10 5.7.11"}, {to: "AUTH", code: "530", also: noTLSYet},
			{code: "530", text: `starttls`, also: singleRepliesOfLogin},
		},
		text:  "the server wants encryption before the login: {reply}",
		cause: "The client sent AUTH in clear; the server takes passwords inside TLS only.",
		fix: Fix{
			General:   "Switch STARTTLS on, before AUTH",
			PHPMailer: phpStartTLS, Nodemailer: nodeStartTLS, Smtplib: "smtp.starttls() before smtp.login()", Symfony: symStartTLS, Other: "swaks --tls",
		},
		sources: []string{"RFC 4954 section 6", "RFC 3207 section 4", "jetmore/swaks#15"},
	},
	{
		id: "TLS-REQUIRED-530", severity: Failure, title: "mail only over TLS",
		when: []when{
			{text: `must issue a starttls|starttls (command )?(is )?(first|required)|(tls|encryption) (is )?(required|needed)|requires? (tls|encryption|starttls)|session encryption is required`, loose: true},
			{enhanced: "5.7.10"},
		},
		text:    "the server takes mail only over TLS: {reply}",
		cause:   "The client did not switch encryption on.",
		fix:     Fix{General: "Switch STARTTLS on", PHPMailer: phpStartTLS, Nodemailer: nodeStartTLS, Smtplib: "smtp.ehlo(); smtp.starttls(); smtp.ehlo()", Symfony: symStartTLS},
		sources: []string{"RFC 3207 section 4", "postfix.org: smtpd_tls_security_level"},
	},
	{
		id: "EHLO-MISSING-AFTER-STARTTLS", severity: Failure, title: "no EHLO after STARTTLS",
		find:    noEHLOAfterTLS,
		text:    "no EHLO behind STARTTLS, so the server does not know the client any more: {reply}",
		cause:   "TLS throws away everything said before it, the greeting and the list of extensions included.",
		fix:     Fix{General: "Send EHLO again behind the handshake, and use its list", PHPMailer: "code of your own around PHPMailer's SMTP class: $smtp->startTLS(); $smtp->hello($name);", Smtplib: "smtp.starttls(); smtp.ehlo()"},
		sources: []string{"RFC 3207 section 4.2", "nim-lang/Nim#15029"},
	},
	{
		id: "STARTTLS-INJECTION-PIPELINED", severity: Warning, title: "something sent behind STARTTLS",
		find:    noted("starttls-injection"),
		when:    []when{{to: "STARTTLS", text: `pipelin`}},
		text:    "the client sent more behind STARTTLS without waiting for the reply[: {reply}]",
		cause:   "A client that does not wait, or somebody on the way who wants to smuggle commands into the encrypted session. smtptap keeps such bytes out of TLS.",
		fix:     Fix{General: "Wait for the 220 before anything else is sent"},
		sources: []string{"RFC 3207 section 6", "RFC 2920 section 3.1", "CVE-2011-0411"},
	},
	{
		id: "STARTTLS-REPLY-INJECTION", severity: Warning, title: "clear text behind the 220 of STARTTLS",
		find:    noted("starttls-reply-injection"),
		text:    "the server sent clear text behind its 220 to STARTTLS; smtptap did not let it into TLS",
		cause:   "A broken server, or somebody on the way who wants to put replies into the encrypted session.",
		fix:     Fix{General: "Find out what answers there; a server is silent between 220 and the handshake"},
		sources: []string{"RFC 3207 section 6", "nostarttls.secvuln.info"},
	},
	{
		id: "PLAINTEXT-IN-TLS", severity: Advice, title: "clear text on a connection that speaks TLS", role: aftermath,
		find:    plainInTLS,
		text:    "what was said in clear behind the failed handshake got TLS bytes for an answer",
		cause:   "Some clients say goodbye in clear after a handshake has failed, and print the server's TLS records as its reply.",
		fix:     Fix{General: "Ignore these lines; the handshake before them is what failed", PHPMailer: "update to 6.6 or later, which tells PHP's reason"},
		sources: []string{"RFC 8446 section 5.1", "PHPMailer#1357"},
	},
	{
		id: "TLS-VERIFY-DISABLED", severity: Warning, title: "certificate checks are off",
		find:    checksOff,
		when:    []when{{said: `rejectunauthorized: ?false|insecureskipverify|'?verify_peer'? ?=> ?false`}},
		text:    "the client does not check the server's certificate",
		cause:   "The check was switched off, as forum answers advise. Anybody on the way can read the password then.",
		fix:     Fix{General: "Switch the check on again and mend what it complains of", PHPMailer: "remove verify_peer, verify_peer_name and allow_self_signed from $mail->SMTPOptions", Nodemailer: "remove tls.rejectUnauthorized: false", Smtplib: "starttls(context=ssl.create_default_context())", Symfony: "remove verify_peer=0 from MAILER_DSN"},
		sources: []string{"PHPMailer wiki: Troubleshooting", "RFC 7817"},
	},
	{
		id: "TLS-VERSION-OLD", severity: Advice, title: "an old TLS version is in use",
		find:    oldTLS,
		text:    "{version} is in use, which was withdrawn in 2021",
		cause:   "One side knows nothing newer. Others will refuse it.",
		fix:     Fix{General: "Update the side that knows no TLS 1.2"},
		sources: []string{"RFC 8996"},
	},
	{
		id: "TLS-CERT-EXPIRES-SOON", severity: Advice, title: "the certificate expires soon",
		find:    expiresSoon,
		text:    "the server's certificate expires on {day}",
		cause:   "Clients will refuse it from then on.",
		fix:     Fix{General: "Renew the server's certificate, and check why it was not renewed by itself"},
		sources: []string{"RFC 5280 section 4.1.2.5"},
	},
	{
		id: "SUBMIT-ON-25", severity: Advice, title: "a login on port 25",
		find:    submitOn25,
		text:    "the client uses port 25, which is for mail between servers, to send with a login",
		cause:   "Many networks block or redirect that port, and many servers offer no login there. It is the default of PHPMailer.",
		fix:     Fix{General: "Use 587 with STARTTLS, or 465", PHPMailer: phpStartTLS, Nodemailer: nodeStartTLS, Smtplib: pyStartTLS, Symfony: symStartTLS, WordPress: "WP Mail SMTP: port 587, Encryption TLS"},
		sources: []string{"RFC 6409 section 3.1", "RFC 8314 section 3"},
	},
}

func insideTLS(s *session, r *reply) bool { return s.insideTLS(r.asked) }

// insideTLS reports whether something was said on a connection that was
// encrypted from the first byte.
func (s *session) insideTLS(i int) bool {
	if i >= 0 && s.ev(i) != nil && s.ev(i).TLS {
		return true
	}
	for _, f := range s.tls {
		if f.fact.Implicit && f.fact.Err == "" && f.entry < i {
			return true
		}
	}
	return s.pasted() && s.port() == "465" && s.connected()
}

// noTLSYet reports a reply outside TLS from a server that has it.
func noTLSYet(s *session, r *reply) bool {
	return !r.event.TLS && (s.offers("STARTTLS") || !s.offers("AUTH") && s.ehlo >= 0)
}

// singleRepliesOfLogin reports a log of single replies in which credentials
// were taken for commands behind the refusal.
func singleRepliesOfLogin(s *session, r *reply) bool {
	n, found := s.answers[r.entry]
	if !s.pasted() || !found || n+1 >= len(s.replies) || r.verb != "" && r.verb != "AUTH" {
		return false
	}
	next := &s.replies[n+1]
	return (next.code == 502 || next.code == 500) && strings.Contains(next.folded(), "command")
}

// findTLSFault tells why a handshake failed; nil when none did, or a later one
// went well.
func (s *session) findTLSFault() *fault {
	for _, f := range s.tls {
		if f.fact.Err == "" {
			continue
		}
		if s.securedBehind(f.entry) {
			return nil
		}
		g := see(f.entry).with("refused", "refused")
		if f.fact.Alert != "" {
			g.with("alert", f.fact.Alert)
		}
		return &fault{s.tlsRule(f.entry, f.fact), *g}
	}
	if s.silent != nil {
		return s.silent
	}
	return s.quitBehindSTARTTLS()
}

// securedBehind reports that TLS came about behind an entry.
func (s *session) securedBehind(i int) bool {
	for _, f := range s.tls {
		if f.entry > i && f.fact.Err == "" {
			return true
		}
	}
	return s.accepted(i, "MAIL")
}

// certificateAlerts are what a client says of a certificate that it refuses
// (RFC 8446 section 6.2).
var certificateAlerts = map[string]bool{
	"unknown_ca": true, "bad_certificate": true, "certificate_expired": true, "certificate_unknown": true,
	"unsupported_certificate": true, "certificate_revoked": true,
}

// tlsRule is the rule that a failed handshake comes down to.
func (s *session) tlsRule(i int, f *facts.TLS) string {
	refused := certificateAlerts[f.Alert] || f.Class == "certificate" || f.Verdict != "" && f.Verdict != "ok"
	switch {
	case s.otherService(f):
		return "WRONG-SERVICE-PORT"
	case f.Class == "not-tls" && f.Implicit && f.Leg == who.ClientLeg:
		return "PLAIN-ON-IMPLICIT-TLS-PORT"
	case f.Class == "not-tls" && s.alreadyTLS(i):
		return "STARTTLS-INSIDE-TLS"
	case f.Class == "not-tls":
		return "TLS-ON-PLAINTEXT-PORT"
	case f.Verdict == "wrong-name":
		return "TLS-NAME-MISMATCH"
	case f.Alert == "certificate_required":
		return "TLS-CLIENT-CERT-WANTED"
	case f.Leg == who.ClientLeg && !s.pasted() && (refused || f.By == who.Client && (f.Class == "closed" || f.Class == "reset")):
		return "TLS-PROXY-CA-UNTRUSTED"
	case s.alreadyTLS(i):
		return "STARTTLS-INSIDE-TLS"
	case refused:
		return "TLS-CERT-VERIFY-FAIL"
	case f.Class == "no-common-version" || f.Class == "no-common-cipher" || f.Alert == "protocol_version" || f.Alert == "insufficient_security":
		return "TLS-VERSION-MISMATCH"
	case f.Class == "reset" || f.Class == "closed":
		return "TLS-HANDSHAKE-RESET"
	}
	return s.vagueTLSRule(f)
}

// vagueTLSRule goes by the client's words, and by its manners where it has no
// words: PHPMailer before 6.6 says nothing of why PHP refused a certificate.
func (s *session) vagueTLSRule(f *facts.TLS) string {
	reason := fold(f.Err)
	switch {
	case !s.pasted():
		return "TLS-HANDSHAKE-FAIL"
	case strings.Contains(reason, "bad record mac"):
		return "PM-FORK-SHARED-SOCKET"
	case resetWords.match(reason):
		return "TLS-HANDSHAKE-RESET"
	case (s.isPHPMailer() || s.client == clientUnknown) && !tlsWords.match(reason):
		if s.upgradesByItself() {
			return "TLS-OPPORTUNISTIC-FAIL"
		}
		return "TLS-CERT-VERIFY-FAIL"
	}
	return "TLS-HANDSHAKE-FAIL"
}

var (
	resetWords = newPattern(`connection reset|econnreset|errno ?=? ?104|unexpected eof|eof occurred`)
	tlsWords   = newPattern(`\b(tls|ssl)|crypto|handshake`)
)

// otherService reports a handshake on the port of another service. What answers
// there in TLS is that service too.
func (s *session) otherService(f *facts.TLS) bool {
	port := s.port()
	return f.Leg == who.ServerLeg && otherServices[port] && (f.Class == "not-tls" || f.Class == "other") && (!implicitTLS[port] || f.Class == "other")
}

// alreadyTLS reports that STARTTLS was said inside TLS before entry i.
func (s *session) alreadyTLS(i int) bool {
	at := s.last("STARTTLS", i)
	return at >= 0 && s.insideTLS(at)
}

// upgradesByItself reports settings under which PHPMailer uses STARTTLS without
// being told to.
func (s *session) upgradesByItself() bool {
	secure, told := s.settings["smtpsecure"]
	auto := strings.ToLower(s.settings["smtpautotls"])
	return told && (secure == "" || strings.EqualFold(secure, "none")) && auto != "false"
}

// quitBehindSTARTTLS finds what older PHPMailers show of a certificate that PHP
// refused: STARTTLS is accepted, and the next thing said is QUIT.
func (s *session) quitBehindSTARTTLS() *fault {
	if s.secured || !s.isPHPMailer() && s.client != clientUnknown {
		return nil
	}
	for r := range s.to("STARTTLS") {
		if r.code != 220 {
			continue
		}
		for _, c := range s.commands {
			if c < r.entry {
				continue
			}
			if verb := s.ev(c).Command.Verb; verb == "QUIT" || verb == "RSET" {
				return &fault{"TLS-CERT-VERIFY-FAIL", *see(r.entry, c)}
			}
			return nil
		}
	}
	return nil
}

// tlsFailed finds the handshake that failed for that reason.
func tlsFailed(id string) finder {
	return func(s *session) *sighting {
		if s.tlsFault == nil || s.tlsFault.id != id {
			return nil
		}
		return &s.tlsFault.sighting
	}
}

// unverified finds a certificate of the server that was judged so, in a session
// that went on all the same.
func unverified(verdicts ...string) finder {
	return func(s *session) *sighting {
		for _, f := range s.tls {
			if f.fact.Leg != who.ServerLeg || f.fact.Err != "" || f.fact.Verified {
				continue
			}
			for _, v := range verdicts {
				if f.fact.Verdict == v {
					return see(f.entry).with("says", f.fact.Reason)
				}
			}
		}
		return nil
	}
}

func tlsOnPlainPort(s *session) *sighting {
	if at := s.noted("not-smtp-tls"); len(at) > 0 {
		return see(at...)
	}
	for _, h := range s.hellos {
		if h.fact.Why == "on a plain port" {
			return see(h.entry)
		}
	}
	return tlsFailed("TLS-ON-PLAINTEXT-PORT")(s)
}

// plainOnTLSPort finds a session in which nobody said anything on a port that
// speaks TLS, or a client that spoke in clear to a TLS listener of smtptap.
func plainOnTLSPort(s *session) *sighting {
	if g := tlsFailed("PLAIN-ON-IMPLICIT-TLS-PORT")(s); g != nil {
		return g
	}
	if len(s.replies) > 0 || len(s.commands) > 0 || len(s.tls) > 0 || !s.running() && !s.t.Ended || !implicitTLS[s.port()] {
		return nil
	}
	for _, d := range s.dials {
		if d.fact.Err == "" {
			return see(d.entry)
		}
	}
	return nil
}

func noEHLOAfterTLS(s *session) *sighting {
	for r := range s.to("STARTTLS") {
		if r.code != 220 {
			continue
		}
		for _, c := range s.commands {
			if c < r.entry {
				continue
			}
			verb := s.ev(c).Command.Verb
			if verb == "EHLO" || verb == "HELO" {
				break
			}
			if a := s.answer(c); a != nil && a.code == 503 && (verb == "AUTH" || verb == "MAIL") {
				return see(c, a.entry)
			}
		}
	}
	return nil
}

// plainInTLS finds TLS records in the place of replies: an alert (21) or a
// handshake message (22), of any version from SSL 3.0 on. Logs write the bytes
// as they are, or as a terminal shows them.
func plainInTLS(s *session) *sighting {
	if !s.said("STARTTLS") && len(s.tls) == 0 {
		return nil
	}
	for i := range s.replies {
		r := &s.replies[i]
		raw := r.event.Raw
		record := len(raw) > 2 && (raw[0] == 0x15 || raw[0] == 0x16) && raw[1] == 3
		if record || r.code == 0 && (strings.HasPrefix(r.text(), "^V^C") || strings.HasPrefix(r.text(), "^U^C")) {
			return see(r.entry)
		}
	}
	return nil
}

// checksOff finds settings that switch the check of certificates off.
func checksOff(s *session) *sighting {
	for _, name := range []string{"smtpoptions verify_peer", "smtpoptions verify_peer_name"} {
		if strings.EqualFold(s.settings[name], "false") {
			return see(s.setAt[name])
		}
	}
	if strings.EqualFold(s.settings["smtpoptions allow_self_signed"], "true") {
		return see(s.setAt["smtpoptions allow_self_signed"])
	}
	return nil
}

func oldTLS(s *session) *sighting {
	for _, f := range s.tls {
		switch f.fact.Version {
		case "SSL 3.0", "TLS 1.0", "TLS 1.1":
			if f.fact.Err == "" {
				return see(f.entry).with("version", f.fact.Version)
			}
		}
	}
	return nil
}

// soon is how long before its end a certificate is worth a word: those that are
// renewed by themselves are renewed a month before.
const soon = 14 * 24 * time.Hour

func expiresSoon(s *session) *sighting {
	for _, f := range s.tls {
		if f.fact.Leg != who.ServerLeg || f.fact.Err != "" || len(f.fact.Chain) == 0 || s.t.Started.IsZero() {
			continue
		}
		end := f.fact.Chain[0].NotAfter
		if left := end.Sub(s.t.Started); left > 0 && left < soon {
			return see(f.entry).with("day", end.UTC().Format("2 January 2006"))
		}
	}
	return nil
}

func submitOn25(s *session) *sighting {
	if s.port() != "25" || s.local() {
		return nil
	}
	if len(s.logins) > 0 {
		return see(s.logins[0])
	}
	// Settings of a client that would log in if it came so far.
	if at, told := s.setAt["port"]; told && strings.EqualFold(s.settings["smtpauth"], "true") {
		return see(at)
	}
	if s.dialFault != nil && ownNames[s.wanted] {
		return see(s.dialFault.entries[0])
	}
	return nil
}

// hadTLS reports whether an entry was said inside TLS, as far as is known.
func (s *session) hadTLS(i int) bool {
	if s.ev(i).TLS || s.insideTLS(i) {
		return true
	}
	return s.pasted() && s.lack(decode.LackStart)
}
