package recordings_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"smtptap/decode/who"
	"smtptap/recordings"
)

var header = recordings.Header{
	ID: "20261122-235912-417-k3f9x", Started: time.Date(2026, 11, 22, 23, 59, 12, 417082551, time.UTC),
	Program: "smtptap 1.0.0", Listen: "127.0.0.1:2525", Target: "smtp://mail.example.org:25", Mode: "intercept",
}

var sample = []recordings.Record{
	{At: 0, Type: "open", From: who.Client, To: who.Smtptap, Data: []byte(`{"client":"127.0.0.1:40112"}`)},
	{At: 291 * time.Millisecond, Type: "data", From: who.Server, To: who.Client, Data: []byte("220 mail.example.org ESMTP\r\n")},
	{At: 292 * time.Millisecond, Type: "data", From: who.Client, To: who.Server, Data: []byte("EHLO client.example.com\r\n")},
	{At: 293 * time.Millisecond, Type: "secured", From: who.Smtptap, To: who.Server, Data: []byte{}},
	{At: 293 * time.Millisecond, Type: "data", From: who.Client, To: who.Server, Data: []byte("\x00\n\ndata 0.000000000 C S 0 00000000\n\n\xff")},
	{At: time.Hour, Type: "end", From: who.Smtptap, To: who.Smtptap, Data: []byte(`{"cause":"closed"}`)},
}

func encode(t testing.TB, records []recordings.Record) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := recordings.NewWriter(&file, header)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

// readAll returns the records of a file and why there are no more of them.
func readAll(file []byte) ([]recordings.Record, error) {
	rd, err := recordings.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	var all []recordings.Record
	for {
		r, err := rd.Next()
		if err != nil {
			if _, again := rd.Next(); again != err {
				return nil, errors.New("a second call gives another error")
			}
			return all, err
		}
		r.Data = append([]byte{}, r.Data...)
		all = append(all, r)
	}
}

func TestRoundTrip(t *testing.T) {
	got, err := readAll(encode(t, sample))
	if err != io.EOF || !reflect.DeepEqual(got, sample) {
		t.Errorf("got %v, %v", got, err)
	}
	rd, err := recordings.NewReader(bytes.NewReader(encode(t, nil)))
	if err != nil || rd.Header() != header {
		t.Errorf("got %+v, %v", rd.Header(), err)
	}
}

// Every prefix of a recording reads as a prefix of its records, then as torn.
func TestPrefixes(t *testing.T) {
	file := encode(t, sample)
	for n := range file {
		got, err := readAll(file[:n])
		var damage *recordings.Damage
		if !errors.As(err, &damage) || !damage.Torn || damage.Offset > int64(n) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if len(got) > 0 && !reflect.DeepEqual(got, sample[:len(got)]) {
			t.Fatalf("%d bytes: got %v", n, got)
		}
	}
}

// A changed byte is found out, wherever it is, and what stands before its
// record is read.
func TestChangedByte(t *testing.T) {
	file := encode(t, sample)
	for i := range file {
		for _, change := range []byte{0x01, 0x20, 0x80, '0' ^ '1', file[i] ^ '\n', 0xff} {
			bad := bytes.Clone(file)
			if bad[i] ^= change; change == 0 {
				continue
			}
			got, err := readAll(bad)
			if err == io.EOF || len(got) > 0 && !reflect.DeepEqual(got, sample[:len(got)]) {
				t.Fatalf("byte %d changed by %#x: got %v, %v", i, change, got, err)
			}
		}
	}
}

func TestInvalidRecord(t *testing.T) {
	w, err := recordings.NewWriter(io.Discard, header)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []recordings.Record{
		{Type: "", From: who.Client, To: who.Server},
		{Type: "Data", From: who.Client, To: who.Server},
		{Type: "data\n", From: who.Client, To: who.Server},
		{Type: strings.Repeat("d", 33), From: who.Client, To: who.Server},
		{Type: "data", From: 99, To: who.Server},
		{Type: "data", From: who.Client},
		{Type: "data", From: who.Client, To: who.Server, At: -1},
		{Type: "data", From: who.Client, To: who.Server, Data: make([]byte, recordings.MaxData+1)},
	} {
		if err := w.Append(r); err == nil {
			t.Errorf("%q %q %q %v %d bytes: written", r.Type, r.From, r.To, r.At, len(r.Data))
		}
	}
	if err := w.Append(sample[0]); err != nil {
		t.Errorf("a good record after bad ones: %v", err)
	}
}

// A failing disk takes so many bytes.
type fullDisk struct{ left int }

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.left)
	d.left -= n
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

// After a failed write nothing more is written: it could not be read.
func TestFailedWrite(t *testing.T) {
	for left := range len(encode(t, sample)) {
		disk := &fullDisk{left: left}
		w, err := recordings.NewWriter(disk, header)
		for _, r := range sample {
			if err == nil {
				err = w.Append(r)
			}
		}
		if err == nil {
			t.Fatalf("with %d bytes of space: no error", left)
		}
		disk.left = 1000
		if w != nil && w.Append(sample[0]) == nil || disk.left != 1000 && w != nil {
			t.Fatalf("with %d bytes of space: written after a failure", left)
		}
	}
}

func TestResume(t *testing.T) {
	file := encode(t, sample)
	rd, err := recordings.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sample {
		at := rd.Offset()
		got, err := recordings.Resume(bytes.NewReader(file[at:]), at).Next()
		if err != nil || !reflect.DeepEqual(got, sample[i]) {
			t.Errorf("record %d at %d: got %v, %v", i, at, got, err)
		}
		if _, err := rd.Next(); err != nil {
			t.Fatal(err)
		}
	}
}

// endless repeats a byte.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// What a hostile file says costs no memory.
func TestHostile(t *testing.T) {
	const gigabyte = 1 << 30
	start := encode(t, nil)
	deep := recordings.Record{Type: "header", From: who.Smtptap, To: who.Smtptap, Data: []byte(`{"id":` + strings.Repeat("[", 60000))}
	deepHead, err := deep.AppendHead([]byte("smtptap recording 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	long := recordings.Record{Type: "header", From: who.Smtptap, To: who.Smtptap, Data: []byte(`{"id":"` + strings.Repeat("x", 65530) + `"}`)}
	longHead, err := long.AppendHead([]byte("smtptap recording 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"one line":           io.LimitReader(endless('x'), gigabyte),
		"one line of header": io.MultiReader(bytes.NewReader(start), io.LimitReader(endless('x'), gigabyte)),
		"line feeds":         io.MultiReader(bytes.NewReader(start), io.LimitReader(endless('\n'), gigabyte)),
		"a large record":     io.MultiReader(bytes.NewReader(start), strings.NewReader("data 0.000000000 C S 4194304 00000000\n"), io.LimitReader(endless('x'), gigabyte)),
		"a lie of length":    io.MultiReader(bytes.NewReader(start), strings.NewReader("data 0.000000000 C S 4194304 00000000\nx")),
		"deep JSON":          io.MultiReader(bytes.NewReader(deepHead), bytes.NewReader(deep.Data), strings.NewReader("\n")),
		"a long header":      io.MultiReader(bytes.NewReader(longHead), bytes.NewReader(long.Data), strings.NewReader("\n")),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rd, err := recordings.NewReader(r)
			if err == nil {
				_, err = rd.Next()
			}
			runtime.ReadMemStats(&after)
			var damage *recordings.Damage
			if !errors.As(err, &damage) && !errors.Is(err, recordings.ErrNotRecording) {
				t.Errorf("got %v", err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Errorf("took %d bytes of memory", used)
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.file)
	}
	f.Add(encode(f, sample))
	f.Fuzz(func(t *testing.T, file []byte) {
		rd, err := recordings.NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		// What was read is written as the same bytes, so that no two
		// files hold the same records.
		again := bytes.Clone(file[:rd.Offset()])
		for {
			r, err := rd.Next()
			if err != nil {
				break
			}
			if again, err = r.AppendHead(again); err != nil {
				t.Fatal(err)
			}
			again = append(append(again, r.Data...), '\n')
		}
		if !bytes.Equal(again, file[:rd.Offset()]) {
			t.Errorf("wrote\n%q\nread\n%q", again, file[:rd.Offset()])
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("data", byte(0), int64(1234567890), []byte("220 mail.example.org\r\n"), []byte{}, uint16(3))
	f.Fuzz(func(t *testing.T, kind string, parties byte, at int64, one, two []byte, cut uint16) {
		party := func(n byte) who.Party { return who.FromLetter("CPS"[n%3]) }
		records := []recordings.Record{
			{At: time.Duration(at), Type: kind, From: party(parties), To: party(parties / 3), Data: one},
			{At: time.Duration(at), Type: "end", From: party(parties / 9), To: party(parties / 27), Data: two},
		}
		if _, err := records[0].AppendHead(nil); err != nil {
			return
		}
		file := encode(t, records)
		if got, err := readAll(file); err != io.EOF || len(got) != 2 || !bytes.Equal(got[0].Data, one) || !bytes.Equal(got[1].Data, two) || got[0].At != time.Duration(at) {
			t.Fatalf("got %v, %v", got, err)
		}
		n := int(cut) % len(file)
		var damage *recordings.Damage
		if _, err := readAll(file[:n]); !errors.As(err, &damage) && err != io.EOF || damage != nil && !damage.Torn {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for name, size := range map[string]int{"line": 40, "64 KiB": 64 << 10} {
		b.Run(name, func(b *testing.B) {
			w, err := recordings.NewWriter(io.Discard, header)
			if err != nil {
				b.Fatal(err)
			}
			r := recordings.Record{Type: "data", From: who.Client, To: who.Server, At: time.Second, Data: make([]byte, size)}
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := w.Append(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	for name, size := range map[string]int{"line": 40, "64 KiB": 64 << 10} {
		b.Run(name, func(b *testing.B) {
			var records []recordings.Record
			for range 1 << 20 / size {
				records = append(records, recordings.Record{Type: "data", From: who.Client, To: who.Server, Data: make([]byte, size)})
			}
			file := encode(b, records)
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				rd, err := recordings.NewReader(bytes.NewReader(file))
				for err == nil {
					_, err = rd.Next()
				}
			}
		})
	}
}
