package smtp

import "bytes"

// endOfData is what ends a message after 354, with the end of the line before
// it (RFC 5321 section 4.1.1.4).
const endOfData = "\r\n.\r\n"

// An End finds the end of a message after 354 and nothing else. Most bytes of a
// session are those of messages.
type End struct {
	seen int // how much of endOfData the bytes so far end with
}

// NewEnd is at the start of a message.
func NewEnd() End { return End{seen: len("\r\n")} }

// Scan scans p up to the end of the message, or of p.
func (e *End) Scan(p []byte) (n int, done bool) {
	for e.seen > 0 && n < len(p) { // what the last bytes began goes on in these
		e.seen = follow(e.seen, p[n])
		n++
		if e.seen == len(endOfData) {
			e.seen = 0
			return n, true
		}
	}
	if i := bytes.Index(p[n:], []byte(endOfData)); i >= 0 {
		return n + i + len(endOfData), true
	}
	for _, c := range p[max(n, len(p)-len(endOfData)+1):] {
		e.seen = follow(e.seen, c)
	}
	return len(p), false
}

// follow is how much of endOfData stands at the end of bytes that ended with so
// much of it and that c follows.
func follow(seen int, c byte) int {
	switch {
	case c == endOfData[seen]:
		return seen + 1
	case c == '\r':
		return 1
	}
	return 0
}
