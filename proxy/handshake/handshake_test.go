package handshake_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"smtptap/decode/who"
	"smtptap/proxy/handshake"
	"smtptap/proxy/handshake/certtest"
)

// toA is a client of a server that goes by the name a.example.
var toA = handshake.Client{Names: []string{"a.example"}}

// The client sees a certificate for the server's name that it asked for, and
// for the address that it has connected to. Other names are not certified.
func TestClientSeesItsNames(t *testing.T) {
	s, roots := withAuthority(t)
	as := handshake.Client{Names: []string{"mail.example.com", "*.example.com"}}
	for name, related := range map[string]bool{
		"mail.example.com": true, "smtp.example.com": true, "localhost": true, "127.0.0.1": true,
		"dev.example.net": false, "example.com": false, "a.smtp.example.com": false,
	} {
		if !related {
			if _, _, err := withClient(t, s, as, tlsClient(&tls.Config{ServerName: name, RootCAs: roots})); err == nil {
				t.Errorf("%s has nothing to do with the server, and was certified", name)
			}
			continue
		}
		conn, fact, err := withClient(t, s, as, tlsClient(&tls.Config{ServerName: name, RootCAs: roots}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if conn == nil || fact.Leg != who.ClientLeg || fact.Version != "TLS 1.3" || len(fact.Chain) != 1 {
			t.Errorf("%s: %+v", name, fact)
		}
		if want := strings.Trim(name, "0.127"); want != "" && (fact.SNI != name || fact.Hello.SNI != name) {
			t.Errorf("%s: the client asked for %q, %q", name, fact.SNI, fact.Hello.SNI)
		}
	}
}

func TestClientHelloIsTold(t *testing.T) {
	s, roots := withAuthority(t)
	_, fact, err := withClient(t, s, toA, tlsClient(&tls.Config{ServerName: "a.example", RootCAs: roots, NextProtos: []string{"smtp"}}))
	if err != nil {
		t.Fatal(err)
	}
	h := fact.Hello
	if !slices.Equal(h.Versions, []string{"TLS 1.3", "TLS 1.2"}) || !slices.Equal(h.ALPN, []string{"smtp"}) || !slices.Contains(h.Ciphers, "TLS_AES_128_GCM_SHA256") {
		t.Errorf("%+v", h)
	}
}

// No ticket is given: a resumed session would show no certificate.
func TestClientResumesNothing(t *testing.T) {
	s, roots := withAuthority(t)
	cache := tls.NewLRUClientSessionCache(0)
	for range 2 {
		conn, fact, err := withClient(t, s, toA, func(c net.Conn) {
			client := tls.Client(c, &tls.Config{ServerName: "a.example", RootCAs: roots, ClientSessionCache: cache})
			if err := client.Handshake(); err != nil {
				t.Error(err)
			}
			client.CloseWrite()
		})
		if err != nil || fact.Resumed {
			t.Fatalf("%v, resumed %v", err, fact.Resumed)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Error(err)
		}
	}
}

// Old versions are spoken only when asked for, on both legs, with the cipher
// suites of their time.
func TestOldVersions(t *testing.T) {
	root := certtest.NewAuthority(t, "Example Root")
	cert := root.Issue(t, certtest.Spec{Names: []string{"mail.example.com"}, RSA: 2048})
	old := &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
	}
	to := handshake.Server{Name: "mail.example.com", Checked: true}
	if _, _, err := withServer(t, &handshake.Settings{Roots: root.Pool()}, to, tlsServer(old)); err == nil {
		t.Error("TLS 1.0 was spoken with a server without being asked for")
	}
	v, err := handshake.ParseVersion("1.0")
	if err != nil {
		t.Fatal(err)
	}
	_, fact, err := withServer(t, &handshake.Settings{Roots: root.Pool(), MinVersion: v}, to, tlsServer(old))
	if err != nil || fact.Version != "TLS 1.0" || fact.Cipher != "TLS_RSA_WITH_AES_128_CBC_SHA" {
		t.Errorf("server: %v, %s %s", err, fact.Version, fact.Cipher)
	}
	s, roots := withAuthority(t)
	s.MinVersion = v
	_, fact, err = withClient(t, s, toA, tlsClient(&tls.Config{ServerName: "a.example", RootCAs: roots, MinVersion: v, MaxVersion: v}))
	if err != nil || fact.Version != "TLS 1.0" {
		t.Errorf("client: %v, %s", err, fact.Version)
	}
	for _, bad := range []string{"", "1", "1.4", "TLS 1.2", "SSL3"} {
		if v, err := handshake.ParseVersion(bad); err == nil {
			t.Errorf("%q is version %x", bad, v)
		}
	}
}

func TestCertificateForTheServer(t *testing.T) {
	root, cert := good(t)
	mine := root.Issue(t, certtest.Spec{Names: []string{"client.example.com"}, Usage: x509.ExtKeyUsageClientAuth})
	dir := t.TempDir()
	both := filepath.Join(dir, "both.pem")
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, data := range map[string][]byte{
		both:     slices.Concat(certtest.PEM(mine), certtest.KeyPEM(t, mine)),
		certFile: certtest.PEM(mine), keyFile: certtest.KeyPEM(t, mine),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, files := range [][2]string{{both, ""}, {certFile, keyFile}} {
		shown, err := handshake.LoadCertificate(files[0], files[1])
		if err != nil {
			t.Fatal(err)
		}
		s := &handshake.Settings{Roots: root.Pool(), Certificate: shown}
		_, fact, err := withServer(t, s, handshake.Server{Name: "mail.example.com", Checked: true},
			tlsServer(&tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: root.Pool(), MaxVersion: tls.VersionTLS12}))
		if err != nil || !fact.ClientCert {
			t.Errorf("%v: %v, %+v", files, err, fact)
		}
	}
	other := certtest.SelfSigned(t, certtest.Spec{Names: []string{"client.example.com"}})
	s := &handshake.Settings{Roots: root.Pool(), Certificate: &other}
	_, fact, err := withServer(t, s, handshake.Server{Name: "mail.example.com"},
		tlsServer(&tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: root.Pool(), MaxVersion: tls.VersionTLS12}))
	if err == nil || !strings.Contains(fact.Err.String(), "perhaps it does not accept the certificate from --client-cert") {
		t.Errorf("a certificate that the server does not take: %v", err)
	}
	if _, err := handshake.LoadCertificate(certFile, ""); err == nil {
		t.Error("a certificate without its key was accepted")
	}
	if _, err := handshake.LoadCertificate(filepath.Join(dir, "none.pem"), ""); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestLoadRoots(t *testing.T) {
	root, cert := good(t)
	file := filepath.Join(t.TempDir(), "roots.pem")
	if _, err := handshake.LoadRoots(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := handshake.LoadRoots(file); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("a file without certificates: %v", err)
	}
	if err := os.WriteFile(file, root.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := handshake.LoadRoots(file)
	if err != nil {
		t.Fatal(err)
	}
	_, fact, err := withServer(t, &handshake.Settings{Roots: roots}, handshake.Server{Name: "mail.example.com", Checked: true}, tlsServer(&tls.Config{Certificates: []tls.Certificate{cert}}))
	if err != nil || !fact.Verified {
		t.Errorf("%v, %+v", err, fact)
	}
}

// The keys of both legs are logged, in a file for nobody else.
func TestKeyLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.log")
	keys, err := handshake.OpenKeyLog(file)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	s, roots := withAuthority(t)
	root, cert := good(t)
	s.Roots, s.KeyLog = root.Pool(), keys
	if _, _, err := withClient(t, s, toA, tlsClient(&tls.Config{ServerName: "a.example", RootCAs: roots})); err != nil {
		t.Fatal(err)
	}
	if _, _, err := withServer(t, s, handshake.Server{Name: "mail.example.com"}, tlsServer(&tls.Config{Certificates: []tls.Certificate{cert}})); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || bytes.Count(data, []byte("CLIENT_TRAFFIC_SECRET_0 ")) != 2 {
		t.Errorf("the file holds %q, %v; want the keys of two sessions", data, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if _, err := handshake.OpenKeyLog(filepath.Join(t.TempDir(), "no", "such", "folder")); err == nil || !strings.Contains(err.Error(), "such") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// The deadline of the handshake does not outlast it, and a peer that ends
// without a word in TLS is told apart from one that says so.
func TestHowTLSEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end       func(*tls.Conn)
		truncated bool
	}{
		"close_notify": {func(c *tls.Conn) { c.Close() }, false},
		"half-close":   {func(c *tls.Conn) { c.CloseWrite() }, false},
		"truncated":    {func(c *tls.Conn) { c.NetConn().Close() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, roots := withAuthority(t)
			conn, _, err := withClient(t, s, toA, func(c net.Conn) {
				client := tls.Client(c, &tls.Config{ServerName: "a.example", RootCAs: roots})
				if err := client.Handshake(); err != nil {
					t.Error(err)
				}
				io.WriteString(client, "QUIT\r\n")
				tt.end(client)
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if string(got) != "QUIT\r\n" || err != nil {
				t.Errorf("read %q, %v", got, err)
			}
			if handshake.Truncated(conn) != tt.truncated {
				t.Errorf("truncated %v", !tt.truncated)
			}
		})
	}
}

// Half-close goes through to the connection beneath.
func TestCloseWriteReachesTheSocket(t *testing.T) {
	s, roots := withAuthority(t)
	ours, peers := pipe(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		client := tls.Client(peers, &tls.Config{ServerName: "a.example", RootCAs: roots})
		if _, err := io.ReadAll(client); err != nil {
			t.Errorf("the client read to the end with %v", err)
		}
		if n, err := peers.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("behind close_notify came %d bytes, %v; want FIN", n, err)
		}
		peers.Close()
	})
	conn, _, err := s.WithClient(ours, toA)
	if err != nil {
		t.Fatal(err)
	}
	conn.CloseWrite()
	if err := conn.NetConn().(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
}
