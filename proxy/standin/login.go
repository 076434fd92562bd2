package standin

import (
	"crypto/rand"
	"encoding/base64"
	"regexp"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/proxy/sink"
)

// logIn begins a login. What the client is asked was recorded, but for what was
// masked, and for what depends on whether it has said more already than then.
func (p *part) logIn(s *step, arg []byte) (sink.Answer, bool) {
	_, now := smtp.Word(arg)
	_, then := smtp.Word([]byte(s.event.Command.Arg))
	p.login, p.cancels = append([]sink.Answer{}, s.answers...), s.cancels
	asks := sink.Challenges(s.event.Auth.Mechanism, len(now) > 0, "localhost")
	switch {
	case len(now) > 0 && len(then) == 0 && len(p.login) > 1:
		p.login = p.login[1:]
	case len(now) == 0 && len(then) > 0:
		p.login = append([]sink.Answer{{Reply: "334 \r\n"}}, p.login...)
		if len(asks) > 0 {
			p.login[0].Reply = "334 " + asks[0] + "\r\n"
		}
	}
	for i := range p.login {
		if a := &p.login[i]; isChallenge(a) && strings.Contains(a.Reply, decode.MaskText) {
			a.Reply = "334 \r\n"
			if i < len(asks) {
				a.Reply = "334 " + asks[i] + "\r\n"
			}
		}
	}
	p.scram = strings.HasPrefix(s.event.Auth.Mechanism, "SCRAM-")
	return p.nextOfLogin(string(now))
}

func isChallenge(a *sink.Answer) bool { return strings.HasPrefix(a.Reply, "334") }

// Response implements sink.Script.
func (p *part) Response(line string) (sink.Answer, bool) {
	switch strict := !p.options.Lenient; {
	case p.parted > 0 && strict:
		return refusal(""), true
	case len(p.login) > 0 && (line == "*") != (p.cancels && len(p.login) == 1):
		what := facts.Sentence("standin-more-login")
		if line == "*" {
			what = "standin-cancels"
		}
		p.part(what, p.policy())
		p.login = nil
		return refusal(""), strict
	}
	return p.nextOfLogin(line)
}

// nextOfLogin is the next answer of a login, said to a line of the client's.
func (p *part) nextOfLogin(line string) (sink.Answer, bool) {
	if len(p.login) == 0 {
		return p.unanswered(p.at-1, &smtp.Command{Verb: "AUTH"})
	}
	a := p.timed(p.login[0])
	if p.login = p.login[1:]; !isChallenge(&a) {
		p.login = nil
	} else if p.scram {
		a.Reply = withNonce(a.Reply, line)
	}
	return a, true
}

var nonce = regexp.MustCompile(`(?:^|,)r=([^,]*)`)

// withNonce has a challenge of SCRAM go on from the client's own nonce, as the
// client demands (RFC 5802 section 5.1).
func withNonce(reply, line string) string {
	said, err := base64.StdEncoding.DecodeString(line)
	mine := nonce.FindSubmatch(said)
	if err != nil || mine == nil || strings.Contains(string(said), ",p=") {
		return reply
	}
	asked, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(strings.TrimPrefix(reply, "334")))
	salt := ",s=" + base64.StdEncoding.EncodeToString([]byte(rand.Text())) + ",i=4096"
	if _, rest, found := strings.Cut(string(asked), ",s="); found {
		salt = ",s=" + rest
	}
	return "334 " + base64.StdEncoding.EncodeToString([]byte("r="+string(mine[1])+rand.Text()+salt)) + "\r\n"
}
