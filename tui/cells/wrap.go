package cells

import (
	"strings"
	"unicode/utf8"

	"smtptap/decode/visible"
)

// Wrap breaks text, which must hold no line ends or colours, into rows of at
// most width columns: at blanks where there are any, between the letters of
// scripts that have none, and within a word that is longer than a row.
func Wrap(text string, width int) []string {
	width = max(width, 1)
	var rows []string
	for {
		row := head(text, width)
		rest := text[len(row):]
		if rest == "" {
			return append(rows, row)
		}
		if rest[0] != ' ' && !standsAlone(row, rest) {
			if cut := lastBlank(row); cut > 0 {
				row, rest = row[:cut], text[cut:]
			}
		}
		rows = append(rows, strings.TrimRight(row, " "))
		text = strings.TrimLeft(rest, " ")
		if text == "" {
			return rows
		}
	}
}

// Fill breaks text at the last column only. It is for text as it was sent.
func Fill(text string, width int) []string {
	width = max(width, 1)
	var rows []string
	for {
		row := head(text, width)
		rows, text = append(rows, row), text[len(row):]
		if text == "" {
			return rows
		}
	}
}

// head is the part of text that fills a row. It is never empty, so that a
// letter wider than the row makes no endless loop.
func head(text string, width int) string {
	piece := text[:min(len(text), 32*(width+1))] // enough for letters with many marks
	for len(piece) < len(text) && len(piece) > 0 && !utf8.RuneStart(text[len(piece)]) {
		piece = piece[:len(piece)-1]
	}
	for w := width; ; w *= 2 {
		if row := visible.Truncate(piece, w, ""); row != "" || piece == "" {
			return row
		}
	}
}

// standsAlone reports whether a line may break between two parts of a text
// without a blank: one of the letters there is of a script that has none.
func standsAlone(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	return isWide(last) || isWide(next)
}

func isWide(r rune) bool { return r >= 0x1100 && visible.Width(string(r)) == 2 }

// lastBlank is the place behind the last blank that has a word before it, 0
// when there is none.
func lastBlank(row string) int {
	i := strings.LastIndexByte(row, ' ')
	if i <= 0 || strings.TrimLeft(row[:i], " ") == "" {
		return 0
	}
	return i + 1
}
