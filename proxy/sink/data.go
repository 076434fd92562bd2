package sink

import (
	"bufio"
	"io"

	"smtptap/decode/smtp"
)

// copyMessage reads up to and including the end of the message, and returns
// how many octets came before the line with the dot.
func copyMessage(w io.Writer, r *bufio.Reader) (size int64, err error) {
	end := smtp.NewEnd()
	for {
		if _, err := r.Peek(1); err != nil {
			return size, err
		}
		p, _ := r.Peek(r.Buffered())
		n, done := end.Scan(p)
		if _, err := w.Write(p[:n]); err != nil {
			return size, err
		}
		r.Discard(n)
		size += int64(n)
		if done {
			return size - int64(len(".\r\n")), nil
		}
	}
}
