package cli

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/upstream/dnstest"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// delivered is the recording of a message that an address sent, and of the
// server's reply to it.
func delivered(t *testing.T, local, reply string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mail"+recordings.Ext)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := transcript.NewWriter(f, recordings.Header{ID: recordings.NewID(time.Now()), Started: time.Now(), Mode: "intercept"})
	if err != nil {
		t.Fatal(err)
	}
	w.Fact(0, &facts.Dial{Addr: "192.0.2.25:25", Local: local})
	for i, text := range []string{"220 mx\r\n", "EHLO app.example.org\r\n", "250-mx\r\n250 SIZE 1\r\n", "MAIL FROM:<a@example.org>\r\n", "250 ok\r\n", "RCPT TO:<b@example.net>\r\n", "250 ok\r\n",
		"DATA\r\n", "354 go\r\n", "From: a@example.org\r\n\r\nhello\r\n.\r\n", reply + "\r\n"} {
		from := who.Server
		if i%2 == 1 {
			from = who.Client
		}
		w.Data(0, from, from.Other(), []byte(text))
	}
	w.End(0, facts.End{Cause: facts.CauseClosed})
	if w.Err() != nil {
		t.Fatal(w.Err())
	}
	return path
}

// Show asks the DNS only when it is told to, and then the server that is named.
func TestShowAsksDNS(t *testing.T) {
	var asked atomic.Int64
	records := dnstest.Records(t, `example.org. TXT "v=spf1 ip4:9.9.9.9 -all"`, `_dmarc.example.org. TXT "v=DMARC1; p=reject"`)
	resolver := dnstest.Serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		asked.Add(1)
		records(w, q)
	})
	t.Setenv("SMTPTAP_RESOLVER", resolver)
	if status, _, complaint := smtptap(t, nil, "show", delivered(t, "9.9.9.9:40000", "250 ok")); status != 0 || asked.Load() != 0 {
		t.Errorf("status %d, %d questions, %s", status, asked.Load(), complaint)
	}
	for local, want := range map[string]struct {
		status int
		dmarc  string
	}{"9.9.9.9:40000": {0, "DMARC pass"}, "8.8.8.8:40000": {3, "DMARC fail"}, "10.0.0.1:40000": {0, "DMARC unknown"}} {
		if status, out, complaint := smtptap(t, nil, "show", "--verify", delivered(t, local, "250 ok")); status != want.status || !strings.Contains(out, want.dmarc) {
			t.Errorf("%s: status %d, %s%s", local, status, out, complaint)
		}
	}
}

// A reply that blames the authentication of a message is explained by the check
// that fails, once it was made.
func TestVerifiedFinding(t *testing.T) {
	t.Setenv("SMTPTAP_RESOLVER", dnstest.Serve(t, dnstest.Records(t, `example.org. TXT "v=spf1 ip4:9.9.9.9 -all"`, `_dmarc.example.org. TXT "v=DMARC1; p=reject"`)))
	for reply, id := range map[string]string{
		"550 5.7.26 refused by DMARC": "GMAIL-550-5.7.26-DMARC", "550 5.7.23 no": "SPF-FAIL-550", "550 5.7.20 no": "DKIM-FAIL-550", "550 5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM": "GMAIL-550-5.7.26-UNAUTH",
	} {
		recording := delivered(t, "8.8.8.8:40000", reply)
		for lang, want := range map[string]string{"en": "Checked now: SPF fail example.org, DMARC fail", "zh": "现在的验证结果：SPF fail example.org, DMARC fail"} {
			_, out, complaint := smtptap(t, nil, "show", "--verify", "--lang", lang, recording)
			if joined := strings.Join(strings.Fields(out), " "); !strings.Contains(out, id) || !strings.Contains(joined, want) {
				t.Errorf("%s, %s: %s%s", reply, lang, out, complaint)
			}
		}
		if _, out, _ := smtptap(t, nil, "show", recording); strings.Contains(out, "Checked") {
			t.Errorf("%s: %s", reply, out)
		}
	}
}

// Show asks the DNS only when it is told to, and then the server that is named.
func TestShowVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	status, id, complaint := smtptap(t, nil, "import", captured(t, 1), "-w", dir)
	if status != 0 {
		t.Fatal(complaint)
	}
	id = strings.TrimSpace(id)
	for name, c := range map[string]struct {
		args   []string
		status int
		out    string
	}{
		"no message":       {[]string{"--verify"}, 0, "nothing to verify"},
		"without verify":   {[]string{"--seen-as", "192.0.2.1"}, 2, ""},
		"redacted":         {[]string{"--verify", "--redact", "hosts"}, 2, ""},
		"bad resolver":     {[]string{"--verify", "--resolver", "nowhere"}, 2, ""},
		"bad address":      {[]string{"--verify", "--seen-as", "nowhere"}, 2, ""},
		"without anything": {nil, 0, "AUTH-BAD-CREDENTIALS"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, complaint := smtptap(t, nil, append([]string{"show", "-w", dir, id}, c.args...)...)
			if status != c.status || !strings.Contains(out, c.out) {
				t.Errorf("status %d, %s%s", status, out, complaint)
			}
		})
	}
}
