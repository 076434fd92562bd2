package sink

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"smtptap/decode/smtp"
)

// auth accepts whatever the client authenticates with (RFC 4954).
func (c *session) auth(arg []byte) Answer {
	mechanism, initial := smtp.Word(arg)
	switch {
	case len(mechanism) == 0:
		return reply("501 5.5.4 Syntax: AUTH mechanism [initial-response]")
	case c.authenticated:
		return reply("503 5.5.1 Already authenticated")
	}
	c.challenges = Challenges(string(mechanism), len(initial) > 0, c.server.name())
	return c.challenge()
}

// response answers a line of the login.
func (c *session) response(line string) Answer {
	if line == "*" {
		return reply("501 5.7.0 Authentication cancelled")
	}
	return c.challenge()
}

// challenge asks for the next thing that the client is to say.
func (c *session) challenge() Answer {
	if len(c.challenges) == 0 {
		return reply("235 2.7.0 Authentication successful")
	}
	next := c.challenges[0]
	c.challenges = c.challenges[1:]
	return reply("334 " + next)
}

// login is what follows an AUTH command that was answered by a challenge.
func (c *session) login() error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		a, ok := c.script.Response(line)
		if !ok {
			a = c.response(line)
		}
		if err := c.say(a); err != nil {
			return err
		}
		if code := a.code(); code != "334" {
			c.authenticated = code == "235"
			return nil
		}
	}
}

// Challenges are what a client is asked for, in base64. Of mechanisms that are
// not known it is one empty challenge, unless the client has said something.
func Challenges(mechanism string, initial bool, host string) []string {
	var all []string
	switch mechanism = strings.ToUpper(mechanism); {
	case mechanism == "LOGIN" && initial:
		all = []string{"Password:"}
	case mechanism == "LOGIN":
		all = []string{"Username:", "Password:"}
	case mechanism == "CRAM-MD5":
		all = []string{fmt.Sprintf("<%d@%s>", time.Now().UnixNano(), host)}
	case !initial:
		all = []string{""}
	}
	for i, challenge := range all {
		all[i] = base64.StdEncoding.EncodeToString([]byte(challenge))
	}
	return all
}
