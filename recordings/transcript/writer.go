package transcript

import (
	"io"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// A Writer takes down a session that is over, and whose times are given, as a
// Log does one that runs: it decodes what it is told and writes a recording of
// it, without secrets.
type Writer struct {
	out     *recordings.Writer // nil: nothing is recorded
	decoder decoder
	tally   Tally
	began   recordings.Header
	err     error
}

// NewWriter writes the beginning of a recording to w. Without w, there will be a
// Summary only.
func NewWriter(w io.Writer, h recordings.Header) (*Writer, error) {
	t := &Writer{began: h}
	t.decoder = decoder{keepSecrets: h.SecretsKept, entry: t.tally.Add}
	if w != nil {
		var err error
		if t.out, err = recordings.NewWriter(w, h); err != nil {
			return nil, err
		}
		t.decoder.record = t.record
	}
	t.decoder.begin(h.SplitLegs)
	return t, nil
}

func (t *Writer) record(r recordings.Record) {
	if t.err == nil {
		t.err = t.out.Append(r)
	}
}

// Data takes bytes that passed, up to a boundary, and returns how many it took.
// accepted says that the server has agreed to TLS there; what follows is for
// Data all the same when it is no TLS.
func (t *Writer) Data(at time.Duration, from, to who.Party, p []byte) (n int, accepted bool) {
	return t.decoder.feed(at, from, to, p)
}

// Skip takes word of n bytes that passed unseen, -1 for an unknown number.
func (t *Writer) Skip(at time.Duration, from, to who.Party, n int64, why string) {
	t.decoder.skip(at, from, to, n, why)
}

// Fact takes a fact other than Closed and End.
func (t *Writer) Fact(at time.Duration, f facts.Fact) { t.decoder.fact(at, f) }

// Unopened tells that what follows is TLS.
func (t *Writer) Unopened(at time.Duration) { t.decoder.unopened(at) }

// Closed tells that side sends no more.
func (t *Writer) Closed(at time.Duration, side who.Party, f facts.Closed) {
	t.decoder.closed(at, side, f)
}

// End tells that the session is over.
func (t *Writer) End(at time.Duration, f facts.End) { t.decoder.end(at, f) }

// Cut tells that nothing more is known of the session, though it went on.
func (t *Writer) Cut(at time.Duration) {
	t.decoder.flush(at)
	t.tally.tear()
}

// Summary is what the session came to.
func (t *Writer) Summary() Summary {
	s := t.tally.Summary()
	s.ID, s.Started, s.Source, s.Live = t.began.ID, t.began.Started, decode.SourceRecording, false
	return s
}

// Err is why the recording could not be written; nil when it could.
func (t *Writer) Err() error { return t.err }
