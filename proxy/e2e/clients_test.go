package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A delivery is a message as the aiosmtpd server tells it.
type delivery struct {
	From    string
	To      []string
	SHA256  string
	Content string
}

func (d delivery) content(t *testing.T) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(d.Content)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// delivered are the messages that the server has told of.
func delivered(t *testing.T, said *buffer) []delivery {
	t.Helper()
	var all []delivery
	waitFor(t, func() bool {
		all = nil
		lines := bufio.NewScanner(strings.NewReader(said.String()))
		lines.Buffer(nil, 1<<26)
		for lines.Scan() {
			var d delivery
			if bytes.HasPrefix(lines.Bytes(), []byte("{")) && json.Unmarshal(lines.Bytes(), &d) == nil {
				all = append(all, d)
			}
		}
		return len(all) > 0
	}, func() string { return "nothing was delivered:\n" + said.String() })
	return all
}

// nodeModules is where .ci/run installs nodemailer and smtp-server.
func nodeModules() string {
	if dir := os.Getenv("SMTPTAP_NODE_MODULES"); dir != "" {
		return dir
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".cache", "smtptap-ci", "node_modules")
}

// Every client's session goes through, arrives whole and is recorded with what
// the client did.
func TestClients(t *testing.T) {
	message := "From: sender@example.com\r\nTo: rcpt@example.net\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\n.dot\r\nhello\r\n"
	file := filepath.Join(t.TempDir(), "message.eml")
	if err := os.WriteFile(file, []byte(message), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NODE_PATH", nodeModules())
	for _, c := range []struct {
		name string
		need []string
		run  func(t *testing.T, port string)
	}{
		{"swaks", []string{"swaks"}, func(t *testing.T, port string) {
			client(t, 0, "swaks", "--server", "127.0.0.1", "--port", port, "--from", "sender@example.com", "--to", "rcpt@example.net",
				"--auth", "LOGIN", "--auth-user", "user@example.com", "--auth-password", "right", "--data", "@"+file)
		}},
		{"smtplib", nil, func(t *testing.T, port string) {
			client(t, 0, "/usr/bin/python3", "testdata/smtplib_client.py", port, file)
		}},
		{"nodemailer", []string{"node", filepath.Join(nodeModules(), "nodemailer")}, func(t *testing.T, port string) {
			client(t, 0, "node", "testdata/nodemailer.js", port, file)
		}},
		{"msmtp", []string{"msmtp"}, func(t *testing.T, port string) {
			client(t, 0, "sh", "-c", "msmtp --host=127.0.0.1 --port="+port+
				" --auth=plain --user=user@example.com --passwordeval='echo right' --from=sender@example.com --tls=off rcpt@example.net <"+file)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t, append(c.need, "/usr/bin/python3")...)
			addr, said := server(t, "/usr/bin/python3", "testdata/aiosmtpd_server.py", "--auth")
			p := start(t, "--to", addr)
			c.run(t, p.port())
			r := p.recorded(t, 1)[0]
			if r.Outcome != "sent" || r.User != "user@example.com" || r.Subject != "Grüße" || r.Sent != 1 {
				t.Errorf("listed as %+v", r)
			}
			got := p.smtptap(t, "export", "-f", "eml")
			if want := delivered(t, said)[0].content(t); got != want {
				t.Errorf("eml holds\n%q\nthe server got\n%q", got, want)
			}
			if !strings.Contains(got, "\n.dot\r\n") {
				t.Errorf("the dot is stuffed or lost: %q", got)
			}
			recording, err := os.ReadFile(r.Path)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"right", base64.StdEncoding.EncodeToString([]byte("right")),
				base64.StdEncoding.EncodeToString([]byte("\x00user@example.com\x00right"))} {
				if bytes.Contains(recording, []byte(secret)) {
					t.Errorf("the recording holds %q", secret)
				}
			}
		})
	}
}
