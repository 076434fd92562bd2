package ingest

import (
	"html"
	"regexp"
	"strings"
)

// A repair undoes one way in which logging or copying damages a log. It
// returns nil when it finds nothing to undo.
type repair struct {
	name string
	undo func(rows []row, d *dialect) []row
}

// repairs in the order in which the damage is usually peeled off, the
// outermost first.
var repairs = []repair{
	{"log records in JSON", unwrapJSON},
	{"quote marks, list bullets and indentation", unquote},
	{"HTML entities", unescapeHTML},
	{"line breaks of a page", unbreak},
	{"bold marks", unbold},
	{"columns of a table", uncolumn},
	{"prefix of a logger", unprefix},
	{"numbers of an array dump or a listing", unnumber},
	{"escapes of a string", unescape},
	{"several entries on one line", unjoin},
}

// restore applies each repair that makes the text look more like some dialect,
// until none does any more, and returns the rows with the dialect they are in.
// A repair that only might have been needed changes nothing: a message that
// quotes ">" or holds "&lt;" stays as it was sent.
func restore(rows []row) ([]row, *dialect) {
	d, score := recognise(rows)
	for range 4 { // damage nests: a quoted paste of a container log of a web page
		improved := false
		for _, fix := range repairs {
			fixed := fix.undo(rows, d)
			if fixed == nil {
				continue
			}
			if nd, s := recognise(fixed); s > score {
				rows, d, score, improved = fixed, nd, s, true
			}
		}
		if !improved {
			break
		}
	}
	return oldestFirst(rows), d
}

// change maps every row and returns nil when none changed.
func change(rows []row, f func(string) string) []row {
	var out []row
	for i, r := range rows {
		text := f(r.text)
		if text == r.text {
			continue
		}
		if out == nil {
			out = append([]row(nil), rows...)
		}
		out[i].text = text
	}
	return out
}

// split cuts rows into several where f says, and returns nil when it cut none.
func split(rows []row, f func(string) []string) []row {
	var out []row
	for i, r := range rows {
		parts := f(r.text)
		if len(parts) < 2 && out == nil {
			continue
		}
		if out == nil {
			out = append(make([]row, 0, len(rows)+len(parts)), rows[:i]...)
		}
		if len(parts) < 2 {
			out = append(out, r)
			continue
		}
		for _, p := range parts {
			out = append(out, row{text: p, at: r.at})
		}
	}
	return out
}

var arrows = strings.NewReplacer("→", "->", "←", "<-", "\u00a0", " ", "\u200b", "", "\u2028", "", "\ufeff", "")

// unescapeHTML decodes character references once, and typographic arrows.
func unescapeHTML(rows []row, _ *dialect) []row {
	return change(rows, func(s string) string {
		if strings.IndexByte(s, '&') >= 0 {
			s = html.UnescapeString(s)
		}
		return arrows.Replace(s)
	})
}

var (
	breakTag = regexp.MustCompile(`(?i)<br ?/?>|</?(?:p|pre|code|div|tt|span|tr|td|li|ul)(?: [^>]*)?>`)
	breakEnd = regexp.MustCompile(`(?i)(?:<br ?/?>\s*)+$`)
)

// unbreak cuts rows at the tags that a page breaks its lines with.
func unbreak(rows []row, _ *dialect) []row {
	return split(rows, func(s string) []string {
		if strings.IndexByte(s, '<') < 0 {
			return nil
		}
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
	})
}

// unbold removes Markdown's marks for bold text and inline code.
func unbold(rows []row, _ *dialect) []row {
	return change(rows, func(s string) string {
		if strings.Count(s, "**") >= 2 {
			s = strings.ReplaceAll(s, "**", "")
		}
		if t := strings.TrimSpace(s); len(t) > 2 && t[0] == '`' && t[len(t)-1] == '`' {
			s = strings.Trim(t, "`")
		}
		return s
	})
}

// most reports that f holds for nearly all rows that are not blank.
func most(rows []row, f func(string) bool) bool {
	yes, all := 0, 0
	for _, r := range rows {
		if strings.TrimSpace(r.text) == "" {
			continue
		}
		all++
		if f(r.text) {
			yes++
		}
	}
	return all > 0 && yes*100 >= all*85
}

var bullet = regexp.MustCompile(`^\s*(?:>|\||//|#|;|--?(?: |$)|[*+•·](?: |$))\s?`)

// unquote removes what stands in front of nearly every row: the quote mark of a
// mail or a forum, a bullet, a comment sign, or the same indentation.
func unquote(rows []row, _ *dialect) []row {
	for _, sign := range []string{">", "|", "//", "#", ";", "-", "*", "+", "•", "·"} {
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

// commonIndent is the white space that every row begins with. The first row of
// a copied block often lost its own, so it is not asked.
func commonIndent(rows []row) string {
	indent, known := "", false
	for i, r := range rows {
		if i == 0 && len(rows) > 2 || strings.TrimSpace(r.text) == "" {
			continue
		}
		own := r.text[:len(r.text)-len(strings.TrimLeft(r.text, " \t"))]
		if !known {
			indent, known = own, true
		}
		for !strings.HasPrefix(own, indent) {
			indent = indent[:len(indent)-1]
		}
		if indent == "" {
			break
		}
	}
	return indent
}

// uncolumn keeps the column of a table or of a log viewer that holds the text.
func uncolumn(rows []row, _ *dialect) []row {
	return change(rows, func(s string) string {
		if !strings.Contains(s, " | ") {
			return s
		}
		longest := ""
		for _, cell := range strings.Split(s, " | ") {
			if len(cell) > len(longest) {
				longest = cell
			}
		}
		return longest
	})
}

var (
	numbered = regexp.MustCompile(`^\s*(?:\[\d+\] => |#?\d{1,6}[:.)\]]\s|\d{1,6}\t|\d{1,6} {2,})\s*(?:string\(\d+\) ")?`)
)

// unnumber removes the indexes of a dumped array and the numbers of a listing.
func unnumber(rows []row, _ *dialect) []row {
	return change(rows, func(s string) string { return s[len(numbered.FindString(s)):] })
}

// stringEscapes undoes how JSON, PHP and shells write line ends and quotes.
var stringEscapes = strings.NewReplacer(`\\`, `\`, `\r\n`, "\n", `\n`, "\n", `\r`, "", `\t`, "\t", `\"`, `"`, `\/`, `/`,
	`\u003c`, "<", `\u003e`, ">", `\u003C`, "<", `\u003E`, ">", `\u0026`, "&", `\u0027`, "'", `\u0022`, `"`)

// unescape cuts rows at line ends that are written out.
func unescape(rows []row, d *dialect) []row {
	if d != nil && d.escapes {
		return nil
	}
	return split(rows, func(s string) []string {
		if !strings.Contains(s, `\n`) {
			return nil
		}
		return strings.Split(stringEscapes.Replace(s), "\n")
	})
}

// unjoin begins a new row at each entry where several stand on one line. Every
// dialect says what begins an entry; the one that gains most is followed.
func unjoin(rows []row, _ *dialect) []row {
	var best []row
	_, most := recognise(rows)
	for i := range dialects {
		d := &dialects[i]
		if d.joint == nil {
			continue
		}
		cut := split(rows, func(s string) []string { return cutBefore(s, d.joint) })
		if cut == nil {
			continue
		}
		if s := d.score(telling(cut)); s > most {
			best, most = cut, s
		}
	}
	return best
}

// cutBefore cuts s before each match of joint but one at its start. A joint
// with a group begins the entry at that group.
func cutBefore(s string, joint *regexp.Regexp) []string {
	at := joint.FindAllStringSubmatchIndex(s, -1)
	if at == nil {
		return nil
	}
	var parts []string
	from := 0
	for _, loc := range at {
		i := loc[0]
		if len(loc) > 2 && loc[2] >= 0 {
			i = loc[2]
		}
		if strings.TrimSpace(s[from:i]) == "" {
			continue
		}
		parts = append(parts, strings.TrimRight(s[from:i], " \t"))
		from = i
	}
	return append(parts, s[from:])
}
