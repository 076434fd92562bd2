package logs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// A builder feeds the lines of one session to the decoder, so that a log gives
// the same events as the session itself would have given. The decoder is told
// what each line is: what a log leaves out can't be counted.
type builder struct {
	dialect *dialect
	lines   []line
	turns   []turn
	begins  []int32 // by line: the turn that begins there, after the index; 0 for none
	ends    []bool  // by line: a turn ends there
	seqs    []int   // by turn: the last event of it

	dialogue decode.Dialogue
	entries  []decode.Entry
	fed      []byte
	streams  *streams
	started  time.Time
	at       time.Duration
	gone     [3]bool
	lastSeq  int
	ended    int // the event that the last reply to a message answers
	lmtp     bool
	done     int // no turn before this one waits for a reply

	fromClient bool // the log shows lines of the client
	fromServer bool // the log shows lines of the server
	eaten      bool // the paste lost what stood in angle brackets
	folding    bool // the paste lost the white space in front of folded header lines
	midway     bool // the greeting is not in the log
	guessed    bool // what replies answer was inferred
	bodyLost   bool // a message, or its end, is not in the log
	secret     bool // credentials were hidden

	greeted   bool       // the server has said something
	stage     string     // the last verb that was answered well
	message   bool       // the message under way has no dot yet
	header    bool       // its header is under way
	offersTLS bool       // the last EHLO reply has STARTTLS
	accepted  bool       // STARTTLS was answered with 220, or with nothing, and nothing followed yet
	tlsTold   bool       // what became of TLS was told
	tlsKnown  bool       // and something of it
	tlsAhead  int        // the last line that tells of it
	handshake string     // the first error that is about TLS, "" for none
	failure   *facts.TLS // of the handshake that failed since something was said, nil for none
}

// build makes the transcript of a session.
func build(lines []line, d *dialect, id string) *decode.Transcript {
	b := &builder{dialect: d, dialogue: decode.Dialogue{Lenient: true}, lastSeq: -1, tlsAhead: -1, streams: new(streams)}
	b.fromClient, b.fromServer = sidesSeen(lines)
	if b.eaten = eaten(lines); b.eaten {
		cutEaten(lines)
	}
	b.folding = lostFolding(lines)
	b.lines = prepared(lines)
	b.arrange()
	b.reserve()
	for i := range b.lines {
		b.time(b.lines[i].at)
		b.line(i)
	}
	b.take(b.dialogue.Closed(b.at, who.Client))
	b.take(b.dialogue.Closed(b.at, who.Server))
	t := &decode.Transcript{
		Started: b.started,
		Source:  decode.SourceLog,
		Dialect: id,
		Target:  target(b.lines),
		Ended:   true,
		Entries: b.entries,
		Bytes:   b.streams.bytes,
	}
	t.Lacks, t.CannotShow = lacks(b)
	return t
}

// reserve makes room for the streams and the entries.
func (b *builder) reserve() {
	var sizes [3]int
	for i := range b.lines {
		if l := &b.lines[i]; l.isWire() {
			sizes[l.side] += len(l.text) + len("\r\n")
		}
	}
	b.streams[who.Client].Grow(sizes[who.Client])
	b.streams[who.Server].Grow(sizes[who.Server])
	b.entries = make([]decode.Entry, 0, len(b.turns)+8)
}

// arrange decides which replies answer which commands.
func (b *builder) arrange() {
	b.turns = turnsOf(b.lines, b.dialect.bodyHidden)
	align(b.turns)
	b.begins, b.ends, b.seqs = make([]int32, len(b.lines)), make([]bool, len(b.lines)), make([]int, len(b.turns))
	b.midway = len(b.turns) > 0
	for i := range b.turns {
		b.seqs[i] = -1
		b.lmtp = b.lmtp || b.turns[i].verb == "LHLO"
		if t := &b.turns[i]; !t.unseen || t.verb != endOfData {
			b.begins[t.at], b.ends[t.end-1] = int32(i+1), true
			if t.server && t.to >= 0 {
				b.turns[t.to].answered = true
			}
			b.midway = b.midway && t.to != toGreeting && !(t.server && t.code == 0 && !slices.ContainsFunc(b.turns[:i], func(t turn) bool { return t.server }))
		}
	}
	b.dialogue.MidSession = b.midway
	for i := range b.lines {
		switch l := &b.lines[i]; l.kind {
		case secured, tlsFailed:
			b.tlsAhead = i
		case trouble:
			if c := causeOf(l.text); c != nil && c.tls != "" && b.handshake == "" {
				b.handshake = l.text
			}
		}
	}
}

// time moves the clock on. A stamp that goes back is not believed.
func (b *builder) time(at time.Time) {
	if at.IsZero() {
		return
	}
	if b.started.IsZero() {
		b.started = at
	}
	if since := at.Sub(b.started); since > b.at && since < 100*24*time.Hour {
		b.at = since
	}
}

func (b *builder) fact(f facts.Fact) {
	switch f := f.(type) {
	case *facts.Dial:
		f.Err = facts.Plain(withoutSecrets(string(f.Err)))
	case *facts.TLS:
		f.Err, f.Reason = facts.Plain(withoutSecrets(string(f.Err))), facts.Plain(withoutSecrets(string(f.Reason)))
		b.tlsTold, b.tlsKnown = true, b.tlsKnown || f.Version != "" || f.Err != ""
	}
	b.entries = append(b.entries, decode.Entry{At: b.at, From: who.Smtptap, To: who.Smtptap, Leg: facts.On(f), Fact: f})
}

func (b *builder) line(i int) {
	l := b.lines[i]
	switch l.kind {
	case said, exact, hidden:
		if l.side == who.Client {
			b.client(i, l)
		} else {
			b.server(i, l)
		}
	case unseen:
		b.unseen(i, l)
	case secured:
		b.secured(l.tls)
	case dialed:
		b.dialed(l)
		if l.dial != nil && l.tls != nil && l.tls.Err == "" && l.dial.Err == "" && b.speaksFirst(i) {
			b.secured(l.tls)
		}
	case tlsFailed:
		b.accepted = false
		b.handshakeFailed(l.tls)
	case trouble:
		if why := causeOf(l.text); l.reply == "" && why != nil && why.tls != "" && !b.tlsTold && b.tlsAhead < i {
			b.failTLS(i)
		}
		b.fact(&facts.Note{ID: facts.NoteClientError, Text: facts.Plain(visible.Text(withoutSecrets(l.text)))})
	case setting:
		b.fact(&facts.Note{ID: facts.NoteClientSetting, Text: facts.Plain(visible.Text(withoutSecrets(l.text)))})
	case noReply:
		if b.accepted && b.tlsAhead < i {
			b.failTLS(i)
		}
		note := facts.NewNote(facts.NoteNoReply)
		if l.text != "" {
			note.Text = facts.Say("client-no-reply-to", "what", verbName(l.text))
		}
		b.fact(note)
	case closed:
		b.closed(l)
	}
}

// verbName is a verb for people.
func verbName(verb string) string {
	if verb == endOfData {
		return "the message"
	}
	return verb
}

// turn is the turn that begins at a line, nil when none does.
func (b *builder) turn(i int) *turn {
	if b.begins[i] == 0 {
		return nil
	}
	return &b.turns[b.begins[i]-1]
}

// client takes a line of the client.
func (b *builder) client(i int, l line) {
	t := b.turn(i)
	if t == nil && !b.message {
		return // nothing was said
	}
	if b.accepted {
		b.behindSTARTTLS(i)
	}
	if t != nil {
		b.lostEnd()
		b.take(b.dialogue.Cue(decode.Cue{Side: who.Client, Login: t.verb == credential, Message: t.verb == endOfData, Ahead: b.waits(int(b.begins[i]) - 1)}))
		b.message, b.header = t.verb == endOfData, t.verb == endOfData
	}
	switch {
	case b.message:
		if t != nil && l.kind == said && isDot(l.text) {
			b.skip(-1) // the tool shows no message
		}
		l = b.messageLine(i, l)
	case t.verb == credential:
		if l.kind == hidden || isRedacted(l.text) || l.text == "" && (b.eaten || b.goesOn(i)) {
			l.kind, l.text = hidden, ""
			b.secret = true
		}
	case t.verb == "AUTH":
		l = redactedInitial(l)
		b.secret = b.secret || l.kind == hidden
	}
	b.say(l)
	if t != nil {
		b.seqs[b.begins[i]-1] = b.lastSeq
	}
	if b.ends[i] && b.message {
		b.message = !isDot(l.text) && !endsMessage(l.text)
		b.seqs[b.messageTurn(i)] = b.lastSeq
	}
	if t == nil {
		return
	}
	switch t.verb {
	case "BDAT":
		b.skip(max(smtp.ReadCommand([]byte(l.text)).Size, 0))
	case "STARTTLS":
		b.accepted = !b.fromServer
	}
}

// messageTurn is the turn of the message whose last line is at i.
func (b *builder) messageTurn(i int) int {
	for b.begins[i] == 0 || b.turns[b.begins[i]-1].server {
		i--
	}
	return int(b.begins[i]) - 1
}

// waits reports that the reply to the command before turn n comes after it.
func (b *builder) waits(n int) bool {
	for k := n - 1; k >= 0; k-- {
		if b.turns[k].server {
			continue
		}
		for j := n + 1; j < len(b.turns) && j < n+2*maxAhead; j++ {
			if b.turns[j].server && b.turns[j].to >= 0 {
				return b.turns[j].to <= k
			}
		}
		return false
	}
	return false
}

// say gives a line to the decoder.
func (b *builder) say(l line) {
	switch l.kind {
	case said:
		b.feed(l.side, l.text, "\r\n")
	case exact:
		b.feed(l.side, l.text, "")
	case hidden:
		if l.text != "" {
			b.feed(l.side, l.text, "")
		}
		mask := decode.Mask{What: "credentials"}
		if l.mask != nil {
			mask = *l.mask
		}
		b.take(b.dialogue.FeedMask(b.at, l.side, mask))
		b.feed(l.side, "", "\r\n")
	}
}

// feed gives one side's bytes to the decoder.
func (b *builder) feed(side who.Party, text, end string) {
	b.fed = append(append(b.fed[:0], text...), end...)
	for p := b.fed; len(p) > 0; {
		out := b.dialogue.Feed(b.at, side, p)
		b.take(out)
		if out.N == 0 {
			return
		}
		p = p[out.N:]
	}
}

// messageLine is a line of a message as it must have been sent.
func (b *builder) messageLine(i int, l line) line {
	if l.kind != said {
		return l
	}
	switch {
	case l.text == "." && !b.ends[i]:
		l.text = ".."
	case l.text == "":
		b.header = false
	case b.header && b.folding && b.begins[i] == 0 && !fieldLine.MatchString(l.text):
		l.text = " " + l.text // the paste lost it
	}
	return l
}

// unseen takes bytes of the client that the log leaves out.
func (b *builder) unseen(i int, l line) {
	if l.side == who.Client && b.turn(i) != nil {
		b.lostEnd()
		b.take(b.dialogue.Cue(decode.Cue{Side: who.Client, Message: true}))
		b.message = true
	}
	b.take(b.dialogue.Skip(b.at, l.side, l.size, decode.WhyNotInLog))
	b.bodyLost = true
	if t := b.turn(i); t != nil {
		b.seqs[b.begins[i]-1] = b.lastSeq + 1 // it is told when something else comes
	}
}

// skip tells of bytes of the client that the log does not show.
func (b *builder) skip(size int64) {
	b.take(b.dialogue.Skip(b.at, who.Client, size, decode.WhyNotInLog))
	b.bodyLost = true
}

// lostEnd notes that the message before had no dot.
func (b *builder) lostEnd() {
	b.bodyLost = b.bodyLost || b.message
	b.message = false
}

// server takes a line of the server.
func (b *builder) server(i int, l line) {
	if t := b.turn(i); t != nil {
		b.reply(t, l)
		b.lostEnd()
	}
	b.say(l)
	if b.ends[i] {
		b.replied(i)
	}
}

// reply tells the decoder what a reply answers.
func (b *builder) reply(t *turn, l line) {
	c := decode.Cue{Side: who.Server, To: -1}
	switch first := !b.greeted; {
	case t.to >= 0 && t.code == 421 && b.message:
		// It did not wait for the rest of the message.
	case t.to >= 0:
		q := &b.turns[t.to]
		b.done = t.to + 1
		if c.To, c.Verb = b.seqs[t.to], q.verb; q.unseen {
			b.leftOut()
		}
		if c.Verb == credential {
			c.Verb = "AUTH"
		}
	case t.to == toGreeting, first && t.code == 0 && !t.quoted:
		c.Greeting = true
	case t.hint == "?":
	case t.hint != "":
		c.Verb, b.guessed = t.hint, true
	case b.lmtp && b.stage == endOfData && t.about&aboutKeywords == 0:
		c.To, c.Verb = b.ended, endOfData // of another recipient
	default:
		c.To, c.Verb = b.pending(t)
		if c.Verb == "" && t.code != 0 {
			c.Verb = b.guess(t, l.text)
			b.guessed = b.guessed || c.Verb != ""
		}
	}
	b.greeted = true
	if b.accepted && c.Verb == "EHLO" {
		b.secured(nil)
	}
	if t.hint = c.Verb; c.Verb == endOfData {
		b.ended = c.To
	}
	b.take(b.dialogue.Cue(c))
}

// pending is the oldest command that waits for a reply and that no reply fits
// better: servers that get out of step answer with what can't be right.
func (b *builder) pending(t *turn) (seq int, verb string) {
	for b.done < int(b.begins[t.at])-1 {
		k := b.done
		b.done++
		if q := &b.turns[k]; !q.server && !q.answered && q.verb != "" && !q.unseen {
			return b.seqs[k], q.verb
		}
	}
	return -1, ""
}

// leftOut tells of a message that is not in the log.
func (b *builder) leftOut() {
	if !b.dialect.errorOnly {
		b.take(b.dialogue.Cue(decode.Cue{Side: who.Client, Message: true}))
		b.take(b.dialogue.Skip(b.at, who.Client, -1, decode.WhyNotInLog))
	}
	b.bodyLost = true
}

// replied moves the state on after a reply whose last line is at i.
func (b *builder) replied(i int) {
	for b.begins[i] == 0 || !b.turns[b.begins[i]-1].server {
		i--
	}
	t := &b.turns[b.begins[i]-1]
	if t.open {
		n := len(b.entries)
		b.take(b.dialogue.EndReply(b.at))
		for k := n; k < len(b.entries); k++ {
			b.entries[k].Inferred = true
		}
	}
	if t.code == 250 {
		b.offersTLS = b.offersTLS || t.about&aboutKeywords != 0
	}
	if t.code >= 200 && t.code < 400 && t.code != 334 && t.code != 354 {
		b.stage = t.hint
	}
	b.accepted = t.hint == "STARTTLS" && t.code == 220
}

// behindSTARTTLS decides by what the client says next whether TLS came about:
// a client that greets again has it; one that says QUIT or nothing has not.
func (b *builder) behindSTARTTLS(i int) {
	if v := verbOf(b.lines[i].text); b.lines[i].kind == said && (v == "QUIT" || v == "RSET") {
		b.failTLS(i)
		return
	}
	b.secured(nil)
}

// failTLS tells of a handshake that came to nothing, in the words of the
// nearest error.
func (b *builder) failTLS(i int) {
	b.accepted = false
	text := ""
	for j := i; j >= 0 && (j == i || !b.lines[j].isWire()); j-- {
		if b.lines[j].kind == trouble {
			text = b.lines[j].text
		}
	}
	if b.handshake != "" && causeOf(text) == nil {
		text = b.handshake
	}
	if text == "" {
		text = "client-gave-up-starttls"
	}
	b.handshakeFailed(failedTLS(text))
}

// handshakeFailed tells of a handshake that came to nothing. Of what says so in
// a row, such as nested exceptions, what gives a reason counts.
func (b *builder) handshakeFailed(t *facts.TLS) {
	last := b.failure
	switch {
	case last == nil || last.Class != "other" && t.Class != "other":
		b.fact(t)
		b.failure = t
	case last.Class == "other":
		last.Err += facts.Plain("; " + withoutSecrets(string(t.Err)))
		last.Class, last.Verdict = t.Class, t.Verdict
	}
}

// secured tells that TLS is up. Both legs of the tool's one connection are the
// server's: it is the real server's certificate that a tool speaks of.
func (b *builder) secured(t *facts.TLS) {
	if t == nil {
		t = &facts.TLS{Leg: who.ServerLeg}
	}
	b.accepted = false
	b.take(b.dialogue.Secured(b.at))
	b.fact(t)
}

// dialed tells of an attempt to connect.
func (b *builder) dialed(l line) {
	if l.dial == nil {
		return
	}
	b.fact(l.dial)
	if l.tls != nil && l.tls.Err != "" {
		b.fact(l.tls)
	}
}

// speaksFirst reports that the dialogue goes on after i without a word about
// TLS.
func (b *builder) speaksFirst(i int) bool {
	for _, l := range b.lines[i+1:] {
		switch {
		case l.kind == secured || l.kind == tlsFailed || l.kind == dialed:
			return false
		case l.isWire():
			return true
		}
	}
	return false
}

// goesOn reports that the server takes an empty line in an exchange well: a
// credential stood there that the paste lost.
func (b *builder) goesOn(i int) bool {
	for _, l := range b.lines[i+1:] {
		if l.isWire() && (l.side == who.Server || l.text != "") {
			n := code(l.text)
			return l.side == who.Server && (n == 334 || n == 235 || n == 0)
		}
	}
	return false
}

func (b *builder) closed(l line) {
	if b.gone[l.side] {
		return
	}
	b.gone[l.side] = true
	leg := who.ServerLeg
	if l.side == who.Client {
		leg = who.ClientLeg
	}
	b.take(b.dialogue.Closed(b.at, l.side))
	b.fact(&facts.Closed{Leg: leg, How: "fin"})
}

// take turns events into entries.
func (b *builder) take(out decode.Out) {
	for _, p := range out.Pieces {
		if p.Mask != nil {
			b.streams[p.Side].WriteString(decode.MaskText)
		} else {
			b.streams[p.Side].Write(p.Bytes)
		}
	}
	for i := range out.Events {
		b.failure = nil
		e := out.Events[i]
		b.lastSeq = e.Seq
		e.Notes = slices.DeleteFunc(e.Notes, b.artefact)
		from, to := who.Client, who.Server
		if e.Side == who.Server {
			from, to = to, from
		}
		b.entries = append(b.entries, decode.Entry{At: e.At, From: from, To: to, Event: &e})
	}
}

// artefact reports a note that only the log's gaps gave rise to.
func (b *builder) artefact(n decode.Note) bool {
	return b.eaten && (n.ID == "path-missing" || n.ID == "path-brackets") || n.ID == "incomplete-line"
}

// streams are what the log shows of each side, by Side.
type streams [3]bytes.Buffer

// bytes is Transcript.Bytes.
func (s *streams) bytes(_ who.Leg, side who.Party, span decode.Span) ([]byte, error) {
	if side != who.Client && side != who.Server {
		return nil, fmt.Errorf("no side is called %v", side)
	}
	stream := s[side].Bytes()
	if span.Start < 0 || span.End < span.Start || span.End > int64(len(stream)) {
		return nil, fmt.Errorf("%v stream of the log: no bytes %d to %d, it has %d", side, span.Start, span.End, len(stream))
	}
	return bytes.Clone(stream[span.Start:span.End]), nil
}

// fieldLine is the start of a header field. A name could begin with "=", but
// then it is the rest of an encoded-word.
var fieldLine = compile(`^[!-9;<>-~][!-9;-~]*[ \t]*:`)

// lostFolding reports that no header line of the log begins with white space
// although some can only be folded ones.
func lostFolding(lines []line) bool {
	inMessage, first, lost := false, true, false
	for _, l := range lines {
		if l.kind != said {
			continue
		}
		switch {
		case l.side == who.Server:
		case strings.EqualFold(l.text, "DATA"):
			inMessage, first = true, true
		case !inMessage:
		case l.text == "" || l.text == ".":
			inMessage = false
		case l.text[0] == ' ' || l.text[0] == '\t':
			return false
		case !fieldLine.MatchString(l.text) && !first:
			lost = lost || strings.Contains(l.text, "boundary=") || strings.HasPrefix(l.text, "=?") || strings.Contains(l.text, "@")
			first = false
		default:
			first = false
		}
	}
	return lost
}

// target is where the tool was told to connect to.
func target(lines []line) string {
	name := ""
	for _, l := range lines {
		if l.kind == dialed && l.dial != nil {
			if name = l.dial.Host; name == "" {
				name = l.dial.Addr
			} else if l.dial.Addr != "" {
				name = hostPort(l.dial.Host, portOf(l.dial.Addr))
			}
			if l.dial.Err == "" {
				return name
			}
		}
	}
	return name
}
