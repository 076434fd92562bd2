package recordings

import (
	"bufio"
	"bytes"
	"encoding/json"
	"hash/crc32"
	"io"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/units"
	"smtptap/decode/who"
)

// ErrNotRecording says that a file is something else.
var ErrNotRecording = words.Error("not-a-recording")

// ErrVersion says that a file is a recording that this program can't read.
var ErrVersion = words.Error("other-version")

// Damage says where and why a recording can't be read any further. What was
// read before is good.
type Damage struct {
	Offset int64 // in bytes, of the record that can't be read
	Reason facts.Sentence
	Torn   bool // the recording just stops: still running, killed, or copied in part
}

// InFacts is the error as a fact says it.
func (d *Damage) InFacts() facts.Sentence {
	key := "recording-damaged"
	if d.Torn {
		key = "recording-torn"
	}
	return facts.Say(key, "at", d.Offset, "why", d.Reason)
}

func (d *Damage) Error() string { return d.In(lang.English) }

// In is the error in one language.
func (d *Damage) In(l lang.Lang) string { return d.InFacts().In(l) }

// A Reader reads a recording, record by record. Its memory is bounded by
// MaxData, whatever the file holds.
type Reader struct {
	br     *bufio.Reader
	header Header
	offset int64  // of what br gives next
	buf    []byte // of the data of the last record
	ended  bool   // an end record was read
	err    error
}

// ReadSize is how much is read at a time. A bufio.Reader of that size is used as
// it is.
const ReadSize = 64 << 10

// NewReader reads the first line and the header. It returns ErrNotRecording
// for other files and *Damage when the header is cut off or damaged.
func NewReader(r io.Reader) (*Reader, error) {
	rd := &Reader{br: bufio.NewReaderSize(r, ReadSize)}
	if err := rd.readMagic(); err != nil {
		return nil, err
	}
	start := rd.offset
	rec, err := rd.Next()
	if err != nil {
		return nil, err
	}
	if rec.Type != TypeHeader || len(rec.Data) > maxHeader || rec.At != 0 || rec.From != who.Smtptap || rec.To != who.Smtptap {
		return nil, &Damage{Offset: start, Reason: "recording-no-header"}
	}
	if err := json.Unmarshal(rec.Data, &rd.header); err != nil {
		return nil, &Damage{Offset: start, Reason: "recording-bad-header"}
	}
	return rd, nil
}

func (r *Reader) readMagic() error {
	got := make([]byte, len(magic))
	n, err := io.ReadFull(r.br, got)
	switch {
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return words.Error("read", "why", err)
	case n < len(magic) && strings.HasPrefix(magic, string(got[:n])):
		return &Damage{Torn: true, Reason: "recording-in-first-line"}
	case n < len(magic):
		return ErrNotRecording
	case string(got) != magic:
		return notRecording(got)
	}
	r.offset = int64(len(magic))
	return nil
}

// notRecording tells another version of the format from another format. got
// is as long as the first line should be.
func notRecording(got []byte) error {
	name := []byte(strings.TrimSuffix(magic, "1\n"))
	version, found := bytes.CutPrefix(got, name)
	if found && version[0] >= '1' && version[0] <= '9' && (version[1] == '\n' || version[1] >= '0' && version[1] <= '9') {
		return ErrVersion
	}
	return ErrNotRecording
}

// Resume returns a Reader of the records that start at offset, which must be
// where a record begins: a value that an earlier Reader's Offset gave. Its
// Header is empty.
func Resume(r io.Reader, offset int64) *Reader {
	return &Reader{br: bufio.NewReaderSize(r, ReadSize), offset: offset}
}

// Header is the recording's header.
func (r *Reader) Header() Header { return r.header }

// Offset is where in the file the next record begins.
func (r *Reader) Offset() int64 { return r.offset }

// Next returns the next record. Its Data is valid until the next call. Types
// that the caller does not know are to be skipped. It returns io.EOF at the end
// of a whole recording, *Damage where a recording can't be read any further,
// and other errors as the underlying reader gave them.
func (r *Reader) Next() (Record, error) {
	if r.err != nil {
		return Record{}, r.err
	}
	rec, err := r.next()
	r.err = err
	return rec, err
}

func (r *Reader) next() (Record, error) {
	start := r.offset
	line, err := r.readLine(start)
	if err != nil {
		return Record{}, err
	}
	h, err := parseHead(line)
	if err != nil {
		return Record{}, &Damage{Offset: start, Reason: facts.Say("recording-bad-head", "why", err)}
	}
	size := int64(len(line) + len("\n") + h.length + len("\n"))
	sum := crc32.Checksum(line[:h.upTo], castagnoli)
	data, err := r.readData(h.length) // line is gone now
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return Record{}, &Damage{Offset: start, Torn: true, Reason: facts.Say("recording-in-record", "type", h.record.Type, "size", units.Bytes(int64(h.length)))}
	case err != nil:
		return Record{}, words.Error("read-at", "at", start, "why", err)
	case data[h.length] != '\n':
		return Record{}, &Damage{Offset: start, Reason: facts.Say("recording-bad-length", "type", h.record.Type)}
	case crc32.Update(sum, castagnoli, data[:h.length]) != h.sum:
		return Record{}, &Damage{Offset: start, Reason: facts.Say("recording-bad-checksum", "type", h.record.Type)}
	}
	r.offset += size
	r.ended = r.ended || h.record.Type == TypeEnd
	h.record.Data = data[:h.length:h.length]
	return h.record, nil
}

// readLine reads a head line, and drops its line end.
func (r *Reader) readLine(start int64) ([]byte, error) {
	line, err := r.br.ReadSlice('\n')
	switch {
	case err == nil && len(line) <= maxHead+1:
		return line[:len(line)-1], nil
	case err == io.EOF && len(line) == 0:
		return nil, r.end(start)
	case err == io.EOF && len(line) <= maxHead:
		return nil, &Damage{Offset: start, Torn: true, Reason: "recording-in-head"}
	case err == nil || err == io.EOF || err == bufio.ErrBufferFull:
		return nil, &Damage{Offset: start, Reason: facts.Say("recording-bad-head", "why", facts.Sentence("head-long"))}
	}
	return nil, words.Error("read-at", "at", start, "why", err)
}

// readData reads n bytes and the line feed after them.
func (r *Reader) readData(n int) ([]byte, error) {
	if cap(r.buf) < n+1 {
		r.buf = make([]byte, max(n+1, min(2*cap(r.buf), MaxData+1), 8<<10))
	}
	data := r.buf[:n+1]
	_, err := io.ReadFull(r.br, data)
	return data, err
}

func (r *Reader) end(at int64) error {
	if r.ended {
		return io.EOF
	}
	return &Damage{Offset: at, Torn: true, Reason: "recording-no-end"}
}
