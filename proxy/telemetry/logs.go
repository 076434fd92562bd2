package telemetry

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"smtptap/decode"
	"smtptap/decode/visible"
)

// maxLines is how many lines of a session become records.
const maxLines = 1000

// A gatherer collects the records of the session that is being told of.
type gatherer struct{ records []sdklog.Record }

func (g *gatherer) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (g *gatherer) OnEmit(_ context.Context, r *sdklog.Record) error {
	g.records = append(g.records, r.Clone())
	return nil
}
func (g *gatherer) Shutdown(context.Context) error   { return nil }
func (g *gatherer) ForceFlush(context.Context) error { return nil }

// take returns the records, and begins anew.
func (g *gatherer) take() []sdklog.Record {
	taken := g.records
	g.records = nil
	return taken
}

// lines writes what was said in a session as records of its trace.
func (b *builder) lines(ctx context.Context, logger log.Logger, id string) {
	about := attribute.String("smtptap.recording.id", id)
	written, leftOut := 0, 0
	for i := range b.t.Entries {
		e := &b.t.Entries[i]
		if e.Event == nil {
			continue
		}
		if written == maxLines {
			leftOut++
			continue
		}
		written++
		var r log.Record
		r.SetTimestamp(b.at(e.At))
		r.SetObservedTimestamp(time.Now())
		r.SetEventName("smtptap.line")
		r.SetBody(attribute.StringValue(b.line(e)))
		r.SetSeverity(log.SeverityInfo)
		r.SetSeverityText("INFO")
		if reply := e.Event.Reply; reply != nil && reply.Code >= 500 {
			r.SetSeverity(log.SeverityError)
			r.SetSeverityText("ERROR")
		} else if reply != nil && reply.Code >= 400 {
			r.SetSeverity(log.SeverityWarn)
			r.SetSeverityText("WARN")
		}
		r.AddAttributes(about, attribute.String("smtptap.line.by", e.Author().String()), attribute.String("smtptap.line.kind", e.Event.Kind.String()),
			attribute.String("smtptap.leg", legOf(e).String()), attribute.Bool("smtptap.line.tls", e.Event.TLS))
		logger.Emit(ctx, r)
	}
	if leftOut > 0 {
		var r log.Record
		r.SetTimestamp(b.at(b.last))
		r.SetEventName("smtptap.lines.left_out")
		r.SetSeverity(log.SeverityWarn)
		r.SetBody(attribute.StringValue(fmt.Sprintf("%d more lines are in the recording", leftOut)))
		r.AddAttributes(about, attribute.Int("smtptap.lines.left_out", leftOut))
		logger.Emit(ctx, r)
	}
}

// line is what was said, as far as a record holds it.
func (b *builder) line(e *decode.Entry) string {
	ev := e.Event
	raw := ev.Raw
	if raw == nil && b.t.Bytes != nil {
		span := ev.Span
		span.End = min(span.End, span.Start+maxAttribute)
		raw, _ = b.t.Bytes(e.Leg, ev.Side, span) // what can't be read is an empty line
	}
	said := strings.TrimRight(string(raw), "\r\n")
	if len(said) > maxAttribute {
		said = strings.ToValidUTF8(said[:maxAttribute], "")
	}
	return visible.Text(said)
}
