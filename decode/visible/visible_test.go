package visible_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"smtptap/decode/visible"
)

// hostile are the ways in which text attacks what shows it, each with what must
// be seen in its place.
var hostile = []struct{ name, in, want string }{
	{"CSI clear screen", "a\x1b[2Jb", `a\x1b[2Jb`},
	{"OSC title", "\x1b]0;PWN\x07", `\x1b]0;PWN\x07`},
	{"OSC 52 clipboard", "\x1b]52;c;aGk=\x1b\\", `\x1b]52;c;aGk=\x1b\`},
	{"OSC 8 link", "\x1b]8;;http://example.com\x1b\\x", `\x1b]8;;http://example.com\x1b\x`},
	{"unterminated OSC", "\x1b]0;hides the rest", `\x1b]0;hides the rest`},
	{"DCS", "\x1bPq#0\x1b\\", `\x1bPq#0\x1b\`},
	{"C1 CSI as a byte", "a\x9b2Jb", `a\x9b2Jb`},
	{"C1 CSI as UTF-8", "a\u009b2Jb", `a\u009b2Jb`},
	{"carriage return overwrites", "250 ok\r535 no", `250 ok\r535 no`},
	{"line feed forges a line", "220 x\nlevel=ERROR", `220 x\nlevel=ERROR`},
	{"backspace overwrites", "abc\b\b\bxyz", `abc\x08\x08\x08xyz`},
	{"bell", "\x07", `\x07`},
	{"NUL", "a\x00b", `a\x00b`},
	{"charset shift", "\x0eabc\x0f", `\x0eabc\x0f`},
	{"delete", "a\x7fb", `a\x7fb`},
	{"vertical tab, form feed", "a\vb\fc", `a\x0bb\x0cc`},
	{"tab", "a\tb", `a\tb`},
	{"bidi override", "gpj\u202e.exe", `gpj\u202e.exe`},
	{"bidi isolate", "\u2066a\u2069\u200f", `\u2066a\u2069\u200f`},
	{"zero width", "a\u200bb\u200cc\u2060d", `a\u200bb\u200cc\u2060d`},
	{"line separator", "a\u2028b\u2029c", `a\u2028b\u2029c`},
	{"byte order mark", "\ufeffFrom", `\ufeffFrom`},
	{"soft hyphen", "a\u00adb", `a\u00adb`},
	{"no-break space", "a\u00a0b", `a\u00a0b`},
	{"invalid UTF-8", "\xff\xc3(\xe4\xbd", `\xff\xc3(\xe4\xbd`},
	{"surrogate as UTF-8", "\xed\xa0\x80", `\xed\xa0\x80`},
	{"overlong", "\xc0\xaf", `\xc0\xaf`},
	{"noncharacter", "\ufffe\U0001ffff", `\ufffe\U0001ffff`},
	{"private use", "\ue000\U000f0000", `\ue000\U000f0000`},
	{"unassigned", "\u0378", `\u0378`},
	{"tag characters hide text", "ok\U000e0049\U000e0047", `ok\U000e0049\U000e0047`},
	{"Hangul filler", "a\u3164b", `a\u3164b`},
	{"joiner between letters", "a\u200db", `a\u200db`},
	{"selector after a letter", "a\ufe0fb\U000e0101", `a\ufe0fb\U000e0101`},
	{"two selectors", "❤\ufe0f\ufe0f", `❤` + "\ufe0f" + `\ufe0f`},
	{"mark without a base", "\u0301a", `\u0301a`},
	{"mark on an escape", "\x1b\u0301", `\x1b\u0301`},
	{"tower of marks", "e" + strings.Repeat("\u0301", 10), "e" + strings.Repeat("\u0301", 8) + `\u0301\u0301`},
	{"widths that terminals dispute", "\u3248\u324f\u070f\U0001d165\U0001d172", `\u3248\u324f\u070f\U0001d165\U0001d172`},
}

// harmless text must come out as it went in.
var harmless = []string{
	"",
	"250 2.1.0 <a@example.com> ok",
	"易联云验证码，你好“smtp”　全角",
	"テスト ﾃｽﾄ ｶﾞ 한국어 한국어 𠮷",
	"Grüße, naïve e\u0301, ελληνικά, Привет",
	"مرحبا שלום हिन्दी ไทย น้ำ",
	"😀 👍🏽 ❤️ ⚠️ 1️⃣ 🇨🇳 👨\u200d👩\u200d👧 🏳️\u200d🌈",
	"… • │ ① α → ✅ ❌ €",
	"葛\U000e0100", // a glyph variant
	"\ufffd",      // what another decoder left
	`C:\temp \x1b`,
}

func TestText(t *testing.T) {
	for _, c := range hostile {
		if got := visible.Text(c.in); got != c.want {
			t.Errorf("%s: Text(%q) = %q, want %q", c.name, c.in, got, c.want)
		}
		if got := visible.Bytes([]byte(c.in)); got != c.want {
			t.Errorf("%s: Bytes(%q) = %q, want %q", c.name, c.in, got, c.want)
		}
		if got := string(visible.Append([]byte("> "), c.in)); got != "> "+c.want {
			t.Errorf("%s: Append(%q) = %q, want %q", c.name, c.in, got, "> "+c.want)
		}
	}
	for _, s := range harmless {
		if got := visible.Text(s); got != s {
			t.Errorf("Text(%q) = %q, want it unchanged", s, got)
		}
	}
}

func TestRaw(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"EHLO client.example\r\n", `EHLO client.example\r\n`},
		{"bare\nand\r", `bare\nand\r`},
		{`literal \r`, `literal \\r`},
		{`"a\"b" C:\data`, `"a\"b" C:\data`},
		{"\\\x1b", `\\\x1b`},
		{`\`, `\`},
		{`\\`, `\\\`},
		{"你好\r\n", `你好\r\n`},
	} {
		if got := visible.Raw([]byte(c.in)); got != c.want {
			t.Errorf("Raw(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"\r\n", []string{""}},
		{"a\r\nb\nc", []string{"a", "b", "c"}},
		{"a\r\n\r\n", []string{"a", ""}},
		{"a\rb\r", []string{`a\rb\r`}},
		{"a\tb\n\tc", []string{"a       b", "        c"}},
		{"你好\tx", []string{"你好    x"}},
		{"n°\u00a012\u202f€", []string{"n° 12 €"}},
		{"\x1b[2J\u202e", []string{`\x1b[2J\u202e`}},
	} {
		if got := visible.Lines(c.in); !slices.Equal(got, c.want) {
			t.Errorf("Lines(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, c := range hostile {
		f.Add(c.in)
	}
	for _, s := range harmless {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := visible.Text(s)
		checkSafe(t, text)
		if again := visible.Text(text); again != text {
			t.Errorf("not stable: %q becomes %q becomes %q", s, text, again)
		}
		raw := visible.Raw([]byte(s))
		checkSafe(t, raw)
		if back := unescape(t, raw); back != s {
			t.Errorf("Raw(%q) = %q, which reads as %q", s, raw, back)
		}
		for _, line := range visible.Lines(s) {
			checkSafe(t, line)
		}
	})
}

// checkSafe states the guarantee: valid UTF-8 and no character that is
// invisible, moves the cursor or reorders text.
func checkSafe(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("%q is not UTF-8", s)
	}
	for i, r := range s {
		switch {
		case r == '\u3000', unicode.Is(unicode.Variation_Selector, r):
		case r == '\u200d' && i > 0:
		case !unicode.IsPrint(r):
			t.Fatalf("%q holds %U", s, r)
		}
	}
}

// unescape reads Raw's form back.
func unescape(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		letter := s[i+1]
		switch n := digits[letter]; {
		case n > 0:
			v, err := strconv.ParseUint(s[i+2:i+2+n], 16, 32)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			if letter == 'x' {
				b.WriteByte(byte(v))
			} else {
				b.WriteRune(rune(v))
			}
			i += 1 + n
		case strings.IndexByte(`rnt\`, letter) >= 0:
			b.WriteByte(map[byte]byte{'r': '\r', 'n': '\n', 't': '\t', '\\': '\\'}[letter])
			i++
		default:
			b.WriteByte('\\')
		}
	}
	return b.String()
}

func BenchmarkText(b *testing.B) {
	s := strings.Repeat("Subject: 易联云验证码 and some ASCII\x1b ", 20)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		visible.Text(s)
	}
}
