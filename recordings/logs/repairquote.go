package logs

import (
	"strings"
)

var bullet = compile(`^\s*(?:>|\||//|#|;|--?(?: |$)|[*+•·](?: |$))\s?`)

// signs stand in front of rows that were quoted, listed or commented out.
var signs = []string{">", "|", "//", "#", ";", "-", "*", "+", "•", "·"}

// maxQuotes bounds how often text is taken to have been quoted again.
const maxQuotes = 5

// unquote removes what stands in front of nearly every row: the quote mark of a
// mail or a forum, a bullet, a comment sign, or the same indentation.
func unquote(rows []row, _ *dialect) [][]row {
	var out [][]row
	for range maxQuotes {
		rows = unquoteOnce(rows)
		if rows == nil {
			break
		}
		out = append(out, rows)
	}
	return out
}

func unquoteOnce(rows []row) []row {
	for _, sign := range signs {
		has := func(s string) bool { return strings.HasPrefix(strings.TrimLeft(s, " \t"), sign) }
		if !most(rows, has) {
			continue
		}
		return change(rows, func(s string) string {
			if !has(s) {
				return s
			}
			return s[len(bullet.FindString(s)):]
		})
	}
	indent := commonIndent(rows)
	if indent == "" {
		return nil
	}
	return change(rows, func(s string) string { return strings.TrimPrefix(s, indent) })
}

// commonIndent is the white space that the rows begin with that have any, when
// nearly all have: the first row of a copied block often lost its own.
func commonIndent(rows []row) string {
	indented := func(s string) bool { return s[0] == ' ' || s[0] == '\t' }
	if !most(rows, indented) {
		return ""
	}
	indent, known := "", false
	for _, r := range rows {
		if strings.TrimSpace(r.text) == "" || !indented(r.text) {
			continue
		}
		own := r.text[:len(r.text)-len(strings.TrimLeft(r.text, " \t"))]
		if !known {
			indent, known = own, true
		}
		for !strings.HasPrefix(own, indent) {
			indent = indent[:len(indent)-1]
		}
	}
	return indent
}

// maxColumns is how many columns of a table are tried.
const maxColumns = 6

// uncolumn keeps one column of a table or of a log viewer.
func uncolumn(rows []row, _ *dialect) [][]row {
	var out [][]row
	for i := range maxColumns {
		found := false
		cut := change(rows, func(s string) string {
			cells := strings.Split(s, " | ")
			if len(cells) <= i || len(cells) == 1 {
				return s
			}
			found = true
			return strings.Trim(cells[i], "| ")
		})
		if !found {
			break
		}
		if cut != nil {
			out = append(out, cut)
		}
	}
	return out
}
