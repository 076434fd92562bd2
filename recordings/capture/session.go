package capture

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"smtptap/decode/facts"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// A Reader reads sessions of capture files.
type Reader struct {
	Program string // name and version of the program, for recordings

	// Hello reads the ClientHello at the start of p; it fails as long as it is
	// not complete. Without it, nothing is said of TLS but that it is there.
	Hello func(p []byte) (*facts.Hello, error)
}

// ErrNoSession is returned for a capture in which nobody speaks SMTP.
var ErrNoSession = words.Error("no-session")

// noSession is ErrNoSession, with the damage that may be the reason.
func noSession(damage error) error {
	if damage == nil {
		return ErrNoSession
	}
	return fmt.Errorf("%w: %w", ErrNoSession, damage)
}

// A Found is a session of a capture, and what became of it.
type Found struct {
	Session
	transcript.Summary
}

// List finds the sessions of a capture, in the order in which they begin. With a
// *Damage it returns those before it.
func (r *Reader) List(file io.Reader) ([]Found, error) {
	var found []Found
	err := read(file, func(s Session) listener {
		out, _ := transcript.NewWriter(nil, r.header(s, ""))
		return &listed{newScribe(s, out, r.Hello), &found}
	})
	sortByFrame(found)
	var damage *Damage
	if len(found) == 0 && (err == nil || errors.As(err, &damage)) {
		return nil, noSession(err)
	}
	return found, err
}

// A listed is a session of which only the summary is kept.
type listed struct {
	*scribe
	found *[]Found
}

func (l *listed) over() {
	l.scribe.over()
	*l.found = append(*l.found, Found{l.session, l.out.Summary()})
}

// Record writes the session whose first packet has that number as a recording.
func (r *Reader) Record(w io.Writer, file io.Reader, frame int, id string) error {
	var out *transcript.Writer
	var failed error
	err := read(file, func(s Session) listener {
		if s.Frame != frame {
			return nil
		}
		if out, failed = transcript.NewWriter(w, r.header(s, id)); failed != nil {
			return nil
		}
		return newScribe(s, out, r.Hello)
	})
	var damage *Damage
	switch {
	case failed != nil:
		return failed
	case err != nil && !errors.As(err, &damage):
		return err
	case out == nil:
		return ErrNoSession
	}
	return out.Err()
}

// header is the head of the recording of a session.
func (r *Reader) header(s Session, id string) recordings.Header {
	return recordings.Header{ID: id, Started: s.Started, Program: r.Program, Listen: s.Server.String()}
}

func sortByFrame(found []Found) {
	slices.SortFunc(found, func(a, b Found) int { return a.Frame - b.Frame })
}
