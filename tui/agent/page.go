package agent

import (
	"bytes"
	"strconv"
	"strings"
)

// Bounds of an answer, in bytes.
const (
	usualPage = 8_000
	mostPage  = 40_000
	leastPage = 500
)

// paged is what every tool's arguments say of the answer.
type paged interface{ window() *window }

// A size says how long an answer may be.
type size struct {
	MaxBytes int `json:"max_bytes,omitempty"`
}

func (s size) window() *window {
	if s.MaxBytes <= 0 {
		return &window{most: usualPage}
	}
	return &window{most: min(max(s.MaxBytes, leastPage), mostPage)}
}

// A page is a part of an answer that is the same each time.
type page struct {
	size
	Offset int `json:"offset,omitempty"`
}

func (p page) window() *window {
	w := p.size.window()
	w.from, w.again = max(p.Offset, 0), true
	return w
}

// A window keeps the part of an answer that is asked for, however long it is.
type window struct {
	from, most int
	again      bool // the rest can be asked for
	total      int
	held       []byte
}

func (w *window) Write(p []byte) (int, error) {
	part := p[min(max(w.from-w.total, 0), len(p)):]
	w.held = append(w.held, part[:min(w.most-len(w.held), len(part))]...)
	w.total += len(p)
	return len(p), nil
}

// page is the part of an answer that a window shows, cut where a line ends, and
// how to get the rest.
func (s *server) page(w *window) string {
	text := w.held
	if rest := w.total - w.from - len(text); rest > 0 {
		if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
			text = text[:i+1]
		}
	}
	shown := strings.ToValidUTF8(string(text), "")
	end := w.from + len(text)
	if end >= w.total && w.from < max(w.total, 1) {
		return shown
	}
	key := "cut"
	switch {
	case w.from >= w.total:
		key = "beyond"
	case w.again:
		key = "more"
	}
	return shown + s.say(key, "end", strconv.Itoa(end), "total", strconv.Itoa(w.total), "most", strconv.Itoa(mostPage)) + "\n"
}

// A tail keeps the end of what is written to it.
type tail struct {
	most  int
	total int
	held  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.total += len(p)
	t.held = append(t.held, p[max(len(p)-t.most, 0):]...)
	t.held = append(t.held[:0], t.held[max(len(t.held)-t.most, 0):]...)
	return len(p), nil
}
