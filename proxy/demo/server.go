package demo

import (
	"context"
	"encoding/base64"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// Serve is the demo's server: like Postfix, with one account and one mailbox. It
// takes sessions on l until ctx is done.
func Serve(ctx context.Context, l net.Listener) {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			(&server{Conn: textproto.NewConn(conn)}).run()
		}()
	}
}

type server struct {
	*textproto.Conn
	signedIn bool
}

func (s *server) run() {
	reply := "220 mail.example.com ESMTP Postfix"
	for s.PrintfLine("%s", reply) == nil && !strings.HasPrefix(reply, "221") {
		line, err := s.ReadLine()
		if err != nil {
			return
		}
		time.Sleep(serverPause)
		reply = s.answer(line)
	}
}

// answer is the reply to a command. The message after DATA is read.
func (s *server) answer(line string) string {
	verb, arg, _ := strings.Cut(line, " ")
	switch {
	case verb == "EHLO":
		return "250-mail.example.com\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-AUTH LOGIN PLAIN\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME"
	case verb == "AUTH":
		return s.signIn()
	case verb == "QUIT":
		return "221 2.0.0 Bye"
	case !s.signedIn:
		return "530 5.7.0 Authentication required"
	case verb == "RCPT" && strings.Contains(arg, unknown):
		return "550 5.1.1 <" + unknown + ">: Recipient address rejected: User unknown in virtual mailbox table"
	case verb == "DATA":
		if s.PrintfLine("354 End data with <CR><LF>.<CR><LF>") != nil {
			return "421 4.4.2 lost"
		}
		if _, err := s.ReadDotBytes(); err != nil {
			return "421 4.4.2 lost"
		}
		return "250 2.0.0 Ok: queued as 4F2A81C0"
	}
	return "250 2.1.0 Ok"
}

// signIn asks for username and password, as AUTH LOGIN does.
func (s *server) signIn() string {
	given := [2]string{}
	for i, prompt := range []string{"Username:", "Password:"} {
		if s.PrintfLine("334 %s", base64.StdEncoding.EncodeToString([]byte(prompt))) != nil {
			break
		}
		line, _ := s.ReadLine()
		text, _ := base64.StdEncoding.DecodeString(line)
		given[i] = string(text)
	}
	if s.signedIn = given == [2]string{user, password}; s.signedIn {
		return "235 2.7.0 Authentication successful"
	}
	return "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6"
}
