package annotate

import (
	"strconv"
	"strings"

	"smtptap/decode"
	"smtptap/decode/codes"
)

// auth explains a client's step of an AUTH exchange.
func (x *explainer) auth(a *decode.Auth) {
	if a == nil {
		return
	}
	switch a.Step {
	case decode.StepStart:
		x.mechanism(a.Mechanism)
	case decode.StepCancel:
		x.mean("the client breaks the login off")
		return
	}
	if a.User != "" {
		x.mean("username: " + a.User)
	} else if a.Step == decode.StepUser && a.Secret == nil {
		x.mean("username: empty")
	}
	if a.Authzid != "" {
		x.mean("wants to act as: " + a.Authzid)
	}
	if a.Decoded != "" {
		x.mean("decoded: " + a.Decoded)
	}
	if a.Secret != nil {
		x.secret(a)
	}
}

func (x *explainer) mechanism(name string) {
	switch m, ok := codes.Mechanism(name); {
	case name == "":
		x.say(Warning, "names no mechanism that is known")
	case ok:
		x.mean("AUTH " + name + ": " + m.Text)
	default:
		x.mean("AUTH " + name)
	}
}

// challenge explains a 334 that says something.
func (x *explainer) challenge(code int, a *decode.Auth) {
	text := "the server's challenge: "
	switch a.Mechanism {
	case "LOGIN":
		text = "the server asks: "
	case "XOAUTH2", "OAUTHBEARER":
		text = "the server says why not: "
	}
	x.mean(strconv.Itoa(code) + ": " + text + a.Prompt)
}

// secret says what is hidden, and what is wrong with it.
func (x *explainer) secret(a *decode.Auth) {
	m := a.Secret
	what, ok := secrets[m.What]
	if !ok {
		what = "a secret"
	}
	if a.Step == decode.StepUser {
		what = "the username" // a log may hide it too
	}
	switch {
	case x.view.Reveal && a.Revealed != "":
		x.mean(what + ": " + a.Revealed)
	default:
		x.mean(what + ", not shown")
	}
	for _, f := range m.Facts {
		x.say(Note, secretFact(f, what))
	}
}

var secrets = map[string]string{
	"password":    "the password",
	"credentials": "the password",
	"digest":      "the proof of the password",
	"token":       "the access token",
	"line":        "a line that may be a credential",
	"echo":        "a credential of the client, repeated by the server",
}

// secretFact puts a fact about a secret, or about the user name beside it, into
// words.
func secretFact(id, what string) string {
	if rest, ok := strings.CutPrefix(id, "user-"); ok && id != decode.FactUserNoDomain {
		id, what = rest, "the username"
	}
	text, ok := secretFacts[id]
	if !ok {
		text = "is remarkable: " + id
	}
	if id == decode.FactUserNoDomain {
		return text
	}
	return what + " " + text
}

var secretFacts = map[string]string{
	decode.FactEmpty:          "is empty",
	decode.FactBadBase64:      "is not valid base64",
	decode.FactNewline:        "ends in a line break",
	decode.FactLeadingSpace:   "begins with a space",
	decode.FactTrailingSpace:  "ends in a space",
	decode.FactNotASCII:       "holds characters outside ASCII",
	decode.FactLatin1:         "holds bytes above 127 that are not UTF-8",
	decode.FactURLEncoded:     "looks URL-encoded (%40 and the like)",
	decode.FactHTMLEscaped:    "looks HTML-escaped (&amp; and the like)",
	decode.FactUndefined:      "is a programming language's word for nothing, such as undefined or None",
	decode.FactEqualsUser:     "is the same as the username",
	decode.FactNULMissing:     "lacks the NUL bytes that separate username and password",
	decode.FactPlaceholder:    "looks like a placeholder",
	decode.FactUserNoDomain:   "the username has no domain",
	decode.FactDoubleEncoded:  "is base64 of base64",
	decode.FactChannelBinding: "is bound to the TLS connection, which interception breaks",

	decode.FactShape:            "does not have the form that the mechanism asks for",
	decode.FactSeparatorWritten: "holds characters such as \\1 or ^A where the byte 0x01 belongs",
	decode.FactSeparator:        "is not separated by the byte 0x01",
	decode.FactCommand:          "begins like a command, where the server waits for a response",
}
