package handshake_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/handshake"
	"smtptap/proxy/handshake/certtest"
)

// A bad certificate is judged and described in any case; it ends the handshake
// when it is checked, and does not with Insecure or where it is not checked.
func TestVerdicts(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	const name = "mail.example.com"
	names := []string{name, "192.0.2.1"}
	root := certtest.NewAuthority(t, "Example Root")
	middle := root.Below(t, certtest.Spec{Subject: "Example Middle"})
	stale := root.Below(t, certtest.Spec{Subject: "Stale Middle", NotAfter: now.Add(-day)})
	old := root.Below(t, certtest.Spec{Subject: "Old Middle", RSA: 2048})
	stranger := certtest.NewAuthority(t, "Stranger Root")
	cut := middle.Issue(t, certtest.Spec{Names: names})
	cut.Certificate = cut.Certificate[:1]

	for _, tt := range []struct {
		name    string
		cert    tls.Certificate
		asked   string
		verdict string
		reason  string // a part of it
	}{
		{"valid", root.Issue(t, certtest.Spec{Names: names}), name, "ok", ""},
		{"valid below another", middle.Issue(t, certtest.Spec{Names: names}), name, "ok", ""},
		{"valid for an address", root.Issue(t, certtest.Spec{Names: names}), "192.0.2.1", "ok", ""},
		{"valid for an address literal", root.Issue(t, certtest.Spec{Names: []string{"2001:db8::1"}}), "[IPv6:2001:db8::1]", "ok", ""},
		{"expired", root.Issue(t, certtest.Spec{Names: names, NotAfter: now.Add(-12 * day)}), name, "expired", "12 d 0 h ago"},
		{"expired today", root.Issue(t, certtest.Spec{Names: names, NotAfter: now.Add(-time.Hour)}), name, "expired", "1 h 0 min ago"},
		{"issuer expired", stale.Issue(t, certtest.Spec{Names: names}), name, "expired", `issuer "CN=Stale Middle": it expired`},
		{"not yet valid", root.Issue(t, certtest.Spec{Names: names, NotBefore: now.Add(36 * time.Hour)}), name, "not-yet-valid", "in 1 d 12 h. This machine's clock says " + now.UTC().Format(time.DateOnly)},
		{"wrong name", root.Issue(t, certtest.Spec{Names: []string{"*.hosting.example", "a.example", "b.example", "c.example", "d.example"}}), name, "wrong-name", `it is for "*.hosting.example", "a.example", "b.example", "c.example" and 1 more, and "mail.example.com" was asked for`},
		{"wrong address", root.Issue(t, certtest.Spec{Names: names}), "192.0.2.2", "wrong-name", `"192.0.2.2" was asked for`},
		{"name in the subject only", root.Issue(t, certtest.Spec{Subject: name}), name, "wrong-name", `no host beside its subject "CN=mail.example.com"`},
		{"self-signed", certtest.SelfSigned(t, certtest.Spec{Names: names, Subject: name}), name, "self-signed", "--server-ca"},
		{"unknown authority", stranger.Issue(t, certtest.Spec{Names: names}), name, "unknown-authority", `its issuer "CN=Stranger Root" is not trusted here`},
		{"intermediate left out", cut, name, "unknown-authority", "perhaps the intermediate one is missing"},
		{"weak key", root.Issue(t, certtest.Spec{Names: names, RSA: 1024}), name, "weak-key", "its RSA key has 1024 bits"},
		{"weak key of the issuer", root.Below(t, certtest.Spec{Subject: "Weak Middle", RSA: 1024}).Issue(t, certtest.Spec{Names: names}), name, "weak-key", `of its issuer "CN=Weak Middle" has 1024 bits`},
		{"weak signature", old.Issue(t, certtest.Spec{Names: names, Subject: name, SHA1: true}), name, "weak-key", "is signed with SHA1-RSA"},
		{"for clients", root.Issue(t, certtest.Spec{Names: names, Usage: x509.ExtKeyUsageClientAuth}), name, "other", "incompatible key usage"},
		{"all at once", certtest.SelfSigned(t, certtest.Spec{Names: []string{"a.example"}, NotAfter: now.Add(-day), RSA: 1024}), name, "self-signed", ". Also: it expired on"},
		{"hostile name", stranger.Issue(t, certtest.Spec{Names: []string{"\x1b[2J.example"}}), name, "unknown-authority", `\x1b[2J.example`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, how := range []struct {
				name              string
				checked, insecure bool
			}{{"verify", true, false}, {"-k", true, true}, {"opportunistic", false, false}} {
				s := &handshake.Settings{Roots: root.Pool(), Insecure: how.insecure}
				conn, fact, err := withServer(t, s, handshake.Server{Name: tt.asked, Checked: how.checked}, tlsServer(&tls.Config{Certificates: []tls.Certificate{tt.cert}}))
				if fact.Verdict != tt.verdict || !strings.Contains(fact.Reason.String(), tt.reason) {
					t.Errorf("%s: verdict %s: %q; want %s: %q", how.name, fact.Verdict, fact.Reason, tt.verdict, tt.reason)
				}
				if fact.Verified != (tt.verdict == "ok") || fact.Checked != (how.checked && !how.insecure) {
					t.Errorf("%s: verified %v, checked %v", how.name, fact.Verified, fact.Checked)
				}
				if len(fact.Chain) != len(tt.cert.Certificate) || fact.Chain[0].NotAfter.IsZero() || len(fact.Chain[0].SHA256) != 64 {
					t.Errorf("%s: the chain is %+v", how.name, fact.Chain)
				}
				wantOK := tt.verdict == "ok" || how.insecure || !how.checked
				if (err == nil) != wantOK || (conn != nil) != wantOK {
					t.Errorf("%s: the handshake ended with %v", how.name, err)
				}
				if !wantOK {
					checkRefusal(t, fact, err, tt.verdict)
				}
			}
		})
	}
}

// What is weak is not accepted when the user names it as trusted either, be it a
// root that the server does not send or its own certificate.
func TestNamedButWeak(t *testing.T) {
	names := []string{"mail.example.com"}
	for _, tt := range []struct {
		name   string
		spec   certtest.Spec
		reason string // "" where nothing is weak
	}{
		{"a short key", certtest.Spec{RSA: 1024}, "has 1024 bits"},
		{"SHA-1", certtest.Spec{RSA: 2048, SHA1: true}, "is signed with SHA1-RSA"},
		{"MD5", certtest.Spec{RSA: 2048, MD5: true}, "is signed with MD5-RSA"},
		{"nothing", certtest.Spec{RSA: 2048}, ""},
	} {
		tt.spec.Subject = "Named"
		root := certtest.NewRoot(t, tt.spec)
		tt.spec.Names = names
		own := certtest.SelfSigned(t, tt.spec)
		itself := x509.NewCertPool()
		itself.AddCert(own.Leaf)
		for _, server := range []struct {
			name  string
			roots *x509.CertPool
			cert  tls.Certificate
		}{
			{"root", root.Pool(), root.Issue(t, certtest.Spec{Names: names})},
			{"root above another", root.Pool(), root.Below(t, certtest.Spec{Subject: "Middle"}).Issue(t, certtest.Spec{Names: names})},
			{"its own", itself, own},
		} {
			t.Run(tt.name+"/"+server.name, func(t *testing.T) {
				s := &handshake.Settings{Roots: server.roots}
				_, fact, err := withServer(t, s, handshake.Server{Name: names[0], Checked: true}, tlsServer(&tls.Config{Certificates: []tls.Certificate{server.cert}}))
				if tt.reason == "" {
					if err != nil || fact.Verdict != "ok" {
						t.Errorf("%v, verdict %s: %s", err, fact.Verdict, fact.Reason)
					}
					return
				}
				if fact.Verdict != "weak-key" || !strings.Contains(fact.Reason.String(), tt.reason) {
					t.Errorf("verdict %s: %q; want weak-key: %q", fact.Verdict, fact.Reason, tt.reason)
				}
				checkRefusal(t, fact, err, "weak-key")
			})
		}
	}
}

func checkRefusal(t *testing.T, fact *facts.TLS, err error, verdict string) {
	t.Helper()
	var failed *handshake.Error
	if !errors.As(err, &failed) || failed.Class != handshake.ClassCertificate || fact.Class != handshake.ClassCertificate {
		t.Errorf("the error is %v, the class %q", err, fact.Class)
	}
	if fact.By != 0 || fact.Alert != "" || fact.Err.String() != err.Error() || !strings.Contains(fact.Err.String(), "("+verdict+")") {
		t.Errorf("by %q, alert %q, error %q", fact.By, fact.Alert, fact.Err)
	}
	if strings.ContainsAny(fact.Err.String(), "\x1b\n") {
		t.Errorf("%q is not safe to print", fact.Err)
	}
}

// The chain, the name and the key are told apart from what is agreed.
func TestWhatIsAgreed(t *testing.T) {
	root, cert := good(t)
	s := &handshake.Settings{Roots: root.Pool()}
	_, fact, err := withServer(t, s, handshake.Server{Name: "mail.example.com", Checked: true, Implicit: true}, tlsServer(&tls.Config{Certificates: []tls.Certificate{cert}}))
	if err != nil {
		t.Fatal(err)
	}
	if fact.Leg != who.ServerLeg || !fact.Implicit || fact.Version != "TLS 1.3" || !strings.HasPrefix(fact.Cipher, "TLS_") || fact.SNI != "mail.example.com" || fact.Took <= 0 {
		t.Errorf("%+v", fact)
	}
	if c := fact.Chain[0]; c.Issuer != "CN=Example Root" || c.Key != "ECDSA P-256" || len(c.Names) != 1 || c.Names[0] != "mail.example.com" {
		t.Errorf("%+v", c)
	}
	if _, fact, _ = withServer(t, s, handshake.Server{Name: "192.0.2.1"}, tlsServer(&tls.Config{Certificates: []tls.Certificate{cert}})); fact.SNI != "" {
		t.Errorf("an address was sent as SNI: %q", fact.SNI)
	}
}
