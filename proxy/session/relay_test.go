package session_test

import (
	"errors"
	"testing"

	"smtptap/proxy/session"
)

func TestRelay(t *testing.T) {
	opened(t, session.Config{}).play(`
		>> server 220 mx ESMTP|
		<< relay server 220 mx ESMTP|
		>> client EHLO a|MAI
		<< relay client EHLO a|MAI
		>> client L FROM:<>|
		<< relay client L FROM:<>|
		>> server 250-mx|250 SI
		<< relay server 250-mx|250 SI
		>> client FIN
		<< gone client fin
		<< end server fin
		>> server ZE|
		<< relay server ZE|
		>> server FIN
		<< gone server fin
		<< end client fin`)
}

// What is handed on is the slice that came.
func TestNoCopy(t *testing.T) {
	b := opened(t, session.Config{})
	b.play(`
		>> server 220 mx|
		<< relay server 220 mx|
		>> client DATA|
		<< relay client DATA|
		>> server 354 go|
		<< relay server 354 go|`)
	data := []byte("Subject: x\r\n\r\nbody\r\n")
	e := session.Event{Kind: session.Bytes, Peer: 1, Data: data}
	actions := make([]session.Action, 0, 4)
	if n := testing.AllocsPerRun(100, func() { actions = b.session.Handle(e, actions[:0]) }); n != 0 {
		t.Errorf("%v allocations for a piece of a message", n)
	}
	if len(actions) != 1 || &actions[0].Data[0] != &data[0] {
		t.Errorf("actions %v", actions)
	}
}

func TestUnreachable(t *testing.T) {
	given(t, session.Config{}).play(`
		>> began
		<< dial the server
		>> dialled no route
		<< because unreachable
		<< say client 421 4.4.1 [smtptap] cannot reach the server: no route|
		<< end client close-notify
		<< resume client
		<< wake 5s
		>> client QUIT|
		<< hear client QUIT|
		>> client FIN
		<< gone client fin
		<< close`)
}

func TestRefusedClient(t *testing.T) {
	refusal := &session.Refusal{Code: "421 4.3.2", ID: "too-many-sessions", Why: "too many"}
	given(t, session.Config{Refusal: refusal, ClientTLS: true}).play(`
		>> began
		<< note too-many-sessions
		<< secure client
		>> secured
		<< because refused
		<< say client 421 4.3.2 [smtptap] too many|
		<< end client close-notify
		<< resume client
		<< wake 5s
		>> woken
		<< close`)
	given(t, session.Config{Refusal: refusal, ClientTLS: true}).play(`
		>> began
		<< note too-many-sessions
		<< secure client
		>> secured not TLS
		<< because refused
		<< close`)
}

func TestImplicitTLS(t *testing.T) {
	given(t, session.Config{ClientTLS: true}).play(`
		>> began
		<< dial the server
		>> dialled implicit
		<< secure server
		>> secured
		<< secure client
		>> secured
		<< tls true true
		<< resume server
		<< resume client`)
	given(t, session.Config{}).play(`
		>> began
		<< dial the server
		>> dialled implicit
		<< secure server
		>> secured expired
		<< because tls
		<< say client 421 4.7.0 [smtptap] TLS with the server failed: expired|
		<< end client close-notify
		<< resume client
		<< wake 5s`)
}

const hello = `
		>> server 220 mx|
		<< relay server 220 mx|
		>> client STARTTLS|
		<< relay client STARTTLS|`

func TestIntercept(t *testing.T) {
	opened(t, session.Config{}).play(hello).play(`
		>> server 22
		>> server 0 go|250 injected|
		<< promise server 220 go|
		<< pause server
		<< quiet server
		<< discard server 250 injected|
		>> client RSET|
		>> quieted
		<< secure server
		>> secured
		<< quiet client
		>> client NOOP|
		>> quieted
		<< discard client RSET|NOOP|
		<< send client 220 go|
		<< secure client
		>> secured
		<< tls true true
		<< resume server
		>> client EHLO b|
		<< relay client EHLO b|`)
}

// What the client sends before the reply waits with it.
func TestEagerClient(t *testing.T) {
	opened(t, session.Config{}).play(hello).play(`
		>> client ` + "\x16\x03\x01" + `
		<< pause client
		<< wake 1s
		>> server 220 go|
		<< promise server 220 go|
		<< pause server
		<< quiet server
		>> quieted
		<< secure server
		>> secured
		<< quiet client
		>> quieted
		<< send client 220 go|
		<< secure client ` + "\x16\x03\x01" + `
		>> secured
		<< tls true true
		<< resume client
		<< resume server`)
}

func TestSTARTTLSRefused(t *testing.T) {
	opened(t, session.Config{}).play(hello).play(`
		>> client NOOP|
		<< pause client
		<< wake 1s
		>> server 454 no|
		<< relay server 454 no|
		<< resume client
		<< relay client NOOP|`)
}

// Nothing waits in silence, and nothing for ever.
func TestSTARTTLSUnanswered(t *testing.T) {
	b := opened(t, session.Config{}).play(hello).play(`
		>> client NOOP|
		<< pause client
		<< wake 1s
		>> woken
		<< note starttls-waiting
		<< wake 1s`)
	for range 8 {
		b.play(`
		>> woken
		<< wake 1s`)
	}
	b.play(`
		>> woken
		<< note starttls-let-go
		<< released
		<< resume client
		<< relay client NOOP|
		>> client QUIT|
		<< relay client QUIT|`)
}

func TestServerEndsAfterSTARTTLS(t *testing.T) {
	opened(t, session.Config{}).play(hello).play(`
		>> client NOOP|
		<< pause client
		<< wake 1s
		>> server 22
		>> server FIN
		<< relay server 22
		<< gone server fin
		<< end client fin
		<< resume client
		<< relay client NOOP|`)
}

// A 220 was taken for another reply, and the client knows better.
func TestTLSByEvidence(t *testing.T) {
	opened(t, session.Config{}).play(hello).play(`
		>> server 250 odd|
		<< relay server 250 odd|
		>> server 220 go|
		<< promise server 220 go|
		<< pause server
		<< quiet server`)
}

func TestServerHandshakeFails(t *testing.T) {
	opened(t, session.Config{}).play(hello).play(`
		>> server 220 go|
		<< promise server 220 go|
		<< pause server
		<< quiet server
		>> quieted
		<< secure server
		>> secured it is expired
		<< note starttls-taken-back
		<< because tls
		<< say client 454 4.7.0 [smtptap] TLS with the server failed: it is expired|
		<< end client close-notify
		<< resume client
		<< wake 5s`)
}

func TestNoAuthority(t *testing.T) {
	opened(t, session.Config{Ready: func() error { return errors.New("no key") }}).play(hello).play(`
		>> server 220 go|
		<< promise server 220 go|
		<< note starttls-taken-back
		<< because tls
		<< say client 454 4.7.0 [smtptap] TLS can't be opened here: no key|
		<< pause server
		<< end client close-notify
		<< resume client
		<< wake 5s`)
}

func TestPass(t *testing.T) {
	opened(t, session.Config{Mode: session.Pass}).play(hello).play(`
		>> server 220 go|
		<< promise server 220 go|
		<< unopened
		<< send client 220 go|
		>> client ` + "\x16" + `
		<< skip client ` + "\x16" + `
		>> server ` + "\x16\x03" + `
		<< skip server ` + "\x16\x03" + ``)
}

func TestHide(t *testing.T) {
	opened(t, session.Config{Mode: session.Hide}).play(`
		>> server 220 mx|
		<< relay server 220 mx|
		>> client RSET|EHLO a|NOOP|
		<< relay client RSET|EHLO a|NOOP|
		>> server 250 reset|250-mx|250-STAR
		<< relay server 250 reset|
		>> server TTLS|250 SIZE|250 noop|
		<< hear server 250-mx|250-STARTTLS|250 SIZE|
		<< say client 250-mx|250 SIZE|
		<< note starttls-hidden
		<< relay server 250 noop|
		>> client STARTTLS|
		<< relay client STARTTLS|
		>> server 220 go|
		<< promise server 220 go|
		<< note starttls-taken-back
		<< because tls
		<< say client 454 4.7.0 [smtptap] STARTTLS is hidden here (--starttls hide): the client used it without being offered it. Switch TLS off in the client, or use --starttls intercept|
		<< pause server
		<< end client close-notify
		<< resume client
		<< wake 5s`)
}

// smtptap uses the server's STARTTLS itself and offers its own.
func TestToServer(t *testing.T) {
	given(t, session.Config{ToServer: true}).play(`
		>> began
		<< dial the server
		>> dialled
		<< resume server
		<< wake 5m0s
		>> server 220 mx|
		<< hear server 220 mx|
		<< say server EHLO [127.0.0.1]|
		<< wake 5m0s
		>> server 250-mx|250 STARTTLS|
		<< hear server 250-mx|250 STARTTLS|
		<< say server STARTTLS|
		<< wake 5m0s
		>> server 220 go|250 injected|
		<< hear server 220 go|
		<< pause server
		<< quiet server
		>> quieted
		<< discard server 250 injected|
		<< secure server
		>> secured
		<< tls false true
		<< say client 220 mx|
		<< resume server
		<< resume client
		>> client EHLO a|STARTTLS|RSET|
		<< relay client EHLO a|
		<< pause client
		<< wake 2s
		>> server 250 mx|
		<< hear server 250 mx|
		<< say client 250-mx|250 STARTTLS|
		<< note starttls-offered
		<< hear client STARTTLS|
		<< pause server
		<< quiet client
		>> quieted
		<< discard client RSET|
		<< say client 220 2.0.0 [smtptap] go ahead|
		<< secure client
		>> secured
		<< tls true false
		<< resume server
		<< resume client
		>> client EHLO b|
		<< relay client EHLO b|`)
}

// A server of LMTP hears LHLO, and its reply is the one with the extensions.
func TestLMTP(t *testing.T) {
	given(t, session.Config{ToServer: true}).play(`
		>> began
		<< dial the server
		>> dialled lmtp
		<< resume server
		<< wake 5m0s
		>> server 220 mx|
		<< hear server 220 mx|
		<< say server LHLO [127.0.0.1]|
		<< wake 5m0s`)
	opened(t, session.Config{Mode: session.Hide}).play(`
		>> server 220 mx|
		<< relay server 220 mx|
		>> client LHLO a|
		<< relay client LHLO a|
		>> server 250-mx|250-STARTTLS|250 SIZE|
		<< hear server 250-mx|250-STARTTLS|250 SIZE|
		<< say client 250-mx|250 SIZE|
		<< note starttls-hidden`)
	opened(t, session.Config{}).play(`
		>> client LHLO a|MAIL FROM:<>|RCPT TO:<b>|RCPT TO:<c>|DATA|
		<< relay client LHLO a|MAIL FROM:<>|RCPT TO:<b>|RCPT TO:<c>|DATA|
		>> server 220 mx|250 mx|250 ok|250 ok|250 ok|354 go|
		<< relay server 220 mx|250 mx|250 ok|250 ok|250 ok|354 go|
		>> client .|STARTTLS|NOOP|
		<< relay client .|STARTTLS|
		<< pause client
		<< wake 1s
		>> server 250 ok|250 ok|220 go|
		<< relay server 250 ok|250 ok|
		<< promise server 220 go|
		<< pause server
		<< quiet server`)
}
