package transcript

import (
	"os"
	"path/filepath"

	"smtptap/decode"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// A growing is a recording that another smtptap writes. It is read on from where
// it stopped, so that a look costs what is new.
type growing struct {
	path  string
	index liveIndex
	size  int64 // at the last look
	cut   bool  // its recorder was not at work then
	told  bool  // that it runs is known, see Set.Mirror; set before the first look
}

func newGrowing(path string, room int) *growing {
	return &growing{path: path, index: liveIndex{room: room}, size: -1}
}

// A growth says how far a recording has come.
type growth uint8

const (
	asBefore growth = iota
	longer
	ended // or damaged, or gone
	cutOff
)

// look reads what is new.
func (g *growing) look() growth {
	g.index.mu.Lock()
	defer g.index.mu.Unlock()
	return g.read()
}

// read is look, with the index locked.
func (g *growing) read() growth {
	now := asBefore
	info, err := os.Stat(g.path)
	switch {
	case err != nil:
		return ended
	case info.Size() != g.size:
		if err := g.readOn(); err != nil || g.index.whole {
			return ended
		}
		g.size, now = info.Size(), longer
	}
	was := g.cut
	g.cut = !g.told && !recordings.Running(filepath.Dir(g.path), g.index.read.recorder)
	switch {
	case g.cut && !was:
		return cutOff
	case g.cut:
		return asBefore
	case was:
		return longer
	}
	return now
}

func (g *growing) readOn() error {
	f, err := os.Open(g.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return g.index.catchUp(f)
}

// summary is what is recorded so far in one line.
func (g *growing) summary() Summary {
	g.index.mu.Lock()
	defer g.index.mu.Unlock()
	return g.index.read.summary(g.path)
}

// transcript is what is recorded so far; nil when the session does not run.
func (g *growing) transcript() *decode.Transcript {
	g.index.mu.Lock()
	defer g.index.mu.Unlock()
	if g.read() == ended || g.cut {
		return nil
	}
	t := g.index.read.shown()
	t.ID = nameOf(g.path)
	t.Bytes = func(leg who.Leg, side who.Party, span decode.Span) ([]byte, error) {
		return g.index.bytes(g.path, leg, side, span)
	}
	return t
}
