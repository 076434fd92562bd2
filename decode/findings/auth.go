package findings

import (
	"strings"

	"smtptap/decode"
)

// loginRules are about logging in, whoever the provider is.
var loginRules = []rule{
	{
		id: "AUTH-LITERAL-UNDEFINED", severity: Failure, title: "a placeholder in place of credentials",
		find:  refusedWith(decode.FactUndefined, decode.FactPlaceholder),
		text:  "the client logs in with a placeholder in place of credentials[: {reply}]",
		cause: "A variable of the configuration is missing, so that a word like undefined, null or None is sent, or a template was never filled in.",
		fix: Fix{
			General:   "Load the environment before the client is set up, and check that user name and password are there",
			PHPMailer: "$mail->Password = getenv('SMTP_PASSWORD'); // check that it is not false", Nodemailer: "require('dotenv').config() before process.env.SMTP_PASS is read",
			Symfony: "Laravel: `php artisan config:clear` behind a change of .env",
		},
		sources: []string{"nodemailer#189", "RFC 4616 section 2"},
	},
	{
		id: "AUTH-EMPTY-CREDENTIALS", severity: Failure, title: "user name or password is empty",
		find:    emptyCredentials,
		when:    []when{{to: "AUTH", text: `(username|user|passwd|password).{0,20}(is )?(null|empty|missing)|empty (user|pass)`}, {to: "AUTH", code: "524"}, {said: `missing credentials for|username or passwd is null`}},
		text:    "the client logs in with an empty user name or password[: {reply}]",
		cause:   "The setting is missing or stands under another name; the environment or a cached configuration was not loaded.",
		fix:     Fix{General: "Fill in user name and password; print the lengths of both before sending", PHPMailer: phpLogin, Nodemailer: nodeLogin + " // not username, password", Smtplib: pyLogin, Symfony: symLogin},
		sources: []string{"RFC 4616 section 2", "PHPMailer#1375"},
	},
	{
		id: "AUTH-ABORTED", severity: Failure, title: "the client gave the login up", role: aftermath,
		when:    []when{{to: "AUTH", code: "50x", also: cancelled}, {to: "AUTH", code: "501", text: `abort|cancel`}},
		text:    "the client gave the login up[: {reply}]",
		cause:   "It sent a lone asterisk, which cancels the exchange: it could not go on with the server's challenge.",
		fix:     Fix{General: "Use another mechanism", PHPMailer: "$mail->AuthType = 'LOGIN';"},
		sources: []string{"RFC 4954 section 4"},
	},
	{
		id: "CREDENTIALS-AS-COMMANDS", severity: Failure, title: "credentials sent as commands", role: aftermath,
		find:    strayCredentials,
		text:    "the client sends credentials that nobody asked for, and the server reads them as commands: {reply}",
		cause:   "The client does not look at the reply to AUTH. Outside TLS the password is now known to anybody on the way.",
		fix:     Fix{General: "Stop at a reply to AUTH other than 334; change a password that was sent in clear", PHPMailer: "replace code that writes to the socket itself by PHPMailer"},
		sources: []string{"RFC 4954 section 4", "lansuite/lansuite#490"},
	},
	{
		id: "AUTH-IN-WRONG-PLACE", severity: Failure, title: "AUTH at the wrong moment",
		when:    []when{{to: "AUTH", code: "5xx", text: `transaction in progress|already (auth|logged)|(send|say|need) (helo|ehlo|hello)|(helo|ehlo|hello) (first|required)|nested auth`}},
		text:    "AUTH where it is not allowed: {reply}",
		cause:   "AUTH comes behind EHLO, once, and not between MAIL and the end of the message.",
		fix:     Fix{General: "Send EHLO, STARTTLS, EHLO, AUTH, and then MAIL"},
		sources: []string{"RFC 4954 section 4"},
	},
	{
		id: "AUTH-LOGIN-INITIAL-RESPONSE", severity: Failure, title: "user name on the AUTH LOGIN line",
		when:    []when{{to: "AUTH", code: "500 501 502 504 535 334", also: loginAtOnce}},
		text:    "the server does not take the user name on the AUTH LOGIN line: {reply}",
		cause:   "LOGIN was never standardised. .NET and some Go libraries send the user name at once; some servers only know the form with two prompts.",
		fix:     Fix{General: "Send AUTH LOGIN alone and wait for the prompts, or use PLAIN", Smtplib: "smtp.login(user, password, initial_response_ok=False)"},
		sources: []string{"draft-murchison-sasl-login", "postalserver/postal#250"},
	},
	{
		id: "AUTH-PLAIN-TWO-STEP-REJECTED", severity: Failure, title: "AUTH PLAIN without its response is refused",
		when:    []when{{to: "AUTH", code: "5xx", also: plainAlone}},
		text:    "the server wants the PLAIN credentials on the AUTH line itself: {reply}",
		cause:   "The client sends AUTH PLAIN alone and waits for 334. The standard allows that; some servers don't know it.",
		fix:     Fix{General: "Use LOGIN, or a client that sends the response at once", PHPMailer: "$mail->AuthType = 'LOGIN'; // PHPMailer sends PLAIN in two steps only", Nodemailer: "authMethod: 'LOGIN'", Other: "curl --sasl-ir"},
		sources: []string{"RFC 4954 section 4", "PHPMailer#345", "curl/curl#5321"},
	},
	{
		id: "AUTH-MECH-NOT-OFFERED", severity: Failure, title: "the mechanism is not on offer",
		find: mechanismNotOffered,
		when: []when{
			{to: "AUTH", text: `unrecogni[sz]ed auth|(mechanism|auth(entication)?( type| method)).{0,40}(not|invalid|unknown|unsupported|unavailable|disabled|too weak)|(invalid|unknown|unsupported|unrecogni[sz]ed|no).{0,20}(mechanism|auth(entication)?( type| method)?\b)`},
			{to: "AUTH", code: "504"},
			{said: `auth(entication)? (types?|methods?|mechanisms?).{0,60}(no match|not (supported|available|offered))|no authentication (type|method|mechanism)s? (succeeded|available|found|supported)|(requested|chosen) auth.{0,20}not available|no suitable auth|no supported auth|mechanisms? .{0,40}not supported by server|unknown auth(entication)? (type|method)`},
		},
		text:  "the client logs in with {mech}, which the server does not offer[: it has {offered}][: {reply}]",
		cause: "The client is fixed to one mechanism, or client and server have none in common; some servers offer more once TLS is on.",
		fix: Fix{
			General:   "Choose a mechanism from the server's AUTH line, as it is behind STARTTLS",
			PHPMailer: "$mail->AuthType = 'PLAIN'; // or 'LOGIN', 'CRAM-MD5', 'XOAUTH2'; empty lets PHPMailer choose. It has no NTLM since 6.0", Nodemailer: "authMethod: 'PLAIN'",
			Smtplib: "smtp.login() tries CRAM-MD5, PLAIN and LOGIN by itself", Other: "swaks --auth PLAIN; curl --login-options AUTH=PLAIN",
		},
		sources: []string{"RFC 4954 section 4", "PHPMailer#1254", "splitbrain/dokuwiki-plugin-smtp#65"},
	},
	{
		id: "AUTH-NOT-ADVERTISED-503", severity: Failure, title: "no login on offer",
		when: []when{
			{to: "AUTH", text: `authentication (is )?not (enabled|available|allowed|supported)|when not advertised|not advertised|auth.{0,20}(not|un)[- ]?(recogni[sz]ed|implemented|supported|available|enabled|known)|(unknown|unrecogni[sz]ed|invalid|unsupported) command|command (not|un).{0,20}|not implemented|disabled|bad sequence`},
			{to: "AUTH", code: "500 502 503"},
			{said: `(did|does)(n't| not) (advertise|support|offer) auth|auth(entication)? (is )?not (supported|allowed|advertised|enabled)|smtp auth extension not supported|no auth advertised`},
		},
		text:  "the server offers no login here[: {reply}]",
		cause: "AUTH is on offer behind STARTTLS or on port 587 only; or the server is a relay that wants no login.",
		fix: Fix{
			General:   "Use STARTTLS and port 587; for a relay that wants no login take the credentials out",
			PHPMailer: phpStartTLS + " // or, for a local relay, $mail->SMTPAuth = false;", Nodemailer: nodeStartTLS + " // or leave auth out",
			Smtplib: "smtp.starttls() before smtp.login()", Symfony: "MAILER_DSN=smtp://host:25 without a user; Laravel: MAIL_USERNAME=null", WordPress: "WP Mail SMTP: Authentication off for a local relay",
		},
		sources: []string{"RFC 4954 section 4", "postfix.org: smtpd_tls_auth_only", "nodemailer#1081"},
	},
	{
		id: "RATE-454-LOGIN", severity: Failure, title: "too many logins",
		when: []when{
			{text: `too many (failed |invalid |bad )*(log-?ins?|auth)|too many login attempts|too (much|many) fail|authenticate too many|login (rate|frequency|limit)|exceeded.{0,20}login|logged in too (often|many)`, also: notFromAuthCommands, loose: true},
		},
		text:    "too many logins: {reply}",
		cause:   "A login for every message, or a loop of refused ones. The account or the address is held back for a while.",
		fix:     Fix{General: "Keep one connection for all messages, and wait: at Gmail it can take hours", PHPMailer: phpKeep, Nodemailer: nodePool, Smtplib: "keep one smtplib.SMTP object for all messages"},
		sources: []string{"support.google.com/a/answer/3726730", "nodemailer#1388"},
	},
	{
		id: "AUTH-TOO-MANY-COMMANDS", severity: Failure, title: "too many AUTH commands",
		when:    []when{{text: `too many auth commands`}, {to: "AUTH", code: "4xx", text: `too many (errors|invalid|bad|commands)`}},
		text:    "too many tries to log in within one session: {reply}",
		cause:   "The client tries one mechanism behind the other, or the same again.",
		fix:     Fix{General: "Stop at the first 535, mend the credentials, and come back later"},
		sources: []string{"postfix.org: smtpd_client_auth_rate_limit"},
	},
	{
		id: "AUTH-TEMP-FAIL-4XX", severity: Failure, title: "the login can't be checked now",
		when:    []when{{to: "AUTH", code: "4xx"}, {text: `temporary authentication failure`, loose: true}},
		text:    "the server can't check the login now: {reply}",
		cause:   "Its password service is down, or a rule such as a list of allowed addresses stands behind it. The password may well be right.",
		fix:     Fix{General: "Leave the password as it is and try again later; if it stays, the server's administrator looks at its authentication service (SASL, Dovecot), you at the provider's list of allowed addresses"},
		sources: []string{"RFC 4954 section 6", "sendgrid/docs#2191"},
	},
	{
		id: "AUTH-CREDENTIALS-TYPE", severity: Failure, title: "the wrong kind of password",
		when:    []when{{to: "AUTH", text: `app(lication)?[- ]?(specific)? ?password|authori[sz]ation code|(requires?|use|with) (an? )?(your )?api[- ]?key|api key|smtp (key|token|credentials)|(enable|turn on|activate).{0,40}(smtp|imap|pop)|two[- ]?factor|\b2fa\b|multi[- ]?factor`}, {text: `app(lication)?[- ]specific password|authori[sz]ation code`, loose: true}},
		text:    "the server wants another kind of password: {reply}",
		cause:   "The provider takes no account passwords from programs but makes app passwords, authorization codes, SMTP keys or API keys for them.",
		fix:     Fix{General: "Create the kind of password that the reply names, in the provider's settings, and use it in place of the account's own", PHPMailer: "$mail->Password = 'app password, code or key';", Nodemailer: "auth: { user, pass: 'app password, code or key' }", Smtplib: "smtp.login(user, 'app password, code or key')"},
		sources: []string{"RFC 4954 section 6", "lamw/ghettoVCB#252"},
	},
	{
		id: "AUTH-CRAMMD5-FALSE-OFFER", severity: Failure, title: "CRAM-MD5 offered but can't work",
		when:    []when{{to: "AUTH", code: "535", also: usedMechanism("CRAM-MD5", "DIGEST-MD5")}},
		text:    "the login[ of {user}] with {mech} was refused, which may be the mechanism's fault and not the password's: {reply}",
		cause:   "The mechanism needs the password in clear on the server. Many servers that store hashes offer it all the same.",
		fix:     Fix{General: "Try LOGIN or PLAIN inside TLS with the same password", PHPMailer: "$mail->AuthType = 'LOGIN'; // PHPMailer prefers CRAM-MD5 and tries no other", Nodemailer: "authMethod: 'LOGIN'", Other: "swaks --auth LOGIN --tls"},
		sources: []string{"RFC 2195", "PHPMailer#841"},
	},
	{
		id: "AUTH-BAD-CREDENTIALS", severity: Failure, title: "user name or password is refused",
		when: []when{
			{to: "AUTH", code: "5xx"},
			{code: "535", text: `auth|login|credential|password`},
			{text: `authentication (credentials )?(failed|failure|invalid|unsuccessful|rejected)|invalid (login|user ?name|password|credentials)|incorrect (authentication|password|user)|login (fail|incorrect|denied)|auth(entication)? failed|wrong (user|pass)`, to: "AUTH"},
			{said: `invalid login: 5|smtpauthenticationerror|authenticationfailedexception|failed to authenticate|could not authenticate|login denied|authentication (failed|unsuccessful|failure)|incorrect authentication|password (command failed|not accepted)|(username|login|user) and password not`},
		},
		text:  "the server refused user name or password[ of {user}][: {reply}]",
		cause: "One of the two is mistyped or belongs to another account; the user name may have to be the full address, or the bare name; or the account may not send by SMTP.",
		fix: Fix{
			General:    "Log in at the provider's web mail with the same two; try the full address as the user name; look at what smtptap noticed about the credentials",
			PHPMailer:  phpLogin + " // $mail->SMTPDebug = SMTP::DEBUG_LOWLEVEL; shows what is sent",
			Nodemailer: nodeLogin, Smtplib: pyLogin, Symfony: symLogin, WordPress: "WP Mail SMTP: the full address as SMTP Username, and the password anew",
		},
		sources: []string{"RFC 4954 section 6", "RFC 3463 section 3.8", "PHPMailer#826"},
	},
	{
		id: "AUTH-NOT-ATTEMPTED", severity: Failure, title: "the client did not log in",
		when: []when{
			{to: "MAIL RCPT DATA BDAT . VRFY EXPN", text: mustLogIn, also: withoutLogin},
			{to: "MAIL RCPT DATA BDAT .", code: "530", also: withoutLogin},
			{to: "MAIL RCPT DATA .", text: `relay|not permitted|not allowed|rcpthosts|not local|non-local|no such domain|sender (verify|denied)|5\.7\.1`, also: loginOnOffer},
			{to: "RCPT", code: "554", text: `recipient address rejected: access denied`, also: withoutLogin},
			{text: mustLogIn, also: orphaned}, {code: "530", enhanced: "5.7.0 5.5.1 5.7.1", also: orphaned},
			{said: mustLogIn},
		},
		text:  "the client did not log in, and the server wants it to[: {reply}]",
		cause: "Authentication is off or misspelt in the client's settings, user name or password are empty, or the client saw no AUTH line that it could use: it said HELO, or looked at the list from before STARTTLS.",
		fix: Fix{
			General:   "Switch authentication on in the client, with user name and password",
			PHPMailer: phpLogin + " // mind the spelling of SMTPAuth", Nodemailer: nodeLogin, Smtplib: pyLogin, Symfony: symLogin, WordPress: "WP Mail SMTP: switch Authentication on",
		},
		sources: []string{"RFC 4954 section 6", "RFC 6409 section 4.3", "PHPMailer#1886", "PHPMailer#2132"},
	},
	{
		id: "CLIENT-QUIT-BEFORE-AUTH", severity: Failure, title: "the client leaves behind EHLO", role: lastHope,
		find:    quitBeforeLogin,
		text:    "the client left behind EHLO without logging in or sending",
		cause:   "It failed by itself: the token request went wrong, it knows none of the mechanisms, or it wants encryption that is not on offer. The server did nothing wrong.",
		fix:     Fix{General: "Look for the client's own error message", PHPMailer: "$mail->SMTPDebug = SMTP::DEBUG_LOWLEVEL; // and check AuthType and setOAuth()", Nodemailer: "logger: true, debug: true"},
		sources: []string{"PHPMailer#1076", "nodemailer#234"},
	},
	{
		id: "AUTH-WITHOUT-TLS", severity: Warning, title: "the password went in clear",
		find:    passwordInClear,
		text:    "the password was sent in clear over the network",
		cause:   "AUTH PLAIN and LOGIN only encode the password. Everybody on the way can read it.",
		fix:     Fix{General: "Switch encryption on before the login, and change the password if the way was not trusted", PHPMailer: phpStartTLS, Nodemailer: nodeStartTLS, Smtplib: "smtp.starttls() before smtp.login()", Symfony: symStartTLS},
		sources: []string{"RFC 4954 section 4", "RFC 8314 section 3"},
	},
	{
		id: "PM-AUTH-LAST-LINE-WINS", severity: Advice, title: "only the last AUTH line counts for PHPMailer",
		find:    severalAuthLines,
		text:    "the server has several AUTH lines, or one in lower case; PHPMailer reads the last one in capitals only",
		cause:   "PHPMailer keeps extensions by their exact name, and a later line replaces an earlier one.",
		fix:     Fix{General: "Let the server list all mechanisms on one AUTH line in capitals", PHPMailer: "$mail->AuthType must name one of the last AUTH line"},
		sources: []string{"RFC 4954 section 3", "PHPMailer: src/SMTP.php, parseHelloFields()"},
	},
}

// mustLogIn are servers' words for mail without a login.
const mustLogIn = `auth(entication)? (is )?(required|needed)|must (first )?(be )?(auth|log ?in|issue auth)|need (to )?(be )?auth|needs? auth|need ehlo and auth|log ?in first|(not|without|un)[- ]?auth(enticated|entication|orized sender)|please (auth|log ?in)|requires? (smtp )?auth|authenticate (first|before|yourself)|unauthenticated senders|smtp auth(entication)? (required|needed)|wantautherror|pop before smtp|client not authenticated|auth first`

// mechanism is the login mechanism that a reply to AUTH is about.
func (s *session) mechanism(r *reply) string {
	if r.asked >= 0 {
		if a := s.ev(r.asked).Auth; a != nil && a.Mechanism != "" {
			return a.Mechanism
		}
	}
	// A line of an exchange whose AUTH command the log lacks.
	name := ""
	for _, i := range s.logins {
		if a := s.ev(i).Auth; i < r.entry && a.Mechanism != "" {
			name = a.Mechanism
		}
	}
	return name
}

func usedMechanism(names ...string) func(*session, *reply) bool {
	return func(s *session, r *reply) bool {
		used := s.mechanism(r)
		for _, n := range names {
			if used == n {
				return true
			}
		}
		return false
	}
}

// mechanismMissing reports a login with a mechanism that EHLO did not list.
func mechanismMissing(s *session, r *reply) bool {
	used, offered := s.mechanism(r), strings.ToUpper(s.offered["AUTH"])
	if used == "" || offered == "" {
		return false
	}
	for _, m := range strings.Fields(offered) {
		if m == used {
			return false
		}
	}
	return true
}

func mechanismNotOffered(s *session) *sighting {
	for r := range s.to("AUTH") {
		if r.code >= 400 && r.asked >= 0 && mechanismMissing(s, r) {
			return see(r.proof()...)
		}
	}
	return nil
}

// loginAtOnce reports a refusal of AUTH LOGIN with the user name on its line,
// or a prompt for the user name that was given already.
func loginAtOnce(s *session, r *reply) bool {
	c := s.command(r)
	if c == nil || c.Verb != "AUTH" {
		return false
	}
	words := strings.Fields(c.Arg)
	if len(words) < 2 || !strings.EqualFold(words[0], "LOGIN") {
		return false
	}
	if r.code == 334 {
		prompt := r.event.Auth
		return prompt != nil && strings.Contains(strings.ToLower(prompt.Prompt), "user") && s.loggedIn < 0
	}
	return !mechanismMissing(s, r) && s.offers("AUTH")
}

// plainAlone reports a refusal of AUTH PLAIN without a response on its line,
// where PLAIN is on offer.
func plainAlone(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && c.Verb == "AUTH" && strings.EqualFold(strings.TrimSpace(c.Arg), "PLAIN") && !mechanismMissing(s, r) &&
		(s.offers("AUTH") || s.ehlo < 0) && r.code != 530 && r.code != 538
}

// cancelled reports a reply to the asterisk that ends an exchange.
func cancelled(s *session, r *reply) bool {
	return r.asked >= 0 && s.ev(r.asked).Auth != nil && s.ev(r.asked).Auth.Step == decode.StepCancel
}

func notFromAuthCommands(_ *session, r *reply) bool {
	return !strings.Contains(r.folded(), "auth commands")
}

// withoutLogin reports a refusal in a session in which the client did not try
// to log in.
func withoutLogin(s *session, r *reply) bool {
	return !s.triedLogin(r.entry) && !containsAny(r.folded(), []string{"spf", "dkim", "dmarc"})
}

// orphaned is withoutLogin for a reply of which the log does not tell what it
// answers.
func orphaned(s *session, r *reply) bool { return r.verb == "" && withoutLogin(s, r) }

// loginOnOffer reports a client that could have logged in and did not, or that
// said HELO, which makes it impossible.
func loginOnOffer(s *session, r *reply) bool {
	if s.triedLogin(r.entry) {
		return false
	}
	return s.offers("AUTH") || s.offers("AUTH=") || s.said("HELO") && !s.said("EHLO")
}

func quitBeforeLogin(s *session) *sighting {
	if s.ehlo < 0 || len(s.logins) > 0 || s.said("MAIL") || !s.offers("AUTH") {
		return nil
	}
	quit := s.last("QUIT", len(s.t.Entries))
	if quit < s.ehlo {
		return nil
	}
	for _, i := range s.commands {
		// Whoever asks for something else came for that.
		if verb := s.ev(i).Command.Verb; i > s.ehlo && verb != "QUIT" && verb != "RSET" && verb != "NOOP" {
			return nil
		}
	}
	return see(s.ehlo, quit)
}

func passwordInClear(s *session) *sighting {
	if s.local() {
		return nil
	}
	for _, i := range s.secrets {
		switch s.ev(i).Auth.Secret.What {
		case "password", "credentials", "token":
		default:
			continue
		}
		if !s.hadTLS(i) && s.surelyClear() {
			return see(i)
		}
	}
	return nil
}

// surelyClear reports that the transcript can tell that there was no TLS. A log
// may leave it out; but a server that still offers STARTTLS has not had it.
func (s *session) surelyClear() bool {
	if !s.pasted() {
		return true
	}
	switch s.port() {
	case "25", "587", "2525", "1025":
		return !s.secured
	}
	return !s.secured && s.offers("STARTTLS")
}

func severalAuthLines(s *session) *sighting {
	if s.ehlo < 0 || !s.isPHPMailer() {
		return nil
	}
	lines := 0
	for _, l := range s.ev(s.ehlo).Reply.Lines {
		name, _, _ := strings.Cut(l.Text, " ")
		if strings.EqualFold(name, "AUTH") {
			lines++
			if name != "AUTH" {
				lines++
			}
		}
	}
	if lines > 1 {
		return see(s.ehlo)
	}
	return nil
}
