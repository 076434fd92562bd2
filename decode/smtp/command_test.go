package smtp_test

import (
	"bytes"
	"strings"
	"testing"

	"smtptap/decode/smtp"
)

// Each line is read once, and with each kind of end.
func TestReadCommand(t *testing.T) {
	for _, c := range []struct {
		line, verb, arg string
		form            smtp.Form
	}{
		{"EHLO client.example", "EHLO", "client.example", 0},
		{"ehlo [IPv6:::1]", "EHLO", "[IPv6:::1]", 0},
		{"DATA", "DATA", "", 0},
		{"DATA ", "DATA", "", smtp.TrailingBlank},
		{"DATA x", "DATA", "x", smtp.Excess},
		{"NOOP\tx", "NOOP", "x", smtp.OddBlank},
		{"NOOP  x", "NOOP", "x", smtp.ManyBlanks},
		{"NOOP \tx ", "NOOP", "x ", smtp.ManyBlanks | smtp.OddBlank | smtp.TrailingBlank},
		{" NOOP", "NOOP", "", smtp.LeadingBlank},
		{"\t NOOP", "NOOP", "", smtp.LeadingBlank},
		{"\vNOOP", "NOOP", "", smtp.LeadingBlank | smtp.Control},
		{"NOOP\vx", "NOOP", "x", smtp.OddBlank | smtp.Control},
		{"NOOP\fx", "NOOP", "x", smtp.OddBlank | smtp.Control},
		{"NOOP\rx", "NOOP", "x", smtp.OddBlank | smtp.BareCR},
		{"NOOP x\r", "NOOP", "x\r", smtp.BareCR | smtp.TrailingBlank},
		{"NOOP x\ry", "NOOP", "x\ry", smtp.BareCR},
		{"NOOP x\x00", "NOOP", "x\x00", smtp.Control},
		{"NOOP \xff", "NOOP", "\xff", smtp.NotUTF8},
		{"NOOP ü", "NOOP", "ü", 0},
		{"NOOP\x00", "", "NOOP\x00", smtp.NoVerb | smtp.Control},
		{"NOOP\u00a0x", "", "NOOP\u00a0x", smtp.NoVerb},
		{"N\xd6\xd6P", "", "N\xd6\xd6P", smtp.NoVerb | smtp.NotUTF8},
		{"NOOP:x", "", "NOOP:x", smtp.NoVerb},
		{"NOOP;", "", "NOOP;", smtp.NoVerb},
		{"-NOOP", "", "-NOOP", smtp.NoVerb},
		{"", "", "", smtp.NoVerb},
		{" ", "", " ", smtp.NoVerb | smtp.LeadingBlank},
		{"X-FOO bar", "", "bar", 0},
		{"STARTTLS", "STARTTLS", "", 0},
		{"STARTTLS now", "STARTTLS", "now", smtp.Excess},
		{"AUTH PLAIN AAAA", "AUTH", "PLAIN AAAA", 0},
		{"AUTH\tPLAIN AAAA", "AUTH", "PLAIN AAAA", smtp.OddBlank},
		{"AUTH=PLAIN AAAA", "AUTH", "PLAIN AAAA", smtp.NoVerb},
		{"DATA=x", "", "DATA=x", smtp.NoVerb},
		{strings.Repeat("A", 32), "", "", 0},
		{strings.Repeat("A", 33), "", strings.Repeat("A", 33), smtp.NoVerb},
	} {
		for _, end := range []string{"", "\r\n", "\n"} {
			if end == "\n" && strings.HasSuffix(c.line, "\r") {
				continue // that is the end of the line
			}
			form := c.form
			if end == "\n" {
				form |= smtp.BareLF
			}
			got := smtp.ReadCommand([]byte(c.line + end))
			if got.Verb != c.verb || string(got.Arg) != c.arg || got.Form != form {
				t.Errorf("%q: verb %q, argument %q, form %b; want %q, %q, %b", c.line+end, got.Verb, got.Arg, got.Form, c.verb, c.arg, form)
			}
		}
	}
}

func TestReadPath(t *testing.T) {
	for _, c := range []struct {
		arg, text, local, domain string
		form                     smtp.Form
	}{
		{"TO:<a@b.example>", "a@b.example", "a", "b.example", 0},
		{"to:<a@b.example>", "a@b.example", "a", "b.example", 0},
		{"TO:<postmaster>", "postmaster", "postmaster", "", 0},
		{"TO:<>", "", "", "", 0},
		{"TO: <a@b.example>", "a@b.example", "a", "b.example", smtp.PathBlank},
		{"TO:\t<a@b.example>", "a@b.example", "a", "b.example", smtp.PathBlank | smtp.OddBlank},
		{"TO :<a@b.example>", "a@b.example", "a", "b.example", smtp.ColonBlank},
		{"TO:a@b.example", "a@b.example", "a", "b.example", smtp.NoBrackets},
		{"TO:a@b.example NOTIFY=NEVER", "a@b.example", "a", "b.example", smtp.NoBrackets},
		{"TO:<a@b.example", "a@b.example", "a", "b.example", smtp.Unclosed},
		{"TO:<a@b.example>>", "a@b.example", "a", "b.example", smtp.BadParam},
		{"TO:<a@b.example>,<c@d.example>", "a@b.example", "a", "b.example", smtp.BadParam},
		{"TO:<a@b.example> <c@d.example>", "a@b.example", "a", "b.example", smtp.BadParam},
		{"TO:<a@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2B@b.example", "a@b.example", "a", "b.example", 0},
		{"TO:<a@b.example>  X", "a@b.example", "a", "b.example", smtp.ManyBlanks},
		{"TO:<a@b.example>\tX", "a@b.example", "a", "b.example", smtp.OddBlank},
		{`TO:<"a>b"@c.example>`, `"a>b"@c.example`, `"a>b"`, "c.example", 0},
		{`TO:<"a\"@x>b"@c.example>`, `"a\"@x>b"@c.example`, `"a\"@x>b"`, "c.example", 0},
		{`TO:<"a>`, `"a`, `"a`, "", smtp.BadPath},
		{`TO:<"a b@c.example"@d.example>`, `"a b@c.example"@d.example`, `"a b@c.example"`, "d.example", 0},
		{"TO:<@r.example,@s.example:a@b.example>", "@r.example,@s.example:a@b.example", "a", "b.example", 0},
		{"TO:<@r.example a@b.example>", "@r.example a@b.example", "@r.example a", "b.example", smtp.BadPath},
		{"TO:<@,:a@b.example>", "@,:a@b.example", "a", "b.example", smtp.BadPath},
		{"TO:<a@b@c.example>", "a@b@c.example", "a@b", "c.example", smtp.BadPath},
		{"TO:<a@b.example:c@d.example>", "a@b.example:c@d.example", "a@b.example:c", "d.example", smtp.BadPath},
		{"TO:<a@>", "a@", "a", "", smtp.BadPath},
		{"TO:<a b@c.example>", "a b@c.example", "a b", "c.example", smtp.BadPath},
		{"TO:<a@b c.example>", "a@b c.example", "a", "b c.example", smtp.BadPath},
		{"TO:<a(x)@b.example>", "a(x)@b.example", "a(x)", "b.example", smtp.BadPath},
		{"TO:<a..b.@c.example>", "a..b.@c.example", "a..b.", "c.example", 0},
		{"TO:<a%b@c.example>", "a%b@c.example", "a%b", "c.example", 0},
		{"TO:<ä@bücher.example>", "ä@bücher.example", "ä", "bücher.example", 0},
		{"TO:<a@[192.0.2.1]>", "a@[192.0.2.1]", "a", "[192.0.2.1]", 0},
		{"TO:<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]", 0},
		{"TO:<a@[]>", "a@[]", "a", "[]", smtp.BadPath},
	} {
		got := smtp.ReadCommand([]byte("RCPT " + c.arg))
		if p := got.Path; !p.Found || string(p.Text) != c.text || string(p.Local) != c.local || string(p.Domain) != c.domain || got.Form != c.form {
			t.Errorf("%s: %q, local %q, domain %q, form %b; want %q, %q, %q, %b", c.arg, p.Text, p.Local, p.Domain, got.Form, c.text, c.local, c.domain, c.form)
		}
	}
	for _, arg := range []string{"", "TO", "TO:", "TO: ", "<a@b.example>", "a@b.example", "FROM:<a@b.example>", "TO<a@b.example>", "TOO:<a@b.example>"} {
		got := smtp.ReadCommand([]byte("RCPT " + arg))
		if got.Path.Found || got.Form&smtp.NoPath == 0 || got.Clear() {
			t.Errorf("%q: path %v, form %b", arg, got.Path.Found, got.Form)
		}
	}
}

func TestParams(t *testing.T) {
	c := smtp.ReadCommand([]byte("MAIL FROM:<> SIZE=10 BODY=8BITMIME  SMTPUTF8\tX=a=b "))
	var got []string
	for key, value, rest, found := c.Params.Next(); found; key, value, rest, found = rest.Next() {
		got = append(got, string(key)+":"+string(value))
	}
	if s := strings.Join(got, " "); s != "SIZE:10 BODY:8BITMIME SMTPUTF8: X:a=b" {
		t.Error(s)
	}
	if c.Form != smtp.ManyBlanks|smtp.OddBlank|smtp.TrailingBlank {
		t.Errorf("form %b", c.Form)
	}
}

func TestReadChunk(t *testing.T) {
	for _, c := range []struct {
		arg   string
		size  int64
		last  bool
		clear bool
	}{
		{"0", 0, false, true},
		{"0 LAST", 0, true, true},
		{"10 last", 10, true, true},
		{"0010", 10, false, true},
		{" 10", 10, false, false},
		{"10  LAST", 10, true, false},
		{"10\tLAST", 10, true, false},
		{"10 LAST ", 10, true, false},
		{"10 ", 10, false, false},
		{"999999999999999999", 999999999999999999, false, true},
		{"9999999999999999999", -1, false, false},
		{"", -1, false, false},
		{"+10 LAST", -1, false, false},
		{"-10", -1, false, false},
		{"0x10", -1, false, false},
		{"1_0", -1, false, false},
		{"10 LAST x", -1, false, false},
		{"10 LAST,", -1, false, false},
		{"10,LAST", -1, false, false},
		{"10 x", -1, false, false},
		{"LAST", -1, false, false},
		{"١٠", -1, false, false},
	} {
		got := smtp.ReadCommand([]byte("BDAT " + c.arg + "\r\n"))
		if got.Size != c.size || got.Last != c.last || got.Clear() != c.clear {
			t.Errorf("BDAT %s: size %d, last %v, clear %v; want %d, %v, %v", c.arg, got.Size, got.Last, got.Clear(), c.size, c.last, c.clear)
		}
	}
	if c := smtp.ReadCommand([]byte("BDAT 10\n")); c.Clear() {
		t.Error("a server that waits for CRLF reads on, and the chunk is commands to it")
	}
}

// What a guard may let through.
func TestClear(t *testing.T) {
	for line, want := range map[string]bool{
		"RCPT TO:<a@b.example>":           true,
		"rcpt to:<a@b.example>":           true,
		"RCPT TO: <a@b.example> ":         true,
		"RCPT TO:a@b.example":             true,
		"RCPT TO:<a@b.example>\n":         true,
		"RCPT TO :<a@b.example>":          false,
		"RCPT\tTO:<a@b.example>":          false,
		"RCPT  TO:<a@b.example>":          false,
		" RCPT TO:<a@b.example>":          false,
		"RCPT TO:<a@b.example>,<c@d.e>":   false,
		"RCPT TO:<a@b.example\x00>":       false,
		"NOOP\rRCPT TO:<a@b.example>":     false,
		"NOOP x\r\r\n":                    false,
		"NOOP \xc3":                       false,
		"\xefRCPT TO:<a@b.example>":       false,
		"AUTH=PLAIN AAAA":                 false,
		"STARTTLS ":                       true,
		"STARTTLS x":                      false,
		"":                                false,
		"XYZZY a b":                       true,
		"MAIL FROM:<>":                    true,
		"MAIL FROM:<> AUTH=<> SIZE=1":     true,
		"MAIL FROM:<a@b.example>SIZE=100": false,
	} {
		if c := smtp.ReadCommand([]byte(line)); c.Clear() != want {
			t.Errorf("%q: clear %v, form %b", line, c.Clear(), c.Form)
		}
	}
}

func FuzzReadCommand(f *testing.F) {
	for _, s := range []string{"EHLO x\r\n", "RCPT TO :<a@b> X=1\n", "BDAT 3 LAST\r\n", " AUTH=PLAIN x", "MAIL FROM:<\"a\\\"b\"@c>", "\rDATA"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		kept := bytes.Clone(line)
		c := smtp.ReadCommand(line)
		if !bytes.Equal(kept, line) {
			t.Fatal("the line was changed")
		}
		if len(c.Path.Text) < len(c.Path.Local)+len(c.Path.Domain) {
			t.Fatalf("%q: local part %q and domain %q in %q", line, c.Path.Local, c.Path.Domain, c.Path.Text)
		}
		if c.Clear() {
			checkClear(t, line, c)
		}
	})
}

// checkClear compares a line that is clear with a reading by other means.
func checkClear(t *testing.T, line []byte, c smtp.Command) {
	text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
	if strings.ContainsAny(text, "\x00\r\n\v\f") {
		t.Fatalf("%q holds what no line may hold", line)
	}
	word, _, _ := strings.Cut(text, " ")
	if strings.TrimRight(word, "\t") != string(c.Word) || c.Verb != "" && strings.ToUpper(string(c.Word)) != c.Verb {
		t.Fatalf("%q: verb %q", line, c.Word)
	}
	if c.Path.Domain != nil && !strings.Contains(text, "@"+string(c.Path.Domain)) {
		t.Fatalf("%q: domain %q", line, c.Path.Domain)
	}
}

func TestCommandsAreReadWithoutAllocation(t *testing.T) {
	lines := [][]byte{[]byte("RCPT TO:<@r.example:a@b.example> NOTIFY=NEVER\r\n"), []byte("BDAT 100 LAST\r\n"), []byte("AUTH PLAIN AAAA\r\n"), []byte("nonsense\r\n")}
	if n := testing.AllocsPerRun(100, func() {
		for _, l := range lines {
			c := smtp.ReadCommand(l)
			c.Params.Next()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
