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
		x.mean("login-cancelled")
		return
	}
	if a.User != "" {
		x.mean("username", "value", a.User)
	} else if a.Step == decode.StepUser && a.Secret == nil {
		x.mean("username-empty")
	}
	if a.Authzid != "" {
		x.mean("acting-as", "value", a.Authzid)
	}
	if a.Decoded != "" {
		x.mean("decoded-step", "value", a.Decoded)
	}
	if a.Secret != nil {
		x.secret(a)
	}
}

func (x *explainer) mechanism(name string) {
	if name == "" {
		x.say(Warning, "mechanism-missing")
		return
	}
	m, _ := codes.Mechanism(name)
	x.routine(x.text("mechanism", "name", name, "meaning", m.In(x.view.Lang)))
}

// challenge explains a 334 that says something.
func (x *explainer) challenge(code int, a *decode.Auth) {
	key := "challenge"
	switch a.Mechanism {
	case "LOGIN":
		key = "challenge-login"
	case "XOAUTH2", "OAUTHBEARER":
		key = "challenge-token"
	}
	x.mean(key, "code", strconv.Itoa(code), "prompt", a.Prompt)
}

// secret says what is hidden, and what is wrong with it.
func (x *explainer) secret(a *decode.Auth) {
	m := a.Secret
	key := x.either("what-"+m.What, "what-secret")
	switch {
	case a.Step == decode.StepUser:
		key = "what-username" // a log may hide it too
	case m.What == "credentials":
		key = "what-password"
	}
	what := x.text(key)
	if x.view.Reveal && a.Revealed != "" {
		x.mean("secret-shown", "what", what, "value", a.Revealed)
	} else {
		x.routine(x.text("secret-hidden", "what", what))
	}
	for _, f := range m.Facts {
		x.secretFact(f, what)
	}
}

// secretFact puts a fact about a secret, or about the username beside it, into
// words.
func (x *explainer) secretFact(id, what string) {
	if rest, ok := strings.CutPrefix(id, "user-"); ok && id != decode.FactUserNoDomain {
		id, what = rest, x.text("what-username")
	}
	x.say(Note, x.either("fact-"+id, "fact-unknown"), "what", what, "id", id)
}
