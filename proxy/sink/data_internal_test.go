package sink

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzCopyMessage compares with the plain reading of RFC 5321: a message ends
// at the first CR LF . CR LF, whose first two octets may be those before it.
func FuzzCopyMessage(f *testing.F) {
	for _, s := range []string{"", ".\r\n", "a\r\n.\r\nb", "\r\n.\r", "\r\r\n.\r\n", "\r\n.\r\r\n.\r\n", "\n.\n\r\n..\r\n.\r\n", "..\r\n.\r\n", "\r\n\r\n.\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		wanted := strings.Index("\r\n"+s, "\r\n.\r\n")
		for _, in := range []io.Reader{strings.NewReader(s), iotest.OneByteReader(strings.NewReader(s))} {
			r := bufio.NewReaderSize(in, 16)
			size, err := copyMessage(io.Discard, r)
			if wanted < 0 {
				if err == nil {
					t.Fatalf("%q: an end at %d, where there is none", s, size)
				}
				continue
			}
			rest, _ := io.ReadAll(r)
			if err != nil || size != int64(wanted) || string(rest) != s[wanted+len(".\r\n"):] {
				t.Fatalf("%q: size %d, rest %q, %v", s, size, rest, err)
			}
		}
	})
}

func BenchmarkCopyMessage(b *testing.B) {
	message := strings.Repeat(strings.Repeat("x", 76)+"\r\n", 1<<14) + ".\r\n"
	b.SetBytes(int64(len(message)))
	r := bufio.NewReaderSize(nil, 16<<10)
	for b.Loop() {
		r.Reset(strings.NewReader(message))
		if _, err := copyMessage(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
