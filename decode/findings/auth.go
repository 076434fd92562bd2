package findings

import (
	"strings"

	"smtptap/decode"
)

// authRules are about logging in.
var authRules = []rule{
	{id: "AUTH-XOAUTH2-EMPTY-TOKEN", severity: Failure, test: emptyToken,
		any:     []when{{client: `empty.*(access ?)?token|getOauth64|Missing.*access token`}},
		text:    "the client sent XOAUTH2 without a token",
		cause:   "The token provider returned nothing: expired refresh token, wrong scope, or an object that was never set up.",
		fix:     Fix{General: "Get a fresh access token and check that it is not empty before sending", PHPMailer: "$mail->setOAuth(new OAuth([...])); // its getOauth64() must return a token", Nodemailer: "auth: { type: 'OAuth2', user, clientId, clientSecret, refreshToken }"},
		sources: []string{"developers.google.com/gmail/imap/xoauth2-protocol", "PHPMailer#890"}},
	{id: "PM-XOAUTH2-IGNORES-535", severity: Failure, test: xoauthGoesOn,
		text:    "the token was refused, and the client went on as if it had been taken",
		cause:   "PHPMailer 7.1.1 sends a long token in two steps and does not look at the reply to its empty line.",
		fix:     Fix{General: "Mend the token; the later 530 is only a consequence", PHPMailer: "update PHPMailer; check the token's scope and expiry"},
		sources: []string{"PHPMailer source, SMTP.php"}},
	{id: "AUTH-XOAUTH2-REJECTED", severity: Failure, test: xoauthRefused,
		any:     []when{{to: "AUTH", code: "5..", and: usedMechanism("XOAUTH2", "OAUTHBEARER")}},
		text:    "the access token of {user} was refused",
		cause:   "The token is expired, has the wrong scope, or belongs to another user. The server's 334 carries the reason as JSON.",
		fix:     Fix{General: "Get a new token with the scope for SMTP (https://mail.google.com/ at Google, SMTP.Send at Microsoft) for the very user that logs in", PHPMailer: "$mail->setOAuth(…); // userName must be the address that granted the token", Nodemailer: "auth: { type: 'OAuth2', user: 'the same user', … }"},
		sources: []string{"developers.google.com/gmail/imap/xoauth2-protocol", "learn.microsoft.com: authenticate an IMAP, POP or SMTP connection using OAuth"}},
	{id: "AUTH-XOAUTH2-LINE-TOO-LONG", severity: Failure,
		any:     []when{{to: "AUTH", code: "500|501", text: `too long`}},
		text:    "the AUTH line with the token is too long for the server: {reply}",
		cause:   "Tokens of some kilobytes don't fit into the 512 octets of a command; RFC 4954 lets the response follow in a line of its own.",
		fix:     Fix{General: "Send AUTH XOAUTH2 alone and the token behind the 334", PHPMailer: "update to 7.x, which does so for long tokens"},
		sources: []string{"RFC 4954 section 4", "RFC 5321 section 4.5.3.1.4"}},
	{id: "AUTH-LITERAL-UNDEFINED", severity: Failure, test: credentialFact(decode.FactUndefined, decode.FactPlaceholder),
		text:    "the client logs in with a placeholder instead of real credentials",
		cause:   "A variable of the configuration is empty, misspelt or not loaded, so a word like \"undefined\", \"null\" or an example password is sent.",
		fix:     Fix{General: "Print the configuration that the program really uses (without the password) and mend the missing variable", PHPMailer: "$mail->Password = getenv('SMTP_PASSWORD'); // check that it is set", Nodemailer: "load dotenv before process.env.SMTP_PASS is read"},
		sources: []string{"nodemailer documentation: SMTP transport"}},
	{id: "AUTH-EMPTY-CREDENTIALS", severity: Failure, test: emptyCredentials,
		any:     []when{{client: `missing credentials for|Missing credentials`}, {to: "AUTH", text: `username or passwd is null`}},
		text:    "the client logs in with an empty user name or password",
		cause:   "The configuration's value is missing or under another name.",
		fix:     Fix{General: "Fill in user name and password", PHPMailer: loginFix, Nodemailer: "auth: { user, pass } // not username, password", Symfony: "MAILER_DSN=smtp://user:password@host; Laravel: MAIL_USERNAME, MAIL_PASSWORD and `php artisan config:clear`"},
		sources: []string{"RFC 4616 section 2"}},
	{id: "AUTH-BASE64-WRAPPED", severity: Failure, test: wrappedBase64,
		text:    "the encoded credentials were broken over two lines",
		cause:   "A base64 encoder that folds its output (at 60, 64 or 76 characters) was used; the second half arrives as a command.",
		fix:     Fix{General: "Encode without line breaks: `base64 -w0`, base64_encode, b64encode instead of encodestring"},
		sources: []string{"RFC 4954 section 4", "RFC 2045 section 6.8"}},
	{id: "AUTH-PLAIN-BAD-FORMAT", severity: Failure, test: credentialFact(decode.FactNULMissing),
		any:     []when{{to: "AUTH", code: "501", text: `can't split auth|malformed auth|invalid format`}},
		text:    "the PLAIN response is not authzid NUL user NUL password",
		cause:   "The NUL octets are missing or were replaced by other characters, or only the password was encoded.",
		fix:     Fix{General: "Encode \"\\0user\\0password\"", Other: "printf '\\0user\\0password' | base64 -w0"},
		sources: []string{"RFC 4616 section 2"}},
	{id: "AUTH-BASE64-INVALID", severity: Failure,
		any:     []when{{to: "AUTH", text: `(cannot|can't|could not|unable to|invalid|bad|illegal|not).{0,30}(base64|decode)|base64.{0,30}(invalid|error|wrong|decod)|cipher text is invalid`}},
		test:    credentialFact(decode.FactBadBase64, "user-"+decode.FactBadBase64),
		text:    "the credentials are not valid base64",
		cause:   "The plain text was sent, or the encoder was fed with something else.",
		fix:     Fix{General: "Let the library encode; by hand use `printf %s TEXT | base64 -w0`"},
		sources: []string{"RFC 4954 section 4", "RFC 4648 section 4"}},
	{id: "CREDENTIALS-AS-COMMANDS", severity: Failure, test: strayCredentials,
		text:    "the client sends credentials that nobody asked for, and the server reads them as commands",
		cause:   "AUTH was refused, or its reply was not looked at, and the client sent user name and password all the same. They were sent in clear.",
		fix:     Fix{General: "Look at the reply to AUTH: it says why the server does not want a login here; change a password that was sent in clear", PHPMailer: "update PHPMailer: current versions stop at a refused AUTH"},
		sources: []string{"RFC 4954 section 4"}},
	{id: "AUTH-IN-WRONG-PLACE", severity: Failure,
		any:     []when{{to: "AUTH", code: "503", text: `transaction in progress|already authenticated|already auth|mail transaction`}, {to: "AUTH", code: "503", text: `(send|say) (helo|ehlo|hello)|ehlo.*first|hello first`}},
		text:    "AUTH at a place where it is not allowed: {reply}",
		cause:   "AUTH comes behind EHLO, once, and not between MAIL and the end of the message.",
		fix:     Fix{General: "Send EHLO, then AUTH, then MAIL"},
		sources: []string{"RFC 4954 section 4"}},
	{id: "AUTH-PLAIN-TWO-STEP-REJECTED", severity: Failure,
		any:     []when{{to: "AUTH", code: "5..", and: plainWithoutInitial}},
		text:    "the server wants the PLAIN credentials on the AUTH line itself: {reply}",
		cause:   "The client sends AUTH PLAIN alone and waits for 334; this server does not know that form.",
		fix:     Fix{General: "Use LOGIN, or a client that sends an initial response", PHPMailer: "$mail->AuthType = 'LOGIN';"},
		sources: []string{"RFC 4954 section 4", "PHPMailer#345"}},
	{id: "AUTH-MECH-NOT-OFFERED", severity: Failure, test: mechanismNotOffered,
		any: []when{{to: "AUTH", code: "504|501|502|500|535|534", text: `unrecognized auth|unrecognised auth|mechanism.*(not|invalid|unknown|unsupported)|(invalid|unknown|unsupported|unrecognized).*mechanism|unknown auth|auth(entication)? type.*(not|un)|type not supported`},
			{to: "AUTH", code: "504"}, {client: `auth(entication)? (types?|mechanisms?).*(no match|not supported|not available)|no authentication type|requested type not available|not supported by the server|No suitable auth|Authenticator.*not|no supported auth`}},
		text:    "the client logs in with {mech}, which the server does not offer (it offers {offered})",
		cause:   "Client and server have no login mechanism in common, or the client is fixed to one that is not in the list.",
		fix:     Fix{General: "Choose a mechanism from the server's AUTH line; often it offers more once TLS is on", PHPMailer: "$mail->AuthType = ''; // let PHPMailer choose, or 'LOGIN', 'PLAIN'", Nodemailer: "authMethod: 'PLAIN'"},
		sources: []string{"RFC 4954 section 4", "RFC 5248 section 2"}},
	{id: "AUTH-LOGIN-INITIAL-RESPONSE", severity: Failure,
		any:     []when{{to: "AUTH", code: "50.|535|334", and: loginInitialRefused}},
		text:    "the server does not take the user name on the AUTH LOGIN line",
		cause:   "LOGIN was never standardised; some servers want user name and password in lines of their own.",
		fix:     Fix{General: "Send AUTH LOGIN alone, or use PLAIN"},
		sources: []string{"draft-murchison-sasl-login"}},
	{id: "AUTH-NOT-ADVERTISED-503", severity: Failure,
		any: []when{{to: "AUTH", code: "503|502|500|5..", text: `authentication not enabled|not advertised|not (recognized|recognised|implemented|supported|available|allowed|enabled|permitted)|unrecognized|command.*unknown|unknown command|disabled|bad sequence`}, {to: "AUTH", code: "50[023]"},
			{client: `did not advertise auth|auth.*not supported by server|authentication is not allowed|SMTP AUTH extension not supported|server doesn't support AUTH`}},
		text:    "the server offers no login here: {reply}",
		cause:   "AUTH is switched off on this port, or appears only once TLS is on, or the server is a relay that wants none.",
		fix:     Fix{General: "Start TLS first and use port 587; for a relay that needs no login switch it off", PHPMailer: starttls + " // or $mail->SMTPAuth = false; for a local relay", Nodemailer: "remove auth for a relay without login"},
		sources: []string{"RFC 4954 section 4", "postfix.org smtpd_tls_auth_only"}},
	{id: "AUTH-CRAMMD5-FALSE-OFFER", severity: Failure,
		any:     []when{{to: "AUTH", code: "535", and: usedMechanism("CRAM-MD5", "DIGEST-MD5")}},
		text:    "the login with {mech} failed; that may be the mechanism and not the password",
		cause:   "CRAM-MD5 needs the password in clear on the server. Many servers offer it without being able to check it.",
		fix:     Fix{General: "Try LOGIN or PLAIN over TLS with the same password", PHPMailer: "$mail->AuthType = 'LOGIN';", Nodemailer: "authMethod: 'LOGIN'"},
		sources: []string{"RFC 2195", "PHPMailer#841"}},
	{id: "RATE-454-LOGIN", severity: Failure,
		any:     []when{{to: "AUTH", text: `too many (login|failed|auth|bad)|too much fail|authenticate too many|login (frequency|rate)|try again later.*login|exceeded.*login`}},
		text:    "too many logins: {reply}",
		cause:   "The account or address is blocked for a while after many logins, failed or not.",
		fix:     Fix{General: "Wait, and keep one connection for many messages", PHPMailer: "$mail->SMTPKeepAlive = true;", Nodemailer: "pool: true"},
		sources: []string{"support.google.com/a/answer/3726730"}},
	{id: "AUTH-TOO-MANY-COMMANDS", severity: Failure,
		any:     []when{{code: "4..", text: `too many auth commands|too many errors`, to: "AUTH"}},
		text:    "too many login attempts: {reply}",
		cause:   "The server counts AUTH commands by address and holds the client back.",
		fix:     Fix{General: "Mend the credentials, then wait for the block to pass"},
		sources: []string{"postfix.org smtpd_client_auth_rate_limit"}},
	{id: "AUTH-TEMP-FAIL-4XX", severity: Failure,
		any:     []when{{to: "AUTH", code: "4.."}},
		text:    "the server can't check the login now: {reply}",
		cause:   "The server's password database is out of reach, or the account is held back for a while.",
		fix:     Fix{General: "Try again later; if it stays, ask the server's administrator to look at the authentication service (SASL, Dovecot)"},
		sources: []string{"RFC 4954 section 6"}},
	{id: "AUTH-CREDENTIAL-WHITESPACE", severity: Failure,
		any:     []when{{to: "AUTH", code: "535|5..", and: credentialHas(decode.FactNewline, decode.FactLeadingSpace, decode.FactTrailingSpace, "user-"+decode.FactNewline, "user-"+decode.FactLeadingSpace, "user-"+decode.FactTrailingSpace)}},
		text:    "the login was refused, and a space or line break stands at an end of the credentials",
		cause:   "It came along when the password was copied or read from a file. Servers count it as part of the password.",
		fix:     Fix{General: "Remove white space at both ends", PHPMailer: "$mail->Password = trim($password);", Nodemailer: "pass: password.trim()", Smtplib: "password.strip()"},
		sources: []string{"RFC 4616 section 2"}},
	{id: "AUTH-CREDENTIAL-URLENCODED", severity: Failure,
		any:     []when{{to: "AUTH", code: "535|5..", and: credentialHas(decode.FactURLEncoded, decode.FactHTMLEscaped, "user-"+decode.FactURLEncoded, "user-"+decode.FactHTMLEscaped)}},
		text:    "the login was refused, and the credentials look URL-encoded or HTML-escaped",
		cause:   "A password from a DSN or form was not decoded before it was sent, or was encoded twice.",
		fix:     Fix{General: "Encode special characters once, where the DSN wants it, and nowhere else", PHPMailer: "$mail->Password = html_entity_decode($password); // or urldecode", Symfony: "in MAILER_DSN write @ as %40, # as %23, once"},
		sources: []string{"symfony.com/doc: mailer, special characters in the DSN"}},
	{id: "AUTH-CREDENTIAL-NONASCII", severity: Failure,
		any:     []when{{to: "AUTH", code: "535|5..", and: credentialHas(decode.FactNotASCII, decode.FactLatin1, "user-"+decode.FactNotASCII, "user-"+decode.FactLatin1)}},
		text:    "the login was refused, and the credentials hold characters beyond ASCII",
		cause:   "Client and server may encode them differently: Latin-1 on one side, UTF-8 on the other.",
		fix:     Fix{General: "Send UTF-8, or choose a password of ASCII characters", PHPMailer: "save the PHP file as UTF-8"},
		sources: []string{"RFC 4616 section 2", "PHPMailer#3039"}},
	{id: "AUTH-CREDENTIALS-TYPE", severity: Failure,
		any:     []when{{to: "AUTH", code: "5..", text: `app(lication)?.?(specific)? password|authori[sz]ation code|requires? (an )?api key|log ?in (with|via) your web browser|enable.*(smtp|imap|pop)|two.?factor|2fa`}},
		text:    "the server wants another kind of password: {reply}",
		cause:   "The account's own password is not taken from programs; the provider issues app passwords, codes or keys for them.",
		fix:     Fix{General: "Create the kind of password that the reply names", PHPMailer: "$mail->Password = 'app password';"},
		sources: []string{"RFC 5248 section 2"}},
	{id: "AUTH-ABORTED", severity: Advice, noise: true,
		any:     []when{{to: "AUTH", code: "501", and: cancelled}},
		text:    "the client gave the login up",
		cause:   "It sent \"*\", which cancels the exchange: it found no mechanism that suited it, or the user cancelled.",
		fix:     Fix{General: "Look at what came before"},
		sources: []string{"RFC 4954 section 4"}},
	{id: "PM-AUTHTYPE-UNSET", severity: Failure, test: oauthWithoutType,
		text:    "OAuth is set up, but the client logs in with {mech}",
		cause:   "PHPMailer prefers LOGIN over XOAUTH2 when it may choose, and then has no password.",
		fix:     Fix{General: "Choose XOAUTH2 explicitly", PHPMailer: "$mail->AuthType = 'XOAUTH2';"},
		sources: []string{"PHPMailer#2328"}},
	{id: "AUTH-BAD-CREDENTIALS", severity: Failure,
		any: []when{{to: "AUTH", code: "535|5.."}, {to: "AUTH", text: `authentication fail|invalid (login|password|credentials)|incorrect authentication`},
			{client: `invalid login: 5|SMTPAuthenticationError|AuthenticationFailedException|failed to authenticate|could not authenticate|\(67\) Login denied|Authentication unsuccessful`}},
		text:    "the server refused user name or password ({user}): {reply}",
		cause:   "The password is wrong, or belongs to another account or service; the user name may have to be the full address; or the account may not send by SMTP.",
		fix:     Fix{General: "Check user name and password by logging in elsewhere with the same two; try the full address as the user name", PHPMailer: loginFix, Nodemailer: "auth: { user: 'user@example.com', pass: '…' }", Smtplib: "smtp.login('user@example.com', '…')", Symfony: "MAILER_DSN=smtp://user%40example.com:…@host:587; Laravel: MAIL_USERNAME, MAIL_PASSWORD, then `php artisan config:clear`", WordPress: "WP Mail SMTP: Authentication on, full address as SMTP Username"},
		sources: []string{"RFC 4954 section 6", "RFC 3463 section 3.8"}},
	{id: "AUTH-NOT-ATTEMPTED", severity: Failure,
		any: []when{{to: "MAIL RCPT DATA .", code: "5..|4..", text: `authentication (is )?required|must authenticate|auth(entication)? (is )?(needed|first)|need to authenticate|log ?in first|not authenticated|please authenticate|requires? auth|must (first )?(be )?(log|auth)|authenticate first|smtp auth|without authentication|AUTH first`, and: noLogin},
			{to: "MAIL RCPT", code: "530", and: noLogin}, {to: "RCPT MAIL", code: "5..|454", text: `relay|not permitted|not allowed|denied|rcpthosts|local`, and: offeredButUnused}},
		text:    "the client did not log in, and the server wants it to: {reply}",
		cause:   "Authentication is switched off or misspelt in the client's configuration, or the client saw no AUTH line that it could use.",
		fix:     Fix{General: "Switch authentication on in the client", PHPMailer: loginFix, Nodemailer: "auth: { user, pass }", Smtplib: "smtp.login(user, password)", Symfony: "put user and password into MAILER_DSN; Laravel: MAIL_USERNAME, MAIL_PASSWORD", WordPress: "WP Mail SMTP: switch Authentication on"},
		sources: []string{"RFC 4954 section 6", "PHPMailer#1305"}},
	{id: "CLIENT-QUIT-BEFORE-AUTH", severity: Failure, test: quitBeforeAuth,
		text:    "the client left behind EHLO without logging in or sending",
		cause:   "It found no mechanism or no encryption that suits it, or its token provider failed.",
		fix:     Fix{General: "Look at the client's own error message", PHPMailer: "$mail->SMTPDebug = 4; // tells which mechanism was looked for", Nodemailer: "logger: true, debug: true"},
		sources: []string{"PHPMailer#1076"}},
	{id: "AUTH-WITHOUT-TLS", severity: Warning, test: passwordInClear,
		text:    "the password was sent in clear over the network",
		cause:   "AUTH PLAIN and LOGIN are only encoded, not encrypted. Everybody on the way can read them.",
		fix:     Fix{General: "Switch STARTTLS on before AUTH, or use port 465", PHPMailer: starttls, Nodemailer: "requireTLS: true", Smtplib: "smtp.starttls()"},
		sources: []string{"RFC 4954 section 4", "RFC 8314 section 3"}},
	{id: "AUTH-USER-WITHOUT-DOMAIN", severity: Advice, test: userWithoutDomain,
		text:    "the login was refused, and the user name {user} has no domain",
		cause:   "Most servers that host several domains want the full address as the user name.",
		fix:     Fix{General: "Try the full address as the user name", PHPMailer: "$mail->Username = 'user@example.com';"},
		sources: []string{"RFC 4616 section 2"}},
	{id: "PM-AUTH-LAST-LINE-WINS", severity: Advice, test: severalAuthLines,
		text:    "the server has several AUTH lines, of which PHPMailer reads only the last",
		cause:   "Its list of mechanisms is overwritten by each further AUTH line.",
		fix:     Fix{General: "Let the server announce all mechanisms on one line", PHPMailer: "$mail->AuthType = 'LOGIN'; // one that stands on the last AUTH line"},
		sources: []string{"RFC 4954 section 3", "PHPMailer source, parseHelloFields"}},
	{id: "AUTH-CHANNEL-BINDING", severity: Failure, test: credentialFact(decode.FactChannelBinding),
		text:    "the client binds its login to the TLS channel, which interception breaks",
		cause:   "SCRAM with channel binding (-PLUS) proves that nobody stands between client and server. smtptap does.",
		fix:     Fix{General: "Run smtptap with --starttls pass, or let the client use SCRAM without -PLUS"},
		sources: []string{"RFC 5802 section 6", "RFC 9266"}},
}

// authOf is the AUTH step that a reply to AUTH answers.
func (v *view) authOf(i int) *decode.Auth {
	for n := range v.answers {
		a := &v.answers[n]
		if a.entry == i && a.asked >= 0 {
			return v.event0(a.asked).Auth
		}
	}
	return nil
}

func usedMechanism(names ...string) func(*view, int) bool {
	return func(v *view, i int) bool {
		a := v.authOf(i)
		if a == nil {
			return false
		}
		for _, n := range names {
			if a.Mechanism == n {
				return true
			}
		}
		return false
	}
}

// mechanismMissing reports an AUTH with a mechanism that EHLO did not list.
func mechanismMissing(v *view, i int) bool {
	a := v.authOf(i)
	if a == nil || a.Mechanism == "" || v.offered["AUTH"] == "" {
		return false
	}
	for _, m := range strings.Fields(strings.ToUpper(v.offered["AUTH"])) {
		if m == a.Mechanism {
			return false
		}
	}
	return true
}

func mechanismNotOffered(v *view) []int {
	for _, a := range v.answersTo("AUTH") {
		if a.reply.Code >= 400 && mechanismMissing(v, a.entry) {
			return v.proof(a)
		}
	}
	return nil
}

// masks are the secrets of the session, with their entries.
func (v *view) eachMask(f func(i int, m *decode.Mask) bool) []int {
	var at []int
	for i, e := range v.t.Entries {
		if e.Event != nil && e.Event.Auth != nil && e.Event.Auth.Secret != nil && f(i, e.Event.Auth.Secret) {
			at = append(at, i)
		}
	}
	return firstFew(at)
}

func hasFact(m *decode.Mask, facts ...string) bool {
	for _, have := range m.Facts {
		for _, f := range facts {
			if have == f {
				return true
			}
		}
	}
	return false
}

// credentialFact finds credentials with one of these facts that were refused.
func credentialFact(names ...string) func(*view) []int {
	return func(v *view) []int {
		if v.authed || v.t.Lack(decode.LackCredentials) {
			return nil
		}
		at := v.eachMask(func(_ int, m *decode.Mask) bool { return hasFact(m, names...) })
		if len(at) == 0 || !v.loginRefused() {
			return nil
		}
		return at
	}
}

func (v *view) loginRefused() bool {
	for _, a := range v.answersTo("AUTH") {
		if a.reply.Code >= 400 {
			return true
		}
	}
	return false
}

// credentialHas reports that credentials or the user name of this session have
// one of these facts.
func credentialHas(names ...string) func(*view, int) bool {
	return func(v *view, _ int) bool {
		if v.t.Lack(decode.LackCredentials) {
			return false
		}
		found := v.eachMask(func(_ int, m *decode.Mask) bool { return hasFact(m, names...) })
		return len(found) > 0 || len(noted(names...)(v)) > 0
	}
}

func emptyCredentials(v *view) []int {
	if v.authed || !v.loginRefused() || v.t.Lack(decode.LackCredentials) || v.t.Lack(decode.LackBrackets) {
		return nil
	}
	at := v.eachMask(func(_ int, m *decode.Mask) bool {
		return hasFact(m, decode.FactEmpty, "user-"+decode.FactEmpty) && m.What != "token"
	})
	if len(at) > 0 {
		return at
	}
	return noted("user-" + decode.FactEmpty)(v)
}

func emptyToken(v *view) []int {
	for _, i := range v.auths {
		ev := v.event0(i)
		if ev.Auth == nil || ev.Auth.Mechanism != "XOAUTH2" {
			continue
		}
		if ev.Auth.Secret != nil && hasFact(ev.Auth.Secret, decode.FactEmpty) {
			return []int{i}
		}
		if a := v.answerTo(i); strings.EqualFold(strings.TrimSpace(ev.Command.Arg), "XOAUTH2") && a != nil && a.reply.Code >= 400 {
			return v.proof(a)
		}
	}
	return nil
}

func xoauthRefused(v *view) []int {
	for _, a := range v.answersTo("AUTH") {
		if a.reply.Code != 334 || a.reply == nil {
			continue
		}
		auth := v.event0(a.entry).Auth
		if auth != nil && (auth.Mechanism == "XOAUTH2" || auth.Mechanism == "OAUTHBEARER") && strings.Contains(auth.Decoded, "status") {
			return v.proof(a)
		}
	}
	return nil
}

func xoauthGoesOn(v *view) []int {
	refused := xoauthRefused(v)
	if refused == nil || v.client != clientPHPMailer || v.authed {
		return nil
	}
	for _, m := range v.mails {
		if m > refused[len(refused)-1] {
			return append(refused, m)
		}
	}
	return nil
}

func strayCredentials(v *view) []int {
	if v.t.Lack(decode.LackServerLines) {
		return nil
	}
	var at []int
	for i, e := range v.t.Entries {
		if e.Event == nil || e.Event.Auth == nil || e.Event.Auth.Step != decode.StepStray {
			continue
		}
		if a := v.answerTo(i); a != nil && a.reply.Code >= 500 {
			at = append(at, i, a.entry)
		}
	}
	return firstFew(at)
}

// wrappedBase64 finds a response of a length at which encoders fold, with a
// stray line behind it.
func wrappedBase64(v *view) []int {
	for i, e := range v.t.Entries {
		if e.Event == nil || e.Event.Auth == nil || e.Event.Auth.Step != decode.StepStray {
			continue
		}
		for j := i - 1; j >= 0; j-- {
			p := v.t.Entries[j].Event
			if p == nil || p.Side != decode.Client {
				continue
			}
			if p.Auth != nil && p.Auth.Secret != nil && hasFact(p.Auth.Secret, decode.FactWrappedBase64) {
				return []int{j, i}
			}
			break
		}
	}
	return nil
}

func plainWithoutInitial(v *view, i int) bool {
	for n := range v.answers {
		a := &v.answers[n]
		if a.entry != i || a.asked < 0 {
			continue
		}
		c := v.event0(a.asked).Command
		return c != nil && strings.EqualFold(strings.TrimSpace(c.Arg), "PLAIN") && !mechanismMissing(v, i)
	}
	return false
}

func loginInitialRefused(v *view, i int) bool {
	for n := range v.answers {
		a := &v.answers[n]
		if a.entry != i || a.asked < 0 {
			continue
		}
		ev := v.event0(a.asked)
		if ev.Command == nil || ev.Auth == nil || ev.Auth.Mechanism != "LOGIN" || ev.Auth.User == "" {
			return false
		}
		if a.reply.Code == 334 {
			prompt := v.event0(i).Auth
			return prompt != nil && strings.Contains(strings.ToLower(prompt.Prompt), "user")
		}
		return true
	}
	return false
}

func cancelled(v *view, i int) bool {
	a := v.authOf(i)
	return a != nil && a.Step == decode.StepCancel
}

func oauthWithoutType(v *view) []int {
	for _, s := range v.says {
		if strings.Contains(strings.ToLower(s.text), "oauth") && !strings.Contains(strings.ToLower(s.text), "xoauth2") && len(v.auths) > 0 && v.loginRefused() {
			if a := v.event0(v.auths[0]).Auth; a != nil && a.Mechanism == "LOGIN" {
				return []int{v.auths[0]}
			}
		}
	}
	return nil
}

// noLogin reports that the client has sent no AUTH before entry i.
func noLogin(v *view, i int) bool { return !v.before("AUTH", i) && !v.authed }

// offeredButUnused reports that EHLO offered AUTH, and the client did not use it.
func offeredButUnused(v *view, i int) bool {
	_, offered := v.offered["AUTH"]
	_, old := v.offered["AUTH="]
	return (offered || old) && noLogin(v, i)
}

func quitBeforeAuth(v *view) []int {
	if v.ehlo < 0 || len(v.auths) > 0 || len(v.mails) > 0 || len(v.says) > 0 && v.t.Source != decode.SourceLog {
		return nil
	}
	if _, offered := v.offered["AUTH"]; !offered {
		return nil
	}
	quit, left := v.last["QUIT"]
	if !left || quit < v.ehlo {
		return nil
	}
	if _, tls := v.last["STARTTLS"]; tls && !v.secured {
		return nil
	}
	return []int{v.ehlo, quit}
}

func passwordInClear(v *view) []int {
	if v.local() || v.t.Source == decode.SourceLog && v.t.Lack(decode.LackTLS) && v.secured {
		return nil
	}
	for i, e := range v.t.Entries {
		if e.Event == nil || e.Event.Auth == nil || e.Event.Auth.Secret == nil || e.Event.TLS || v.secured {
			continue
		}
		switch e.Event.Auth.Secret.What {
		case "password", "credentials", "token":
			return []int{i}
		}
	}
	return nil
}

func userWithoutDomain(v *view) []int {
	if v.authed || !v.loginRefused() || v.t.Lack(decode.LackBrackets) {
		return nil
	}
	if at := noted(decode.FactUserNoDomain)(v); len(at) > 0 && v.user != "apikey" {
		return at
	}
	if v.user == "apikey" {
		return nil
	}
	return v.eachMask(func(_ int, m *decode.Mask) bool { return hasFact(m, decode.FactUserNoDomain) })
}

func severalAuthLines(v *view) []int {
	if v.ehlo < 0 || v.client != clientPHPMailer {
		return nil
	}
	n := 0
	for _, k := range v.event0(v.ehlo).Reply.EHLO {
		if k.Name == "AUTH" {
			n++
		}
	}
	if n > 1 {
		return []int{v.ehlo}
	}
	return nil
}
