package query_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/lang/langtest"
	"smtptap/decode/outcome"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
)

var sent = query.Session{Summary: transcript.Summary{
	ID: "20260102T030405-7f3a", Client: "127.0.0.1:51000", Server: "mail.example.com:587", Target: "mail.example.com",
	TLS: true, Mode: "intercept", User: "Ann@example.org", From: "ann@example.org", Rcpt: "张三@例子.example", Rcpts: 3, Accepted: 3,
	Messages: 1, Sent: 1, Size: 1_500_000, Subject: "易联云验证码",
	Also:    &transcript.Also{From: []string{"billing@example.org"}, Rcpt: []string{"bob@second.example"}, Subject: []string{"Mahnung"}},
	Took:    7 * time.Second,
	Outcome: outcome.Sent, Code: 250, Verdict: "2.0.0 queued as 4F2A",
}}

var refused = query.Session{
	Summary: transcript.Summary{
		ID: "20260102T030406-11aa", Client: "192.0.2.7:40000", Server: "mx.example.net:25", Mode: "pass", From: "bob@example.net",
		Rcpt: "ann@example.org", Rcpts: 1, Subject: "delivery report", Took: 90 * time.Millisecond,
		Outcome: outcome.Refused, Code: 550, Verdict: "5.1.1 no such user",
	},
	Findings: []query.Finding{{ID: "RCPT-UNKNOWN-550", Severity: findings.Failure}, {ID: "TLS-SLOW", Severity: findings.Warning}},
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
		{"finding:yes", false, true},
		{"finding:warning", false, true},
		{"!finding:warning", true, false},
		{"finding:advice", false, false},
		{"finding>=warning", false, true},
		{"finding>warning", false, true},
		{"finding>failure", false, false},
		{"finding<=advice", false, false},
		{"finding=rcpt-unknown-550", false, true},
		{"!finding=TLS-SLOW", true, false},
		{"mode:pass", false, true},
		{"mode:intercept", true, false},
		{"live", false, false},
		{"!live", true, true},
		{"outcome:LIVE", false, false},
		{"abandoned|opaque|unknown|disputed|partly|failed|nothing", false, false},
		{"SENT", true, false},
		{`"sent"`, false, false},
		{"rcpt:bob@second.example", true, false},
		{"rcpt=bob@second.example", true, false},
		{"from:billing", true, false},
		{"subject:mahnung", true, false},
		{"mahnung", true, false},
		{"!to:bob@second", false, true},
		{"took<3s", false, true},
		{"took>=7s", true, false},
		{"size>1MB", true, false},
		{"size>=1500kB", true, false},
		{"5xx", false, true},
		{"2xx", true, false},
		{"55x", false, true},
		{"127.0.0.1:51000", true, false},
		{"mail.example.com:587", true, false},
		{"tls:yes\tauth:yes\n sent", true, false},
		{"易联云\u3000code:250", true, false},
		{`rcpt:"ann@example.org"`, false, true},
		{`"say ""hi"""`, false, false},
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

// What can't be understood is told with its place and what is valid.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		filter string
		at     int
		says   string
	}{
		{"colour:red", 0, "no field colour"},
		{"form:ann", 0, "perhaps you mean from:"},
		{"sent tsl:yes", 5, "character 6: there is no field tsl:, perhaps you mean tls:. Fields are auth"},
		{"subjekt:x", 0, "perhaps you mean subject:"},
		{"易联云 tsl:yes", 10, "character 5:"},
		{"localhost:25", 0, "Quote it"},
		{"code:abc", 0, "reply code"},
		{"code:5xxx", 0, "reply code"},
		{"code>5xx", 0, "a number"},
		{"from:a size>big", 7, "a size"},
		{"took>5", 0, "a time"},
		{"took<", 0, "a time"},
		{"rcpts>-1", 0, "a number"},
		{"tls:maybe", 0, "Valid values: yes no"},
		{"mode:intercpet", 0, "perhaps you mean intercept"},
		{"from>a", 0, "colon"},
		{"tls>yes", 0, "colon"},
		{"outcome:gone", 0, "running sent"},
		{"outcome:abandonned", 0, "perhaps you mean abandoned"},
		{"finding:AUHT", 0, "perhaps you mean auth"},
		{"finding:warnign", 0, "perhaps you mean warning"},
		{"!finding:RCPT-UNKNWN-550", 1, "perhaps you mean rcpt-unknown-550"},
		{"finding=auth", 0, "no finding has auth"},
		{"finding>auth", 0, "Valid values: advice warning failure"},
		{`"open`, 0, "not closed"},
		{`"a""`, 0, "not closed"},
		{`from:"open`, 0, "not closed"},
		{"(code:5xx", 0, "not closed"},
		{"code:5xx)", 8, "nothing is open"},
		{"code:5xx |", 10, "missing"},
		{"!", 1, "missing"},
		{"()", 1, "missing"},
		{"size>NaN", 0, "a size"},
		{"size>0x10", 0, "a size"},
		{"size>1e3", 0, "a size"},
		{strings.Repeat("!", 1000) + "x", 100, "deep"},
		{strings.Repeat("(", 1000), 100, "deep"},
		{"tls:\x1b[2J", 0, `tls:\x1b[2J`},
		{strings.Repeat("y", 5000) + ":x", 0, "y…:"},
	} {
		_, err := query.Parse(c.filter)
		var fe *query.Error
		if !errors.As(err, &fe) {
			t.Errorf("%.40q: error %v", c.filter, err)
			continue
		}
		if fe.At != c.at || !strings.Contains(fe.Error(), c.says) {
			t.Errorf("%.40q: %q at %d, want %q at %d", c.filter, fe.Error(), fe.At, c.says, c.at)
		}
		if len(fe.Error()) > 400 || strings.ContainsRune(fe.In(lang.Chinese), 0x1b) || !strings.Contains(fe.In(lang.Chinese), "个字符") {
			t.Errorf("%.40q: %q", c.filter, fe.In(lang.Chinese))
		}
	}
}

// A filter is written as it would be read.
func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		" CODE:5xx  from:Ann ":           "code:5xx from:Ann",
		"a&b|c":                          "a b | c",
		"(a|b) & !(c d)":                 "(a | b) !(c d)",
		"!!a":                            "!!a",
		"((a b)) c":                      "(a b) c",
		`"x y" "z" from:"a ""b"""`:       `"x y" "z" from:"a ""b"""`,
		"size >= 3":                      "size >= 3",
		"finding>=warning smtp://x.y:25": "finding>=warning smtp://x.y:25",
	} {
		f, err := query.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := f.String(); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}

// What does not hold is told part by part, with what is there instead.
func TestMisses(t *testing.T) {
	for _, c := range []struct{ filter, want string }{
		{"refused", "[]"},
		{"sent tls:yes from:bob", `[{sent refused []} {tls:yes no []}]`},
		{"took<50ms code:2xx", `[{took<50ms 90 ms []} {code:2xx 550 []}]`},
		{"!finding:warning", "[{!finding:warning  [TLS-SLOW]}]"},
		{"finding:no", "[{finding:no RCPT-UNKNOWN-550, TLS-SLOW []}]"},
		{"!finding:yes", "[{!finding:yes  [RCPT-UNKNOWN-550 TLS-SLOW]}]"},
		{"sent | tls:yes", "[{sent | tls:yes  []}]"},
		{"(sent tls:yes) refused", "[{sent refused []} {tls:yes no []}]"},
		{"!refused", "[{!refused refused []}]"},
		{"auth:yes nobody", "[{auth:yes  []} {nobody  []}]"},
		{"rcpt:bob", "[{rcpt:bob ann@example.org []}]"},
	} {
		f, err := query.Parse(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(f.Misses(&refused, &refused)); got != c.want {
			t.Errorf("%q: %s, want %s", c.filter, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, row := range query.Help() {
		if _, err := query.Parse(row.Example); err != nil {
			t.Errorf("the help's %q: %v", row.Example, err)
		}
		langtest.Text(t, row.Example, row.Text)
	}
	langtest.Texts(t, query.Words)
}

// Every field is in the help.
func TestHelpIsWhole(t *testing.T) {
	var all strings.Builder
	for _, row := range query.Help() {
		fmt.Fprintln(&all, row.Example, row.En)
	}
	for _, field := range query.Fields() {
		if !strings.Contains(all.String(), field) {
			t.Errorf("the help does not name %s:", field)
		}
	}
}

var update = flag.Bool("update", false, "write the tables of the READMEs anew")

// The READMEs describe the language in the words of the help.
func TestREADME(t *testing.T) {
	for file, l := range map[string]lang.Lang{"../../README.md": lang.English, "../../.github/README.zh-CN.md": lang.Chinese} {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, begins := strings.Cut(string(page), "<!-- query -->\n")
		_, after, ends := strings.Cut(rest, "<!-- end -->")
		if !begins || !ends {
			t.Fatalf("%s has no place for the query language", file)
		}
		table := "\n| | |\n|---|---|\n"
		for _, row := range query.Help() {
			cell := strings.NewReplacer("|", `\|`, "<", "&lt;")
			table += "| `" + strings.ReplaceAll(row.Example, "|", `\|`) + "` | " + cell.Replace(row.In(l)) + " |\n"
		}
		want := before + "<!-- query -->\n" + table + "\n<!-- end -->" + after
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if string(page) != want {
			t.Errorf("%s describes another language: go test ./recordings/query -run README -update", file)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"code:5xx from:a", `(a|b)&!"c d"`, "size>1M took<5s", "((", "!!!x", "finding:no 易联云", `from:"a""b"`, "mode:hide !finding>=warning", "live\u3000x"} {
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
		again, err := query.Parse(got.String())
		if err != nil || again.String() != got.String() || again.NeedsFindings() != got.NeedsFindings() {
			t.Fatalf("%q is written %q, which reads as %v, %v", s, got, again, err)
		}
		for _, session := range []*query.Session{&sent, &refused} {
			if got.Match(session) != again.Match(session) || got.Match(session) != (len(got.Misses(session, session)) == 0) {
				t.Fatalf("%q and %q differ", s, got)
			}
		}
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
