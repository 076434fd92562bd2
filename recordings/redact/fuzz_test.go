package redact_test

import (
	"regexp"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/who"
	"smtptap/recordings/redact"
)

// FuzzApply says any session again at each level. The address and the host
// that every session ends with are gone, and everywhere the same one stands for
// the address; doing it twice changes nothing; without a level nothing changes;
// and what stood in no message is the dialogue that it was.
func FuzzApply(f *testing.F) {
	f.Add(mail())
	f.Add("S: 220 hi\nC: BDAT 5 LAST\nC: x")
	f.Add("C: AUTH PLAIN AGEAYg==\nS: 535 no")
	f.Add(part("Content-Type: text/csv; name=\"=?utf-8?Q?=E6=8A=A5_wei@corp.example.com.csv?=\"", "a"))
	f.Add(part("Content-Disposition: attachment;\n filename*0*=utf-8''wei%40corp.;\n filename*1=example.com", "a"))
	f.Add(envelope + "C: BDAT 25\nC: Subject: s\nC:\nC: write wei\nS: 250 ok\nC: BDAT 20 LAST\nC: @corp.example.com..\nS: 250 ok")
	f.Add(data("From: \"Zhang, Wei\" <wei@corp.example.com> (x", "", "https://example.net/?u="+b64("wei@corp.example.com")))
	f.Fuzz(func(t *testing.T, text string) {
		tr := decodeSession(text+"\nC: NOOP <"+canaryAddress+">\nS: 250 "+canaryHost+" heard <"+canaryAddress+">", false)
		same(t, "without a level", tr, apply(t, tr, redact.Levels{}))
		for _, l := range []redact.Levels{{Addresses: true}, {Addresses: true, KeepDomains: true}, {Hosts: true}, {Addresses: true, Hosts: true, Body: true, Links: true}} {
			out := apply(t, tr, l)
			all := said(t, out, who.Client) + "\n" + said(t, out, who.Server)
			// A chunk of a wrong size may end in the middle of the address.
			if l.Addresses && asksForCanary(tr) && strings.Contains(all, "fuzzed.canary@") {
				t.Errorf("%+v: an address is left in %q", l, all)
			}
			if l.Addresses && !l.KeepDomains && strings.Contains(all, canaryAddress) {
				t.Errorf("%+v: a domain is left in %q", l, all)
			}
			if asked := heard.FindStringSubmatch(said(t, out, who.Client)); l.Addresses && asked != nil && asksForCanary(tr) {
				// A secret may be a part of the address, which is masked in the reply.
				if answer := said(t, out, who.Server); !strings.Contains(answer, " heard <"+asked[1]+">") && !strings.Contains(answer, decode.MaskText) {
					t.Errorf("%+v: two stand-ins in %q", l, all)
				}
			}
		}
	})
}

const (
	canaryAddress = "fuzzed.canary@canary.example.com"
	canaryHost    = "mx.canary.example.com"
)

var heard = regexp.MustCompile(`\r\nNOOP <([^>\r\n]*)>\r\n$`)

// asksForCanary reports whether the line at the end of a session was read as
// the command that it is, and not as the rest of a chunk or message.
func asksForCanary(tr *decode.Transcript) bool {
	for _, e := range tr.Entries {
		if e.Event != nil && e.Event.Command != nil && e.Event.Command.Verb == "NOOP" && e.Event.Command.Arg == "<"+canaryAddress+">" {
			return true
		}
	}
	return false
}

// same fails unless two sessions are the same to the byte.
func same(t *testing.T, what string, a, b *decode.Transcript) {
	t.Helper()
	for _, side := range []who.Party{who.Client, who.Server} {
		if was, is := said(t, a, side), said(t, b, side); was != is {
			t.Errorf("%s: %q became %q", what, was, is)
		}
	}
}

// FuzzCommands says lines again that hold no message: the dialogue stays what
// it was, line for line, and doing it twice changes nothing.
func FuzzCommands(f *testing.F) {
	f.Add("MAIL FROM:<a@example.com> SIZE=1\nRCPT TO:<b@example.org> NOTIFY=NEVER\nNOOP b+2Bc@example.org")
	f.Add("VRFY wei\nEXPN <wei@corp.example.com>\nXCLIENT NAME=mx.example.com ADDR=192.0.2.1\nHELP a%40example.com")
	f.Fuzz(func(t *testing.T, text string) {
		var session strings.Builder
		session.WriteString("S: 220 mx.example.net\nC: EHLO pc.example.com\nS: 250 mx.example.net")
		for line := range strings.SplitSeq(text, "\n") {
			if strings.Count(line, "@") > 1 || strings.Contains(line, `"`) {
				continue // which of them is an address depends on the stand-ins
			}
			verb, _, _ := strings.Cut(line, " ")
			switch strings.ToUpper(verb) {
			case "MAIL", "RCPT", "NOOP", "VRFY", "EXPN", "XCLIENT", "HELP", "RSET":
				session.WriteString("\nC: " + strings.TrimRight(line, "\r") + "\nS: 250 ok")
			}
		}
		tr := decodeSession(session.String(), false)
		for _, l := range []redact.Levels{{Addresses: true}, {Addresses: true, KeepDomains: true}} {
			once := apply(t, tr, l)
			if was, is := kinds(tr), kinds(once); was != is {
				t.Errorf("%+v: the dialogue\n%s\nbecame\n%s", l, was, is)
			}
			same(t, "twice", once, apply(t, once, l))
		}
	})
}
