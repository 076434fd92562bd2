// Package rules reads and matches rules: what a session is to do on purpose,
// written WHEN=ACTION. It does no I/O and knows no session; package session
// carries the actions out.
//
//	RCPT[rcpt:bob@]@2=450 4.2.1 mailbox busy
//	EHLO=hide STARTTLS
//	DATA=cut 300B
//
// # Precedence
//
// Rules stand in one list: those of files first, then those of the command
// line, each in the order given. When something happens, all rules that match
// act, in that order: one after the other a line is edited, delayed or held, a
// rate is set. The first that ends the matter (a reply in the server's place,
// drop, reset, half-close, silence) is the last that acts. Every rule counts for
// itself what its WHEN and query match, whether or not an earlier one has ended
// the matter.
package rules

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"smtptap/recordings/query"
)

// A Rule is one WHEN=ACTION.
type Rule struct {
	Text  string // as given
	Place string // where: "--rule 2", "rules.txt:3"
	When
	Action

	index int            // in its set
	times *atomic.Uint64 // how often it has matched in the run
}

// String is the rule for people: "RCPT=drop" (--rule 2).
func (r *Rule) String() string { return fmt.Sprintf("%q (%s)", r.Text, r.Place) }

// Point is what a rule waits for.
type Point uint8

const (
	Connect     Point = iota + 1 // a client has connected
	Greeting                     // the server's first reply
	Command                      // a command of the client
	DataEnd                      // the end of a message, or its last chunk
	Reply                        // a reply that the client is about to hear
	ClientBytes                  // the client has said more than so many bytes
	ServerBytes                  // the server has
)

// A When says when a rule acts.
type When struct {
	Point Point
	Verb  string // of Command; "" for any
	Code  string // of Reply, with x for any digit; "" for any
	Over  int64  // of ClientBytes and ServerBytes

	Query *query.Filter // what must hold besides; nil for nothing

	Nth   int  // only the n-th time; 0 for every time
	OneIn int  // one time in so many, which one the seed decides; 0 for every time
	Run   bool // times are counted over all sessions
}

// Kind is what a rule does.
type Kind uint8

const (
	Answer    Kind = iota + 1 // reply in the server's place
	Delay                     // let it wait
	Rate                      // send slowly from here on
	Drop                      // close both connections
	Reset                     // reset the connection to the client
	HalfClose                 // say no more to the client, and go on reading
	Silence                   // never answer
	Hide                      // take extensions out of the reply to EHLO
	Cut                       // end the session after so many more bytes
	Certify                   // show the client a bad certificate
	Edit                      // change the line
	Hold                      // let it wait until somebody lets it go
)

// An Action says what a rule does. What the fields hold depends on the kind.
type Action struct {
	Kind   Kind
	Status int           // of Answer
	Reply  string        // of Answer: its text after the code, lines separated by \n
	Wait   time.Duration // of Delay
	Count  int64         // of Rate, in bytes a second, and of Cut
	Hidden []Extension   // of Hide
	Fault  string        // of Certify: fail, expired, wrong-name or self-signed
	edit   *edit
}

// An Extension is what a rule hides: a keyword, or one of its parameters.
type Extension struct{ Keyword, Param string }

// edit is s/old/new/.
type edit struct {
	old *regexp.Regexp
	new string
	all bool
}

// Edited is the line without its end after Edit.
func (a *Action) Edited(line []byte) []byte {
	e := a.edit
	if e.all {
		return e.old.ReplaceAll(line, []byte(e.new))
	}
	at := e.old.FindSubmatchIndex(line)
	if at == nil {
		return line
	}
	changed := e.old.Expand(append([]byte(nil), line[:at[0]]...), []byte(e.new), line, at)
	return append(changed, line[at[1]:]...)
}

// ends reports whether the action ends the matter: no later rule acts.
func (k Kind) ends() bool {
	return k == Answer || k == Drop || k == Reset || k == HalfClose || k == Silence
}

// A Set is all rules of a run, in their order. It may be used by several
// sessions at once.
type Set struct {
	Rules []*Rule
	Seed  uint64

	sessions atomic.Uint64
	also     atomic.Pointer[[]*Rule]
}

// Also has more rules act after those of the set, in place of those that did
// until now. Sessions that have begun with rules heed them from then on.
func (s *Set) Also(more []*Rule) {
	for i, r := range more {
		r.index, r.times = len(s.Rules)+i, new(atomic.Uint64)
	}
	s.also.Store(&more)
}

// Any reports whether there is a rule.
func (s *Set) Any() bool { return len(s.Rules)+len(*s.also.Load()) > 0 }

// Random reports whether the seed matters.
func (s *Set) Random() bool {
	for _, r := range s.Rules {
		if r.OneIn > 0 {
			return true
		}
	}
	return false
}

// Has reports whether some rule does that.
func (s *Set) Has(k Kind) bool {
	for _, r := range s.Rules {
		if r.Kind == k {
			return true
		}
	}
	return false
}

// Begin returns the rules of one more session.
func (s *Set) Begin() *Session {
	return &Session{set: s, number: s.sessions.Add(1), times: map[*Rule]uint64{}}
}

// A Session is the rules of one session, with what they have counted in it.
type Session struct {
	set    *Set
	number uint64
	times  map[*Rule]uint64
}

// An Occasion is something that rules wait for.
type Occasion struct {
	Point Point
	Verb  string // of Command
	Code  int    // of Reply and Greeting
	Last  bool   // of Command: BDAT with the last chunk
}

// At returns the rules that act on an occasion, in their order, none after the
// first that ends the matter.
func (s *Session) At(o Occasion, known *query.Session) []*Rule {
	var act []*Rule
	ended := false
	for _, r := range slices.Concat(s.set.Rules, *s.set.also.Load()) {
		if !r.waitsFor(o) || !s.Now(r, known) || ended {
			continue
		}
		act = append(act, r)
		ended = r.Kind.ends()
	}
	return act
}

// Over are the rules that act after so many bytes, in their order.
func (s *Session) Over(p Point) []*Rule {
	var all []*Rule
	for _, r := range s.set.Rules {
		if r.Point == p {
			all = append(all, r)
		}
	}
	return all
}

// Now reports whether a rule acts, now that what it waits for has happened.
func (s *Session) Now(r *Rule, known *query.Session) bool {
	return (r.Query == nil || r.Query.Match(known)) && s.turn(r)
}

// waitsFor reports whether the occasion is one for the rule.
func (r *Rule) waitsFor(o Occasion) bool {
	switch r.Point {
	case Command:
		return o.Point == Command && (r.Verb == "" || r.Verb == o.Verb)
	case DataEnd:
		return o.Point == DataEnd || o.Point == Command && o.Verb == "BDAT" && o.Last
	case Reply:
		return (o.Point == Reply || o.Point == Greeting) && isLike(o.Code, r.Code)
	}
	return r.Point == o.Point
}

// isLike compares a code with one in which x is any digit.
func isLike(code int, pattern string) bool {
	digits := fmt.Sprintf("%03d", code)
	for i := range pattern {
		if pattern[i] != 'x' && pattern[i] != digits[i] {
			return false
		}
	}
	return true
}

// turn counts that a rule has matched, and reports whether this is a time at
// which it acts.
func (s *Session) turn(r *Rule) bool {
	s.times[r]++
	time, session := s.times[r], s.number
	if r.Run {
		time, session = r.times.Add(1), 0
	}
	switch {
	case r.Nth > 0:
		return time == uint64(r.Nth)
	case r.OneIn > 0:
		// One in each row of so many, so that a short run has its share.
		n := uint64(r.OneIn)
		return (time-1)%n == draw(s.set.Seed, uint64(r.index), session, (time-1)/n)%n
	}
	return true
}

// draw is a number that depends on these and nothing else.
func draw(numbers ...uint64) uint64 {
	h := fnv.New64a()
	for _, n := range numbers {
		h.Write(binary.BigEndian.AppendUint64(nil, n))
	}
	v := h.Sum64() // FNV leaves the low bits of small numbers alike
	v ^= v >> 33
	v *= 0xff51afd7ed558ccd
	return v ^ v>>33
}

// Lines are the lines of an answer, each with its end. The first has mark, which
// tells its readers that it is no server's.
func (a *Action) Lines(mark string) string {
	var b strings.Builder
	texts := strings.Split(a.Reply, "\n")
	enhanced := enhancedCode.FindString(texts[0])
	texts[0] = strings.TrimSpace(enhanced + " " + mark + " " + strings.TrimSpace(texts[0][len(enhanced):]))
	for i, text := range texts {
		sep := "-"
		if i == len(texts)-1 {
			sep = " "
		}
		fmt.Fprintf(&b, "%d%s%s\r\n", a.Status, sep, text)
	}
	return b.String()
}
