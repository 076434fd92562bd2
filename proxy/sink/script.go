package sink

import (
	"io"
	"strings"
	"time"

	"smtptap/decode/smtp"
)

// A Script answers one client in the Server's place. Where ok is false the Server
// answers as it is.
type Script interface {
	Greeting() (a Answer, ok bool)
	Command(c *smtp.Command) (a Answer, ok bool)
	// Response answers a line of a login after the AUTH command.
	Response(line string) (a Answer, ok bool)
	// Content takes what the client sends of a message, as it is on the wire. An
	// error ends the session; an Ending says how.
	Content() io.Writer
	// Message answers a whole message with as many replies as are due.
	Message(due int) (all []Answer, ok bool)
	// Idle is what is said, or done, when the client stays silent for a.Wait.
	Idle() (a Answer, ok bool)
}

// An Answer is what a client is told, and when.
type Answer struct {
	Wait  time.Duration // before it
	Reply string        // its lines with their ends; "" for none
	Then  Ending
}

// code is that of the reply, "" for none.
func (a *Answer) code() string { return a.Reply[:min(len("250"), len(a.Reply))] }

// Ending says what becomes of the connection after an answer. It is an error, so
// that what takes a message can end the session.
type Ending int

const (
	GoesOn    Ending = iota
	Closes           // in an orderly way
	Truncates        // without the close_notify of TLS
	Resets
	FallsSilent // it reads on and says nothing
)

func (e Ending) Error() string {
	return [...]string{"goes on", "closes", "closes without close_notify", "resets", "falls silent"}[e]
}

// unscripted leaves everything to the server.
type unscripted struct{}

func (unscripted) Greeting() (a Answer, ok bool)             { return a, false }
func (unscripted) Command(*smtp.Command) (a Answer, ok bool) { return a, false }
func (unscripted) Response(string) (a Answer, ok bool)       { return a, false }
func (unscripted) Content() io.Writer                        { return io.Discard }
func (unscripted) Message(int) (all []Answer, ok bool)       { return nil, false }
func (unscripted) Idle() (a Answer, ok bool)                 { return a, false }

// reply is an answer of those lines, at once.
func reply(lines ...string) Answer {
	var b strings.Builder
	for i, l := range lines {
		if i < len(lines)-1 {
			l = l[:3] + "-" + l[4:]
		}
		b.WriteString(l + "\r\n")
	}
	return Answer{Reply: b.String()}
}
