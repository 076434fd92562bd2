package decode

import (
	"slices"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// An Entry is one line of a transcript: an event of the dialogue, or a fact
// about the connections that bytes don't hold. Exactly one of the two is set.
type Entry struct {
	At       time.Duration // since the session began
	From, To who.Party     // who said it to whom
	Leg      who.Leg       // where it was said; the server's: there only (the responder's prelude, a STARTTLS that smtptap asked for)
	Inferred bool          // a pasted log does not show all of the event
	Event    *Event
	Fact     facts.Fact
}

// OwnMark stands in every reply that smtptap makes up.
const OwnMark = "[smtptap]"

// Author is who chose the words: the sender, or smtptap where the mark says so.
// A pasted log and a server that is another smtptap show its replies as the
// server's.
func (e *Entry) Author() who.Party {
	if e.Event != nil && e.Event.Reply != nil && e.Event.Reply.own() {
		return who.Smtptap
	}
	return e.From
}

// own reports a reply that smtptap made up.
func (r *Reply) own() bool {
	return len(r.Lines) > 0 && strings.HasPrefix(r.Lines[0].Text, OwnMark)
}

// A Transcript is one session as everything downstream reads it: the screen,
// the text, the exports, the findings and the diff. A live session, an opened
// recording and a pasted log all become one. It is a snapshot: it does not
// change once handed out.
type Transcript struct {
	ID      string // "" for a pasted log
	Started time.Time
	Source  Source
	Dialect string // of a pasted log: "phpmailer-6", "swaks", ...
	Listen  string // where the client connected; "" if unknown
	Target  string // as given with --to; "" if unknown
	Mode    string // what smtptap does with STARTTLS: "intercept", "pass", "hide"; "" if unknown

	SecretsKept  bool // it holds passwords (--keep-secrets)
	SecretsTaken bool // its recording holds passwords, which were taken out here
	Ended        bool // no more entries will come

	// Withheld are the identities that were taken out of it: no export may
	// hold one.
	Withheld []string

	// Checks are verdicts on the messages of Messages, by their number, once
	// somebody has asked for them.
	Checks map[int][]Check

	// Became is what became of the session, in the word of package outcome,
	// where Entries hold only a part of it; "" where they hold all.
	Became string

	Entries []Entry
	Earlier int // entries before the first that are no longer held in memory; the recording has them

	// CannotShow says in sentences what this transcript is unable to show,
	// such as "the log holds no server lines".
	CannotShow []facts.Sentence

	// Lacks are the same gaps for rules to ask about: Lack constants.
	Lacks []string

	// Bytes returns the bytes of a span of one side's stream, with MaskText
	// for secrets. It is nil when no bytes were kept.
	Bytes func(leg who.Leg, side who.Party, span Span) ([]byte, error)
}

// A Check is what a receiver would make of the authentication of a message.
type Check struct {
	Name   string // "DKIM", "SPF" or "DMARC"
	Result string // of RFC 8601 section 2.7, or "unknown"
	Domain string // that it is about; safe to print
	Text   string // domain and reason; safe to print
	Failed bool   // a receiver would hold it against the message
}

// Gaps of a transcript that was read from a pasted log. A rule must not
// conclude anything from the absence of what the log could not show.
const (
	LackStart       = "start"        // begins in the middle of a session
	LackEnd         = "end"          // stops before the session does
	LackClientLines = "client-lines" // what the client said is inferred from the replies
	LackServerLines = "server-lines" // the replies are inferred from what the client did next
	LackBody        = "body"         // the message, or part of it
	LackBrackets    = "brackets"     // everything in angle brackets: addresses, Message-ID, tags of the body
	LackBytes       = "bytes"        // line ends and white space as they were on the wire
	LackTLS         = "tls"          // version, cipher and certificate
	LackTimes       = "times"        // when each line was said
	LackCredentials = "credentials"  // user names or passwords were hidden by the tool or the poster
	LackDialogue    = "dialogue"     // only an error text or single replies, no session
)

// Lack reports that the transcript has that gap.
func (t *Transcript) Lack(gap string) bool { return slices.Contains(t.Lacks, gap) }

// Source is where a transcript came from.
type Source string

const (
	SourceLive      Source = "live"
	SourceRecording Source = "recording"
	SourceLog       Source = "log"
)

// Answer returns the index of the entry that answers entry i, or -1.
func (t *Transcript) Answer(i int) int {
	asked := t.Entries[i]
	if asked.Event == nil {
		return -1
	}
	for j := i + 1; j < len(t.Entries); j++ {
		e := t.Entries[j]
		switch {
		case e.Event == nil || e.Event.Reply == nil || e.Leg != asked.Leg || e.Event.Reply.To < asked.Event.Seq:
		case e.Event.Reply.To == asked.Event.Seq:
			return j
		default:
			return -1 // replies come in the order of what they answer
		}
	}
	return -1
}

// Question returns the index of the entry that the reply at entry i answers, or -1.
func (t *Transcript) Question(i int) int {
	reply := t.Entries[i]
	if reply.Event == nil || reply.Event.Reply == nil || reply.Event.Reply.To < 0 {
		return -1
	}
	for j := i - 1; j >= 0; j-- {
		e := t.Entries[j]
		switch {
		case e.Event == nil || e.Leg != reply.Leg || e.Event.Seq > reply.Event.Reply.To:
		case e.Event.Seq == reply.Event.Reply.To:
			return j
		default:
			return -1
		}
	}
	return -1
}
