package draw_test

import (
	"slices"
	"strings"
	"testing"

	"smtptap/decode/visible"
	"smtptap/tui/draw"
)

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"abc", 5, "abc  "},
		{"abcdef", 5, "abcd…"},
		{"你好吗", 5, "你好…"},
		{"你好吗", 4, "你… "},
		{"", 2, "  "},
		{"abc", 0, ""},
		{"abc", -3, ""},
	} {
		if got := draw.Fit(c.text, c.width, "…"); got != c.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
	if got := draw.FitRight("42", 4, "…"); got != "  42" {
		t.Errorf("FitRight = %q", got)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"one two three", 20, []string{"one two three"}},
		{"one two three", 8, []string{"one two", "three"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one  two", 4, []string{"one", "two"}},
		{"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"is abcdefgh", 6, []string{"is", "abcdef", "gh"}},
		{"主题 你好世界", 8, []string{"主题 你", "好世界"}},
		{"subject 验证码", 10, []string{"subject 验", "证码"}},
		{"trailing   ", 8, []string{"trailing"}},
		{"你好", 1, []string{"你", "好"}},
	} {
		if got := draw.Wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("Wrap(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// A cell of Chinese must not move what stands after it, whatever its width is
// on the terminal.
func TestRowReturnsToItsColumn(t *testing.T) {
	var r draw.Row
	r.Cell("你好", 6, draw.Style{}, "…")
	r.Put("x", draw.Style{})
	if got, want := r.String(), "你好  \x1b[7Gx"; got != want {
		t.Errorf("row is %q, want %q", got, want)
	}
	var plain draw.Row
	plain.Cell("ab", 6, draw.Style{}, "…")
	plain.Put("x", draw.Style{})
	if got, want := plain.String(), "ab    x"; got != want {
		t.Errorf("row of ASCII is %q, want %q", got, want)
	}
}

func TestFillKeepsEscapesWhole(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{`nothing\r\n`, 8, []string{`nothing`, `\r\n`}},
		{`nothing\r\n`, 10, []string{`nothing\r`, `\n`}},
		{`ab\x1b[2J`, 5, []string{`ab`, `\x1b[`, `2J`}},
		{`abc\u202ex`, 8, []string{`abc`, `\u202ex`}},
		{`ab\\xyz`, 4, []string{`ab\\`, `xyz`}}, // an escaped backslash and text
		{`\u202e`, 3, []string{`\u2`, `02e`}},   // wider than a row
		{`C:\dir`, 4, []string{`C:\d`, `ir`}},   // no escape at all
	} {
		if got := draw.Fill(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("Fill(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("one two three", 7)
	f.Add("主题 你好世界 ❤️ 👨\u200d👩\u200d👧 हिन्दी", 5)
	f.Fuzz(func(t *testing.T, raw string, width int) {
		if len(raw) > 1<<12 {
			return
		}
		text := visible.Text(raw)
		width = 8 + (width%100+100)%100 // wider than any letter
		for name, rows := range map[string][]string{"Wrap": draw.Wrap(text, width), "Fill": draw.Fill(text, width)} {
			for _, row := range rows {
				if visible.Width(row) > width {
					t.Errorf("%s(%q, %d): row %q is %d wide", name, text, width, row, visible.Width(row))
				}
			}
			squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
			if got := squeeze(strings.Join(rows, "")); got != squeeze(text) {
				t.Errorf("%s(%q, %d) lost text: %q", name, text, width, got)
			}
		}
	})
}
