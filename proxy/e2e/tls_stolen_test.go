package e2e

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtptap/proxy/ca"
)

// connects are programs that verify the server of that name at 127.0.0.1:PORT
// by the roots in the file ROOTS, and fail if they don't trust it.
var connects = []struct{ name, need, file, text, run string }{
	{"openssl", "openssl", "", "", "openssl s_client -connect 127.0.0.1:PORT -servername NAME -verify_hostname NAME -verify_return_error -CAfile ROOTS </dev/null"},
	{"php", "php", "c.php", `<?php
$context = stream_context_create(['ssl' => ['cafile' => 'ROOTS', 'peer_name' => 'NAME']]);
exit(@stream_socket_client('tls://127.0.0.1:PORT', $e, $m, 10, STREAM_CLIENT_CONNECT, $context) ? 0 : 1);
`, "php c.php"},
	{"node", "node", "c.js", `const s = require('tls').connect({ host: '127.0.0.1', port: PORT, servername: 'NAME', ca: require('fs').readFileSync('ROOTS') }, () => process.exit(0));
s.on('error', (e) => { console.error(e); process.exit(1); });
`, "node c.js"},
	{"python", "python3", "c.py", `import socket, ssl
context = ssl.create_default_context(cafile="ROOTS")
context.wrap_socket(socket.create_connection(("127.0.0.1", PORT), 10), server_hostname="NAME")
`, "python3 c.py"},
	{"java", "java", "C.java", `import java.io.FileInputStream;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class C {
	public static void main(String[] a) throws Exception {
		KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
		roots.load(null, null);
		int n = 0;
		for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(new FileInputStream("ROOTS")))
			roots.setCertificateEntry("root" + n++, c);
		TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		trust.init(roots);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, trust.getTrustManagers(), null);
		SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket(new Socket("127.0.0.1", PORT), "NAME", PORT, true);
		SSLParameters p = s.getSSLParameters();
		p.setEndpointIdentificationAlgorithm("HTTPS");
		s.setSSLParameters(p);
		s.startHandshake();
	}
}
`, "java -XX:TieredStopAtLevel=1 C.java"},
}

// Whoever steals the keys of the authority can pose as the targets that were
// used, and as nobody else, whatever the client. (Go is tried in proxy/ca.)
func TestStolenAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	authority, err := ca.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.Prepare("mail.example.com"); err != nil {
		t.Fatal(err)
	}
	stolen, err := filepath.Glob(filepath.Join(dir, "roots", "*.pem"))
	if err != nil || len(stolen) != 2 {
		t.Fatalf("%q, %v", stolen, err)
	}
	honest, err := authority.Leaf("mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range connects {
		t.Run(c.name, func(t *testing.T) {
			need(t, c.need)
			try := func(name string, shown *tls.Certificate) error {
				dir := t.TempDir()
				port := present(t, shown)
				fill := strings.NewReplacer("NAME", name, "PORT", port, "ROOTS", authority.Path())
				if c.file != "" {
					if err := os.WriteFile(filepath.Join(dir, c.file), []byte(fill.Replace(c.text)), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				cmd := exec.Command("sh", "-c", fill.Replace(c.run))
				cmd.Dir = dir
				return cmd.Run()
			}
			if err := try("mail.example.com", honest); err != nil {
				t.Errorf("the target's certificate is not trusted: %v", err)
			}
			for _, root := range stolen {
				for _, name := range []string{"bank.example", "example.com"} {
					if try(name, forge(t, root, name)) == nil {
						t.Errorf("trusted as %s", name)
					}
				}
			}
		})
	}
}

// present serves TLS with that certificate on a free port of this machine.
func present(t *testing.T, shown *tls.Certificate) (port string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*shown}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(10 * time.Second))
				c.Read(make([]byte, 1))
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// forge signs a certificate for that name with the key in a root's file.
func forge(t *testing.T, file, name string) *tls.Certificate {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest := pem.Decode(data)
	certificate, rest := pem.Decode(rest)
	private, _ := pem.Decode(rest)
	issuer, err := x509.ParseCertificate(certificate.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(private.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, issuer, key.(*ecdsa.PrivateKey).Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, issuer.Raw}, PrivateKey: key}
}
