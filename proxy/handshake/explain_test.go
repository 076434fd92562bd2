package handshake_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
)

// A failure is what a handshake that failed should be told as.
type failure struct {
	class, alert string
	by           who.Party
	text         string // a part of it
}

func (want failure) check(t *testing.T, conn *tls.Conn, fact *facts.TLS, err error) {
	t.Helper()
	var failed *handshake.Error
	if conn != nil || !errors.As(err, &failed) {
		t.Fatalf("the handshake ended with %v", err)
	}
	got := failure{fact.Class, fact.Alert, fact.By, fact.Err.String()}
	if got.class != want.class || got.alert != want.alert || got.by != want.by || !strings.Contains(got.text, want.text) {
		t.Errorf("told as %+v\n     want %+v", got, want)
	}
	if failed.Class != fact.Class || failed.Alert != fact.Alert || failed.Error() != fact.Err.String() {
		t.Errorf("the error is %+v, the fact %+v", failed, fact)
	}
}

// reads swallows the ClientHello, or as much of it as comes in one piece.
func reads(conn net.Conn) {
	conn.Read(make([]byte, 16<<10))
}

func says(conn net.Conn, text string) { io.WriteString(conn, text) }

func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func TestServerFailures(t *testing.T) {
	root, cert := good(t)
	certs := []tls.Certificate{cert}
	quick := 100 * time.Millisecond
	for _, tt := range []struct {
		name     string
		server   func(net.Conn)
		implicit bool
		want     failure
	}{
		{
			"old version only", tlsServer(&tls.Config{Certificates: certs, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), false,
			failure{"no-common-version", "protocol_version", who.Server, "it does not speak TLS 1.2 or 1.3"},
		},
		{
			"answers in an old version", func(c net.Conn) {
				reads(c)
				// ServerHello of TLS 1.0: random, no session, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA.
				says(c, "\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01"+strings.Repeat("r", 32)+"\x00\xc0\x09\x00")
				reads(c)
			}, false,
			failure{"no-common-version", "", 0, "the server wants an older TLS version than smtptap offers, which is TLS 1.2 or 1.3"},
		},
		{
			"no common cipher", tlsServer(&tls.Config{Certificates: certs, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}), false,
			failure{"alert", "handshake_failure", who.Server, "no version, cipher suite or key that both sides accept"},
		},
		{
			"wants a certificate of the client", tlsServer(&tls.Config{Certificates: certs, MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}), false,
			failure{"alert", "handshake_failure", who.Server, "it asked for a client certificate. Give one with --client-cert"},
		},
		{
			"does not know the name", func(c net.Conn) { reads(c); says(c, "\x15\x03\x03\x00\x02\x02\x70") }, false,
			failure{"alert", "unrecognized_name", who.Server, `it has no certificate for the name "mail.example.com"`},
		},
		{
			"an alert of its own", func(c net.Conn) { reads(c); says(c, "\x15\x03\x03\x00\x02\x02\xc8") }, false,
			failure{"alert", "alert 200", who.Server, "ended the handshake with the alert alert 200"},
		},
		{
			"goes on in clear", func(c net.Conn) { reads(c); says(c, "500 what?\x1b[2J\r\n"); reads(c) }, false,
			failure{"not-tls", "", 0, `the server accepted STARTTLS and then did not speak TLS, but "500 what?\x1b[2J"`},
		},
		{
			"a port that wants STARTTLS", func(c net.Conn) { says(c, "220 mail.example.com ESMTP\r\n"); reads(c) }, true,
			failure{"not-tls", "", 0, "starts without TLS and expects STARTTLS: use smtp://"},
		},
		{
			"closes", func(c net.Conn) { reads(c); c.Close() }, false,
			failure{"closed", "", who.Server, "the server closed the connection during the handshake"},
		},
		{
			"resets", func(c net.Conn) { reads(c); reset(c) }, false,
			failure{"reset", "", who.Server, "the server reset the connection during the handshake"},
		},
		{
			"says nothing", func(c net.Conn) { io.Copy(io.Discard, c) }, true,
			failure{"timeout", "", 0, ". Perhaps this port is not for TLS"},
		},
		{
			"stalls", func(c net.Conn) { says(c, "\x16\x03\x03"); io.Copy(io.Discard, c) }, false,
			failure{"timeout", "", 0, "the server began the handshake and did not end it"},
		},
		{
			"garbage", func(c net.Conn) { reads(c); says(c, "\x16\x03\x03\x00\x04\xff\xff\xff\xff"); reads(c) }, false,
			failure{"other", "", 0, "the handshake with the server failed"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &handshake.Settings{Roots: root.Pool()}
			if tt.want.class == "timeout" {
				s.Timeout = quick
			}
			conn, fact, err := withServer(t, s, handshake.Server{Name: "mail.example.com", Checked: true, Implicit: tt.implicit}, tt.server)
			tt.want.check(t, conn, fact, err)
		})
	}
}

func TestClientFailures(t *testing.T) {
	quick := 100 * time.Millisecond
	for _, tt := range []struct {
		name     string
		client   func(net.Conn)
		implicit bool
		want     failure
	}{
		{
			"does not trust the authority", tlsClient(&tls.Config{ServerName: "mail.example.com"}), false,
			failure{"alert", "bad_certificate", who.Client, "it does not trust the certificate that smtptap showed it"},
		},
		{
			"old version only", tlsClient(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), false,
			failure{"no-common-version", "", 0, "the client offers only TLS 1.1, TLS 1.0, and smtptap speaks TLS 1.2 or 1.3. --tls-min"},
		},
		{
			"no common cipher", tlsClient(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}), false,
			failure{"no-common-cipher", "", 0, "It offers TLS_RSA_WITH_AES_128_CBC_SHA"},
		},
		{
			"goes on in clear", func(c net.Conn) { says(c, "EHLO client.example.com\r\n"); reads(c) }, false,
			failure{"not-tls", "", 0, `the client continued without TLS after its own STARTTLS: "EHLO client.example.com"`},
		},
		{
			"plain on a port for TLS", func(c net.Conn) { says(c, "EHLO client.example.com\r\n"); reads(c) }, true,
			failure{"not-tls", "", 0, "t is set to plain SMTP or STARTTLS"},
		},
		{
			"waits for a greeting", func(c net.Conn) { io.Copy(io.Discard, c) }, true,
			failure{"timeout", "", 0, "It waits for a greeting"},
		},
		{
			"waits for a greeting no more", func(c net.Conn) { c.Close() }, true,
			failure{"closed", "", who.Client, "perhaps it waited for a greeting"},
		},
		{
			"closes at the certificate", func(c net.Conn) {
				tls.Client(c, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error {
					c.(*net.TCPConn).CloseWrite()
					return errors.New("no")
				}}).Handshake()
				c.Close()
			}, false,
			failure{"closed", "", who.Client, "It had seen smtptap's certificate, and perhaps does not trust it"},
		},
		{
			"SSL 2", func(c net.Conn) {
				says(c, "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"+strings.Repeat("x", 40))
				reads(c)
			}, true,
			failure{"no-common-version", "", 0, "the client begins with SSL 2"},
		},
		{
			"a record that is too long", func(c net.Conn) { says(c, "\x16\x03\x01\xff\xff"+strings.Repeat("x", 1000)); reads(c) }, true,
			failure{"not-tls", "", 0, "the client did not speak TLS"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := withAuthority(t)
			if tt.want.class == "timeout" {
				s.Timeout = quick
			}
			conn, fact, err := withClient(t, s, handshake.Client{Implicit: tt.implicit}, tt.client)
			tt.want.check(t, conn, fact, err)
		})
	}
}

// Every alert about certificates is recognised as a refusal of ours, whichever
// a client's library sends.
func TestRefusedCertificate(t *testing.T) {
	for code, name := range map[byte]string{
		42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked",
		45: "certificate_expired", 46: "certificate_unknown", 48: "unknown_ca",
	} {
		s, _ := withAuthority(t)
		_, fact, err := withClient(t, s, handshake.Client{}, func(c net.Conn) {
			says(c, "\x15\x03\x01\x00\x02\x02"+string(rune(code)))
			reads(c)
		})
		var failed *handshake.Error
		if !errors.As(err, &failed) || !failed.RefusesCertificate() || fact.Alert != name || fact.By != who.Client {
			t.Errorf("alert %d: %v, %+v", code, err, fact)
		}
	}
}

// What a client said in clear is there to be told, also after its alert.
func TestSaidInClear(t *testing.T) {
	const text = "EHLO client.example.com\r\nQUIT\r\n"
	const alert = "\x15\x03\x01\x00\x02\x02\x30"
	for sent, want := range map[string]string{text: text, alert + text: text, alert: "", "\x16\x03\x01\x00\x09" + text[:4]: ""} {
		s, _ := withAuthority(t)
		_, _, err := withClient(t, s, handshake.Client{}, func(c net.Conn) {
			says(c, sent)
			c.(*net.TCPConn).CloseWrite()
			reads(c)
		})
		var failed *handshake.Error
		if !errors.As(err, &failed) || string(failed.Said) != want {
			t.Errorf("%q: %+v, want %q", sent, failed, want)
		}
	}
}

// A client is told apart from an authority that can't be used.
func TestNoAuthority(t *testing.T) {
	for name, s := range map[string]*handshake.Settings{
		"none":   {},
		"broken": {Authority: func() (*ca.Authority, error) { return nil, errors.New("the key can be read by other users") }},
	} {
		if _, err := s.Ready(); err == nil {
			t.Errorf("%s: ready", name)
		}
		_, fact, err := withClient(t, s, handshake.Client{}, tlsClient(&tls.Config{InsecureSkipVerify: true}))
		if err == nil || fact.Class != "other" || fact.By != 0 {
			t.Errorf("%s: %v, %+v", name, err, fact)
		}
	}
}

// TLS 1.3 lets a client believe that it is through before the server has seen
// that no certificate came. The alert arrives with the first read.
func TestLateAlert(t *testing.T) {
	root, cert := good(t)
	s := &handshake.Settings{Roots: root.Pool()}
	conn, fact, err := withServer(t, s, handshake.Server{Name: "mail.example.com"}, tlsServer(&tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}))
	if err != nil || !fact.ClientCert {
		t.Fatalf("%v, %+v", err, fact)
	}
	_, err = conn.Read(make([]byte, 1))
	const want = "the server ended TLS with the alert certificate_required: it asked for a client certificate. Give one with --client-cert"
	if text, ok := handshake.EndedByAlert(who.ServerLeg, err); !ok || text.String() != want {
		t.Errorf("%v is told as %q, %v", err, text, ok)
	}
	if text, ok := handshake.EndedByAlert(who.ServerLeg, io.EOF); ok {
		t.Errorf("EOF is told as %q", text)
	}
}

// OpenSSL refuses a certificate in clear, though the server of TLS 1.3 has
// begun to encrypt.
func TestRefusedInClear(t *testing.T) {
	s, _ := withAuthority(t)
	_, fact, err := withClient(t, s, handshake.Client{}, func(c net.Conn) {
		says(c, string(clientHello(t, &tls.Config{ServerName: "mail.example.com"})))
		reads(c)
		says(c, "\x14\x03\x03\x00\x01\x01\x15\x03\x03\x00\x02\x02\x30QUIT\r\n")
		reads(c)
	})
	var failed *handshake.Error
	if !errors.As(err, &failed) || !failed.RefusesCertificate() || failed.Alert != "unknown_ca" || fact.By != who.Client {
		t.Fatalf("%v, %+v", err, fact)
	}
	if string(failed.Said) != "QUIT\r\n" {
		t.Errorf("behind it came %q", failed.Said)
	}
}
