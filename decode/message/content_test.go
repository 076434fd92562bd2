package message_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/quotedprintable"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/simplifiedchinese"

	"smtptap/decode/message"
)

func TestContent(t *testing.T) {
	for _, c := range []struct {
		encoding, in, want string
		problems           []string
	}{
		{"7bit", "a\r\nb", "a\r\nb", nil},
		{"7bit", "a\xff", "a\xff", []string{message.EightBitIn7Bit}},
		{"", "a\xff", "a\xff", []string{message.EightBitIn7Bit}},
		{"8BIT", "a\xff", "a\xff", nil},
		{"binary", "a\xff\n", "a\xff\n", nil},
		{"x-uue", "begin 644 a", "begin 644 a", nil},

		{"base64", "", "", nil},
		{"base64", "SGVs\r\nbG8=\r\n", "Hello", nil},
		{"BASE64 (a comment)", "SGVsbG8=", "Hello", nil},
		{"base64", "S G\tVs\nbG8", "Hello", nil},
		{"base64", "SGVs*bG8=!", "Hello", []string{message.Base64Damaged}},
		{"base64", "SGVsbG8=SGVsbG8=", "HelloHello", nil},
		{"base64", "SGVsb", "Hel", []string{message.Base64Damaged}},

		{"quoted-printable", "", "", nil},
		{"quoted-printable", "a=3Db=E4=bd=\r\n=A0  \r\nc", "a=b你\r\nc", nil},
		{"quoted-printable", "soft= \t\r\nbreak=", "softbreak", nil},
		{"quoted-printable", "soft=\nbreak", "softbreak", nil},
		{"quoted-printable", "100=%", "100=%", []string{message.QuotedDamaged}},
		{"quoted-printable", "a=4", "a=4", []string{message.QuotedDamaged}},
		{"quoted-printable", "raw \xff", "raw \xff", []string{message.QuotedDamaged}},
	} {
		in := "Content-Transfer-Encoding: " + c.encoding + "\r\n\r\n" + c.in
		for name, open := range map[string]io.Reader{
			"seeker":       strings.NewReader(in),
			"byte by byte": iotest.OneByteReader(strings.NewReader(in)),
		} {
			content, err := scan(t, in, message.Limits{}).Parts[0].Content(open)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotest.OneByteReader(content))
			if err != nil || string(got) != c.want {
				t.Errorf("%s %q: %s: %q, %v, want %q", c.encoding, c.in, name, got, err, c.want)
			}
			if ids := problemIDs(content.Problems()); !slices.Equal(ids, c.problems) {
				t.Errorf("%s %q: problems %q, want %q", c.encoding, c.in, ids, c.problems)
			}
		}
	}
}

// TestLongQuotedLine reads a line longer than any buffer with escapes at every
// place in it.
func TestLongQuotedLine(t *testing.T) {
	for shift := range 5 {
		plain := strings.Repeat("x", shift) + strings.Repeat("你", 30_000)
		in := "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat("x", shift) + strings.Repeat("=E4=BD=A0", 30_000)
		content, err := scan(t, in, message.Limits{}).Parts[0].Content(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(content)
		if err != nil || string(got) != plain || content.Problems() != nil {
			t.Errorf("shifted by %d: %d bytes, want %d, %v, %v", shift, len(got), len(plain), err, content.Problems())
		}
	}
}

func TestPreview(t *testing.T) {
	gbk := in(t, simplifiedchinese.GBK, "你好，世界")
	for _, c := range []struct {
		name, header, body, text, charset string
		guessed                           bool
		problems                          []string
	}{
		{"plain", "", "hello", "hello", "us-ascii", false, nil},
		{"declared", "Content-Type: text/plain; charset=gbk", gbk, "你好，世界", "gbk", false, nil},
		{"quoted name", `Content-Type: text/plain; charset="'UTF-8'"`, "你", "你", "utf-8", false, []string{message.EightBitIn7Bit}},
		{"undeclared UTF-8", "Content-Transfer-Encoding: 8bit", "你", "你", "utf-8", true, []string{message.CharsetMissing}},
		{"undeclared GBK", "Content-Transfer-Encoding: 8bit", gbk, "你好，世界", "gb18030", true, []string{message.CharsetMissing}},
		{"ASCII that is not", "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 8bit", "ä", "ä", "utf-8", true, []string{message.CharsetMisfit}},
		{"unknown", "Content-Type: text/plain; charset=klingon\r\nContent-Transfer-Encoding: 8bit", "ä", "ä", "utf-8", true, []string{message.CharsetUnknown}},
		{"UTF-8 as Latin 1", "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable", "h=C3=A4llo", "hÃ¤llo", "iso-8859-1", false, []string{message.CharsetMisfit}},
		{"UTF-8 as GBK", "Content-Type: text/plain; charset=gbk\r\nContent-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString([]byte("编码")), "缂栫爜", "gbk", false, []string{message.CharsetMisfit}},
		{"GBK as UTF-8", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit", gbk, gbk, "utf-8", false, []string{message.CharsetMisfit}},
		{"not text", "Content-Type: image/png\r\nContent-Transfer-Encoding: base64", "iVBORw==", "", "", false, nil},
	} {
		if c.name == "declared" {
			c.header += "\r\nContent-Transfer-Encoding: 8bit"
		}
		in := c.header + "\r\n\r\n" + c.body
		if c.header == "" {
			in = "\r\n" + c.body
		}
		v, err := scan(t, in, message.Limits{}).Parts[0].Preview(strings.NewReader(in), message.Limits{})
		if err != nil || v.Text != c.text || v.Charset != c.charset || v.Guessed != c.guessed || v.Cut {
			t.Errorf("%s: %q in %q, guessed %v, cut %v, %v; want %q in %q", c.name, v.Text, v.Charset, v.Guessed, v.Cut, err, c.text, c.charset)
		}
		if ids := problemIDs(v.Problems); !slices.Equal(ids, c.problems) {
			t.Errorf("%s: problems %q, want %q", c.name, ids, c.problems)
		}
	}
}

func TestPreviewLimit(t *testing.T) {
	in := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + strings.Repeat("你", 1000)
	p := scan(t, in, message.Limits{}).Parts[0]
	v, err := p.Preview(strings.NewReader(in), message.Limits{Preview: 100})
	if err != nil || len(v.Data) != 100 || !v.Cut || len(v.Problems) != 0 {
		t.Errorf("%d bytes, cut %v, %v, %v", len(v.Data), v.Cut, v.Problems, err)
	}
	v, err = p.Preview(strings.NewReader(in), message.Limits{Preview: 3000})
	if err != nil || len(v.Data) != 3000 || v.Cut {
		t.Errorf("exactly the limit: %d bytes, cut %v, %v", len(v.Data), v.Cut, err)
	}
}

func TestFacts(t *testing.T) {
	in := crlf(mixed)
	tree := scan(t, in, message.Limits{})
	// Without a Seeker: in one pass from the first byte.
	all, err := tree.Facts(iotest.OneByteReader(strings.NewReader(in)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"1.1": "plain", "1.2": "<p>html</p>\r\n", "2": "%PDF", "3.1": "text"}
	for i, p := range tree.Parts {
		content, leaf := want[p.Number]
		facts, ok := all[i]
		if ok != leaf {
			t.Errorf("part %q: facts %v, want %v", p.Number, ok, leaf)
			continue
		}
		if sum := sha256.Sum256([]byte(content)); leaf && (facts.Size != int64(len(content)) || facts.SHA256 != hex.EncodeToString(sum[:])) {
			t.Errorf("part %q: %+v, want those of %q", p.Number, facts, content)
		}
	}
	if _, err := tree.Facts(strings.NewReader("short")); err == nil {
		t.Error("a message that is too short goes unnoticed")
	}
}

// FuzzTransferEncoding compares the decoders with those of the standard
// library on what these accept.
func FuzzTransferEncoding(f *testing.F) {
	f.Add([]byte("SGVsbG8=\r\n"))
	f.Add([]byte("a=3Db =\r\n=E4"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for encoding, reference := range map[string]func([]byte) ([]byte, error){
			"base64": func(b []byte) ([]byte, error) { return base64.StdEncoding.DecodeString(string(b)) },
			"quoted-printable": func(b []byte) ([]byte, error) {
				return io.ReadAll(quotedprintable.NewReader(bytes.NewReader(b)))
			},
		} {
			in := append([]byte("Content-Transfer-Encoding: "+encoding+"\r\n\r\n"), body...)
			content, err := scan(t, string(in), message.Limits{}).Parts[0].Content(bytes.NewReader(in))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(content)
			if err != nil || len(got) > len(body) {
				t.Fatalf("%s: %d bytes from %d, %v", encoding, len(got), len(body), err)
			}
			want, err := reference(body)
			if err == nil && content.Problems() == nil && !bytes.ContainsAny(body, "\r\t ") && !bytes.Equal(got, want) {
				t.Fatalf("%s: %q gives %q, want %q", encoding, body, got, want)
			}
		}
	})
}

// TestBodyHash uses the worked bodies of RFC 6376 section 3.4 and hashes of
// canonical forms written out by hand.
func TestBodyHash(t *testing.T) {
	sum := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return base64.StdEncoding.EncodeToString(h[:])
	}
	for _, c := range []struct{ in, simple, relaxed string }{
		{"", "\r\n", ""},
		{"\r\n\r\n", "\r\n", ""},
		{" \r\n", " \r\n", ""},
		{"a", "a\r\n", "a\r\n"},
		{"a\r\n\r\n\r\n", "a\r\n", "a\r\n"},
		{" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
		{"\r\na\n\nb\n", "\r\na\r\n\r\nb\r\n", "\r\na\r\n\r\nb\r\n"},
		{"a\rb\r", "a\rb\r\r\n", "a\rb\r\r\n"},
		{"a \r\n \r\n", "a \r\n \r\n", "a\r\n"},
	} {
		for form, want := range map[message.Canonicalization]string{message.Simple: c.simple, message.Relaxed: c.relaxed} {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				got, err := message.BodyHash(r, form)
				if err != nil || got != sum(want) {
					t.Errorf("%s %q: %s, %v, want the hash of %q", form, c.in, got, err, want)
				}
			}
		}
	}
	// The hash of an empty body is known: RFC 6376 section 3.4.3 and 3.4.4.
	if got, _ := message.BodyHash(strings.NewReader(""), message.Simple); got != "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=" {
		t.Errorf("empty body: %s", got)
	}
	if _, err := message.BodyHash(strings.NewReader(""), "nofws"); err == nil {
		t.Error("an unknown form is accepted")
	}
	if _, err := message.BodyHash(iotest.ErrReader(io.ErrClosedPipe), message.Simple); err == nil {
		t.Error("an error of the reader is lost")
	}
}

func BenchmarkContent(bench *testing.B) {
	for encoding, line := range map[string]string{
		"base64":           strings.Repeat("QUJD", 19) + "\r\n",
		"quoted-printable": strings.Repeat("=E4=BD=A0", 8) + "=\r\n",
	} {
		in := "Content-Transfer-Encoding: " + encoding + "\r\n\r\n" + strings.Repeat(line, 100_000)
		tree := scan(bench, in, message.Limits{})
		bench.Run(fmt.Sprintf("facts-%s", encoding), func(bench *testing.B) {
			bench.SetBytes(int64(len(in)))
			for bench.Loop() {
				if _, err := tree.Facts(strings.NewReader(in)); err != nil {
					bench.Fatal(err)
				}
			}
		})
	}
}
