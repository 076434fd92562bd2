package session_test

import (
	"testing"

	"smtptap/proxy/session"
	"smtptap/proxy/session/rules"
	"smtptap/recordings/query"
)

// ruled are the layers of these rules.
func ruled(t testing.TB, texts ...string) []session.Layer {
	t.Helper()
	var all []*rules.Rule
	for _, text := range texts {
		r, err := rules.Parse(text, "test")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return session.Ruled(rules.NewSet(all, 1).Begin(), query.Session{})
}

// In the playbooks of rules the dialogue up to DATA is the same.
const upToData = `
		>> server 220 mx|
		<< relay server 220 mx|
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
		<< relay server 354 go|`

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  []string
		script string
	}{
		{"nothing matches", []string{"RCPT[rcpt:zoe@]=drop", "reply:5xx=reset", "DATA@2=silence", "client.bytes>9999=drop"}, upToData + data + `
		>> client Subject: x|
		<< relay client Subject: x|
		>> client |hello|.|
		<< relay client |hello|
		<< relay client .|
		>> server 250 queued|
		<< relay server 250 queued|`},
		{"RCPT is answered", []string{"RCPT[rcpt:bob@]=450 4.2.1 mailbox busy"}, upToData + `
		>> client RCPT TO:<bob@example.net>|
		<< note rule-refused
		<< hear client RCPT TO:<bob@example.net>|
		<< say client 450 4.2.1 [smtptap] mailbox busy|` + data},
		{"in its turn", []string{"RCPT@2=550 no"}, `
		>> client MAIL FROM:<a>|RCPT TO:<b>|RCPT TO:<c>|RCPT TO:<d>|DATA|
		<< relay client MAIL FROM:<a>|
		<< relay client RCPT TO:<b>|
		<< note rule-refused
		<< hear client RCPT TO:<c>|
		<< relay client RCPT TO:<d>|
		<< relay client DATA|
		>> server 220 mx|250 ok|250 b|
		<< relay server 220 mx|
		<< relay server 250 ok|
		<< relay server 250 b|
		<< say client 550 [smtptap] no|
		>> server 250 d|354 go|
		<< relay server 250 d|
		<< relay server 354 go|
		>> client x|.|
		<< relay client x|
		<< relay client .|`},
	} {
		t.Run(c.name, func(t *testing.T) { opened(t, session.Config{Layers: ruled(t, c.rules...)}).play(c.script) })
	}
}
