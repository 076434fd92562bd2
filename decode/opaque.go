package decode

import (
	"bytes"
	"slices"
	"time"

	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// An opaqueRun is a run of client bytes that are not SMTP text. TLS is told
// record by record at first, so that a ClientHello on a plain port is seen at
// once; the rest is one event at the end.
type opaqueRun struct {
	start     int64
	begin, at time.Duration
	raw       []byte
	n         int64
	first     bool // nothing was told yet
}

// takeOpaque takes client bytes that are not lines.
func (d *Dialogue) takeOpaque(at time.Duration, p []byte) {
	for len(p) > 0 {
		if d.opaque == nil {
			d.opaque = &opaqueRun{start: d.pos[who.Client], begin: at, first: d.pos[who.Client] == 0}
		}
		run := d.opaque
		n := len(p)
		if run.first {
			n = min(n, run.untilRecord())
		}
		if room := MaxRaw - len(run.raw); room > 0 {
			run.raw = append(run.raw, p[:min(n, room)]...)
		}
		d.keep(at, who.Client, p[:n])
		run.n += int64(n)
		run.at = at
		p = p[n:]
		if run.first && run.untilRecord() == 0 {
			d.flushOpaque()
			d.opaque = &opaqueRun{start: d.pos[who.Client], begin: at}
		}
	}
}

// untilRecord is how many bytes are missing from the first TLS record (RFC
// 8446 section 5.1): five bytes of header, the last two of them its length.
func (r *opaqueRun) untilRecord() int {
	const header = 5
	if r.n < header {
		return header - int(r.n)
	}
	return header + (int(r.raw[3])<<8 | int(r.raw[4])) - int(r.n)
}

// flushOpaque tells of the run so far.
func (d *Dialogue) flushOpaque() {
	run := d.opaque
	d.opaque = nil
	if run == nil || run.n == 0 {
		return
	}
	e := Event{Begin: run.begin, At: run.at, Side: who.Client, Span: Span{run.start, d.pos[who.Client]}, Kind: KindOpaque, Raw: run.raw}
	if run.start == 0 && !d.tls {
		e.Notes = append(e.Notes, note("not-smtp-tls", 1))
	}
	d.emit(e)
}

// open looks at the client's first bytes for what may stand before the first
// command, and returns how many it took. They wait in the client's line.
func (d *Dialogue) open(at time.Duration, p []byte) int {
	l := &d.line[who.Client]
	held := len(l.buf)
	first := p
	if held > 0 {
		first = append(l.buf, p...)
	}
	header, size, more := smtp.ReadHeader(first)
	switch {
	case more:
		l.add(at, p)
		return len(p)
	case header == smtp.NoHeader:
		d.settle()
		return 0
	}
	d.begun = true
	if header == smtp.TLS {
		d.order.Decide(smtp.NotText)
		return 0
	}
	l.add(at, p[:size-held])
	e := d.flush(who.Client, l, nil)
	l.reset()
	e.Kind, e.Raw, e.Notes = KindOpaque, clone(e.Raw), []Note{note("proxy-protocol", 1)}
	d.order.Header(d.emit(e).Seq, header)
	return size - held
}

// settle takes the client's first bytes for lines.
func (d *Dialogue) settle() {
	if d.begun {
		return
	}
	d.begun = true
	l := d.line[who.Client]
	d.line[who.Client] = line{}
	for i, m := range l.marks {
		end := len(l.buf)
		if i+1 < len(l.marks) {
			end = l.marks[i+1].off
		}
		d.feedClient(m.at, l.buf[m.off:end])
	}
}

// swallow tells of bytes that went no further.
func (d *Dialogue) swallow(at time.Duration, side who.Party, p []byte) {
	if len(p) == 0 {
		return
	}
	id := "starttls-injection"
	if side == who.Server {
		id = "starttls-reply-injection"
	} else {
		d.flushOpaque()
	}
	e := Event{Begin: at, At: at, Side: side, Kind: KindOpaque, Span: Span{Start: d.pos[side]}}
	if from, found := d.firstSecret(side, p); found && !d.KeepSecrets {
		d.keep(at, side, p[:from])
		secret := d.pos[side]
		d.mask(at, side, &Mask{What: "line"}, len(p)-from)
		e.Secrets = []Span{{secret, d.pos[side]}}
		e.Raw = append(clone(p[:from]), MaskText...)
	} else {
		d.keep(at, side, p)
		e.Raw = clone(p)
	}
	e.Span.End = d.pos[side]
	e.Notes = append(e.Notes, note(id, 1))
	d.emit(e)
}

// firstSecret finds where credentials may begin in client text that no
// dialogue gave a meaning to.
func (d *Dialogue) firstSecret(side who.Party, p []byte) (int, bool) {
	from, found := d.firstCredential(side, p)
	// A recording holds the stand-in of a secret as text.
	if i := bytes.Index(p, []byte(MaskText)); i >= 0 && (!found || i < from) {
		return i, true
	}
	return from, found
}

func (d *Dialogue) firstCredential(side who.Party, p []byte) (int, bool) {
	switch {
	case side == who.Server:
		return firstPart(d.repeated(p, d.known.overflow))
	case smtp.BeginsTLS(p):
		return 0, false
	case d.authTried:
		return 0, true
	}
	for start := 0; start < len(p); {
		n, _ := (&line{}).upTo(p[start:])
		text := smtp.TrimEnd(p[start : start+n])
		if hasVerb(text, "XCLIENT") || looksLikeCredential(text) {
			return start, true
		}
		if secrets := d.lineSecrets(text); len(secrets) > 0 {
			return start + secrets[0].from, true
		}
		if loginIn(text) >= 0 {
			return start + n, start+n < len(p) // the response may follow
		}
		start += n
	}
	return 0, false
}

func firstPart(parts []part) (int, bool) {
	if len(parts) == 0 {
		return 0, false
	}
	return slices.MinFunc(parts, func(a, b part) int { return a.from - b.from }).from, true
}

func joined(chunks []chunk) []byte {
	var all []byte
	for _, c := range chunks {
		all = append(all, c.p...)
	}
	return all
}
