package message

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What can be wrong with the structure of a message (RFC 2045, RFC 2046).
const (
	HeaderEndedEarly   = "header-ended-early"   // no empty line between header and body
	BoundaryMissing    = "boundary-missing"     // a multipart without a boundary parameter
	BoundaryTooLong    = "boundary-too-long"    // over Limits.Boundary
	BoundaryNotFound   = "boundary-not-found"   // no line with the boundary
	BoundaryNotClosed  = "boundary-not-closed"  // no closing line
	PartAfterEnd       = "part-after-end"       // a part after the closing line
	EncodingUnknown    = "encoding-unknown"     // Content-Transfer-Encoding that no RFC defines
	EncodingNotAllowed = "encoding-not-allowed" // base64 or quoted-printable around parts
	TypeMalformed      = "type-malformed"       // Content-Type is no type/subtype
)

// A Tree is the structure of a message as offsets into it. Nothing of the
// bodies is held.
type Tree struct {
	Parts   []Part // the message itself first, each part before those inside it
	Size    int64  // of the whole message in bytes
	Stopped string // why the parts end early, such as "stopped: more than 1000 parts"; "" for whole
}

// A Part is the message itself or one part of it.
type Part struct {
	Number string // "" for the message, then "1", "1.2", ... as IMAP counts
	Parent int    // index in Tree.Parts, -1 for the message
	Depth  int    // 0 for the message

	Header     Header
	HeaderSpan Span // header with the empty line after it
	Body       Span // without the line end in front of the next boundary

	Type        Structured // Content-Type; the default of RFC 2045 section 5.2 where there is none
	Encoding    string     // Content-Transfer-Encoding, lower case; "7bit" where there is none
	Disposition Structured // Content-Disposition
	Filename    string     // as claimed by the sender: data to show, never a path to write to
	Container   bool       // its parts follow
	Children    int        // how many of them are direct

	Problems problems
	Stopped  string // why it was not read further, such as "stopped: nesting deeper than 32"
}

// Attachment reports whether the part is meant to be saved rather than read:
// its disposition says so, or it has a file name, or it is neither text nor a
// container.
func (p *Part) Attachment() bool {
	switch {
	case p.Container:
		return false
	case p.Disposition.Value != "":
		return p.Disposition.Value != "inline" || p.Filename != ""
	}
	return p.Filename != "" || !p.IsText()
}

// IsText reports whether the part's type is text.
func (p *Part) IsText() bool { return strings.HasPrefix(p.Type.Value, "text/") }

// Scan reads a message from its first byte to its end, dot-stuffing undone,
// and finds its parts. It makes one pass in time proportional to the length
// whatever the bytes are, and holds no more than the headers that the limits
// allow. An error is one of the reader; what was found until then is returned
// with it.
func Scan(r io.Reader, l Limits) (*Tree, error) {
	l = l.withDefaults()
	s := scanner{r: bufio.NewReaderSize(r, 64<<10), limits: l, tree: &Tree{}}
	s.begin(-1, "text/plain")
	err := s.run()
	s.closeDownTo(-1, s.pos)
	s.tree.Size = s.pos
	if err != nil {
		return s.tree, fmt.Errorf("reading the message at offset %d: %w", s.pos, err)
	}
	return s.tree, nil
}

type scanner struct {
	r       *bufio.Reader
	limits  Limits
	tree    *Tree
	stack   []entity
	pos     int64 // start of the line being looked at
	eol     int64 // length of the line end in front of pos
	kept    int   // bytes of all headers that are held
	drained bool  // the limit of parts was met: only count
}

// An entity is a part that has not ended yet.
type entity struct {
	part     int
	boundary string // of a multipart
	opened   bool   // its boundary was met
	closed   bool   // its closing boundary was met
	header   *headerReader
	byType   string // type of children that name none
}

func (s *scanner) top() *entity { return &s.stack[len(s.stack)-1] }

// run reads line by line. A line longer than the buffer comes in pieces.
func (s *scanner) run() error {
	first := true
	var last byte // of the piece before
	for {
		line, err := s.r.ReadSlice('\n')
		whole := err == nil || errors.Is(err, io.EOF)
		if len(line) > 0 && !s.drained {
			s.take(line, first, whole)
		}
		s.pos += int64(len(line))
		switch {
		case err == nil:
			s.eol = eolLength(last, line)
			first = true
		case errors.Is(err, bufio.ErrBufferFull):
			first, last = false, line[len(line)-1]
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

// eolLength is the length of the line end of a line, or of the last piece of
// one; before is the byte in front of the piece.
func eolLength(before byte, line []byte) int64 {
	if n := len(line); n > 1 {
		before = line[n-2]
	}
	if before == '\r' {
		return 2
	}
	return 1
}

// take handles a line, or a piece of one.
func (s *scanner) take(line []byte, first, whole bool) {
	if first && whole && len(line) > 2 && line[0] == '-' && line[1] == '-' && s.delimiter(line) {
		return
	}
	// A line that is no field ends a header and begins the body, which in a
	// message part is a header again.
	for s.top().header != nil && s.top().header.line(line, s.pos, first) {
		if isBlank(line) {
			s.endHeader(s.pos + int64(len(line)))
			return
		}
		s.part(s.top()).Problems.add(HeaderEndedEarly, "header-ended-early")
		s.endHeader(s.pos)
	}
}

func isBlank(line []byte) bool {
	return string(line) == "\r\n" || string(line) == "\n" || string(line) == "\r"
}

func (s *scanner) part(e *entity) *Part { return &s.tree.Parts[e.part] }

// begin opens a part inside the part at index parent.
func (s *scanner) begin(parent int, byType string) {
	p := Part{Parent: parent, HeaderSpan: Span{Start: s.pos}}
	p.Type.Value = byType
	if parent >= 0 {
		up := &s.tree.Parts[parent]
		up.Children++
		p.Depth = up.Depth + 1
		p.Number = strconv.Itoa(up.Children)
		if up.Number != "" {
			p.Number = up.Number + "." + p.Number
		}
	}
	s.tree.Parts = append(s.tree.Parts, p)
	s.stack = append(s.stack, entity{part: len(s.tree.Parts) - 1, header: newHeaderReader(s.limits, &s.kept), byType: "text/plain"})
}

// endHeader takes the header of the innermost part, whose body begins at pos,
// and sees what the body is.
func (s *scanner) endHeader(pos int64) {
	e := s.top()
	p := s.part(e)
	p.Header, p.Stopped = e.header.finish(s.pos)
	e.header = nil
	p.HeaderSpan.End = pos
	p.Body.Start = pos
	p.readHeader()
	switch kind, sub, _ := strings.Cut(p.Type.Value, "/"); {
	case kind == "multipart":
		s.openMultipart(e, p)
	case kind == "message" && (sub == "rfc822" || sub == "global"):
		s.openMessage(e, p, pos)
	}
}

// openMultipart lets the boundary of a multipart count from here on.
func (s *scanner) openMultipart(e *entity, p *Part) {
	boundary := strings.TrimRight(p.Type.Get("boundary"), " \t")
	switch {
	case boundary == "":
		p.Problems.add(BoundaryMissing, "boundary-missing", "value", clip(p.Type.Value))
		return
	case len(boundary) > s.limits.Boundary:
		p.Problems.add(BoundaryTooLong, "boundary-too-long", "n", strconv.Itoa(len(boundary)))
		return
	case p.Depth >= s.limits.Depth:
		p.Stopped = "stopped: nesting deeper than " + strconv.Itoa(s.limits.Depth)
		return
	}
	if !isIdentity(p.Encoding) {
		p.Problems.add(EncodingNotAllowed, "encoded-multipart", "value", clip(p.Encoding))
	}
	p.Container = true
	e.boundary = boundary
	if p.Type.Value == "multipart/digest" {
		e.byType = "message/rfc822"
	}
}

// openMessage begins the message inside a message part at pos.
func (s *scanner) openMessage(e *entity, p *Part, pos int64) {
	switch {
	case !isIdentity(p.Encoding):
		p.Problems.add(EncodingNotAllowed, "encoded-message", "value", clip(p.Encoding))
		return
	case p.Depth >= s.limits.Depth:
		p.Stopped = "stopped: nesting deeper than " + strconv.Itoa(s.limits.Depth)
		return
	case len(s.tree.Parts) >= s.limits.Parts:
		s.stop()
		return
	}
	p.Container = true
	parent, at := e.part, s.pos
	s.pos = pos
	s.begin(parent, "text/plain")
	s.pos = at
}

func (s *scanner) stop() {
	s.tree.Stopped = "stopped: more than " + strconv.Itoa(s.limits.Parts) + " parts"
	s.drained = true
}

// delimiter handles a line that begins with two hyphens if it is the boundary
// of a part that has not ended. The innermost one wins (RFC 2046 section 5.1.2).
func (s *scanner) delimiter(line []byte) bool {
	for k := len(s.stack) - 1; k >= 0; k-- {
		e := &s.stack[k]
		closing, ok := e.matches(line)
		if !ok {
			continue
		}
		s.closeDownTo(k, max(s.pos-s.eol, 0))
		p := s.part(e)
		switch {
		case e.closed:
			if !closing {
				p.Problems.add(PartAfterEnd, "part-after-end")
			}
		case closing:
			e.opened, e.closed = true, true
		case len(s.tree.Parts) >= s.limits.Parts:
			s.stop()
		default:
			e.opened = true
			at := s.pos
			s.pos += int64(len(line))
			s.begin(e.part, e.byType)
			s.pos = at
		}
		return true
	}
	return false
}

// matches reports whether a line is "--" boundary, or "--" boundary "--",
// with nothing but white space after it.
func (e *entity) matches(line []byte) (closing, ok bool) {
	if e.boundary == "" || len(line) < 2+len(e.boundary) || string(line[2:2+len(e.boundary)]) != e.boundary {
		return false, false
	}
	rest := line[2+len(e.boundary):]
	if len(rest) >= 2 && rest[0] == '-' && rest[1] == '-' {
		closing, rest = true, rest[2:]
	}
	for _, c := range rest {
		if !isSpace(c) {
			return false, false
		}
	}
	return closing, true
}

// closeDownTo ends the parts above the one at index k of the stack. end is
// where their bodies end.
func (s *scanner) closeDownTo(k int, end int64) {
	for len(s.stack) > k+1 {
		e := s.top()
		if e.header != nil {
			s.endUnfinishedHeader(e)
		}
		p := s.part(e)
		p.Body.End = max(p.Body.Start, end)
		if e.boundary != "" && !s.drained {
			e.missingDelimiters(p)
		}
		s.stack = s.stack[:len(s.stack)-1]
	}
}

// endUnfinishedHeader ends a header that no empty line ended.
func (s *scanner) endUnfinishedHeader(e *entity) {
	p := s.part(e)
	p.Header, p.Stopped = e.header.finish(s.pos)
	e.header = nil
	p.HeaderSpan.End = s.pos
	p.Body.Start = p.HeaderSpan.End
	p.readHeader()
}

// missingDelimiters notes what a multipart that has ended lacks.
func (e *entity) missingDelimiters(p *Part) {
	switch {
	case !e.opened:
		p.Problems.add(BoundaryNotFound, "boundary-not-found", "value", clip(e.boundary))
	case !e.closed:
		p.Problems.add(BoundaryNotClosed, "boundary-not-closed", "value", clip(e.boundary))
	}
}

// readHeader takes what the part's header says about its body.
func (p *Part) readHeader() {
	if value := p.Header.Get("Content-Type"); value != "" {
		p.Type = ReadStructured(value)
		if kind, sub, ok := strings.Cut(p.Type.Value, "/"); !ok || kind == "" || sub == "" {
			p.Problems.add(TypeMalformed, "type-malformed", "value", clip(p.Type.Value))
		}
	}
	p.Disposition = ReadStructured(p.Header.Get("Content-Disposition"))
	p.Encoding = encodingName(p.Header.Get("Content-Transfer-Encoding"))
	if !isIdentity(p.Encoding) && p.Encoding != "base64" && p.Encoding != "quoted-printable" {
		p.Problems.add(EncodingUnknown, "encoding-unknown", "value", clip(p.Encoding))
	}
	p.Filename = p.Disposition.Get("filename")
	if p.Filename == "" {
		p.Filename = p.Type.Get("name")
	}
	p.Problems.join(p.Type.Problems...)
	p.Problems.join(p.Disposition.Problems...)
}

// encodingName reduces the value of Content-Transfer-Encoding to its token.
func encodingName(value string) string {
	c := cursor{s: value}
	name := strings.ToLower(strings.TrimSpace(c.until(";")))
	if name == "" {
		return "7bit"
	}
	return name
}

// isIdentity reports whether the encoding leaves the bytes as they are.
func isIdentity(encoding string) bool {
	return encoding == "7bit" || encoding == "8bit" || encoding == "binary"
}

// clip shortens what a problem quotes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
