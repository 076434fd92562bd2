package ingest

import (
	"html"
	"regexp"
	"strings"
)

// A repair undoes one way in which logging or copying damages a log. It
// returns the texts that may have been meant, none when it finds nothing to
// undo.
type repair struct {
	name string
	undo func(rows []row, d *dialect) [][]row
	// plain: nearly every line shows this damage, so it is undone even when
	// that alone does not make the text look more like a dialect.
	plain bool
}

// repairs in the order in which the damage is usually peeled off, the
// outermost first.
var repairs = []repair{
	{name: "log records in JSON", undo: unwrapJSON, plain: true},
	{name: "quote marks, list bullets and indentation", undo: unquote, plain: true},
	{name: "HTML entities in every line", undo: unescapeEvery, plain: true},
	{name: "HTML entities", undo: unescapeHTML},
	{name: "line breaks of a page", undo: unbreak},
	{name: "bold marks", undo: unbold},
	{name: "prefix of a logger", undo: unprefix},
	{name: "columns of a table", undo: uncolumn},
	{name: "numbers of an array dump or a listing", undo: unnumber},
	{name: "escapes of a string", undo: unescape},
	{name: "several entries on one line", undo: unjoin},
}

// restore applies each repair that makes the text look more like some dialect,
// until none does any more, and returns the rows with the dialect they are in.
// A repair that only might have been needed changes nothing: a message that
// quotes ">" or holds "&lt;" stays as it was sent.
func restore(rows []row) ([]row, *dialect) {
	rows = tidy(rows)
	sample := telling(rows)
	d, score := recognise(sample)
	for range 4 { // damage nests: a quoted paste of a container log of a web page
		improved := false
		for _, fix := range repairs {
			n, nd, s := fix.best(sample, d, score, !improved)
			if n < 0 {
				continue
			}
			whole := fix.undo(rows, d)
			if n >= len(whole) {
				continue
			}
			improved = improved || s > score
			rows = tidy(whole[n])
			sample = telling(rows)
			d, score = nd, s
		}
		if !improved {
			break
		}
	}
	return oldestFirst(rows), d
}

// best tries the repair on a sample and returns which of its outcomes makes it
// look most like some dialect, -1 for none. A plain repair may also leave the
// score as it is.
func (fix repair) best(sample []row, d *dialect, score int, tie bool) (n int, nd *dialect, s int) {
	n, nd, s = -1, d, score
	for i, fixed := range fix.undo(sample, d) {
		fd, fs := recognise(telling(tidy(fixed)))
		if fs > s || fs == s && fix.plain && tie {
			n, nd, s = i, fd, fs
		}
	}
	return n, nd, s
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
		if reference.MatchString(r.text) {
			n++
		}
	}
	if 2*n < all {
		return nil
	}
	return unescapeHTML(rows, d)
}

var reference = regexp.MustCompile(`&(?:lt|gt|amp|quot|#0?39|#x27|nbsp);`)

// one is the result of a repair with a single outcome.
func one(rows []row) [][]row {
	if rows == nil {
		return nil
	}
	return [][]row{rows}
}

// tidy cuts off what stands behind nearly every row: white space, or the tag
// that breaks a line.
func tidy(rows []row) []row {
	for _, end := range []*regexp.Regexp{spaceEnd, breakEnd} {
		if !most(rows, end.MatchString) {
			continue
		}
		if cut := change(rows, func(s string) string { return end.ReplaceAllString(s, "") }); cut != nil {
			rows = cut
		}
	}
	return rows
}

var spaceEnd = regexp.MustCompile(`[ \t]+$`)

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
	breakTag = regexp.MustCompile(`(?i)<br ?/?>|</?(?:p|pre|code|div|tt|span|tr|td|li|ul)(?: [^>]*)?>`)
	breakEnd = regexp.MustCompile(`(?i)(?:<br ?/?>\s*)+$`)
)

// unbreak cuts rows at the tags that a page breaks its lines with.
func unbreak(rows []row, _ *dialect) [][]row {
	return one(split(rows, func(s string) []string {
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
	}))
}

// unbold removes Markdown's marks for bold text and inline code.
func unbold(rows []row, _ *dialect) [][]row {
	return one(change(rows, func(s string) string {
		if strings.Count(s, "**") >= 2 {
			s = strings.ReplaceAll(s, "**", "")
		}
		if t := strings.TrimSpace(s); len(t) > 2 && t[0] == '`' && t[len(t)-1] == '`' {
			s = strings.Trim(t, "`")
		}
		return s
	}))
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

var numbered = regexp.MustCompile(`^\s*(?:\[\d+\] => |#?\d{1,6}[:.)\]]\s|\d{1,6}\t|\d{1,6} {2,})\s*(?:string\(\d+\) ")?`)

// unnumber removes the indexes of a dumped array and the numbers of a listing.
func unnumber(rows []row, _ *dialect) [][]row {
	return one(change(rows, func(s string) string { return s[len(numbered.FindString(s)):] }))
}

// stringEscapes undoes how JSON, PHP and shells write line ends and quotes.
var stringEscapes = strings.NewReplacer(`\\`, `\`, `\r\n`, "\n", `\n`, "\n", `\r`, "", `\t`, "\t", `\"`, `"`, `\/`, `/`,
	`\u003c`, "<", `\u003e`, ">", `\u003C`, "<", `\u003E`, ">", `\u0026`, "&", `\u0027`, "'", `\u0022`, `"`)

// unescape cuts rows at line ends that are written out.
func unescape(rows []row, d *dialect) [][]row {
	if d != nil && d.escapes {
		return nil
	}
	return one(split(rows, func(s string) []string {
		if !strings.Contains(s, `\n`) {
			return nil
		}
		return strings.Split(stringEscapes.Replace(s), "\n")
	}))
}

// unjoin begins a new row at each entry where several stand on one line. Every
// dialect says what begins an entry; the one that gains most is followed.
func unjoin(rows []row, _ *dialect) [][]row {
	sample := telling(rows)
	var best *joint
	_, most := recognise(sample)
	for i := range dialects {
		d := &dialects[i]
		if d.joint == nil {
			continue
		}
		cut := cutRows(sample, d.joint)
		if cut == nil {
			continue
		}
		if s := d.score(telling(cut)); s > most {
			best, most = d.joint, s
		}
	}
	if best == nil {
		return nil
	}
	return one(cutRows(rows, best))
}

func cutRows(rows []row, j *joint) []row {
	return split(rows, func(s string) []string { return cutBefore(s, j) })
}

// cutBefore cuts s before each match of joint but one at its start. A joint
// with a group begins the entry at that group.
func cutBefore(s string, j *joint) []string {
	if !j.pre.allows(s) {
		return nil
	}
	at := j.re.FindAllStringSubmatchIndex(s, -1)
	if at == nil || len(at) < j.least {
		return nil
	}
	var parts []string
	from := 0
	for _, loc := range at {
		i := loc[0]
		if len(loc) > 2 && loc[2] >= 0 {
			i = loc[2]
		}
		before := strings.TrimSpace(s[from:i])
		if before == "" || len(before) == 3 && code(before) != 0 {
			continue // a code with nothing behind it begins this reply
		}
		parts = append(parts, strings.TrimRight(s[from:i], " \t"))
		from = i
	}
	return append(parts, s[from:])
}
