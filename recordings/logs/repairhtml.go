package logs

import (
	"html"
	"strings"
)

var arrows = strings.NewReplacer("→", "->", "←", "<-", "\u00a0", " ", "\u200b", "", "\u2028", "", "\ufeff", "")

// unescapeHTML decodes character references, once and twice, and typographic
// arrows.
func unescapeHTML(rows []row, _ *dialect) [][]row {
	once := change(rows, func(s string) string {
		if strings.IndexByte(s, '&') >= 0 {
			s = html.UnescapeString(s)
		}
		return arrows.Replace(s)
	})
	if once == nil {
		return nil
	}
	out := [][]row{once}
	twice := change(once, func(s string) string {
		if strings.IndexByte(s, '&') >= 0 {
			s = html.UnescapeString(s)
		}
		return arrows.Replace(s)
	})
	if twice != nil {
		out = append(out, twice)
	}
	return out
}

var (
	breakTag = compile(`(?i)<br ?/?>|</?(?:p|pre|code|div|tt|span|tr|li|ul)(?: [^>]*)?>`)
	cellTag  = compile(`(?i)</?t[dh](?: [^>]*)?>`)
	breakEnd = compile(`(?i)(?:<br ?/?>\s*)+$`)
)

// unbreak cuts rows at the tags that a page breaks its lines with.
func unbreak(rows []row, _ *dialect) [][]row {
	return one(split(rows, func(s string) []string {
		if strings.IndexByte(s, '<') < 0 {
			return nil
		}
		s = cellTag.ReplaceAllString(s, " ") // cells of a row belong together
		at := breakTag.FindAllStringIndex(s, -1)
		if at == nil {
			return nil
		}
		parts := make([]string, 0, len(at)+1)
		from := 0
		for _, tag := range at {
			if p := s[from:tag[0]]; strings.TrimSpace(p) != "" {
				parts = append(parts, p)
			}
			from = tag[1]
		}
		parts = append(parts, s[from:])
		if len(parts) == 1 {
			parts = append(parts, "") // a tag alone still has to go
		}
		return parts
	}))
}

// unbold removes Markdown's marks for bold text and inline code.
func unbold(rows []row, _ *dialect) [][]row {
	return one(change(rows, func(s string) string {
		if strings.Count(s, "**") >= 2 {
			s = strings.ReplaceAll(s, "**", "")
		}
		if strings.Count(s, "`") == 2 {
			s = strings.ReplaceAll(s, "`", "")
		}
		return s
	}))
}

// unescapeEvery is unescapeHTML for a text in which every other line holds a
// reference: no message does, but a page's source.
func unescapeEvery(rows []row, d *dialect) [][]row {
	n, all := 0, 0
	for _, r := range rows {
		if strings.TrimSpace(r.text) == "" {
			continue
		}
		all++
		if strings.Contains(r.text, ":&lt;") {
			return unescapeHTML(rows, d) // the brackets of an address
		}
		if reference.MatchString(r.text) {
			n++
		}
	}
	if 2*n < all {
		return nil
	}
	return unescapeHTML(rows, d)
}

var reference = compile(`&(?:lt|gt|amp|quot|#0?39|#x27|nbsp);`)
