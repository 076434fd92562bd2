package visible_test

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/mattn/go-runewidth"

	"smtptap/decode/visible"
)

func TestWidth(t *testing.T) {
	t.Setenv("LC_ALL", "zh_CN.UTF-8") // must not make "…" two columns wide
	for _, c := range []struct {
		in   string
		want int
	}{
		{"", 0},
		{"abc", 3},
		{"你好", 4},
		{"…•│①α→", 6},
		{"e\u0301", 1},
		{"👍🏽", 4},                      // drawn as two glyphs by terminals without modifiers
		{"ｶﾞ", 2},                      // a halfwidth mark takes a column of its own
		{"น้ำ", 2},                     // so does SARA AM
		{"हिन्दी", 5},                  // and so do vowel signs
		{"👨\u200d👩\u200d👧", 6},         // three glyphs where joiners mean nothing
		{"\x1b[31m你好\x1b[0m", 4},       // colours count nothing
		{"\x1b]8;;x\x1b\\a\x1b[0m", 1}, // nor do other sequences
	} {
		if got := visible.Width(c.in); got != c.want {
			t.Errorf("Width(%q) = %d, want %d", c.in, got, c.want)
		}
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "abcd…"},
		{"abcdef", 1, "…"},
		{"abcdef", 0, ""},
		{"你好世界", 8, "你好世界"},
		{"你好世界", 6, "你好…"},
		{"你好世界", 5, "你好…"},
		{"ae\u0301bc", 3, "ae\u0301…"},
		{"x👨\u200d👩\u200d👧y", 4, "x…"},
		{"\x1b[1mabcdef\x1b[0m", 4, "\x1b[1mabc…\x1b[0m"},
	} {
		if got := visible.Truncate(c.in, c.width, "…"); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func FuzzWidth(f *testing.F) {
	for _, s := range harmless {
		f.Add(s, 5)
	}
	for _, c := range hostile {
		f.Add(c.in, 8)
	}
	narrow := runewidth.Condition{StrictEmojiNeutral: true}
	f.Fuzz(func(t *testing.T, s string, width int) {
		if width < 0 || width > 300 {
			return
		}
		text := visible.Text(s)
		sum := 0
		for _, r := range text {
			sum += narrow.RuneWidth(r)
		}
		if got, least := visible.Width(text), max(sum, ansi.StringWidth(text)); got < least {
			t.Errorf("Width(%q) = %d, want at least %d", text, got, least)
		}
		cut := visible.Truncate(text, width, "…")
		if got := visible.Width(cut); got > width {
			t.Errorf("Truncate(%q, %d) = %q, which is %d wide", text, width, cut, got)
		}
		if kept, isCut := strings.CutSuffix(cut, "…"); isCut && !strings.HasPrefix(text, kept) {
			t.Errorf("Truncate(%q, %d) = %q, which is no beginning of it", text, width, cut)
		}
	})
}

func BenchmarkWidth(b *testing.B) {
	s := "易联云验证码 and some ASCII that fills a row of the session list …"
	for b.Loop() {
		visible.Width(s)
	}
}
