package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/outcome"
	"smtptap/recordings/transcript"
)

// A network is a client's machine, a gateway and a server's machine, each in a
// network namespace.
type network struct{ client, gateway, server string }

// newNetwork skips the test where namespaces are not allowed, unless peers are
// required.
func newNetwork(t *testing.T) *network {
	t.Helper()
	need(t, "ip", "nft", "/usr/bin/python3", "setpriv")
	name := func(role string) string { return fmt.Sprintf("smtptap-%d-%s", os.Getpid(), role) }
	n := &network{name("c"), name("g"), name("s")}
	for _, ns := range []string{n.client, n.gateway, n.server} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			if os.Getenv("SMTPTAP_E2E") == "require" && os.Getuid() == 0 {
				t.Fatalf("ip netns add: %v: %s", err, out)
			}
			t.Skipf("network namespaces are not allowed here: %s", bytes.TrimSpace(out))
		}
		t.Cleanup(func() { exec.Command("ip", "netns", "del", ns).Run() })
		in(t, ns, "ip link set lo up")
	}
	join := func(ns, subnet string) {
		sh(t, fmt.Sprintf("ip link add v%[2]s netns %[1]s type veth peer name w%[2]s netns %[3]s", ns, subnet, n.gateway))
		for _, end := range []struct{ ns, dev, host string }{{ns, "v" + subnet, "2"}, {n.gateway, "w" + subnet, "1"}} {
			in(t, end.ns, fmt.Sprintf("ip addr add 10.77.%[1]s.%[2]s/24 dev %[3]s; ip addr add fd77:%[1]s::%[2]s/64 dev %[3]s nodad; ip link set %[3]s up", subnet, end.host, end.dev))
		}
		in(t, ns, fmt.Sprintf("ip route add default via 10.77.%[1]s.1; ip -6 route add default via fd77:%[1]s::1", subnet))
	}
	join(n.client, "1")
	join(n.server, "2")
	in(t, n.gateway, "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
	return n
}

func sh(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script)
	}
}

// in runs a script in a namespace.
func in(t *testing.T, ns, script string) {
	t.Helper()
	if out, err := exec.Command("ip", "netns", "exec", ns, "sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script)
	}
}

// startAt runs smtptap in a namespace.
func startAt(t *testing.T, ns string, args ...string) *tap {
	t.Helper()
	state := t.TempDir()
	p := &tap{Dir: filepath.Join(state, "recordings"), State: state, stdout: &buffer{}, stderr: &buffer{}, exited: make(chan error, 1)}
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", ns, program, "--ui", "none", "--record", p.Dir}, args...)...)
	p.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+state)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.exited
	})
	waitFor(t, func() bool { return len(p.listening()) == strings.Count(strings.Join(args, " "), "-l ") }, func() string { return "smtptap does not listen:\n" + p.stderr.String() })
	return p
}

// howtoScripts are the lines of `howto transparent` to paste, one script for each way
// and one to undo it.
func howtoScripts(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command(program, "howto", "transparent").Output()
	if err != nil {
		t.Fatal(err)
	}
	var scripts []string
	open := false
	for line := range strings.Lines(string(out)) {
		script, found := strings.CutPrefix(line, "    ")
		switch {
		case found && !open:
			scripts = append(scripts, script)
		case found:
			scripts[len(scripts)-1] += script
		}
		open = found
	}
	if len(scripts) != 4 {
		t.Fatalf("%d scripts in %s", len(scripts), out)
	}
	return scripts
}

// sender sends a message with Python's client, which prints whom it thinks it has
// reached.
const sender = `
import smtplib, ssl, sys
host, port = sys.argv[1], int(sys.argv[2])
if port == 465:
    c = smtplib.SMTP_SSL(host, port, timeout=20, context=ssl._create_unverified_context())
else:
    c = smtplib.SMTP(host, port, timeout=20)
c.sendmail('a@client.example', ['b@one.example'], 'Subject: x\r\n\r\nx')
print(c.sock.getpeername()[:2])
c.quit()
`

// TestTransparent has clients that think that they talk to the server, and applies
// the very lines that howto prints.
func TestTransparent(t *testing.T) {
	n := newNetwork(t)
	ways := howtoScripts(t)
	undo := ways[3]
	startAt(t, n.server, "-l", ":25", "-l", "tls::465", "--allow", "0.0.0.0/0", "--allow", "::/0")
	allow := []string{"-k", "--transparent", "--allow", "10.77.1.0/24", "--allow", "fd77:1::/64"}
	for _, way := range []struct {
		name, rules string
		args        []string
		client      []string // what the client is run by
	}{
		{"local", strings.Replace(ways[0], `"smtptap"`, "0", 1), []string{"-k", "--transparent", "-l", "127.0.0.1:2525", "-l", "[::1]:2525"}, []string{n.gateway, "setpriv", "--reuid", "65534", "--clear-groups"}},
		{"REDIRECT", ways[1], append(allow, "-l", ":2525"), []string{n.client}},
		{"TPROXY", ways[2], append(allow, "-l", ":2525"), []string{n.client}},
	} {
		t.Run(way.name, func(t *testing.T) {
			p := startAt(t, n.gateway, way.args...)
			in(t, n.gateway, way.rules)
			t.Cleanup(func() { exec.Command("ip", "netns", "exec", n.gateway, "sh", "-c", undo).Run() })
			for _, to := range [][2]string{{"10.77.2.2", "25"}, {"fd77:2::2", "25"}, {"10.77.2.2", "465"}, {"fd77:2::2", "465"}} {
				args := append([]string{"netns", "exec"}, way.client...)
				out, err := exec.Command("ip", append(args, "/usr/bin/python3", "-c", sender, to[0], to[1])...).CombinedOutput()
				if want := fmt.Sprintf("('%s', %s)\n", to[0], to[1]); err != nil || string(out) != want {
					t.Fatalf("%v: %s; want %s\n%s", err, out, want, p.stderr)
				}
				checkLed(t, p, to[0], to[1])
			}
		})
	}
}

// checkLed looks at the newest recording for the client's destination.
func checkLed(t *testing.T, p *tap, host, port string) {
	t.Helper()
	want := host + ":" + port
	if strings.Contains(host, ":") {
		want = "[" + host + "]:" + port
	}
	var found *decode.Transcript
	waitFor(t, func() bool {
		paths, _ := filepath.Glob(filepath.Join(p.Dir, "*.smtptap"))
		for _, path := range paths {
			tr, damage, err := transcript.Load(path)
			if err == nil && damage == nil && tr.Ended && strings.Contains(fmt.Sprint(destinations(tr)), want) {
				found = tr
			}
		}
		return found != nil
	}, func() string { return "no session to " + want + " is recorded:\n" + p.stderr.String() })
	if got := outcome.Of(found).Outcome; got != outcome.Sent {
		t.Errorf("to %s: %s", want, got)
	}
	secured := 0
	for _, e := range found.Entries {
		if f, ok := e.Fact.(*facts.TLS); ok && f.Implicit && f.Err == "" {
			secured++
		}
	}
	if secured != map[string]int{"25": 0, "465": 2}[port] {
		t.Errorf("to %s: %d handshakes from the first byte", want, secured)
	}
}

// destinations are where the client wanted to go, and where smtptap went.
func destinations(tr *decode.Transcript) []string {
	var all []string
	for _, e := range tr.Entries {
		switch f := e.Fact.(type) {
		case *facts.Open:
			all = append(all, f.Destination)
		case *facts.Dial:
			all = append(all, f.Addr)
		}
	}
	return all
}

// Rules that lead smtptap's own connections to itself, and clients that come
// straight, are refused.
func TestTransparentLoop(t *testing.T) {
	n := newNetwork(t)
	startAt(t, n.server, "-l", ":25", "--allow", "0.0.0.0/0")
	p := startAt(t, n.gateway, "--transparent", "-l", "127.0.0.1:2525")
	in(t, n.gateway, strings.Replace(howtoScripts(t)[0], `meta skuid != "smtptap"`, "", 1))
	for _, to := range [][2]string{{"10.77.2.2", "25"}, {"127.0.0.1", "2525"}} {
		out, err := exec.Command("ip", "netns", "exec", n.gateway, "/usr/bin/python3", "-c", sender, to[0], to[1]).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "5.4.6") {
			t.Errorf("to %s: %v, %s", to, err, out)
		}
	}
	if paths, _ := filepath.Glob(filepath.Join(p.Dir, "*.smtptap")); len(paths) > 10 {
		t.Errorf("%d sessions came of two", len(paths))
	}
}
