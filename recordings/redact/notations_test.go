package redact_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings/redact"
)

// An identity is gone at its own level and at all of them, in each notation that
// a session may hold it in.
func TestNotations(t *testing.T) {
	derOf := func(text string) string { return fmt.Sprintf("#0c%02x%x", len(text), text) }
	addresses, hosts := redact.Levels{Addresses: true}, redact.Levels{Hosts: true}
	for _, c := range []struct {
		name   string
		level  redact.Levels
		lines  string
		fact   facts.Fact
		gone   []string
		stayed string
	}{
		{"AUTH= in xtext", addresses, "C: MAIL FROM:<a@x.corp> AUTH=tom+2Exauth+40one.corp SIZE=10", nil, []string{"tom", "xauth", "one.corp"}, "SIZE=10"},
		{"AUTH= of a user name", addresses, "C: MAIL FROM:<a@x.corp> AUTH=tomxauth", nil, []string{"tomxauth"}, "AUTH="},
		{"AUTH=<>", addresses, "C: MAIL FROM:<a@x.corp> AUTH=<> SIZE=10", nil, nil, "AUTH=<> SIZE=10"},
		{"ENVID", addresses, "C: MAIL FROM:<a@x.corp> ENVID=QQ-tom.envid+40one.corp RET=HDRS", nil, []string{"tom.envid", "one.corp"}, "RET=HDRS"},
		{"ENVID with a host", hosts, "C: EHLO pc-17.corp\nS: 250 x\nC: MAIL FROM:<a@x.corp> ENVID=17+40pc-17.corp", nil, []string{"pc-17"}, ""},
		{"ORCPT", addresses, "C: RCPT TO:<b@x.corp> ORCPT=rfc822;ida+2Bnews+40two.corp NOTIFY=NEVER", nil, []string{"ida", "two.corp"}, "NOTIFY=NEVER"},
		{"ORCPT, all of it escaped", addresses, "C: RCPT TO:<b@x.corp> ORCPT=rfc822;" + strings.ReplaceAll(fmt.Sprintf("% X", " ida@two.corp"), " ", "+")[3:], nil, []string{"+69+64+61", "+74+77+6F"}, ""},
		{"ORCPT in UTF-8", addresses, `C: RCPT TO:<b@x.corp> ORCPT=utf-8;m\x{FC}ller@two.corp`, nil, []string{"ller", "two.corp"}, ""},
		{"xtext in a reply", addresses, "C: RCPT TO:<b@x.corp>\nS: 250 ok, first ida.x+40two.corp", nil, []string{"ida.x", "two.corp"}, ""},
		{"a domain in UTF-8", hosts, "C: RCPT TO:<kim@bücher-drei.corp>\nS: 550 xn--bcher-drei-9db.corp is no host here", nil, []string{"bücher", "xn--bcher"}, "RCPT TO:<kim@"},
		{"a domain in punycode", hosts, "C: RCPT TO:<kim@xn--bcher-kva.corp>\nS: 550 no bücher.corp", nil, []string{"bücher", "xn--bcher"}, ""},
		{"a local part in a reply", addresses, "C: RCPT TO:<lone.local@x.corp>\nS: 550 5.1.1 user lone.local unknown", nil, []string{"lone.local"}, "550 5.1.1 user user"},
		{"a plain local part in a reply", addresses, "C: RCPT TO:<kim@x.corp>\nS: 550 5.1.1 kim: no such user", nil, []string{"kim"}, "no such user"},
		{"a local part in another case", addresses, "C: RCPT TO:<Kim@x.corp>\nS: 550 5.1.1 (KIM) does not exist", nil, []string{"Kim", "KIM"}, "does not exist"},
		{"a quoted local part", addresses, `C: RCPT TO:<"kim jones"@x.corp>` + "\n" + `S: 550 5.1.1 "kim jones" is unknown`, nil, []string{"kim", "jones"}, "is unknown"},
		{"a quoted local part without its quotes", addresses, `C: RCPT TO:<"kim jones"@x.corp>` + "\nS: 550 5.1.1 Kim Jones is unknown", nil, []string{"kim", "jones", "Kim", "Jones"}, "is unknown"},
		{"a source route", hosts, "C: RCPT TO:<@one.corp,@two.corp:kim@three.corp>\nS: 550 not through one.corp or two.corp", nil, []string{"one.corp", "two.corp", "three.corp"}, "not through host"},
		{"a local part before its address", addresses, "S: 250 hello lone.local\nC: RCPT TO:<lone.local@x.corp>", nil, []string{"lone.local"}, "hello"},
		{"a local part that is a word", addresses, "C: RCPT TO:<user@x.corp>\nS: 550 no such user", nil, []string{"user@x"}, "no such user"},
		{"a login name in a reply", addresses, "C: AUTH LOGIN " + b64("mgr-kim") + "\nS: 535 5.7.8 mgr-kim: authentication failed", nil, []string{"mgr-kim", b64("mgr-kim")}, "authentication failed"},
		{"the argument of VRFY", addresses, "C: VRFY Jones\nS: 550 5.1.1 Jones unknown", nil, []string{"Jones"}, "VRFY user"},
		{"the argument of EXPN", addresses, "C: EXPN staff-17\nS: 250-Kim <kim@x.corp>\nS: 250 jo@x.corp", nil, []string{"staff-17", "Kim", "kim", "jo@"}, "EXPN user"},
		{"a host of one label", hosts, "C: EHLO mailhub17\nS: 250 mx greets mailhub17", nil, []string{"mailhub17"}, "greets host"},
		{"Received", hosts, message("Received: from pc-single (unknown [10.11.12.13]) by relay.five.corp; today"), nil, []string{"pc-single", "10.11.12.13", "five.corp"}, "Received: from host"},
		{"Received of Exim", hosts, message("Received: from [10.11.12.13] (port=1 helo=johns-mac)\n by x.corp"), nil, []string{"johns-mac"}, "helo=host"},
		{"Received of qmail", hosts, message("Received: from unknown (HELO annes-pc) (anne@10.1.2.3)\n by 0 with SMTP"), nil, []string{"annes-pc", "10.1.2.3"}, "by 0 with SMTP"},
		{"who was logged in", addresses, message("Received: from x.corp (Authenticated sender: anne-17)\n by y.corp"), nil, []string{"anne-17"}, "Authenticated sender: user"},
		{"an organisation", hosts, "S: 220 Geheim Widgets GmbH mail", certificate(`CN=cn.nine.corp,O=Geheim Widgets GmbH,OU=Keller\, links,L=Bonn,C=DE`), []string{"Geheim", "Keller", "Bonn", "nine.corp"}, "C=DE"},
		{"an address in a certificate", addresses, "", certificate("CN=x,1.2.840.113549.1.9.1=" + derOf("pki@eight.corp")), []string{hex.EncodeToString([]byte("pki@eight")), "pki"}, "1.2.840.113549.1.9.1=#0c"},
		{"an address in a certificate, readable", addresses, "", certificate("CN=x,E=pki@eight.corp"), []string{"pki@"}, "E=user"},
		{"a name in hexadecimal", hosts, "C: EHLO pc17.nine.corp", certificate("CN=x,2.5.4.5=" + derOf("pc17.nine.corp")), []string{hex.EncodeToString([]byte("pc17.nine"))}, ""},
		{"a domain of addresses only", hosts, "C: MAIL FROM:<a@only.corp> SIZE=1", nil, []string{"only.corp"}, "SIZE=1"},
		{"a domain in a body", hosts, message("Subject: x\nContent-Transfer-Encoding: base64\n\n" + b64("write to a@seven.corp please")), nil, []string{"seven.corp", b64("write to a@seven.corp please")}, ""},
	} {
		for name, level := range map[string]redact.Levels{"its level": c.level, "all": {Addresses: true, Hosts: true, Body: true, Links: true}} {
			t.Run(c.name+" at "+name, func(t *testing.T) {
				tr := decodeSession("S: 220 mx\n"+c.lines, false)
				if c.fact != nil {
					tr.Entries = append(tr.Entries, decode.Entry{Fact: c.fact})
				}
				once := apply(t, tr, level)
				text := everything(t, once)
				for _, gone := range c.gone {
					if strings.Contains(text, gone) {
						t.Errorf("%q is still in\n%s", gone, text)
					}
				}
				if name == "its level" && !strings.Contains(text, c.stayed) {
					t.Errorf("%q is not in\n%s", c.stayed, text)
				}
				if again := everything(t, apply(t, once, level)); again != text {
					t.Errorf("twice:\n%s\nonce:\n%s", again, text)
				}
			})
		}
	}
}

func message(lines string) string {
	return "C: DATA\nS: 354 go\nC: " + strings.ReplaceAll(lines, "\n", "\nC: ") + "\nC: .\nS: 250 ok"
}

func certificate(subject string) facts.Fact {
	return &facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Chain: []facts.Certificate{{Subject: subject, Issuer: subject}}}
}

// everything is what a session says, and its facts.
func everything(t *testing.T, tr *decode.Transcript) string {
	t.Helper()
	text := said(t, tr, who.Client) + said(t, tr, who.Server)
	for _, e := range tr.Entries {
		if e.Fact != nil {
			data, err := facts.Marshal(e.Fact)
			if err != nil {
				t.Fatal(err)
			}
			text += string(data) + "\n"
		}
	}
	return text
}
