package logs_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/recordings/logs"
)

var update = flag.Bool("update", false, "write the golden files anew")

// render writes what a log became, one line for an entry.
func render(all []*decode.Transcript) string {
	var b strings.Builder
	for i, t := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "dialect %s\n", t.Dialect)
		if t.Target != "" {
			fmt.Fprintf(&b, "target %s\n", t.Target)
		}
		fmt.Fprintf(&b, "lacks %s\n", strings.Join(t.Lacks, " "))
		fmt.Fprintf(&b, "verdict %s\n", verdict(t))
		for _, e := range t.Entries {
			fmt.Fprintf(&b, "%-6s %s\n", e.At, renderEntry(e))
		}
	}
	return b.String()
}

func renderEntry(e decode.Entry) string {
	if e.Fact != nil {
		data, err := facts.Marshal(e.Fact)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("= %s %s", e.Fact.Type(), data)
	}
	ev := e.Event
	side := "C"
	if ev.Side == who.Server {
		side = "S"
	}
	if ev.TLS {
		side += "~"
	}
	s := fmt.Sprintf("%s %s", side, ev.Kind)
	if ev.Reply != nil && ev.Reply.ToVerb != "" {
		s += " to " + ev.Reply.ToVerb
	}
	switch {
	case ev.Missing != nil:
		s += fmt.Sprintf(" %d bytes %s", ev.Missing.Bytes, ev.Missing.Why)
	case ev.Body != nil:
		s += fmt.Sprintf(" %d lines, the longest %d", ev.Body.Lines, ev.Body.Longest)
	default:
		s += ": " + visible.Text(strings.TrimRight(string(ev.Raw), "\r\n"))
	}
	for _, n := range ev.Notes {
		s += " !" + n.ID
	}
	return s
}

// TestLogs reads logs of real clients and compares what became of them.
func TestLogs(t *testing.T) {
	t.Parallel()
	for _, name := range logFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			all := parseAll(t, name)
			got := render(all)
			golden := strings.TrimSuffix(name, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; run the test with -update and look at the difference\n%s", golden, got)
			}
			for _, tr := range all {
				if wrong := wrongSide(tr); len(wrong) > 0 {
					t.Errorf("said by the wrong side: %q", wrong)
				}
			}
		})
	}
}

// logFiles are the logs of real clients.
func logFiles(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/logs/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatal("no logs in testdata/logs")
	}
	return names
}

func parseAll(t testing.TB, name string) []*decode.Transcript {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := logs.ParseAll(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return all
}

// TestBytes reads the messages of a log back from its streams.
func TestBytes(t *testing.T) {
	tr := parseAll(t, "testdata/logs/swaks-tls.txt")[0]
	var body []byte
	for _, e := range tr.Entries {
		if e.Event != nil && e.Event.Kind == decode.KindBody {
			var err error
			if body, err = tr.Bytes(who.ClientLeg, e.Event.Side, e.Event.Span); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := "\r\nThis is a test mailing\r\n\r\n\r\n"; string(body) != want {
		t.Errorf("body %q, want %q", body, want)
	}
	if _, err := tr.Bytes(who.ClientLeg, who.Client, decode.Span{Start: 0, End: 1 << 40}); err == nil {
		t.Error("bytes past the end of the log were handed out")
	}
	if _, err := tr.Bytes(who.ClientLeg, 0, decode.Span{}); err == nil {
		t.Error("bytes of no side were handed out")
	}
}

// TestSecrets looks for the passwords of the logs in all that becomes of them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	secrets := []string{"correct horse", "Y29ycmVjdCBob3JzZQ==", "secret77", "c2VjcmV0Nzc="}
	for _, name := range logFiles(t) {
		for _, tr := range parseAll(t, name) {
			var seen strings.Builder
			for _, e := range tr.Entries {
				seen.WriteString(renderEntry(e))
				if e.Event != nil {
					seen.Write(e.Event.Raw)
					data, err := tr.Bytes(who.ClientLeg, e.Event.Side, e.Event.Span)
					if err != nil {
						t.Fatal(err)
					}
					seen.Write(data)
				}
			}
			for _, s := range secrets {
				if strings.Contains(seen.String(), s) {
					t.Errorf("%s shows the secret %q", name, s)
				}
			}
		}
	}
}

// TestSecretsInErrors: passwords in what a tool says itself are masked too.
func TestSecretsInErrors(t *testing.T) {
	for _, text := range []string{
		"[2024-06-03 10:00:00] ERROR Send Error: Invalid login: 535 no (pass: 'secret77')\n",
		"SMTP Error: Could not authenticate. password=secret77\nSMTP ERROR: AUTH command failed: 535 no\n",
		"2024-06-03 10:00:00 SMTP error from remote mail server after AUTH PLAIN AGEAc2VjcmV0Nzc=: 535 no\n",
	} {
		tr, err := logs.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tr.Entries {
			if s := renderEntry(e); strings.Contains(s, "secret77") || strings.Contains(s, "AGEAc2VjcmV0Nzc=") {
				t.Errorf("%q shows the secret: %s", text, s)
			}
		}
	}
}
