package session_test

import (
	"errors"
	"testing"

	"smtptap/proxy/session"
)

// TLS begins with the first byte when the client speaks first, and in TLS.
func TestFirstByte(t *testing.T) {
	opened(t, session.Config{FirstByte: true}).play(`
		>> client \x16\x03\x01
		<< pause client
		<< pause server
		<< secure server
		>> secured
		<< secure client \x16\x03\x01
		>> secured
		<< tls true true
		<< resume server
		<< resume client
		>> server 220 mx|
		<< relay server 220 mx|
		>> client EHLO a|
		<< relay client EHLO a|`)
	opened(t, session.Config{FirstByte: true}).play(`
		>> server 220 mx|
		<< relay server 220 mx|
		>> client EHLO a|
		<< relay client EHLO a|
		>> client \x16
		<< relay client \x16`)
	opened(t, session.Config{FirstByte: true}).play(`
		>> client EHLO early|
		<< relay client EHLO early|
		>> server 220 mx|250 mx|
		<< relay server 220 mx|250 mx|
		>> client STARTTLS|
		<< relay client STARTTLS|
		>> server 220 go|
		<< promise server 220 go|
		<< pause server
		<< quiet server`)
	opened(t, session.Config{FirstByte: true, Mode: session.Pass}).play(`
		>> client \x16\x03
		<< unopened
		<< skip client \x16\x03
		>> server \x16\x03
		<< skip server \x16\x03
		>> client FIN
		<< gone client fin
		<< end server fin`)
}

// What goes wrong with that TLS ends the session without a word in clear.
func TestFirstByteFails(t *testing.T) {
	opened(t, session.Config{FirstByte: true}).play(`
		>> client \x16\x03\x01
		<< pause client
		<< pause server
		<< secure server
		>> secured not TLS
		<< because tls
		<< end client close-notify
		<< resume client
		<< wake 5s`)
	opened(t, session.Config{FirstByte: true, Ready: func() error { return errors.New("no authority") }}).play(`
		>> client \x16\x03\x01
		<< pause client
		<< pause server
		<< because tls
		<< end client close-notify
		<< resume client
		<< wake 5s`)
}
