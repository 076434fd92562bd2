package session

import (
	"bytes"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// An offer has smtptap offer STARTTLS to the client: the server can't offer its
// own any more, because smtptap has used it. It lasts until the client takes it,
// or begins to send mail without.
type offer struct {
	edit
	config *Config
	due    func() bool // whether the server has not answered all

	held  []byte // of the client: an unfinished line, or what waits
	state offerState
}

type offerState uint8

const (
	offering   offerState = iota
	waiting               // the client has taken it, and the server has not answered all
	quieting              // TLS is to begin
	securing              // TLS with the client is coming up
	offerEnded            // the client has it, or goes on without
)

func offerSTARTTLS(c *Config, tls *starttls) Layer {
	tls.tell = true
	o := &offer{config: c, due: tls.due}
	o.edit = edit{
		change: func(reply []byte) ([]byte, bool) {
			if o.state == offerEnded {
				return reply, false
			}
			return withKeyword(reply, "STARTTLS")
		},
		id: "starttls-offered",
	}
	return o
}

func (o *offer) Handle(at *Place, e Event) {
	switch {
	case e.Kind == Bytes && e.Peer == who.Client && o.state == offering:
		o.lines(at, append(o.held, e.Data...))
	case e.Kind == Bytes && e.Peer == who.Client && o.state != offerEnded:
		o.held = append(o.held, e.Data...)
	case e.Kind == Ended && o.state != offerEnded:
		o.ended(at, e)
	case e.Kind == Woken && o.state == waiting:
		o.accept(at)
	case e.Kind == Quieted:
		o.secure(at)
	case e.Kind == Secured:
		o.secured(at, e.Err)
	default:
		o.edit.Handle(at, e)
		if o.state == waiting && e.Peer == who.Server && !o.due() {
			o.accept(at)
		}
	}
}

// lines takes the client's bytes by the line: a STARTTLS must not reach the
// server.
func (o *offer) lines(at *Place, p []byte) {
	o.held = nil
	for len(p) > 0 && o.state == offering {
		end := bytes.IndexByte(p, '\n') + 1
		if end == 0 && len(p) < maxCommandLine {
			o.held = bytes.Clone(p)
			return
		}
		switch c := smtp.ReadCommand(p[:end]); {
		case c.Verb == "STARTTLS" && len(c.Arg) == 0:
			o.wait(at, p)
			return
		case !precedesMail[c.Verb]:
			o.state = offerEnded
		default:
			at.Bytes(who.Client, p[:end])
			p = p[end:]
		}
	}
	at.Bytes(who.Client, p)
}

// precedesMail are the commands that a client may give before it decides.
var precedesMail = map[string]bool{
	"EHLO": true, "HELO": true, "LHLO": true, "NOOP": true, "RSET": true, "HELP": true, "VRFY": true, "EXPN": true, "STARTTLS": true,
}

// take waits until the server has answered all commands, or a while, in which it
// may have left one unanswered.
func (o *offer) wait(at *Place, p []byte) {
	o.held = bytes.Clone(p)
	at.Pause(who.Client)
	o.state = waiting
	if !o.due() {
		o.accept(at)
		return
	}
	unit := defaultWait
	if o.config.Wait > 0 {
		unit = o.config.Wait
	}
	at.Wake(waitReplied * unit)
}

// accept has TLS begin.
func (o *offer) accept(at *Place) {
	end := bytes.IndexByte(o.held, '\n') + 1
	at.Hear(who.Client, o.held[:end])
	o.held = o.held[end:]
	if err := o.config.Ready(); err != nil {
		at.fail(refused(facts.CauseTLS, "454 4.7.0", "tls-not-opened", err))
		return
	}
	o.state = quieting
	at.Wake(0)
	at.Pause(who.Server)
	at.Do(Action{Kind: Quiet, Peer: who.Client})
}

func (o *offer) secure(at *Place) {
	o.state = securing
	text, hello := CutAtTLS(o.held)
	o.held = nil
	at.Discard(who.Client, text)
	at.Say(who.Client, "220 2.0.0 [smtptap] go ahead\r\n")
	at.Do(Action{Kind: Secure, Peer: who.Client, Data: hello})
}

func (o *offer) secured(at *Place, err error) {
	if err != nil {
		at.fail(withClient(err, false))
		return
	}
	o.state = offerEnded
	at.Do(Action{Kind: TLSUp, Client: true})
	at.Resume(who.Server)
	at.Resume(who.Client)
}

// ended hands on what waits for nothing any more.
func (o *offer) ended(at *Place, e Event) {
	switch {
	case o.state == quieting || o.state == securing:
		return // the handshake will find out
	case e.Peer == who.Client:
		at.Bytes(who.Client, o.held)
		o.held = nil
		at.Next(e)
		return
	}
	o.edit.Handle(at, e)
	if o.state == waiting {
		o.state = offerEnded
		held := o.held
		o.held = nil
		at.Wake(0)
		at.Bytes(who.Client, held)
		at.Resume(who.Client)
	}
}
