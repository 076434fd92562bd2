package sink

import (
	"bufio"
	"bytes"
)

// endOfData is where a message ends; its first two octets may be those of the
// DATA command (RFC 5321 section 4.1.1.4).
const endOfData = "\r\n.\r\n"

// skipMessage reads up to and including the end of the message, and returns
// how many octets came before the line with the dot.
func skipMessage(r *bufio.Reader) (size int64, err error) {
	matched := len("\r\n") // octets of endOfData that the stream ends with
	for {
		if _, err := r.Peek(1); err != nil {
			return size, err
		}
		p, _ := r.Peek(r.Buffered())
		n := 0
		for n < len(p) && matched < len(endOfData) {
			if matched == 0 {
				i := bytes.IndexByte(p[n:], '\r')
				if i < 0 {
					n = len(p)
					break
				}
				n += i
			}
			matched = advance(matched, p[n])
			n++
		}
		r.Discard(n)
		size += int64(n)
		if matched == len(endOfData) {
			return size - int64(len(".\r\n")), nil
		}
	}
}

// advance is how much of endOfData the stream ends with when b follows.
func advance(matched int, b byte) int {
	switch b {
	case endOfData[matched]:
		return matched + 1
	case '\r':
		return 1
	}
	return 0
}
