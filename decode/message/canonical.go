package message

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// Canonicalization is how DKIM writes a body before it hashes it (RFC 6376
// section 3.4). Two bodies with the same relaxed hash differ at most in white
// space at the ends of lines and in its amount inside them.
type Canonicalization string

const (
	Simple  Canonicalization = "simple"  // section 3.4.3
	Relaxed Canonicalization = "relaxed" // section 3.4.4
)

// BodyHash returns the SHA-256 of a body as DKIM computes it, in base64, as it
// stands in the bh= tag of a signature. body begins after the empty line that
// ends the header. Lines end in CRLF or LF; both count as CRLF, which is what a
// signer sees.
func BodyHash(body io.Reader, c Canonicalization) (string, error) {
	if c != Simple && c != Relaxed {
		return "", fmt.Errorf("no canonicalization is called %q", c)
	}
	hash := sha256.New()
	w := &canonicalWriter{w: bufio.NewWriter(hash), relaxed: c == Relaxed}
	r := bufio.NewReaderSize(body, 32<<10)
	for {
		piece, err := r.ReadSlice('\n')
		w.add(piece)
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			w.end()
			return base64.StdEncoding.EncodeToString(hash.Sum(nil)), nil
		default:
			return "", err
		}
	}
}

// A canonicalWriter writes a body line by line, and holds empty lines back
// until it is known that they are not the last.
type canonicalWriter struct {
	w       *bufio.Writer
	relaxed bool
	empty   int64 // empty lines held back
	space   bool  // relaxed: white space held back
	began   bool  // the line has written something
	cr      bool  // a CR held back, perhaps of the line end
	any     bool  // anything was written
}

func (c *canonicalWriter) add(piece []byte) {
	for len(piece) > 0 {
		if c.relaxed || c.cr || !c.began {
			c.one(piece[0])
			piece = piece[1:]
			continue
		}
		n := bytes.IndexAny(piece, "\r\n")
		if n < 0 {
			n = len(piece)
		}
		_, _ = c.w.Write(piece[:n])
		piece = piece[n:]
		if len(piece) > 0 {
			c.one(piece[0])
			piece = piece[1:]
		}
	}
}

func (c *canonicalWriter) one(b byte) {
	if c.cr && b != '\n' {
		c.cr = false
		c.write('\r')
	}
	switch {
	case b == '\n':
		c.cr = false
		c.line()
	case b == '\r':
		c.cr = true
	case c.relaxed && (b == ' ' || b == '\t'):
		c.space = true
	default:
		c.write(b)
	}
}

// write puts a byte of text out, after what was held back.
func (c *canonicalWriter) write(b byte) {
	for ; c.empty > 0; c.empty-- {
		_, _ = c.w.WriteString("\r\n")
	}
	if c.space {
		_ = c.w.WriteByte(' ')
		c.space = false
	}
	_ = c.w.WriteByte(b)
	c.began, c.any = true, true
}

// line ends a line.
func (c *canonicalWriter) line() {
	c.space = false
	if !c.began {
		c.empty++
		return
	}
	_, _ = c.w.WriteString("\r\n")
	c.began = false
}

// end writes what the end of the body needs: a line end after an unfinished
// line, and for the simple form one for an empty body.
func (c *canonicalWriter) end() {
	if c.cr {
		c.cr = false
		c.write('\r')
	}
	if c.began {
		c.line()
	}
	if !c.any && !c.relaxed {
		_, _ = c.w.WriteString("\r\n")
	}
	_ = c.w.Flush()
}
