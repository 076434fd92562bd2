package decode_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/who"
)

const (
	testUser = "user@example.com"
	canary   = "cAnArY-pAsSwOrD-4711"
)

// digest is what a mechanism that hashes the password sends in its place.
var digest = hex.EncodeToString([]byte(canary[:16]))

// leaks are the forms in which a secret could be found again.
func leaks(secret string) []string {
	forms := []string{secret, hex.EncodeToString([]byte(secret)), url.QueryEscape(secret), fmt.Sprintf("%q", secret)}
	for lead := range 3 {
		// Base64 of a text that holds the secret at each alignment, without the
		// characters that its neighbours have a part in.
		e := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", lead) + secret))
		start := (lead*4 + 2) / 3
		forms = append(forms, strings.TrimRight(e[start:len(e)-4], "="))
	}
	return forms
}

func checkNoLeak(t testing.TB, r *recorder, secrets ...string) {
	t.Helper()
	kept := string(r.raw[who.Client]) + string(r.raw[who.Server])
	for _, e := range r.events {
		kept += fmt.Sprintf("%+v %q", e, e.Raw)
		for _, part := range []any{e.Command, e.Reply, e.Auth, e.Header} {
			kept += fmt.Sprintf("%+v", part)
		}
		if e.Auth != nil && e.Auth.Secret != nil {
			kept += fmt.Sprintf("%+v", *e.Auth.Secret)
		}
	}
	for _, secret := range secrets {
		for _, form := range leaks(secret) {
			if strings.Contains(kept, form) {
				t.Fatalf("%q is kept as %q:\n%q\n%s", secret, form, r.raw, shown(r.events))
			}
		}
	}
}

// ntlmAuthenticate is a Type 3 message with that user, and the canary where
// the response stands.
func ntlmAuthenticate(user string) string {
	u := []byte{}
	for _, r := range user {
		u = append(u, byte(r), 0)
	}
	const head = 64
	field := func(n, off int) []byte { return []byte{byte(n), 0, byte(n), 0, byte(off), 0, 0, 0} }
	p := append([]byte("NTLMSSP\x00"), 3, 0, 0, 0)
	p = append(p, field(len(canary), head+len(u))...) // LM response
	p = append(p, field(0, head)...)                  // NT response
	p = append(p, field(0, head)...)                  // domain
	p = append(p, field(len(u), head)...)             // user
	p = append(p, field(0, head)...)                  // workstation
	p = append(p, field(0, head)...)                  // session key
	p = append(p, 1, 0, 0, 0)                         // flags: Unicode
	return string(append(append(p, u...), canary...))
}

// exchanges are how a client proves itself with each mechanism: the response
// that holds the secret, and whether the user name can be read from it.
var exchanges = []struct {
	mechanism string
	responses []string // decoded; the last one holds the canary
	challenge []string // decoded
	shown     bool
}{
	{"PLAIN", []string{"\x00" + testUser + "\x00" + canary}, []string{""}, true},
	{"LOGIN", []string{testUser, canary}, []string{"Username:", "Password:"}, true},
	{"CRAM-MD5", []string{testUser + " " + digest}, []string{"<1.2@mx.example.org>"}, true},
	{"DIGEST-MD5", []string{`username="` + testUser + `",realm="x",nonce="y",cnonce="z",nc=00000001,qop=auth,digest-uri="smtp/x",response=` + digest}, []string{`realm="x",nonce="y"`}, true},
	{"NTLM", []string{"NTLMSSP\x00\x01\x00\x00\x00", ntlmAuthenticate(testUser)}, []string{"", "NTLMSSP\x00\x02\x00\x00\x00"}, true},
	{"SCRAM-SHA-1", []string{"n,,n=" + testUser + ",r=abc", "c=biws,r=abc,p=" + canary}, []string{"", "r=abc,s=c2FsdA==,i=4096"}, true},
	{"SCRAM-SHA-256-PLUS", []string{"p=tls-exporter,,n=" + testUser + ",r=abc", "c=biws,r=abc,p=" + canary}, []string{"", "r=abc,s=c2FsdA==,i=4096"}, true},
	{"XOAUTH2", []string{"user=" + testUser + "\x01auth=Bearer " + canary + "\x01\x01"}, []string{""}, true},
	{"OAUTHBEARER", []string{"n,a=" + testUser + ",\x01host=mx\x01auth=Bearer " + canary + "\x01\x01"}, []string{""}, true},
	{"EXTERNAL", []string{"\x00" + canary}, []string{""}, false},
	{"GSSAPI", []string{"`\x82" + canary}, []string{""}, false},
	{"X-PRIVATE", []string{canary}, []string{""}, false},
}

var answers = map[string]string{"accepted": "235 ok", "refused": "535 5.7.8 no", "not known": "504 no", "challenged": "334 bm8=", "gone": ""}

func TestSecretsAreNeverKept(t *testing.T) {
	for _, x := range exchanges {
		for how, answer := range answers {
			for _, form := range []string{"initial", "asked", "too early", "lower case", "never asked", "cancelled"} {
				t.Run(x.mechanism+" "+form+" "+how, func(t *testing.T) {
					turns := exchangeTurns(x.mechanism, x.responses, x.challenge, form, answer)
					for _, cut := range []func(int) int{whole, func(int) int { return 1 }, func(n int) int { return min(n, 5) }} {
						r := run(turns, cut)
						checkTiles(t, t.Name(), r)
						checkNoLeak(t, r, canary, digest)
						if form == "asked" && x.shown && !strings.Contains(shown(r.events), testUser) {
							t.Errorf("the user name is not shown:\n%s", shown(r.events))
						}
					}
				})
			}
		}
	}
}

// exchangeTurns is a session with that exchange, after which the client tries
// its secret once more as a bare line.
func exchangeTurns(mechanism string, responses, challenges []string, form, answer string) []turn {
	s := func(line string) turn { return turn{who.Server, line + "\r\n"} }
	c := func(line string) turn { return turn{who.Client, line + "\r\n"} }
	turns := []turn{s("220 mx"), c("EHLO c"), s("250 mx")}
	switch form {
	case "initial":
		turns = append(turns, c("AUTH "+mechanism+" "+b64(responses[0])))
		for i, response := range responses[1:] {
			turns = append(turns, s("334 "+b64(challenges[i+1])), c(b64(response)))
		}
	case "too early":
		turns = append(turns, c("AUTH "+mechanism))
		for _, response := range responses {
			turns = append(turns, c(b64(response)))
		}
	case "never asked":
		for _, response := range responses {
			turns = append(turns, c(b64(response)), s("500 what is "+b64(response)+"?"))
		}
	default:
		command := "AUTH " + mechanism
		if form == "lower case" {
			command = strings.ToLower(command)
		}
		turns = append(turns, c(command))
		for i, response := range responses {
			turns = append(turns, s("334 "+b64(challenges[i])), c(b64(response)))
		}
		if form == "cancelled" {
			turns = append(turns, s("334 "), c("*"))
		}
	}
	if answer != "" {
		turns = append(turns, s(answer), c(b64(canary)), s("500 what is "+b64(canary)+"?"), c("QUIT"), s("221 bye"))
	}
	return turns
}

func TestXCLIENTLogin(t *testing.T) {
	r := decodeScript(t, `
		S: 220 mx
		C: xclient NAME=x LOGIN=`+canary+` ADDR=192.0.2.1
		S: 220 mx`)
	checkNoLeak(t, r, canary)
	if got := r.events[1].Command.Arg; got != "NAME=x LOGIN=[secret] ADDR=192.0.2.1" {
		t.Errorf("shown as %q", got)
	}
}

func TestKeptSecretsAreMarked(t *testing.T) {
	r := &recorder{}
	r.d.KeepSecrets = true
	for _, tn := range exchangeTurns("LOGIN", []string{testUser, canary}, []string{"Username:", "Password:"}, "asked", "235 ok") {
		r.feed(0, tn.side, []byte(tn.text), whole)
	}
	r.close(0)
	for _, e := range r.events {
		if e.Auth == nil || e.Auth.Step != decode.StepPassword {
			continue
		}
		if len(e.Secrets) != 1 || string(r.raw[who.Client][e.Secrets[0].Start:e.Secrets[0].End]) != b64(canary) {
			t.Errorf("secrets are at %v", e.Secrets)
		}
		if e.Auth.Revealed != canary {
			t.Errorf("reveals %q", e.Auth.Revealed)
		}
		return
	}
	t.Fatal("no password step")
}

// What is wrong with a credential is told without telling the credential.
func TestCredentialFacts(t *testing.T) {
	for _, c := range []struct {
		password string
		want     string
	}{
		{canary, "[]"},
		{"", "[empty]"},
		{canary + "\n", "[trailing-newline]"},
		{" " + canary, "[leading-space]"},
		{canary + " ", "[trailing-space]"},
		{canary + "é", "[not-ascii]"},
		{canary + "\xe9", "[latin1-bytes]"},
		{canary + "%40", "[url-encoded-look]"},
		{canary + "&amp;", "[html-escaped-look]"},
		{b64(canary), "[double-base64]"},
		{"undefined", "[literal-undefined]"},
		{"********", "[placeholder]"},
		{"your_password", "[placeholder]"},
		{testUser, "[equals-user]"},
	} {
		r := run(exchangeTurns("LOGIN", []string{testUser, c.password}, []string{"Username:", "Password:"}, "asked", "235 ok"), whole)
		for _, e := range r.events {
			if e.Auth != nil && e.Auth.Step == decode.StepPassword && fmt.Sprint(e.Auth.Secret.Facts) != c.want {
				t.Errorf("%q: %v, want %s", c.password, e.Auth.Secret.Facts, c.want)
			}
		}
	}
}

// A server repeats what the client said: in a line of any length, a secret of
// any length, and one of many.
func TestRepeatedSecretsAreNeverKept(t *testing.T) {
	s := func(line string) turn { return turn{who.Server, line + "\r\n"} }
	c := func(line string) turn { return turn{who.Client, line + "\r\n"} }
	hello := []turn{s("220 mx"), c("EHLO c"), s("250 mx")}
	check := func(name string, turns []turn) {
		t.Run(name, func(t *testing.T) {
			for _, cut := range []func(int) int{whole, func(n int) int { return min(n, 1000) }, func(n int) int { return min(n, 7) }} {
				r := run(turns, cut)
				checkTiles(t, name, r)
				checkFed(t, turns, r)
				checkNoLeak(t, r, canary)
			}
		})
	}
	said := b64("\x00" + testUser + "\x00" + canary)
	for _, before := range []int{0, 100, decode.MaxRaw - 100, decode.MaxRaw - len(said)/2, decode.MaxRaw, 20_000} {
		check(fmt.Sprintf("after %d bytes", before), append(hello[:len(hello):len(hello)],
			c("AUTH PLAIN "+said), s("535 "+strings.Repeat("x", before)+said+" "+canary+strings.Repeat("y", before))))
	}
	long := b64(strings.Repeat("long", 1500) + canary)
	check("a long secret", append(hello[:len(hello):len(hello)], c("AUTH X-TOKEN "+long), s("500 what is "+long+"?")))
	check("of an unknown mechanism", append(hello[:len(hello):len(hello)], c("AUTH X-TOKEN "+said), s("500 what is "+said+"?")))
	many := hello[:len(hello):len(hello)]
	for i := range 50 {
		many = append(many, c("AUTH PLAIN "+b64(fmt.Sprintf("\x00u\x00wrong-%d", i))), s("535 no"))
	}
	check("one of many", append(many, c("AUTH PLAIN "+said), s("535 what is "+said)))
}
