package findings

import (
	"encoding/json"
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

// tokenRules are about logging in with OAuth (XOAUTH2, OAUTHBEARER).
var tokenRules = []rule{
	{
		id: "AUTH-XOAUTH2-EMPTY-TOKEN", severity: Failure, title: "XOAUTH2 without a token",
		find:  emptyToken,
		when:  []when{{said: `(access ?token|oauth token).{0,40}(empty|missing|is null|not (set|found))|(empty|missing|no) (access|oauth2?) ?token|getoauth64|can't create new access token|invalid_grant`}},
		text:  "the client sent XOAUTH2 without a token[: {reply}]",
		cause: "The token provider returned nothing: an expired refresh token, a wrong scope, or an exception that nobody saw.",
		fix: Fix{
			General:   "Mend the token request, and check that the token is not empty before sending",
			PHPMailer: "$mail->setOAuth($provider); // $provider->getOauth64() must return a token", Nodemailer: nodeOAuth,
		},
		sources: []string{"developers.google.com/gmail/imap/xoauth2-protocol", "PHPMailer#890", "PHPMailer#1076"},
	},
	{
		id: "PM-XOAUTH2-IGNORES-535", severity: Failure, title: "PHPMailer goes on after a refused token",
		find:    goesOnAfterRefusal,
		text:    "the token was refused, and the client went on as if it had been taken",
		cause:   "PHPMailer 7.x sends a long token in two steps and reads the reply to the last one the wrong way round: a refusal passes for success.",
		fix:     Fix{General: "Mend the token; the refusal further down only follows from this", PHPMailer: "update PHPMailer when a fixed version is out; check scope and expiry of the token"},
		sources: []string{"PHPMailer 7.1.1: src/SMTP.php, authenticate()", "RFC 4954 section 4"},
	},
	{
		id: "AUTH-XOAUTH2-LINE-TOO-LONG", severity: Failure, title: "the token does not fit the command line",
		when:    []when{{to: "AUTH", code: "500 501 502 554", text: `too long|length`}, {to: "AUTH", code: "500", also: longToken}},
		text:    "the AUTH line with the token is too long for the server: {reply}",
		cause:   "A command has 512 octets, and this server keeps to that; tokens of Microsoft have two or three thousand.",
		fix:     Fix{General: "Send AUTH XOAUTH2 alone and the token behind the 334", PHPMailer: "PHPMailer 6.11 and 7.x do so for long tokens (6.12 does not)"},
		sources: []string{"RFC 4954 section 4", "RFC 5321 section 4.5.3.1.4"},
	},
	{
		id: "AUTH-XOAUTH2-REJECTED", severity: Failure, title: "the access token is refused",
		find:  tokenRefused,
		when:  []when{{to: "AUTH", code: "5xx", also: refusedToken}},
		text:  "the access token[ of {user}] was refused[ ({oauth})][: {reply}]",
		cause: "It is expired, was granted for another user or another scope, or is meant for another service: a Graph token does not open SMTP. The server's 334 carries the reason as JSON.",
		fix: Fix{
			General:    "Get a new token for the very user that logs in, with the scope https://mail.google.com/ at Google or https://outlook.office.com/SMTP.Send at Microsoft",
			PHPMailer:  phpOAuth + " // 'userName' is the address that granted the token",
			Nodemailer: nodeOAuth, Smtplib: `smtp.auth('XOAUTH2', lambda _=None: f'user={user}\x01auth=Bearer {token}\x01\x01')`,
		},
		sources: []string{"developers.google.com/gmail/imap/xoauth2-protocol", "learn.microsoft.com: authenticate an SMTP connection using OAuth", "nodemailer#114"},
	},
	{
		id: "PM-AUTHTYPE-UNSET", severity: Warning, title: "OAuth is set up, another mechanism is used",
		find:    passwordInsteadOfToken,
		text:    "OAuth is set up in the client, but it logs in with {mech}",
		cause:   "With AuthType empty PHPMailer takes CRAM-MD5, LOGIN and PLAIN before XOAUTH2, and sends an empty password. A mechanism that is set but not on offer falls back in the same way.",
		fix:     Fix{General: "Name the mechanism", PHPMailer: "$mail->AuthType = 'XOAUTH2';"},
		sources: []string{"PHPMailer: src/SMTP.php, authenticate()", "PHPMailer#2328"},
	},
}

func isTokenMechanism(name string) bool { return name == "XOAUTH2" || name == "OAUTHBEARER" }

// refusedToken reports a refusal of a login by token that does not say that
// something else is the matter.
func refusedToken(s *session, r *reply) bool {
	return isTokenMechanism(s.mechanism(r)) && !containsAny(r.folded(), []string{"smtpclientauthentication", "unrecognized auth", "not supported", "mechanism"}) && r.code != 504
}

func longToken(s *session, r *reply) bool {
	c := s.command(r)
	return c != nil && isTokenMechanism(s.mechanism(r)) && (r.asked >= 0 && s.ev(r.asked).Span.Len() > 500 || strings.Contains(r.folded(), "line"))
}

func emptyToken(s *session) *sighting {
	for _, i := range s.logins {
		ev := s.ev(i)
		if !isTokenMechanism(ev.Auth.Mechanism) || s.lack(decode.LackCredentials) {
			continue
		}
		a := s.answer(i)
		switch {
		case ev.Auth.Secret != nil && hasFact(ev.Auth.Secret, decode.FactEmpty):
			return tokenSighting(i, a)
		case ev.Command == nil || !isTokenMechanism(strings.ToUpper(strings.TrimSpace(ev.Command.Arg))):
		case a != nil && a.code >= 400, a != nil && a.code == 334 && s.nothingFollows(i):
			return tokenSighting(i, a)
		}
	}
	return nil
}

func tokenSighting(i int, a *reply) *sighting {
	if a == nil || a.positive() {
		return see(i)
	}
	return see(i, a.entry)
}

// nothingFollows reports that the client sent no token behind AUTH: it left, or
// it said the next command where the token belongs.
func (s *session) nothingFollows(auth int) bool {
	for i := auth + 1; i < len(s.t.Entries); i++ {
		ev := s.t.Entries[i].Event
		if ev == nil || ev.Side != who.Client {
			continue
		}
		return ev.Auth == nil || ev.Auth.Secret == nil
	}
	return s.t.Ended && !s.lack(decode.LackEnd)
}

// challenge is what the server gives as its reason to refuse a token (RFC 7628
// section 3.2.2).
type challenge struct {
	Status  string `json:"status"`
	Schemes string `json:"schemes"`
	Scope   string `json:"scope"`
}

// oauthError is the server's reason in words, "" when it gave none.
func oauthError(a *decode.Auth) string {
	var c challenge
	if a == nil || json.Unmarshal([]byte(a.Decoded), &c) != nil || c.Status == "" {
		return ""
	}
	text := "status " + c.Status
	if c.Scope != "" {
		text += ", scope " + c.Scope
	}
	return text
}

func tokenRefused(s *session) *sighting {
	for r := range s.to("AUTH") {
		if reason := oauthError(r.event.Auth); r.code == 334 && reason != "" {
			g := see(r.proof()...).with("oauth", reason)
			g.with("reply", "")
			return g
		}
	}
	return nil
}

func goesOnAfterRefusal(s *session) *sighting {
	if s.loggedIn >= 0 || !s.isPHPMailer() {
		return nil
	}
	for r := range s.to("AUTH") {
		if r.code < 500 || !isTokenMechanism(s.mechanism(r)) {
			continue
		}
		for _, m := range s.byName["MAIL"] {
			if m > r.entry {
				return see(r.entry, m)
			}
		}
	}
	return nil
}

// passwordInsteadOfToken finds a login by password in a session of a client
// whose settings or log speak of OAuth.
func passwordInsteadOfToken(s *session) *sighting {
	if len(s.logins) == 0 || !s.isPHPMailer() {
		return nil
	}
	mech := s.ev(s.logins[0]).Auth.Mechanism
	if isTokenMechanism(mech) || mech == "" {
		return nil
	}
	for _, said := range s.says {
		if strings.Contains(said.folded, "oauth") && !strings.Contains(said.folded, "auth methods") {
			return see(s.logins[0], said.entry).with("mech", mech)
		}
	}
	return nil
}
