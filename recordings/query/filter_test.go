package query_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"smtptap/decode/outcome"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
)

var sent = query.Session{Summary: transcript.Summary{
	ID: "20260102T030405-7f3a", Client: "127.0.0.1:51000", Server: "mail.example.com:587", Target: "mail.example.com",
	TLS: true, User: "Ann@example.org", From: "ann@example.org", Rcpt: "张三@例子.example", Rcpts: 3, Accepted: 3,
	Messages: 1, Sent: 1, Size: 1_500_000, Subject: "易联云验证码", Took: 7 * time.Second,
	Outcome: outcome.Sent, Code: 250, Verdict: "2.0.0 queued as 4F2A",
}}

var refused = query.Session{
	Summary: transcript.Summary{
		ID: "20260102T030406-11aa", Client: "192.0.2.7:40000", Server: "mx.example.net:25", From: "bob@example.net",
		Rcpt: "ann@example.org", Rcpts: 1, Subject: "delivery report", Took: 90 * time.Millisecond,
		Outcome: outcome.Refused, Code: 550, Verdict: "5.1.1 no such user",
	},
	Findings: []string{"rcpt-unknown-user", "no-tls"},
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filter                      string
		matchesSent, matchesRefused bool
	}{
		{"", true, true},
		{"   ", true, true},
		{"code:5xx", false, true},
		{"code:55x", false, true},
		{"code:550", false, true},
		{"code:2", true, false},
		{"code>=500", false, true},
		{"code<500", true, false},
		{"from:ANN", true, false},
		{"from=ann@example.org", true, false},
		{"from=ann", false, false},
		{"rcpt:ann", false, true},
		{"to:例子", true, false},
		{"subject:验证码", true, false},
		{"subject:易联云 code:2xx", true, false},
		{"user:", true, false},
		{"client:192.0.2", false, true},
		{"server:mx.", false, true},
		{"id:7f3a", true, false},
		{"tls:no", false, true},
		{"tls:yes", true, false},
		{"!tls:yes", false, true},
		{"! tls:yes", false, true},
		{"auth:no", false, true},
		{"auth:ann", true, false},
		{"size>1M", true, false},
		{"size>1.5M", false, false},
		{"size>=1500k", true, false},
		{"size<1", false, true},
		{"took>5s", true, false},
		{"took<=90ms", false, true},
		{"rcpts=3", true, false},
		{"rcpts:1", false, true},
		{"messages>0", true, false},
		{"finding:unknown", false, true},
		{"finding:", false, true},
		{"finding:no", true, false},
		{"sent", true, false},
		{"outcome:refused", false, true},
		{"running", false, false},
		{`"delivery"`, false, true},
		{"queued", true, false},
		{"ann", true, true},
		{"ann !from:ann", false, true},
		{"ann & from:ann", true, false},
		{"code:5xx | size>1M", true, true},
		{"(code:5xx | size>1M) !from:bob", true, false},
		{"code:5xx|code:2xx", true, true},
		{`subject:"delivery report"`, false, true},
		{`"no such user"`, false, true},
		{"smtp://x", false, false},
		{"550", false, true},
	} {
		f, err := query.Parse(c.filter)
		if err != nil {
			t.Errorf("%q: %v", c.filter, err)
			continue
		}
		if got := f.Match(&sent); got != c.matchesSent {
			t.Errorf("%q picks the sent one: %v", c.filter, got)
		}
		if got := f.Match(&refused); got != c.matchesRefused {
			t.Errorf("%q picks the refused one: %v", c.filter, got)
		}
		if want := strings.Contains(c.filter, "finding"); f.NeedsFindings() != want {
			t.Errorf("%q needs findings: %v", c.filter, f.NeedsFindings())
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		filter string
		at     int
		says   string
	}{
		{"colour:red", 0, "no field"},
		{"code:abc", 0, "reply code"},
		{"code:5xxx", 0, "reply code"},
		{"from:a size>big", 7, "a size"},
		{"took>5", 0, "a time"},
		{"rcpts>-1", 0, "a number"},
		{"tls:maybe", 0, "yes or no"},
		{"from>a", 0, "colon"},
		{"outcome:gone", 0, "running, sent"},
		{`"open`, 0, "not closed"},
		{`from:"open`, 0, "not closed"},
		{"(code:5xx", 0, "not closed"},
		{"code:5xx)", 8, "nothing is open"},
		{"code:5xx |", 10, "missing"},
		{"!", 1, "missing"},
		{"()", 1, "missing"},
		{"size>NaN", 0, "a size"},
		{strings.Repeat("!", 1000) + "x", 100, "deep"},
		{strings.Repeat("(", 1000), 100, "deep"},
	} {
		_, err := query.Parse(c.filter)
		var fe *query.Error
		if !errors.As(err, &fe) {
			t.Errorf("%.40q: error %v", c.filter, err)
			continue
		}
		if fe.At != c.at || !strings.Contains(fe.Text, c.says) {
			t.Errorf("%.40q: %q at %d, want %q at %d", c.filter, fe.Text, fe.At, c.says, c.at)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"code:5xx from:a", `(a|b)&!"c d"`, "size>1M took<5s", "((", "!!!x", "finding:no 易联云"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := query.Parse(s)
		if err != nil {
			var fe *query.Error
			if !errors.As(err, &fe) || fe.At < 0 || fe.At > len(s) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		got.Match(&sent)
		got.Match(&refused)
	})
}

func BenchmarkMatch100k(b *testing.B) {
	all := make([]query.Session, 100_000)
	for i := range all {
		all[i] = sent
		all[i].Subject = fmt.Sprintf("Rechnung Nummer %d für 易联云验证码", i)
	}
	for _, text := range []string{"code:5xx", "nobody", "验证码 !from:ann", "size>1M subject:99999"} {
		f, err := query.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				for i := range all {
					f.Match(&all[i])
				}
			}
		})
	}
}
