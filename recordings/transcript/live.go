package transcript

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"smtptap/decode"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// A liveIndex is the index of a recording that is still being written. It reads
// on from where it stopped, so that looking at a session costs what is new in
// it, not what came before.
type liveIndex struct {
	mu     sync.Mutex
	room   int      // bytes of entries that it keeps
	read   *loading // nil before the first look
	file   os.FileInfo
	offset int64 // of the record to be read next
	whole  bool  // the end was read
}

// bytes returns a span from the recording at path.
func (x *liveIndex) bytes(path string, leg who.Leg, side who.Party, span decode.Span) ([]byte, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	defer f.Close()
	p, err := x.span(f, leg, side, span)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return p, nil
}

func (x *liveIndex) span(f *os.File, leg who.Leg, side who.Party, span decode.Span) ([]byte, error) {
	if err := x.catchUp(f); err != nil {
		return nil, err
	}
	return x.read.index.read(f, leg, side, span)
}

// catchUp reads what was recorded since. A file that was deleted under the
// session, and begun anew, is read from its start.
func (x *liveIndex) catchUp(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var records *recordings.Reader
	if x.read == nil || !os.SameFile(x.file, info) || info.Size() < x.offset {
		if records, err = recordings.NewReader(f); err != nil {
			return err
		}
		x.read, x.file = newLoading(records.Header(), x.room), info
		x.read.transcript.Ended = false
	} else {
		if _, err := f.Seek(x.offset, io.SeekStart); err != nil {
			return err
		}
		records = recordings.Resume(f, x.offset)
	}
	for {
		x.offset = records.Offset()
		rec, err := records.Next()
		var damage *recordings.Damage
		switch {
		case err == io.EOF:
			x.whole = true
			return nil
		case errors.As(err, &damage) && damage.Torn:
			return nil // the rest is still to be written
		case err != nil:
			return err
		}
		x.read.replay(rec, x.offset)
	}
}
