package rules_test

import (
	"errors"
	"strings"
	"testing"

	"smtptap/decode/lang"
	"smtptap/proxy/session/rules"
	"smtptap/recordings/query"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		rule   string
		column string // from 1
		says   string
	}{
		{"", "1", "not something to wait for"},
		{"RCPT", "5", "WHEN=ACTION"},
		{"RCPT=", "6", "action is missing"},
		{"RPCT=drop", "1", "DATA.end"},
		{"RCPT =drip", "7", "half-close"},
		{"connect:5=drop", "1", "reply:450"},
		{"reply:650=drop", "7", "4xx"},
		{"reply:4x0=drop", "7", "45x"},
		{"client.bytes=drop", "13", "client.bytes>2000"},
		{"client.bytes>many=drop", "14", "300B"},
		{"client.bytes>=5=drop", "14", "300B"},
		{"RCPT[rcpt:bob=drop", "5", "not closed"},
		{"RCPT[]=drop", "6", "rcpt"},
		{"RCPT[colour:red]=drop", "6", "no field"},
		{"RCPT[rcpt:a (from:b]=drop", "13", "not closed"},
		{"RCPT[from:a code:5xx]=drop", "13", `"code" is not known`},
		{"RCPT[from:a !sent]=drop", "14", `"sent" is not known`},
		{`RCPT["a b" | mode:pass]=drop`, "14", `"mode" is not known`},
		{"RCPT@0=drop", "6", "@2"},
		{"RCPT@x=drop", "6", "@2"},
		{"RCPT%=drop", "6", "%10"},
		{"RCPT%0=drop", "6", "%10"},
		{"RCPT@2/week=drop", "8", "session, run"},
		{"RCPT/run=drop", "1", "not something to wait for"},
		{"client.bytes>5@2=drop", "1", "@N/run"},
		{"RCPT=45 busy", "6", "200 to 599"},
		{"RCPT=4500 busy", "6", "200 to 599"},
		{"RCPT=999 busy", "6", "200 to 599"},
		{"RCPT=550 a\x1bb", "10", "text"},
		{"RCPT=220 go", "6", "220"},
		{"AUTH=334 VXNlcg==", "6", "334"},
		{"RCPT=354 go", "6", "DATA=354"},
		{"connect=220 hello", "9", "greeting=220"},
		{"client.bytes>5=450 no", "16", "drop"},
		{"RCPT=delay", "11", "30s"},
		{"RCPT=delay 5", "12", "30s"},
		{"RCPT=delay -5s", "12", "30s"},
		{"RCPT=delay 900h", "12", "24h"},
		{"RCPT=rate 10kB", "11", "10kB/s"},
		{"RCPT=rate 0B/s", "11", "10kB/s"},
		{"RCPT=drop now", "11", "nothing more"},
		{"RCPT=hide SIZE", "6", "EHLO=hide"},
		{"EHLO=hide", "10", "hide AUTH LOGIN"},
		{"EHLO=hide A B C", "11", "hide AUTH LOGIN"},
		{"connect=cut 5B", "9", "server.bytes>300=drop"},
		{"DATA=cut lots", "10", "300B"},
		{"RCPT=tls:expired", "6", "STARTTLS=tls:expired"},
		{"STARTTLS=tls:odd", "10", "tls:self-signed"},
		{"STARTTLS=tls:", "10", "tls:self-signed"},
		{"RCPT=edit bob", "11", "s/old/new/"},
		{"RCPT=edit s/bob/", "11", "s/old/new/"},
		{"RCPT=edit s/bob/x/q", "19", "Valid: g, i"},
		{"RCPT=edit s/(/x/", "13", "RE2"},
		{`RCPT=edit s/a/b\nQUIT/`, "11", "one line"},
		{"DATA.end=edit s/a/b/", "10", "RCPT=edit"},
		{"connect=hold", "9", "DATA.end=hold"},
	} {
		_, err := rules.Parse(c.rule, "--rule 3")
		var wrong *rules.Error
		if !errors.As(err, &wrong) {
			t.Errorf("%q: %v", c.rule, err)
			continue
		}
		text := err.Error()
		if !strings.Contains(text, "(--rule 3), column "+c.column+": ") || !strings.Contains(text, c.says) || strings.ContainsAny(text, "\n\x1b") {
			t.Errorf("%q: %s\nwant column %s and %q", c.rule, text, c.column, c.says)
		}
	}
}

func parse(t testing.TB, texts ...string) *rules.Set {
	t.Helper()
	all, err := rules.ParseFile(strings.Join(texts, "\n"), "test")
	if err != nil {
		t.Fatal(err)
	}
	return rules.NewSet(all, 7)
}

func TestFile(t *testing.T) {
	set := parse(t, "\ufeff# greylisting", "", "  RCPT@1 = 450 4.7.1 greylisted \r", "reply:5XX=drop")
	if len(set.Rules) != 2 || set.Rules[1].Place != "test:4" || set.Rules[0].Reply != "4.7.1 greylisted" {
		t.Errorf("read %v", set.Rules)
	}
	if _, err := rules.ParseFile("RCPT=drop\nDATA=drip\n", "my.rules"); err == nil || !strings.Contains(err.Error(), "(my.rules:2), column 6") {
		t.Errorf("%v", err)
	}
}

// names are the rules that act on an occasion.
func names(all []*rules.Rule) string {
	var text []string
	for _, r := range all {
		text = append(text, r.Text)
	}
	return strings.Join(text, " ; ")
}

func TestPrecedence(t *testing.T) {
	s := parse(t, "RCPT=delay 1s", "RCPT@2=450 a", "*=rate 1kB/s", "RCPT@1=450 b", "RCPT=drop", "RCPT@3=550 c").Begin()
	rcpt := rules.Occasion{Point: rules.Command, Verb: "RCPT"}
	for i, want := range []string{
		"RCPT=delay 1s ; *=rate 1kB/s ; RCPT@1=450 b",
		"RCPT=delay 1s ; RCPT@2=450 a",
		"RCPT=delay 1s ; *=rate 1kB/s ; RCPT=drop", // the last one counts too
	} {
		if got := names(s.At(rcpt, &query.Session{})); got != want {
			t.Errorf("the %d. RCPT: %s, want %s", i+1, got, want)
		}
	}
}

// Rules that come and go act in sessions that have begun, after those of the set.
func TestAlso(t *testing.T) {
	set := parse(t, "RCPT=delay 1s")
	s := set.Begin()
	rcpt := rules.Occasion{Point: rules.Command, Verb: "RCPT"}
	for i, want := range []string{"RCPT=delay 1s", "RCPT=delay 1s ; RCPT@2=hold", "RCPT=delay 1s"} {
		var got string
		for range 2 {
			got = names(s.At(rcpt, &query.Session{}))
		}
		if got != want {
			t.Errorf("at RCPT: %s, want %s", got, want)
		}
		if set.Also(nil); i == 0 {
			set.Also(parse(t, "RCPT@2=hold").Rules)
		}
	}
	if rules.NewSet(nil, 1).Any() || !set.Any() {
		t.Error("a set is empty when it is not, or the other way round")
	}
}

func TestOccasions(t *testing.T) {
	for _, c := range []struct {
		o    rules.Occasion
		want string
	}{
		{rules.Occasion{Point: rules.Connect}, "connect=drop"},
		{rules.Occasion{Point: rules.Greeting, Code: 220}, "greeting=rate 1B/s ; reply=rate 1B/s ; reply:2xx=drop"},
		{rules.Occasion{Point: rules.Reply, Code: 450}, "reply=rate 1B/s ; reply:450=rate 1B/s ; reply:45x=drop"},
		{rules.Occasion{Point: rules.Reply, Code: 451}, "reply=rate 1B/s ; reply:45x=drop"},
		{rules.Occasion{Point: rules.Command, Verb: "BDAT"}, "*=rate 1B/s"},
		{rules.Occasion{Point: rules.Command, Verb: "BDAT", Last: true}, "*=rate 1B/s ; data.END=drop"},
		{rules.Occasion{Point: rules.Command, Verb: "XFOO"}, "*=rate 1B/s ; xfoo=drop"},
		{rules.Occasion{Point: rules.DataEnd}, "data.END=drop"},
	} {
		s := parse(t, "connect=drop", "greeting=rate 1B/s", "*=rate 1B/s", "xfoo=drop", "reply=rate 1B/s", "reply:450=rate 1B/s", "reply:45x=drop", "reply:2xx=drop", "data.END=drop").Begin()
		if got := names(s.At(c.o, &query.Session{})); got != c.want {
			t.Errorf("%+v: %s, want %s", c.o, got, c.want)
		}
	}
}

// One in n is one in every n of the run, the same for the same seed.
func TestOneIn(t *testing.T) {
	picked := func(seed uint64) (all []int) {
		set := parse(t, "RCPT%4/session=rate 1B/s", "RCPT%10=drop")
		set.Seed = seed
		for session := range 5 {
			s := set.Begin()
			for i := range 20 {
				for _, r := range s.At(rules.Occasion{Point: rules.Command, Verb: "RCPT"}, &query.Session{}) {
					all = append(all, session*1000+i*10+int(r.Kind))
				}
			}
		}
		return all
	}
	first, again, other := picked(1), picked(1), picked(2)
	if len(first) != 10+25 || len(other) != 10+25 {
		t.Errorf("%d and %d of 100, want 10 and 25 for each", len(first), len(other))
	}
	same := func(a, b []int) bool {
		for i := range a {
			if a[i] != b[i] {
				return false
			}
		}
		return true
	}
	if !same(first, again) || same(first, other) {
		t.Errorf("seed 1 picks %v and %v, seed 2 %v", first, again, other)
	}
}

func TestEdit(t *testing.T) {
	for _, c := range []struct{ rule, line, want string }{
		{"RCPT=edit s/bob@/alice@/", "RCPT TO:<bob@x> bob@", "RCPT TO:<alice@x> bob@"},
		{"RCPT=edit s/BOB/alice/gi", "bob Bob", "alice alice"},
		{"RCPT=edit s|<(.*)@(.*)>|<\\2@$1&>|", "<a@b>", "<b@$1<a@b>>"},
		{`RCPT=edit s/\//\&/g`, "a/b/c", "a&b&c"},
		{"RCPT=edit s/zoe//", "bob", "bob"},
	} {
		if got := string(parse(t, c.rule).Rules[0].Edited([]byte(c.line))); got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{"RCPT=450 4.2.1 mailbox busy", "450 4.2.1 [smtptap] mailbox busy\r\n"},
		{"RCPT=450", "450 [smtptap]\r\n"},
		{"RCPT=450 4.2.1", "450 4.2.1 [smtptap]\r\n"},
		{`EHLO=250 mx\nSIZE 5\nHELP`, "250-[smtptap] mx\r\n250-SIZE 5\r\n250 HELP\r\n"},
	} {
		if got := parse(t, c.rule).Rules[0].Lines("[smtptap]"); got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
}

// What the help shows can be used, is said in both languages, and shows every
// action.
func TestHelp(t *testing.T) {
	kinds := map[rules.Kind]bool{}
	for _, c := range rules.Help() {
		for _, topic := range c.Topics {
			kinds[parse(t, topic.Example).Rules[0].Kind] = true
			if en, zh := topic.Text(lang.English), topic.Text(lang.Chinese); en == zh || !strings.Contains(en, " ") {
				t.Errorf("%s: %q, %q", topic.Form, en, zh)
			}
		}
	}
	for k := rules.Answer; k <= rules.Hold; k++ {
		if !kinds[k] {
			t.Errorf("no example of action %d", k)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range rules.Help() {
		for _, topic := range c.Topics {
			f.Add(topic.Example)
		}
	}
	for _, s := range []string{`RCPT[rcpt:"a]b" tls:no]@2/run=450 x\ny`, "reply:4xx%3/session=cut 3B", `MAIL=edit s#\##\\1&$#gi`, "=", "[", "RCPT[=\"", "client.bytes>9[tls:no]=reset"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rules.Parse(text, "p")
		if err != nil {
			var wrong *rules.Error
			if !errors.As(err, &wrong) || strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Fatalf("%q", err)
			}
			return
		}
		s := rules.NewSet([]*rules.Rule{r}, 1).Begin()
		for p := rules.Connect; p <= rules.ServerBytes; p++ {
			s.At(rules.Occasion{Point: p, Verb: r.Verb, Code: 450}, &query.Session{})
		}
		switch r.Kind {
		case rules.Answer:
			if lines := r.Lines("[m]"); !strings.HasSuffix(lines, "\r\n") || strings.Count(lines, "\n") != strings.Count(r.Reply, "\n")+1 || strings.Count(lines, "\r") != strings.Count(lines, "\n") {
				t.Errorf("replies %q", lines)
			}
		case rules.Edit:
			if got := r.Edited([]byte("RCPT TO:<a@b>")); strings.ContainsAny(string(got), "\r\n") {
				t.Errorf("edited to %q", got)
			}
		}
	})
}
