package findings

import (
	"iter"
	"slices"
	"strings"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/message"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
)

// A session is a transcript as the rules look at it. gather makes it in one
// pass, so that a rule finds what it looks for without a search.
type session struct {
	t *decode.Transcript

	replies []*reply            // the server's, the greeting included; what smtptap says itself is no evidence for or against it
	own     []*reply            // smtptap's
	spoken  []*reply            // both, in order
	answers map[int]*reply      // by entry of what was asked, and of the reply itself
	byVerb  map[string][]*reply // the server's by what they answer

	asked    []int            // entries of commands of smtptap's own
	commands []int            // entries of the client's commands
	byName   map[string][]int // the same by verb
	logins   []int            // entries of the client's AUTH commands and lines
	secrets  []int            // entries that hold a credential
	fields   []int            // entries of header fields
	notes    map[string][]int // entries by what the decoder noticed, the first few of each
	messages []decode.Message
	lastWire int // the last entry in which either side said something, or -1
	broken   int // a client-no-reply note after the last reply, or -1

	dials    []placed[*facts.Dial]
	lookups  []placed[*facts.DNS]
	tls      []placed[*facts.TLS]
	hellos   []placed[*facts.Hello]
	closed   []placed[*facts.Closed]
	end      *placed[*facts.End]
	says     []statement       // what the client's own log says of its failures
	settings map[string]string // of the client, by lower-case name
	setAt    map[string]int    // the entries that tell them

	greeting int               // its entry, or -1
	ehlo     int               // entry of the reply that offered the extensions, or -1
	offered  map[string]string // extensions with their parameters, of the last EHLO reply
	loggedIn int               // entry of the reply that accepted the login, or -1
	user     string            // of the last login
	secured  bool              // something was said inside TLS on the client's leg

	provider provider // whose server it is
	wanted   provider // whose server the client meant
	client   clientKind

	tlsFault  *fault       // why TLS failed, nil when it did not
	dialFault *fault       // why no server was reached
	lossFault *fault       // how the connection was lost
	mute      *fault       // a peer that left without a word inside TLS
	stray     map[int]bool // lines of messages that came where commands belong
	header    *evidence    // a load balancer's PROXY header
	became    outcome.Session
	ruled     map[string][]int // entries of notes on rules by their id

	trees map[int]*message.Tree // of messages, read when a rule first asks
}

// placed is a fact with its entry.
type placed[T any] struct {
	entry int
	fact  T
}

// A statement is a line in which a client's log speaks of a failure.
type statement struct {
	entry  int
	text   string
	folded string
	fact   bool // the reason of a failed connection or handshake
	set    bool // a setting, which is no failure
	by     who.Party
}

// A fault is the rule that a failure of the connection comes down to.
type fault struct {
	id string
	evidence
}

// of is what proves the fault when it comes down to that rule.
func (f *fault) of(id string) *evidence {
	if f == nil || f.id != id {
		return nil
	}
	return &f.evidence
}

// mostNoted is how many entries are kept for each note.
const mostNoted = 5

func gather(t *decode.Transcript) *session {
	s := &session{
		t: t, answers: map[int]*reply{}, byVerb: map[string][]*reply{}, byName: map[string][]int{}, notes: map[string][]int{},
		ruled: map[string][]int{}, settings: map[string]string{}, setAt: map[string]int{}, offered: map[string]string{},
		stray: map[int]bool{}, greeting: -1, ehlo: -1, loggedIn: -1, lastWire: -1, broken: -1,
	}
	asked := map[asking]int{}
	for i := range t.Entries {
		e := &t.Entries[i]
		switch {
		case e.Event != nil:
			s.event(i, e, asked)
		case e.Fact != nil:
			s.fact(i, e.Fact)
		}
	}
	s.became = outcome.Of(t)
	s.messages = t.Messages()
	s.findHeader()
	s.forgetTLS()
	s.findText()
	s.client = s.recognise()
	s.wanted = s.wantedProvider()
	s.provider = s.greetingProvider()
	s.dialFault = s.findDialFault()
	s.tlsFault = s.overRule(s.findTLSFault())
	if s.tlsFault != nil && s.tlsFault.id == "STARTTLS-220-NO-TLS" {
		delete(s.notes, "starttls-reply-injection") // that is what it spoke
	}
	s.lossFault = s.findLoss()
	return s
}

// asking names an event of one leg.
type asking struct {
	leg who.Leg
	seq int
}

func (s *session) event(i int, e *decode.Entry, asked map[asking]int) {
	ev := e.Event
	asked[asking{e.Leg, ev.Seq}] = i
	if ev.TLS && e.Leg != who.ServerLeg {
		s.secured = true
	}
	if ev.Kind != decode.KindMissing {
		s.lastWire = i
	}
	author := e.Author()
	if author != who.Smtptap {
		s.note(i, ev)
	}
	if ev.Auth != nil && author == who.Client {
		s.login(i, ev.Auth)
	}
	switch {
	case ev.Kind == decode.KindGreeting || ev.Kind == decode.KindReply:
		s.reply(i, e, author, asked)
	case ev.Kind == decode.KindCommand && author == who.Smtptap:
		s.asked = append(s.asked, i)
	case ev.Kind == decode.KindCommand:
		s.commands = append(s.commands, i)
		verb := plainVerb(ev.Command.Verb)
		s.byName[verb] = append(s.byName[verb], i)
	case ev.Kind == decode.KindHeader:
		s.fields = append(s.fields, i)
	}
}

func (s *session) note(i int, ev *decode.Event) {
	for _, n := range ev.Notes {
		if at := s.notes[n.ID]; len(at) < mostNoted {
			s.notes[n.ID] = append(at, i)
		}
	}
}

func (s *session) login(i int, a *decode.Auth) {
	if a.Step != decode.StepStray {
		s.logins = append(s.logins, i)
	}
	if a.Secret != nil {
		s.secrets = append(s.secrets, i)
	}
	if a.User != "" {
		s.user = a.User
	}
}

func (s *session) reply(i int, e *decode.Entry, author who.Party, asked map[asking]int) {
	r := newReply(i, e.Event, author)
	if to := e.Event.Reply.To; to >= 0 {
		if at, found := asked[asking{e.Leg, to}]; found {
			r.asked = at
		}
	}
	if rcpt := e.Event.Reply.Rcpt; rcpt > 0 {
		if at, found := asked[asking{e.Leg, rcpt}]; found {
			r.rcpt = at
		}
	}
	s.spoken = append(s.spoken, r)
	s.answers[i] = r
	if before := s.answers[r.asked]; r.asked >= 0 && (before == nil || before.positive()) {
		s.answers[r.asked] = r
	}
	s.broken = -1
	if author == who.Smtptap {
		s.own = append(s.own, r)
		return
	}
	s.replies = append(s.replies, r)
	s.byVerb[r.verb] = append(s.byVerb[r.verb], r)
	switch {
	case r.verb == toGreeting:
		s.greeting = i
	case r.verb == "EHLO" && r.code == 250:
		s.extensions(i, e.Event.Reply)
	case r.verb == "AUTH" && r.code == 235:
		s.loggedIn = i
	}
}

func (s *session) extensions(i int, r *decode.Reply) {
	s.ehlo = i
	s.offered = map[string]string{}
	for _, k := range r.EHLO {
		s.offered[k.Name] = strings.TrimSpace(s.offered[k.Name] + " " + k.Params)
	}
}

func (s *session) fact(i int, f facts.Fact) {
	switch f := f.(type) {
	case *facts.Dial:
		s.dials = append(s.dials, placed[*facts.Dial]{i, f})
		s.reason(i, f.Err.String())
	case *facts.DNS:
		s.lookups = append(s.lookups, placed[*facts.DNS]{i, f})
	case *facts.TLS:
		s.tls = append(s.tls, placed[*facts.TLS]{i, f})
		s.reason(i, f.Err.String())
		if f.Err == "" && f.Leg == who.ClientLeg {
			s.secured = true
		}
	case *facts.Hello:
		s.hellos = append(s.hellos, placed[*facts.Hello]{i, f})
	case *facts.Closed:
		s.closed = append(s.closed, placed[*facts.Closed]{i, f})
	case *facts.End:
		s.end = &placed[*facts.End]{i, f}
	case *facts.Note:
		s.remark(i, f)
	}
}

func (s *session) remark(i int, n *facts.Note) {
	if strings.HasPrefix(n.ID, facts.NoteRule) || n.ID == facts.NoteParted {
		s.ruled[n.ID] = append(s.ruled[n.ID], i)
	}
	switch n.ID {
	case facts.NoteClientError:
		s.say(i, n.Text.String(), false)
	case facts.NoteClientSetting:
		s.say(i, n.Text.String(), false)
		if last := len(s.says) - 1; last >= 0 && s.says[last].entry == i {
			s.says[last].set = true
		}
		if name, value, found := strings.Cut(string(n.Text), ":"); found {
			name = strings.ToLower(strings.TrimSpace(name))
			s.settings[name] = settingValue(value)
			s.setAt[name] = i
		}
	case facts.NoteNoReply:
		s.broken = i
	case facts.NoteClientSilent:
		s.leftMute(i, handshake{leg: who.ClientLeg, by: who.Client, seen: mute})
	case facts.NoteServerSilent:
		s.leftMute(i, handshake{leg: who.ServerLeg, by: who.Server, seen: mute})
	}
}

func (s *session) leftMute(i int, h handshake) {
	id, variant := h.trouble()
	s.mute = &fault{id, *see(i).as(variant)}
}

// settingValue is a setting as it was meant, without the marks that PHP's
// var_dump puts around it.
func settingValue(dumped string) string {
	value := strings.TrimSpace(dumped)
	if strings.HasPrefix(value, "string(") {
		_, value, _ = strings.Cut(value, " ")
	}
	if inner, found := strings.CutPrefix(value, "bool("); found {
		value = strings.TrimSuffix(inner, ")")
	}
	return strings.Trim(value, `"'`)
}

// reason notes why a connection or handshake failed, where a client tells it.
// In a session of smtptap's own the words are its own.
func (s *session) reason(i int, text string) {
	if s.pasted() {
		s.say(i, text, true)
	}
}

func (s *session) say(i int, text string, fact bool) {
	if text != "" {
		said := statement{entry: i, text: text, folded: fold(text), fact: fact}
		if strings.Contains(text, decode.OwnMark) {
			said.by = who.Smtptap // repeated by the client
		}
		s.says = append(s.says, said)
	}
}

// ev is the event of entry i, which must have one.
func (s *session) ev(i int) *decode.Event { return s.t.Entries[i].Event }

// lack reports a gap of a pasted log.
func (s *session) lack(gap string) bool { return slices.Contains(s.t.Lacks, gap) }

// pasted reports that the transcript was read from a log.
func (s *session) pasted() bool { return s.t.Source == decode.SourceLog }

// running reports that the session has not ended.
func (s *session) running() bool { return s.became.Outcome == outcome.Running }

// answer is the server's reply to entry i, or its reply at entry i; nil for
// none.
func (s *session) answer(i int) *reply {
	if r := s.answers[i]; r != nil && r.by == who.Server {
		return r
	}
	return nil
}

// to are the server's replies to any of these verbs, verb by verb.
func (s *session) to(verbs ...string) iter.Seq[*reply] {
	return func(yield func(*reply) bool) {
		for _, v := range verbs {
			for _, r := range s.byVerb[v] {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// command is the command that a reply answers; nil when it is none or is not
// in the transcript.
func (s *session) command(r *reply) *decode.Command {
	if r == nil || r.asked < 0 {
		return nil
	}
	return s.ev(r.asked).Command
}

// last is the last entry of a command before entry i, -1 for none.
func (s *session) last(verb string, before int) int {
	at, _ := slices.BinarySearch(s.byName[verb], before)
	if at == 0 {
		return -1
	}
	return s.byName[verb][at-1]
}

// said reports whether the client sent that command at all.
func (s *session) said(verb string) bool { return len(s.byName[verb]) > 0 }

// triedLogin reports an AUTH command before entry i.
func (s *session) triedLogin(before int) bool {
	return s.loggedIn >= 0 || len(s.logins) > 0 && s.logins[0] < before || s.last("AUTH", before) >= 0
}

// noted finds events with one of these notes.
func noted(ids ...string) finder {
	return func(s *session) *evidence { return see(s.noted(ids...)...) }
}

func (s *session) noted(ids ...string) []int {
	var at []int
	for _, id := range ids {
		at = append(at, s.notes[id]...)
	}
	slices.Sort(at)
	return firstFew(slices.Compact(at))
}

// firstFew keeps the proof of a finding short.
func firstFew(entries []int) []int {
	return entries[:min(len(entries), mostNoted)]
}
