package draw

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

// Fill breaks text at the last column only, but not within an escape such as
// \x1b. It is for text as it was sent.
func Fill(text string, width int) []string {
	width = max(width, 1)
	var rows []string
	for {
		row := head(text, width)
		row = row[:len(row)-tornEscape(row, text[len(row):])]
		rows, text = append(rows, row), text[len(row):]
		if text == "" {
			return rows
		}
	}
}

// escapes are the lengths of escapes of decode/visible by the letter after
// the backslash. A backslash stands for itself before any other.
var escapes = map[byte]int{'r': 2, 'n': 2, 't': 2, '\\': 2, 'x': 4, 'u': 6, 'U': 10}

// tornEscape is how many bytes at the end of a row belong to an escape that
// goes on in the rest of its text. It is never the whole row.
func tornEscape(row, rest string) int {
	at := strings.LastIndexByte(row, '\\')
	if at <= 0 || rest == "" {
		return 0
	}
	if doubled := at + 1 - len(strings.TrimRight(row[:at+1], "\\")); doubled%2 == 0 {
		return 0
	}
	begun := row[at:]
	letter := rest[0]
	if len(begun) > 1 {
		letter = begun[1]
	}
	if escapes[letter] <= len(begun) {
		return 0
	}
	return len(begun)
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

// lastBlank is the place after the last blank that has a word before it, 0
// when there is none.
func lastBlank(row string) int {
	i := strings.LastIndexByte(row, ' ')
	if i <= 0 || strings.TrimLeft(row[:i], " ") == "" {
		return 0
	}
	return i + 1
}
