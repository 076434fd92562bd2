package logs

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"smtptap/decode/who"
)

// A text can be understood in several ways. What makes a reading good is not
// that the lines look like some tool's but that the dialogue becomes one that
// SMTP allows, and that nothing of it is left over.

// maxReadings is how many dialects are tried. The form that the text itself
// shows and the bare protocol are tried besides.
const maxReadings = 3

// A reading is one way to understand a text.
type reading struct {
	dialect *dialect
	cost    int
}

// readings reads a sample of the text in the most promising ways and returns
// the dialects in which it says something, the best dialogue first.
func readings(rows []row) []*dialect {
	sample := telling(rows)
	var all []reading
	sought := protocolRows(sample)
	ways, scores := promising(sample)
	for rank, d := range ways {
		lines := d.parse(sample)
		if len(lines) == 0 {
			continue
		}
		prior := rank*costLessKnown + min((scores[0]-scores[rank])/12, maxPrior)
		all = append(all, reading{d, costOf(d, lines, sought) + prior})
	}
	slices.SortStableFunc(all, func(a, b reading) int { return cmp.Compare(a.cost, b.cost) })
	best := make([]*dialect, len(all))
	for i, r := range all {
		best[i] = r.dialect
	}
	return best
}

// lastResorts find errors in any text.
func lastResorts(rows []row) (all []*dialect) {
	sample := telling(rows)
	for i := range dialects {
		if d := &dialects[i]; d.fallback && d.errorOnly && d.score(sample) > 0 {
			all = append(all, d)
		}
	}
	return all
}

// costLessKnown is the prior: how much better the dialogue must become for a
// dialect to be taken whose marks are fewer.
const (
	costLessKnown = 6
	maxPrior      = 20
)

// promising returns the dialects that rows may be in, the best first, with how
// surely they are.
func promising(rows []row) (found []*dialect, scores []int) {
	for i := range dialects {
		d := &dialects[i]
		if d.fallback && d.errorOnly && len(scores) > 0 && scores[0] > 3*len(rows) && !found[0].errorOnly {
			continue // it is a dialogue; ParseAll tries these last
		}
		s := d.score(rows)
		if s == 0 {
			continue
		}
		at := len(found)
		for at > 0 && s > scores[at-1] {
			at--
		}
		found = append(found[:at], append([]*dialect{d}, found[at:]...)...)
		scores = append(scores[:at], append([]int{s}, scores[at:]...)...)
	}
	n := 0
	for i, d := range found {
		if i < maxReadings || d.fallback {
			found[n], scores[n] = d, scores[i]
			n++
		}
	}
	return found[:n], scores[:n]
}

// Costs of a reading beside those of the assignment of its replies.
const (
	costNonsense = 4 // a line that its side can't have said
	costContrary = 9 // a line that only the other side can have said
	costUnread   = 3 // a row with a reply or a command that the reading leaves out
	gainTurn     = 2 // a command or a reply that it finds
)

// costOf tells how bad the dialogue is that a dialect finds.
func costOf(d *dialect, lines []line, sought []string) int {
	cost := costUnread * unread(sought, lines)
	turns := turnsOf(lines, d.bodyHidden)
	if d.errorOnly {
		return cost - gainTurn*len(turns)
	}
	cost += align(turns)
	for i, is := range verdicts(turns, lines) {
		switch is {
		case contrary:
			cost += costContrary
		case nonsense:
			cost += costNonsense * (turns[i].end - turns[i].at)
		case fine:
			cost -= gainTurn
		}
	}
	return cost
}

// A judgement says of a turn whether its side can have said it.
type judgement uint8

const (
	fine     judgement = iota
	nonsense           // it is prose, or of another protocol
	contrary           // it is what the other side says
	midway             // it may be the rest of a message or of an exchange
)

// verdicts judges turns whose replies are assigned. A line that is no command
// stays where the server objects to it.
func verdicts(turns []turn, lines []line) []judgement {
	objected := map[int]bool{}
	for i := range turns {
		if t := &turns[i]; t.server && t.to >= 0 && t.code >= 500 && t.code <= 504 {
			objected[t.to] = true
		}
	}
	all := make([]judgement, len(turns))
	begun := false // before the first word of SMTP may stand the rest of a message
	for i := range turns {
		t := &turns[i]
		text := lines[t.at].text
		switch {
		case !t.server && t.verb != endOfData && code(text) != 0 && len(text) > 4 && enhancedFront.MatchString(text[4:]):
			all[i] = contrary
		case t.server && t.code == 0:
			all[i] = nonsense
		case t.resumed:
			all[i] = midway
		case t.server || t.verb != "":
			begun = true
		case objected[i] || text == "":
		case !begun:
			all[i] = midway
		default:
			all[i] = nonsense
		}
	}
	for i := range all {
		if all[i] == midway && !begun {
			all[i] = nonsense
		}
	}
	return all
}

// keyLength is how much of a reply or a command is compared.
const keyLength = 20

// keyOf is the beginning of a payload without what copying changes.
func keyOf(text string) string {
	key := notWords.ReplaceAllString(text[:min(len(text), 3*keyLength)], "")
	return strings.ToLower(key[:min(len(key), keyLength)])
}

// protocolRows are the keys of the rows in which a reply or a command stands;
// of the several places where it may begin the first.
func protocolRows(rows []row) []string {
	var keys []string
	for _, r := range rows {
		if at := starts(r.text); len(at) > 0 {
			keys = append(keys, keyOf(r.text[at[0].at:]))
		}
	}
	return keys
}

// unread counts the keys that no line accounts for.
func unread(sought []string, lines []line) int {
	read := map[string]bool{}
	var told strings.Builder
	for _, l := range lines {
		switch l.kind {
		case said, exact, hidden:
			read[keyOf(l.text)] = true
		case trouble:
			told.WriteString(strings.ToLower(notWords.ReplaceAllString(l.text, "")))
		}
	}
	n := 0
	for _, key := range sought {
		if !accounted(read, key) && !strings.Contains(told.String(), key) {
			n++
		}
	}
	return n
}

// accounted reports that a line begins as the key does. What a tool puts after
// a short command is part of the key.
func accounted(read map[string]bool, key string) bool {
	for n := len(key); n >= min(len(key), 4); n-- {
		if read[key[:n]] {
			return true
		}
	}
	return false
}

// withoutProse drops what a reading calls the server's words although it has
// no code: what the tool says beside the dialogue. The first line may be
// another service's, and what can't be printed may be TLS.
func withoutProse(lines []line) []line {
	first, open, prompted := true, false, false
	kept := lines[:0]
	for _, l := range lines {
		if l.kind != said || l.side != who.Server {
			prompted = prompted && !l.isWire()
			kept = append(kept, l)
			continue
		}
		if prompted && code(l.text) == 0 && l.text != "" {
			// Whatever follows a challenge is a secret, whoever is said to have said it.
			l.side, prompted = who.Client, false
			kept = append(kept, l)
			continue
		}
		prompted = code(l.text) == 334
		prose := !first && !open && code(l.text) == 0 && printable(l.text)
		first, open = false, more(l.text) || open && code(l.text) == 0
		switch {
		case !prose:
			kept = append(kept, l)
		case statementWeight(l.text) > 1:
			kept = append(kept, troubled(l.text))
		}
	}
	return kept
}

// printable reports a text of which nothing has to be escaped.
func printable(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\t' }) < 0
}
