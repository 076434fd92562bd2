// Package demo is a client and a server to look at: what PHPMailer makes of a
// verification code in Chinese, sent three times. One message is sent, one is not
// because of a password that ends with a space, and of the third one of two
// recipients is refused.
package demo

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// The account that the demo signs in with, and to whom it sends.
const (
	user     = "demo@example.com"
	password = "a demo has no secrets"
	rcpt     = "recipient@example.net"
	unknown  = "nobody@example.net"
)

// How long client and server take for a step: three sessions are to be watched
// in two seconds.
const (
	clientPause = 25 * time.Millisecond
	serverPause = 30 * time.Millisecond
	between     = 250 * time.Millisecond // sessions
)

// Send sends the messages through the SMTP server at addr.
func Send(ctx context.Context, addr string) error {
	for _, s := range []struct {
		password string
		rcpts    []string
	}{
		{password, []string{rcpt}},
		{password + " ", []string{rcpt}},
		{password, []string{rcpt, unknown}},
	} {
		if err := send(ctx, addr, s.password, s.rcpts); err != nil {
			return err
		}
		time.Sleep(between)
	}
	return nil
}

// send sends a message, as far as the server takes it.
func send(ctx context.Context, addr, password string, rcpts []string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c := &client{Conn: textproto.NewConn(conn)}
	c.hear()
	c.say("EHLO demo.example.com")
	c.say("AUTH LOGIN")
	c.say(base64.StdEncoding.EncodeToString([]byte(user)))
	if c.say(base64.StdEncoding.EncodeToString([]byte(password))) == 235 {
		c.say("MAIL FROM:<" + user + ">")
		for _, to := range rcpts {
			c.say("RCPT TO:<" + to + ">")
		}
		c.say("DATA")
		c.say(strings.TrimSuffix(message(time.Now(), rcpts), "\r\n") + "\r\n.")
	}
	c.say("QUIT")
	return c.err
}

type client struct {
	*textproto.Conn
	err error
}

// say sends lines and tells the code of the reply. After an error it does nothing.
func (c *client) say(lines string) (code int) {
	time.Sleep(clientPause)
	if c.err == nil {
		c.err = c.PrintfLine("%s", lines)
	}
	return c.hear()
}

func (c *client) hear() (code int) {
	if c.err == nil {
		code, _, c.err = c.ReadResponse(0)
	}
	return code
}

// message is laid out as PHPMailer lays its messages out.
func message(now time.Time, rcpts []string) string {
	encode := func(s string) string { return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?=" }
	const boundary = "b1_demo"
	return "Date: " + now.Format(time.RFC1123Z) + "\r\n" +
		"To: " + strings.Join(rcpts, ", ") + "\r\n" +
		"From: " + encode("易联云") + " <" + user + ">\r\n" +
		"Subject: " + encode("易联云验证码") + "\r\n" +
		"Message-ID: <" + fmt.Sprintf("%x", now.UnixNano()) + "@demo.example.com>\r\n" +
		"X-Mailer: smtptap demo, in the manner of PHPMailer\r\n" +
		"MIME-Version: 1.0\r\n" +
		"Content-Type: multipart/alternative;\r\n boundary=\"" + boundary + "\"\r\n" +
		"Content-Transfer-Encoding: 8bit\r\n" +
		"\r\n" +
		"This is a multi-part message in MIME format.\r\n" +
		"\r\n" +
		"--" + boundary + "\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n" +
		"Content-Transfer-Encoding: 8bit\r\n" +
		"\r\n" +
		"你好 smtp\r\n" +
		"\r\n" +
		"--" + boundary + "\r\n" +
		"Content-Type: text/html; charset=utf-8\r\n" +
		"Content-Transfer-Encoding: 8bit\r\n" +
		"\r\n" +
		"<p>你好 <b>smtp</b></p>\r\n" +
		"\r\n" +
		"--" + boundary + "--\r\n"
}
