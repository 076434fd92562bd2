package redact

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
)

// largest is how many bytes of messages are held when they must be rewritten.
const largest = 64 << 20

// ErrTooLarge says that a message is too large to be rewritten in memory.
var ErrTooLarge = errors.New("the messages are over 64 MiB, too large to replace addresses, hosts or links in; use --redact body, or export without these levels")

// Apply returns the session with passwords masked and everything that the
// levels name replaced. t is not changed.
func Apply(t *decode.Transcript, l Levels) (*decode.Transcript, error) {
	r := &rewriter{from: t, levels: l, names: newStandIns(l)}
	r.learnHosts()
	out := *t
	out.Entries, out.SecretsKept = nil, false
	out.SecretsTaken = t.SecretsKept || t.SecretsTaken
	out.Listen, out.Target = r.names.text(t.Listen), r.names.text(t.Target)
	for i := range r.legs {
		r.legs[i] = &leg{}
		// A log may begin in the middle; what it shows was decoded so.
		r.legs[i].d.Midway = t.Source == decode.SourceLog
	}
	r.to = &out
	for i := range t.Entries {
		if err := r.entry(i); err != nil {
			return nil, fmt.Errorf("redacting entry %d: %w", i, err)
		}
	}
	r.finish()
	out.Bytes = r.bytes
	if t.Bytes == nil && !l.message() {
		out.Bytes = nil
	}
	return &out, nil
}

// A rewriter says a session again.
type rewriter struct {
	from   *decode.Transcript
	to     *decode.Transcript
	levels Levels
	names  *standIns
	legs   [2]*leg // the client's, the server's
	held   int64   // bytes of messages in memory
	bodies int     // rewritten so far
}

// A leg is the dialogue of one leg and the streams that its spans point into.
type leg struct {
	d       decode.Dialogue
	tls     bool
	streams [3]stream
	party   [3][2]decode.Party // who spoke last, by side
}

func (r *rewriter) legOf(e decode.Entry) *leg {
	if e.Upstream {
		return r.legs[1]
	}
	return r.legs[0]
}

// entry says one entry again.
func (r *rewriter) entry(i int) error {
	e := r.from.Entries[i]
	if e.Fact != nil {
		r.closed(e)
		r.to.Entries = append(r.to.Entries, decode.Entry{At: e.At, From: e.From, To: e.To, Upstream: e.Upstream, Fact: r.fact(e.Fact)})
		return nil
	}
	l, ev := r.legOf(e), e.Event
	l.party[ev.Side] = [2]decode.Party{e.From, e.To}
	if ev.TLS && !l.tls {
		l.tls = true
		r.take(e, l, l.d.Secured(ev.Begin))
	}
	switch ev.Kind {
	case decode.KindMissing:
		r.take(e, l, l.d.Skip(ev.At, ev.Side, ev.Missing.Bytes, ev.Missing.Why))
		return nil
	case decode.KindBody:
		return r.body(e, l)
	}
	return r.line(e, l)
}

// line says a line again, or several in the case of a reply.
func (r *rewriter) line(e decode.Entry, l *leg) error {
	ev := e.Event
	raw := ev.Raw
	if ev.Span.Len() > int64(len(raw)) && r.from.Bytes != nil {
		var err error
		if raw, err = io.ReadAll(r.from.Reader(e.Upstream, ev.Side, ev.Span)); err != nil {
			return err
		}
	}
	swallowed := e.To == decode.PartyProxy && ev.Kind == decode.KindOpaque
	for _, piece := range r.pieces(ev, raw) {
		switch {
		case piece.mask != nil:
			m := *piece.mask
			m.User, m.Authzid = r.names.user(m.User), r.names.user(m.Authzid)
			l.note(ev.Side, []byte(decode.MaskText))
			r.take(e, l, l.d.FeedMask(ev.At, ev.Side, m))
		case swallowed:
			l.note(ev.Side, piece.text)
			r.take(e, l, l.d.Swallow(ev.At, ev.Side, piece.text))
		default:
			r.feed(e, l, ev.Begin, []byte(r.lineText(ev, string(piece.text))))
		}
	}
	return nil
}

// feed says bytes; who said them stands in e.
func (r *rewriter) feed(e decode.Entry, l *leg, at time.Duration, p []byte) {
	l.note(e.Event.Side, p)
	for len(p) > 0 {
		out := l.d.Feed(at, e.Event.Side, p)
		p = p[out.N:]
		r.take(e, l, out)
	}
}

// take turns decoded events into entries.
func (r *rewriter) take(e decode.Entry, l *leg, out decode.Out) {
	for i := range out.Events {
		ev := out.Events[i]
		parties := l.party[ev.Side]
		r.to.Entries = append(r.to.Entries, decode.Entry{At: ev.At, From: parties[0], To: parties[1], Upstream: e.Upstream, Event: &ev})
	}
}

// closed lets the dialogue know, in its place, that a side sends no more.
func (r *rewriter) closed(e decode.Entry) {
	c, ok := e.Fact.(*facts.Closed)
	if !ok {
		return
	}
	side := decode.Client
	if c.Leg == facts.ServerLeg {
		side = decode.Server
	}
	r.take(decode.Entry{}, r.legs[0], r.legs[0].d.Closed(e.At, side))
}

func (r *rewriter) finish() {
	var at time.Duration
	if n := len(r.from.Entries); n > 0 {
		at = r.from.Entries[n-1].At
	}
	for i, l := range r.legs {
		for _, side := range []decode.Side{decode.Client, decode.Server} {
			r.take(decode.Entry{Upstream: i == 1}, l, l.d.Closed(at, side))
		}
	}
}

// A piece of a line is text, or a secret.
type piece struct {
	text []byte
	mask *decode.Mask
}

// pieces cuts a line at its secrets.
func (r *rewriter) pieces(ev *decode.Event, raw []byte) []piece {
	var out []piece
	from := int64(0)
	for _, s := range ev.Secrets {
		start, end := s.Start-ev.Span.Start, s.End-ev.Span.Start
		if start < from || end > int64(len(raw)) {
			continue
		}
		m := decode.Mask{What: "line"}
		if ev.Auth != nil && ev.Auth.Secret != nil {
			m = *ev.Auth.Secret
		}
		if start > from {
			out = append(out, piece{text: raw[from:start]})
		}
		out = append(out, piece{mask: &m})
		from = end
	}
	if from < int64(len(raw)) {
		out = append(out, piece{text: raw[from:]})
	}
	return out
}

// lineText replaces in a line. What is in base64 is opened for it.
func (r *rewriter) lineText(ev *decode.Event, text string) string {
	if !r.levels.Addresses && !r.levels.Hosts {
		return text
	}
	switch {
	case ev.Auth != nil && ev.Auth.User != "" && ev.Auth.Secret == nil:
		return reencode(text, ev.Auth.User, r.names.user(ev.Auth.User))
	case ev.Auth != nil && ev.Auth.Prompt != "" && ev.Reply != nil:
		return reencode(text, ev.Auth.Prompt, r.names.text(ev.Auth.Prompt))
	case ev.Kind == decode.KindHeader:
		return r.headerText(ev.Header.Name, text)
	}
	return r.names.text(text)
}

// reencode replaces the base64 of one text by that of another.
func reencode(line, from, to string) string {
	encode := base64.StdEncoding.EncodeToString
	if strings.Contains(line, encode([]byte(from))) {
		return strings.Replace(line, encode([]byte(from)), encode([]byte(to)), 1)
	}
	return strings.ReplaceAll(line, from, to)
}
