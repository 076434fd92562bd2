package handshake_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtptap/decode/who"
	"smtptap/proxy/handshake"
)

// clientHello is what Go's client says first.
func clientHello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		tls.Client(ours, config).Handshake()
		ours.Close()
	}()
	header := make([]byte, 5)
	if _, err := io.ReadFull(theirs, header); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(theirs, body); err != nil {
		t.Fatal(err)
	}
	return append(header, body...)
}

func TestReadHello(t *testing.T) {
	hello := clientHello(t, &tls.Config{ServerName: "mail.example.com", NextProtos: []string{"smtp"}, MinVersion: tls.VersionTLS11})
	for n := range hello {
		if h, err := handshake.ReadHello(hello[:n]); !errors.Is(err, handshake.ErrShort) {
			t.Fatalf("the first %d of %d bytes: %+v, %v", n, len(hello), h, err)
		}
	}
	check := func(name string, p []byte) {
		t.Helper()
		h, err := handshake.ReadHello(p)
		if err != nil || h.SNI != "mail.example.com" || !slices.Equal(h.ALPN, []string{"smtp"}) ||
			!slices.Equal(h.Versions, []string{"TLS 1.3", "TLS 1.2", "TLS 1.1"}) || len(h.Ciphers) == 0 || h.Leg != who.ClientLeg {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	check("whole", hello)
	check("with more behind it", append(slices.Clone(hello), "\x14\x03\x03\x00\x01\x01"...))
	check("in several records", fragment(hello, 7))
}

// The files hold what real clients have said first. Whose it is shows in the
// order of what they offer.
func TestReadHelloOfRealClients(t *testing.T) {
	for file, want := range map[string]struct {
		library, sni, oldest string
	}{
		"php-8.2":          {"PHP", "localhost", "TLS 1.0"},
		"python-3.11":      {"OpenSSL", "localhost", "TLS 1.0"},
		"node-20":          {"Node.js", "localhost", "TLS 1.2"},
		"java-17":          {"Java", "", "TLS 1.2"},
		"msmtp-gnutls-3.7": {"GnuTLS", "localhost", "TLS 1.0"},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", "hellos", file+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		h, err := handshake.ReadHello(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if h.Library != want.library || h.SNI != want.sni || h.Versions[0] != "TLS 1.3" || h.Versions[len(h.Versions)-1] != want.oldest {
			t.Errorf("%s: library %q, SNI %q, versions %v", file, h.Library, h.SNI, h.Versions)
		}
	}
	if h, err := handshake.ReadHello(clientHello(t, &tls.Config{ServerName: "a.example"})); err != nil || h.Library != "Go" {
		t.Errorf("Go: %+v, %v", h, err)
	}
	odd := &tls.Config{ServerName: "a.example", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}
	if h, err := handshake.ReadHello(clientHello(t, odd)); err != nil || h.Library != "" {
		t.Errorf("a suite of its own: %+v, %v", h, err)
	}
}

// fragment puts a handshake message into records of n bytes (RFC 8446 section
// 5.1 allows that).
func fragment(record []byte, n int) (out []byte) {
	for chunk := range slices.Chunk(record[5:], n) {
		out = append(out, record[0], record[1], record[2], 0, byte(len(chunk)))
		out = append(out, chunk...)
	}
	return out
}

func TestReadHelloOfSomethingElse(t *testing.T) {
	for name, p := range map[string]string{
		"text":          "EHLO client.example.com\r\n",
		"alert":         "\x15\x03\x01\x00\x02\x02\x28",
		"other message": "\x16\x03\x01\x00\x04\x0e\x00\x00\x00",
		"endless":       "\x16\x03\x01\x40\x00\x01\xff\xff\xff" + strings.Repeat("x", 1<<14),
		"garbage":       "\x16\x03\x01\x00\x08\x01\x00\x00\x04\xff\xff\xff\xff",
	} {
		if h, err := handshake.ReadHello([]byte(p)); err == nil || errors.Is(err, handshake.ErrShort) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

func TestBegins(t *testing.T) {
	for p, want := range map[string]bool{"": false, "EHLO": false, "\x16": true, "\x16\x03\x01": true, "\x15\x03": false} {
		if handshake.Begins([]byte(p)) != want {
			t.Errorf("%q: %v", p, !want)
		}
	}
}

// FuzzReadHello feeds what may come where a ClientHello is expected.
func FuzzReadHello(f *testing.F) {
	hello := clientHello(f, &tls.Config{ServerName: "mail.example.com", NextProtos: []string{"smtp"}})
	f.Add(hello)
	files, err := filepath.Glob("testdata/hellos/*.bin")
	if err != nil || len(files) == 0 {
		f.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(fragment(hello, 50))
	f.Add(hello[:40])
	f.Add([]byte("\x16\x03\x01\x00\x04\x01\x00\x00\x00"))
	f.Add([]byte("\x80\x2e\x01\x03\x01"))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, err := handshake.ReadHello(p)
		if (h == nil) == (err == nil) {
			t.Fatalf("%+v, %v", h, err)
		}
		if h == nil {
			return
		}
		if !handshake.Begins(p) {
			t.Fatalf("a ClientHello in %q", p)
		}
		if len(h.SNI) > 1<<10 || len(h.Ciphers) > 100 || len(h.ALPN) > 20 || len(h.Versions) > 20 {
			t.Fatalf("kept too much: %d, %d, %d, %d", len(h.SNI), len(h.Ciphers), len(h.ALPN), len(h.Versions))
		}
		// More bytes after it change nothing.
		again, err := handshake.ReadHello(append(slices.Clone(p), 0, 0, 0))
		if err != nil || again.SNI != h.SNI {
			t.Fatalf("with bytes behind it: %+v, %v", again, err)
		}
	})
}
