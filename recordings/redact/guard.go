package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"

	"smtptap/decode"
)

// ErrLeak says that a known secret was about to be written.
var ErrLeak = errors.New("refused: what was to be written holds a password of this session; nothing more was written")

// shortest is how long a secret must be to be searched for: shorter ones are
// in every text.
const shortest = 5

// Secrets are the passwords and tokens that the recording of t holds.
func Secrets(t *decode.Transcript) []string {
	var found []string
	for _, e := range t.Entries {
		if e.Event == nil || e.Event.Auth == nil {
			continue
		}
		if s := e.Event.Auth.Revealed; len(s) >= shortest {
			found = append(found, s)
		}
	}
	return found
}

// Guard returns a writer to w that refuses to write any of the secrets, in
// clear, in base64 at any alignment, in hex, URL-encoded or quoted. Close
// writes what it still holds.
func Guard(w io.Writer, secrets []string) io.WriteCloser {
	g := &guard{w: w}
	for _, s := range secrets {
		for _, form := range forms(s) {
			g.forms = append(g.forms, form)
			g.keep = max(g.keep, len(form)-1)
		}
	}
	return g
}

type guard struct {
	w     io.Writer
	forms [][]byte
	keep  int // bytes to hold back: a secret may come in two pieces
	held  []byte
	err   error
}

func (g *guard) Write(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	g.held = append(g.held, p...)
	for _, form := range g.forms {
		if bytes.Contains(g.held, form) {
			g.err = ErrLeak
			return 0, g.err
		}
	}
	if n := len(g.held) - g.keep; n > 0 {
		_, g.err = g.w.Write(g.held[:n])
		g.held = append(g.held[:0], g.held[n:]...)
	}
	return len(p), g.err
}

func (g *guard) Close() error {
	if g.err == nil {
		_, g.err = g.w.Write(g.held)
	}
	g.held = nil
	return g.err
}

// forms are the ways in which a secret may be written.
func forms(secret string) [][]byte {
	digits := hex.EncodeToString([]byte(secret))
	out := [][]byte{[]byte(secret), []byte(digits), []byte(strings.ToUpper(digits))}
	if q := url.QueryEscape(secret); q != secret {
		out = append(out, []byte(q))
	}
	if q := strconv.Quote(secret); q[1:len(q)-1] != secret {
		out = append(out, []byte(q[1:len(q)-1]))
	}
	for lead := range 3 {
		// Of base64 only those characters that no neighbour has a part in.
		e := base64.StdEncoding.EncodeToString(append(make([]byte, lead), secret...))
		start := (lead*8 + 5) / 6
		end := (lead + len(secret)) * 8 / 6
		if end-start >= shortest {
			out = append(out, []byte(e[start:end]))
		}
	}
	return out
}
