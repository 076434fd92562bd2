package diff

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/message"
	"smtptap/decode/visible"
)

// A Line is the first line in which two texts differ.
type Line struct {
	Number int    `json:"number"` // counted from 1
	A      string `json:"a"`      // safe to show; "" where A has ended
	B      string `json:"b"`
}

// mostCompared is how much of a text is searched for its first different line,
// in bytes; mostShown how much of that line is kept, in bytes.
const (
	mostCompared = 4 << 20
	mostShown    = 1 << 10
)

// A body is a part of a message whose lines can be compared.
type body struct {
	t    *decode.Transcript
	m    *decode.Message
	part *message.Part
}

// text is the part's text in UTF-8, as far as it is compared.
func (b *body) text() (string, error) {
	p, err := b.part.Preview(b.t.Open(b.m), message.Limits{Preview: mostCompared})
	if err != nil {
		return "", err
	}
	return p.Text, nil
}

// firstLine finds the first line in which two parts differ. It is nil when one
// of them is no text, or the texts differ only further down than is compared,
// or not at all: the same text in another charset or encoding.
func firstLine(a, b *body) (*Line, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	left, err := a.text()
	if err != nil {
		return nil, err
	}
	right, err := b.text()
	if err != nil {
		return nil, err
	}
	for n := 1; left != "" || right != ""; n++ {
		var x, y string
		x, left = cutLine(left)
		y, right = cutLine(right)
		if x != y {
			return &Line{n, shown(x), shown(y)}, nil
		}
	}
	return nil, nil
}

// cutLine takes a line with its end off the front of a text.
func cutLine(text string) (line, rest string) {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return text[:i+1], text[i+1:]
	}
	return text, ""
}

func shown(line string) string {
	return visible.Text(strings.TrimSuffix(strings.TrimSuffix(line[:min(len(line), mostShown)], "\n"), "\r"))
}
