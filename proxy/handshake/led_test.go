package handshake_test

import (
	"crypto/tls"
	"slices"
	"testing"

	"smtptap/proxy/handshake"
	"smtptap/proxy/handshake/certtest"
)

// A server whose name only the client knows may have any, and nothing else that
// is wrong is forgiven.
func TestAnyName(t *testing.T) {
	root, cert := good(t)
	s := &handshake.Settings{Roots: root.Pool()}
	for _, c := range []struct {
		name string
		any  bool
		cert tls.Certificate
		want string
	}{
		{"another name", true, cert, "ok"},
		{"another name, which counts", false, cert, "wrong-name"},
		{"self-signed", true, certtest.SelfSigned(t, certtest.Spec{Names: []string{"mail.example.com"}}), "self-signed"},
	} {
		_, fact, err := withServer(t, s, handshake.Server{Name: "192.0.2.1", Checked: true, AnyName: c.any}, tlsServer(&tls.Config{Certificates: []tls.Certificate{c.cert}}))
		if fact.Verdict != c.want || (err == nil) != (c.want == "ok") || fact.SNI != "" {
			t.Errorf("%s: %s, %v", c.name, fact.Verdict, err)
		}
	}
}

// A client that was led here without naming a host is shown the server's known
// name, and else the address that it wanted.
func TestLedClient(t *testing.T) {
	s, pool := withAuthority(t)
	for want, names := range map[string][]string{
		"mail.example.com": {"192.0.2.1", "other.example", "mail.example.com"},
		"192.0.2.1":        {"192.0.2.1", "other.example"},
	} {
		_, fact, err := withClient(t, s, handshake.Client{Names: names, Led: true}, tlsClient(&tls.Config{InsecureSkipVerify: true, RootCAs: pool}))
		if err != nil || !slices.Contains(fact.Chain[0].Names, want) {
			t.Errorf("of %v it is shown %+v, %v", names, fact.Chain, err)
		}
	}
}
