package transcript

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// A file is a recording on disk. It is open while much is said, so that idle
// sessions hold no descriptor.
type file struct {
	header recordings.Header
	f      *os.File  // nil while closed
	begun  bool      // it was created
	start  block     // its first lines, while they are not written
	size   int64     // bytes written
	broken time.Time // since when it can't be written; zero when it can

	gone    int64 // bytes that were written and are lost, not told yet
	whyGone error
}

// write writes the blocks, all in one go when they are small, and releases
// those that are written. It returns those that are not, with the reason.
func (f *file) write(folder *recordings.Folder, blocks []*block, scratch []byte, release func(*block)) ([]*block, error) {
	if err := f.open(folder); err != nil {
		return blocks, err
	}
	all := blocks
	if f.start.left() > 0 {
		all = append([]*block{&f.start}, blocks...)
	}
	for len(all) > 0 {
		batch, joined := gather(all, scratch)
		n, err := f.f.Write(joined)
		f.size += int64(n)
		for _, b := range batch {
			k := min(n, b.left())
			b.sent += k
			n -= k
		}
		for len(all) > 0 && all[0].left() == 0 {
			if all[0] != &f.start {
				release(all[0])
				blocks = blocks[1:]
			}
			all = all[1:]
		}
		if err != nil {
			f.close()
			return blocks, fmt.Errorf("write a recording: %w", err)
		}
	}
	return nil, nil
}

// gather joins the first blocks as far as they fit into scratch. One that does
// not fit, or is alone, is a batch of its own and is not copied.
func gather(blocks []*block, scratch []byte) (batch []*block, joined []byte) {
	n, size := 0, 0
	for n < len(blocks) && size+blocks[n].left() <= cap(scratch) {
		size += blocks[n].left()
		n++
	}
	if n < 2 {
		return blocks[:1], blocks[0].buf[blocks[0].sent:]
	}
	joined = scratch[:0]
	for _, b := range blocks[:n] {
		joined = append(joined, b.buf[b.sent:]...)
	}
	return blocks[:n], joined
}

// open opens the file where writing stopped, or creates it.
func (f *file) open(folder *recordings.Folder) error {
	if f.f != nil {
		if f.untouched(folder) {
			return nil
		}
		f.close()
	}
	if !f.begun {
		return f.create(folder)
	}
	opened, err := folder.Append(f.header.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return f.recreate(folder, errDeleted)
	}
	if err != nil {
		return err
	}
	if err := f.resume(opened); err != nil {
		opened.Close()
		if errors.Is(err, errCut) {
			return f.startOver(folder)
		}
		return err
	}
	f.f = opened
	return nil
}

// What somebody else did to the file under the session.
var (
	errCut     = error(facts.Sentence("recording-cut"))
	errDeleted = error(facts.Sentence("recording-deleted"))
)

// untouched reports whether the file that is open is still the recording, and
// ends where writing stopped.
func (f *file) untouched(folder *recordings.Folder) bool {
	named, err := folder.Stat(f.header.ID)
	if err != nil || named.Size() != f.size {
		return false
	}
	opened, err := f.f.Stat()
	return err == nil && os.SameFile(named, opened)
}

// startOver leaves what is left of a truncated recording aside and begins it
// anew.
func (f *file) startOver(folder *recordings.Folder) error {
	if err := folder.SetAside(f.header.ID); err != nil {
		return err
	}
	return f.recreate(folder, errCut)
}

// resume makes sure that the file ends where writing stopped: a failed write
// may have left something after it.
func (f *file) resume(opened *os.File) error {
	info, err := opened.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() > f.size:
		return opened.Truncate(f.size)
	case info.Size() < f.size:
		return errCut
	}
	return nil
}

func (f *file) create(folder *recordings.Folder) error {
	start, err := recordings.AppendStart(nil, f.header)
	if err != nil {
		return err
	}
	if f.f, err = folder.Create(f.header.ID); err != nil {
		f.f = nil
		return err
	}
	f.begun = true
	f.start = block{buf: start}
	return nil
}

// recreate begins a new file in place of one that is lost, and says why.
func (f *file) recreate(folder *recordings.Folder, why error) error {
	if err := f.create(folder); err != nil {
		return err
	}
	gone := gap{lost: facts.Lost{Records: -1, Bytes: f.size}, missing: []passed{
		{route{who.Client, who.Server}, -1}, {route{who.Server, who.Client}, -1},
	}}
	told, _ := gone.encode(0, why)
	f.start.buf = append(f.start.buf, told...)
	f.gone, f.whyGone = f.gone+f.size, why
	f.size = 0
	return nil
}

// close gives the descriptor back. Written bytes are the system's by then.
func (f *file) close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}
