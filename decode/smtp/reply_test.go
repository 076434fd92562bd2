package smtp_test

import (
	"bytes"
	"strings"
	"testing"

	"smtptap/decode/smtp"
)

func TestReadReplyLine(t *testing.T) {
	for _, c := range []struct {
		line, enhanced, text string
		code                 int
		more                 bool
	}{
		{"250 ok", "", "ok", 250, false},
		{"250-mx.example", "", "mx.example", 250, true},
		{"250", "", "", 250, false},
		{"250 ", "", "", 250, false},
		{"250-", "", "", 250, true},
		{"250\tok", "", "ok", 250, false},
		{"2500 x", "", "2500 x", 0, false},
		{"250x", "", "250x", 0, false},
		{"250:x", "", "250:x", 0, false},
		{"250\r", "", "250\r", 0, false},
		{"25 x", "", "25 x", 0, false},
		{"000 x", "", "000 x", 0, false},
		{"999 x", "", "x", 999, false},
		{"foo-bar", "", "foo-bar", 0, false},
		{" 250 ok", "", " 250 ok", 0, false},
		{"", "", "", 0, false},
		{"250 2.1.0 ok", "2.1.0", "ok", 250, false},
		{"250-2.1.0", "2.1.0", "", 250, true},
		{"250 5.1.0 ok", "", "5.1.0 ok", 250, false},
		{"550 5.1.1: no", "", "5.1.1: no", 550, false},
		{"550 5.1234.1 no", "", "5.1234.1 no", 550, false},
		{"354 3.0.0 go", "", "3.0.0 go", 354, false},
	} {
		for _, end := range []string{"", "\n", "\r\n"} {
			if end == "\n" && strings.HasSuffix(c.line, "\r") {
				continue // that is the end of the line
			}
			l := smtp.ReadReplyLine([]byte(c.line + end))
			if l.Code != c.code || l.More != c.more || string(l.Enhanced) != c.enhanced || string(l.Text) != c.text {
				t.Errorf("%q: %d %v %q %q", c.line+end, l.Code, l.More, l.Enhanced, l.Text)
			}
		}
	}
}

// endOf is where the first reply of p ends, line by line.
func endOf(p []byte) (n, code int) {
	for begun := false; ; begun = true {
		i := bytes.IndexByte(p[n:], '\n')
		if i < 0 {
			return 0, 0
		}
		l := smtp.ReadReplyLine(p[n : n+i+1])
		n += i + 1
		if l.Code != 0 {
			code = l.Code
		}
		if l.Ends(begun) {
			return n, code
		}
	}
}

func TestReplies(t *testing.T) {
	for stream, want := range map[string][]int{
		"220 hi\r\n250-a\r\n250 b\r\n":     {220, 250},
		"250\r\n250\n\r\n":                 {250, 250, 0},
		"foo-bar\r\n250-x\r\nfoo-bar\r\n":  {0},
		"250-x\r\nfoo bar\r\n250 y\r\n":    {250},
		"250-x\r\n550 y\r\n":               {550},
		"2500 x\r\n2500-x\r\n250\r\r\n":    {0, 0, 0},
		"250-a\r\n2500 x\r\n250-\r\n250\n": {250},
	} {
		for cut := 0; cut <= len(stream); cut++ {
			var r smtp.Replies
			var got []int
			for _, p := range [][]byte{[]byte(stream[:cut]), []byte(stream[cut:])} {
				for len(p) > 0 {
					n, reply, complete := r.Next(p)
					if p = p[n:]; complete {
						got = append(got, reply.Code)
					}
				}
			}
			if len(got) != len(want) {
				t.Fatalf("%q cut at %d: %v", stream, cut, got)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("%q cut at %d: %v", stream, cut, got)
				}
			}
		}
	}
}

// A stream cut anywhere has the same replies as its lines.
func FuzzReplies(f *testing.F) {
	f.Add([]byte("250-a\r\n250 b\r\n220\nfoo-bar\n"), 3)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		if cut < 0 || cut > len(stream) {
			cut = 0
		}
		var r smtp.Replies
		at := 0
		for rest := stream; len(rest) > 0; {
			want, code := endOf(rest)
			if want == 0 {
				return
			}
			n, got, complete := 0, smtp.Reply{}, false
			for !complete {
				p := rest[n:]
				if at+n < cut {
					p = p[:min(len(p), cut-at-n)]
				}
				var k int
				k, got, complete = r.Next(p)
				n += k
			}
			if n != want || got.Code != code {
				t.Fatalf("%q: %d, %d; want %d, %d", rest, n, got.Code, want, code)
			}
			if r.Pending() {
				t.Fatal("pending after a reply")
			}
			at, rest = at+n, rest[n:]
		}
	})
}

func TestReadKeyword(t *testing.T) {
	for text, want := range map[string][2]string{
		"STARTTLS":         {"STARTTLS", ""},
		"SIZE 100":         {"SIZE", "100"},
		"SIZE  100":        {"SIZE", "100"},
		"AUTH\tPLAIN":      {"AUTH", "PLAIN"},
		"AUTH=LOGIN PLAIN": {"AUTH=", "LOGIN PLAIN"},
		"AUTH= LOGIN":      {"AUTH=", "LOGIN"},
		" STARTTLS ":       {"STARTTLS", ""},
		"":                 {"", ""},
	} {
		k := smtp.ReadKeyword([]byte(text))
		if string(k.Name) != want[0] || string(bytes.TrimRight(k.Params, " ")) != want[1] {
			t.Errorf("%q: %q %q", text, k.Name, k.Params)
		}
	}
	if !smtp.ReadKeyword([]byte("StartTLS")).Is("STARTTLS") {
		t.Error("a keyword has no case")
	}
}
