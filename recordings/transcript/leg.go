package transcript

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/who"
)

// A route is who sent bytes to whom.
type route struct{ from, to who.Party }

// relayed reports whether the bytes went from one peer to the other.
func (r route) relayed() bool {
	return r.from != who.Smtptap && r.to != who.Smtptap
}

// side is the part of the dialogue that the bytes count for: smtptap speaks to
// the server as a client and to the client as a server.
func (r route) side() who.Party {
	if r.from == who.Client || r.to == who.Server {
		return who.Client
	}
	return who.Server
}

// A dialogue is what a leg needs of decode.Dialogue.
type dialogue interface {
	Feed(at time.Duration, side who.Party, p []byte) decode.Out
	FeedMask(at time.Duration, side who.Party, m decode.Mask) decode.Out
	Skip(at time.Duration, side who.Party, n int64, why string) decode.Out
	Swallow(at time.Duration, side who.Party, p []byte) decode.Out
	Secured(at time.Duration) decode.Out
	Release(at time.Duration) decode.Out
	Settle() decode.Out
	Unopened(at time.Duration) decode.Out
	Closed(at time.Duration, side who.Party) decode.Out
}

// A leg is the dialogue that one end of the session hears.
type leg struct {
	end      who.Leg // which connection's
	joined   bool    // bytes were relayed since its connection was made
	dialogue dialogue
	streams  [2]stream
	seqBase  int // of the connection's first event
	nextSeq  int // of the event to come
}

// A stream is what one side said on a leg, over all its connections.
type stream struct {
	closed bool
	held   int64     // bytes of it in the records so far, when it is read from a recording
	base   int64     // where the present connection begins
	end    int64     // length so far, of what a recording keeps
	fed    []arrival // went into the dialogue and did not come out yet, from gone on, first come first
	gone   int
	runs   []run // which routes the stream's bytes went, as far as events need it
	missed route // of the newest bytes that passed unseen
}

// An arrival is a run of bytes that went into the dialogue.
type arrival struct {
	source place
	n      int
	route
	secret bool // a mask, left out before it came here
	masked bool // a mask here, but not in the recording
	hidden int  // the bytes that stand there
}

// A run is a part of a stream that went one route.
type run struct {
	end int64
	route
}

// maxRuns bounds the runs of one event. A stream that changes its route more
// often is taken to be smtptap's own from there on.
const maxRuns = 256

func (l *leg) stream(s who.Party) *stream { return &l.streams[s-who.Client] }

// restart begins the leg anew with another connection. Seqs and spans go on
// where they were, so that they stay unique within the leg.
func (l *leg) restart(keepSecrets bool) {
	l.dialogue = &decode.Dialogue{KeepSecrets: keepSecrets}
	l.seqBase, l.joined = l.nextSeq, false
	for i := range l.streams {
		s := l.streams[i]
		l.streams[i] = stream{base: s.end, end: s.end, held: s.held}
	}
}

// feed gives bytes to the dialogue; a says whence they come.
func (l *leg) feed(at time.Duration, a arrival, p []byte) decode.Out {
	out := l.dialogue.Feed(at, a.side(), p)
	if a.n = out.N; a.n > 0 {
		l.stream(a.side()).arrive(a)
	}
	return out
}

func (l *leg) feedMask(at time.Duration, a arrival, m decode.Mask) decode.Out {
	a.n, a.secret = len(decode.MaskText), true
	l.stream(a.side()).arrive(a)
	return l.dialogue.FeedMask(at, a.side(), m)
}

func (l *leg) skip(at time.Duration, r route, n int64, why string) decode.Out {
	l.stream(r.side()).missed = r
	return l.dialogue.Skip(at, r.side(), n, why)
}

// arrive notes what went in. Neighbours of one route are one arrival: what
// follows its source in the recording, as far as it is of this stream, are its
// bytes.
func (s *stream) arrive(a arrival) {
	if s.waiting() {
		last := &s.fed[len(s.fed)-1]
		if last.route == a.route && !last.secret && !a.secret && a.source.follows(last.source, last.n) {
			last.n += a.n
			return
		}
	}
	s.fed = append(s.fed, a)
}

// waiting reports whether bytes are in the dialogue.
func (s *stream) waiting() bool { return s.gone < len(s.fed) }

// leave takes at most n bytes of one arrival out.
func (s *stream) leave(n int) arrival {
	if !s.waiting() {
		// Unreachable while the dialogue accounts for every byte.
		return arrival{n: n, route: s.missed}
	}
	first := &s.fed[s.gone]
	a := *first
	if a.n > n {
		a.n = n
		first.n -= n
		first.source = first.source.plus(n)
		return a
	}
	s.gone++
	if s.gone == len(s.fed) {
		s.fed, s.gone = s.fed[:0], 0
	}
	return a
}

// grow lengthens the stream by n bytes of a route.
func (s *stream) grow(r route, n int) {
	s.end += int64(n)
	last := len(s.runs) - 1
	if last < 0 || s.runs[last].route != r && last < maxRuns {
		s.runs = append(s.runs, run{s.end, r})
		return
	}
	s.runs[last].end = s.end
	if !r.relayed() {
		s.runs[last].route = r
	}
}

// routeOf is the route of an event's bytes. When smtptap had a hand in some of
// them, it is that part's.
func (l *leg) routeOf(e *decode.Event) route {
	s := l.stream(e.Side)
	if e.Kind == decode.KindMissing {
		return s.missed
	}
	for len(s.runs) > 1 && s.runs[0].end <= e.Span.Start {
		s.runs = append(s.runs[:0], s.runs[1:]...)
	}
	for _, r := range s.runs {
		if !r.relayed() || r.end >= e.Span.End {
			return r.route
		}
	}
	// Unreachable while every event has bytes.
	return s.missed
}

// number counts an event of a later connection on from the earlier ones.
func (l *leg) number(e *decode.Event) {
	e.Seq += l.seqBase
	l.nextSeq = max(l.nextSeq, e.Seq+1)
	if l.seqBase > 0 && e.Reply != nil && e.Reply.To >= 0 {
		reply := *e.Reply
		reply.To += l.seqBase
		if reply.Rcpt > 0 {
			reply.Rcpt += l.seqBase
		}
		e.Reply = &reply
	}
	base := l.stream(e.Side).base
	if base == 0 {
		return
	}
	e.Span = decode.Span{Start: e.Span.Start + base, End: e.Span.End + base}
	secrets := make([]decode.Span, len(e.Secrets))
	for i, s := range e.Secrets {
		secrets[i] = decode.Span{Start: s.Start + base, End: s.End + base}
	}
	if len(secrets) > 0 {
		e.Secrets = secrets
	}
}
