package session

import (
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// An Event is something that happened. The contents of the fields other than
// Kind and Peer depend on the kind.
type Event struct {
	Kind EventKind
	Peer who.Party

	Data    []byte           // of Bytes
	Answers string           // of Bytes of a server: the verb that the reply answers; see starttls
	How     Ending           // of Ended
	Err     error            // of Ended, Secured, Dialled: what failed; nil for nothing
	Server  *upstream.Server // of Dialled
	Local   string           // of Dialled: smtptap's own address there, as EHLO has it
	Release *Release         // of LetGo

	Cipher bool // of Bytes: TLS that is handed through
	Own    bool // of Bytes: smtptap says them in the peer's place

	asked *Place // the layer whose action this answers; nil for none
}

// EventKind is what happened.
type EventKind uint8

const (
	Began   EventKind = iota // the client has connected
	Bytes                    // the peer sent Data
	Ended                    // the peer sends no more
	Dialled                  // answers Dial: the server is connected, or Err says why not
	Quieted                  // answers Quiet: what the peer had sent has come as Bytes, and no more is read
	Secured                  // answers Secure: TLS is up, or Err says why not
	Woken                    // answers Wake
	LetGo                    // answers Held: somebody lets the line go

	// These come from another layer, and go towards the peer that they name.
	Encrypted // TLS with the client is up
	Abandoned // the server is not to hear the rest of a message, nor anything else
)

// A Release is how somebody lets a held line go.
type Release struct {
	How  ReleaseHow
	Data []byte // of ReleaseEdited: the line with its end; of ReleaseAnswered: a reply without it
}

// ReleaseHow is what becomes of a held line.
type ReleaseHow uint8

const (
	ReleaseUnchanged ReleaseHow = iota // it goes on as it is
	ReleaseEdited                      // it goes on as Data
	ReleaseAnswered                    // it goes no further, and Data is the reply
	ReleaseDropped                     // it goes no further, and the session ends
)

// An Ending is how a peer ended its direction; see facts.Closed.
type Ending string

const (
	ByFIN         Ending = "fin"
	ByCloseNotify Ending = "close-notify"
	ByTruncation  Ending = "truncated"
	ByReset       Ending = "reset"
	ByError       Ending = "error"
)

// An Action is something to do. The contents of the fields other than Kind and
// Peer depend on the kind.
type Action struct {
	Kind ActionKind
	Peer who.Party

	Data     []byte
	Fact     facts.Fact      // of Fact
	How      Ending          // of End and Gone
	Err      error           // of End and Gone
	After    time.Duration   // of Wake; 0 for never
	Which    Dialling        // of Dial
	Domain   upstream.Domain // of Dial, for FirstServer
	Cause    string          // of Because
	Why      facts.Sentence  // of Because: more about the cause
	Text     string          // of Certify and Held
	Implicit bool            // of Secure: TLS begins with the first byte
	Client   bool            // of TLSUp
	Server   bool            // of TLSUp

	asked *Place
}

// ActionKind is what to do.
type ActionKind uint8

const (
	Relay    ActionKind = iota // note that the peer sent Data to the other one, and send it there
	Promise                    // note that, and don't send it yet
	Send                       // send Data to the peer; it was noted by Promise
	Skip                       // as Relay, of bytes that can't be read
	Gone                       // note that the peer sends no more
	Hear                       // note that the peer sent Data to smtptap
	Discard                    // note that the peer sent Data, which goes nowhere
	Say                        // note that smtptap sends Data to the peer, and do
	Fact                       // note the fact
	TLSUp                      // note with which peers TLS is up now
	Unopened                   // note that TLS is handed through
	Released                   // note that a reply to STARTTLS is waited for no more
	Pause                      // read no more from the peer
	Resume                     // read from the peer
	Quiet                      // read what the peer has sent already, then no more
	Secure                     // shake hands with the peer, who has sent Data of that already
	Dial                       // connect to a server
	Hangup                     // close the connection to the server
	End                        // tell the peer that nothing more comes, as the other one has ended
	Wake                       // wake the layer; what it asked for earlier is forgotten
	Because                    // note for what cause the session ends
	Certify                    // show the client a certificate that is bad, in the way that Text says
	Held                       // tell that Data of the peer is held, by the rule that Text names, until LetGo comes
	Unheld                     // tell that it is not held any more
	Close                      // the session is over
)

// Dialling says which server to connect to.
type Dialling uint8

const (
	TheServer   Dialling = iota // the only one
	FirstServer                 // the first one of Domain
	NextServer                  // the next one of the same domain
	SameServer                  // the one that was connected last
)

// Answer is the event that answers an action.
func (a *Action) Answer(e Event) Event {
	e.asked = a.asked
	return e
}

// Layer is who asked for the action.
func (a *Action) Layer() *Place { return a.asked }
