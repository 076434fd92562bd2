package panes

import (
	"bufio"
	"bytes"
	"context"
	"io"

	"smtptap/decode"
	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/tui/draw"
)

// wire is a message as it passed, read a window at a time.
type wire struct {
	transcript *decode.Transcript
	spans      []decode.Span
	size       int64
	err        error // of the last read that failed

	from   int64 // where held begins
	held   []byte
	window int64
}

const window = 64 << 10

func newWire(t *decode.Transcript, m *decode.Message) *wire {
	return &wire{transcript: t, spans: m.Spans, size: m.Size(), window: window}
}

// at returns n bytes from offset on, fewer at the end or where reading fails.
func (w *wire) at(offset int64, n int) []byte {
	if offset < w.from || offset+int64(n) > w.from+int64(len(w.held)) {
		w.fetch(offset)
	}
	if offset < w.from || offset >= w.from+int64(len(w.held)) {
		return nil
	}
	held := w.held[offset-w.from:]
	return held[:min(n, len(held))]
}

// fetch reads the window that begins at offset.
func (w *wire) fetch(offset int64) {
	w.from, w.held = offset, w.held[:0]
	var begin int64
	for _, s := range w.spans {
		from, to := max(offset, begin), min(offset+w.window, begin+s.Len())
		if from < to {
			span := decode.Span{Start: s.Start + from - begin, End: s.Start + to - begin}
			b, err := w.transcript.Bytes(who.ClientLeg, who.Client, span)
			w.held = append(w.held, b...)
			if err != nil {
				w.err = err
				return
			}
		}
		begin += s.Len()
	}
}

// hexSource is the source of the hex view.
type hexSource struct{ *wire }

func (h hexSource) Len() int { return int((h.size + draw.HexBytes - 1) / draw.HexBytes) }

func (h hexSource) Text(i int) string {
	offset := int64(i) * draw.HexBytes
	return draw.HexLine(h.at(offset, draw.HexBytes), offset)
}

func (h hexSource) Item(i, width int) draw.Item {
	return draw.Item{Rows: []string{draw.Cut(h.Text(i), width, "")}}
}

// rawSource is the source of the raw view: lines of the wire, every byte visible.
type rawSource struct {
	*wire
	theme  *draw.Theme
	cut    bool
	starts []int64 // of every stride-th line
	lines  int

	block int      // whose lines are held
	held  []string // in visible form
}

const (
	stride  = 64
	maxLine = 8 << 10 // longer lines are shown in pieces
)

// newRawSource finds the lines of a message. It reads all of it.
func newRawSource(ctx context.Context, w *wire, t *draw.Theme) (*rawSource, error) {
	r := &rawSource{wire: w, theme: t, block: -1}
	in := bufio.NewReaderSize(whileWanted{ctx, w.transcript.Reader(who.ClientLeg, who.Client, w.spans...)}, maxLine)
	var offset int64
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			if r.lines%stride == 0 {
				r.starts = append(r.starts, offset)
			}
			r.lines++
			offset += int64(len(line))
		}
		switch err {
		case nil, bufio.ErrBufferFull:
		case io.EOF:
			return r, nil
		default:
			return r, err
		}
	}
}

func (r *rawSource) Len() int { return r.lines }

func (r *rawSource) Text(i int) string {
	r.load(i / stride)
	if i%stride >= len(r.held) {
		return ""
	}
	return r.held[i%stride]
}

// load holds the lines of a block.
func (r *rawSource) load(block int) {
	if r.block == block {
		return
	}
	r.block, r.held = block, r.held[:0]
	end := r.size
	if block+1 < len(r.starts) {
		end = r.starts[block+1]
	}
	for from := r.starts[block]; from < end && len(r.held) < stride; {
		b := r.at(from, int(min(end-from, maxLine)))
		if n := bytes.IndexByte(b, '\n'); n >= 0 {
			b = b[:n+1]
		}
		if len(b) == 0 {
			if r.err != nil {
				r.held = append(r.held, visible.Text(r.err.Error()))
			}
			return
		}
		r.held = append(r.held, visible.Raw(b))
		from += int64(len(b))
	}
}

func (r *rawSource) Item(i, width int) draw.Item {
	text := r.Text(i)
	if r.cut {
		return draw.Item{Rows: []string{draw.Cut(text, width, r.theme.Marks.Ellipsis)}}
	}
	return draw.Item{Rows: draw.Fill(text, width)}
}

// whileWanted is a reader that fails when its result is not wanted any more.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

func (w whileWanted) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}
