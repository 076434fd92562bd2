package telemetry

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/recordings/redact"
)

// Add sends a session that has ended.
func (x *Traces) Add(t *decode.Transcript) {
	safe, err := redact.Apply(t, x.options.Redact)
	if err == nil && t.SecretsKept {
		err = redact.Search(safe, redact.Secrets(t))
	}
	if err != nil {
		x.drop(err)
		return
	}
	b := &builder{t: safe, report: findings.Analyze(safe, lang.English), clients: parents(t), tracer: x.provider.Tracer("smtptap", trace.WithInstrumentationVersion(x.options.Version))}
	if n := len(safe.Entries); n > 0 {
		b.last = safe.Entries[n-1].At
	}
	x.spans = nil
	ctx := b.session(t.ID)
	if x.logger != nil {
		x.records.take() // of one that failed
		b.lines(ctx, x.logger, t.ID)
	}
	x.enqueue()
}

// parents are the spans of the client's that messages name, by the number of the
// MAIL command before them.
func parents(t *decode.Transcript) map[int]trace.SpanContext {
	found, mails := map[int]trace.SpanContext{}, 0
	for i := range t.Entries {
		e := &t.Entries[i]
		switch {
		case e.Event == nil || legOf(e) != who.ClientLeg:
		case e.Event.Command != nil && e.Event.Command.Verb == "MAIL":
			mails++
		case e.Event.Header != nil && strings.EqualFold(e.Event.Header.Name, "traceparent"):
			carrier := propagation.MapCarrier{"traceparent": strings.TrimSpace(e.Event.Header.Value)}
			if c := trace.SpanContextFromContext((propagation.TraceContext{}).Extract(context.Background(), carrier)); c.IsValid() {
				found[mails] = c
			}
		}
	}
	return found
}

// A builder makes the spans of a session.
type builder struct {
	t       *decode.Transcript
	report  findings.Report
	clients map[int]trace.SpanContext
	tracer  trace.Tracer
	last    time.Duration

	mails   int // MAIL commands so far
	spans   int
	leftOut int
	open    map[who.Leg]*transaction
}

// A transaction is a MAIL and what belongs to it.
type transaction struct {
	ctx  context.Context
	span trace.Span
	end  time.Duration
}

func (b *builder) at(d time.Duration) time.Time { return b.t.Started.Add(d) }

func text(key, value string) attribute.KeyValue { return attribute.String(key, visible.Text(value)) }

// place is an address and port.
func place(prefix, addr string) []attribute.KeyValue {
	host, port, err := net.SplitHostPort(addr)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil {
		return []attribute.KeyValue{text(prefix+".address", addr)}
	}
	return []attribute.KeyValue{text(prefix+".address", host), attribute.Int(prefix+".port", n)}
}

// session makes the spans, and returns the context of the first.
func (b *builder) session(id string) context.Context {
	ctx, root := b.tracer.Start(context.Background(), "SMTP session", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(b.at(0)))
	root.SetAttributes(text("smtptap.recording.id", id), text("smtptap.target", b.t.Target), text("smtptap.starttls.mode", b.t.Mode),
		attribute.String("network.protocol.name", "smtp"), attribute.String("network.transport", "tcp"))
	b.open = map[who.Leg]*transaction{}
	for _, s := range stepsOf(b.t) {
		b.step(ctx, s)
	}
	for leg := range b.open {
		b.close(leg)
	}
	for i := range b.t.Entries {
		b.fact(root, &b.t.Entries[i])
	}
	for _, c := range b.clients {
		root.AddLink(trace.Link{SpanContext: c})
	}
	for _, f := range b.report.Findings {
		at := b.last
		if n := len(f.Entries); n > 0 {
			at = b.t.Entries[f.Entries[n-1]].At
		}
		root.AddEvent("finding", trace.WithTimestamp(b.at(at)), trace.WithAttributes(
			attribute.String("smtptap.finding.id", f.ID), attribute.String("smtptap.finding.severity", string(f.Severity)), text("smtptap.finding.text", f.Text)))
	}
	o := became(b.t, b.report)
	root.SetAttributes(attribute.String("smtptap.outcome", string(o)), attribute.String("smtptap.verdict", b.report.Verdict.ID))
	if b.leftOut > 0 {
		root.SetAttributes(attribute.Int("smtptap.spans.left_out", b.leftOut))
	}
	judge(root, o, b.report.Verdict.Text)
	root.End(trace.WithTimestamp(b.at(b.last)))
	return ctx
}

// judge sets the status of what became that.
func judge(span trace.Span, o outcome.Outcome, why string) {
	switch {
	case o.Bad():
		span.SetStatus(codes.Error, visible.Text(why))
		span.SetAttributes(attribute.String("error.type", string(o)))
	case o == outcome.Sent:
		span.SetStatus(codes.Ok, "")
	}
}

// fact puts what no step tells into the span of the session.
func (b *builder) fact(root trace.Span, e *decode.Entry) {
	event := func(name string, with ...attribute.KeyValue) {
		root.AddEvent(name, trace.WithTimestamp(b.at(e.At)), trace.WithAttributes(with...))
	}
	switch f := e.Fact.(type) {
	case *facts.Open:
		root.SetAttributes(place("client", f.Client)...)
	case *facts.Dial:
		if f.Err == "" {
			root.SetAttributes(server(f)...)
		}
	case *facts.Note:
		event("note", attribute.String("smtptap.note.id", f.ID), text("smtptap.note.text", f.Text.String()))
	case *facts.Closed:
		event("closed", attribute.String("smtptap.leg", f.Leg.String()), attribute.String("smtptap.closed.how", f.How))
	case *facts.Lost:
		event("lost", attribute.Int64("smtptap.lost.bytes", f.Bytes))
	case *facts.End:
		root.SetAttributes(attribute.String("smtptap.end.cause", f.Cause),
			attribute.Int64("smtptap.client.bytes", f.ClientBytes), attribute.Int64("smtptap.server.bytes", f.ServerBytes))
	}
}

// server is the server that was dialled.
func server(f *facts.Dial) []attribute.KeyValue {
	all := place("network.peer", f.Addr)
	if f.Host == "" {
		return append(all, place("server", f.Addr)...)
	}
	all = append(all, text("server.address", f.Host))
	if _, port, err := net.SplitHostPort(f.Addr); err == nil {
		if n, err := strconv.Atoi(port); err == nil {
			all = append(all, attribute.Int("server.port", n))
		}
	}
	return all
}

// step makes the span of a step, below that of its transaction.
func (b *builder) step(ctx context.Context, s step) {
	e := &b.t.Entries[s.entry]
	var verb string
	if e.Event != nil && e.Event.Command != nil {
		verb = e.Event.Command.Verb
	}
	switch verb {
	case "MAIL", "RSET", "EHLO", "HELO", "LHLO", "QUIT":
		b.close(s.leg)
	}
	if !s.over {
		s.end = b.last
	}
	if b.spans >= maxSpans {
		b.leftOut++
		return
	}
	if verb == "MAIL" {
		b.begin(ctx, s)
	}
	tr := b.open[s.leg]
	if e.Event != nil && tr != nil {
		ctx, tr.end = tr.ctx, max(tr.end, s.end)
	}
	name, kind, about := b.describe(s, e)
	b.spans++
	_, span := b.tracer.Start(ctx, name, trace.WithTimestamp(b.at(s.begin)), trace.WithSpanKind(kind), trace.WithAttributes(append(about, attribute.String("smtptap.leg", s.leg.String()))...))
	for _, i := range s.replies {
		b.reply(span, &b.t.Entries[i])
	}
	if e.Fact != nil {
		failed(span, e.Fact)
	}
	span.End(trace.WithTimestamp(b.at(s.end)))
	if s.name == stepDataEnd {
		b.close(s.leg)
	}
}

// begin opens the span of a transaction.
func (b *builder) begin(ctx context.Context, s step) {
	o := []trace.SpanStartOption{trace.WithTimestamp(b.at(s.begin)), trace.WithAttributes(attribute.String("smtptap.leg", s.leg.String()))}
	if s.leg == who.ClientLeg {
		b.mails++
		if c, ok := b.clients[b.mails]; ok {
			o = append(o, trace.WithLinks(trace.Link{SpanContext: c}))
		}
	}
	tr := &transaction{}
	tr.ctx, tr.span = b.tracer.Start(ctx, "transaction", o...)
	b.spans++
	b.open[s.leg] = tr
	for i := range b.report.Outcome.Transactions {
		if x := &b.report.Outcome.Transactions[i]; x.Mail == s.entry {
			tr.span.SetAttributes(attribute.String("smtptap.outcome", string(x.Outcome)), attribute.Int("smtptap.recipients", len(x.Recipients)))
			if id := x.QueueID(); id != "" {
				tr.span.SetAttributes(text("smtptap.queue_id", id))
			}
			judge(tr.span, x.Outcome, x.Decided.Text.String())
		}
	}
}

// close ends the transaction of a leg, if there is one.
func (b *builder) close(leg who.Leg) {
	if tr := b.open[leg]; tr != nil {
		tr.span.End(trace.WithTimestamp(b.at(tr.end)))
		delete(b.open, leg)
	}
}

// describe is the name of a step's span, and what it tells.
func (b *builder) describe(s step, e *decode.Entry) (string, trace.SpanKind, []attribute.KeyValue) {
	switch f := e.Fact.(type) {
	case *facts.DNS:
		return "DNS lookup", trace.SpanKindClient, []attribute.KeyValue{text("dns.question.name", f.Name), text("smtptap.dns.type", f.Kind), text("smtptap.dns.rcode", f.Rcode)}
	case *facts.Dial:
		return "connect", trace.SpanKindClient, append(server(f), attribute.String("network.transport", "tcp"))
	case *facts.TLS:
		return "TLS handshake", trace.SpanKindInternal, handshake(f)
	}
	ev := e.Event
	if ev.Command == nil {
		if s.name == stepGreeting {
			return "greeting", trace.SpanKindInternal, nil
		}
		return "end of data", trace.SpanKindInternal, nil
	}
	c := ev.Command
	switch {
	case s.name == stepEHLO:
		return c.Verb, trace.SpanKindInternal, []attribute.KeyValue{text("smtptap.ehlo.name", c.Arg)}
	case s.name == stepAuth && ev.Auth != nil:
		return c.Verb, trace.SpanKindInternal, []attribute.KeyValue{text("smtptap.auth.mechanism", ev.Auth.Mechanism)}
	case c.Verb == "MAIL":
		return c.Verb, trace.SpanKindInternal, []attribute.KeyValue{text("smtptap.mail.from", c.Path)}
	case c.Verb == "RCPT":
		return c.Verb, trace.SpanKindInternal, []attribute.KeyValue{text("smtptap.rcpt.to", c.Path)}
	case c.Known:
		return c.Verb, trace.SpanKindInternal, nil
	}
	return "command", trace.SpanKindInternal, nil
}

func handshake(f *facts.TLS) []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.Bool("tls.established", f.Err == ""), attribute.Bool("tls.resumed", f.Resumed), attribute.Bool("smtptap.tls.implicit", f.Implicit)}
	optional := func(key, value string) {
		if value != "" {
			all = append(all, text(key, value))
		}
	}
	if name, version, ok := strings.Cut(f.Version, " "); ok {
		optional("tls.protocol.name", strings.ToLower(name))
		optional("tls.protocol.version", version)
	}
	optional("tls.cipher", f.Cipher)
	optional("tls.client.server_name", f.SNI)
	optional("tls.next_protocol", f.ALPN)
	optional("smtptap.tls.verdict", f.Verdict)
	if len(f.Chain) > 0 {
		c := f.Chain[0]
		optional("tls.server.subject", c.Subject)
		optional("tls.server.issuer", c.Issuer)
		optional("tls.server.hash.sha256", strings.ToUpper(c.SHA256))
		optional("tls.server.not_before", c.NotBefore.UTC().Format(time.RFC3339))
		optional("tls.server.not_after", c.NotAfter.UTC().Format(time.RFC3339))
	}
	return all
}

// failed sets the status of a span whose fact tells of a failure.
func failed(span trace.Span, f facts.Fact) {
	var reason, class string
	switch f := f.(type) {
	case *facts.DNS:
		reason, class = f.Err, f.Err
	case *facts.Dial:
		reason, class = f.Err.String(), f.Class
	case *facts.TLS:
		reason, class = f.Err.String(), f.Class
	}
	if reason != "" {
		span.SetStatus(codes.Error, visible.Text(reason))
		span.SetAttributes(text("error.type", class))
	}
}

// reply tells of a reply in the span of what it answers.
func (b *builder) reply(span trace.Span, e *decode.Entry) {
	r := e.Event.Reply
	about := []attribute.KeyValue{attribute.Int("smtptap.reply.code", r.Code), text("smtptap.reply.text", r.Text()), attribute.String("smtptap.reply.by", e.Author().String())}
	if r.Enhanced != "" {
		about = append(about, text("smtptap.reply.enhanced", r.Enhanced))
	}
	span.AddEvent("reply", trace.WithTimestamp(b.at(e.At)), trace.WithAttributes(about...))
	if r.Code >= 400 {
		span.SetStatus(codes.Error, visible.Text(r.Text()))
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(r.Code)))
	}
}
