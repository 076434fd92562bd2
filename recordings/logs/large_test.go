package logs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"smtptap/recordings/logs"
)

// hostile are logs that would take very long if any step looked at all of the
// log for each of its lines.
var hostile = map[string]struct{ head, line, tail string }{
	"a long message":          {"CLIENT -> SERVER: DATA\nSERVER -> CLIENT: 354 go\n", "CLIENT -> SERVER: a line of the message, %d\n", "CLIENT -> SERVER: .\nSERVER -> CLIENT: 250 ok\n"},
	"errors behind a message": {"CLIENT -> SERVER: a\n", "SMTP ERROR: MAIL FROM command failed: %d\n", ""},
	"replies in a message":    {"220 x\nEHLO x\n250 x\nDATA\n354 x\n", "250 %d\n", ""},
	"greetings":               {"", "220 mail%d.example.org ESMTP\n", ""},
	"greetings and verbs":     {"", "220 x\nEHLO x%d\n", ""},
	"TLS again and again":     {"SERVER -> CLIENT: 220 x\n", "CLIENT -> SERVER: STARTTLS\nSERVER -> CLIENT: 220 go %d\nCLIENT -> SERVER: QUIT\n", ""},
	"errors of TLS":           {"SERVER -> CLIENT: 220 x\n", "SMTP Error: certificate verify failed %d\n", ""},
	"commands only":           {"", "CLIENT -> SERVER: MAIL FROM:<a%d@example.org>\n", ""},
	"nothing said":            {"", "CLIENT -> SERVER: \n", "SERVER -> CLIENT: 220 x\n"},
	"replies only":            {"SERVER -> CLIENT: 220 x\n", "SERVER -> CLIENT: 250 2.1.0 ok %d\n", ""},
	"no commands":             {"", "CLIENT -> SERVER: nothing %d\n", ""},
	"credentials":             {"CLIENT -> SERVER: AUTH LOGIN\nSERVER -> CLIENT: 334 x\n", "CLIENT -> SERVER: \n", ""},
	"one line":                {"", "2024-06-03 10:00:00 CLIENT -> SERVER: NOOP %d 2024-06-03 10:00:00 SERVER -> CLIENT: 250 ok ", ""},
	"one reply":               {"SERVER -> CLIENT: ", "250-KEYWORD%d", ""},
	"one reply of digits":     {"SERVER -> CLIENT: 250-", "250 250x%d", ""},
	"marks nobody knows":      {"", "worker %d > sent > EHLO x\nworker 7 < got < 250 x\n", ""},
	"container records":       {"", `{"log":"CLIENT -\u003e SERVER: NOOP %d\n","stream":"stderr","time":"2024-06-03T10:00:00Z"}` + "\n", ""},
	"entities":                {"", "CLIENT -&gt; SERVER: NOOP %d\nSERVER -&gt; CLIENT: 250 ok\n", ""},
	"swaks":                   {"=== Trying x:25...\n", " -> NOOP %d\n<** 500 no\n*** TLS peer certificate failed\n", ""},
	"curl":                    {"* Trying x:25...\n", "* SSL certificate problem: unable to get local issuer certificate %d\n", ""},
	"nodemailer":              {"", "[2024-06-03 10:00:00] ERROR Send Error: connect ECONNREFUSED 127.0.0.1:%d\n", ""},
	"smtplib":                 {"", "send: 'noop\\r\\n'\ndata: (250, b'ok %d')\n", ""},
	"Postfix":                 {"", "Jun  3 10:00:00 mx postfix/smtpd[%d]: lost connection after STARTTLS from unknown[192.0.2.1]\n", ""},
	"a bounce":                {"This message was created automatically by mail delivery software\nSMTP error from remote mail server after end of data:\n550-", "550-5.7.1 word %d ", ""},
	"open quotes":             {"", "> > > > %d >> > <\n", ""},
	"stamps":                  {"", "1:2 10:00:00 11:11:11 12:12:12 CLIENT -> SERVER: %d\n", ""},
}

// sized is a hostile log of about that many bytes.
func sized(head, line, tail string, size int) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < size; i++ {
		if strings.Contains(line, "%d") {
			fmt.Fprintf(&b, line, i)
		} else {
			b.WriteString(line)
		}
	}
	b.WriteString(tail)
	return b.String()
}

// parse reads a log; one that is none is as good.
func parse(t testing.TB, text string) {
	t.Helper()
	if _, err := logs.ParseAll(strings.NewReader(text)); err != nil && !errors.Is(err, logs.ErrNoLog) {
		t.Fatal(err)
	}
}

// TestHostile parses each of them, short.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, h := range hostile {
		t.Run(name, func(t *testing.T) { parse(t, sized(h.head, h.line, h.tail, 4<<10)) })
	}
}

// BenchmarkHostile parses each of them in two sizes: the rate must not fall
// with the size.
func BenchmarkHostile(b *testing.B) {
	for name, h := range hostile {
		for _, size := range []int{64 << 10, 512 << 10} {
			text := sized(h.head, h.line, h.tail, size)
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					parse(b, text)
				}
			})
		}
	}
}
