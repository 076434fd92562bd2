package smtp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// Data finds the ends of a message's lines and of the message, and counts
// what is unusual. It works on runs of bytes: only the first few of a line,
// where the dot may stand that ends the message, are looked at one by one.
//
// The message ends at CRLF "." CRLF and nowhere else (RFC 5321 section
// 4.1.1.4). What other servers might take for its end is counted as alike, in
// chunks too: who passes them on may do so after DATA.
type Data struct {
	Counts
	dots      bool  // a line with a single dot ends the message
	length    int64 // octets of the unfinished line
	prevCR    bool  // the last byte was a CR, which may belong to a line end
	start     start
	afterCRLF bool // the line before ended in CRLF
	nul       bool // a NUL stands beside the dot
	crs       int  // CRs after the dot

	before   string // the line end before this line, by name
	nulAfter bool   // the NUL stands after the dot
	lone     int64  // octets of the line up to its last lone CR

	anyNUL, anyHigh bool // of the bytes at hand
	odd             bool // something in them has to be looked at byte by byte
}

// start is what has been seen of a line that may be the end of data.
type start uint8

const (
	insideLine start = iota
	startOfLine
	afterNUL
	afterDot
	afterDotCR
)

// Counts are observations about a piece of a message.
type Counts struct {
	Lines      int64 // line ends
	Longest    int64 // octets of the longest line that has ended, without its end
	BareLF     int   // lines that end in LF alone
	BareCR     int   // CRs without LF
	NULs       int
	Long       int  // lines longer than RFC 5321 section 4.5.3.1.6 allows
	Alike      int  // lines that others may take for the end of data, or not take for it
	NotStuffed int  // lines with a dot that was not doubled
	EightBit   bool // octets above 127

	Forms []string // the octets of those alike, each form once, such as "LF . CR LF"
	Ended []byte   // the newest of those alike, from its dot or the NUL before it on
}

// longestText is what a line of text may hold without its CRLF (RFC 5321
// section 4.5.3.1.6).
const longestText = 998

// NewData is at the start of a message after 354, with dots, or of one in BDAT
// chunks, where no line ends it.
func NewData(dots bool) Data {
	return Data{dots: dots, start: startOfLine, afterCRLF: true, before: endCRLF}
}

// Look notes what is to be expected of a chunk, so that the common chunk need
// not be searched for it line by line.
func (s *Data) Look(p []byte) {
	s.anyNUL = bytes.IndexByte(p, 0) >= 0
	s.anyHigh = !s.EightBit && HasEightBit(p)
	s.odd = s.anyNUL || s.anyHigh
}

// Reset begins to count anew, in the middle of a chunk as well: Look has not
// looked for what had been seen before.
func (s *Data) Reset() {
	if s.EightBit {
		s.anyHigh, s.odd = true, true
	}
	s.Counts = Counts{}
}

// HasEightBit reports octets above 127, looking at many at a time.
func HasEightBit(p []byte) bool {
	const high = 0x8080808080808080
	for len(p) >= 32 {
		q := p[:32]
		if (word(q[0:])|word(q[8:])|word(q[16:])|word(q[24:]))&high != 0 {
			return true
		}
		p = p[32:]
	}
	for _, b := range p {
		if b&0x80 != 0 {
			return true
		}
	}
	return false
}

func word(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

// Line ends by name.
const (
	endCRLF = "CR LF"
	endLF   = "LF"
	endCR   = "CR"
)

// alike counts a line that is like the end of data, which ends in that.
func (s *Data) alike(after string) {
	s.Alike++
	form := ". " + after
	if s.nulAfter {
		form = ". NUL " + after
	} else if s.nul {
		form = "NUL . " + after
	}
	s.Ended = []byte(namedOctets.Replace(form))
	if form = s.before + " " + form; !slices.Contains(s.Forms, form) {
		s.Forms = append(s.Forms, form)
	}
}

// namedOctets are what the names in a form stand for.
var namedOctets = strings.NewReplacer("CR", "\r", "LF", "\n", "NUL", "\x00", " ", "")

// Line scans p up to the end of a line, of p, or of what some servers take for
// the end of the message. done means that it ends there.
func (s *Data) Line(p []byte) (n int, ended, done bool) {
	for n < len(p) {
		switch {
		case s.start != insideLine:
			before := s.Alike
			used, ended, done := s.startByte(p[n])
			n += used
			if ended || s.Alike > before {
				return n, ended, done
			}
		case s.prevCR && p[n] == '\n':
			s.prevCR = false
			s.endLine(true)
			return n + 1, true, false
		case s.prevCR:
			s.prevCR = false
			s.loneCR()
		default:
			used, ended := s.inside(p[n:])
			n += used
			if ended {
				return n, true, false
			}
		}
	}
	return n, false, false
}

// Whole takes the whole lines at the start of p, up to one that needs a closer
// look. It returns 0 when the first of them does.
func (s *Data) Whole(p []byte) (n int) {
	if s.start != startOfLine || s.length > 0 || s.odd {
		return 0
	}
	var c Counts
	strict := s.afterCRLF
	for n < len(p) && p[n] != '.' {
		lf := bytes.IndexByte(p[n:], '\n')
		if lf < 0 {
			break
		}
		length := lf
		if strict = lf > 0 && p[n+lf-1] == '\r'; strict {
			length--
		} else {
			c.BareLF++
		}
		c.Lines++
		c.Longest = max(c.Longest, int64(length))
		if length > longestText {
			c.Long++
		}
		n += lf + 1
	}
	if n == 0 {
		return 0
	}
	// A CR that no LF follows is found by their number.
	if s.odd = bytes.Count(p[:n], []byte{'\r'}) != int(c.Lines)-c.BareLF; s.odd {
		return 0
	}
	s.Lines += c.Lines
	s.Longest = max(s.Longest, c.Longest)
	s.Long += c.Long
	s.BareLF += c.BareLF
	s.ends(strict)
	return n
}

// ends begins a line after one that ends in CR LF, or in LF alone.
func (s *Data) ends(strict bool) {
	s.start, s.afterCRLF, s.before, s.lone = startOfLine, strict, endLF, 0
	if strict {
		s.before = endCRLF
	}
}

// Unfinished is how many octets of a line stand after the last line end.
func (s *Data) Unfinished() int64 { return s.length }

// stride bounds what is searched for a line end at a time: bytes after a CR
// and a dot are searched again.
const stride = 1 << 10

// inside takes bytes that can't be part of an end of data.
func (s *Data) inside(p []byte) (n int, ended bool) {
	p = p[:min(len(p), stride)]
	lf := bytes.IndexByte(p, '\n')
	end, atEnd := lf, false
	if lf < 0 {
		end = len(p)
	}
	for n < end {
		cr := bytes.IndexByte(p[n:end], '\r')
		if cr < 0 {
			s.count(p[n:end])
			break
		}
		s.count(p[n : n+cr])
		n += cr + 1
		if atEnd = n == end; atEnd {
			break
		}
		if p[n] == '.' || p[n] == 0 {
			s.prevCR = true
			return n, false
		}
		s.loneCR()
		s.start = insideLine
	}
	if lf < 0 {
		s.prevCR = atEnd
		return end, false
	}
	s.endLine(atEnd)
	return lf + 1, true
}

// count takes text of a line.
func (s *Data) count(text []byte) {
	s.length += int64(len(text))
	if s.anyNUL {
		s.NULs += bytes.Count(text, []byte{0})
	}
	if s.anyHigh && !s.EightBit {
		s.EightBit = HasEightBit(text)
	}
}

// loneCR is a CR that no LF follows. Some servers take it for a line end.
func (s *Data) loneCR() {
	s.BareCR++
	s.length++
	s.start, s.afterCRLF, s.before, s.lone = startOfLine, false, endCR, s.length
}

func (s *Data) endLine(strict bool) {
	doubled := strict && s.lone > 0 && s.lone == s.length
	s.Lines++
	s.Longest = max(s.Longest, s.length)
	if s.length > longestText {
		s.Long++
	}
	if !strict {
		s.BareLF++
	}
	s.length = 0
	s.ends(strict)
	if doubled {
		s.before = endCR + " " + endCRLF
	}
}

// startByte looks at one byte near the start of a line. It uses the byte or
// leaves it to be looked at again in the new state.
func (s *Data) startByte(c byte) (used int, ended, done bool) {
	switch s.start {
	case startOfLine:
		s.nul, s.nulAfter, s.crs = false, false, 0
		switch {
		case c == '.':
			s.start = afterDot
		case c == 0:
			s.start, s.nul = afterNUL, true
			s.NULs++
		default:
			s.start = insideLine
			return 0, false, false
		}
		s.length++
		return 1, false, false
	case afterNUL:
		if c != '.' {
			s.start = insideLine
			return 0, false, false
		}
		s.start = afterDot
		s.length++
		return 1, false, false
	case afterDot:
		return s.byteAfterDot(c)
	}
	return s.byteAfterDotCR(c)
}

func (s *Data) byteAfterDot(c byte) (used int, ended, done bool) {
	switch c {
	case '\r':
		s.start, s.crs = afterDotCR, 1
		return 1, false, false
	case '\n':
		s.alike(endLF)
		s.endLine(false)
		return 1, true, false
	case 0:
		s.nul, s.nulAfter = true, true
		s.NULs++
		s.length++
		return 1, false, false
	case '.':
	default:
		if s.dots && !s.nul {
			s.NotStuffed++
		}
	}
	s.start = insideLine
	return 0, false, false
}

func (s *Data) byteAfterDotCR(c byte) (used int, ended, done bool) {
	switch {
	case c == '\n' && s.afterCRLF && !s.nul && s.crs == 1:
		if s.before != endCRLF { // other servers wait for more
			s.alike(endCRLF)
		}
		if !s.dots {
			s.endLine(true)
			return 1, true, false
		}
		s.length = 0
		return 1, true, true
	case c == '\n':
		s.alike(strings.Repeat(endCR+" ", s.crs-1) + endCRLF)
		s.BareCR += s.crs - 1
		s.endLine(true)
		return 1, true, false
	case c == '\r' && s.crs < mostCRs:
		s.crs++
		return 1, false, false
	}
	s.alike(strings.TrimSuffix(strings.Repeat(endCR+" ", s.crs), " "))
	s.BareCR += s.crs
	s.start, s.afterCRLF, s.before, s.lone = startOfLine, false, endCR, 0
	return 0, false, false
}

// EndsInCR takes a CR after a dot for the end of its line, though an LF may
// follow, if that is what has been read.
func (s *Data) EndsInCR() bool {
	pending := s.start == afterDotCR
	if pending {
		s.byteAfterDotCR(0)
	}
	return pending
}

// mostCRs is how many CRs after a dot are counted as one line end.
const mostCRs = 4
