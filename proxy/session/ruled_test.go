package session_test

import (
	"fmt"
	"strings"
	"testing"

	"smtptap/proxy/session"
	"smtptap/proxy/session/rules"
	"smtptap/recordings/query"
)

// ruled are the layers of these rules.
func ruled(t testing.TB, texts ...string) []session.Layer {
	t.Helper()
	all, err := rules.ParseFile(strings.Join(texts, "\n"), "test")
	if err != nil {
		t.Fatal(err)
	}
	return session.Ruled(rules.NewSet(all, 1).Begin(), query.Session{})
}

const greeted = `
		>> server 220 mx|
		<< relay server 220 mx|`

// starts lead a session to the client's first command, without TLS and within.
var starts = []struct {
	name   string
	config session.Config
	script string
}{
	{"plain", session.Config{}, open + greeted},
	{"TLS from the first byte", session.Config{ClientTLS: true}, `
		>> began
		<< dial the server
		>> dialled implicit
		<< secure server
		>> secured
		<< secure client
		>> secured
		<< tls true true
		<< resume server
		<< resume client` + greeted},
	{"STARTTLS", session.Config{}, open + greeted + `
		>> client STARTTLS|
		<< relay client STARTTLS|
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
		<< secure client
		>> secured
		<< tls true true
		<< resume server`},
}

// In the playbooks of rules the dialogue up to DATA is the same.
const upToData = `
		>> client EHLO a|
		<< relay client EHLO a|
		>> server 250-mx|250 SIZE 9|
		<< relay server 250-mx|250 SIZE 9|
		>> client MAIL FROM:<a@example.org>|
		<< relay client MAIL FROM:<a@example.org>|
		>> server 250 ok|
		<< relay server 250 ok|
		>> client RCPT TO:<b@example.net>|
		<< relay client RCPT TO:<b@example.net>|
		>> server 250 ok|
		<< relay server 250 ok|`

const data = `
		>> client DATA|
		<< relay client DATA|
		>> server 354 go|
		<< relay server 354 go|
		>> client hello|
		<< relay client hello|`

const sent = `
		>> client .|
		<< relay client .|
		>> server 250 queued|
		<< relay server 250 queued|`

const closed = `
		<< note rule-ended
		<< because rule
		<< close`

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  []string
		script string
	}{
		{"nothing matches", []string{"RCPT[rcpt:zoe@]=drop", "reply:5xx=reset", "DATA@2=silence", "client.bytes>9999=drop"}, upToData + data + sent},
		{"RCPT is answered", []string{"RCPT[rcpt:bob@]=450 4.2.1 mailbox busy"}, upToData + `
		>> client RCPT TO:<bob@example.net>|
		<< note rule-refused
		<< hear client RCPT TO:<bob@example.net>|
		<< say client 450 4.2.1 [smtptap] mailbox busy|` + data + sent},
		{"a reply in its turn", []string{"RCPT@2=550 no"}, `
		>> client MAIL FROM:<a>|RCPT TO:<b>|RCPT TO:<c>|RCPT TO:<d>|DATA|
		<< relay client MAIL FROM:<a>|
		<< relay client RCPT TO:<b>|
		<< note rule-refused
		<< hear client RCPT TO:<c>|
		<< relay client RCPT TO:<d>|
		<< relay client DATA|
		>> server 250 ok|250 b|
		<< relay server 250 ok|
		<< relay server 250 b|
		<< say client 550 [smtptap] no|
		>> server 250 d|354 go|
		<< relay server 250 d|
		<< relay server 354 go|
		>> client x|.|
		<< relay client x|
		<< relay client .|`},
		{"DATA is refused, and the next transaction begins afresh", []string{"DATA@1=452 4.3.1 full"}, upToData + `
		>> client DATA|
		<< note rule-refused
		<< hear client DATA|
		<< say client 452 4.3.1 [smtptap] full|
		>> client MAIL FROM:<b>|
		<< note rule-reset
		<< say server RSET|
		<< relay client MAIL FROM:<b>|
		>> server 250 reset|250 ok|
		<< hear server 250 reset|
		<< relay server 250 ok|`},
		{"DATA is refused, and the client says RSET", []string{"DATA=452 4.3.1 full"}, upToData + `
		>> client DATA|
		<< note rule-refused
		<< hear client DATA|
		<< say client 452 4.3.1 [smtptap] full|
		>> client RSET|MAIL FROM:<b>|
		<< relay client RSET|
		<< relay client MAIL FROM:<b>|`},
		{"DATA is accepted for nothing", []string{"DATA=354 go", "DATA.end@2=250 queued"}, upToData + `
		>> client DATA|
		<< note rule-accepted
		<< hear client DATA|
		<< say client 354 [smtptap] go|
		>> client hello|.|
		<< hear client hello|
		<< hear client .|
		<< say client 451 4.3.0 [smtptap] the server has not heard this message|
		>> client QUIT|
		<< relay client QUIT|`},
		{"the end of a message is refused", []string{"DATA.end=554 5.7.1 spam"}, upToData + data + `
		>> client x|.|QUIT|
		<< relay client x|
		<< note rule-refused
		<< hear client .|
		<< note rule-server-left
		<< hangup
		<< say client 554 5.7.1 [smtptap] spam|
		<< hear client QUIT|
		<< because rule
		<< say client 221 2.0.0 [smtptap] bye|
		<< pause server
		<< end client close-notify
		<< resume client
		<< wake 5s`},
		{"the server is gone", []string{"DATA.end=250 queued"}, upToData + data + `
		>> client .|
		<< note rule-accepted
		<< hear client .|
		<< note rule-server-left
		<< hangup
		<< say client 250 [smtptap] queued|
		>> client RSET|
		<< hear client RSET|
		<< say client 250 2.0.0 [smtptap] ok|
		>> client MAIL FROM:<b>|
		<< hear client MAIL FROM:<b>|
		<< because rule
		<< say client 421 4.4.2 [smtptap] a rule has closed the connection to the server|
		<< pause server
		<< end client close-notify
		<< resume client
		<< wake 5s`},
		{"a chunk is refused", []string{"BDAT@2=452 full"}, upToData + `
		>> client BDAT 3|abcBDAT 4 LAST|defg
		<< relay client BDAT 3|
		<< relay client abc
		<< note rule-refused
		<< hear client BDAT 4 LAST|
		<< hear client defg
		>> server 250 on|
		<< relay server 250 on|
		<< say client 452 [smtptap] full|
		>> client BDAT 1 LAST|x
		<< hear client BDAT 1 LAST|
		<< say client 503 5.5.1 [smtptap] the server has not heard all chunks of this message; RSET first|
		<< hear client x
		>> client MAIL FROM:<b>|
		<< note rule-reset
		<< say server RSET|
		<< relay client MAIL FROM:<b>|`},
		{"STARTTLS and AUTH are refused", []string{"STARTTLS@2=454 no", "STARTTLS@1=drop", "AUTH=535 5.7.8 no", "*@9=drop"}, `
		>> client AUTH LOGIN|
		<< note rule-refused
		<< hear client AUTH LOGIN|
		<< say client 535 5.7.8 [smtptap] no|
		>> client NOOP|
		<< relay client NOOP|`},

		{"a command waits", []string{"RCPT=delay 30s"}, `
		>> client RCPT TO:<b>|DA
		<< note rule-delayed
		<< wake 30s
		>> client TA|
		>> woken
		<< relay client RCPT TO:<b>|
		<< relay client DATA|`},
		{"a reply waits, and so does the next", []string{"reply:250@1=delay 2s"}, `
		>> client RSET|NOOP|
		<< relay client RSET|
		<< relay client NOOP|
		>> server 250 a|250 b|
		<< note rule-delayed
		<< wake 2s
		>> server 221 c|
		>> server FIN
		<< gone server fin
		>> woken
		<< relay server 250 a|
		<< relay server 250 b|
		<< relay server 221 c|
		<< end client fin`},
		{"the end of a message waits", []string{"DATA.end=delay 5s"}, upToData + data + `
		>> client .|
		<< note rule-delayed
		<< wake 5s
		>> woken
		<< relay client .|`},
		{"nobody waits for it", []string{"RCPT=delay 5m"}, `
		>> client RCPT TO:<b>|
		<< note rule-delayed
		<< wake 5m0s
		>> client FIN
		<< gone client fin
		>> server FIN
		<< gone server fin
		<< relay client RCPT TO:<b>|
		<< end server fin
		<< end client fin`},
		{"the client is slow", []string{"DATA=rate 40B/s"}, `
		>> client DATA|
		<< note rule-slowed
		<< relay client DATA
		<< wake 100ms
		>> woken
		<< relay client |
		<< wake 50ms
		>> server 354 go|
		<< relay server 354 go|
		>> woken
		>> client hello
		<< relay client hell
		<< wake 100ms
		>> woken
		<< relay client o
		<< wake 25ms`},
		{"the server is slow", []string{"reply:250=rate 50B/s"}, `
		>> client NOOP|
		<< relay client NOOP|
		>> server 250 ok|
		<< note rule-slowed
		<< relay server 250 o
		<< wake 100ms
		>> woken
		<< relay server k|
		<< wake 60ms`},

		{"drop at a command", []string{"RCPT=drop"}, `
		>> client RCPT TO:<b>|DATA|
		<< hear client RCPT TO:<b>|` + strings.Replace(closed, "<< close", "<< hear client DATA|\n<< close", 1)},
		{"drop at a reply", []string{"reply:4xx=drop"}, `
		>> client NOOP|
		<< relay client NOOP|
		>> server 450 no|
		<< hear server 450 no|` + closed},
		{"drop at the end of a message", []string{"DATA.end=drop"}, upToData + data + `
		>> client .|
		<< hear client .|` + closed},
		{"drop after bytes of the client", []string{"client.bytes>30=drop"}, `
		>> client NOOP aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|
		<< relay client NOOP aaaaaaaaaaaaaaaaaaaaaaaaa
		<< note rule-ended
		<< because rule
		<< hear client aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|
		<< close`},
		{"reset", []string{"reply:250=reset"}, `
		>> client NOOP|
		<< relay client NOOP|
		>> server 250 ok|
		<< hear server 250 ok|
		<< note rule-ended
		<< because rule
		<< end client reset
		<< close`},
		{"half-close", []string{"MAIL=half-close"}, `
		>> client MAIL FROM:<>|
		<< hear client MAIL FROM:<>|
		<< note rule-half-closed
		<< end client close-notify
		<< because rule
		>> client RCPT TO:<b>|
		<< hear client RCPT TO:<b>|
		>> server 421 bye|
		<< hear server 421 bye|
		>> server FIN
		<< gone server fin
		>> client FIN
		<< gone client fin
		<< close`},
		{"silence at a command", []string{"QUIT=silence"}, `
		>> client QUIT|
		<< hear client QUIT|
		<< note rule-silent
		<< because rule
		>> client NOOP|
		<< hear client NOOP|
		>> client FIN
		<< gone client fin
		<< close`},
		{"silence at a reply", []string{"reply:354=silence"}, `
		>> client DATA|
		<< relay client DATA|
		>> server 354 go|
		<< hear server 354 go|
		<< note rule-silent
		<< because rule
		>> server 421 late|
		<< hear server 421 late|
		>> client FIN
		<< gone client fin
		<< close`},

		{"hide", []string{"EHLO=hide AUTH LOGIN", "EHLO=hide SIZE, XNONE"}, `
		>> client EHLO a|
		<< relay client EHLO a|
		>> server 250-mx|250-AUTH PLAIN LOGIN|250-AUTH=LOGIN|
		>> server 250 SIZE 9|
		<< note rule-hidden
		<< note rule-hidden
		<< hear server 250-mx|250-AUTH PLAIN LOGIN|250-AUTH=LOGIN|250 SIZE 9|
		<< say client 250-mx|250 AUTH PLAIN|`},
		{"hide both ways to write it", []string{"EHLO=hide AUTH"}, `
		>> client EHLO a|
		<< relay client EHLO a|
		>> server 250-mx|250-AUTH PLAIN LOGIN|250-AUTH=LOGIN|250 SIZE 9|
		<< note rule-hidden
		<< hear server 250-mx|250-AUTH PLAIN LOGIN|250-AUTH=LOGIN|250 SIZE 9|
		<< say client 250-mx|250 SIZE 9|`},
		{"nothing to hide", []string{"EHLO=hide AUTH LOGIN, DSN"}, `
		>> client EHLO a|
		<< relay client EHLO a|
		>> server 250-mx|250 SIZE 9|
		<< relay server 250-mx|250 SIZE 9|`},
		{"cut a message", []string{"DATA=cut 9B"}, `
		>> client DATA|
		<< relay client DATA|
		>> server 354 go|
		<< relay server 354 go|
		>> client hello|
		<< relay client hel
		<< note rule-ended
		<< because rule
		<< hear client lo|
		<< close`},
		{"cut a reply", []string{"reply:250=cut 2B"}, `
		>> client NOOP|
		<< relay client NOOP|
		>> server 250 ok|
		<< relay server 25
		<< note rule-ended
		<< because rule
		<< hear server 0 ok|
		<< close`},
		{"edit a command", []string{"RCPT=edit s/bob@/alice@/"}, `
		>> client RCPT TO:<bob@x>|RCPT TO:<c>|
		<< hear client RCPT TO:<bob@x>|
		<< note rule-edited
		<< say server RCPT TO:<alice@x>|
		<< relay client RCPT TO:<c>|`},
		{"edit a reply", []string{"reply:250=edit s/250/451/"}, `
		>> client NOOP|
		<< relay client NOOP|
		>> server 250-a|250 ok|
		<< note rule-edited
		<< hear server 250-a|250 ok|
		<< say client 451-a|451 ok|`},
		{"several rules for a line", []string{"RCPT=delay 1s", "RCPT=edit s/b/c/", "RCPT[rcpt:b]@2=550 no"}, `
		>> client RCPT TO:<b>|RCPT TO:<b>|
		<< note rule-delayed
		<< wake 1s
		>> woken
		<< hear client RCPT TO:<b>|
		<< note rule-edited
		<< say server RCPT TO:<c>|
		<< note rule-delayed
		<< wake 1s
		>> server 250 ok|
		<< relay server 250 ok|
		>> woken
		<< note rule-refused
		<< hear client RCPT TO:<b>|
		<< say client 550 [smtptap] no|`},
		{"nobody can let it go", []string{"RCPT=hold"}, `
		>> client RCPT TO:<b>|
		<< note rule-let-go
		<< relay client RCPT TO:<b>|`},
		{"what follows a user", []string{"MAIL[user:ann]=550 no", "MAIL=rate 900B/s"}, `
		>> client AUTH PLAIN AGFubgBzZWNyZXQ=|
		<< relay client AUTH PLAIN AGFubgBzZWNyZXQ=|
		>> server 235 ok|
		<< relay server 235 ok|
		>> client MAIL FROM:<>|
		<< note rule-refused
		<< hear client MAIL FROM:<>|
		<< say client 550 [smtptap] no|`},
	} {
		for _, s := range starts {
			if s.name == "STARTTLS" && strings.Contains(fmt.Sprint(c.rules), "client.bytes") || strings.Contains(fmt.Sprint(c.rules), "STARTTLS") && s.name != "plain" {
				continue
			}
			t.Run(c.name+"/"+s.name, func(t *testing.T) {
				config := s.config
				var texts []string
				for _, r := range c.rules {
					if !strings.HasPrefix(r, "STARTTLS@1") {
						texts = append(texts, r)
					}
				}
				config.Layers = ruled(t, texts...)
				given(t, config).play(s.script + c.script)
			})
		}
	}
}

func TestRulesAtTheStart(t *testing.T) {
	for _, c := range []struct {
		name, rule, script string
	}{
		{"refused", "connect=421 4.3.2 come back later", `
		>> began
		<< note rule-refused
		<< because refused
		<< say client 421 4.3.2 [smtptap] come back later|
		<< end client close-notify
		<< resume client
		<< wake 5s`},
		{"dropped", "connect=drop", `
		>> began` + closed},
		{"late", "connect=delay 3s", `
		>> began
		<< note rule-delayed
		<< wake 3s
		>> woken
		<< dial the server`},
		{"silent", "connect=silence", `
		>> began
		<< note rule-silent
		<< because rule
		<< resume client
		>> client EHLO a|
		<< hear client EHLO a|
		>> client FIN
		<< gone client fin
		<< close`},
		{"certificate", "connect=tls:expired", `
		>> began
		<< note rule-certificate
		<< certify expired
		<< dial the server`},
		{"another greeting", "greeting=554 5.3.2 no", open + `
		>> server 220 mx|
		<< hear server 220 mx|
		<< note rule-refused
		<< say client 554 5.3.2 [smtptap] no|
		>> client QUIT|
		<< relay client QUIT|
		>> server 221 bye|
		<< relay server 221 bye|`},
		{"a greeting is edited", "greeting=edit s/ESMTP/SMTP/", open + `
		>> server 220 mx ESMTP|
		<< note rule-edited
		<< hear server 220 mx ESMTP|
		<< say client 220 mx SMTP|`},
		{"a certificate at STARTTLS", "STARTTLS=tls:self-signed", open + greeted + `
		>> client STARTTLS|
		<< note rule-certificate
		<< certify self-signed
		<< relay client STARTTLS|`},
		{"STARTTLS is refused", "STARTTLS=454 4.7.0 later", open + greeted + `
		>> client STARTTLS|
		<< note rule-refused
		<< hear client STARTTLS|
		<< say client 454 4.7.0 [smtptap] later|
		>> client NOOP|
		<< relay client NOOP|`},
	} {
		t.Run(c.name, func(t *testing.T) { given(t, session.Config{Layers: ruled(t, c.rule)}).play(c.script) })
	}
	t.Run("refused within TLS", func(t *testing.T) {
		given(t, session.Config{ClientTLS: true, Layers: ruled(t, "connect=421 4.3.2 later")}).play(`
		>> began
		<< note rule-refused
		<< secure client
		>> secured
		<< because refused
		<< say client 421 4.3.2 [smtptap] later|
		<< end client close-notify
		<< resume client
		<< wake 5s`)
	})
}

func TestHold(t *testing.T) {
	held := func(t *testing.T, rule string) *playbook {
		return opened(t, session.Config{Attended: func() bool { return true }, Layers: ruled(t, rule)}).play(greeted)
	}
	const holds = `
		>> client RCPT TO:<b>|
		<< note rule-held
		<< held client RCPT TO:<b>|
		<< wake 10m0s`
	t.Run("unchanged", func(t *testing.T) {
		held(t, "RCPT=hold").play(holds + `
		>> released unchanged
		<< unheld client
		<< note rule-released
		<< relay client RCPT TO:<b>|`)
	})
	t.Run("edited", func(t *testing.T) {
		held(t, "RCPT=hold").play(holds + `
		>> released edited RCPT TO:<c>|
		<< unheld client
		<< note rule-released
		<< hear client RCPT TO:<b>|
		<< note rule-edited
		<< say server RCPT TO:<c>|`)
	})
	t.Run("answered", func(t *testing.T) {
		held(t, "RCPT=hold").play(holds + `
		>> released answered 550 5.1.1 no
		<< unheld client
		<< note rule-released
		<< note rule-refused
		<< hear client RCPT TO:<b>|
		<< say client 550 5.1.1 [smtptap] no|`)
	})
	t.Run("dropped", func(t *testing.T) {
		held(t, "RCPT=hold").play(holds + `
		>> released dropped
		<< unheld client
		<< hear client RCPT TO:<b>|` + closed)
	})
	t.Run("nobody does", func(t *testing.T) {
		held(t, "reply:250=hold").play(`
		>> client NOOP|
		<< relay client NOOP|
		>> server 250 ok|
		<< note rule-held
		<< held server 250 ok|
		<< wake 10m0s
		>> woken
		<< unheld server
		<< note rule-let-go
		<< relay server 250 ok|`)
	})
}

// Before the responder of an MX a rule acts on what the responder says, and a message whose
// end the server must not get leads back to the responder.
func TestRulesBeforeTheDesk(t *testing.T) {
	given(t, session.Config{MX: true, Layers: ruled(t, "EHLO=hide SIZE", "MAIL=edit s/<a>/<b>/", "RCPT=450 no")}).play(`
		>> began
		<< say client 220 smtptap.localhost ESMTP smtptap, the server follows at the first RCPT|
		<< resume client
		>> client EHLO a|
		<< hear client EHLO a|
		<< note rule-hidden
		<< say client 250-smtptap.localhost|250-8BITMIME|250 ENHANCEDSTATUSCODES|
		>> client MAIL FROM:<a>|
		<< hear client MAIL FROM:<a>|
		<< note rule-edited
		<< say client 250 2.1.0 [smtptap] sender noted; the server is asked at the first RCPT|
		>> client RCPT TO:<a@example.org>|
		<< note rule-refused
		<< hear client RCPT TO:<a@example.org>|
		<< say client 450 [smtptap] no|`)
}
