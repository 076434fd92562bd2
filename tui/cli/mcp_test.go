package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"smtptap/decode/lang"
	"smtptap/proxy/sink"
)

// sendMail is a program that sends a mail to whom its argument names, as
// `smtptap run` tells it to.
func sendMail() {
	host, port := os.Getenv("SMTPTAP_HOST"), os.Getenv("SMTPTAP_PORT")
	text := "From: Alice Liddell <alice@example.org>\r\nSubject: rabbit hole\r\n\r\nthe looking glass\r\n"
	if err := smtp.SendMail(net.JoinHostPort(host, port), nil, "alice@example.org", os.Args[1:2], []byte(text)); err != nil {
		fmt.Println("could not send:", err)
		os.Exit(7)
	}
	fmt.Println("sent")
	os.Exit(0)
}

// private is what no answer may hold, unless a person lets it.
var private = []string{"alice", "Alice", "bob@", "looking glass", "s3cret-password"}

// An mcpClient is an agent at work.
type mcpClient struct {
	*testing.T
	session *mcp.ClientSession
}

// agentOf connects an agent to a server in this process.
func agentOf(t *testing.T, change func(*helper)) *mcpClient {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, home)
	}
	h := newHelper(whole(t), &cobra.Command{})
	h.serving.record = filepath.Join(home, "recordings")
	if err := os.Mkdir(h.serving.record, 0o700); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(h)
	}
	ctx, cancel := context.WithCancel(t.Context())
	server, err := h.server(ctx)
	if err != nil {
		t.Fatal(err)
	}
	near, far := mcp.NewInMemoryTransports()
	served := make(chan error, 1)
	go func() { served <- serveMCP(ctx, server, far) }()
	t.Cleanup(func() { cancel(); <-served })
	return connected(t, near)
}

func connected(t *testing.T, transport mcp.Transport) *mcpClient {
	t.Helper()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &mcpClient{t, session}
}

type arguments = map[string]any

// call calls a tool, and reports whether it failed.
func (c *mcpClient) call(tool string, a arguments) (text string, failed bool) {
	c.Helper()
	r, err := c.session.CallTool(c.Context(), &mcp.CallToolParams{Name: tool, Arguments: a})
	if err != nil {
		c.Fatalf("%s %v: %v", tool, a, err)
	}
	for _, part := range r.Content {
		text += part.(*mcp.TextContent).Text
	}
	return text, r.IsError
}

// answer is what a tool says, which must hold some words and nothing private.
func (c *mcpClient) answer(tool string, a arguments, holds ...string) string {
	c.Helper()
	text, failed := c.call(tool, a)
	if failed {
		c.Errorf("%s %v failed: %s", tool, a, text)
	}
	for _, want := range holds {
		if !strings.Contains(text, want) {
			c.Errorf("%s %v: no %q in:\n%s", tool, a, want, text)
		}
	}
	for _, secret := range private {
		if strings.Contains(text, secret) {
			c.Errorf("%s %v: %q in:\n%s", tool, a, secret, text)
		}
	}
	return text
}

// refusal is how a tool fails, in one line.
func (c *mcpClient) refusal(tool string, a arguments, holds string) {
	c.Helper()
	text, failed := c.call(tool, a)
	if !failed || strings.ContainsAny(text, "\n\x1b") || !strings.Contains(text, holds) {
		c.Errorf("%s %v: failed: %t, want one line with %q:\n%s", tool, a, failed, holds, text)
	}
}

func TestMCP(t *testing.T) {
	c := agentOf(t, nil)
	c.answer("list", nil, "No recording matches")
	c.answer("run", arguments{"command": []string{"sendmail-to", "bob@example.net"}}, "status 0", "Sessions: 1", "=== Sent")
	said := c.answer("run", arguments{"command": []string{"sendmail-to", "bob@example.net"}, "rules": []string{"RCPT=550 5.1.1 no such user here"}}, "status 7", "Not sent", "550 5.1.1")
	if strings.Contains(said, "could not send") {
		t.Errorf("nobody asked for the output of the command:\n%s", said)
	}
	said, _ = c.call("run", arguments{"command": []string{"sendmail-to", "bob@example.net"}, "rules": []string{"MAIL=drop"}, "output": true, "env": []string{"symfony", "X={port}"}})
	if !strings.Contains(said, "could not send") {
		t.Errorf("no output of the command:\n%s", said)
	}

	c.answer("list", nil, "sent  250", "failed  550", "Not sent")
	if rows := c.answer("list", arguments{"query": "code:550"}); strings.Count(rows, "\n") != 1 {
		t.Errorf("rows: %q", rows)
	}
	if rows := c.answer("list", arguments{"number": 2}); strings.Count(rows, "\n") != 2 {
		t.Errorf("rows: %q", rows)
	}
	ids := func(query string) string {
		id, _, _ := strings.Cut(c.answer("list", arguments{"query": query}), " ")
		return id
	}
	good, bad := ids("sent"), ids("code:550")
	c.answer("show", arguments{"recording": good}, "RCPT TO:<", "250 ", "=== Sent")
	c.answer("show", nil, "MAIL FROM:<")
	c.answer("findings", arguments{"recording": bad}, "!!", "fix", "550 5.1.1", "Not sent")
	c.answer("diff", arguments{"a": good, "b": bad}, "550")
	c.answer("findings", arguments{"id": "auth-bad-credentials"}, "AUTH-BAD-CREDENTIALS")
	c.answer("findings", arguments{"id": "all"}, "offset")

	whole := c.answer("show", arguments{"recording": good, "max_bytes": 40000})
	var pages strings.Builder
	for n := 0; ; n++ {
		if n == 1000 {
			t.Fatal("the pages have no end")
		}
		page := c.answer("show", arguments{"recording": good, "max_bytes": 500, "offset": pages.Len()})
		body, more, _ := strings.Cut(page, "... ")
		pages.WriteString(body)
		if len(page) > 700 {
			t.Errorf("a page of %d B", len(page))
		}
		if more == "" {
			break
		}
	}
	if pages.String() != whole {
		t.Errorf("the pages make:\n%s\nnot:\n%s", &pages, whole)
	}
	c.answer("show", arguments{"offset": 1 << 30}, "has only")
}

func TestMCPExplain(t *testing.T) {
	c := agentOf(t, nil)
	log := `220 mx.example.org ESMTP
EHLO app.example.org
250-mx.example.org
250 AUTH PLAIN LOGIN
AUTH PLAIN AGFsaWNlAHMzY3JldC1wYXNzd29yZA==
535 5.7.8 Authentication credentials invalid for alice@example.org
QUIT
221 bye
`
	text := c.answer("explain", arguments{"log": log}, "AUTH-BAD-CREDENTIALS", "535 5.7.8", "Not sent")
	if strings.Contains(text, "AGFsaWNl") {
		t.Errorf("the login is shown:\n%s", text)
	}
	c.refusal("explain", arguments{"log": ""}, "")
}

func TestMCPCheck(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() { (&sink.Server{}).Serve(ctx, l); close(served) }()
	t.Cleanup(func() { stop(); <-served })
	c := agentOf(t, nil)
	c.answer("check", arguments{"target": l.Addr().String()}, "127.0.0.1", "220 ")
	c.refusal("check", arguments{"target": "smtp://a b"}, "smtp://a b")
}

func TestMCPRefuses(t *testing.T) {
	c := agentOf(t, nil)
	for _, r := range []struct {
		tool  string
		with  arguments
		holds string
	}{
		{"show", nil, "no recordings"},
		{"show", arguments{"recording": "nosuch"}, "nosuch"},
		{"show", arguments{"recording": "/etc/passwd"}, ""},
		{"show", arguments{"recording": "\x1b[31m\n"}, ""},
		{"show", arguments{"offset": "ten"}, "offset"},
		{"show", arguments{"offset": -1}, "no recordings"},
		{"show", arguments{"redact": "auth"}, "redact"},
		{"list", arguments{"query": "fro:x"}, "from"},
		{"findings", arguments{"id": "nosuch"}, "nosuch"},
		{"diff", arguments{"a": "latest"}, "b"},
		{"check", nil, "target"},
		{"run", nil, "command"},
		{"run", arguments{"command": []string{}}, "command"},
		{"run", arguments{"command": []string{"no-such-command"}}, "no-such-command"},
		{"run", arguments{"command": []string{"sendmail-to"}, "to": "a b"}, "to"},
		{"run", arguments{"command": []string{"sendmail-to"}, "rules": []string{"NOPE"}}, "NOPE"},
		{"run", arguments{"command": []string{"sendmail-to"}, "env": []string{"laravle"}}, "laravel"},
	} {
		c.refusal(r.tool, r.with, r.holds)
	}
}

// A person decides what answers hold, not the agent.
func TestMCPRedaction(t *testing.T) {
	c := agentOf(t, func(h *helper) { h.redaction.levels = []string{"auth"} })
	c.call("run", arguments{"command": []string{"sendmail-to", "bob@example.net"}})
	for _, tool := range []string{"list", "show"} {
		if text, _ := c.call(tool, nil); !strings.Contains(text, "bob@example.net") || !strings.Contains(text, "rabbit hole") {
			t.Errorf("%s leaves out what may be shown:\n%s", tool, text)
		}
	}
}

func TestMCPStopsCommands(t *testing.T) {
	c := agentOf(t, nil)
	c.answer("run", arguments{"command": []string{"sh", "-c", "trap '' TERM; sleep 60 & wait; sleep 60"}, "seconds": 1}, "stopped after 1 s")
}

// The tools say what they do to the world, in both languages.
func TestMCPTools(t *testing.T) {
	for l, words := range map[lang.Lang][2]string{lang.English: {"network", "Executes"}, lang.Chinese: {"网络", "执行"}} {
		c := agentOf(t, func(h *helper) { h.lang = l })
		tools, err := c.session.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range tools.Tools {
			names = append(names, tool.Name)
			if tool.Name == "check" && !strings.Contains(tool.Description, words[0]) || tool.Name == "run" && !strings.Contains(tool.Description, words[1]) {
				t.Errorf("%s in %s: %s", tool.Name, l, tool.Description)
			}
			if reads := tool.Name != "run"; tool.Annotations.ReadOnlyHint != reads {
				t.Errorf("%s only reads: %t", tool.Name, !reads)
			}
			for name, about := range tool.InputSchema.(map[string]any)["properties"].(map[string]any) {
				if text, _ := about.(map[string]any)["description"].(string); text == "" {
					t.Errorf("%s in %s says nothing about %s", tool.Name, l, name)
				}
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != "check diff explain findings list run show" {
			t.Errorf("tools: %s", got)
		}
	}
}

// smtptapMCP is the program, as an agent starts it.
func smtptapMCP(t *testing.T) *exec.Cmd {
	cmd := exec.Command("smtptap", "mcp")
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home)
	return cmd
}

func TestMCPOverStdio(t *testing.T) {
	cmd := smtptapMCP(t)
	c := connected(t, &mcp.CommandTransport{Command: cmd, TerminateDuration: time.Minute})
	c.answer("run", arguments{"command": []string{"sendmail-to", "bob@example.net"}}, "Sessions: 1", "=== Sent")
	c.answer("show", nil, "RCPT TO:<")
	c.session.Close()
	if !cmd.ProcessState.Success() {
		t.Errorf("ended with %v", cmd.ProcessState)
	}
}

// What is asked before the input ends is answered, a command that runs is stopped, and nothing else is on the
// standard output.
func TestMCPSpeaksProtocolOnly(t *testing.T) {
	cmd := smtptapMCP(t)
	cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"list","arguments":{}}}
{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"show","arguments":{"recording":"nosuch"}}}
{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"run","arguments":{"command":["sleep","300"],"seconds":300}}}
`)
	began := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	answered := map[float64]bool{}
	for line := range bytes.Lines(out) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil || m["jsonrpc"] != "2.0" {
			t.Errorf("not of the protocol: %q", line)
		}
		if id, ok := m["id"].(float64); ok {
			answered[id] = true
		}
	}
	if took := time.Since(began); took > 200*time.Second {
		t.Errorf("it took %v to end after the agent had left", took)
	}
	if len(answered) != 5 {
		t.Errorf("answered: %v", answered)
	}
}
