package rules

import (
	_ "embed"

	"smtptap/decode/lang"
)

//go:embed help.toml
var helpTexts []byte

var texts = lang.NewTexts(helpTexts)

// A Topic is something that a rule can wait for, or do.
type Topic struct {
	Form    string // how it is written
	Example string // a whole rule
	key     string // of its text
}

// Text says what it means.
func (t Topic) Text(l lang.Lang) string { return texts.Say(l, t.key) }

// A Chapter is a list of topics.
type Chapter struct {
	key    string
	Topics []Topic
}

// Title says what its topics are.
func (c Chapter) Title(l lang.Lang) string { return texts.Say(l, c.key) }

// Help is all that rules can wait for and do.
func Help() []Chapter {
	return []Chapter{
		{"whens", []Topic{
			{"connect", "connect=421 4.3.2 come back later", "connect"},
			{"greeting", "greeting=554 5.3.2 not here", "greeting"},
			{"EHLO, MAIL, RCPT, DATA, ...", "RCPT=450 4.2.1 mailbox busy", "command"},
			{"*", "*%10=421 4.3.2 closing", "any"},
			{"DATA.end", "DATA.end=554 5.7.1 spam", "data-end"},
			{"reply, reply:450, reply:4xx", "reply:4xx=drop", "reply"},
			{"client.bytes>N, server.bytes>N", "client.bytes>2000=reset", "bytes"},
			{"WHEN[QUERY]", "RCPT[rcpt:bob@]=550 5.1.1 no such user", "query"},
			{"WHEN@N, WHEN@N/run", "MAIL@2=451 4.3.0 try later", "nth"},
			{"WHEN%N, WHEN%N/session", "connect%10=drop", "one-in"},
		}},
		{"actions", []Topic{
			{"CODE [X.Y.Z] TEXT", `AUTH=535 5.7.8 username and password\nnot accepted`, "answer"},
			{"delay TIME", "DATA.end=delay 30s", "delay"},
			{"rate SIZE/s", "DATA=rate 10kB/s", "rate"},
			{"drop", "DATA=drop", "drop"},
			{"reset", "RCPT=reset", "reset"},
			{"half-close", "MAIL=half-close", "half-close"},
			{"silence", "QUIT=silence", "silence"},
			{"hide EXTENSION, ...", "EHLO=hide AUTH LOGIN, SIZE", "hide"},
			{"cut SIZE", "DATA=cut 300B", "cut"},
			{"tls:fail, tls:expired, tls:wrong-name, tls:self-signed", "STARTTLS=tls:expired", "tls"},
			{"edit s/OLD/NEW/", "MAIL=edit s/ SIZE=[0-9]*//", "edit"},
			{"hold", "RCPT=hold", "hold"},
		}},
	}
}

// Notes are what else there is to know, in order.
func Notes(l lang.Lang) []string {
	var all []string
	for _, key := range []string{"precedence", "seed", "files", "own"} {
		all = append(all, texts.Say(l, key))
	}
	return all
}
