package logs

import "strings"

// Terminals and mail programs wrap the entries of a log at their width, also
// inside words. An entry reaches from one stamp to the next.

const (
	leastWidth = 40
	mostWidth  = 250
	rag        = 14 // how much shorter than the width a row is that was wrapped between words
)

// unwrapRows joins the rows of entries that were wrapped: without a blank where
// the row fills the width, with one where it was wrapped between words.
func unwrapRows(rows []row, _ *dialect) [][]row {
	width := 0
	for _, r := range rows {
		width = max(width, len(r.text))
	}
	if width < leastWidth || width > mostWidth {
		return nil
	}
	heads, rest := 0, 0
	for i, r := range rows {
		switch {
		case strings.TrimSpace(r.text) == "":
		case isHead(r.text):
			heads++
		case i == 0 || len(rows[i-1].text) < width-rag:
			return nil // it follows a row that had room for more
		default:
			rest++
		}
	}
	if heads < 3 || rest < 1 {
		return nil
	}
	var out []row
	for i, r := range rows {
		if isHead(r.text) || strings.TrimSpace(r.text) == "" {
			out = append(out, r)
			continue
		}
		joint := " "
		if len(rows[i-1].text) == width {
			joint = ""
		}
		out[len(out)-1].text += joint + r.text
	}
	return one(out)
}

// isHead reports a row that begins with a stamp.
func isHead(text string) bool {
	_, rest := takeStamp(strings.TrimLeft(text, " \t"))
	return len(rest) < len(strings.TrimLeft(text, " \t"))
}

// leastTwin is how much of a line two copies must share when one is cut.
const leastTwin = 20

// undouble drops the second of two copies where every reply and command stands
// twice.
func undouble(rows []row) []row {
	twins := 0
	for i := 0; i < len(rows) && i < maxTelling; i++ {
		if len(starts(rows[i].text)) == 0 {
			continue
		}
		if i+1 == len(rows) || !areTwins(rows[i].text, rows[i+1].text) {
			return rows
		}
		twins++
		i++
	}
	if twins < 3 {
		return rows
	}
	var out []row
	for i := 0; i < len(rows); i++ {
		r := rows[i]
		if i+1 < len(rows) && areTwins(r.text, rows[i+1].text) {
			if i++; len(rows[i].text) > len(r.text) {
				r = rows[i]
			}
		}
		out = append(out, r)
	}
	return out
}

// areTwins reports two copies of a line, of which one may be cut.
func areTwins(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return strings.TrimSpace(a) != "" && (a == b || len(a) >= leastTwin && strings.HasPrefix(b, a))
}
