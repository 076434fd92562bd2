package panes

import (
	"context"
	"fmt"
	"io"

	"smtptap/decode"
	mime "smtptap/decode/message"
)

// A reading is what was found out about one message.
type reading struct {
	message  *decode.Message
	tree     *mime.Tree
	previews map[int]mime.Preview // by part
	facts    map[int]mime.Facts   // likewise; read last
	begun    bool                 // only the beginning was read, for the header
	err      error
}

// limits of what is read to be shown at once. The raw view has no such limits.
var limits = mime.Limits{Preview: 256 << 10}

// early is how far into a message the text parts are that are read with it;
// later ones are read when somebody opens them.
const early = 8 << 20

// firstBytes is what is read of a large message before anything is shown. It is
// as much as a header may take.
const firstBytes = 256 << 10

// beginReading reads the beginning of a message that is too large to be read at once,
// or else the whole message.
func beginReading(ctx context.Context, s *Session, n int) *reading {
	m := &s.Mail[n]
	if m.Size() <= firstBytes {
		return readMessage(ctx, s, n)
	}
	r := &reading{message: m, begun: true}
	r.tree, r.err = mime.Scan(io.LimitReader(openMessage(ctx, s, m), firstBytes), limits)
	return r
}

// readMessage finds the parts of a message and reads the text that begins early.
func readMessage(ctx context.Context, s *Session, n int) *reading {
	m := &s.Mail[n]
	r := &reading{message: m, previews: map[int]mime.Preview{}}
	if r.tree, r.err = mime.Scan(openMessage(ctx, s, m), limits); r.err != nil && r.tree == nil {
		return r
	}
	for i := range r.tree.Parts {
		p := &r.tree.Parts[i]
		if p.IsText() && !p.Container && p.Body.Start < early && len(r.previews) < 20 {
			if preview, err := p.Preview(openMessage(ctx, s, m), limits); err == nil {
				r.previews[i] = preview
			}
		}
	}
	return r
}

// readPart reads one part's text.
func readPart(ctx context.Context, s *Session, r *reading, part int) (mime.Preview, error) {
	p, err := r.tree.Parts[part].Preview(openMessage(ctx, s, r.message), limits)
	if err != nil {
		return p, fmt.Errorf("part %s: %w", r.tree.Parts[part].Number, err)
	}
	return p, nil
}

// readFacts reads the whole message once for the sizes and checksums of parts.
func readFacts(ctx context.Context, s *Session, r *reading) (map[int]mime.Facts, error) {
	return r.tree.Facts(openMessage(ctx, s, r.message))
}

func openMessage(ctx context.Context, s *Session, m *decode.Message) io.Reader {
	return whileWanted{ctx, s.Open(m)}
}
