package message_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtptap/decode/message"
)

func TestReadStructured(t *testing.T) {
	const file = "name=附件.txt"
	for _, c := range []struct {
		value    string
		want     string // value and parameters
		problems []string
	}{
		{"", "", nil},
		{"Text/Plain", "text/plain", nil},
		{`text/plain; charset=UTF-8; format=flowed`, "text/plain charset=UTF-8 format=flowed", nil},
		{`text/plain;charset="utf-8";`, "text/plain charset=utf-8", nil},
		{`text/plain (a comment); charset=utf-8 (another (nested) one)`, "text/plain charset=utf-8", nil},
		{`multipart/mixed; boundary="a;b=\"c\\d"`, `multipart/mixed boundary=a;b="c\d`, nil},
		{`a/b; name="C:\dir"`, `a/b name=C:\dir`, nil},

		{`a/b; name*=utf-8''%E9%99%84%E4%BB%B6.txt`, "a/b " + file, nil},
		{`a/b; name*=UTF-8'zh-CN'%E9%99%84%E4%BB%B6.txt`, "a/b " + file, nil},
		{`a/b; name*=gbk''%B8%BD%BC%FE.txt`, "a/b " + file, nil},
		{`a/b; name*0*=utf-8''%E9%99%84%E4; name*1*=%BB%B6; name*2=".txt"`, "a/b " + file, nil},
		{`a/b; name*2=".txt"; name*1*=%BB%B6; name*0*=utf-8''%E9%99%84%E4`, "a/b " + file, nil},
		{`a/b; name*0="long "; name*1="name"`, "a/b name=long name", nil},
		{`a/b; name="fallback.txt"; name*=utf-8''%E9%99%84%E4%BB%B6.txt`, "a/b " + file, nil},
		{`a/b; name*=utf-8''100%25%zz`, "a/b name=100%%zz", nil},
		{`a/b; name*=no-quotes`, "a/b name=no-quotes", nil},

		{`a/b; name=my file.txt; size=1`, "a/b name=my file.txt size=1", []string{message.ParamMalformed}},
		{`a/b; name="open`, "a/b name=open", []string{message.ParamMalformed}},
		{`a/b; name="a" b`, "a/b name=a", []string{message.ParamMalformed}},
		{`a/b; name`, "a/b", []string{message.ParamMalformed}},
		{`a/b; =x`, "a/b", []string{message.ParamMalformed}},
		{`a/b; x*y=1`, "a/b", []string{message.ParamMalformed}},
		{`a/b; x=1; X=2`, "a/b x=1", []string{message.ParamDuplicate}},
		{`a/b; x*0=a; x*2=c`, "a/b x=ac", []string{message.ParamGap}},
		{`a/b; x*1=b`, "a/b x=b", []string{message.ParamGap}},
		{`a/b; x*=klingon''%41`, "a/b x=A", []string{message.ParamCharset}},
		{`a/b; x*=utf-8''%FF`, "a/b x=\xff", []string{message.WordMisfit}},
		{`a/b; name="=?utf-8?B?6ZmE5Lu2LnR4dA==?="`, "a/b " + file, []string{message.WordInParameter}},
		{"a/b; name=\"\xb8\xbd\xbc\xfe.txt\"", "a/b " + file, []string{message.RawUnknownChars}},
	} {
		got := message.ReadStructured(c.value)
		text := got.Value
		for _, p := range got.Params {
			text += " " + p.Name + "=" + p.Value
		}
		if text != c.want {
			t.Errorf("ReadStructured(%q) = %q, want %q", c.value, text, c.want)
		}
		if ids := problemIDs(got.Problems); !slices.Equal(ids, c.problems) {
			t.Errorf("ReadStructured(%q) has the problems %q, want %q", c.value, ids, c.problems)
		}
	}
}

func TestManyParameters(t *testing.T) {
	var s strings.Builder
	s.WriteString("a/b")
	for i := range 100_000 {
		fmt.Fprintf(&s, ";x*%d*=%%41", i)
	}
	got := message.ReadStructured(s.String())
	if len(got.Get("x")) != 1000 || !slices.Contains(problemIDs(got.Problems), message.TooMany) {
		t.Errorf("%d bytes of the parameter, problems %v", len(got.Get("x")), got.Problems)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		value, want string
		problems    []string
	}{
		{"", "", nil},
		{"a@example.com", "a@example.com", nil},
		{"<a@example.com>", "a@example.com", nil},
		{"<>", "", nil},
		{"A B <a@example.com>, c@example.net", "A B <a@example.com>|c@example.net", nil},
		{`"Doe, Jane" <jane@example.com>`, "Doe, Jane <jane@example.com>", nil},
		{`"a \"b\"" <x@example.com>`, `a "b" <x@example.com>`, nil},
		{"jane@example.com (Jane Doe)", "Jane Doe <jane@example.com>", nil},
		{"=?utf-8?B?5piT6IGU5LqR?= <a@example.com>", "易联云 <a@example.com>", nil},
		{`"much.more unusual"@example.com`, `"much.more unusual"@example.com`, nil},
		{"Team: a@example.com, b@example.com;, c@example.com", "[Team] a@example.com|[Team] b@example.com|c@example.com", nil},
		{"undisclosed-recipients:;", "", nil},
		{"张三@例子.公司", "张三@例子.公司", nil},
		{",, a@example.com ,", "a@example.com", nil},

		{`"=?utf-8?B?5piT6IGU5LqR?=" <a@example.com>`, "易联云 <a@example.com>", []string{message.WordInQuotes}},
		{"A <a@example.com", "A <a@example.com>", []string{message.AddressMalformed}},
		{"A <a@example.com, b@example.com", "A <a@example.com>|b@example.com", []string{message.AddressMalformed}},
		{`"A <a@example.com>`, "A <a@example.com>", []string{message.AddressMalformed}},
		{"=?utf-8?B?5piT6IGU5LqR?=", "易联云", []string{message.AddressMalformed}}, // as a page leaves it that took <...> for a tag
		{"nobody", "nobody", []string{message.AddressMalformed}},
		{"a b@example.com", "a b@example.com", []string{message.AddressMalformed}},
		{"<=?utf-8?Q?a?=@example.com>", "=?utf-8?Q?a?=@example.com", []string{message.AddressMalformed}},
		{"\xc4\xe3\xba\xc3 <a@example.com>", "你好 <a@example.com>", []string{message.RawUnknownChars}},
	} {
		all, problems := message.Addresses(c.value)
		var texts []string
		for _, a := range all {
			text := a.String()
			if a.Group != "" {
				text = "[" + a.Group + "] " + text
			}
			texts = append(texts, text)
		}
		if got := strings.Join(texts, "|"); got != c.want {
			t.Errorf("Addresses(%q) = %q, want %q", c.value, got, c.want)
		}
		if ids := problemIDs(problems); !slices.Equal(ids, c.problems) {
			t.Errorf("Addresses(%q) has the problems %q, want %q", c.value, ids, c.problems)
		}
	}
}
