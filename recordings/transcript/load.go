package transcript

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// maxLoaded bounds the entries that are kept of a recording, in bytes. It is
// some 50,000 lines.
const maxLoaded = 32 << 20

// Load reads the recording at path. While its session runs, the transcript holds
// what is recorded so far. When it is cut off or damaged, the transcript holds
// what could be read and Damage says where that ends. The
// error is for files that give no transcript at all.
func Load(path string) (*decode.Transcript, *recordings.Damage, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("recording: %w", err)
	}
	defer f.Close()
	l, err := loadFile(f, maxLoaded)
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", path, err)
	}
	l.transcript.ID = nameOf(path)
	l.transcript.Bytes = func(which who.Leg, side who.Party, span decode.Span) ([]byte, error) {
		return readFile(path, &l.index, which, side, span)
	}
	return l.transcript, l.damage, nil
}

// Summarize reads the recording at path for its summary only.
func Summarize(path string) (Summary, error) {
	f, err := os.Open(path)
	if err != nil {
		return Summary{}, fmt.Errorf("recording: %w", err)
	}
	defer f.Close()
	l, err := loadFile(f, 0)
	if err != nil {
		return Summary{}, fmt.Errorf("%q: %w", path, err)
	}
	return l.summary(path), nil
}

// summary is that of the recording at path.
func (l *loading) summary(path string) Summary {
	sum := l.tally.Summary()
	if sum.Live = !l.transcript.Ended; sum.Live {
		sum.Took = max(sum.Took, time.Since(l.transcript.Started))
	}
	h := l.transcript
	sum.ID, sum.Started, sum.Source, sum.Path = nameOf(path), h.Started, h.Source, path
	sum.Target, sum.Mode, sum.SecretsKept = clip(h.Target), clip(h.Mode), h.SecretsKept
	return sum
}

// readers are used again: a folder may hold very many recordings. A
// recordings.Reader uses them as they are.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, recordings.ReadSize) }}

// loadFile loads a recording, again when its end was written meanwhile.
func loadFile(f *os.File, room int) (*loading, error) {
	buffered := readers.Get().(*bufio.Reader)
	defer func() {
		buffered.Reset(nil)
		readers.Put(buffered)
	}()
	for {
		before, err := f.Stat()
		if err != nil {
			return nil, err
		}
		buffered.Reset(f)
		l, err := load(buffered, room, filepath.Dir(f.Name()))
		if err != nil || l.damage == nil || !l.damage.Torn || l.recorder == "" {
			return l, err
		}
		if after, err := f.Stat(); err != nil || after.Size() == before.Size() {
			return l, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
}

// nameOf is the id of a recording: its file's name. Of one that nobody renamed
// it is the id of the session.
func nameOf(path string) string {
	return strings.TrimSuffix(filepath.Base(path), recordings.Ext)
}

func readFile(path string, x *index, which who.Leg, side who.Party, span decode.Span) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	defer f.Close()
	p, err := x.read(f, which, side, span)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return p, nil
}

// A loading is a recording on its way to become a transcript.
type loading struct {
	transcript *decode.Transcript
	tally      Tally
	index      index
	dir        string // that the recording is in; "" if that does not matter
	recorder   string
	damage     *recordings.Damage
	decoder    decoder
	last       time.Duration // when the newest record was
	room       int           // bytes of entries that are still to be kept
	left       int           // entries that were not kept
	unread     int           // records that could not be read
}

// maxUnread bounds the records of which it is said one by one why they can't
// be read.
const maxUnread = 10

// load feeds a recording to a decoder, and keeps its entries up to so many
// bytes. A recorder at work in dir may still be writing it.
func load(r io.Reader, room int, dir string) (*loading, error) {
	records, err := recordings.NewReader(r)
	if err != nil {
		return nil, err
	}
	l := newLoading(records.Header(), room)
	l.dir = dir
	if err := l.readAll(records); err != nil {
		return nil, err
	}
	l.transcript = l.shown()
	return l, nil
}

// shown is the transcript as far as it was read, with what it lacks.
func (l *loading) shown() *decode.Transcript {
	t := *l.transcript
	t.Entries, t.CannotShow = slices.Clip(t.Entries), slices.Clip(t.CannotShow)
	if l.left > 0 {
		t.Became = string(l.tally.Summary().Outcome)
		t.CannotShow = append(t.CannotShow, facts.Say("lacks-later", "n", l.left))
	}
	if l.unread > maxUnread {
		t.CannotShow = append(t.CannotShow, facts.Say("lacks-records", "n", l.unread-maxUnread))
	}
	return &t
}

func newLoading(h recordings.Header, room int) *loading {
	l := &loading{room: room, recorder: h.Recorder, transcript: &decode.Transcript{
		Started: h.Started, Source: decode.SourceRecording, Ended: true,
		Listen: h.Listen, Target: h.Target, Mode: h.Mode, SecretsKept: h.SecretsKept,
	}}
	l.decoder = decoder{keepSecrets: h.SecretsKept, entry: l.add, index: &l.index}
	l.decoder.begin(h.SplitLegs)
	l.index.split = h.SplitLegs
	return l
}

// add takes an entry from the decoder.
func (l *loading) add(e decode.Entry) {
	l.tally.Add(e)
	if e.Event != nil && e.Event.Seq == 0 && e.Event.Kind == decode.KindMissing && e.Event.Missing.Bytes < 0 {
		l.transcript.Lacks = append(l.transcript.Lacks, decode.LackStart)
	}
	if l.room -= weigh(e); l.room < 0 {
		l.left++
		return
	}
	l.transcript.Entries = append(l.transcript.Entries, e)
}

func (l *loading) cannotShow(what facts.Sentence) {
	l.transcript.CannotShow = append(l.transcript.CannotShow, what)
}

// readAll tells the decoder all records up to the end or the damage. What does
// not fit into one batch is read ahead.
func (l *loading) readAll(records *recordings.Reader) error {
	first := batchPool.Get().(*batch)
	defer first.free()
	first.fill(records)
	if over, err := l.replayAll(first); over {
		return err
	}
	stop := make(chan struct{})
	a := readAhead(records, stop)
	defer func() {
		close(stop)
		for range a.full { // until the reader has ended
		}
	}()
	for b := range a.full {
		if over, err := l.replayAll(b); over {
			return err
		}
		a.empty <- b
	}
	return nil
}

// replayAll tells the decoder a batch of records, and reports whether it was the
// last.
func (l *loading) replayAll(b *batch) (over bool, err error) {
	for i := range b.records {
		l.replay(b.record(i))
	}
	switch {
	case b.err == io.EOF:
		return true, nil
	case errors.As(b.err, &l.damage):
		if l.damage.Torn && l.dir != "" && recordings.Running(l.dir, l.recorder) {
			l.damage, l.transcript.Ended = nil, false
			return true, nil
		}
		l.cannotShow(l.damage.InFacts())
		l.transcript.Lacks = append(l.transcript.Lacks, decode.LackEnd)
		l.decoder.flush(l.last)
		l.tally.tear()
		return true, nil
	}
	return b.err != nil, b.err
}

// replay tells the decoder one record.
func (l *loading) replay(rec recordings.Record, at int64) {
	l.last = max(l.last, rec.At)
	if err := l.decoder.replay(rec, at); err != nil {
		if l.unread++; l.unread <= maxUnread {
			l.cannotShow(facts.Say("lacks-record", "at", at, "why", err))
		}
	}
}

// replay tells the decoder one record, which begins at that offset.
func (d *decoder) replay(rec recordings.Record, offset int64) error {
	from, to := rec.From, rec.To
	d.locate(rec, offset)
	if from != who.Client || rec.Type == recordings.TypeSwallowed {
		for _, l := range d.legs() {
			d.settle(l) // the next ones were not there when this was recorded
		}
	}
	switch rec.Type {
	case recordings.TypeData:
		d.data(rec.At, from, to, rec.Data)
	case recordings.TypeSwallowed:
		d.swallow(rec.At, from, rec.Data)
	case recordings.TypeSecured:
		leg := who.ClientLeg
		if to == who.Server {
			leg = who.ServerLeg
		}
		d.secured(rec.At, leg)
	case recordings.TypeUnopened:
		d.unopened(rec.At)
	default:
		return d.replayFact(rec)
	}
	return nil
}

// locate notes where the bytes of a record are.
func (d *decoder) locate(rec recordings.Record, offset int64) {
	n := int64(len(rec.Data))
	switch rec.Type {
	case recordings.TypeMask:
		n = int64(len(decode.MaskText))
	case recordings.TypeData, recordings.TypeSwallowed:
	default:
		return
	}
	r := route{rec.From, rec.To}
	s := d.hearing(r).stream(r.side())
	d.source = place{record: offset, order: s.held}
	s.held += n
	if d.server != nil && r.relayed() {
		s := d.server.stream(r.side())
		d.source.relayed = s.held
		s.held += n
	}
}

func (d *decoder) replayFact(rec recordings.Record) error {
	f, err := rec.Fact()
	switch f := f.(type) {
	case nil: // of a newer smtptap, or not readable
	case *facts.Mask:
		d.mask(rec.At, rec.From, rec.To, *f)
	case *facts.Skip:
		d.skip(rec.At, rec.From, rec.To, f.Bytes, f.Why)
	case *facts.Closed:
		side := who.Client
		if f.Leg == who.ServerLeg {
			side = who.Server
		}
		d.closed(rec.At, side, *f)
	case *facts.End:
		d.end(rec.At, *f)
	default:
		d.fact(rec.At, f)
	}
	return err
}
