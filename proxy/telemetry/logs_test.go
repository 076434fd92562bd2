package telemetry_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"smtptap/decode/visible"
	"smtptap/proxy/telemetry"
	"smtptap/recordings/transcript"
)

// said writes records as lines: who, severity, body.
func said(records []*logspb.LogRecord) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%s %s %s\n", attributes(r.Attributes)["smtptap.line.by"], r.SeverityText, value(r.Body))
	}
	return b.String()
}

// Each line is a record in the trace of its session.
func TestLogs(t *testing.T) {
	var r receiver
	ids, dropped := traced(t, &r, transcript.Options{KeepSecrets: true}, refused())
	want := `server INFO 220 smtp.example.com ready
client INFO EHLO shop.example
server INFO 250-smtp.example.com\r\n250 AUTH PLAIN LOGIN
client INFO AUTH PLAIN [secret]
server ERROR 535 5.7.8 wrong password
client INFO QUIT
server INFO 221 bye
`
	if got := said(r.lines); got != want || dropped != 0 {
		t.Errorf("%d dropped, got\n%swant\n%s", dropped, got, want)
	}
	for i, l := range r.lines {
		root := r.spans[slices.IndexFunc(r.spans, func(s *tracepb.Span) bool { return len(s.ParentSpanId) == 0 })]
		if a := attributes(l.Attributes); a["smtptap.recording.id"] != ids[0] || string(l.TraceId) != string(root.TraceId) || string(l.SpanId) != string(root.SpanId) || l.EventName != "smtptap.line" {
			t.Errorf("line %d: %v", i, l)
		}
	}
	if at := time.Unix(0, int64(r.lines[1].TimeUnixNano)); at.Sub(start) != 50*time.Millisecond {
		t.Errorf("EHLO at %v", at.Sub(start))
	}
}

func TestLogsAreRedacted(t *testing.T) {
	var r receiver
	_, dropped := traced(t, &r, transcript.Options{}, delivered(), slices.Concat(opening, []any{"C: \xff\x1b[1m<ann@example.org>", "S: 550 \xfe\x1b]0;x\x07"}))
	if len(r.lines) == 0 || dropped != 0 {
		t.Fatalf("%d records, %d dropped", len(r.lines), dropped)
	}
	for _, l := range r.lines {
		if body := value(l.Body); visible.Text(body) != body {
			t.Errorf("%q holds what a terminal would obey", body)
		}
	}
	for _, secret := range []string{"ann@", "bob@", "hello", "hunter2", "aHVudGVy"} {
		if strings.Contains(said(r.lines), secret) {
			t.Errorf("%s was sent:\n%s", secret, said(r.lines))
		}
	}
}

// A session without end takes a bounded part, and says what is left out.
func TestLogsAreBounded(t *testing.T) {
	var r receiver
	script := slices.Clone(opening)
	for range 600 {
		script = append(script, "C: NOOP", "S: 250 ok")
	}
	_, dropped := traced(t, &r, transcript.Options{}, script)
	last := r.lines[len(r.lines)-1]
	if len(r.lines) != 1001 || dropped != 0 || attributes(last.Attributes)["smtptap.lines.left_out"] != "203" {
		t.Errorf("%d records, %d dropped, the last is %v", len(r.lines), dropped, last)
	}
}

// Records that a collector doesn't take are counted apart from spans.
func TestLogsDropped(t *testing.T) {
	refuse := &receiver{answer: func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadRequest); return false }}
	refuses, _ := refuse.start(t, "127.0.0.1:0")
	takes := &receiver{}
	at, _ := takes.start(t, "127.0.0.1:0")
	told := make(chan telemetry.Signal, 10)
	x, err := telemetry.NewTraces(telemetry.TraceOptions{Endpoint: "http://" + at + "/v1/traces", Logs: "http://" + refuses + "/v1/logs", Redact: private,
		Trouble: func(s telemetry.Signal, err error, _ int64) { told <- s }})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, transcript.Options{})
	f := telemetry.Follow(w.Set, x.Add)
	w.session(refused()...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close(time.Minute)
	if s := <-told; s != telemetry.SignalLogs {
		t.Errorf("trouble with %s", s)
	}
	x.Close(time.Minute)
	if x.Dropped() != 0 || x.DroppedRecords() != 7 || len(takes.spans) != 7 {
		t.Errorf("%d spans and %d records dropped, %d spans arrived", x.Dropped(), x.DroppedRecords(), len(takes.spans))
	}
}
