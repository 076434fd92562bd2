package telemetry_test

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	logscollectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/proxy/telemetry"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

// A receiver takes traces as a collector does.
type receiver struct {
	t      *testing.T
	answer func(w http.ResponseWriter) (taken bool) // nil: takes all

	mu    sync.Mutex
	spans []*tracepb.Span
	lines []*logspb.LogRecord
	bytes string // all of the spans that arrived
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			r.t.Error(err)
			return
		}
		body = z
	}
	p, err := io.ReadAll(body)
	if err != nil {
		return // the client gave up
	}
	if r.answer != nil && !r.answer(w) {
		return
	}
	if req.URL.Path == "/v1/logs" {
		r.logs(p)
		return
	}
	var m collectorpb.ExportTraceServiceRequest
	if err := proto.Unmarshal(p, &m); err != nil || req.URL.Path != "/v1/traces" {
		r.t.Errorf("%s: %v", req.URL.Path, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += string(p)
	for _, rs := range m.ResourceSpans {
		for _, s := range rs.ScopeSpans {
			r.spans = append(r.spans, s.Spans...)
		}
	}
}

// logs takes a request of logs.
func (r *receiver) logs(p []byte) {
	var m logscollectorpb.ExportLogsServiceRequest
	if err := proto.Unmarshal(p, &m); err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range m.ResourceLogs {
		for _, s := range rs.ScopeLogs {
			r.lines = append(r.lines, s.LogRecords...)
		}
	}
}

// start serves at addr until the test is over, or stop is called.
func (r *receiver) start(t *testing.T, addr string) (at string, stop func()) {
	t.Helper()
	r.t = t
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: r}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	stop = sync.OnceFunc(func() { s.Close(); <-done })
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// all are the spans that arrived, and the bytes.
func (r *receiver) all() ([]*tracepb.Span, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spans, r.bytes
}

func value(v *commonpb.AnyValue) string {
	switch v := v.Value.(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	}
	return "?"
}

func attributes(all []*commonpb.KeyValue) map[string]string {
	m := map[string]string{}
	for _, a := range all {
		m[a.Key] = value(a.Value)
	}
	return m
}

// outline writes spans as a tree, with times in milliseconds since the start.
func outline(spans []*tracepb.Span) string {
	var b strings.Builder
	ms := func(t uint64) string { return fmt.Sprint(time.Duration(int64(t) - start.UnixNano()).Milliseconds()) }
	var write func(parent []byte, depth int)
	write = func(parent []byte, depth int) {
		var below []*tracepb.Span
		for _, s := range spans {
			if string(s.ParentSpanId) == string(parent) {
				below = append(below, s)
			}
		}
		slices.SortStableFunc(below, func(a, b *tracepb.Span) int { return int(int64(a.StartTimeUnixNano) - int64(b.StartTimeUnixNano)) })
		for _, s := range below {
			fmt.Fprintf(&b, "%s%s %s-%s", strings.Repeat("  ", depth), s.Name, ms(s.StartTimeUnixNano), ms(s.EndTimeUnixNano))
			if s.Status.GetCode() != 0 {
				fmt.Fprintf(&b, " %s", strings.ToLower(strings.TrimPrefix(s.Status.Code.String(), "STATUS_CODE_")))
			}
			for _, e := range s.Events {
				if code := attributes(e.Attributes)["smtptap.reply.code"]; code != "" {
					fmt.Fprintf(&b, " %s@%s", code, ms(e.TimeUnixNano))
				} else if id := attributes(e.Attributes)["smtptap.finding.id"]; id != "" {
					fmt.Fprintf(&b, " %s", id)
				}
			}
			for _, l := range s.Links {
				fmt.Fprintf(&b, " link:%s", hex.EncodeToString(l.SpanId))
			}
			b.WriteString("\n")
			write(s.SpanId, depth+1)
		}
	}
	write(nil, 0)
	return b.String()
}

var private = redact.Levels{Addresses: true, Body: true}

// traced plays sessions and returns what the collector got.
func traced(t *testing.T, r *receiver, o transcript.Options, scripts ...[]any) (ids []string, dropped int64) {
	t.Helper()
	at, _ := r.start(t, "127.0.0.1:0")
	endpoint, err := telemetry.Endpoint("http://"+at, telemetry.SignalTraces)
	if err != nil {
		t.Fatal(err)
	}
	logs, err := telemetry.Endpoint("http://"+at, telemetry.SignalLogs)
	if err != nil {
		t.Fatal(err)
	}
	x, err := telemetry.NewTraces(telemetry.TraceOptions{Endpoint: endpoint, Logs: logs, Version: "1.2.3", Redact: private})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, o)
	f := telemetry.Follow(w.Set, x.Add)
	for _, s := range scripts {
		ids = append(ids, w.session(s...))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close(time.Minute)
	if f.Missed() > 0 {
		t.Errorf("%d sessions missed", f.Missed())
	}
	x.Close(time.Minute)
	return ids, x.Dropped() + x.DroppedRecords()
}

func TestTraces(t *testing.T) {
	tlsDone := &facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", SNI: "smtp.example.com", Took: 4 * time.Millisecond, Verdict: "ok",
		Chain: []facts.Certificate{{Subject: "CN=smtp.example.com", Issuer: "CN=Example CA", SHA256: "ab", NotBefore: start, NotAfter: start}}}
	for _, tt := range []struct {
		name   string
		script []any
		want   string
		root   map[string]string
	}{
		{"sent", delivered(), `SMTP session 0-220 ok AUTH-WITHOUT-TLS MISSING-MESSAGE-ID MISSING-DATE link:b7ad6b7169203331
  DNS lookup 18-20
  connect 27-30
  greeting 30-40 220@40
  EHLO 50-60 250@60
  AUTH 70-120 334@80 334@100 235@120
  transaction 130-200 ok link:b7ad6b7169203331
    MAIL 130-140 250@140
    RCPT 150-160 250@160
    DATA 170-180 354@180
    end of data 190-200 250@200
  QUIT 210-220 221@220
`, map[string]string{"smtptap.outcome": "sent", "client.address": "192.0.2.7", "client.port": "40000", "server.address": "smtp.example.com",
			"server.port": "587", "network.peer.address": "192.0.2.25", "network.protocol.name": "smtp", "smtptap.end.cause": "closed"}},
		{"refused", refused(), `SMTP session 0-100 error AUTH-BAD-CREDENTIALS AUTH-WITHOUT-TLS AUTH-USER-WITHOUT-DOMAIN
  DNS lookup 18-20
  connect 27-30
  greeting 30-40 220@40
  EHLO 50-60 250@60
  AUTH 70-80 error 535@80
  QUIT 90-100 221@100
`, map[string]string{"smtptap.outcome": "refused", "error.type": "refused", "smtptap.verdict": "AUTH-BAD-CREDENTIALS"}},
		{"two transactions, TLS", slices.Concat(opening, []any{tlsDone, "C: MAIL FROM:<ann@example.org>", "S: 250 ok", "C: RCPT TO:<bob@example.net>", "S: 550 5.1.1 no such user", "C: RSET", "S: 250 ok",
			"C: MAIL FROM:<ann@example.org>", "S: 250 ok", "C: RCPT TO:<eve@example.net>"}), `SMTP session 0-160 error RCPT-UNKNOWN-550
  DNS lookup 18-20
  connect 27-30
  greeting 30-40 220@40
  EHLO 50-60 250@60
  TLS handshake 66-70
  transaction 80-110 error
    MAIL 80-90 250@90
    RCPT 100-110 error 550@110
  RSET 120-130 250@130
  transaction 140-160 error
    MAIL 140-150 250@150
    RCPT 160-160
`, map[string]string{"smtptap.outcome": "abandoned"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r receiver
			ids, dropped := traced(t, &r, transcript.Options{}, tt.script)
			spans, sent := r.all()
			if got := outline(spans); got != tt.want || dropped != 0 {
				t.Errorf("%d dropped, got\n%swant\n%s", dropped, got, tt.want)
			}
			tt.root["smtptap.recording.id"] = ids[0]
			for _, s := range spans {
				got := attributes(s.Attributes)
				switch s.Name {
				case "SMTP session":
					for key, want := range tt.root {
						if got[key] != want {
							t.Errorf("%s is %q, want %q", key, got[key], want)
						}
					}
				case "TLS handshake":
					for key, want := range map[string]string{"tls.protocol.name": "tls", "tls.protocol.version": "1.3", "tls.cipher": "TLS_AES_128_GCM_SHA256",
						"tls.established": "true", "tls.client.server_name": "smtp.example.com", "tls.server.subject": "CN=smtp.example.com", "tls.server.hash.sha256": "AB"} {
						if got[key] != want {
							t.Errorf("%s is %q, want %q", key, got[key], want)
						}
					}
				}
			}
			for _, secret := range []string{"ann@", "bob@", "eve@", "private matter", "hello", "hunter2", "aHVudGVy", "AGFubgB"} {
				if strings.Contains(sent, secret) {
					t.Errorf("%s was sent", secret)
				}
			}
		})
	}
}

// Passwords that recordings keep are not sent.
func TestTracesMaskSecrets(t *testing.T) {
	var r receiver
	_, dropped := traced(t, &r, transcript.Options{KeepSecrets: true}, delivered(), refused())
	spans, sent := r.all()
	if len(spans) == 0 || dropped != 0 {
		t.Fatalf("%d spans, %d dropped", len(spans), dropped)
	}
	for _, secret := range []string{"hunter2", "aHVudGVy", "AGFubgB"} {
		if strings.Contains(sent, secret) {
			t.Errorf("%s was sent", secret)
		}
	}
}

// Bytes that are no text do not keep a session from being sent.
func TestTracesOfHostileSession(t *testing.T) {
	var r receiver
	_, dropped := traced(t, &r, transcript.Options{}, slices.Concat(opening, []any{"C: MAIL FROM:<\xff\x1b[1m@example.org>", "S: 550 \xfe\x00\x1b]0;x\x07", "C: \xff\xfe", "S: 500 no"}))
	spans, _ := r.all()
	if len(spans) != 8 || dropped != 0 {
		t.Errorf("%d spans, %d dropped", len(spans), dropped)
	}
	for _, s := range spans {
		for key, v := range attributes(s.Attributes) {
			if visible.Text(v) != v {
				t.Errorf("%s of %s is %q", key, s.Name, v)
			}
		}
	}
}

// A collector that is not there, says no or hangs ends nothing and holds up nothing.
func TestTracesWithoutCollector(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	refuse := &receiver{answer: func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadRequest); return false }}
	refuses, _ := refuse.start(t, "127.0.0.1:0")
	slow := &receiver{answer: func(http.ResponseWriter) bool { <-hang; return false }}
	hangs, _ := slow.start(t, "127.0.0.1:0")
	gone := &receiver{}
	down, stop := gone.start(t, "127.0.0.1:0")
	stop()
	for name, at := range map[string]string{"refuses": refuses, "hangs": hangs, "down": down} {
		t.Run(name, func(t *testing.T) {
			var told []string
			var mu sync.Mutex
			x, err := telemetry.NewTraces(telemetry.TraceOptions{Endpoint: "http://" + at + "/v1/traces", Redact: private, Trouble: func(_ telemetry.Signal, err error, dropped int64) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, fmt.Sprint(err))
			}})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, transcript.Options{})
			f := telemetry.Follow(w.Set, x.Add)
			w.session(delivered()...)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			f.Close(time.Minute)
			began := time.Now()
			x.Close(100 * time.Millisecond)
			if took, dropped := time.Since(began), x.Dropped(); took > 5*time.Second || dropped != 12 {
				t.Errorf("%d spans dropped, the end took %v", dropped, took)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(told) != 1 {
				t.Errorf("told %q", told)
			}
		})
	}
}

// What waits while the collector is restarted arrives.
func TestTracesAfterRestart(t *testing.T) {
	var before receiver
	at, stop := before.start(t, "127.0.0.1:0")
	stop()
	trouble := make(chan error, 10)
	x, err := telemetry.NewTraces(telemetry.TraceOptions{Endpoint: "http://" + at + "/v1/traces", Redact: private, Trouble: func(_ telemetry.Signal, err error, _ int64) { trouble <- err }})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, transcript.Options{})
	f := telemetry.Follow(w.Set, x.Add)
	w.session(refused()...)
	if err := <-trouble; err == nil {
		t.Error("it works without a collector")
	}
	var after receiver
	after.start(t, at)
	if err := <-trouble; err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close(time.Minute)
	x.Close(time.Minute)
	if spans, _ := after.all(); x.Dropped() != 0 || len(spans) != 7 {
		t.Errorf("%d dropped, got\n%s", x.Dropped(), outline(spans))
	}
}

func TestEndpointOfLogs(t *testing.T) {
	for base, want := range map[string]string{
		"http://c.example": "http://c.example/v1/logs", "http://c.example/v1/traces": "http://c.example/v1/logs", "http://c.example/otlp/": "http://c.example/otlp/v1/logs",
		"": "http://logs.example/x",
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs.example/x")
		if got, err := telemetry.Endpoint(base, telemetry.SignalLogs); got != want || err != nil {
			t.Errorf("%q: %q, %v", base, got, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for _, tt := range []struct {
		base string
		env  map[string]string
		want string // "!": an error
	}{
		{"", nil, ""},
		{"http://127.0.0.1:4318", nil, "http://127.0.0.1:4318/v1/traces"},
		{"https://c.example/otlp/", nil, "https://c.example/otlp/v1/traces"},
		{"http://c.example/v1/traces", nil, "http://c.example/v1/traces"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c.example:4318"}, "http://c.example:4318/v1/traces"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c.example/x"}, "http://c.example/x"},
		{"http://flag.example", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c.example:4318"}, "http://flag.example/v1/traces"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c.example", "OTEL_SDK_DISABLED": "true"}, ""},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c.example", "OTEL_TRACES_EXPORTER": "none"}, ""},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c.example:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "!"},
		{"", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "c.example:4317"}, "!"},
		{"c.example", nil, "!"}, {"ftp://c.example", nil, "!"}, {"http://", nil, "!"}, {"http://u:p@c.example", nil, "!"},
	} {
		for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"} {
			t.Setenv(name, tt.env[name])
		}
		got, err := telemetry.Endpoint(tt.base, telemetry.SignalTraces)
		if tt.want == "!" {
			if err == nil || strings.Contains(err.Error(), "u:p") {
				t.Errorf("%q %v: %q, %v", tt.base, tt.env, got, err)
			}
		} else if got != tt.want || err != nil {
			t.Errorf("%q %v: %q, %v; want %q", tt.base, tt.env, got, err, tt.want)
		}
	}
}
