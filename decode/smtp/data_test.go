package smtp

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// slowly feeds p one byte at a time, so that no shortcut is taken.
func slowly(dots bool, p []byte) (s Data, n int, done bool) {
	s = NewData(dots)
	for n < len(p) && !done {
		s.Look(p[n : n+1])
		var k int
		k, _, done = s.Line(p[n : n+1])
		n += k
	}
	return s, n, done
}

// scan feeds p to the end of the message in pieces of that size.
func scan(dots bool, p []byte, size int) (s Data, n int, done bool) {
	s = NewData(dots)
	for n < len(p) && !done {
		piece := p[n:min(n+size, len(p))]
		s.Look(piece)
		for k := 0; len(piece) > 0 && !done; piece = piece[k:] {
			if k = s.Whole(piece); k == 0 {
				k, _, done = s.Line(piece)
			}
			n += k
		}
	}
	return s, n, done
}

// plain is s without what says nothing at the place where it stands.
func plain(s Data) Data {
	s.anyNUL, s.anyHigh, s.odd = false, false, false
	if s.start == startOfLine || s.start == insideLine {
		s.nul, s.nulAfter, s.crs = false, false, 0
	}
	return s
}

// FuzzData: however a message is cut, and whatever is taken in one go, the same
// is counted and it ends at the same place.
func FuzzData(f *testing.F) {
	for _, text := range []string{"", "a\r\nb\r\n.\r\nQUIT", "a\n.\nb\r.\r\n\r\n..\r\n", "\r\r\n.\r\r\n.\r\n", "\x00.\r\nx\r\n\x00\x00.\r\n.\x00\r\n",
		".\r\n", "x\r\x00.\r\n\x80\r\n", strings.Repeat("x", 2000) + "\r\n.x\r\n", strings.Repeat("\r", 3000) + "\n.\r\n", "a\r\n\r\n.\r\r.\r\n"} {
		f.Add(true, []byte(text), 7)
		f.Add(false, []byte(text), 1<<20)
	}
	f.Fuzz(func(t *testing.T, dots bool, p []byte, size int) {
		want, n, done := slowly(dots, p)
		for _, size := range []int{max(1, size), len(p) + 1} {
			got, m, ended := scan(dots, p, size)
			if !reflect.DeepEqual(plain(got), plain(want)) || m != n || ended != done {
				t.Fatalf("in pieces of %d of %q:\n%+v, %d bytes, done %v\nwant\n%+v, %d bytes, done %v", size, p, got, m, ended, want, n, done)
			}
		}
		if !dots {
			return
		}
		end := NewEnd()
		for m := 0; ; {
			k, ended := end.Scan(p[m:min(m+max(1, size), len(p))])
			if m += k; ended || m == len(p) {
				if m != n || ended != done {
					t.Fatalf("End stops at byte %d, %v, want %d, %v: %q", m, ended, n, done, p)
				}
				return
			}
		}
	})
}

// Bodies of which some kinds were searched again and again.
func BenchmarkData(b *testing.B) {
	for name, line := range map[string]string{
		"lines": strings.Repeat("x", 76) + "\r\n", "short lines": "x\r\n", "8-bit": strings.Repeat("\xe9", 76) + "\r\n",
		"dots": "..x\r\n", "CRs": "\r", "LFs": "\n", "NULs": "\x00", "CRs and dots": "\r.",
	} {
		body := bytes.Repeat([]byte(line), (64<<10)/len(line))
		b.Run(name, func(b *testing.B) {
			s := NewData(true)
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				s.Look(body)
				for p := body; len(p) > 0; {
					n := s.Whole(p)
					if n == 0 {
						n, _, _ = s.Line(p)
					}
					p = p[n:]
				}
			}
		})
		b.Run(name+", end alone", func(b *testing.B) {
			e := NewEnd()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				e.Scan(body)
			}
		})
	}
}

// TestAlike names what some servers take for the end of data and others do not,
// however it is cut. In chunks nothing is the end.
func TestAlike(t *testing.T) {
	for octets, want := range map[string]string{
		"\n.\n": "LF . LF", "\r.\r": "CR . CR", "\r.\n": "CR . LF", "\n.\r": "LF . CR", "\n.\r\n": "LF . CR LF",
		"\r\n.\n": "CR LF . LF", "\r.\r\n": "CR . CR LF", "\r\n.\r": "CR LF . CR", "\r\n\x00.\r\n": "CR LF NUL . CR LF",
		"\r\n.\x00\r\n": "CR LF . NUL CR LF", "\r\n.\r\r\n": "CR LF . CR CR LF", "\r\r\n.\r\r\n": "CR CR LF . CR CR LF",
		"\r\r\n.\r\n": "CR CR LF . CR LF", "\n\x00.\n": "LF NUL . LF", "\r\r.\r\n": "CR . CR LF",
	} {
		text := []byte("text" + octets + "MAIL FROM:<a@example.org>\r\n")
		for _, dots := range []bool{true, false} {
			for _, size := range []int{1, 2, 3, len(text)} {
				got, n, done := scan(dots, text, size)
				if !slices.Equal(got.Forms, []string{want}) || got.Alike != 1 {
					t.Errorf("%q in pieces of %d, dots %v: %d times %q, want %q", octets, size, dots, got.Alike, got.Forms, want)
				}
				if strict := dots && octets == "\r\r\n.\r\n"; done != strict || !done && n != len(text) {
					t.Errorf("%q in pieces of %d: done %v", octets, size, done)
				}
			}
		}
	}
	for _, text := range []string{"a\r\n.\r\n", ".\r\n", "a\r\n..\n", "a\n.b\r\n", "a.\n"} {
		if got, _, _ := scan(true, []byte(text), 1); got.Alike != 0 {
			t.Errorf("%q is like %q", text, got.Forms)
		}
	}
}
