package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr/funcr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"smtptap/recordings/redact"
)

const (
	maxSpans     = 1000    // of one session
	maxQueued    = 20_000  // spans that wait for the collector
	maxBatch     = 512     // spans of one request, unless a session has more
	maxAttribute = 1 << 10 // characters of an attribute's value
	maxAttempts  = 6       // that a collector gets which says no
	firstRetry   = time.Second
	lastDelay    = 30 * time.Second
)

// errBehind is why spans are dropped while the collector takes what it is sent.
var errBehind = errors.New("the collector does not keep up")

// TraceOptions say where traces go.
type TraceOptions struct {
	Endpoint string // of Endpoint
	Version  string // of smtptap
	Redact   redact.Levels

	// Trouble is told when traces don't arrive, with the reason, and with nil when
	// they do again; dropped is how many spans are lost since the start.
	Trouble func(err error, dropped int64)
}

// Endpoint is where traces are sent: to base, below which v1/traces is, or where the
// variables of OpenTelemetry say; "" for nowhere.
func Endpoint(base string) (string, error) {
	name := "--otlp"
	if base == "" {
		if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
			return "", nil
		}
		name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
		if base = os.Getenv(name); base == "" {
			name = "OTEL_EXPORTER_OTLP_ENDPOINT"
			base = os.Getenv(name)
		}
		if base == "" {
			return "", nil
		}
		if cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")) == "grpc" {
			return "", errors.New("OTEL_EXPORTER_OTLP_PROTOCOL: smtptap speaks http/protobuf, not grpc; use the collector's HTTP port, usually 4318")
		}
	}
	u, err := parseURL(base)
	if err != nil {
		return "", named(name, err)
	}
	if name != "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" && !strings.HasSuffix(u.Path, "/v1/traces") {
		u = u.JoinPath("v1/traces") // the other variable names the whole address
	}
	return u.String(), nil
}

func named(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// ParseURL reports what is wrong with the URL of a collector.
func ParseURL(s string) error { _, err := parseURL(s); return err }

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("not a URL such as http://127.0.0.1:4318")
	case u.User != nil:
		return nil, errors.New("holds credentials; give them by OTEL_EXPORTER_OTLP_HEADERS")
	}
	return u, nil
}

// Traces send sessions to a collector as traces. A session becomes spans when it has
// ended; they wait for the collector in a queue that is bounded.
type Traces struct {
	options  TraceOptions
	provider *sdktrace.TracerProvider
	exporter sdktrace.SpanExporter
	spans    []sdktrace.ReadOnlySpan // of the session that is being told of
	dropped  atomic.Int64

	mu      sync.Mutex
	queue   []sdktrace.ReadOnlySpan
	closing bool
	wrong   bool // trouble was told

	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}
}

// NewTraces begins to send traces.
func NewTraces(o TraceOptions) (*Traces, error) {
	x := &Traces{options: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(x.tell))
	otel.SetLogger(funcr.New(func(_, what string) { x.tell(errors.New(what)) }, funcr.Options{}))
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "smtptap"), attribute.String("service.version", o.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	limits := sdktrace.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxAttribute
	}
	x.exporter = exporter
	x.provider = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithRawSpanLimits(limits), sdktrace.WithSpanProcessor((*collector)(x)))
	ctx, x.stop = context.WithCancel(ctx)
	go x.run(ctx)
	return x, nil
}

// Dropped is how many spans did not get to the collector.
func (x *Traces) Dropped() int64 { return x.dropped.Load() }

// A collector gathers the spans of a session.
type collector Traces

func (c *collector) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (c *collector) OnEnd(s sdktrace.ReadOnlySpan)                   { c.spans = append(c.spans, s) }
func (c *collector) Shutdown(context.Context) error                  { return nil }
func (c *collector) ForceFlush(context.Context) error                { return nil }

// enqueue lets the spans of a session wait for the collector, all or none.
func (x *Traces) enqueue() {
	spans := x.spans
	x.spans = nil
	x.mu.Lock()
	full := len(x.queue)+len(spans) > maxQueued
	if !full {
		x.queue = append(x.queue, spans...)
	}
	x.mu.Unlock()
	if full {
		x.drop(len(spans), errBehind)
		return
	}
	x.poke()
}

func (x *Traces) poke() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// run sends what waits.
func (x *Traces) run(ctx context.Context) {
	defer close(x.done)
	for {
		x.mu.Lock()
		batch := x.queue[:min(len(x.queue), maxBatch)]
		closing := x.closing
		x.mu.Unlock()
		switch {
		case len(batch) > 0:
			x.send(ctx, batch)
			x.mu.Lock()
			x.queue = append(x.queue[:0:0], x.queue[len(batch):]...)
			x.mu.Unlock()
		case closing:
			return
		default:
			<-x.wake
		}
	}
}

// rejected is how the exporter tells that a collector has taken a part.
var rejected = regexp.MustCompile(`OTLP partial success:.*?\((\d+) spans? rejected\)`)

// send sends a batch until it has arrived or is given up.
func (x *Traces) send(ctx context.Context, batch []sdktrace.ReadOnlySpan) {
	delay := firstRetry
	for attempt := 1; ; attempt++ {
		err := x.exporter.ExportSpans(ctx, batch)
		if err == nil {
			x.tell(nil)
			return
		}
		if part := rejected.FindStringSubmatch(err.Error()); part != nil {
			n, _ := strconv.Atoi(part[1])
			x.drop(n, err)
			return
		}
		var unreached *url.Error
		if x.isClosing() || attempt >= maxAttempts && !errors.As(err, &unreached) {
			x.drop(len(batch), err)
			return
		}
		x.tell(err)
		x.pause(ctx, delay)
		delay = min(2*delay, lastDelay)
	}
}

// pause waits for the next attempt. The end of smtptap waits for none.
func (x *Traces) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !x.isClosing() {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-x.wake:
		}
	}
}

func (x *Traces) isClosing() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.closing
}

func (x *Traces) drop(n int, why error) {
	x.dropped.Add(int64(n))
	x.tell(why)
}

// tell tells of trouble, once until it is over, which nil says.
func (x *Traces) tell(err error) {
	x.mu.Lock()
	news := x.wrong != (err != nil)
	x.wrong = err != nil
	x.mu.Unlock()
	if news && x.options.Trouble != nil {
		x.options.Trouble(err, x.Dropped())
	}
}

// Close sends what waits, for no longer than within and only as long as the
// collector takes it, and returns how many spans were dropped since the start.
func (x *Traces) Close(within time.Duration) int64 {
	x.mu.Lock()
	x.closing = true
	x.mu.Unlock()
	x.poke()
	timer := time.AfterFunc(within, x.stop)
	<-x.done
	timer.Stop()
	x.stop()
	x.exporter.Shutdown(context.Background())
	return x.Dropped()
}
