package upstream_test

import (
	"strings"
	"testing"

	"smtptap/proxy/upstream"
)

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]string{
		"sink":                          "sink",
		"SINK":                          "sink",
		"mail.example.com":              "smtp://mail.example.com:587",
		"mail.example.com:25":           "smtp://mail.example.com:25",
		"mail.example.com:465":          "smtps://mail.example.com:465",
		"Mail.Example.Com.":             "smtp://mail.example.com:587",
		"localhost:1025":                "smtp://localhost:1025",
		"smtp://mail.example.com":       "smtp://mail.example.com:587",
		"smtp://mail.example.com:2525/": "smtp://mail.example.com:2525",
		"smtp://mail.example.com:465":   "smtp://mail.example.com:465",
		"SMTPS://mail.example.com":      "smtps://mail.example.com:465",
		"smtps://mail.example.com:587":  "smtps://mail.example.com:587",
		"192.0.2.1":                     "smtp://192.0.2.1:587",
		"192.0.2.1:25":                  "smtp://192.0.2.1:25",
		"2001:db8::1":                   "smtp://[2001:db8::1]:587",
		"[2001:db8::1]":                 "smtp://[2001:db8::1]:587",
		"[2001:DB8:0::1]:465":           "smtps://[2001:db8::1]:465",
		"smtp://[fe80::1%lo]:25":        "smtp://[fe80::1%lo]:25",
		"bücher.example:25":             "smtp://xn--bcher-kva.example:25",
		"邮件.example":                    "smtp://xn--5nq051n.example:587",
		"mx:example.org":                "mx:example.org",
		"MX:Bücher.Example":             "mx:xn--bcher-kva.example",
		"mx":                            "mx",
		"lmtp:mail.example.com":         "lmtp:mail.example.com:24",
		"LMTP:[2001:db8::1]:2003":       "lmtp:[2001:db8::1]:2003",
		"lmtp://mail.example.com":       "lmtp:mail.example.com:24",
		"lmtp:mail.example.com:465":     "lmtp:mail.example.com:465",
		"lmtp:unix:/run/Lmtp":           "lmtp:unix:/run/Lmtp",
		"unix:/run/smtp":                "unix:/run/smtp",
		"Unix:@smtp":                    "unix:@smtp",
	} {
		got, err := upstream.ParseTarget(in)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v; want %s", in, got, err, want)
			continue
		}
		if again, err := upstream.ParseTarget(got.String()); err != nil || again != got {
			t.Errorf("%q: reads back as %v, %v", in, again, err)
		}
	}
}

var long = strings.Repeat("/", 104)

func TestParseTargetErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "it is empty",
		"mail.example.com:":           "is not a port",
		"mail.example.com:0":          "is not a port",
		"mail.example.com:65536":      "is not a port",
		"mail.example.com:smtp":       "is not a port",
		":25":                         "the host is missing",
		"smtp://":                     "the host is missing",
		"smtp://user:pw@example.com":  "the client sends them itself",
		"smtp://example.com/inbox":    "nothing may follow",
		"https://example.com":         "not a scheme for mail",
		"2001:db8::1:2:3:4:5:6:7:587": "port in brackets",
		"mail.example.com:25:25":      "port in brackets",
		"[2001:db8::1":                "bracket is not closed",
		"[2001:db8::1]25":             "only :PORT may follow",
		"[mail.example.com]:25":       "not an IP address",
		"fe80::1%a/b":                 "is not a network interface",
		"bad host:25":                 "is not a host name",
		"-a.example":                  "is not a host name",
		"mx:":                         "the domain is missing",
		"unix:":                       "a path must follow",
		"lmtp:":                       "the host is missing",
		"lmtp:unix:":                  "a path must follow",
		"lmtp:a:0":                    "is not a port",
		"unix:a\x00b":                 "contains a NUL",
		"unix:" + long:                "at most 103 bytes",
		"mx:someone@example.org":      "mx:example.org",
		"mx:bad domain":               "bad domain",
		"evil\x1b[2J\u202e":           `evil\x1b[2J\u202e`,
	} {
		got, err := upstream.ParseTarget(in)
		if err == nil {
			t.Errorf("%q is read as %v", in, got)
		} else if !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\x1b\u202e\n") {
			t.Errorf("%q: %q; want %q in it", in, err, want)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"sink", "a:25", "smtps://[::1]:465", "mx:example.org", "mx", "lmtp:unix:/run/a", "lmtp:b", "unix:@a", "bücher.example", "[::1%a]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := upstream.ParseTarget(s)
		if err != nil {
			return
		}
		if again, err := upstream.ParseTarget(got.String()); err != nil || again != got {
			t.Errorf("%q reads as %q, and that as %q, %v", s, got, again, err)
		}
	})
}
