package session_test

import (
	"bytes"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/session"
)

// The layers of these tests are what somebody would add: each is one more in the
// row, and the others don't know of it.

// A busy layer answers RCPT in the server's place.
type busy struct{}

func (busy) Handle(at *session.Place, e session.Event) {
	if e.Kind == session.Bytes && e.Peer == who.Client && bytes.HasPrefix(e.Data, []byte("RCPT")) {
		at.Hear(who.Client, e.Data)
		at.Say(who.Client, "450 4.2.1 [smtptap] mailbox busy\r\n")
		return
	}
	at.Next(e)
}

// A slow layer holds what one peer says for a while.
type slow struct {
	peer who.Party
	wait time.Duration
	held []session.Event
}

func (l *slow) Handle(at *session.Place, e session.Event) {
	switch {
	case e.Kind == session.Woken:
		held := l.held
		l.held = nil
		at.Resume(l.peer)
		for _, e := range held {
			at.Next(e)
		}
	case e.Peer != l.peer || e.Kind != session.Bytes && len(l.held) == 0:
		at.Next(e)
	default:
		if len(l.held) == 0 {
			at.Pause(l.peer)
			at.Wake(l.wait)
		}
		e.Data = bytes.Clone(e.Data)
		l.held = append(l.held, e)
	}
}

// A broken layer ends the session in the middle of a message.
type broken struct{ left int }

func (l *broken) Handle(at *session.Place, e session.Event) {
	if e.Kind != session.Bytes || e.Peer != who.Client || len(e.Data) < l.left {
		l.left -= len(e.Data)
		at.Next(e)
		return
	}
	at.Bytes(who.Client, e.Data[:l.left])
	at.Hear(who.Client, e.Data[l.left:])
	at.Note("cut", "as the test asks for")
	at.Do(session.Action{Kind: session.Because, Cause: facts.CauseShutdown})
	at.Do(session.Action{Kind: session.Close})
}

func TestAnsweringLayer(t *testing.T) {
	opened(t, session.Config{Layers: []session.Layer{busy{}}}).play(`
		>> server 220 mx|
		<< relay server 220 mx|
		>> client MAIL FROM:<>|
		<< relay client MAIL FROM:<>|
		>> server 250 ok|
		<< relay server 250 ok|
		>> client RCPT TO:<a@example.org>|
		<< hear client RCPT TO:<a@example.org>|
		<< say client 450 4.2.1 [smtptap] mailbox busy|
		>> client STARTTLS|
		<< relay client STARTTLS|
		>> server 220 go|
		<< promise server 220 go|
		<< pause server
		<< quiet server`)
}

func TestHoldingLayer(t *testing.T) {
	opened(t, session.Config{Layers: []session.Layer{&slow{peer: who.Client, wait: time.Minute}}}).play(`
		>> server 220 mx|
		<< relay server 220 mx|
		>> client EHLO a|
		<< pause client
		<< wake 1m0s
		>> server 250 early|
		<< relay server 250 early|
		>> client STARTTLS|
		>> client FIN
		<< gone client fin
		>> woken
		<< resume client
		<< relay client EHLO a|
		<< relay client STARTTLS|
		<< end server fin`)
}

func TestSlowServer(t *testing.T) {
	opened(t, session.Config{Layers: []session.Layer{&slow{peer: who.Server, wait: time.Second}}, Mode: session.Hide}).play(`
		>> server 220 mx|
		<< pause server
		<< wake 1s
		>> client EHLO a|
		<< relay client EHLO a|
		>> server 250-mx|250 STARTTLS|
		<< hear server 250-mx|250 STARTTLS|
		<< note starttls-hidden
		>> woken
		<< resume server
		<< relay server 220 mx|
		<< say client 250 mx|`)
}

func TestBreakingLayer(t *testing.T) {
	opened(t, session.Config{Layers: []session.Layer{&broken{left: 8}}}).play(`
		>> client DATA|
		<< relay client DATA|
		>> client abc
		<< relay client ab
		<< hear client c
		<< note cut
		<< because shutdown
		<< close`)
}

// Layers stand before the responder of an MX as well.
func TestLayerBeforeTheDesk(t *testing.T) {
	given(t, session.Config{MX: true, Layers: []session.Layer{busy{}}}).play(`
		>> began
		<< say client 220 smtptap.localhost ESMTP smtptap, the server follows at the first RCPT|
		<< resume client
		>> client RCPT TO:<a@example.org>|
		<< hear client RCPT TO:<a@example.org>|
		<< say client 450 4.2.1 [smtptap] mailbox busy|`)
}
