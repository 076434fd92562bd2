package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

// ErrLeak says that a known secret was about to be written.
var ErrLeak = words.Error("leak")

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

// Search returns ErrLeak when what either side says in t holds one of the
// secrets. Formats that cut lines apart may hide one from Guard.
func Search(t *decode.Transcript, secrets []string) error {
	if len(secrets) == 0 || t.Bytes == nil {
		return nil
	}
	type stream struct {
		leg  who.Leg
		side who.Party
	}
	guards := map[stream]io.WriteCloser{}
	for _, e := range t.Entries {
		if e.Event == nil {
			continue
		}
		s := stream{e.Leg, e.Event.Side}
		if guards[s] == nil {
			guards[s] = Guard(io.Discard, secrets)
		}
		if _, err := io.Copy(guards[s], t.Reader(s.leg, s.side, e.Event.Span)); err != nil {
			return err
		}
	}
	return nil
}

// Guard returns a writer to w that refuses to write any of the secrets: in
// clear, in base64 of either alphabet at any alignment, in hex, URL-encoded,
// quoted-printable, quoted as in Go or JSON, or as HTML, also where lines were
// folded in the middle of one. Close writes what it still holds.
//
// It refuses identities as well that redaction has withheld.
func Guard(w io.Writer, secrets []string, withheld ...string) io.WriteCloser {
	g := &guard{w: w}
	if len(withheld) > 0 {
		g.last = refusing(w, withheld)
		g.w = g.last
	}
	for _, s := range secrets {
		for _, form := range forms(s) {
			g.forms = append(g.forms, form)
			g.keep = max(g.keep, len(form)-1)
		}
	}
	g.keep += g.keep / foldedAt * len("=\r\n")
	if len(g.forms) > 0 {
		g.keep += len("=\r\n")
	}
	return g
}

type guard struct {
	w     io.Writer
	last  *census // what w is, when identities are looked for
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
	if len(g.forms) == 0 {
		return len(p), g.flush()
	}
	flat := unfolded(g.held)
	for _, form := range g.forms {
		if bytes.Contains(g.held, form) || bytes.Contains(flat, form) {
			g.err = ErrLeak
			return 0, g.err
		}
	}
	return len(p), g.flush()
}

// flush writes what no secret can begin in any more.
func (g *guard) flush() error {
	if n := len(g.held) - g.keep; n > 0 {
		_, g.err = g.w.Write(g.held[:n])
		g.held = append(g.held[:0], g.held[n:]...)
	}
	return g.err
}

func (g *guard) Close() error {
	if g.err == nil {
		_, g.err = g.w.Write(g.held)
	}
	g.held = nil
	if g.err == nil && g.last != nil {
		g.err = g.last.Close()
	}
	return g.err
}

// foldedAt is the shortest width at which encoders fold their lines.
const foldedAt = 60

// unfolded is text without line ends, those of quoted-printable included.
func unfolded(p []byte) []byte {
	if bytes.IndexByte(p, '\n') < 0 {
		return p
	}
	out := make([]byte, 0, len(p))
	for line := range bytes.Lines(p) {
		text := bytes.TrimRight(line, "\r\n")
		if len(text) < len(line) {
			text = bytes.TrimSuffix(text, []byte{'='})
		}
		out = append(out, text...)
	}
	return out
}

// forms are the ways in which a secret may be written.
func forms(secret string) (out [][]byte) {
	digits := hex.EncodeToString([]byte(secret))
	quoted := strconv.Quote(secret)
	inJSON, _ := json.Marshal(secret) // strings can always be encoded
	for _, form := range []string{secret, digits, strings.ToUpper(digits), url.QueryEscape(secret), url.PathEscape(secret),
		printable(secret), quoted[1 : len(quoted)-1], string(inJSON[1 : len(inJSON)-1]), html.EscapeString(secret)} {
		if !slices.ContainsFunc(out, func(have []byte) bool { return string(have) == form }) {
			out = append(out, []byte(form))
		}
	}
	for lead := range 3 {
		// Of base64 only those characters that no neighbour has a part in.
		e := base64.StdEncoding.EncodeToString(append(make([]byte, lead), secret...))
		start := (lead*8 + 5) / 6
		end := (lead + len(secret)) * 8 / 6
		if end-start >= shortest {
			out = append(out, []byte(e[start:end]), []byte(strings.NewReplacer("+", "-", "/", "_").Replace(e[start:end])))
		}
	}
	return out
}

// printable is a secret as quoted-printable, not folded.
func printable(secret string) string {
	return string(unfolded(quoted(secret)))
}
