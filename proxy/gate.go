package proxy

import (
	"bytes"
	"time"

	"smtptap/proxy/handshake"
)

// A gate stands in front of the client's bytes. A client that has said STARTTLS
// goes on with TLS or, should the server refuse, in clear: what its next bytes
// are is known only from the reply. Until then they wait, mostly in the
// client's own socket, because its pump does not read.
type gate uint8

const (
	open     gate = iota // bytes pass
	shut                 // STARTTLS has gone to the server, its reply has not come
	upgraded             // the server has accepted: the phase is over
)

// passGate waits with bytes of the client while the gate is shut. It returns
// false when the server has accepted the STARTTLS.
func (r *relay) passGate(p []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(p) == 0 {
		return r.gate != upgraded
	}
	if r.gate == shut && !r.begins(p) {
		defer r.limitWait()()
	}
	for r.gate == shut && !r.begins(p) {
		r.changed.Wait()
	}
	if r.gate != upgraded && r.begins(p) {
		r.gate = upgraded
		r.ph.begun = true // the client has the reply
		r.s.note("starttls-by-evidence", "the client began TLS after its STARTTLS and a 220 of the server: so that was the reply, although it does not answer the STARTTLS by the number of replies. The server has left something unanswered, or has said more than it was asked")
	}
	return r.gate == open
}

// begins reports whether TLS begins with p, whatever the count of replies says:
// p follows a STARTTLS of the client's, and the server has said 220 since. The
// caller holds r.mu.
func (r *relay) begins(p []byte) bool { return r.asked && r.said220 && handshake.Begins(p) }

// How long the client's bytes wait for a reply to STARTTLS: for a server that has
// said something since, perhaps to a command that it was expected to answer
// before, and for one that has said nothing.
const (
	defaultWait       = time.Second
	longestWait       = 2 * defaultWait
	longestMutualWait = 10 * defaultWait
)

// limitWait tells of bytes that wait, and lets them go when that takes too long:
// the server may never reply. Stop ends the watch. The caller holds r.mu.
func (r *relay) limitWait() (stop func()) {
	unit := orDefault(r.s.proxy.wait, defaultWait)
	waited := time.Duration(0)
	var t *time.Timer
	t = time.AfterFunc(unit, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		waited += defaultWait
		switch {
		case r.gate != shut:
		case waited >= longestMutualWait, r.heard && waited >= longestWait:
			r.s.note("starttls-let-go", "no reply to STARTTLS came, so what the client said next goes on as it is")
			r.s.log.Release()
			r.gate = open
			r.changed.Broadcast()
		default:
			if waited == defaultWait {
				r.s.note("starttls-waiting", "what the client said after STARTTLS waits for the server's reply")
			}
			t.Reset(unit)
		}
	})
	return func() { t.Stop() }
}

// openGate lets the client go on as before when no reply can come.
func (r *relay) openGate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = true
	if r.gate == shut {
		r.gate = open
	}
	r.changed.Broadcast()
}

// maxHeldReply bounds what is kept back of a reply that does not end.
const maxHeldReply = 64 << 10

// deliverReplies writes server bytes to the client. While the gate is shut it
// keeps an unfinished reply back, because it may be the one to STARTTLS: the
// client must hear that only when TLS to the server is up, and in one piece, so
// that another reply can stand in its place. Elsewhere nothing waits for the
// end of a line.
func (r *relay) deliverReplies(p []byte, accepted bool) {
	r.mu.Lock()
	shut := r.gate == shut
	r.mu.Unlock()
	if len(r.ph.reply) > 0 {
		p = append(r.ph.reply, p...)
		r.ph.reply = nil
	}
	if !accepted && !shut {
		r.ph.begun = false
		r.deliver(&r.down, p)
		return
	}
	whole := p
	if accepted {
		whole = p[:lastReply(p)]
	} else {
		whole = p[:completeReplies(p)]
	}
	rest := p[len(whole):]
	r.deliver(&r.down, whole)
	if len(whole) > 0 {
		r.ph.begun = false
	}
	if !accepted && len(rest) > maxHeldReply {
		lines := bytes.LastIndexByte(rest, '\n') + 1
		if lines == 0 {
			lines = len(rest)
		}
		r.deliver(&r.down, rest[:lines])
		r.ph.begun = true
		rest = rest[lines:]
	}
	r.ph.reply = bytes.Clone(rest)
}

// completeReplies is the length of the replies at the start of p that are
// complete: their last line has no hyphen behind its code (RFC 5321 section
// 4.2.1).
func completeReplies(p []byte) int {
	end, at := 0, 0
	for {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			return end
		}
		line := p[at : at+i+1]
		at += len(line)
		if !continues(line) {
			end = at
		}
	}
}

// lastReply is where the last of the complete replies in p starts.
func lastReply(p []byte) int {
	start := 0
	for {
		end := start
		for {
			i := bytes.IndexByte(p[end:], '\n')
			if i < 0 {
				return start
			}
			line := p[end : end+i+1]
			end += len(line)
			if !continues(line) {
				break
			}
		}
		if end == len(p) {
			return start
		}
		start = end
	}
}

func continues(line []byte) bool { return len(line) > 3 && line[3] == '-' }
