package logs

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"smtptap/decode/who"
)

// A tool that is in no table still marks its sides somehow. The form of its
// lines is learnt from the text: a label, a payload, and what stands after
// it. What the payloads are tells whose a label is.

// A grammar is the form of the lines of a text.
type grammar struct {
	labels map[string]who.Party
	shared map[string]bool // labels that both sides have
	weight map[string]int  // how many payloads each label has
	tails  [3]string       // what stands after every payload of a side, as a label
}

// maxLabel is how far after the start of a line a payload may begin.
const maxLabel = 200

var (
	replyBegins   = compile(`(?:^|[\s:>'"|\])}<=,：】）])([2-5][0-5]\d)(?:[ -][^\s\d]|[ -]\d\.\d{1,3}\.\d|[ -]\d+[A-Za-z]| ?$|-\d|\\r|\r)`)
	commandBegins = compile(`(?:^|[\s:>'"|\])}<=,：】）])((?:EHLO|HELO|LHLO|ehlo|helo|Ehlo|Helo) \S|(?:MAIL FROM|mail from|mail FROM|Mail From|RCPT TO|rcpt to|rcpt TO|Rcpt To)[: ]|(?:AUTH|auth) (?:PLAIN|LOGIN|CRAM|XOAUTH|OAUTH|NTLM|SCRAM|DIGEST|plain|login)|(?:STARTTLS|starttls|DATA|QUIT|RSET|NOOP|data|quit|rset|BDAT \d+)(?: LAST)?\s*(?:\\r|\\n|["',]|\[nl|$)[^\w]*)`)
)

// A start is a place in a row where a payload may begin.
type start struct {
	at    int
	side  who.Party
	label int // where the label ends: before the verb that some tools repeat in front of a reply
}

var repeatedVerb = compile(`(?:CONN|EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT|RSET) $`)

// maxStarts bounds how many places of a row are considered.
const maxStarts = 4

// starts finds where replies and commands may begin in a row.
func starts(text string) []start {
	head := text[:min(len(text), maxLabel+80)]
	var all []start
	for _, of := range []struct {
		re   *pattern
		side who.Party
	}{{commandBegins, who.Client}, {replyBegins, who.Server}} {
		for from := 0; len(all) < 2*maxStarts; {
			g := of.re.FindStringSubmatchIndex(head[from:])
			if g == nil || from+g[2] > maxLabel {
				break
			}
			at := from + g[2]
			label := at
			if verb := repeatedVerb.FindStringIndex(head[:at]); verb != nil && of.side == who.Server {
				label = verb[0]
				all = slices.DeleteFunc(all, func(s start) bool { return s.at == label })
			}
			if before := behindCode(head[:at]); before == "" || of.side == who.Server && !strings.HasPrefix(head[at:], before) {
				all = append(all, start{at, of.side, label})
			}
			from += g[2] + 1
			for from < len(head) && wordByte(head[from]) {
				from++
			}
		}
	}
	slices.SortFunc(all, func(a, b start) int { return a.at - b.at })
	return all[:min(len(all), maxStarts)]
}

// behindCode is the reply code that a text ends with: what follows is no
// command but a keyword of the reply, and the same code again is its words.
func behindCode(text string) string {
	n := len(text)
	if n < 4 || code(text[n-4:]) == 0 {
		return ""
	}
	return text[n-4 : n-1]
}

// A vote counts what stands after a label.
type vote [3]int

// learn finds the form of the lines.
func learn(rows []row) *grammar {
	votes := map[string]*vote{}
	for _, r := range rows[:min(len(rows), 4*maxTelling)] {
		for _, s := range starts(r.text) {
			label := labelOf(r.text[:s.label])
			if votes[label] == nil {
				votes[label] = &vote{}
			}
			votes[label][s.side]++
		}
	}
	g := &grammar{labels: map[string]who.Party{}, shared: map[string]bool{}, weight: map[string]int{}}
	for label, v := range votes {
		side, n, against := who.Server, v[who.Server], v[who.Client]
		if against > n {
			side, n, against = who.Client, against, n
		}
		switch {
		case n == 1 && (endsInProse(label) || tellsError.MatchString(strings.ToLower(label))):
		case n >= 4*against:
			g.labels[label], g.weight[label] = side, n
		case against > 1:
			g.shared[label], g.weight[label] = true, n+against
		}
	}
	g.pair()
	for _, side := range []who.Party{who.Client, who.Server} {
		g.tails[side] = g.commonTail(rows, side)
	}
	return g
}

// endsInProse reports that a label ends in a word and a blank: a sentence that
// happens to name a command or a number.
func endsInProse(label string) bool {
	words := strings.Fields(label)
	if len(words) < 2 || !strings.HasSuffix(label, " ") {
		return false
	}
	last := words[len(words)-1]
	return len(last) > 2 && strings.Trim(last, "abcdefghijklmnopqrstuvwxyz") == ""
}

// pair learns the labels of one side from those of the other: a log that shows
// only credentials or a message of the client still marks them.
func (g *grammar) pair() {
	for _, label := range slices.Sorted(maps.Keys(g.labels)) {
		side := g.labels[label]
		if strings.TrimSpace(label) == "" {
			continue
		}
		for _, other := range otherLabels(label) {
			if is, known := g.labels[other]; !known && other != label {
				g.labels[other] = side.Other()
			} else if is == side.Other() {
				g.weight[other] = max(g.weight[other], 2) // two signs for one
			}
		}
	}
}

// payload finds the payload of a row; ok is false when it has no known label.
func (g *grammar) payload(text string) (side who.Party, payload string, ok bool) {
	best, weight := -1, 0
	for _, s := range starts(text) {
		label := labelOf(text[:s.label])
		// Of two places the later one counts, unless few lines have its label:
		// a process id looks like a code too.
		if is, known := g.labels[label]; (known && is == s.side || g.shared[label]) && (weight == 0 || g.weight[label] > 1 && 4*g.weight[label] >= weight) {
			best, weight, side = s.at, max(weight, g.weight[label]), s.side
		}
	}
	if best < 0 {
		best, side = g.byLabel(text)
	}
	if best < 0 {
		return 0, "", false
	}
	return side, g.withoutTail(unquoted(text, best), side), true
}

// byLabel finds the payload of a row in which no verb or code shows where it
// begins: a line of a message, or a credential.
func (g *grammar) byLabel(text string) (at int, side who.Party) {
	at = -1
	scanLabel(text[:min(len(text), maxLabel)], func(label string, i int) {
		if is := g.labels[label]; (is != 0 || g.shared[label]) && g.weight[label] != 1 && strings.TrimSpace(label) != "" && endsMark(label) {
			at, side = i, is
		}
		if is := g.labels[label+" "]; is != 0 && text[i:] == "." {
			at, side = i, is
		}
	})
	return at, side
}

// endsMark reports a label that ends as marks do.
func endsMark(label string) bool {
	last, _ := utf8.DecodeLastRuneInString(label)
	return strings.ContainsRune(" \t:>\"'|])=,：】）", last)
}

// unquoted is the payload at i, taken out of the quotes or the column that it
// stands in.
func unquoted(text string, i int) string {
	payload := strings.TrimRight(text[i:], " \r\n")
	switch quote := openQuote(text[:i]); {
	case quote >= 0 && closesAt(text[i:], text[quote]) >= 0:
		payload = text[i : i+closesAt(text[i:], text[quote])]
		if strings.IndexByte(payload, '\\') >= 0 {
			payload = literal(text[quote:quote+1] + payload)
		}
	case strings.HasSuffix(text[:i], ",") && strings.Count(text[:i], ",") > 2:
		payload, _, _ = strings.Cut(payload, ",")
	case strings.HasSuffix(payload, `\n`) || strings.HasSuffix(payload, `\r`):
		payload = writtenOut(payload)
	}
	return withoutEOL(strings.ReplaceAll(payload, "[nl]", "\n"))
}

// openQuote is where the quotes open that the end of text stands in, -1 for
// none. An apostrophe inside a word opens nothing.
func openQuote(text string) int {
	open := -1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case open >= 0 && c == text[open]:
			open = -1
		case open < 0 && (c == '"' || c == '\'' && (i == 0 || !wordByte(text[i-1]) || text[i-1] == 'b' || text[i-1] == 'u')):
			open = i
		}
	}
	return open
}

// closesAt is where the quotes around a payload close, -1 if they don't. A
// quote inside it is escaped or doubled.
func closesAt(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote && (quote == '"' || i+1 == len(text) || !wordByte(text[i+1])):
			return i
		}
	}
	return -1
}

// commonTail is what stands after nearly every payload, such as a length that
// a logger adds.
func (g *grammar) commonTail(rows []row, side who.Party) string {
	common, seen := "", 0
	for _, r := range rows[:min(len(rows), maxTelling)] {
		is, payload, ok := g.payload(r.text)
		if !ok || is != side {
			continue
		}
		label := labelOf(payload[max(0, len(payload)-80):])
		if seen++; seen == 1 {
			common = label
			continue
		}
		n := 0
		for n < len(common) && n < len(label) && common[len(common)-1-n] == label[len(label)-1-n] {
			n++
		}
		common = common[len(common)-n:]
	}
	i := strings.IndexAny(common, " [({|")
	if seen < 4 || i < 0 || len(common)-i < 3 {
		return ""
	}
	return common[i:]
}

// withoutTail cuts the common tail off.
func (g *grammar) withoutTail(payload string, side who.Party) string {
	tail := g.tails[side]
	if tail == "" {
		return payload
	}
	for i := len(payload) - 1; i >= 0 && i > len(payload)-120; i-- {
		if payload[i] == tail[0] && labelOf(payload[i:]) == strings.TrimPrefix(tail, " ") {
			return strings.TrimRight(payload[:i], " ")
		}
	}
	return payload
}

// A grammarLog is a text being read by its grammar.
type grammarLog struct {
	*grammar
	lines   []line
	open    string // the code of a reply that goes on
	message bool   // after 354, until the dot or a reply
	auth    bool   // after AUTH or 334
	bare    bool   // the last line had no label
	step    string // the verb that the label of the reply under way names
	remarks func(string) []line
}

func (p *grammarLog) row(r row) {
	at, _ := takeStamp(strings.TrimSpace(r.text))
	if at.IsZero() {
		at = r.at
	}
	n := len(p.lines)
	var own []line
	if p.remarks != nil {
		own = p.remarks(strings.TrimSpace(r.text))
	}
	side, payload, ok := p.payload(r.text)
	switch {
	case own != nil:
		p.lines = append(p.lines, own...)
	case !ok, side == 0 && !p.message && !(p.auth && (isCredential(payload) || isRedacted(payload))):
		p.loose(r.text)
	case side != who.Server:
		if !p.message && rawTarget.MatchString(payload) {
			p.lines = append(p.lines, rawRemark(payload)...)
			break
		}
		for _, part := range strings.Split(payload, "\n") {
			p.client(strings.TrimSuffix(part, "\r"))
		}
	case p.repeats(r.text, payload):
		l := troubled(strings.TrimSpace(r.text))
		l.reply = payload
		p.lines = append(p.lines, l)
	default:
		p.once(r.text, payload)
		p.step = stepBefore(r.text, payload)
		for _, part := range strings.Split(payload, "\n") {
			p.server(strings.TrimSpace(part))
		}
	}
	for i := n; i < len(p.lines); i++ {
		p.lines[i].at = at
	}
}

// steps are the names that tools have for what a reply answers.
var steps = map[string]string{"hello": "EHLO", "ehlo": "EHLO", "helo": "HELO", "starttls": "STARTTLS", "from": "MAIL", "mail": "MAIL", "to": "RCPT", "rcpt": "RCPT", "data": "DATA", "quit": "QUIT", "reset": "RSET", "rset": "RSET"}

// stepBefore is the verb that all of the text before a payload names, "" for
// none.
func stepBefore(text, payload string) string {
	label, _, _ := strings.Cut(text, payload)
	return steps[strings.ToLower(strings.TrimRight(label, ": "))]
}

// repeats reports an error that repeats the reply above.
func (p *grammarLog) repeats(text, payload string) bool {
	n := len(p.lines)
	label, _, _ := strings.Cut(text, payload)
	return n > 0 && p.lines[n-1].side == who.Server && p.lines[n-1].text == payload && tellsError.MatchString(strings.ToLower(label))
}

// once drops the copy of a reply that the tool printed without a label before
// the one with a label.
func (p *grammarLog) once(text, payload string) {
	n := len(p.lines)
	labelled := !strings.HasPrefix(strings.TrimSpace(text), payload)
	if labelled && p.bare && n > 0 && p.lines[n-1].text == payload && p.lines[n-1].side == who.Server {
		p.lines = p.lines[:n-1]
	}
	p.bare = !labelled
}

func (p *grammarLog) client(text string) {
	p.open = ""
	p.lines = append(p.lines, client(text))
	switch {
	case text == ".":
		p.message = false
	case !p.message:
		p.auth = p.auth && verbOf(text) == "" || verbOf(text) == "AUTH"
	}
}

func (p *grammarLog) server(text string) {
	if strings.Count(text, " / ") > 1 && code(text) == 250 {
		text = unfoldReply(text, " / ")
	}
	for _, l := range strings.Split(strings.Join(splitReply(text), "\n"), "\n") {
		reply := server(l)
		reply.answers = p.step
		p.lines = append(p.lines, reply)
		p.open = ""
		if more(l) {
			p.open = l[:3]
		}
		p.message = code(l) == 354
		p.auth = code(l) == 334
	}
}

// loose takes a row without a label: more of a reply, a line of a message, or
// what the tool says besides.
func (p *grammarLog) loose(text string) {
	trimmed := strings.TrimSpace(text)
	if p.open != "" {
		if i := continuesAt(text, p.open); i >= 0 {
			p.server(withoutEOL(strings.TrimSpace(text[i:])))
			return
		}
	}
	if p.message && trimmed != "" && verbOf(trimmed) != "QUIT" && remark(trimmed) == nil {
		p.client(text)
		return
	}
	said := remark(trimmed)
	before, reply := replyIn(trimmed)
	if said == nil && (reply != "" && tellsError.MatchString(strings.ToLower(before)) || namesError.MatchString(trimmed) && statementWeight(trimmed) > 2) {
		l := troubled(trimmed)
		l.reply = reply
		said = []line{l}
	}
	p.lines = append(p.lines, said...)
}

// continuesAt finds in a row without a label where the reply with that code
// goes on: after nothing but blanks, numbers and signs. -1 if it does not.
func continuesAt(text, open string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], open)
		if i < 0 || from+i > maxLabel {
			return -1
		}
		i += from
		if code(text[i:]) != 0 && strings.Trim(labelOf(text[:i]), string([]byte{varies, level})+" \t|:>-[]()") == "" {
			return i
		}
		from = i + 1
	}
}

// judged drops what the labels call a side's but what no side can have said:
// prose. A line that is no command stays where it is a credential or part of a
// message, and where the server objects to it.
func judged(lines []line) []line {
	turns := turnsOf(lines, false)
	align(turns)
	drop := map[int]bool{}
	for i, is := range verdicts(turns, lines) {
		if is == nonsense || is == contrary {
			for k := turns[i].at; k < turns[i].end; k++ {
				drop[k] = true
			}
		}
	}
	if len(drop) == 0 {
		return lines
	}
	var kept []line
	for i, l := range lines {
		if !drop[i] {
			kept = append(kept, l)
		} else if r := remark(l.text); r != nil {
			kept = append(kept, r...)
		}
	}
	return kept
}

// parseMarked reads a text by the grammar that it shows.
func parseMarked(rows []row) []line { return readMarked(rows, nil) }

// readMarked is parseMarked for a tool whose other rows mean something to
// remark.
func readMarked(rows []row, remark func(string) []line) []line {
	r := grammarLog{grammar: learn(rows), lines: make([]line, 0, len(rows)), remarks: remark}
	for i := range rows {
		r.row(rows[i])
	}
	return judged(r.lines)
}

// scoreMarked weighs how many lines the grammar explains.
func scoreMarked(rows []row) int {
	g := learn(rows)
	sides := [3]int{}
	for _, r := range rows {
		for _, s := range starts(r.text) {
			if label := labelOf(r.text[:s.label]); strings.TrimSpace(label) != "" && (g.labels[label] == s.side || g.shared[label]) {
				sides[s.side]++
				break
			}
		}
	}
	if sides[who.Client] == 0 && sides[who.Server] < 2 || sides[who.Server] == 0 && sides[who.Client] < 2 {
		return 0
	}
	return 2 * (sides[who.Client] + sides[who.Server])
}
