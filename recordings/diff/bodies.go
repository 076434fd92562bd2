package diff

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"smtptap/decode"
	"smtptap/decode/message"
	"smtptap/decode/who"
)

// Message is the first difference between two messages that matters, nil for none.
func Message(a *decode.Transcript, of *decode.Message, b *decode.Transcript, with *decode.Message) (*Difference, error) {
	var sides [2]outliner
	for i, m := range []*decode.Message{of, with} {
		sides[i] = outliner{t: []*decode.Transcript{a, b}[i], seen: map[string]int{}}
		if err := sides[i].message(0, m); err != nil {
			return nil, err
		}
	}
	var r Result
	if err := r.align(sides[0].items, sides[1].items); err != nil || r.Same() {
		return nil, err
	}
	return &r.Differences[0], nil
}

// bodies compares the messages of both sessions pair by pair.
func (r *Result) bodies(a, b *decode.Transcript) error {
	left, right := a.Messages(), b.Messages()
	for i := range min(len(left), len(right)) {
		x, err := hashes(a, &left[i])
		if err != nil {
			return words.Error("reading", "n", i+1, "session", "A", "why", err)
		}
		y, err := hashes(b, &right[i])
		if err != nil {
			return words.Error("reading", "n", i+1, "session", "B", "why", err)
		}
		r.Bodies = append(r.Bodies, Body{i + 1, x.wire == y.wire, x.even == y.even, x.simple == y.simple, x.relaxed == y.relaxed})
	}
	return nil
}

type bodyHashes struct{ wire, even, simple, relaxed string }

// hashes reads a body as it was on the wire, with its boundaries evened out, and
// as each of the two canonicalizations of DKIM sees it.
func hashes(t *decode.Transcript, m *decode.Message) (h bodyHashes, err error) {
	var spans []decode.Span
	for _, p := range m.Parts {
		if e := t.Entries[p].Event; e.Kind == decode.KindBody {
			spans = append(spans, e.Span)
		}
	}
	tree, err := message.Scan(t.Open(m), message.Limits{})
	if err != nil {
		return h, err
	}
	wire := func() io.Reader { return t.Reader(who.ClientLeg, who.Client, spans...) }
	if h.wire, err = hash(wire()); err != nil {
		return h, err
	}
	if h.even, err = hash(newEvenReader(wire(), boundariesOf(tree))); err != nil {
		return h, err
	}
	body := func() io.Reader {
		only := *m
		only.Spans = spans
		return &afterEmptyLine{r: t.Open(&only)}
	}
	if h.simple, err = message.BodyHash(body(), message.Simple); err != nil {
		return h, err
	}
	h.relaxed, err = message.BodyHash(body(), message.Relaxed)
	return h, err
}

func hash(r io.Reader) (string, error) {
	sum := sha256.New()
	_, err := io.Copy(sum, r)
	return fmt.Sprintf("%x", sum.Sum(nil)), err
}

// afterEmptyLine leaves out the empty line that a body event begins with: it
// ends the header and is no part of the body.
type afterEmptyLine struct {
	r    io.Reader
	done bool
}

func (b *afterEmptyLine) Read(p []byte) (int, error) {
	if !b.done {
		b.done = true
		head := make([]byte, 2)
		n, err := io.ReadFull(b.r, head)
		if err != nil && err != io.ErrUnexpectedEOF {
			return 0, err
		}
		if head = head[:n]; !bytes.Equal(head, []byte("\r\n")) {
			head = bytes.TrimPrefix(head, []byte("\n"))
			b.r = io.MultiReader(bytes.NewReader(head), b.r)
		}
	}
	return b.r.Read(p)
}
