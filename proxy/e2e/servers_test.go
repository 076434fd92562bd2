package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtptap/proxy/handshake/certtest"
)

// mtaFolder is where .ci/run unpacks Exim and OpenSMTPD, which can't be
// installed beside Postfix.
func mtaFolder() string {
	if dir := os.Getenv("SMTPTAP_MTAS"); dir != "" {
		return dir
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".cache", "smtptap-ci", "mta")
}

func exim() string      { return filepath.Join(mtaFolder(), "usr/sbin/exim4") }
func smtpd() string     { return filepath.Join(mtaFolder(), "usr/sbin/smtpd") }
func haraka() string    { return filepath.Join(nodeModules(), "Haraka", "bin", "haraka") }
func harakaIni() string { return filepath.Join(nodeModules(), "Haraka", "config", "connection.ini") }

// folder is a new folder for a server that drops its rights.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "smtptap-mta-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const eximCommon = `local_interfaces = 127.0.0.1
spool_directory = DIR/spool
log_file_path = DIR/spool/%slog
pid_file_path = DIR/spool/pid
primary_hostname = mx.example.net
exim_path = DIR/exim4
keep_environment =
`

// eximConf takes mail from user@example.com with the password "right", not for
// bad@example.net, and throws it away.
const eximConf = eximCommon + `tls_advertise_hosts = *
tls_certificate = DIR/chain.pem
queue_only = true
chunking_advertise_hosts = *
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
begin acl
rcpt:
  deny !authenticated = *
       message = relay not permitted
  deny recipients = bad@example.net
       message = no such user here
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{user@example.com}}{eq{$auth3}{right}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if and{{eq{$auth1}{user@example.com}}{eq{$auth2}{right}}}}
  server_set_id = $auth1
begin routers
drop:
  driver = redirect
  data = :blackhole:
`

func startExim(t *testing.T, s site) string { return startEximFor(t, s, eximConf) }

// startEximFor runs an Exim with that configuration.
func startEximFor(t *testing.T, s site, conf string) (addr string) {
	t.Helper()
	chain, err := os.ReadFile(s.chain)
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{"exim.conf": conf, "chain.pem": string(chain), "spool/.keep": ""})
	client(t, 0, "chown", "-R", "Debian-exim:", filepath.Join(dir, "spool"), filepath.Join(dir, "chain.pem"))
	port := sameFreePort(t, "127.0.0.1")
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	accepts(t, addr, runPeer(t, exim(), "-C", filepath.Join(dir, "exim.conf"), "-bdf", "-oX", fmt.Sprint(port)))
	return addr
}

// startOpenSMTPD takes mail without a login: it offers AUTH inside TLS only,
// which Debian's build can't open with a key in a file.
func startOpenSMTPD(t *testing.T) (addr string) {
	t.Helper()
	port := sameFreePort(t, "127.0.0.1")
	dir := folder(t, map[string]string{"smtpd.conf": fmt.Sprintf(`listen on 127.0.0.1 port %d hostname mx.example.net
action "drop" relay host smtp://127.0.0.1:9
match from any for rcpt-to "bad@example.net" reject
match from any for any action "drop"
`, port)})
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	accepts(t, addr, runPeer(t, smtpd(), "-d", "-f", filepath.Join(dir, "smtpd.conf")))
	return addr
}

func startHaraka(t *testing.T) (addr string) {
	t.Helper()
	port := sameFreePort(t, "127.0.0.1")
	ini, err := os.ReadFile(harakaIni())
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{
		"config/smtp.ini":           fmt.Sprintf("listen=127.0.0.1:%d\nnodes=0\n", port),
		"config/connection.ini":     string(ini),
		"config/plugins":            "auth/flat_file\ntest\n",
		"config/auth_flat_file.ini": "[core]\nmethods=PLAIN,LOGIN\nrequireTLS=false\nconstrain_sender=false\n[users]\nuser@example.com=right\n",
		"config/me":                 "mx.example.net\n",
		"config/loglevel":           "warn\n",
		"plugins/test.js": `exports.hook_rcpt = (next, connection, [rcpt]) => rcpt.user === 'bad' ? next(DENY, 'no such user here') : next(OK);
exports.hook_queue = (next) => next(OK);
`})
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	accepts(t, addr, runPeer(t, "node", haraka(), "-c", dir))
	return addr
}

// What each server says to a success, a wrong password and a refused recipient
// is told as what it is, and nothing else is found.
func TestServers(t *testing.T) {
	success := []string{"to=rcpt@example.net", "auth=LOGIN", "password=right"}
	for _, s := range []struct {
		name  string
		need  []string
		login bool
		start func(t *testing.T, s site) string
	}{
		{"Exim", []string{exim()}, true, startExim},
		{"OpenSMTPD", []string{smtpd()}, false, func(t *testing.T, _ site) string { return startOpenSMTPD(t) }},
		{"Haraka", []string{"node", haraka()}, true, func(t *testing.T, _ site) string { return startHaraka(t) }},
	} {
		t.Run(s.name, func(t *testing.T) {
			need(t, append(s.need, "php", phpmailerAutoload)...)
			if os.Getuid() != 0 {
				needRoot(t)
			}
			addr := s.start(t, newSite(t, certtest.Spec{}))
			for _, c := range []struct {
				what             string
				settings         []string
				code             int
				outcome, verdict string
				findings         []string
			}{
				{"success", success, 0, "sent", "SENT", nil},
				{"wrong password", []string{"to=rcpt@example.net", "auth=LOGIN", "password=wrong"}, 1, "refused", "AUTH-BAD-CREDENTIALS", []string{"AUTH-BAD-CREDENTIALS"}},
				{"refused recipient", []string{"to=bad@example.net", "auth=LOGIN", "password=right"}, 1, "refused", "RCPT-UNKNOWN-550", []string{"RCPT-UNKNOWN-550"}},
			} {
				settings := c.settings
				if !s.login {
					if c.what == "wrong password" {
						continue
					}
					settings = settings[:1]
				}
				p := start(t, "--to", "smtp://"+addr)
				client(t, c.code, "php", append([]string{"testdata/phpmailer.php", "127.0.0.1", p.port()}, settings...)...)
				if r := p.recorded(t, 1)[0]; r.Outcome != c.outcome {
					t.Errorf("%s: listed as %+v", c.what, r)
				}
				if verdict, findings := p.tells(t); verdict != c.verdict || !slices.Equal(findings, c.findings) {
					t.Errorf("%s: verdict %s, findings %q\n%s", c.what, verdict, findings, p.smtptap(t, "show"))
				}
			}
		})
	}
}

// eximClientConf hands everything to localhost, inside TLS that it verifies, and
// says what it can at once.
const eximClientConf = eximCommon + `begin routers
out:
  driver = manualroute
  transport = smtp
  route_list = * localhost::PORT byname
  self = send
begin transports
smtp:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = CA
  tls_verify_hosts = *
  hosts_try_chunking = *
begin retry
* * F,1m,1s
`

// TestEximClient: an Exim that pipelines MAIL, RCPT, BDAT and QUIT over a
// STARTTLS that it verifies sends through smtptap to another Exim.
func TestEximClient(t *testing.T) {
	need(t, exim())
	if os.Getuid() != 0 {
		needRoot(t)
	}
	s := newSite(t, certtest.Spec{})
	// The server asks for a login: let the sending Exim in without.
	addr := startEximFor(t, s, strings.Replace(eximConf, "deny !authenticated = *", "deny hosts = !127.0.0.1", 1))
	p := start(t, "--to", "smtp://"+addr, "--server-ca", s.roots)
	_, port, _ := strings.Cut(p.Addr, ":")
	ca, err := os.ReadFile(p.authority(t))
	if err != nil {
		t.Fatal(err)
	}
	conf := strings.NewReplacer("PORT", port, "CA", "DIR/ca.pem").Replace(eximClientConf)
	dir := folder(t, map[string]string{"exim.conf": conf, "ca.pem": string(ca), "spool/.keep": ""})
	client(t, 0, "chown", "-R", "Debian-exim:", filepath.Join(dir, "spool"))
	// It runs itself anew as its own user, who may not look into a home folder.
	client(t, 0, "install", "-m", "755", exim(), filepath.Join(dir, "exim4"))
	send := exec.Command(exim(), "-C", filepath.Join(dir, "exim.conf"), "-odf", "-f", "sender@example.com", "one@example.net", "two@example.net")
	send.Stdin = strings.NewReader("From: sender@example.com\nTo: one@example.net\nSubject: x\n\n.dot\nhello\n")
	if out, err := send.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if log, err := os.ReadFile(filepath.Join(dir, "spool", "mainlog")); err == nil {
		t.Logf("%s", log)
	}
	r := p.recorded(t, 1)[0]
	if verdict, findings := p.tells(t); r.Outcome != "sent" || !r.TLS || verdict != "SENT" || len(findings) > 0 {
		t.Errorf("listed as %+v, verdict %s, findings %q\n%s", r, verdict, findings, p.smtptap(t, "show"))
	}
	if show := p.smtptap(t, "show"); !strings.Contains(show, "BDAT ") {
		t.Errorf("it did not say BDAT:\n%s", show)
	}
}
