package expect_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/lang/langtest"
	"smtptap/recordings/expect"
	"smtptap/recordings/query"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

const (
	hello = "S: 220 mx.example.org\nC: EHLO client.example.org\nS: 250 mx.example.org\n"
	mail  = "C: MAIL FROM:<ann@example.org>\nS: 250 ok\nC: RCPT TO:<bob@example.net>\nS: 250 ok\nC: DATA\nS: 354 go\nC: Subject: one\nC: \nC: hello\nC: .\nS: 250 2.0.0 queued\n"
	bad   = "C: MAIL FROM:<ann@example.org>\nS: 250 ok\nC: RCPT TO:<%s>\nS: 550 5.1.1 %s\n"
	quit  = "C: QUIT\nS: 221 bye\n"
)

// judged says sessions, one a text, and holds each to the queries.
func judged(t *testing.T, queries []string, texts ...string) *expect.Report {
	t.Helper()
	j := expect.Judge{Redact: redact.Levels{Addresses: true}}
	for _, text := range queries {
		q, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		j.Queries = append(j.Queries, q)
	}
	r := &expect.Report{Ended: time.Now()}
	set := transcript.NewSet(transcript.Options{})
	for _, text := range texts {
		l := set.Begin(transcript.Session{Target: "mx.example.org:25", Mode: "intercept"})
		l.Fact(&facts.Dial{Addr: "192.0.2.25:25"})
		for _, s := range decodetest.Script(text) {
			l.Data(s.From, s.To, s.Said)
		}
		l.End(facts.End{Cause: facts.CauseClosed})
		sum := set.Summary(set.Len() - 1)
		tr, err := set.Open(sum.ID)
		if err != nil {
			t.Fatal(err)
		}
		r.Add(j.Session(tr, sum))
	}
	return r
}

// A miss is one line that names the session, what was expected and is there, the
// finding and the line, and no address.
func TestLines(t *testing.T) {
	many := hello + "C: MAIL FROM:<ann@example.org>\nS: 250 ok\n"
	for i := range 40 {
		many += fmt.Sprintf("C: RCPT TO:<r%d@example.net>\nS: 250 ok\n", i)
	}
	many += mail[strings.Index(mail, "C: DATA"):] + quit
	refused := hello + fmt.Sprintf(bad, "bob@example.net", "<bob@example.net>: no such user") + quit
	for _, c := range []struct {
		name, text string
		queries    []string
		want       [][]string // parts of each line
	}{
		{"met", hello + mail + quit, []string{"sent", "to:bob@example.net took<1m", "!finding>=failure"}, nil},
		{"refused", refused, []string{"sent"}, [][]string{{"expected sent, got refused", "(RCPT-UNKNOWN-550)", "<-  550 5.1.1"}}},
		{"several parts", hello + mail + quit, []string{"sent tls:yes code:5xx"}, [][]string{{"expected tls:yes, got no"}, {"expected code:5xx, got 250"}}},
		{"several queries", refused, []string{"sent", "refused", "took>1m"}, [][]string{{"expected sent"}, {"expected took>1m, got"}}},
		{"each finding", hello + mail + quit, []string{"!finding:missing-"}, [][]string{{"(MISSING-MESSAGE-ID)", "-> Subject: one"}, {"(MISSING-DATE)", "-> Subject: one"}}},
		{"either", refused, []string{"sent | tls:yes"}, [][]string{{"expected sent | tls:yes"}}},
		{"any of many recipients", many, []string{"rcpt=r39@example.net !rcpt:r40@"}, nil},
		{"another recipient", hello + mail + quit, []string{"to:eve@example.net"}, [][]string{{"expected to:eve@example.net, got "}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := judged(t, c.queries, c.text)
			lines := r.Lines()
			if len(lines) != len(c.want) || r.Passed() != (len(c.want) == 0) {
				t.Fatalf("%q", lines)
			}
			for i, parts := range c.want {
				for _, part := range append(parts, "session "+r.Sessions[0].ID[len(r.Sessions[0].ID)-5:]+": ") {
					if !strings.Contains(lines[i], part) {
						t.Errorf("%q is not in %q", part, lines[i])
					}
				}
				if strings.Contains(lines[i], "bob@example.net") {
					t.Errorf("%q holds the address", lines[i])
				}
			}
		})
	}
}

// That no session came, or too few, or one can't be judged, is a miss.
func TestFew(t *testing.T) {
	for _, c := range []struct {
		sessions, wanted int
		within           time.Duration
		want             string
	}{
		{0, 0, 30 * time.Second, "[no session came within 30.0 s]"},
		{0, 2, 0, "[no session came]"},
		{1, 2, time.Second, "[1 of 2 sessions came within 1.0 s]"},
		{1, 0, time.Second, "[]"},
		{2, 2, 0, "[]"},
	} {
		r := judged(t, []string{"sent"}, slices.Repeat([]string{hello + mail + quit}, c.sessions)...)
		r.Few(c.wanted, c.within)
		if got := fmt.Sprint(r.Lines()); strings.ReplaceAll(got, ".0 s", " s") != strings.ReplaceAll(c.want, ".0 s", " s") {
			t.Errorf("%+v: %s", c, got)
		}
	}
	r := &expect.Report{}
	r.Unjudged("x", errors.New("gone\x1b[2J"))
	if lines := r.Lines(); len(lines) != 1 || strings.ContainsRune(lines[0], 0x1b) {
		t.Errorf("%q", lines)
	}
}

var hostile = []string{
	"]]></failure></testsuite><script>alert(1)</script>",
	"\"><x a='",
	"\x00\x08\x1b[2J\x7f\u0085\ufffe\uffff\xff",
	"::error file=/etc/passwd::owned",
	"%0A::set-output name=x::y",
	"| x | y |<br><img src=x> [a](http://192.0.2.9) @everyone #1 `code`",
	"&lt;&#60;%3C",
	"\u202egnirts",
	"一封信",
	strings.Repeat("long ", 190),
}

// Reports of hostile sessions are still reports.
func TestHostile(t *testing.T) {
	for _, evil := range hostile {
		r := judged(t, []string{"sent", "!finding>=advice", `"` + strings.ReplaceAll(evil[:min(len(evil), 60)], `"`, `""`) + ` unheard"`},
			hello+fmt.Sprintf(bad, "x"+strings.NewReplacer("\x00", "", " ", "").Replace(evil)+"@example.net", evil)+quit)
		if len(r.Lines()) < 3 {
			t.Fatalf("%q: %q", evil, r.Lines())
		}
		checkJUnit(t, r)
		github := written(t, r.GitHub)
		for line := range strings.Lines(github) {
			if strings.Count(github, "\n") != len(r.Lines()) || !strings.HasPrefix(line, "::error title=smtptap::session ") || strings.Contains(line, "\x1b") {
				t.Errorf("annotation %q", line)
			}
		}
		summary := written(t, r.Summary)
		for _, markup := range []string{"<script", "<img", "](http", "@everyone", "\x1b", "\u202e"} {
			if strings.Contains(summary, markup) {
				t.Errorf("the summary holds %q:\n%s", markup, summary)
			}
		}
		for line := range strings.Lines(summary) {
			if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 4 {
				t.Errorf("the row has other cells: %q", line)
			}
		}
		var doc struct {
			Passed   bool
			Sessions []struct {
				Expected []struct {
					Query  string
					Passed bool
					Misses []struct {
						Part, Finding, Message string
						Line                   *int
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(written(t, r.JSON)), &doc); err != nil || doc.Passed || len(doc.Sessions[0].Expected) != 3 || doc.Sessions[0].Expected[0].Misses[0].Line == nil {
			t.Errorf("%v: %+v", err, doc)
		}
	}
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// junit is what the schemas of JUnit XML allow: attributes, all of them required,
// and the elements within, in order.
var junit = map[string]struct{ attributes, elements string }{
	"testsuites": {"", "testsuite"},
	"testsuite":  {"name timestamp hostname tests failures errors time id package", "properties testcase system-out system-err"},
	"properties": {"", ""},
	"testcase":   {"name classname time", "failure"},
	"failure":    {"message type", ""},
	"system-out": {"", ""},
	"system-err": {"", ""},
}

func checkJUnit(t *testing.T, r *expect.Report) {
	t.Helper()
	doc := written(t, r.JUnit)
	d := xml.NewDecoder(strings.NewReader(doc))
	var open []string
	last := map[int]int{} // place of the newest element by depth
	cases, failures := 0, 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		switch x := token.(type) {
		case xml.StartElement:
			name := x.Name.Local
			var attributes []string
			for _, a := range x.Attr {
				attributes = append(attributes, a.Name.Local)
			}
			if strings.Join(attributes, " ") != junit[name].attributes {
				t.Errorf("<%s> has the attributes %q", name, attributes)
			}
			if len(open) > 0 {
				at := slices.Index(strings.Fields(junit[open[len(open)-1]].elements), name)
				if at < last[len(open)] {
					t.Errorf("<%s> in <%s>", name, open[len(open)-1])
				}
				last[len(open)] = at
			}
			open = append(open, name)
			last[len(open)] = 0
			switch name {
			case "testcase":
				cases++
			case "failure":
				failures++
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	if !strings.Contains(doc, fmt.Sprintf(`tests="%d" failures="%d"`, cases, failures)) || failures == 0 == !r.Passed() {
		t.Errorf("%d cases, %d failures:\n%s", cases, failures, doc)
	}
}

func TestJUnit(t *testing.T) {
	checkJUnit(t, judged(t, []string{"sent", "tls:no"}, hello+mail+quit, hello+mail+quit))
	checkJUnit(t, judged(t, []string{"sent", "tls:yes"}, hello+mail+quit, hello+mail+quit))
	none := judged(t, []string{"sent"})
	checkJUnit(t, none)
	none.Few(1, 0)
	checkJUnit(t, none)
}

// A summary stays below what GitHub takes.
func TestLongSummary(t *testing.T) {
	r := judged(t, []string{"tls:yes !finding:missing", "took>1h"}, hello+mail+quit)
	r.Sessions = slices.Repeat(r.Sessions, 10_000)
	if summary := written(t, r.Summary); len(summary) > 1<<20 || !strings.Contains(summary, "9700 more sessions are left out") {
		t.Errorf("%d bytes: %s", len(summary), summary[len(summary)-200:])
	}
}

func TestWords(t *testing.T) { langtest.Texts(t, expect.Words) }

func TestChinese(t *testing.T) {
	r := &expect.Report{Lang: lang.Chinese}
	r.Few(1, 30*time.Second)
	if lines := r.Lines(); !strings.Contains(lines[0], "没有任何会话") {
		t.Errorf("%q", lines)
	}
}
