package findings

import (
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

// microscopeRules tell what is wrong with credentials without telling them. A
// login that was accepted needs no mending, whatever it looks like.
var microscopeRules = []rule{
	{
		id: "AUTH-BASE64-WRAPPED", severity: Failure, title: "the credentials are broken over two lines",
		find:    wrappedBase64,
		text:    "the encoded credentials were broken over two lines[: {reply}]",
		cause:   "A base64 encoder for mail bodies was used, which folds its output at 60, 64 or 76 characters; the rest arrives as a command. It shows with long names, keys and tokens only.",
		fix:     Fix{General: "Encode without line breaks", PHPMailer: "in code of your own base64_encode() without chunk_split()", Smtplib: "b64encode, not encodebytes", Other: "openssl base64 -A; base64 -w0"},
		sources: []string{"RFC 4954 section 4", "RFC 2045 section 6.8", "lamw/ghettoVCB#252"},
	},
	{
		id: "AUTH-PLAIN-BAD-FORMAT", severity: Failure, title: "the PLAIN response has the wrong shape",
		find:    malformedWith(decode.FactNULMissing),
		when:    []when{{to: "AUTH", text: `split auth|malformed auth|invalid (format|plain)|missing (nul|separator)`}},
		text:    "the PLAIN response is not built of authzid, NUL, user name, NUL, password[: {reply}]",
		cause:   "It was made by hand: the NUL octets are missing (a shell or single quotes eat \\0), or spaces, colons or line breaks stand in their place.",
		fix:     Fix{General: "Encode NUL, user name, NUL, password", Smtplib: pyLogin, Other: `printf '\0user\0password' | base64 -w0`},
		sources: []string{"RFC 4616 section 2", "PHPMailer#2289"},
	},
	{
		id: "AUTH-BASE64-INVALID", severity: Failure, title: "the credentials are not valid base64",
		find:    malformedWith(decode.FactBadBase64, "user-"+decode.FactBadBase64),
		when:    []when{{to: "AUTH", text: `(cannot|can't|can not|could not|unable to|failed to|invalid|bad|illegal|not (valid )?).{0,30}(base64|decod)|base64.{0,30}(invalid|error|wrong|decod|bad|format)|cipher text is invalid`}, {to: "AUTH", code: "523"}},
		text:    "the credentials are not valid base64[: {reply}]",
		cause:   "The plain text was sent, characters were cut off, the padding is missing, or the URL-safe alphabet was used.",
		fix:     Fix{General: "Encode as standard base64 with padding, on one line", PHPMailer: "in code of your own base64_encode()", Other: "printf %s TEXT | base64 -w0"},
		sources: []string{"RFC 4954 section 4", "RFC 4648 section 4"},
	},
	{
		id: "AUTH-BASE64-TWICE", severity: Failure, title: "the credentials are encoded twice",
		find:    refusedWith(decode.FactDoubleEncoded, "user-"+decode.FactDoubleEncoded),
		text:    "the credentials are base64 of base64",
		cause:   "The program encodes user name and password, and the library does it again.",
		fix:     Fix{General: "Give the library plain user name and password", PHPMailer: "$mail->Password = $plain; // not base64_encode($plain)", Nodemailer: nodeLogin, Smtplib: pyLogin},
		sources: []string{"RFC 4954 section 4"},
	},
	{
		id: "AUTH-CREDENTIAL-WHITESPACE", severity: Failure, title: "white space around the credentials",
		find:    refusedWith(bothOf(decode.FactNewline, decode.FactLeadingSpace, decode.FactTrailingSpace)...),
		text:    "the login was refused, and white space stands at an end of user name or password",
		cause:   "It came along when the password was copied, or is the line end of a file or secret. Servers take it for a part of the password.",
		fix:     Fix{General: "Take white space off both ends; from an App Password also the spaces between its groups", PHPMailer: "$mail->Password = str_replace(' ', '', trim($password)); // the spaces of an App Password", Nodemailer: "pass: password.trim()", Smtplib: "password.strip()", Other: "echo -n, or printf %s, when a secret is made"},
		sources: []string{"RFC 4616 section 2"},
	},
	{
		id: "AUTH-CREDENTIAL-URLENCODED", severity: Failure, title: "credentials that look URL- or HTML-encoded",
		find:    refusedWith(bothOf(decode.FactURLEncoded, decode.FactHTMLEscaped)...),
		text:    "the login was refused, and user name or password looks URL-encoded or HTML-escaped",
		cause:   "Special characters are encoded in a DSN or URL but not in plain settings; a form may escape them too. Where a URL is not encoded, the password ends at its first #, / or ?.",
		fix:     Fix{General: "Encode special characters once, in a URL, and nowhere else", PHPMailer: "$mail->Password = $raw; // no urlencode, no htmlspecialchars", Nodemailer: "auth: { user, pass } in plain; encodeURIComponent() in the URL form only", Symfony: "in MAILER_DSN rawurlencode() the password, once"},
		sources: []string{"symfony.com/doc: Mailer, special characters in the DSN", "nodemailer#572"},
	},
	{
		id: "AUTH-CREDENTIAL-NONASCII", severity: Failure, title: "credentials beyond ASCII",
		find:    refusedWith(bothOf(decode.FactNotASCII, decode.FactLatin1)...),
		text:    "the login was refused, and user name or password holds characters beyond ASCII",
		cause:   "Client and server may differ about the charset. Where the bytes are Latin-1, a server that follows the standard expects UTF-8.",
		fix:     Fix{General: "Choose a password of ASCII characters, or let the client send UTF-8", PHPMailer: "save the PHP file and its configuration as UTF-8"},
		sources: []string{"RFC 4616 section 2", "PHPMailer#3039"},
	},
	{
		id: "AUTH-USER-WITHOUT-DOMAIN", severity: Advice, title: "the user name has no domain",
		find:    nameWithoutDomain,
		text:    "the login was refused, and the user name[ {user}] has no domain",
		cause:   "Servers with mailboxes of several domains want the full address as the user name.",
		fix:     Fix{General: "Try the full address as the user name", PHPMailer: "$mail->Username = 'user@example.com';", Nodemailer: "auth: { user: 'user@example.com', … }", Smtplib: pyLogin},
		sources: []string{"RFC 4616 section 2"},
	},
	{
		id: "AUTH-PASSWORD-EQUALS-USER", severity: Advice, title: "password and user name are the same",
		find:    refusedWith(decode.FactEqualsUser),
		text:    "the login was refused, and the password is the user name over again",
		cause:   "The same variable was used for both, or a field was filled in by a browser.",
		fix:     Fix{General: "Look which settings the two come from", PHPMailer: phpLogin, Nodemailer: nodeLogin},
		sources: []string{"RFC 4616 section 2"},
	},
	{
		id: "AUTH-CHANNEL-BINDING", severity: Failure, title: "the login is bound to the TLS channel",
		find:    refusedWith(decode.FactChannelBinding),
		text:    "the client binds its login to the TLS channel, which interception breaks",
		cause:   "SCRAM with channel binding (-PLUS) proves that nobody stands between client and server; smtptap does.",
		fix:     Fix{General: "Run smtptap with --starttls pass, or let the client use SCRAM without -PLUS"},
		sources: []string{"RFC 5802 section 6", "RFC 9266"},
	},
}

// bothOf are facts about a password together with the same facts about a user
// name.
func bothOf(facts ...string) []string {
	all := slices.Clone(facts)
	for _, f := range facts {
		all = append(all, "user-"+f)
	}
	return all
}

func hasFact(m *decode.Mask, facts ...string) bool {
	return slices.ContainsFunc(m.Facts, func(f string) bool { return slices.Contains(facts, f) })
}

// withFacts are the client's lines in which credentials have one of these
// facts. Nothing is known of credentials that a log hides.
func (s *session) withFacts(facts ...string) []int {
	if s.lack(decode.LackCredentials) || s.lack(decode.LackBrackets) {
		return nil
	}
	at := s.noted(facts...)
	for _, i := range s.secrets {
		if a := s.ev(i).Auth; a.Step != decode.StepStray && hasFact(a.Secret, facts...) {
			at = append(at, i)
		}
	}
	slices.Sort(at)
	return firstFew(slices.Compact(at))
}

// refusal is the first reply that refused a login, if none was accepted later;
// nil otherwise.
func (s *session) refusal() *reply {
	if s.loggedIn >= 0 {
		return nil
	}
	for r := range s.to("AUTH") {
		if r.code >= 400 {
			return r
		}
	}
	return nil
}

// refusedWith finds credentials with one of these facts in a session whose
// login was refused.
func refusedWith(facts ...string) finder {
	return func(s *session) *sighting {
		at := s.withFacts(facts...)
		r := s.refusal()
		if len(at) == 0 || r == nil {
			return nil
		}
		return see(append(at, r.entry)...).with("reply", r.quote())
	}
}

// malformedWith is refusedWith for mistakes that the server's reply would speak
// of: a refusal for another reason is not explained by them.
func malformedWith(facts ...string) finder {
	find := refusedWith(facts...)
	return func(s *session) *sighting {
		g := find(s)
		if g == nil {
			return nil
		}
		switch s.refusal().code {
		case 535, 501, 500, 550, 553, 554:
			return g
		}
		g.severity = Warning
		return g
	}
}

func emptyCredentials(s *session) *sighting {
	r := s.refusal()
	if r == nil {
		return nil
	}
	at := s.withFacts("user-" + decode.FactEmpty)
	for _, i := range s.withFacts(decode.FactEmpty) {
		if a := s.ev(i).Auth; a.Secret != nil && a.Secret.What != "token" && !s.closesExchange(i) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return nil
	}
	slices.Sort(at)
	return see(append(slices.Compact(at), r.entry)...).with("reply", r.quote())
}

// closesExchange reports an empty line by which a client takes a server's last
// word in a mechanism that ends so.
func (s *session) closesExchange(i int) bool {
	a := s.ev(i).Auth
	return isTokenMechanism(a.Mechanism) || strings.HasPrefix(a.Mechanism, "SCRAM-") || a.Mechanism == "DIGEST-MD5" || a.Mechanism == "NTLM" || a.Mechanism == "GSSAPI"
}

// strayCredentials finds credentials that nobody asked for and that the server
// refused as commands. Behind MAIL such lines are rather those of a message.
func strayCredentials(s *session) *sighting {
	if s.lack(decode.LackServerLines) {
		return nil
	}
	var proof []int
	for i := range s.replies {
		r := &s.replies[i]
		if r.code < 500 || r.asked < 0 {
			continue
		}
		if a := s.ev(r.asked).Auth; a != nil && a.Step == decode.StepStray && s.last("MAIL", r.asked) < 0 {
			proof = append(proof, r.proof()...)
		}
	}
	return see(firstFew(proof)...)
}

// wrappedBase64 finds a whole response with another line behind it that the
// server has not asked for: the rest of what an encoder has folded.
func wrappedBase64(s *session) *sighting {
	for i, at := range s.secrets[min(1, len(s.secrets)):] {
		first := s.secrets[i]
		a := s.ev(first).Auth
		stray := s.ev(at).Auth.Step == decode.StepStray && (s.loggedIn < first || s.loggedIn > at)
		if a.Step == decode.StepStray || a.Mechanism == "LOGIN" && a.Step != decode.StepPassword || s.clientSpoke(first, at) {
			continue
		}
		if r := s.answer(first); !stray && (r == nil || r.entry < at || s.ev(at).Command != nil) {
			continue // the server asked for it, or it begins another exchange
		}
		g := see(first, at)
		if r := s.refusal(); r != nil {
			g = see(first, at, r.entry).with("reply", r.quote())
			slices.Sort(g.entries)
		}
		return g
	}
	return nil
}

// clientSpoke reports that the client said something between two entries.
func (s *session) clientSpoke(from, to int) bool {
	return slices.ContainsFunc(s.t.Entries[from+1:to], func(e decode.Entry) bool {
		return e.Event != nil && e.Event.Side == who.Client
	})
}

// plainNames are user names that are meant to have no domain.
var plainNames = []string{"apikey", "resend", "postmaster", "smtp", "api"}

func nameWithoutDomain(s *session) *sighting {
	r := s.refusal()
	if r == nil || r.code != 535 || slices.Contains(plainNames, strings.ToLower(s.user)) || s.isAt(ses) {
		return nil
	}
	at := s.withFacts(decode.FactUserNoDomain)
	if len(at) == 0 {
		return nil
	}
	return see(at...)
}
