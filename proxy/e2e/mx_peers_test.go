package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sameFreePort finds a port that is free at all these addresses.
func sameFreePort(t *testing.T, hosts ...string) int {
	t.Helper()
	for range 50 {
		port := 0
		var open []net.Listener
		for _, h := range hosts {
			l, err := net.Listen("tcp", net.JoinHostPort(h, strconv.Itoa(port)))
			if err != nil {
				break
			}
			open = append(open, l)
			port = l.Addr().(*net.TCPAddr).Port
		}
		for _, l := range open {
			l.Close()
		}
		if len(open) == len(hosts) {
			return port
		}
	}
	t.Fatal("no port is free at all addresses")
	return 0
}

// runPeer runs a program until the test ends and returns what it says.
func runPeer(t *testing.T, name string, args ...string) *buffer {
	t.Helper()
	said, done := &buffer{}, make(chan struct{})
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(done); cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
	})
	return said
}

// accepts waits until something listens at addr.
func accepts(t *testing.T, addr string, what fmt.Stringer) {
	t.Helper()
	waitFor(t, func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, func() string { return addr + " does not answer:\n" + what.String() })
}

// startUnbound runs a resolver that knows these records only, and returns its
// address.
func startUnbound(t *testing.T, records ...string) string {
	t.Helper()
	dir := t.TempDir()
	port := sameFreePort(t, "127.0.0.1")
	var conf strings.Builder
	fmt.Fprintf(&conf, `server:
  interface: 127.0.0.1
  port: %d
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: %q
  pidfile: ""
  module-config: "iterator"
  local-zone: "." static
`, port, dir)
	for _, r := range records {
		fmt.Fprintf(&conf, "  local-data: '%s'\n", r)
	}
	conf.WriteString("remote-control:\n  control-enable: no\n")
	path := filepath.Join(dir, "unbound.conf")
	if err := os.WriteFile(path, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	accepts(t, addr, runPeer(t, "unbound", "-d", "-c", path))
	return addr
}

// A postfix is a Postfix with a configuration and a queue of its own.
type postfix struct {
	Addr string // where it takes mail
	log  string
}

func (p *postfix) String() string {
	b, _ := os.ReadFile(p.log)
	return string(b)
}

// startPostfix runs a Postfix that hands everything to relay. It stops it with
// the test.
func startPostfix(t *testing.T, relay string, settings ...string) *postfix {
	t.Helper()
	if os.Getuid() != 0 {
		needRoot(t)
	}
	dir, err := os.MkdirTemp("", "smtptap-postfix-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	etc, data := filepath.Join(dir, "etc"), filepath.Join(dir, "data")
	for _, d := range []string{etc, data, filepath.Join(dir, "queue")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(owner.Uid)
	if err := os.Chown(data, uid, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // its daemons are no root
		t.Fatal(err)
	}
	p := &postfix{Addr: fmt.Sprintf("127.0.0.1:%d", sameFreePort(t, "127.0.0.1")), log: filepath.Join(dir, "log")}
	host, port, _ := net.SplitHostPort(relay)
	main := append([]string{
		"compatibility_level = 3.6",
		"queue_directory = " + filepath.Join(dir, "queue"),
		"data_directory = " + data,
		"maillog_file = " + p.log,
		"maillog_file_prefixes = " + dir,
		"inet_interfaces = 127.0.0.1",
		"inet_protocols = ipv4",
		"myhostname = client.example",
		"mydestination =",
		"local_recipient_maps =",
		"relayhost = [" + host + "]:" + port,
		"minimal_backoff_time = 1s",
		"queue_run_delay = 1s",
	}, settings...)
	master := []string{
		p.Addr + " inet n - n - - smtpd",
		"cleanup unix n - n - 0 cleanup",
		"qmgr unix n - n 1 1 qmgr",
		"rewrite unix - - n - - trivial-rewrite",
		"bounce unix - - n - 0 bounce",
		"defer unix - - n - 0 bounce",
		"trace unix - - n - 0 bounce",
		"smtp unix - - n - - smtp",
		"lmtp unix - - n - - lmtp",
		"discard unix - - n - - discard",
		"error unix - - n - - error",
		"retry unix - - n - - error",
		"anvil unix - - n - 1 anvil",
		"proxymap unix - - n - - proxymap",
		"tlsmgr unix - - n 1000? 1 tlsmgr",
		"postlog unix-dgram n - n - 1 postlogd",
	}
	for name, lines := range map[string][]string{"main.cf": main, "master.cf": master} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("postfix", "-c", etc, "start").CombinedOutput(); err != nil {
		t.Fatalf("postfix start: %v\n%s%s", err, out, p)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("postfix", "-c", etc, "stop").CombinedOutput(); err != nil {
			t.Errorf("postfix stop: %v\n%s%s", err, out, p)
		}
	})
	accepts(t, p.Addr, p)
	return p
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getenv("SMTPTAP_E2E") == "require" {
		t.Fatal("Postfix can be started by root only")
	}
	t.Skip("Postfix can be started by root only")
}
