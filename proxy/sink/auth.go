package sink

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"smtptap/decode/smtp"
)

// auth accepts whatever the client authenticates with (RFC 4954). Mechanisms
// that it does not know get an empty challenge and one response.
func (c *session) auth(arg []byte) error {
	mechanism, initial := smtp.Word(arg)
	switch {
	case len(mechanism) == 0:
		c.reply("501 5.5.4 Syntax: AUTH mechanism [initial-response]")
		return nil
	case c.authenticated:
		c.reply("503 5.5.1 Already authenticated")
		return nil
	}
	for _, challenge := range c.challenges(strings.ToUpper(string(mechanism)), len(initial) > 0) {
		c.reply("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))
		response, err := c.line()
		if err != nil {
			return err
		}
		if response == "*" {
			c.reply("501 5.7.0 Authentication cancelled")
			return nil
		}
	}
	c.authenticated = true
	c.reply("235 2.7.0 Authentication successful")
	return nil
}

// challenges are what the client is asked for.
func (c *session) challenges(mechanism string, initial bool) []string {
	switch {
	case mechanism == "LOGIN" && initial:
		return []string{"Password:"}
	case mechanism == "LOGIN":
		return []string{"Username:", "Password:"}
	case mechanism == "CRAM-MD5":
		return []string{fmt.Sprintf("<%d@%s>", time.Now().UnixNano(), c.server.name())}
	case initial:
		return nil
	}
	return []string{""}
}
