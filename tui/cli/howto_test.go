package cli

import (
	"strings"
	"testing"

	"smtptap/decode/lang"
)

// Every topic has a title and a text in both languages, with the same lines to
// paste.
func TestHowtos(t *testing.T) {
	pasted := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "  ") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	for _, name := range topics() {
		title, text := topic(name, lang.English)
		titel, wen := topic(name, lang.Chinese)
		if title == "" || titel == "" || title == titel || strings.Contains(text+wen, "en: ") || strings.Contains(text+wen, "zh: ") {
			t.Errorf("%s: %q, %q", name, title, titel)
		}
		if a, b := pasted(text), pasted(wen); len(a) == 0 || strings.Join(a, "") != strings.Join(b, "") {
			t.Errorf("%s: the languages differ in what to paste", name)
		}
	}
}
