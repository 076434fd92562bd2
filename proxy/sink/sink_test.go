package sink_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/smtp"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smtptap/proxy/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// start runs s and returns where.
func start(t *testing.T, s *sink.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// dial connects and takes the greeting.
func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	codes(t, r, "220")
	return conn, r
}

// codes reads replies and compares their codes.
func codes(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	for _, code := range strings.Fields(want) {
		for more := true; more; {
			line, err := r.ReadString('\n')
			if err != nil || len(line) < 4 || line[:3] != code {
				t.Fatalf("got %q, %v; want code %s of %s", line, err, code, want)
			}
			more = line[3] == '-'
		}
	}
}

func TestDialogues(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct{ name, say, want string }{
		{"a message", "EHLO a\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n", "250 250 250 354 250 221"},
		{"an empty message", "MAIL FROM:<>\r\nRCPT TO:<b>\r\nDATA\r\n.\r\nNOOP\r\n", "250 250 354 250 250"},
		{"two messages", "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\na\r\n.\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nb\r\n.\r\n", "250 250 354 250 250 250 354 250"},
		{"bare line feeds end commands", "HELO a\nMAIL FROM:<a>\nQUIT\n", "250 250 221"},
		{"bare line feeds end no message", "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\na\n.\nb\r\n.\nc\n.\r\n\r.\r\r\n.\r\r\n\r\n..\r\n.\r\nRSET\r\n", "250 250 354 250 250"},
		{"any bytes", "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n\x00\xff\r\x80\n" + long + "\r\n.\r\nNOOP\r\n", "250 250 354 250 250"},
		{"a line that is too long", long + "\r\nNOOP\r\n", "500 250"},
		{"chunks", "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 5\r\n\r\n.\r\nBDAT 0 LAST\r\nNOOP\r\n", "250 250 250 250 250"},
		{"a chunk without recipients is not read as commands", "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "503 250"},
		{"bad chunk sizes", "BDAT\r\nBDAT -1\r\nBDAT 99999999999999999999\r\nBDAT 1 FIRST\r\n", "501 501 501 501"},
		{"a message of LMTP", "LHLO a\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n", "250 250 250 250 354 250 250 221"},
		{"a chunk of LMTP", "LHLO a\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nBDAT 1\r\naBDAT 1 LAST\r\nbQUIT\r\n", "250 250 250 250 250 250 250 221"},
		{"LMTP without recipients", "LHLO a\r\nMAIL FROM:<a>\r\nDATA\r\nEHLO a\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nDATA\r\n.\r\nQUIT\r\n", "250 250 503 250 250 250 250 354 250 221"},
		{"order", "RCPT TO:<b>\r\nDATA\r\nMAIL FROM:<a>\r\nMAIL FROM:<a>\r\nRSET\r\nRCPT TO:<b>\r\n", "503 503 250 503 250 503"},
		{"syntax", "MAIL a\r\nRCPT b\r\nFOO\r\n\r\nAUTH\r\n\x16\x03\x01\r\n", "501 501 500 500 501 500"},
		{"other commands", "VRFY a\r\nEXPN b\r\nHELP\r\nnoop\r\nSTARTTLS\r\n", "252 252 214 250 502"},
		{"AUTH PLAIN", "AUTH PLAIN AGEAYg==\r\nAUTH PLAIN AGEAYg==\r\n", "235 503"},
		{"AUTH PLAIN in two steps", "AUTH PLAIN\r\nAGEAYg==\r\n", "334 235"},
		{"AUTH LOGIN", "AUTH LOGIN\r\nYQ==\r\nYg==\r\n", "334 334 235"},
		{"AUTH LOGIN with the user at once", "AUTH LOGIN YQ==\r\nYg==\r\n", "334 235"},
		{"AUTH CRAM-MD5", "AUTH CRAM-MD5\r\nYSAx\r\n", "334 235"},
		{"AUTH XOAUTH2", "AUTH XOAUTH2 dXNlcj1h\r\n", "235"},
		{"an unknown mechanism", "AUTH X-NEW\r\nnot base64!\r\n", "334 235"},
		{"AUTH cancelled", "AUTH LOGIN\r\n*\r\nNOOP\r\n", "334 501 250"},
		{"a large token", "AUTH XOAUTH2 " + strings.Repeat("A", 20000) + "\r\n", "235"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, r := dial(t, start(t, &sink.Server{}))
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(conn, c.say)
				sent <- err
			}()
			codes(t, r, c.want)
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestReplies(t *testing.T) {
	conn, r := dial(t, start(t, &sink.Server{Name: "mx.example.net"}))
	io.WriteString(conn, "EHLO a\r\n")
	var offers []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		offers = append(offers, strings.TrimSpace(line[4:]))
		if line[3] == ' ' {
			break
		}
	}
	want := "mx.example.net PIPELINING 8BITMIME SMTPUTF8 BINARYMIME CHUNKING DSN SIZE ENHANCEDSTATUSCODES AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER HELP"
	if got := strings.Join(offers, " "); got != want {
		t.Errorf("offers %q, want %q", got, want)
	}
	io.WriteString(conn, "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n")
	codes(t, r, "250 250 354")
	io.WriteString(conn, "12345\r\n.\r\n")
	line, _ := r.ReadString('\n')
	if !regexp.MustCompile(`^250 2\.0\.0 OK: 7 octets queued as [A-Z2-7]{12}\r\n$`).MatchString(line) {
		t.Errorf("accepted with %q", line)
	}
}

// A client that waits for a reply in the middle of its next command must get it.
func TestReplyBeforeNextCommandIsWhole(t *testing.T) {
	conn, r := dial(t, start(t, &sink.Server{}))
	io.WriteString(conn, "NOOP\r\nNO")
	codes(t, r, "250")
	io.WriteString(conn, "OP\r\n")
	codes(t, r, "250")
}

func TestQuitCloses(t *testing.T) {
	conn, r := dial(t, start(t, &sink.Server{}))
	io.WriteString(conn, "QUIT\r\nand more")
	codes(t, r, "221")
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("after QUIT: %v", err)
	}
}

func TestClientGone(t *testing.T) {
	addr := start(t, &sink.Server{})
	for _, say := range []string{"", "EH", "AUTH LOGIN\r\n", "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nhalf", "BDAT 10\r\nhalf"} {
		conn, _ := dial(t, addr)
		io.WriteString(conn, say)
		conn.Close()
	}
	conn, r := dial(t, addr)
	io.WriteString(conn, "NOOP\r\n")
	codes(t, r, "250")
}

func TestTLS(t *testing.T) {
	config, roots := certificate(t)
	t.Run("STARTTLS", func(t *testing.T) {
		c, err := smtp.Dial(start(t, &sink.Server{TLS: config}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.StartTLS(&tls.Config{RootCAs: roots, ServerName: "localhost"}); err != nil {
			t.Fatal(err)
		}
		if ok, _ := c.Extension("STARTTLS"); ok {
			t.Error("STARTTLS is offered inside TLS")
		}
		if err := c.Auth(smtp.PlainAuth("", "u", "p", "127.0.0.1")); err != nil {
			t.Error(err)
		}
		if err := c.Quit(); err != nil {
			t.Error(err)
		}
	})
	t.Run("what follows STARTTLS in clear is dropped", func(t *testing.T) {
		conn, r := dial(t, start(t, &sink.Server{TLS: config}))
		io.WriteString(conn, "STARTTLS\r\nVRFY injected\r\n")
		codes(t, r, "220")
		inner := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if _, err := io.WriteString(inner, "NOOP\r\n"); err != nil {
			t.Fatal(err)
		}
		codes(t, bufio.NewReader(inner), "250")
	})
	t.Run("implicit", func(t *testing.T) {
		conn, err := tls.Dial("tcp", start(t, &sink.Server{TLS: config, Implicit: true}), &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		codes(t, bufio.NewReader(conn), "220")
	})
}

// certificate makes a server configuration for localhost and what trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
