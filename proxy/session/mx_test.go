package session_test

import (
	"testing"

	"smtptap/proxy/session"
)

// atRCPT is an MX session that has found the server of the first recipient.
func atRCPT(t *testing.T) *playbook {
	return given(t, session.Config{MX: true, OfferTLS: true}).play(`
		>> began
		<< say client 220 smtptap.localhost ESMTP smtptap, the server follows at the first RCPT|
		<< resume client
		>> client EHLO a|MAIL FROM:<>|RCPT
		<< hear client EHLO a|
		<< say client 250-smtptap.localhost|250-8BITMIME|250-SIZE|250-ENHANCEDSTATUSCODES|250 STARTTLS|
		<< hear client MAIL FROM:<>|
		<< say client 250 2.1.0 [smtptap] sender noted; the server is asked at the first RCPT|
		>> client  TO:<b@example.org>|
		<< pause client
		<< note mx-rcpt
		<< dial first of example.org
		>> dialled
		<< resume server
		<< wake 5m0s`)
}

func TestMX(t *testing.T) {
	atRCPT(t).play(`
		>> server 220 mx|
		<< hear server 220 mx|
		<< say server EHLO a|
		<< wake 5m0s
		>> server 250-mx|250-SIZE|250 8BITMIME|
		<< hear server 250-mx|250-SIZE|250 8BITMIME|
		<< say server MAIL FROM:<>|
		<< wake 5m0s
		>> server 250 ok|
		<< hear server 250 ok|
		<< resume client
		<< relay client RCPT TO:<b@example.org>|
		>> server 250 ok|
		<< relay server 250 ok|
		>> client DATA|x
		<< relay client DATA|
		<< pause client
		>> server 354 go|
		<< relay server 354 go|
		<< resume client
		<< relay client x
		>> client |.|QUIT|
		<< relay client |.|
		<< pause client
		>> server 250 queued|
		<< relay server 250 queued|
		<< resume client
		<< pause server
		<< hear client QUIT|
		<< pause client
		<< say server QUIT|
		<< resume server
		<< wake 2s
		>> server 221 bye|
		<< hear server 221 bye|
		<< end server close-notify
		>> server FIN
		<< gone server fin
		<< pause server
		<< hangup
		<< because closed
		<< say client 221 2.0.0 [smtptap] bye|
		<< end client close-notify
		<< resume client
		<< wake 5s
		>> client FIN
		<< gone client fin
		<< close`)
}

// A server that refuses is passed over for the next one.
func TestMXNextServer(t *testing.T) {
	atRCPT(t).play(`
		>> server 421 busy|
		<< hear server 421 busy|
		<< say server QUIT|
		<< wake 2s
		>> woken
		<< pause server
		<< hangup
		<< dial next
		>> dialled no more servers
		<< note mx-refused
		<< hear client RCPT TO:<b@example.org>|
		<< say client 421 busy|
		<< resume client`)
}

// TLS with a server is used where it is offered, and done without where it does
// not come about.
func TestMXOpportunisticTLS(t *testing.T) {
	atRCPT(t).play(`
		>> server 220 mx|
		<< hear server 220 mx|
		<< say server EHLO a|
		<< wake 5m0s
		>> server 250-mx|250-SIZE|250-8BITMIME|250 STARTTLS|
		<< hear server 250-mx|250-SIZE|250-8BITMIME|250 STARTTLS|
		<< say server STARTTLS|
		<< wake 5m0s
		>> server 220 go|250 evil|
		<< hear server 220 go|
		<< quiet server
		>> quieted
		<< discard server 250 evil|
		<< secure server
		>> secured no common version
		<< note mx-in-clear
		<< pause server
		<< hangup
		<< dial again
		>> dialled
		<< resume server
		<< wake 5m0s
		>> server 220 mx|
		<< hear server 220 mx|
		<< say server EHLO a|
		<< wake 5m0s
		>> server 250-mx|250-SIZE|250-8BITMIME|250 STARTTLS|
		<< hear server 250-mx|250-SIZE|250-8BITMIME|250 STARTTLS|
		<< say server MAIL FROM:<>|
		<< wake 5m0s`)
}

func TestMXServerDoesNotReply(t *testing.T) {
	atRCPT(t).play(`
		>> woken
		<< say server QUIT|
		<< wake 2s
		>> server FIN
		<< gone server fin
		<< pause server
		<< hangup
		<< dial next
		>> dialled no more servers
		<< hear client RCPT TO:<b@example.org>|
		<< say client 451 4.4.2 [smtptap] mx.example (127.0.0.1:25): the server did not reply in time|
		<< resume client`)
}

func TestMXClientTLS(t *testing.T) {
	given(t, session.Config{MX: true, OfferTLS: true}).play(`
		>> began
		<< say client 220 smtptap.localhost ESMTP smtptap, the server follows at the first RCPT|
		<< resume client
		>> client STARTTLS|NOOP|
		<< hear client STARTTLS|
		<< pause client
		<< quiet client
		>> client RSET|
		>> quieted
		<< discard client NOOP|RSET|
		<< say client 220 2.0.0 [smtptap] go ahead|
		<< secure client
		>> secured
		<< tls true false
		<< resume client
		>> client NOOP|
		<< hear client NOOP|
		<< say client 250 2.0.0 [smtptap] ok|`)
}
