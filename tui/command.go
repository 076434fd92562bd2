package tui

import (
	"cmp"
	"net/url"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// An attempt is what a command must say to try again what the client did first.
type attempt struct {
	host, port string
	implicit   bool // TLS from the first byte
	starttls   bool
	ehlo       string
	mechanism  string
	user       string
	from       string
	rcpts      []string
	subject    string
}

// passwordVariable is where a command takes the password from: it is in no
// recording, and would end up in the shell's history.
const passwordVariable = `"$SMTP_PASSWORD"`

// attempt is what the client of the session did. The second envelope and what
// follows is left out.
func (c copying) attempt() (attempt, error) {
	s := c.session
	a := attempt{user: s.Summary.User, subject: s.Summary.Subject}
	var found bool
	for _, e := range s.Entries {
		switch f := e.Fact.(type) {
		case *facts.Dial:
			if i := strings.LastIndexByte(f.Addr, ':'); i >= 0 {
				a.host, a.port = cmp.Or(f.Host, strings.Trim(f.Addr[:i], "[]")), f.Addr[i+1:]
			}
		case *facts.TLS:
			if f.Leg == who.ServerLeg && f.Err == "" {
				a.implicit, a.starttls = f.Implicit, !f.Implicit
			}
		}
		if e.Event == nil || e.Event.Side != who.Client || e.From != who.Client {
			continue
		}
		if auth := e.Event.Auth; auth != nil && auth.Mechanism != "" {
			a.mechanism = auth.Mechanism
		}
		cmd := e.Event.Command
		if cmd == nil {
			continue
		}
		switch cmd.Verb {
		case "EHLO", "HELO":
			a.ehlo = strings.TrimSpace(string(cmd.Arg))
		case "MAIL":
			if found {
				return a, nil
			}
			found, a.from = true, cmd.Path
		case "RCPT":
			a.rcpts = append(a.rcpts, cmd.Path)
		}
	}
	if a.host == "" {
		return a, errNoServer
	}
	return a, nil
}

// swaks is the attempt as a command of swaks.
func (c copying) swaks() (string, error) {
	a, err := c.attempt()
	if err != nil {
		return "", err
	}
	words := []string{"swaks", option("--server", a.host), option("--port", a.port)}
	switch {
	case a.implicit:
		words = append(words, "--tls-on-connect")
	case a.starttls:
		words = append(words, "--tls")
	}
	if a.ehlo != "" {
		words = append(words, option("--ehlo", a.ehlo))
	}
	if a.mechanism != "" {
		words = append(words, option("--auth", a.mechanism), option("--auth-user", a.user), "--auth-password="+passwordVariable)
	}
	words = append(words, option("--from", a.from))
	if len(a.rcpts) > 0 {
		words = append(words, option("--to", strings.Join(a.rcpts, ",")))
	}
	if a.subject != "" {
		words = append(words, option("--header", "Subject: "+a.subject))
	}
	return strings.Join(words, " "), nil
}

// curl is the attempt as a command of curl.
func (c copying) curl() (string, error) {
	a, err := c.attempt()
	if err != nil {
		return "", err
	}
	host := a.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	at := url.URL{Scheme: "smtp", Host: host + ":" + a.port, Path: "/" + a.ehlo}
	words := []string{"curl"}
	switch {
	case a.implicit:
		at.Scheme = "smtps"
	case a.starttls:
		words = append(words, "--ssl-reqd")
	}
	words = append(words, "--url", quoted(at.String()))
	if a.mechanism != "" {
		words = append(words, "--login-options", quoted("AUTH="+a.mechanism), "--user", quoted(a.user+":")+passwordVariable)
	}
	words = append(words, "--mail-from", quoted(a.from))
	for _, to := range a.rcpts {
		words = append(words, "--mail-rcpt", quoted(to))
	}
	message := []string{"From: " + a.from, "To: " + strings.Join(a.rcpts, ", "), "Subject: " + a.subject, "", "test"}
	for i, line := range message {
		message[i] = quoted(line)
	}
	return `printf '%s\r\n' ` + strings.Join(message, " ") + " | " + strings.Join(append(words, "--upload-file", "-"), " "), nil
}

// option joins an option of swaks and its value. One that begins with a hyphen
// swaks would take for an option, such as --pipe, which runs programs.
func option(name, value string) string {
	if strings.HasPrefix(value, "-") {
		value = "<" + value + ">"
	}
	return name + "=" + quoted(value)
}

// quoted is a word for the shell, made visible.
func quoted(word string) string {
	word = visible.Text(word)
	if word != "" && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./_-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
