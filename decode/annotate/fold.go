package annotate

import (
	"strings"

	"smtptap/decode/visible"
)

// Fold breaks text at spaces into lines of at most width columns, as far as
// its words allow it. Line feeds in the text stay line ends.
func Fold(text string, width int) []string {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && visible.Width(line)+1+visible.Width(word) > width {
				lines = append(lines, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	return lines
}
