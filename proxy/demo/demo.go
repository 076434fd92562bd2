// Package demo is a client with one message to send: what PHPMailer makes of a
// verification code in Chinese, sent with AUTH LOGIN.
package demo

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"time"
)

// The account that the demo signs in with. The sink takes any.
const (
	user     = "demo@example.com"
	password = "a demo has no secrets"
	rcpt     = "recipient@example.net"
)

// Send sends the message through the SMTP server at addr.
func Send(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c := &client{textproto.NewConn(conn)}
	if _, _, err := c.ReadResponse(220); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	for _, step := range []struct {
		line string
		code int
	}{
		{"EHLO demo.example.com", 250},
		{"AUTH LOGIN", 334},
		{base64.StdEncoding.EncodeToString([]byte(user)), 334},
		{base64.StdEncoding.EncodeToString([]byte(password)), 235},
		{"MAIL FROM:<" + user + ">", 250},
		{"RCPT TO:<" + rcpt + ">", 250},
		{"DATA", 354},
	} {
		if err := c.say(step.line, step.code); err != nil {
			return err
		}
	}
	w := c.DotWriter()
	if _, err := w.Write([]byte(message(time.Now()))); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if _, _, err := c.ReadResponse(250); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	return c.say("QUIT", 221)
}

type client struct{ *textproto.Conn }

// say sends a line and waits for the reply.
func (c *client) say(line string, code int) error {
	if err := c.PrintfLine("%s", line); err != nil {
		return err
	}
	if _, _, err := c.ReadResponse(code); err != nil {
		return fmt.Errorf("%.4s: %w", line, err)
	}
	return nil
}

// message is laid out as PHPMailer lays its messages out.
func message(now time.Time) string {
	encode := func(s string) string { return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?=" }
	const boundary = "b1_demo"
	return "Date: " + now.Format(time.RFC1123Z) + "\r\n" +
		"To: " + rcpt + "\r\n" +
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
