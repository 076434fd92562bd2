package diff

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"

	"smtptap/decode/message"
)

// A boundary parts the parts of a message (RFC 2046 section 5.1.1).
type boundary struct{ name, even []byte }

// boundariesOf are those of a message. The longer ones come first: a boundary
// may begin like another.
func boundariesOf(t *message.Tree) []boundary {
	var all []boundary
	for i := range t.Parts {
		if name := t.Parts[i].Type.Get("boundary"); t.Parts[i].Container && name != "" {
			all = append(all, boundary{[]byte(name), fmt.Appendf(nil, "boundary %d", len(all))})
		}
	}
	slices.SortStableFunc(all, func(a, b boundary) int { return cmp.Compare(len(b.name), len(a.name)) })
	return all
}

// An evenReader reads a body with each boundary under a name that is the same
// in every message: mail programs make boundaries up anew each time.
type evenReader struct {
	r          *bufio.Reader
	boundaries []boundary
	line       []byte // of what was read, not handed out yet
}

func newEvenReader(r io.Reader, all []boundary) *evenReader {
	return &evenReader{r: bufio.NewReaderSize(r, 64<<10), boundaries: all}
}

func (e *evenReader) Read(p []byte) (int, error) {
	for len(e.line) == 0 {
		line, err := e.r.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			return 0, err
		}
		e.line = e.even(line)
	}
	n := copy(p, e.line)
	e.line = e.line[n:]
	return n, nil
}

// even renames the boundaries in a line: those that part, and those that the
// header of a part declares.
func (e *evenReader) even(line []byte) []byte {
	for _, b := range e.boundaries {
		if bytes.Contains(line, b.name) {
			line = bytes.ReplaceAll(line, b.name, b.even)
		}
	}
	return line
}
