package logs

import (
	"regexp"
	"strings"
	"time"

	"smtptap/decode/who"
)

// A form is how most tools write their dialogue: a mark for the side, and the
// text behind it.
type form struct {
	// row matches a line of the dialogue. Its groups: mark, text, and where
	// the form has them at (stamp) and id (connection).
	row *regexp.Regexp
	// server and client are the marks of the sides, several with a comma between.
	// When the codes stand behind the client's mark, the log is the other end's
	// and the sides are exchanged.
	server, client string
	// clean, when set, undoes how the tool writes a text.
	clean func(string) string
	// joins separates the lines of a reply that the tool writes as one, "" for none.
	joins string
	// strict: rows without a mark are never more of a reply.
	strict bool
	// follows: rows without a mark continue what the client said while its
	// message is sent.
	follows bool
	// drop, when set, matches what a marked row says that was never sent.
	drop *regexp.Regexp
	// remark, when set, reads rows that are no line of the dialogue.
	remark func(string) []line
}

// parse reads rows in this form.
func (f *form) parse(rows []row) []line {
	mark, text := f.row.SubexpIndex("mark"), f.row.SubexpIndex("text")
	found := make([][]string, len(rows))
	for i, r := range rows {
		found[i] = f.row.FindStringSubmatch(r.text)
	}
	sideOf := f.sides(found, mark, text)
	var lines []line
	last := who.Party(0)
	inMessage := false
	for i, r := range rows {
		g := found[i]
		if g == nil {
			more := f.continued(lines, last, inMessage, r)
			if more == nil {
				more = f.remarks(r)
			}
			lines = append(lines, more...)
			continue
		}
		at, id := f.context(g, r)
		last = sideOf[strings.TrimSpace(g[mark])]
		for _, l := range f.entry(last, g[text]) {
			l.at, l.session = at, id
			lines = append(lines, l)
			inMessage = messageState(inMessage, l)
		}
	}
	return lines
}

// context is the stamp and the connection of a row.
func (f *form) context(g []string, r row) (at time.Time, id string) {
	at = r.at
	if i := f.row.SubexpIndex("at"); i > 0 && g[i] != "" {
		if t, _ := takeStamp(g[i]); !t.IsZero() {
			at = t
		}
	}
	if at.IsZero() {
		at, _ = takeStamp(strings.TrimSpace(r.text))
	}
	if i := f.row.SubexpIndex("id"); i > 0 {
		id = g[i]
	}
	return at, id
}

// entry is what one marked row tells.
func (f *form) entry(side who.Party, text string) []line {
	if f.clean != nil {
		text = f.clean(text)
	}
	if f.drop != nil && f.drop.MatchString(text) {
		return nil
	}
	if side != who.Server {
		var out []line
		for _, part := range strings.Split(text, "\n") {
			out = append(out, saidBy(side, part))
		}
		return out
	}
	var out []line
	if f.joins != "" {
		text = unfoldReply(text, f.joins)
	}
	for _, part := range strings.Split(text, "\n") {
		for _, reply := range splitReply(strings.TrimRight(part, " \r")) {
			if reply != "" {
				out = append(out, server(reply))
			}
		}
	}
	return out
}

// unfoldReply restores the codes of a reply that a tool wrote as one line with
// the code once in front: "250 host / SIZE / HELP".
func unfoldReply(text, joins string) string {
	parts := strings.Split(text, joins)
	if len(parts) == 1 || code(text) == 0 {
		return text
	}
	for i := range parts {
		switch {
		case code(parts[i]) != 0 && i < len(parts)-1:
			parts[i] = parts[i][:3] + "-" + strings.TrimPrefix(parts[i][3:], " ")
		case code(parts[i]) != 0:
		case i < len(parts)-1:
			parts[i] = text[:3] + "-" + parts[i]
		default:
			parts[i] = text[:3] + " " + parts[i]
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "\n"), "--", "-")
}

// continued takes a row without a mark for more of what was said last: the
// next line of a reply, or of a message.
func (f *form) continued(lines []line, last who.Party, inMessage bool, r row) []line {
	if len(lines) == 0 {
		return nil
	}
	before := lines[len(lines)-1]
	text := r.text
	if f.clean != nil {
		text = f.clean(text)
	}
	switch {
	case !f.strict && last == who.Server && before.kind == said && more(before.text) && code(strings.TrimSpace(text)) == code(before.text):
		l := server(strings.TrimSpace(text))
		l.at, l.session = before.at, before.session
		return []line{l}
	case f.follows && last == who.Client && inMessage:
		l := client(text)
		l.at, l.session = before.at, before.session
		return []line{l}
	}
	return nil
}

// messageState follows whether a message is being sent.
func messageState(inMessage bool, l line) bool {
	switch {
	case l.side == who.Server && code(l.text) != 0:
		return code(l.text) == 354
	case l.side == who.Client && l.text == ".":
		return false
	}
	return inMessage
}

func (f *form) remarks(r row) []line {
	at, text := takeStamp(strings.TrimSpace(r.text))
	if at.IsZero() {
		at = r.at
	}
	var out []line
	if f.remark != nil {
		out = f.remark(text)
	}
	if out == nil {
		out = remark(text)
	}
	for i := range out {
		out[i].at = at
	}
	return out
}

// sides decides which mark is whose by what stands behind it.
func (f *form) sides(found [][]string, mark, text int) map[string]who.Party {
	of := map[string]who.Party{}
	for _, s := range strings.Split(f.server, ",") {
		of[s] = who.Server
	}
	for _, s := range strings.Split(f.client, ",") {
		of[s] = who.Client
	}
	right, wrong := 0, 0
	for _, g := range found {
		if g == nil {
			continue
		}
		t := g[text]
		if f.clean != nil {
			t = f.clean(t)
		}
		is := who.Party(0)
		if code(t) != 0 {
			is = who.Server
		} else if verbOf(t) != "" {
			is = who.Client
		}
		switch is {
		case 0:
		case of[strings.TrimSpace(g[mark])]:
			right++
		default:
			wrong++
		}
	}
	if wrong > right {
		for s, side := range of {
			of[s] = side.Other()
		}
	}
	return of
}
