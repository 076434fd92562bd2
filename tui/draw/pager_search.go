package draw

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// searchStep is how many items one call of Find looks at, so that keys are
// answered while a big message is searched.
const searchStep = 20_000

type search struct {
	query string // in lower case
	back  bool
	at    int // item to look at next
	left  int // items still to look at
}

// Search sets what Find looks for. An empty query ends the search.
func (p *Pager) Search(query string) {
	p.search = search{query: strings.ToLower(query)}
}

// Query is what is searched for, "" for nothing.
func (p *Pager) Query() string { return p.search.query }

// Begin starts a search at the cursor. The item under the cursor counts only
// when here is set.
func (p *Pager) Begin(back, here bool) {
	s := &p.search
	s.back, s.at, s.left = back, p.cursor, p.source.Len()
	if !here {
		s.advance(p.source.Len())
	}
}

// SearchResult is what a step of a search came to.
type SearchResult uint8

const (
	NotFound   SearchResult = iota // the whole source was looked at
	Found                          // the cursor is on it
	Unfinished                     // call Find again
)

// Find goes on with the search that Begin started, around the end of the
// source if need be.
func (p *Pager) Find() SearchResult {
	s := &p.search
	for range searchStep {
		if s.left <= 0 || s.query == "" || s.at >= p.source.Len() {
			return NotFound
		}
		i := s.at
		s.left--
		s.advance(p.source.Len())
		if strings.Contains(strings.ToLower(p.source.Text(i)), s.query) {
			s.left = 0
			p.follow = false
			p.Go(i)
			return Found
		}
	}
	return Unfinished
}

func (s *search) advance(n int) {
	switch {
	case n == 0:
	case s.back:
		s.at = (s.at + n - 1) % n
	default:
		s.at = (s.at + 1) % n
	}
}

// mark paints what the search found in a row, which may be painted already.
func (s *search) mark(row string, style Style) string {
	if s.query == "" {
		return row
	}
	text, places := plain(row)
	var b strings.Builder
	done, from := 0, 0
	for {
		i, n := indexFold(text[from:], s.query)
		if i < 0 {
			break
		}
		start, end := places[from+i], places[from+i+n-1]+1
		b.WriteString(row[done:start])
		b.WriteString("\x1b[0m" + style.On() + text[from+i:from+i+n] + "\x1b[0m" + lastStyle(row[:end]))
		done, from = end, from+i+n
	}
	if done == 0 {
		return row
	}
	b.WriteString(row[done:])
	return b.String()
}

// plain is a row without its colours, and where each of its bytes stands there.
func plain(row string) (text string, places []int) {
	var b []byte
	for i := 0; i < len(row); i++ {
		if row[i] == '\x1b' {
			for i < len(row) && !isFinal(row[i]) {
				i++
			}
			continue
		}
		b = append(b, row[i])
		places = append(places, i)
	}
	return string(b), places
}

// isFinal reports whether c ends one of our own sequences, which are all CSI.
func isFinal(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

// lastStyle is the style that is on at the end of a row's part.
func lastStyle(part string) string {
	i := strings.LastIndex(part, "\x1b[")
	if i < 0 {
		return ""
	}
	n := strings.IndexByte(part[i:], 'm')
	if n < 0 || part[i:i+n+1] == "\x1b[0m" {
		return ""
	}
	return part[i : i+n+1]
}

// indexFold is where query, in lower case, stands in text, and how many bytes
// it takes there.
func indexFold(text, query string) (at, n int) {
	for i := range text {
		if n, ok := prefixFold(text[i:], query); ok {
			return i, n
		}
	}
	return -1, 0
}

func prefixFold(text, query string) (int, bool) {
	n := 0
	for _, want := range query {
		r, size := utf8.DecodeRuneInString(text[n:])
		if size == 0 || unicode.ToLower(r) != want {
			return 0, false
		}
		n += size
	}
	return n, n > 0
}
