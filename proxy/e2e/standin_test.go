package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"smtptap/proxy/handshake/certtest"
)

// madeUp is what PHPMailer makes up anew for each message.
var madeUp = regexp.MustCompile(`(?m)(Date: ).*$|(Message-ID: ).*$|\b(b\d_)[0-9A-Za-z]+`)

// PHPMailer can't tell the recordings of a Postfix and of an Exim from these
// servers: its own log is the same, line for line.
func TestRecordedServers(t *testing.T) {
	postfix := func(t *testing.T, s site) string {
		return receivingPostfix(t, "smtpd_tls_chain_files = "+s.chain, "smtpd_tls_security_level = may").Addr
	}
	for _, s := range []struct {
		name     string
		need     []string
		start    func(t *testing.T, s site) string
		sessions [][]string // PHPMailer's settings
	}{
		{"Postfix", []string{"postfix"}, postfix, [][]string{{"to=bad@example.net", "to=rcpt@example.net", "secure=tls"}}},
		{"Exim", []string{exim()}, startExim, [][]string{
			{"to=rcpt@example.net", "auth=LOGIN", "password=right", "secure=tls"},
			{"to=rcpt@example.net", "auth=PLAIN", "password=wrong"},
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			need(t, append(s.need, "php", phpmailerAutoload)...)
			if os.Getuid() != 0 {
				needRoot(t)
			}
			at := newSite(t, certtest.Spec{})
			addr := s.start(t, at)
			for _, settings := range s.sessions {
				state := t.TempDir()
				all := strings.Join(settings, " ")
				send := func(args ...string) string {
					p := startIn(t, state, args...)
					defer p.stop(t)
					call := append([]string{"testdata/phpmailer.php", "127.0.0.1", p.port()}, settings...)
					if strings.Contains(all, "secure=tls") {
						call = append(call, "cafile="+p.authority(t))
					}
					code := 0
					if strings.Contains(all, "bad@") || strings.Contains(all, "wrong") {
						code = 1
					}
					return madeUp.ReplaceAllString(clock.ReplaceAllString(client(t, code, "php", call...), "CLOCK\t"), "$1$2$3MADE-UP")
				}
				then := send("--to", "smtp://"+addr, "--server-ca", at.roots)
				if now := send("--to", "rec:latest", "--speed", "max"); now != then {
					t.Errorf("%q: to the server PHPMailer said\n%s\nand to its recording\n%s", settings, then, now)
				}
				both := (&tap{Dir: filepath.Join(state, "recordings"), State: state}).recorded(t, 2)
				if both[0].Outcome != both[1].Outcome || both[0].Verdict != both[1].Verdict {
					t.Errorf("%q: listed as %+v", settings, both)
				}
			}
		})
	}
}
