package message_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"smtptap/decode/message"
)

// crlf writes a sample with the line ends of mail.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func scan(t testing.TB, s string, l message.Limits) *message.Tree {
	t.Helper()
	tree, err := message.Scan(strings.NewReader(s), l)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// outline is the tree as text: a line per part with its number, type, body and
// what is wrong with it.
func outline(s string, tree *message.Tree) string {
	var b strings.Builder
	for _, p := range tree.Parts {
		fmt.Fprintf(&b, "%s%s %s", strings.Repeat("  ", p.Depth), p.Number, p.Type.Value)
		if !p.Container {
			fmt.Fprintf(&b, " %q", s[p.Body.Start:p.Body.End])
		}
		if p.Filename != "" {
			fmt.Fprintf(&b, " file %q", p.Filename)
		}
		for _, id := range problemIDs(p.Problems) {
			fmt.Fprintf(&b, " %s", id)
		}
		if p.Stopped != "" {
			fmt.Fprintf(&b, " (%s)", p.Stopped)
		}
		b.WriteString("\n")
	}
	if tree.Stopped != "" {
		fmt.Fprintf(&b, "(%s)\n", tree.Stopped)
	}
	return b.String()
}

const mixed = `From: a@example.com
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner

plain
--inner
Content-Type: text/html

<p>html</p>

--inner--
between
--outer
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename*=utf-8''%E9%99%84.pdf
Content-Transfer-Encoding: base64

JVBERg==
--outer
Content-Type: message/rfc822

Subject: inside

text
--outer--
epilogue
`

func TestScan(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", " text/plain \"\"\n"},
		{"no header", crlf("\nbody\n"), " text/plain \"body\\r\\n\"\n"},
		{"no body", crlf("Subject: x\n"), " text/plain \"\"\n"},
		{"header and body", crlf("Subject: x\n\nbody\n"), " text/plain \"body\\r\\n\"\n"},
		{"bare line feeds", "Subject: x\n\nbody\n", " text/plain \"body\\n\"\n"},
		{"no end of line", crlf("Subject: x\n\nbody"), " text/plain \"body\"\n"},
		{"header ends early", crlf("Subject: x\nno field\n\nbody\n"), " text/plain \"no field\\r\\n\\r\\nbody\\r\\n\" header-ended-early\n"},
		{"mixed", crlf(mixed), ` multipart/mixed
  1 multipart/alternative
    1.1 text/plain "plain"
    1.2 text/html "<p>html</p>\r\n"
  2 application/pdf "JVBERg==" file "附.pdf"
  3 message/rfc822
    3.1 text/plain "text"
`},
		{"mixed with bare line feeds", mixed, ` multipart/mixed
  1 multipart/alternative
    1.1 text/plain "plain"
    1.2 text/html "<p>html</p>\n"
  2 application/pdf "JVBERg==" file "附.pdf"
  3 message/rfc822
    3.1 text/plain "text"
`},
		{"digest", crlf("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b--\n"), ` multipart/digest
  1 message/rfc822
    1.1 text/plain "y"
`},
		{"inner end missing", crlf("Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--a--\n"),
			" multipart/mixed\n  1 multipart/mixed boundary-not-closed\n    1.1 text/plain \"x\"\n"},
		{"cut off", crlf("Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n"), " multipart/mixed boundary-not-closed\n  1 text/plain \"x\\r\\n\"\n"},
		{"cut off in a header", crlf("Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html\n"), " multipart/mixed boundary-not-closed\n  1 text/html \"\"\n"},
		{"boundary not found", crlf("Content-Type: multipart/mixed; boundary=a\n\n--other\n\nx\n"), " multipart/mixed boundary-not-found\n"},
		{"no boundary", crlf("Content-Type: multipart/mixed\n\n--a\n\nx\n"), " multipart/mixed \"--a\\r\\n\\r\\nx\\r\\n\" boundary-missing\n"},
		{"boundary too long", crlf("Content-Type: multipart/mixed; boundary=" + strings.Repeat("a", 2049) + "\n\nx\n"), " multipart/mixed \"x\\r\\n\" boundary-too-long\n"},
		{"boundary is a prefix", crlf("Content-Type: multipart/mixed; boundary=a\n\n--a\n\n--ab\n--a \n\ny\n--a--\t\n"), " multipart/mixed\n  1 text/plain \"--ab\"\n  2 text/plain \"y\"\n"},
		{"part after the end", crlf("Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n--a\n\ny\n"), " multipart/mixed part-after-end\n  1 text/plain \"x\"\n"},
		{"empty parts", crlf("Content-Type: multipart/mixed; boundary=a\n\n--a\n--a\n\n--a--\n"), " multipart/mixed\n  1 text/plain \"\"\n  2 text/plain \"\"\n"},
		{"encoded multipart", crlf("Content-Type: multipart/mixed; boundary=a\nContent-Transfer-Encoding: base64\n\n--a\n\nx\n--a--\n"), " multipart/mixed encoding-not-allowed\n  1 text/plain \"x\"\n"},
		{"encoded message", crlf("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\neA==\n"), " message/rfc822 \"eA==\\r\\n\" encoding-not-allowed\n"},
		{"message without an own header", crlf("Content-Type: message/rfc822\n\nno field\n"), " message/rfc822\n  1 text/plain \"no field\\r\\n\" header-ended-early\n"},
		{"header ends early into a message", crlf("Content-Type: message/rfc822\n?\n\nx"), " message/rfc822 header-ended-early\n  1 text/plain \"?\\r\\n\\r\\nx\" header-ended-early\n"},
		{"unknown encoding", crlf("Content-Transfer-Encoding: x-uue\n\nx\n"), " text/plain \"x\\r\\n\" encoding-unknown\n"},
		{"malformed type", crlf("Content-Type: text\n\nx\n"), " text \"x\\r\\n\" type-malformed\n"},
	} {
		tree := scan(t, c.in, message.Limits{})
		if got := outline(c.in, tree); got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.name, got, c.want)
		}
		if tree.Size != int64(len(c.in)) {
			t.Errorf("%s: size %d, want %d", c.name, tree.Size, len(c.in))
		}
		// How the bytes come must not matter.
		slow, err := message.Scan(iotest.OneByteReader(strings.NewReader(c.in)), message.Limits{})
		if err != nil || outline(c.in, slow) != c.want {
			t.Errorf("%s: byte by byte: %v\n%s", c.name, err, outline(c.in, slow))
		}
	}
}

func TestHeader(t *testing.T) {
	in := crlf("Subject: a\n folded\n\tvalue \nReceived: 1\nX-Empty:\nReceived:2\nOld Name : x\n\nbody\n")
	p := scan(t, in, message.Limits{}).Parts[0]
	if got := p.Header.Get("subject"); got != "a folded\tvalue" {
		t.Errorf("subject %q", got)
	}
	if got := p.Header.All("received"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("received %q", got)
	}
	if got := in[p.Header[0].Span.Start:p.Header[0].Span.End]; got != crlf("Subject: a\n folded\n\tvalue \n") {
		t.Errorf("span of the subject: %q", got)
	}
	// "Old Name : x" is no field, for a name holds no space.
	if len(p.Header) != 4 || !strings.HasPrefix(in[p.Body.Start:], "Old Name") {
		t.Errorf("header %+v, body at %d", p.Header, p.Body.Start)
	}
}

func TestLimits(t *testing.T) {
	nested := func(depth int) string {
		var b strings.Builder
		for i := range depth {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, in string
		limits   message.Limits
		parts    int
		stopped  string // of the tree or of some part
	}{
		{"nested 1000 deep", nested(1000), message.Limits{}, 33, "stopped: nesting deeper than 32"},
		{"nested messages", strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 1000), message.Limits{}, 33, "stopped: nesting deeper than 32"},
		{"100000 parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n", 100_000), message.Limits{}, 1000, "stopped: more than 1000 parts"},
		{"message part over the limit", "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n", message.Limits{Parts: 1}, 1, "stopped: more than 1 parts"},
		{"100000 fields", strings.Repeat("A: b\r\n", 100_000), message.Limits{}, 1, "stopped: header has more than 2000 fields"},
		{"a long header", strings.Repeat("A: "+strings.Repeat("x", 1000)+"\r\n", 1000), message.Limits{}, 1, "stopped: header longer than 256 KiB"},
		{"long headers of parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nA: "+strings.Repeat("x", 50_000)+"\r\n\r\n", 30), message.Limits{}, 31,
			"stopped: headers of all parts longer than 1024 KiB"},
	} {
		tree := scan(t, c.in, c.limits)
		if len(tree.Parts) != c.parts || tree.Size != int64(len(c.in)) {
			t.Errorf("%s: %d parts of %d bytes, want %d of %d", c.name, len(tree.Parts), tree.Size, c.parts, len(c.in))
		}
		stopped := []string{tree.Stopped}
		for _, p := range tree.Parts {
			stopped = append(stopped, p.Stopped)
		}
		if !slices.Contains(stopped, c.stopped) {
			t.Errorf("%s: no part says %q: %q", c.name, c.stopped, slices.Compact(stopped))
		}
	}

	tree := scan(t, "A: "+strings.Repeat("x", 200_000)+"\r\nB: y\r\n\r\n", message.Limits{})
	if h := tree.Parts[0].Header; len(h) != 2 || len(h[0].Value) != 100<<10-1 || !h[0].Cut || h[1].Value != "y" {
		t.Errorf("a long field: %d fields, %d bytes, cut %v", len(h), len(h[0].Value), h[0].Cut)
	}
}

// TestMemory holds Scan to what the limits promise.
func TestMemory(t *testing.T) {
	in := strings.Repeat("A: b\r\n", 1_000_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	scan(t, in, message.Limits{})
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("a million fields take %d bytes", used)
	}
}

func TestReaderFails(t *testing.T) {
	in := crlf(mixed)
	tree, err := message.Scan(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(in))), message.Limits{})
	if err == nil || !strings.Contains(err.Error(), "at offset") || len(tree.Parts) != 1 {
		t.Errorf("error %v, tree %+v", err, tree)
	}
}

// FuzzScan checks what a tree promises: spans inside the message, children
// inside their parents and after each other, and the same result however the
// bytes come.
func FuzzScan(f *testing.F) {
	f.Add([]byte(crlf(mixed)), uint64(1))
	f.Add([]byte(mixed), uint64(2))
	f.Add([]byte("Content-Type: multipart/x; boundary=\"--\"\n\n----\n\n------\n"), uint64(3))
	f.Add([]byte("Content-Type: message/rfc822\n?\nx"), uint64(4))
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		tree, err := message.Scan(bytes.NewReader(in), message.Limits{Parts: 50, Depth: 5})
		if err != nil || tree.Size != int64(len(in)) || len(tree.Parts) == 0 || len(tree.Parts) > 50 {
			t.Fatalf("%v: %+v", err, tree)
		}
		ends := map[int]int64{} // of the last child of a part
		for i, p := range tree.Parts {
			if p.HeaderSpan.Start > p.HeaderSpan.End || p.HeaderSpan.End != p.Body.Start || p.Body.Start > p.Body.End || p.Body.End > tree.Size || p.Depth > 5 {
				t.Fatalf("part %d: %+v", i, p)
			}
			if p.Parent >= 0 {
				up := tree.Parts[p.Parent]
				if !up.Container || p.HeaderSpan.Start < max(up.Body.Start, ends[p.Parent]) || p.Body.End > max(up.Body.End, p.Body.Start) {
					t.Fatalf("part %d %+v in %+v, the one before ends at %d", i, p, up, ends[p.Parent])
				}
				ends[p.Parent] = p.Body.End
			}
			at := p.HeaderSpan.Start
			for _, field := range p.Header {
				if field.Span.Start < at || field.Span.End > p.HeaderSpan.End {
					t.Fatalf("part %d: field %+v", i, field)
				}
				at = field.Span.End
			}
		}
		cut, err := message.Scan(&randomReader{in, rand.New(rand.NewPCG(seed, 0))}, message.Limits{Parts: 50, Depth: 5})
		if err != nil || outline(string(in), cut) != outline(string(in), tree) {
			t.Fatalf("other cuts, other tree: %v\n%s\n%s", err, outline(string(in), cut), outline(string(in), tree))
		}
		if _, err := tree.Facts(bytes.NewReader(in)); err != nil {
			t.Fatal(err)
		}
		for i := range tree.Parts {
			if _, err := tree.Parts[i].Preview(bytes.NewReader(in), message.Limits{Preview: 100}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A randomReader hands its bytes out in pieces of random length.
type randomReader struct {
	rest []byte
	rand *rand.Rand
}

func (r *randomReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest[:1+r.rand.IntN(len(r.rest))])
	r.rest = r.rest[n:]
	return n, nil
}

// BenchmarkScan reads hostile messages of n and 2n pieces: the times of a pair
// must stay near 1 to 2.
func BenchmarkScan(bench *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		make func(n int) string
	}{
		{"depth", 10_000, func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
			}
			return b.String()
		}},
		{"parts", 50_000, func(n int) string {
			return "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n", n)
		}},
		{"fields", 500_000, func(n int) string { return strings.Repeat("A: b\r\n", n) }},
		{"one-field", 100_000, func(n int) string { return "A: b\r\n" + strings.Repeat(" x\r\n", n) }},
		{"near-boundaries", 100_000, func(n int) string {
			return "Content-Type: multipart/mixed; boundary=" + strings.Repeat("a", 60) + "\r\n\r\n" + strings.Repeat("--"+strings.Repeat("a", 59)+"\r\n", n)
		}},
		{"attachment", 170_000, func(n int) string {
			return "Content-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", n)
		}},
	} {
		for _, n := range []int{c.n, 2 * c.n} {
			in := c.make(n)
			bench.Run(fmt.Sprintf("%s/%d", c.name, n), func(bench *testing.B) {
				bench.SetBytes(int64(len(in)))
				bench.ReportAllocs()
				for bench.Loop() {
					scan(bench, in, message.Limits{})
				}
			})
		}
	}
}
