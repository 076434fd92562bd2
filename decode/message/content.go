package message

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// What can be wrong with the encoding of a body (RFC 2045 section 6).
const (
	Base64Damaged  = "base64-damaged"    // characters that are not base64, or a bad end
	QuotedDamaged  = "quoted-damaged"    // escapes that are none
	EightBitIn7Bit = "eight-bit-in-7bit" // bytes above 127 in a body declared 7bit
)

// Raw reads the part's body as sent, without undoing its encoding. message
// reads the whole message from its first byte; a Seeker is moved, anything
// else is read up to the part.
func (p *Part) Raw(message io.Reader) (io.Reader, error) {
	if err := skip(message, p.Body.Start); err != nil {
		return nil, err
	}
	return io.LimitReader(message, p.Body.Len()), nil
}

func skip(r io.Reader, n int64) error {
	if s, ok := r.(io.Seeker); ok {
		_, err := s.Seek(n, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, r, n)
	return err
}

// Content reads the part's body with its encoding undone; message is as for
// Raw. Damage is skipped the way mail readers do, and told by Problems once
// everything is read.
func (p *Part) Content(message io.Reader) (*Content, error) {
	raw, err := p.Raw(message)
	if err != nil {
		return nil, err
	}
	return newContent(p.Encoding, raw), nil
}

// Content is a body with its encoding undone.
type Content struct {
	r        io.Reader
	problems func() []Problem
}

func (c *Content) Read(b []byte) (int, error) { return c.r.Read(b) }

// Problems are what was damaged in what has been read so far.
func (c *Content) Problems() []Problem { return c.problems() }

func newContent(encoding string, raw io.Reader) *Content {
	switch encoding {
	case "base64":
		d := &base64Decoder{r: raw}
		return &Content{d, d.problems}
	case "quoted-printable":
		d := &quotedDecoder{r: bufio.NewReaderSize(raw, 32<<10)}
		return &Content{d, d.problems}
	}
	d := &identity{r: raw, sevenBit: encoding == "7bit"}
	return &Content{d, d.problems}
}

// identity hands a body on and watches it.
type identity struct {
	r        io.Reader
	sevenBit bool
	high     int64
}

func (d *identity) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	if d.sevenBit {
		d.high += int64(countHigh(b[:n]))
	}
	return n, err
}

func (d *identity) problems() []Problem {
	if d.high == 0 {
		return nil
	}
	return []Problem{problem(EightBitIn7Bit, "eight-bit-in-7bit", "n", strconv.FormatInt(d.high, 10))}
}

// A base64Decoder undoes base64 (RFC 2045 section 6.8). Characters that are
// none are skipped and counted, as the RFC asks of decoders; padding may stand
// in the middle, where two encoded files were joined.
type base64Decoder struct {
	r      io.Reader
	in     []byte
	out    []byte
	rest   []byte // of out, not handed on yet
	bits   uint32
	digits int // sextets in bits
	alien  int64
	tail   bool // a single sextet was left over
	err    error
}

// base64Values maps a character to its sextet, 64 for padding, 65 for white
// space, 66 for the rest.
var base64Values = func() (t [256]byte) {
	for i := range t {
		t[i] = 66
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(digits) {
		t[digits[i]] = byte(i)
	}
	t['='] = 64
	for _, c := range " \t\r\n" {
		t[c] = 65
	}
	return t
}()

func (d *base64Decoder) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		if d.in == nil {
			d.in = make([]byte, 32<<10)
		}
		var n int
		n, d.err = d.r.Read(d.in)
		d.out = d.decode(d.out[:0], d.in[:n])
		if d.err != nil {
			d.out = d.flush(d.out)
		}
		d.rest = d.out
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// decode appends the bytes that the characters complete.
func (d *base64Decoder) decode(out, in []byte) []byte {
	for _, c := range in {
		v := base64Values[c]
		switch {
		case v < 64:
			d.bits = d.bits<<6 | uint32(v)
			if d.digits++; d.digits == 4 {
				out = append(out, byte(d.bits>>16), byte(d.bits>>8), byte(d.bits))
				d.bits, d.digits = 0, 0
			}
		case v == 64:
			out = d.flush(out)
		case v == 66:
			d.alien++
		}
	}
	return out
}

// flush appends the bytes of an incomplete group.
func (d *base64Decoder) flush(out []byte) []byte {
	bits, digits := d.bits, d.digits
	d.bits, d.digits = 0, 0
	switch digits {
	case 1:
		d.tail = true
	case 2:
		out = append(out, byte(bits>>4))
	case 3:
		out = append(out, byte(bits>>10), byte(bits>>2))
	}
	return out
}

func (d *base64Decoder) problems() []Problem {
	switch {
	case d.alien > 0:
		return []Problem{problem(Base64Damaged, "base64-alien", "n", strconv.FormatInt(d.alien, 10))}
	case d.tail:
		return []Problem{problem(Base64Damaged, "base64-cut")}
	}
	return nil
}

// A quotedDecoder undoes quoted-printable (RFC 2045 section 6.7) line by line.
// What is no escape stays as it is and is counted.
type quotedDecoder struct {
	r    *bufio.Reader
	rest []byte
	bad  int64
	high int64
	err  error
}

func (d *quotedDecoder) Read(out []byte) (int, error) {
	for len(d.rest) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		var line []byte
		line, d.err = d.r.ReadSlice('\n')
		if errors.Is(d.err, bufio.ErrBufferFull) {
			d.err = nil
			line = d.splitSafely(line)
		}
		d.rest = d.decode(line)
	}
	n := copy(out, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// splitSafely adds to a piece of a very long line what completes an escape at
// its end.
func (d *quotedDecoder) splitSafely(piece []byte) []byte {
	for back := 1; back <= 2; back++ {
		if piece[len(piece)-back] != '=' {
			continue
		}
		whole := append([]byte(nil), piece...) // reading on overwrites it
		for range 3 - back {
			if c, err := d.r.ReadByte(); err == nil {
				whole = append(whole, c)
			}
		}
		return whole
	}
	return piece
}

// decode works in place: what comes out is never longer than what goes in.
func (d *quotedDecoder) decode(line []byte) []byte {
	end := len(line)
	for end > 0 && (line[end-1] == '\n' || line[end-1] == '\r') {
		end--
	}
	eol := line[end:]
	if len(eol) > 0 {
		for end > 0 && (line[end-1] == ' ' || line[end-1] == '\t') {
			end--
		}
	}
	out := line[:0]
	for i := 0; i < end; i++ {
		c := line[i]
		switch {
		case c >= utf8.RuneSelf:
			d.high++
		case c == '=':
			if i+1 == end && (len(eol) > 0 || d.err != nil) {
				return out // a soft line break
			}
			if i+2 < end {
				if hi, lo := hexDigit(line[i+1]), hexDigit(line[i+2]); hi < 16 && lo < 16 {
					c = hi<<4 | lo
					i += 2
					break
				}
			}
			d.bad++
		}
		out = append(out, c)
	}
	return append(out, eol...)
}

func (d *quotedDecoder) problems() []Problem {
	switch {
	case d.bad > 0:
		return []Problem{problem(QuotedDamaged, "quoted-escape", "n", strconv.FormatInt(d.bad, 10))}
	case d.high > 0:
		return []Problem{problem(QuotedDamaged, "quoted-high", "n", strconv.FormatInt(d.high, 10))}
	}
	return nil
}
