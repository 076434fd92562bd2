package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/telemetry"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a set of sessions whose clock stands still until somebody sets it.
type world struct {
	*transcript.Set
	passed atomic.Int64 // since start, in nanoseconds
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newWorld records into a folder.
func newWorld(t testing.TB, o transcript.Options) *world {
	t.Helper()
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	w := &world{}
	o.Folder, o.Clock = folder, func() time.Time { return start.Add(time.Duration(w.passed.Load())) }
	w.Set = transcript.NewSet(o)
	return w
}

// session plays a session: lines of "C: ...", "S: ...", after each of which 10 ms
// pass, and facts.
func (w *world) session(script ...any) string {
	l := w.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "smtp.example.com", Mode: "intercept"})
	var sent [3]int64
	for _, s := range script {
		w.passed.Add(int64(10 * time.Millisecond))
		switch s := s.(type) {
		case facts.Fact:
			l.Fact(s)
		case string:
			from := who.FromLetter(s[0])
			sent[from] += int64(len(s) - 1)
			l.Data(from, from.Other(), []byte(s[3:]+"\r\n"))
		}
	}
	l.End(facts.End{Cause: facts.CauseClosed, ClientBytes: sent[who.Client], ServerBytes: sent[who.Server]})
	return l.ID()
}

// opening is what a session begins with.
var opening = []any{
	&facts.Open{Client: "192.0.2.7:40000", Listen: "127.0.0.1:2525"},
	&facts.DNS{Name: "smtp.example.com", Kind: "A", Server: "192.0.2.53:53", Rcode: "NOERROR", Answers: []string{"smtp.example.com. 60 IN A 192.0.2.25"}, Took: 2 * time.Millisecond},
	&facts.Dial{Host: "smtp.example.com", Addr: "192.0.2.25:587", Took: 3 * time.Millisecond},
	"S: 220 smtp.example.com ready",
	"C: EHLO shop.example", "S: 250-smtp.example.com\r\n250 AUTH PLAIN LOGIN",
}

func delivered() []any {
	return slices.Concat(opening, []any{
		"C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: YW5u", "S: 334 UGFzc3dvcmQ6", "C: aHVudGVyMg==", "S: 235 2.7.0 ok",
		"C: MAIL FROM:<ann@example.org>", "S: 250 2.1.0 ok", "C: RCPT TO:<bob@example.net>", "S: 250 2.1.5 ok", "C: DATA", "S: 354 go",
		"C: From: ann@example.org\r\nTo: bob@example.net\r\nSubject: private matter\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\nhello\r\n.",
		"S: 250 2.0.0 queued as 4F1B", "C: QUIT", "S: 221 bye",
	})
}

func refused() []any {
	return slices.Concat(opening, []any{
		"C: AUTH PLAIN AGFubgBodW50ZXIy", "S: 535 5.7.8 wrong password", "C: QUIT", "S: 221 bye",
	})
}

// scrape is what Prometheus gets to see.
func scrape(t testing.TB, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wants(t testing.TB, text string, lines ...string) {
	t.Helper()
	all := strings.Split(text, "\n")
	for _, line := range lines {
		if !slices.Contains(all, line) {
			t.Errorf("no line %s", line)
		}
	}
	if t.Failed() {
		t.Log(regexp.MustCompile(`(?m)^(#|go_|process_|.*_bucket).*\n`).ReplaceAllString(text, ""))
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, transcript.Options{})
	m := telemetry.NewMetrics(w.Set, "smtp.example.com", "1.2.3")
	f := telemetry.Follow(w.Set, m.Add)
	w.session(delivered()...)
	w.session(refused()...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close(time.Minute)
	text := scrape(t, m.Handler())
	wants(t, text,
		`smtptap_sessions_total{outcome="sent",target="smtp.example.com",tls="none"} 1`,
		`smtptap_sessions_total{outcome="refused",target="smtp.example.com",tls="none"} 1`,
		`smtptap_sessions_total{outcome="sent",target="smtp.example.com",tls="both"} 0`,
		`smtptap_findings_total{id="AUTH-BAD-CREDENTIALS",severity="failure"} 1`,
		`smtptap_step_duration_seconds_count{leg="server",step="dns"} 2`,
		`smtptap_step_duration_seconds_count{leg="server",step="connect"} 2`,
		`smtptap_step_duration_seconds_sum{leg="server",step="connect"} 0.006`,
		`smtptap_step_duration_seconds_sum{leg="client",step="greeting"} 0.02`,
		`smtptap_step_duration_seconds_sum{leg="client",step="ehlo"} 0.02`,
		`smtptap_step_duration_seconds_sum{leg="client",step="mail"} 0.01`,
		`smtptap_step_duration_seconds_sum{leg="client",step="rcpt"} 0.01`,
		`smtptap_step_duration_seconds_sum{leg="client",step="data"} 0.01`,
		`smtptap_step_duration_seconds_sum{leg="client",step="data_end"} 0.01`,
		`smtptap_step_duration_seconds_count{leg="client",step="auth"} 2`,
		`smtptap_sessions_open 0`,
		`smtptap_recording_failing 0`,
		`smtptap_recording_lost_bytes_total 0`,
		`smtptap_recording_waiting_bytes 0`,
		`smtptap_build_info{version="1.2.3"} 1`,
	)
	if f.Missed() != 0 {
		t.Errorf("%d sessions missed", f.Missed())
	}
	for _, private := range []string{"ann", "bob", "192.0.2", "hunter2", "4F1B"} {
		if strings.Contains(text, private) {
			t.Errorf("the metrics hold %s", private)
		}
	}
}

// A session that was too long to be held in memory is told of in full.
func TestMetricsOfLongSession(t *testing.T) {
	w := newWorld(t, transcript.Options{})
	m := telemetry.NewMetrics(w.Set, "mx", "")
	f := telemetry.Follow(w.Set, m.Add)
	script := slices.Clone(opening)
	const n = 5000
	for range n {
		script = append(script, "C: NOOP "+strings.Repeat("x", 200), "S: 250 ok")
	}
	w.session(append(script, "C: QUIT", "S: 221 bye")...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close(time.Minute)
	wants(t, scrape(t, m.Handler()), `smtptap_step_duration_seconds_count{leg="client",step="ehlo"} 1`, `smtptap_step_duration_seconds_count{leg="server",step="connect"} 1`)
}

// One session that can't be told of takes no other with it.
func TestFollowerSurvivesPanic(t *testing.T) {
	w := newWorld(t, transcript.Options{})
	var seen []string
	first := w.session(delivered()...)
	f := telemetry.Follow(w.Set, func(tr *decode.Transcript) {
		if tr.ID == first {
			panic("met a bad session")
		}
		seen = append(seen, tr.ID)
	})
	second := w.session(refused()...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close(time.Minute)
	if f.Missed() != 1 || !slices.Equal(seen, []string{second}) {
		t.Errorf("missed %d, saw %v", f.Missed(), seen)
	}
}

// serve starts a server of metrics on a free port.
func serve(t testing.TB, m *telemetry.Metrics, ready func() error) (base string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := telemetry.Serve(l, m, ready)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.Close()
	})
	return "http://" + s.Addr().String()
}

func get(t testing.TB, address string) (int, string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestServe(t *testing.T) {
	w := newWorld(t, transcript.Options{})
	defer w.Close()
	var reason error
	base := serve(t, telemetry.NewMetrics(w.Set, "sink", ""), func() error { return reason })
	for _, tt := range []struct {
		path   string
		reason error
		code   int
		body   string
	}{
		{"/healthz", nil, 200, "ok\n"},
		{"/readyz", nil, 200, "ok\n"},
		{"/readyz", errors.New("no space in \x1b[1m"), 503, "no space in "},
		{"/healthz", errors.New("no space"), 200, "ok\n"},
		{"/metrics", nil, 200, "smtptap_sessions_open 0"},
		{"/", nil, 404, ""},
	} {
		reason = tt.reason
		code, body := get(t, base+tt.path)
		if code != tt.code || !strings.Contains(body, tt.body) || strings.Contains(body, "\x1b") {
			t.Errorf("%s: %d %q", tt.path, code, body)
		}
	}
}

// A dashboard is what the test needs of Grafana's JSON.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr string }
	}
}

// dashboardQueries are the queries of the dashboard as Grafana sends them.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../.github/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, p := range d.Panels {
		for i, q := range p.Targets {
			queries[fmt.Sprintf("%s %d", p.Title, i)] = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$target", ".*").Replace(q.Expr)
		}
	}
	if len(queries) < 8 {
		t.Fatalf("%d queries in the dashboard", len(queries))
	}
	return queries
}

// The dashboard asks for what there is.
func TestDashboard(t *testing.T) {
	w := newWorld(t, transcript.Options{})
	m := telemetry.NewMetrics(w.Set, "smtp.example.com", "")
	f := telemetry.Follow(w.Set, m.Add)
	m.Count("smtptap_telemetry_missed_sessions_total", "", f.Missed)
	w.session(delivered()...)
	w.session(refused()...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close(time.Minute)
	queries := dashboardQueries(t)
	text := scrape(t, m.Handler())
	name, selector := regexp.MustCompile(`smtptap_\w+`), regexp.MustCompile(`(\w+)=~?"`)
	for title, q := range queries {
		names := name.FindAllString(q, -1)
		if len(names) == 0 {
			t.Errorf("%s asks for nothing of smtptap: %s", title, q)
		}
		for _, n := range names {
			series := regexp.MustCompile(`(?m)^` + n + `(\{.*\})? `).FindString(text)
			if series == "" {
				t.Errorf("%s asks for %s, which there is not", title, n)
			}
			for _, label := range selector.FindAllStringSubmatch(q, -1) {
				if !strings.Contains(series, label[1]+`="`) {
					t.Errorf("%s asks for the label %s of %s", title, label[1], n)
				}
			}
		}
	}
	t.Run("Prometheus", func(t *testing.T) { askPrometheus(t, m, queries) })
}

// askPrometheus lets a real Prometheus scrape and answer the queries.
func askPrometheus(t *testing.T, m *telemetry.Metrics, queries map[string]string) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed")
	}
	base := serve(t, m, func() error { return nil })
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	target := strings.TrimPrefix(base, "http://")
	if err := os.WriteFile(config, []byte("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: smtptap, static_configs: [{targets: ['"+target+"']}]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().String()
	free.Close()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at, "--log.level=error")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stop(); cmd.Wait() }()
	ask := func(q string) (n int, err error) {
		resp, err := http.Get("http://" + at + "/api/v1/query?query=" + url.QueryEscape(q))
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		var answer struct {
			Status, Error string
			Data          struct{ Result []json.RawMessage }
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			return 0, err
		}
		if answer.Status != "success" {
			return 0, errors.New(answer.Error)
		}
		return len(answer.Data.Result), nil
	}
	// rate() needs two samples.
	deadline, tick := time.After(time.Minute), time.NewTicker(200*time.Millisecond)
	defer tick.Stop()
	for scraped := 0; scraped == 0; {
		select {
		case <-deadline:
			t.Fatalf("Prometheus has not scraped: %s", said.String())
		case <-tick.C:
			scraped, _ = ask("count_over_time(smtptap_sessions_open[5m]) >= 2")
		}
	}
	for title, q := range queries {
		if n, err := ask(q); err != nil || n == 0 {
			t.Errorf("%s: %s: %d series, %v", title, q, n, err)
		}
	}
}
