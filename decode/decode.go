// Package decode turns the two byte streams of an SMTP session into events.
//
// It is sans-I/O: no sockets, files, goroutines, locks, logger or clock. Bytes
// and times go in, events come out. The same streams cut at any other places
// give the same events, and the spans of the events tile each side's stream.
// Decoding never fails: what can't be understood is an event that says so.
//
// The package also decides two things that only a reader of the dialogue can
// know: where a STARTTLS command ends (so that a relay can hold what follows),
// and which bytes are secret (so that a recorder can leave them out).
package decode

import (
	"slices"
	"strconv"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// Span is a half-open range of one side's stream, in bytes. The stream is the
// one that a recording holds: a masked secret counts as len(MaskText) bytes
// whatever its real length was.
type Span struct{ Start, End int64 }

// Len is the number of bytes in the span.
func (s Span) Len() int64 { return s.End - s.Start }

// Kind says what an event is.
type Kind uint8

const (
	KindGreeting  Kind = iota + 1 // the server's first reply; Event.Reply is set
	KindCommand                   // Event.Command is set
	KindReply                     // Event.Reply is set
	KindAuth                      // a client line inside an AUTH exchange; Event.Auth is set
	KindHeader                    // one header field of a message, folded lines included; Event.Header is set
	KindBody                      // the bytes of a message from the empty line after its header on, still dot-stuffed, or a BDAT chunk; Event.Body is set
	KindEndOfData                 // the line with the single dot
	KindOpaque                    // not SMTP text, or bytes that could not be placed
	KindMissing                   // bytes that are known to have passed but were not seen or not kept; Event.Missing is set
)

var kindNames = [...]string{"", "greeting", "command", "reply", "auth", "header", "body", "end-of-data", "opaque", "missing"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// MaxRaw is how many bytes of an event are kept in Event.Raw. RFC 5321 section
// 4.5.3.1 allows 512 octets for a command or reply line; what is longer is
// still relayed and recorded in full.
const MaxRaw = 8 << 10

// MaxReplyLines is how many lines of one reply are kept in Reply.Lines.
const MaxReplyLines = 1000

// An Event is one annotated piece of a dialogue. Events are immutable once
// they have been handed out.
type Event struct {
	Seq   int           // position in its dialogue, from 0
	Begin time.Duration // when its first byte arrived, since the session began
	At    time.Duration // when its last byte arrived (of what the recorder keeps: a secret counts from its end)
	Side  who.Party     // whose part of the dialogue it is: Client or Server
	Span  Span
	Kind  Kind
	TLS   bool // said inside TLS

	// Raw is the event's bytes as they passed, line ends included, at most
	// MaxRaw of them, with MaskText where a secret stood. It is nil for
	// KindBody and for opaque bytes past the limit; read those by Span.
	Raw     []byte
	Notes   []Note // what was noticed about the bytes
	Secrets []Span // where secrets stand: MaskText, or with KeepSecrets the secrets themselves

	// Set as Kind says. Auth is also set on the AUTH command itself and on
	// the server's 334 replies.
	Command *Command
	Reply   *Reply
	Auth    *Auth
	Header  *Header
	Body    *Body
	Missing *Missing
}

// A Command is a command line of the client (RFC 5321 section 4.1).
type Command struct {
	Verb  string // upper case; "" when the line holds none
	Arg   string // what follows the verb and its space, as sent, without the line end
	Known bool   // the verb is one that some RFC defines

	// For MAIL and RCPT (RFC 5321 section 4.1.2).
	Path    string  // the address between the angle brackets, or without them when they are missing
	HasPath bool    // an address was found (it may be the empty reverse-path)
	Params  []Param // esmtp parameters, of EHLO none

	// For BDAT (RFC 3030): the size of the chunk that follows.
	ChunkSize int64
	Last      bool

	Form smtp.Form // in what the line differs from the grammar
}

// A Param is one ESMTP parameter of MAIL or RCPT, such as SIZE=1234.
type Param struct{ Key, Value string }

// A Reply is a complete reply of the server (RFC 5321 section 4.2).
type Reply struct {
	Code     int         // 0 when the line starts with no three digits
	Enhanced string      // enhanced status code of the first line that has one, such as "5.7.8" (RFC 3463)
	Lines    []ReplyLine // at most MaxReplyLines
	Dropped  int         // lines beyond that
	To       int         // Seq of the command, AUTH line or end of data that it answers; -1 for none
	ToVerb   string      // what it answers: a verb, "AUTH" for every step of the exchange, "." for the end of data, "" for none
	EHLO     []Keyword   // extensions, when it answers EHLO or LHLO with 250

	// Of a reply of LMTP after a message, which is about one recipient (RFC 2033
	// section 4.2).
	Rcpt int    // Seq of its RCPT; 0 for none
	For  string // its address
}

// Text is the reply's text without codes, its lines joined by a space.
func (r *Reply) Text() string {
	var b []byte
	for i, l := range r.Lines {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, l.Text...)
	}
	return string(b)
}

// Positive reports a reply of 2xx or 3xx.
func (r *Reply) Positive() bool { return r.Code >= 200 && r.Code < 400 }

// A ReplyLine is one line of a reply.
type ReplyLine struct {
	Code     int    // 0 for none
	More     bool   // a hyphen follows the code
	Enhanced string // "" for none
	Text     string // after code, separator and enhanced code; bytes as sent
}

// A Keyword is one EHLO keyword with its parameters (RFC 5321 section 4.1.1.1).
//
// The form of before RFC 2554, AUTH=LOGIN, is a keyword of its own: "AUTH=".
type Keyword struct{ Name, Params string } // Name in upper case

// Auth is a step of a SASL exchange (RFC 4954), without its secrets.
type Auth struct {
	Mechanism string // upper case
	Step      Step
	Prompt    string // decoded text of the server's challenge, such as "Username:"; bytes as decoded, without NULs at the end
	User      string // authentication identity, when this step shows one
	Authzid   string // authorization identity, when one is given (RFC 4616)
	Secret    *Mask  // what is secret in this step, if anything
	Revealed  string // the secret's readable form; set only with KeepSecrets
	Decoded   string // readable form of a step that is no secret (an XOAUTH2 error, a SCRAM server challenge)
}

// Step says what a line does in a SASL exchange.
type Step uint8

const (
	StepStart     Step = iota + 1 // the AUTH command, with or without an initial response
	StepChallenge                 // 334 from the server
	StepUser                      // the client's user name (LOGIN)
	StepPassword                  // the client's password (LOGIN)
	StepResponse                  // any other client response
	StepCancel                    // "*"
	StepStray                     // looks like a credential but no exchange is open
)

// MaskText stands in a stream where a secret stood.
const MaskText = "[secret]"

// A Mask tells what a secret was without telling the secret.
type Mask = facts.Mask

// A Header is one header field of a message (RFC 5322 section 2.2).
type Header struct {
	Name  string // as sent
	Value string // after the colon, unfolded, one leading space removed; bytes as sent, cut at MaxRaw
	First bool   // the first of its message
}

// A Body is the part of a message after its header, or a BDAT chunk.
type Body struct {
	Lines    int64 // number of line ends
	Longest  int64 // longest line in octets, without its line end
	EightBit bool  // holds octets above 127
	Chunk    bool  // BDAT: not dot-stuffed, no end-of-data line follows
}

// Missing says how many bytes are not here and why.
type Missing struct {
	Bytes int64  // -1 when unknown
	Why   string // one of the Why constants
}

const (
	WhyEncrypted   = "encrypted"    // TLS that was handed through unopened
	WhyNotRecorded = "not recorded" // the recorder could not keep up, or was told not to
	WhyNotInLog    = "not in log"   // the pasted log does not show it
)

// Level is the weight of a Note.
type Level uint8

const (
	Explain   Level = iota + 1 // neutral
	Unusual                    // allowed, but worth a look
	Violation                  // some RFC forbids it
)

// A Note is something noticed about an event's bytes.
type Note struct {
	ID    string // stable, lower case, such as "bare-lf"; decode/annotate has its words
	Level Level
	Ref   string // "RFC 5321 section 2.3.8", or ""
	Count int    // how often within the event, at least 1
	Of    string // which of several forms it has, or ""
}

// Noted reports that the event has a note with that ID.
func (e *Event) Noted(id string) bool {
	return slices.ContainsFunc(e.Notes, func(n Note) bool { return n.ID == id })
}
