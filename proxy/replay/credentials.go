package replay

import (
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"smtptap/decode"
	"smtptap/decode/visible"
)

// Credentials are what is said where the recording holds none.
type Credentials struct {
	User     string // "" for the user name in the recording
	Password string
	Token    string // of XOAUTH2 and OAUTHBEARER
}

// Variables that hold credentials.
const (
	UserVariable     = "SMTPTAP_USER"
	PasswordVariable = "SMTPTAP_PASSWORD"
	TokenVariable    = "SMTPTAP_TOKEN"
)

// Environment reads the credentials from their variables.
func Environment(getenv func(string) string) Credentials {
	return Credentials{User: getenv(UserVariable), Password: getenv(PasswordVariable), Token: getenv(TokenVariable)}
}

// An answer is a login line that is made when it is due, because it may depend
// on what the server has asked.
type answer func(challenge string) (string, error)

// answerFor is how a step of a login is said anew; nil when the recording holds
// it as it was said and it may stay so. The error says what is missing. Only
// what a mechanism is known to ask for is said: the answers of most are made so
// that the password is never sent.
func (c *Credentials) answerFor(a *decode.Auth, user string, kept bool) (answer, error) {
	if a.Secret == nil {
		return c.userAnswer(a), nil
	}
	user = cmp.Or(c.User, user)
	mechanism := cmp.Or(a.Mechanism, a.Secret.Mechanism)
	if kept && *c == (Credentials{}) && !asksAnew[mechanism] {
		return nil, nil
	}
	switch mechanism {
	case "CRAM-MD5":
		return c.cramMD5(user)
	case "XOAUTH2", "OAUTHBEARER":
		return c.token(mechanism, user)
	case "EXTERNAL":
		return fixed(user), need(user, UserVariable, "username")
	case "PLAIN":
		return c.plain(a, user)
	case "LOGIN":
		if a.Step == decode.StepUser {
			return fixed(user), need(user, UserVariable, "username")
		}
		return fixed(c.Password), need(c.Password, PasswordVariable, "password")
	}
	var known any = visible.Text(mechanism)
	if mechanism == "" {
		known = words.Error("unknown-mechanism")
	}
	return nil, words.Error("mechanism", "mechanism", known)
}

// asksAnew are mechanisms whose answers depend on what the server asks, so that
// a recorded one is of no use.
var asksAnew = map[string]bool{"CRAM-MD5": true, "DIGEST-MD5": true, "NTLM": true, "SCRAM-SHA-1": true, "SCRAM-SHA-256": true}

// userAnswer is a user name in place of the one that the recording shows, which
// only LOGIN says by itself.
func (c *Credentials) userAnswer(a *decode.Auth) answer {
	if c.User == "" || a.User == "" || a.Mechanism != "LOGIN" {
		return nil
	}
	return fixed(c.User)
}

func need(value, variable, what string) error {
	if value == "" {
		return words.Error("need-"+what, "variable", variable)
	}
	return nil
}

func fixed(plain string) answer {
	return func(string) (string, error) { return encode(plain), nil }
}

func encode(plain string) string { return base64.StdEncoding.EncodeToString([]byte(plain)) }

// plain is the message of RFC 4616: authorization identity, user and password.
func (c *Credentials) plain(a *decode.Auth, user string) (answer, error) {
	authzid := cmp.Or(a.Authzid, a.Secret.Authzid)
	return fixed(authzid + "\x00" + user + "\x00" + c.Password),
		errors.Join(need(user, UserVariable, "username"), need(c.Password, PasswordVariable, "password"))
}

// cramMD5 is the user and the digest of the challenge (RFC 2195 section 2).
func (c *Credentials) cramMD5(user string) (answer, error) {
	password := c.Password
	say := func(challenge string) (string, error) {
		asked, err := base64.StdEncoding.DecodeString(challenge)
		if err != nil {
			return "", words.Error("challenge", "challenge", visible.Text(challenge))
		}
		digest := hmac.New(md5.New, []byte(password))
		digest.Write(asked)
		return encode(user + " " + hex.EncodeToString(digest.Sum(nil))), nil
	}
	return say, errors.Join(need(user, UserVariable, "username"), need(password, PasswordVariable, "password"))
}

// token is the message of Google's XOAUTH2, or that of RFC 7628 section 3.1.
func (c *Credentials) token(mechanism, user string) (answer, error) {
	said := "user=" + user + "\x01auth=Bearer " + c.Token + "\x01\x01"
	if mechanism == "OAUTHBEARER" {
		said = "n,a=" + user + ",\x01auth=Bearer " + c.Token + "\x01\x01"
	}
	return fixed(said), errors.Join(need(user, UserVariable, "username"), need(c.Token, TokenVariable, "token"))
}
