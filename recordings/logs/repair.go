package logs

import (
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
	{name: "blanks that qmail writes as underscores", undo: unqmail, plain: true},
	{name: "log records in JSON", undo: unwrapJSON, plain: true},
	{name: "entries wrapped at the width of a window", undo: unwrapRows, plain: true},
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
// until none does any more.
// A repair that only might have been needed changes nothing: a message that
// quotes ">" or holds "&lt;" stays as it was sent.
func restore(rows []row) []row {
	rows = undouble(tidy(rows))
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
	return oldestFirst(rows)
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

// one is the result of a repair with a single outcome.
func one(rows []row) [][]row {
	if rows == nil {
		return nil
	}
	return [][]row{rows}
}

// tidy cuts off what stands after nearly every row: white space, or the tag
// that breaks a line.
func tidy(rows []row) []row {
	for _, cut := range []func(string) string{withoutBlanks, withoutBreak} {
		if most(rows, func(s string) bool { return len(cut(s)) < len(s) }) {
			rows = change(rows, cut)
		}
	}
	return rows
}

func withoutBlanks(s string) string { return strings.TrimRight(s, " \t") }

func withoutBreak(s string) string {
	if !strings.HasSuffix(withoutBlanks(s), ">") {
		return s
	}
	return breakEnd.ReplaceAllString(s, "")
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

var numbered = compile(`^\s*(?:\[\d+\] => |#?\d{1,6}[:.)\]]\s|\d{1,6}\t|\d{1,6} {2,}|\d{1,2} )\s*(?:string\(\d+\) ")?`)

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

var qmailReport = compile(`^(.*?\b(?:deferral|failure|success): )(\S+_\S+)$`)

// unqmail gives qmail's reports of deliveries their blanks and line ends back.
func unqmail(rows []row, _ *dialect) [][]row {
	return one(split(rows, func(s string) []string {
		g := qmailReport.FindStringSubmatch(strings.TrimSpace(s))
		if g == nil {
			return nil
		}
		return append([]string{g[1]}, strings.Split(strings.TrimRight(strings.ReplaceAll(g[2], "_", " "), "/"), "/")...)
	}))
}
