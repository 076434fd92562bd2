package redact

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// largest is how many bytes of messages are held when they must be rewritten.
const largest = 64 << 20

// ErrTooLarge says that a message is too large to be rewritten in memory.
var ErrTooLarge = words.Error("too-large")

// Apply returns the session with passwords masked and everything that the
// levels name replaced. t is not changed.
func Apply(t *decode.Transcript, l Levels) (*decode.Transcript, error) {
	names := newStandIns(l)
	if l.Addresses || l.Hosts {
		// What is learnt at the end may stand at the beginning.
		if _, err := again(t, l, names); err != nil {
			return nil, err
		}
	}
	return again(t, l, names)
}

// Needed is Apply where the session holds passwords or the levels name something,
// and the session itself otherwise.
func Needed(t *decode.Transcript, l Levels) (*decode.Transcript, error) {
	l.KeepDomains = l.KeepDomains && l.Addresses
	if l == (Levels{}) && !t.SecretsKept {
		return t, nil
	}
	return Apply(t, l)
}

// again says a session again.
func again(t *decode.Transcript, l Levels, names *standIns) (*decode.Transcript, error) {
	r := &rewriter{from: t, levels: l, names: names}
	r.findMails()
	r.learnHosts()
	r.learnDomains()
	out := *t
	out.Entries, out.SecretsKept = nil, false
	out.SecretsTaken = t.SecretsKept || t.SecretsTaken
	out.Listen, out.Target = r.names.text(t.Listen), r.names.text(t.Target)
	for i := range r.legs {
		r.legs[i] = &leg{}
		// A log may begin in the middle; what it shows was decoded so.
		r.legs[i].d.MidSession = t.Source == decode.SourceLog
	}
	r.to = &out
	for i := range t.Entries {
		if err := r.entry(i); err != nil {
			return nil, fmt.Errorf("redacting entry %d: %w", i, err)
		}
	}
	r.finish()
	out.Withheld = names.withheld()
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
	legs   [2]*leg        // the client's, the server's
	mails  map[int]*mail  // by entry
	chunks map[int][]int  // what stands in the chunk that an entry's BDAT announces
	open   bool           // the event that was said last has not come
	late   []decode.Entry // facts that wait for it
	held   int64          // bytes of messages in memory
	bodies int            // rewritten so far
}

// A leg is the dialogue of one leg and the streams that its spans point into.
type leg struct {
	d       decode.Dialogue
	tls     bool
	streams [3]stream
	party   [3][2]who.Party // who spoke last, by side
}

func (r *rewriter) legOf(e decode.Entry) *leg {
	if e.Leg == who.ServerLeg {
		return r.legs[1]
	}
	return r.legs[0]
}

// entry says one entry again.
func (r *rewriter) entry(i int) error {
	e := r.from.Entries[i]
	if e.Fact != nil {
		r.closed(e)
		r.tell(decode.Entry{At: e.At, From: e.From, To: e.To, Leg: e.Leg, Fact: r.fact(e.Fact)})
		return nil
	}
	l, ev := r.legOf(e), e.Event
	l.party[ev.Side] = [2]who.Party{e.From, e.To}
	if ev.TLS && !l.tls {
		l.tls = true
		r.take(e, l, l.d.Secured(ev.Begin))
	}
	switch ev.Kind {
	case decode.KindMissing:
		r.take(e, l, l.d.Skip(ev.At, ev.Side, ev.Missing.Bytes, ev.Missing.Why))
		return nil
	case decode.KindBody:
		return r.body(i, l)
	}
	err := r.line(i, l)
	r.open = ev.Kind == decode.KindHeader
	return err
}

// line says a line again, or several in the case of a reply.
func (r *rewriter) line(i int, l *leg) error {
	e := r.from.Entries[i]
	ev := e.Event
	raw, err := r.raw(i)
	if err != nil {
		return err
	}
	swallowed := e.To == who.Smtptap && ev.Kind == decode.KindOpaque
	pieces := pieces(ev, raw)
	for n, piece := range pieces {
		if piece.mask != nil {
			m := *piece.mask
			m.User, m.Authzid = r.names.user(m.User), r.names.user(m.Authzid)
			l.note(ev.Side, []byte(decode.MaskText))
			r.take(e, l, l.d.FeedMask(ev.At, ev.Side, m))
			continue
		}
		text := r.lineText(ev, string(piece.text))
		if ev.Command != nil && ev.Command.Verb == "BDAT" {
			if text, err = r.announce(i, text); err != nil {
				return err
			}
		}
		if swallowed {
			l.note(ev.Side, []byte(text))
			r.take(e, l, l.d.Swallow(ev.At, ev.Side, []byte(text)))
			continue
		}
		r.feed(e, l, []byte(text), n == len(pieces)-1)
	}
	return nil
}

// feed says bytes; who said them stands in e. end: they are its last.
func (r *rewriter) feed(e decode.Entry, l *leg, p []byte, end bool) {
	l.note(e.Event.Side, p)
	r.say(e, l, p, end)
}

// say lets the dialogue hear bytes at the times of the event that they were: all
// when it began, but the last one when it ended.
func (r *rewriter) say(e decode.Entry, l *leg, p []byte, end bool) {
	for len(p) > 0 {
		at, n := e.Event.Begin, len(p)
		switch {
		case end && n == 1:
			at = e.Event.At
		case end:
			n--
		}
		out := l.d.Feed(at, e.Event.Side, p[:n])
		p = p[out.N:]
		r.take(e, l, out)
	}
}

// take turns decoded events into entries.
func (r *rewriter) take(e decode.Entry, l *leg, out decode.Out) {
	for i := range out.Events {
		ev := out.Events[i]
		parties := l.party[ev.Side]
		r.to.Entries = append(r.to.Entries, decode.Entry{At: ev.At, From: parties[0], To: parties[1], Leg: e.Leg, Event: &ev})
		r.to.Entries = append(r.to.Entries, r.late...)
		r.late, r.open = nil, false
	}
}

// tell adds a fact, after the event that was said before it: that of a header
// field or a body is complete only when something else comes.
func (r *rewriter) tell(e decode.Entry) {
	if r.open {
		r.late = append(r.late, e)
	} else {
		r.to.Entries = append(r.to.Entries, e)
	}
}

// closed lets the dialogue know, in its place, that a side sends no more.
func (r *rewriter) closed(e decode.Entry) {
	c, ok := e.Fact.(*facts.Closed)
	if !ok {
		return
	}
	side := who.Client
	if c.Leg == who.ServerLeg {
		side = who.Server
	}
	r.take(decode.Entry{}, r.legs[0], r.legs[0].d.Closed(e.At, side))
}

func (r *rewriter) finish() {
	var at time.Duration
	if n := len(r.from.Entries); n > 0 {
		at = r.from.Entries[n-1].At
	}
	for i, l := range r.legs {
		for _, side := range []who.Party{who.Client, who.Server} {
			r.take(decode.Entry{Leg: who.ClientLeg + who.Leg(i)}, l, l.d.Closed(at, side))
		}
	}
	r.to.Entries = append(r.to.Entries, r.late...)
}

// A piece of a line is text, or a secret.
type piece struct {
	text []byte
	mask *decode.Mask
}

// pieces cuts a line at its secrets.
func pieces(ev *decode.Event, raw []byte) []piece {
	var out []piece
	from := int64(0)
	for _, s := range ev.Secrets {
		start, end := s.Start-ev.Span.Start, s.End-ev.Span.Start
		if start < from || end > int64(len(raw)) {
			continue
		}
		m := decode.Mask{What: "line"}
		if ev.Command != nil {
			m.What = "text"
		}
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
	if ev.Kind == decode.KindHeader {
		return r.headerText(ev.Header.Name, text)
	}
	if !r.levels.Addresses && !r.levels.Hosts {
		return text
	}
	switch {
	case ev.Auth != nil && ev.Auth.User != "" && ev.Auth.Secret == nil:
		text = reencode(text, ev.Auth.User, r.names.user(ev.Auth.User))
	case ev.Auth != nil && ev.Auth.Prompt != "" && ev.Reply != nil:
		text = reencode(text, ev.Auth.Prompt, r.names.text(ev.Auth.Prompt))
	case ev.Reply != nil && (ev.Reply.ToVerb == "VRFY" || ev.Reply.ToVerb == "EXPN") && r.levels.Addresses:
		text = verified.ReplaceAllStringFunc(text, func(line string) string {
			m := verified.FindStringSubmatch(line)
			return m[1] + r.names.inNames(m[2]) + m[3]
		})
	case ev.Command != nil && (ev.Command.Verb == "VRFY" || ev.Command.Verb == "EXPN"):
		if who := strings.TrimSpace(ev.Command.Arg); who != "" {
			if at := strings.LastIndex(text, who); at >= 0 {
				text = text[:at] + r.names.user(who) + text[at+len(who):]
			}
		}
	}
	if ev.Command != nil && (ev.Command.Verb == "MAIL" || ev.Command.Verb == "RCPT") {
		return r.names.commandText(text)
	}
	text = r.names.text(text)
	if ev.Reply != nil && r.levels.Addresses {
		text = r.names.inLocals(text, true)
	}
	return text
}

// verified is a line that names a user and the mailbox (RFC 5321 section 3.5.1).
var verified = regexp.MustCompile(`(?m)^(\d{3}[ -](?:\d\.\d+\.\d+ )?)([^<\r\n]*)(<[^\r\n]*)`)

// reencode replaces the base64 of one text by that of another. In whatever way
// it is encoded, it is the last word of its line.
func reencode(line, from, to string) string {
	encode := base64.StdEncoding.EncodeToString
	switch text := strings.TrimRight(line, " \t\r\n"); {
	case from == to:
		return line
	case strings.Contains(line, encode([]byte(from))):
		return strings.Replace(line, encode([]byte(from)), encode([]byte(to)), 1)
	case strings.Contains(line, from):
		return strings.ReplaceAll(line, from, to)
	default:
		word := text[strings.LastIndexAny(text, " \t-")+1:]
		return text[:len(text)-len(word)] + encode([]byte(to)) + line[len(text):]
	}
}
