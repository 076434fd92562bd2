package e2e

import (
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtptap/decode/visible"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

// A otelcol is a collector of OpenTelemetry that writes what arrives into a file.
type otelcol struct {
	program, config, url, output string
	cmd                          *exec.Cmd
}

// collector starts the collector that .ci/run builds from the core modules.
func collector(t *testing.T) *otelcol {
	t.Helper()
	path := os.Getenv("SMTPTAP_OTELCOL")
	if path == "" {
		t.Skip("SMTPTAP_OTELCOL names no collector: .ci/run builds one")
	}
	need(t, path)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := l.Addr().String(), t.TempDir()
	l.Close()
	c := &otelcol{program: path, config: filepath.Join(dir, "config.yaml"), url: "http://" + addr, output: filepath.Join(dir, "output")}
	config := `receivers: {otlp: {protocols: {http: {endpoint: "` + addr + `"}}}}
exporters: {debug: {verbosity: detailed, use_internal_logger: false}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [debug]}
    logs: {receivers: [otlp], exporters: [debug]}
`
	if err := os.WriteFile(c.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c.start(t)
	t.Cleanup(c.kill)
	return c
}

func (c *otelcol) start(t *testing.T) {
	t.Helper()
	out, err := os.OpenFile(c.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c.cmd = exec.Command(c.program, "--config", c.config)
	c.cmd.Stdout = out
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, func() string { return "the collector does not listen" })
}

func (c *otelcol) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// got is what has arrived.
func (c *otelcol) got(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(c.output)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sessionSpans is how many spans of sessions have arrived.
func (c *otelcol) sessionSpans(t *testing.T) int {
	t.Helper()
	return strings.Count(c.got(t), ": SMTP session\n")
}

// parsed reads the output: the recording of each span of a session, and the records
// of each recording.
func parsed(output string) (spans []string, records map[string][]string) {
	records = map[string][]string{}
	var session bool
	var body string
	for line := range strings.Lines(output) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		value = strings.TrimSuffix(strings.TrimPrefix(value, "Str("), ")")
		switch key = strings.TrimSpace(key); {
		case key == "Name":
			session = value == "SMTP session"
		case key == "Body":
			session, body = false, value
		case key == "-> smtptap.recording.id" && session:
			spans = append(spans, value)
		case key == "-> smtptap.recording.id":
			records[value] = append(records[value], body)
		}
	}
	return spans, records
}

// Sessions of ten proxies arrive once each and as they are in the recordings, those
// too that end while the collector is away.
func TestCollector(t *testing.T) {
	c := collector(t)
	taps := make([]*tap, 10)
	for i := range taps {
		taps[i] = start(t, "--otlp", c.url, "--otlp-logs")
	}
	const trace = "0af7651916cd43dd8448eb211c80319c"
	mail := func() {
		for i, p := range taps {
			text := fmt.Sprintf("Subject: from %d\r\ntraceparent: 00-%s-b7ad6b7169203331-01\r\n\r\nhello\r\n", i, trace)
			if err := smtp.SendMail(p.Addr, nil, "ann@example.org", []string{"bob@example.net"}, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	arrived := func(n int) func() bool {
		return func() bool { return c.sessionSpans(t) >= n }
	}
	mail()
	waitFor(t, arrived(len(taps)), func() string { return c.got(t) })
	c.kill()
	mail()
	for _, p := range taps { // each has noticed
		waitFor(t, func() bool { return strings.Contains(p.stderr.String(), "traces don't reach the collector") }, p.stderr.String)
	}
	c.start(t)
	waitFor(t, arrived(2*len(taps)), func() string { return c.got(t) })
	var ids []string
	lines := map[string][]string{}
	for _, p := range taps {
		p.stop(t)
		paths, err := filepath.Glob(filepath.Join(p.Dir, "*.smtptap"))
		if err != nil || len(paths) != 2 {
			t.Fatalf("%d recordings, %v", len(paths), err)
		}
		for _, path := range paths {
			id := strings.TrimSuffix(filepath.Base(path), ".smtptap")
			ids, lines[id] = append(ids, id), recordedLines(t, path)
		}
		if strings.Contains(p.stderr.String(), "some telemetry did not reach") {
			t.Errorf("dropped:\n%s", p.stderr)
		}
	}
	got := c.got(t)
	spans, sent := parsed(got)
	slices.Sort(ids)
	slices.Sort(spans)
	if !slices.Equal(spans, ids) {
		t.Errorf("sessions %v arrived, recorded are %v", spans, ids)
	}
	for _, id := range ids {
		if !slices.Equal(sent[id], lines[id]) {
			t.Errorf("%s: %q arrived, recorded are %q", id, sent[id], lines[id])
		}
	}
	if n := strings.Count(got, "Trace ID: "+trace); n < len(ids) {
		t.Errorf("%d links to the client's trace for %d sessions", n, len(ids))
	}
	for _, secret := range []string{"ann@", "bob@", "hello"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s was sent", secret)
		}
	}
}

// recordedLines are the lines of a recording as logs hold them.
func recordedLines(t *testing.T, path string) (lines []string) {
	t.Helper()
	whole, damage, err := transcript.Load(path)
	if err != nil || damage != nil {
		t.Fatal(err, damage)
	}
	safe, err := redact.Apply(whole, redact.Levels{Addresses: true, Body: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range safe.Entries {
		if e.Event == nil {
			continue
		}
		text, err := safe.Bytes(e.Leg, e.Event.Side, e.Event.Span)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, visible.Text(strings.TrimRight(string(text), "\r\n")))
	}
	return lines
}
