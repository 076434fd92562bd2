package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr/funcr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"smtptap/recordings/redact"
)

const (
	maxSpans     = 1000    // of one session
	maxAttribute = 1 << 10 // characters of an attribute's value, bytes of a line
)

// TraceOptions say where traces go.
type TraceOptions struct {
	Endpoint string // of Endpoint
	Logs     string // likewise, of the lines that were said; "" for nowhere
	Version  string // of smtptap
	Redact   redact.Levels

	// Trouble is told when traces or logs don't arrive, with the reason, and with nil
	// when they do again; dropped is how many spans or records are lost since the start.
	Trouble func(s Signal, err error, dropped int64)
}

// A Signal is what OpenTelemetry calls a kind of telemetry.
type Signal string

// The signals that smtptap sends.
const (
	SignalTraces Signal = "traces"
	SignalLogs   Signal = "logs"
)

// Endpoint is where a signal is sent: to base, below which v1/traces and v1/logs are,
// or where the variables of OpenTelemetry say; "" for nowhere.
func Endpoint(base string, signal Signal) (string, error) {
	own := "OTEL_EXPORTER_OTLP_" + strings.ToUpper(string(signal))
	name := "--otlp"
	if base == "" {
		if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_"+strings.ToUpper(string(signal))+"_EXPORTER") == "none" {
			return "", nil
		}
		name = own + "_ENDPOINT"
		if base = os.Getenv(name); base == "" {
			name = "OTEL_EXPORTER_OTLP_ENDPOINT"
			base = os.Getenv(name)
		}
		if base == "" {
			return "", nil
		}
		if cmp.Or(os.Getenv(own+"_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")) == "grpc" {
			return "", errors.New("OTEL_EXPORTER_OTLP_PROTOCOL: smtptap speaks http/protobuf, not grpc; use the collector's HTTP port, usually 4318")
		}
	}
	u, err := parseURL(base)
	if err != nil {
		return "", named(name, err)
	}
	if name == own+"_ENDPOINT" { // names the whole address
		return u.String(), nil
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1/traces")
	return u.JoinPath("v1", string(signal)).String(), nil
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

// Traces send sessions to a collector as traces, and what was said as logs if that is
// wanted. A session becomes spans and records when it has ended; they wait for the
// collector in queues that are bounded.
type Traces struct {
	options  TraceOptions
	provider *sdktrace.TracerProvider
	spans    []sdktrace.ReadOnlySpan // of the session that is being told of
	traces   *queue[sdktrace.ReadOnlySpan]
	logger   log.Logger // nil for none, as the next two
	records  *gatherer
	logs     *queue[sdklog.Record]
	shutdown []func(context.Context) error
}

// NewTraces begins to send traces.
func NewTraces(o TraceOptions) (*Traces, error) {
	x := &Traces{options: o}
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
	if o.Logs != "" {
		if err := x.prepareLogs(about); err != nil {
			return nil, err
		}
	}
	limits := sdktrace.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxAttribute
	}
	x.provider = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithRawSpanLimits(limits), sdktrace.WithSpanProcessor((*collector)(x)))
	x.traces = newQueue(exporter.ExportSpans, o.trouble(SignalTraces))
	x.shutdown = append(x.shutdown, exporter.Shutdown)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(x.traces.tell))
	otel.SetLogger(funcr.New(func(_, what string) { x.traces.tell(errors.New(what)) }, funcr.Options{}))
	return x, nil
}

// trouble is who hears of trouble with a signal.
func (o *TraceOptions) trouble(s Signal) func(error, int64) {
	if o.Trouble == nil {
		return nil
	}
	return func(err error, dropped int64) { o.Trouble(s, err, dropped) }
}

// prepareLogs begins to send logs.
func (x *Traces) prepareLogs(about *resource.Resource) error {
	exporter, err := otlploghttp.New(context.Background(), otlploghttp.WithEndpointURL(x.options.Logs), otlploghttp.WithRetry(otlploghttp.RetryConfig{}))
	if err != nil {
		return err
	}
	x.records = &gatherer{}
	x.logger = sdklog.NewLoggerProvider(sdklog.WithResource(about), sdklog.WithProcessor(x.records)).Logger("smtptap", log.WithInstrumentationVersion(x.options.Version))
	x.logs = newQueue(exporter.Export, x.options.trouble(SignalLogs))
	x.shutdown = append(x.shutdown, exporter.Shutdown)
	return nil
}

// Dropped is how many spans did not get to the collector.
func (x *Traces) Dropped() int64 { return x.traces.dropped.Load() }

// DroppedRecords is how many records of logs did not.
func (x *Traces) DroppedRecords() int64 {
	if x.logs == nil {
		return 0
	}
	return x.logs.dropped.Load()
}

// A collector gathers the spans of a session.
type collector Traces

func (c *collector) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (c *collector) OnEnd(s sdktrace.ReadOnlySpan)                   { c.spans = append(c.spans, s) }
func (c *collector) Shutdown(context.Context) error                  { return nil }
func (c *collector) ForceFlush(context.Context) error                { return nil }

// enqueue lets what was made of a session wait for the collector.
func (x *Traces) enqueue() {
	x.traces.add(x.spans)
	x.spans = nil
	if x.logs != nil {
		x.logs.add(x.records.take())
	}
}

// drop counts a session that can't be sent.
func (x *Traces) drop(why error) {
	x.traces.drop(1, why)
	if x.logs != nil {
		x.logs.drop(1, why)
	}
}

// Close sends what waits, for no longer than within and only as long as the
// collector takes it.
func (x *Traces) Close(within time.Duration) {
	var closing sync.WaitGroup
	closing.Go(func() { x.traces.close(within) })
	if x.logs != nil {
		closing.Go(func() { x.logs.close(within) })
	}
	closing.Wait()
	for _, shutdown := range x.shutdown {
		shutdown(context.Background())
	}
}
