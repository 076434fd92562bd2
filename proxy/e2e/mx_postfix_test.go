package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/handshake/certtest"
	"smtptap/proxy/upstream"
	"smtptap/recordings/transcript"
)

// twoDomains runs a resolver for one.example and two.example, and a receiving
// server for each: aiosmtpd and Postfix's smtp-sink. received returns what has
// arrived at both.
func twoDomains(t *testing.T) (resolver string, port int, received func() (one, two string)) {
	t.Helper()
	port = sameFreePort(t, "127.0.0.2", "127.0.0.3")
	one := runPeer(t, "/usr/bin/python3", "testdata/mx_receiver.py", "127.0.0.2", fmt.Sprint(port))
	dump := filepath.Join(t.TempDir(), "dump")
	args := []string{"-h", "mx.two.example", "-D", dump}
	if os.Getuid() == 0 {
		args = append(args, "-u", "root") // it wants to be told
	}
	two := runPeer(t, "smtp-sink", append(args, fmt.Sprintf("inet:127.0.0.3:%d", port), "100")...)
	accepts(t, fmt.Sprintf("127.0.0.2:%d", port), one)
	accepts(t, fmt.Sprintf("127.0.0.3:%d", port), two)
	resolver = startUnbound(t,
		"one.example. IN MX 10 mx.one.example.", "mx.one.example. IN A 127.0.0.2",
		"two.example. IN MX 10 gone.two.example.", "two.example. IN MX 20 mx.two.example.", "mx.two.example. IN A 127.0.0.3",
		"none.example. IN MX 0 .",
	)
	return resolver, port, func() (string, string) {
		b, _ := os.ReadFile(dump)
		return one.String(), string(b)
	}
}

// startMX runs smtptap so that it leads each recipient to its own domain's server.
func startMX(t *testing.T, resolver string, port int) *tap {
	t.Helper()
	return start(t, "--to", "mx", "--resolver", resolver, "--mx-port", fmt.Sprint(port), "--allow-private")
}

// TestPostfixTwoDomains has a real mail server send one message to recipients
// of two domains with smtptap as its relay host. Each copy arrives at its own
// domain's server, and both dialogues are in the recordings.
func TestPostfixTwoDomains(t *testing.T) {
	need(t, "postfix", "smtp-sink", "unbound", "/usr/bin/python3")
	resolver, port, received := twoDomains(t)
	p := startMX(t, resolver, port)
	mta := startPostfix(t, p.Addr, "smtp_tls_security_level = none")

	const body = "From: a@client.example\r\nSubject: two domains\r\n\r\nRCPT TO:<x@two.example>\r\n..dots\r\n"
	if err := smtp.SendMail(mta.Addr, nil, "a@client.example", []string{"b@one.example", "c@two.example"}, []byte(body)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		one, two := received()
		return strings.Contains(one, `"to": ["b@one.example"]`) && strings.Contains(two, "X-Rcpt-Args: <c@two.example>")
	}, func() string {
		one, two := received()
		return fmt.Sprintf("the message did not arrive at both:\n%s\n%s\n%s", one, two, mta)
	})
	one, two := received()
	for _, got := range []string{one, two} {
		if n := strings.Count(got, "Subject: two domains"); n != 1 {
			t.Errorf("one server got %d copies", n)
		}
	}

	all := recordings(t, p, "mx.one.example", "mx.two.example")
	servers, refused := map[string]bool{}, 0
	for _, tr := range all {
		for _, e := range tr.Entries {
			if d, ok := e.Fact.(*facts.Dial); ok && d.Err == "" {
				servers[d.Host] = true
			}
			if e.Event != nil && e.From == who.Smtptap && e.To == who.Client && bytes.HasPrefix(e.Event.Raw, []byte("452 4.5.3")) {
				refused++
			}
		}
	}
	if !servers["mx.one.example"] || !servers["mx.two.example"] || refused != 1 {
		t.Errorf("servers %v, %d recipients of another domain were sent away", servers, refused)
	}
	for _, to := range []struct{ rcpt, host string }{{"b@one.example", "mx.one.example"}, {"c@two.example", "mx.two.example"}} {
		checkDelivery(t, all, to.rcpt, to.host)
	}
}

// recordings reads what p has recorded, once every session has ended (Postfix
// keeps no connection open for long) and all these servers occur in them: a
// recording is written after its session.
func recordings(t *testing.T, p *tap, servers ...string) (all []*decode.Transcript) {
	t.Helper()
	waitFor(t, func() bool {
		all = nil
		paths, err := filepath.Glob(filepath.Join(p.Dir, "*.smtptap"))
		for _, path := range paths {
			tr, damage, err := transcript.Load(path)
			if err != nil || damage != nil || !tr.Ended {
				return false
			}
			all = append(all, tr)
		}
		return err == nil && len(all) > 0 && dialled(all, servers)
	}, func() string { return "the sessions do not end:\n" + p.stderr.String() })
	return all
}

// dialled reports whether sessions were led to all these servers.
func dialled(all []*decode.Transcript, servers []string) bool {
	for _, server := range servers {
		if !slices.ContainsFunc(all, func(tr *decode.Transcript) bool {
			return slices.ContainsFunc(tr.Entries, func(e decode.Entry) bool {
				d, ok := e.Fact.(*facts.Dial)
				return ok && d.Err == "" && d.Host == server
			})
		}) {
			return false
		}
	}
	return true
}

// checkDelivery looks for the recording of a delivery: the responder's
// dialogue with Postfix, the prelude with the server, and the relayed rest.
func checkDelivery(t *testing.T, all []*decode.Transcript, rcpt, host string) {
	t.Helper()
	want := []string{
		"P>C 220 smtptap.localhost", "C>P EHLO client.example", "C>P MAIL FROM:<a@client.example>",
		"S>P 220 " + host, "P>S EHLO client.example", "P>S MAIL FROM:<a@client.example>",
		"C>S RCPT TO:<" + rcpt + ">", "S>C 250", "C>S DATA", "S>C 354", "C>S .", "S>C 250",
	}
	var seen []string
	for _, tr := range all {
		rest := slices.Clone(want)
		var words []string
		for _, e := range tr.Entries {
			if e.Event == nil {
				continue
			}
			words = append(words, fmt.Sprintf("%c>%c %s", e.From.Letter(), e.To.Letter(), e.Event.Raw))
			if strings.HasPrefix(words[len(words)-1], rest[0]) {
				if rest = rest[1:]; len(rest) == 0 {
					return
				}
			}
		}
		seen = append(seen, strings.Join(words, ""))
	}
	t.Errorf("no recording shows the delivery to %s in\n%s", rcpt, strings.Join(seen, "\n---\n"))
}

// TestPostfixNullMX: a domain that takes no mail is bounced at once, with the
// reason that smtptap gave.
func TestPostfixNullMX(t *testing.T) {
	need(t, "postfix", "unbound", "/usr/bin/python3", "smtp-sink")
	resolver, port, received := twoDomains(t)
	mta := startPostfix(t, startMX(t, resolver, port).Addr, "smtp_tls_security_level = none")
	if err := smtp.SendMail(mta.Addr, nil, "a@one.example", []string{"b@none.example"}, []byte("Subject: nobody\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		one, _ := received()
		return strings.Contains(one, "556 5.1.10 [smtptap] MX of none.example")
	}, func() string { return "no bounce came:\n" + mta.String() })
}

// TestUnboundAnswers asks a real resolver what fakes are asked elsewhere.
func TestUnboundAnswers(t *testing.T) {
	need(t, "unbound")
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf("many.example. IN MX %d a-rather-long-name-number-%d.hosts-of-the-domain.example.", i, i))
	}
	addr := startUnbound(t, append(many,
		"one.example. IN MX 10 mx.one.example.", "mx.one.example. IN A 192.0.2.1", "mx.one.example. IN AAAA 2001:db8::1", "plain.example. IN A 192.0.2.2")...)
	r, err := upstream.NewResolver(addr)
	if err != nil {
		t.Fatal(err)
	}
	var noted []facts.Fact
	ask := func(name string) string {
		noted = nil
		d, err := upstream.ParseDomain(name)
		if err != nil {
			t.Fatal(err)
		}
		hosts, err := r.Lookup(func(f facts.Fact) { noted = append(noted, f) }).Hosts(t.Context(), d, nil)
		if err != nil {
			return err.Error()
		}
		var list []string
		for _, h := range hosts {
			list = append(list, h.Name)
		}
		return strings.Join(list, " ")
	}
	for name, want := range map[string]string{
		"one.example":     "mx.one.example",
		"plain.example":   "plain.example",
		"nowhere.example": "MX of nowhere.example: no such domain",
	} {
		if got := ask(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := ask("many.example"); !strings.HasPrefix(got, "a-rather-long-name-number-0.hosts-of-the-domain.example ") {
		t.Errorf("many.example: %q", got)
	}
	overTCP := slices.ContainsFunc(noted, func(f facts.Fact) bool { d, ok := f.(*facts.DNS); return ok && d.TCP && d.Rcode == "NOERROR" })
	if !overTCP {
		t.Errorf("an answer too long for UDP did not come over TCP: %+v", noted)
	}
	host := upstream.Host{Name: "mx.one.example"}
	addrs, err := r.Lookup(func(facts.Fact) {}).Addresses(t.Context(), host)
	if err != nil || len(addrs) != 2 {
		t.Errorf("addresses %v, %v", addrs, err)
	}
	if _, err := net.Dial("tcp", addr); err != nil {
		t.Errorf("the resolver has gone: %v", err)
	}
}

// TestCheckDomain: the program reports on a domain whose servers are real.
func TestCheckDomain(t *testing.T) {
	need(t, "unbound", "smtp-sink", "/usr/bin/python3")
	resolver, port, _ := twoDomains(t)
	for _, tt := range []struct {
		target string
		code   int
		says   []string
	}{
		{"two.example", 0, []string{"gone.two.example", "no such domain", "127.0.0.3", "220 mx.two.example ESMTP", "mail would be accepted"}},
		{"mx:one.example", 0, []string{"127.0.0.2", "220 mx.one.example Python SMTP", "SIZE", "mail would be accepted"}},
		{"none.example", 3, []string{"accepts no mail (null MX)"}},
		{"nowhere.example", 3, []string{"no such domain"}},
	} {
		out, stderr, code := smtptap(t, os.Environ(), "", "check", tt.target, "--resolver", resolver, "--mx-port", fmt.Sprint(port), "--allow-private")
		if code != tt.code {
			t.Errorf("%s: exit status %d, want %d\n%s%s", tt.target, code, tt.code, out, stderr)
		}
		for _, s := range tt.says {
			if !strings.Contains(out, s) {
				t.Errorf("%s: no %q in\n%s", tt.target, s, out)
			}
		}
	}
	out, _, code := smtptap(t, os.Environ(), "", "check", "two.example", "--resolver", resolver, "--mx-port", fmt.Sprint(port))
	if code != 3 || !strings.Contains(out, "not-allowed") {
		t.Errorf("without --allow-private: exit status %d\n%s", code, out)
	}
}

// TestPostfixTLS: a mail server that insists on TLS gets it from the front
// responder, the receiving server gets it from smtptap, and the recording shows both
// handshakes and the message in clear.
func TestPostfixTLS(t *testing.T) {
	need(t, "postfix", "unbound", "/usr/bin/python3")
	cert := certtest.SelfSigned(t, certtest.Spec{Names: []string{"mx.one.example"}})
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, slices.Concat(certtest.PEM(cert), certtest.KeyPEM(t, cert)), 0o600); err != nil {
		t.Fatal(err)
	}
	port := sameFreePort(t, "127.0.0.2")
	mx := runPeer(t, "/usr/bin/python3", "testdata/mx_receiver.py", "127.0.0.2", fmt.Sprint(port), file)
	accepts(t, fmt.Sprintf("127.0.0.2:%d", port), mx)
	resolver := startUnbound(t, "one.example. IN MX 10 mx.one.example.", "mx.one.example. IN A 127.0.0.2")
	p := startMX(t, resolver, port)
	mta := startPostfix(t, p.Addr, "smtp_tls_security_level = encrypt")

	if err := smtp.SendMail(mta.Addr, nil, "a@client.example", []string{"b@one.example"}, []byte("Subject: both legs\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return strings.Contains(mx.String(), "both legs") }, func() string { return mx.String() + mta.String() })
	if !strings.Contains(mx.String(), `"tls": true`) {
		t.Errorf("the server got the message in clear: %s", mx)
	}
	var legs []string
	inTLS := false
	for _, e := range recordings(t, p)[0].Entries {
		if f, ok := e.Fact.(*facts.TLS); ok {
			legs = append(legs, fmt.Sprintf("%s %s%s", f.Leg, f.Verdict, f.Err))
		}
		if e.Event != nil && e.Event.Header != nil && e.Event.Header.Name == "Subject" {
			inTLS = e.Event.TLS && e.Event.Header.Value == "both legs"
		}
	}
	if want := []string{"client ", "server self-signed"}; !slices.Equal(legs, want) || !inTLS {
		t.Errorf("handshakes %q, want %q; subject inside TLS: %v", legs, want, inTLS)
	}
}
