package transcript

import (
	"time"

	"smtptap/decode"
)

// A route is who sent bytes to whom.
type route struct{ from, to decode.Party }

// relayed reports whether the bytes went from one peer to the other.
func (r route) relayed() bool {
	return r.from != decode.PartyProxy && r.to != decode.PartyProxy
}

// side is the end of the dialogue that the bytes count for: smtptap speaks to
// the server as a client and to the client as a server.
func (r route) side() decode.Side {
	if r.from == decode.PartyClient || r.to == decode.PartyServer {
		return decode.Client
	}
	return decode.Server
}

// A leg is the dialogue that one end of the session hears.
type leg struct {
	upstream bool // the server's end
	dialogue decode.Dialogue
	streams  [2]stream
	joined   bool // bytes were relayed since the server's connection was made

	seqBase int      // of the connection's first event
	nextSeq int      // of the event to come
	base    [2]int64 // of the connection's first byte, per stream
}

// A stream is what one side said on a leg.
type stream struct {
	arrivals []arrival // fed to the dialogue, not yet out of it; first come first
	end      int64     // length of the stream as recorded, all connections of the leg
	runs     []run     // whose bytes the stream holds; the last one is still growing
	closed   bool
}

// An arrival is a run of bytes that was fed at once.
type arrival struct {
	n  int
	at time.Duration
	route
}

// A run is a piece of a stream that went one route.
type run struct {
	end int64
	route
}

func (l *leg) stream(s decode.Side) *stream { return &l.streams[s-decode.Client] }

// restart begins the leg anew with another connection. Seqs and spans go on
// where they were, so that they stay unique within the leg.
func (l *leg) restart(keepSecrets bool) {
	l.dialogue = decode.Dialogue{KeepSecrets: keepSecrets}
	l.seqBase, l.joined = l.nextSeq, false
	for i := range l.streams {
		l.base[i] = l.streams[i].end
		l.streams[i] = stream{end: l.base[i]}
	}
}

func (l *leg) feed(at time.Duration, r route, p []byte) decode.Out {
	out := l.dialogue.Feed(at, r.side(), p)
	s := l.stream(r.side())
	if out.N > 0 {
		s.arrivals = append(s.arrivals, arrival{out.N, at, r})
	}
	return out
}

func (l *leg) feedMask(at time.Duration, r route, m decode.Mask) decode.Out {
	s := l.stream(r.side())
	s.arrivals = append(s.arrivals, arrival{len(decode.MaskText), at, r})
	return l.dialogue.FeedMask(at, r.side(), m)
}

func (l *leg) skip(at time.Duration, r route, n int64, why string) decode.Out {
	return l.dialogue.Skip(at, r.side(), n, why)
}

func (l *leg) swallow(at time.Duration, r route, p []byte) decode.Out {
	l.stream(r.side()).grow(r, int64(len(p)))
	return l.dialogue.Swallow(at, r.side(), p)
}

// place gives each byte of a piece the time and the route that it arrived
// with, and calls give for each run that shares them. A secret has the time
// of its end, or how it was sent would show how long it is.
func (l *leg) place(p decode.Piece, give func(time.Duration, route, []byte, *decode.Mask)) {
	s := l.stream(p.Side)
	if p.Mask != nil {
		a := s.take(p.Fed)
		for n := p.Fed - a.n; n > 0; {
			next := s.take(n)
			if next.n == 0 {
				break
			}
			n -= next.n
		}
		s.grow(a.route, int64(len(decode.MaskText)))
		give(p.At, a.route, nil, p.Mask)
		return
	}
	for text := p.Bytes; len(text) > 0; {
		a := s.take(len(text))
		if a.n == 0 {
			return
		}
		s.grow(a.route, int64(a.n))
		give(a.at, a.route, text[:a.n], nil)
		text = text[a.n:]
	}
}

// take removes at most n bytes of one arrival.
func (s *stream) take(n int) arrival {
	if len(s.arrivals) == 0 {
		return arrival{}
	}
	a := s.arrivals[0]
	if a.n > n {
		s.arrivals[0].n -= n
		a.n = n
		return a
	}
	s.arrivals = append(s.arrivals[:0], s.arrivals[1:]...)
	return a
}

// grow lengthens the stream by n bytes of a route.
func (s *stream) grow(r route, n int64) {
	s.end += n
	if last := len(s.runs) - 1; last >= 0 && s.runs[last].route == r {
		s.runs[last].end = s.end
		return
	}
	s.runs = append(s.runs, run{s.end, r})
}

// routeOf is the route that an event's bytes went. When smtptap had a hand in
// some of them, it is that part's.
func (l *leg) routeOf(e decode.Event) route {
	s := l.stream(e.Side)
	for len(s.runs) > 1 && s.runs[0].end <= e.Span.Start {
		s.runs = append(s.runs[:0], s.runs[1:]...)
	}
	if len(s.runs) == 0 {
		return l.usual(e.Side)
	}
	for _, r := range s.runs {
		if !r.relayed() || r.end >= e.Span.End {
			return r.route
		}
	}
	return s.runs[len(s.runs)-1].route
}

// usual is the route of a side that has said nothing.
func (l *leg) usual(side decode.Side) route {
	if side == decode.Client {
		return route{decode.PartyClient, decode.PartyServer}
	}
	return route{decode.PartyServer, decode.PartyClient}
}

// shift counts an event of a later connection on from the earlier ones.
func (l *leg) shift(e decode.Event) decode.Event {
	if e.Seq += l.seqBase; e.Seq >= l.nextSeq {
		l.nextSeq = e.Seq + 1
	}
	base := l.base[e.Side-decode.Client]
	e.Span.Start += base
	e.Span.End += base
	if e.Reply != nil && e.Reply.To >= 0 && l.seqBase > 0 {
		reply := *e.Reply
		reply.To += l.seqBase
		e.Reply = &reply
	}
	return e
}
