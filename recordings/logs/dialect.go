package logs

import (
	"strings"
)

// A dialect is the form in which one tool writes its SMTP dialogue.
type dialect struct {
	id   string // Transcript.Dialect
	name string // of the tool, for people

	// marks are what its lines look like; the weights of the first one that
	// matches each line are added up to tell how surely a text is in this
	// dialect. The raw protocol without marks weighs 1 a line, so what is
	// typical for a tool weighs more.
	marks []mark
	// needs, when set, must match somewhere in the text.
	needs *pattern
	// joint is where a new entry begins when several stand on one line.
	joint *joint

	// weigh, when set, takes the place of marks.
	weigh func(rows []row) int

	parse func(rows []row) []line

	// refine, when set, gives the id by the version that the text betrays.
	refine func(rows []row) string

	escapes    bool // \r\n written out is part of the form and stays
	bodyHidden bool // the tool never shows the message
	errorOnly  bool // an error text or single replies, never a dialogue
	fallback   bool // not a tool's form: tried whatever the text looks like
}

// A mark recognises lines of a dialect.
type mark struct {
	*pattern
	weight int
}

func m(weight int, expr string) mark { return mark{compile(expr), weight} }

// A joint is the beginning of an entry inside a line.
type joint struct {
	*pattern
	least int // how many must stand on a line before it is cut
}

func jointOf(expr string) *joint { return &joint{pattern: compile(expr)} }

// many is the joint for a form so weak that only several on one line count.
func (j *joint) many(least int) *joint {
	j.least = least
	return j
}

// score tells how surely rows are written in d.
func (d *dialect) score(rows []row) int {
	if d.weigh != nil {
		return d.weigh(rows)
	}
	total := 0
	for _, r := range rows {
		for _, k := range d.marks {
			if k.MatchString(r.text) {
				total += k.weight
				break
			}
		}
	}
	if total > 0 && d.needs != nil && !anyMatches(rows, d.needs) {
		return 0
	}
	return total
}

func anyMatches(rows []row, re *pattern) bool {
	for _, r := range rows {
		if re.MatchString(r.text) {
			return true
		}
	}
	return false
}

// recognise returns the dialect that fits rows best, and how well. Of two that
// fit equally well the first of the table is taken.
func recognise(rows []row) (*dialect, int) {
	var best *dialect
	most := 0
	for i := range dialects {
		if dialects[i].weigh != nil && most > 3*len(rows) {
			continue // it could not be more
		}
		if s := dialects[i].score(rows); s > most {
			best, most = &dialects[i], s
		}
	}
	return best, most
}

// maxTelling bounds how many rows are weighed against every dialect.
const maxTelling = 500

// needles are strings of which a line has one that any dialect could claim.
var needles = []string{"SMTP", "smtp", "Smtp", "EHLO", "ehlo", "HELO", "helo", "MAIL ", "mail ", "Mail ", "RCPT", "rcpt", "QUIT", "quit", "Swift_", "S: ", "C: ", "s: ", "c: ",
	"<<", ">>", "<-", "->", "=>", "<=", "<~", "~>", "**", "===", "++", "--", "└──", ": '", "Got:", "Sent:", "essage", "rror", "ailed", "[S", "[C", "* ", "> ", "< "}

// smtpish reports what any dialect could claim: a needle, or a reply code.
func smtpish(text string) bool {
	for _, n := range needles {
		if strings.Contains(text, n) {
			return true
		}
	}
	for i := 0; i+3 < len(text); i++ {
		if (text[i+3] == ' ' || text[i+3] == '-') && code(text[i:]) != 0 && (i == 0 || !wordByte(text[i-1])) {
			return true
		}
	}
	return false
}

// telling returns the rows that are worth weighing: at most maxTelling, none
// of them long. Of a long text they are those in which anything of SMTP shows,
// and then the first of the others.
func telling(rows []row) []row {
	if len(rows) <= maxTelling {
		return pick(nil, rows, func(string) bool { return true })
	}
	picked := pick(nil, rows, smtpish)
	return pick(picked, rows[:maxTelling], func(s string) bool { return !smtpish(s) })
}

// maxRow is how much of a row is weighed.
const maxRow = 2000

// pick appends the rows that f holds for, until there are maxTelling.
func pick(picked, rows []row, f func(string) bool) []row {
	for _, r := range rows {
		if len(picked) >= maxTelling {
			break
		}
		text := r.text[:min(len(r.text), maxRow)]
		if text != "" && f(text) {
			picked = append(picked, row{text: text, at: r.at})
		}
	}
	return picked
}
