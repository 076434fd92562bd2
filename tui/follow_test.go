package tui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A recorder is a smtptap in a process of its own, which records into a folder.
type recorder struct {
	*exec.Cmd
	addr string
}

func startRecorder(t *testing.T, program, folder string) *recorder {
	t.Helper()
	cmd := exec.Command(program, "-l", "127.0.0.1:0", "--ui", "none", "-w", folder)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir(), "LC_ALL=C.UTF-8")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if at := regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*`).FindString(lines.Text()); at != "" {
			go io.Copy(io.Discard, log)
			return &recorder{cmd, at}
		}
	}
	t.Fatal("smtptap did not say where it listens")
	return nil
}

// A talker is a client that says what it is told.
type talker struct {
	t *testing.T
	net.Conn
	replies *bufio.Reader
}

func (r *recorder) talk(t *testing.T) *talker {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	c := &talker{t, conn, bufio.NewReader(conn)}
	c.reply()
	return c
}

func (c *talker) reply() {
	c.t.Helper()
	for {
		line, err := c.replies.ReadString('\n')
		if err != nil {
			c.t.Fatal(err)
		}
		if len(line) < 4 || line[3] != '-' {
			return
		}
	}
}

func (c *talker) say(lines ...string) {
	c.t.Helper()
	for _, line := range lines {
		fmt.Fprintf(c, "%s\r\n", line)
		c.reply()
	}
}

// outcomes are those that list tells, by sender.
func outcomes(t *testing.T, program, folder string) map[string]string {
	t.Helper()
	out, err := exec.Command(program, "list", "-w", folder, "--json").Output()
	var rows []struct{ From, Outcome string }
	if err == nil {
		err = json.Unmarshal(out, &rows)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	all := map[string]string{}
	for _, r := range rows {
		all[r.From] = r.Outcome
	}
	return all
}

func untilTold(t *testing.T, program, folder, from, want string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if got = outcomes(t, program, folder)[from]; got == want {
			return
		}
	}
	t.Fatalf("list says that the session of %s is %q, want %q", from, got, want)
}

// Two recorders write into a folder at which others look: what they are told is so
// while the sessions run, when they end, and when a recorder is killed.
func TestFollowsOthers(t *testing.T) {
	bin := needTmux(t)
	folder := filepath.Join(t.TempDir(), "shared-folder")
	one, two := startRecorder(t, bin, folder), startRecorder(t, bin, folder)
	view := run(t, 120, 40, nil, bin+" view -w "+folder)
	view.until("shared-folder", "0 sessions")

	first := one.talk(t)
	first.say("EHLO client.example.org", "MAIL FROM:<first@x.org>")
	view.until("first@x.org", "Waiting for the client", "1 active")
	untilTold(t, bin, folder, "first@x.org", "running")
	show := exec.Command(bin, "show", "-f", "-w", folder)
	var shown bytes.Buffer
	show.Stdout = &shown
	if err := show.Start(); err != nil {
		t.Fatal(err)
	}
	first.say("RCPT TO:<rcpt@example.net>")
	view.until("rcpt@example.net")

	second := two.talk(t)
	second.say("EHLO client.example.org", "MAIL FROM:<second@x.org>")
	view.until("first@x.org", "second@x.org", "2 active")

	first.say("DATA", "Subject: the first one\r\n\r\nhello\r\n.", "QUIT")
	first.Close()
	view.until("the first one", "1 active")
	if err := show.Wait(); err != nil || !strings.Contains(shown.String(), "QUIT") || !strings.Contains(shown.String(), "Sent") {
		t.Errorf("show -f: %v: %s", err, shown.String())
	}
	untilTold(t, bin, folder, "first@x.org", "sent")
	untilTold(t, bin, folder, "second@x.org", "running")

	two.Process.Kill()
	untilTold(t, bin, folder, "second@x.org", "unknown")
	view.until("unknown", "2 sessions   follow") // none of them is active
	view.keys("q", "q")
	view.givenBack()
}

// F in the list keeps to the newest session, and moving up lets go of it.
func TestFollowKeyFollowsOthers(t *testing.T) {
	bin := needTmux(t)
	folder := filepath.Join(t.TempDir(), "recordings")
	proxy := startRecorder(t, bin, folder)
	session := func(from string) {
		t.Helper()
		c := proxy.talk(t)
		c.say("EHLO client.example.org", "MAIL FROM:<"+from+"@example.org>", "QUIT")
		c.Close()
	}
	view := run(t, 120, 40, nil, bin+" view -w "+folder)
	session("one")
	session("two")
	selected := regexp.MustCompile(`(?m)^▌.*@example`)
	until := func(from string) {
		t.Helper()
		text := ""
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if text = view.text(); strings.Contains(selected.FindString(text), from) {
				return
			}
		}
		t.Fatalf("%s is not selected:\n%s", from, text)
	}
	until("two")
	view.keys("k")
	until("one")
	session("three")
	view.until("three@example")
	until("one")
	view.keys("F")
	until("three")
	session("four")
	until("four")
	view.keys("q")
	view.givenBack()
}
