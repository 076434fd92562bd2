package codes

import (
	"regexp"
	"strings"
	"testing"

	"smtptap/decode/lang/langtest"
)

func TestReply(t *testing.T) {
	for _, c := range []struct {
		code int
		verb string
		want string // part of the text; "" for unknown
	}{
		{220, "", "ready for EHLO"},
		{220, "STARTTLS", "TLS handshake"},
		{250, "RCPT", "recipient accepted"},
		{250, ".", "message accepted"},
		{250, "XADR", "done"},
		{334, "AUTH", "next step"},
		{535, "AUTH", "authentication failed"},
		{535, "MAIL", "authentication failed"},
		{556, "RCPT", "does not accept mail"},
		{559, "RCPT", "permanent failure, the same try will fail again, about the mail system (a code"},
		{434, "RCPT", "temporary failure, a later try may succeed (a code"},
		{299, "", "success (a code"},
		{0, "", ""},
		{99, "", ""},
		{600, "", ""},
		{-1, "", ""},
	} {
		m, ok := ReplyTo(c.code, c.verb)
		if ok != (c.want != "") || !strings.Contains(m.En, c.want) {
			t.Errorf("ReplyTo(%d, %q) = %+v, %v, want %q", c.code, c.verb, m, ok, c.want)
		}
	}
}

func TestEnhanced(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"5.7.8", "username, password or token not accepted (permanent)"},
		{"4.7.1", "refused by policy, such as relaying, a block list or content (temporary: a later try may succeed)"},
		{"2.1.5", "no problem with the recipient address"},
		{"2.1.10", "the recipient's domain has a null MX: it takes no mail"},
		{"4.7.32", "the From domain is not aligned with SPF or DKIM (temporary: a later try may succeed)"},
		{"5.7.99", "something about security or policy (permanent) (detail not registered)"},
		{"4.9.1", "unregistered subject (temporary: a later try may succeed)"},
		{"3.1.1", ""},
		{"5.01.1", ""},
		{"5.1", ""},
		{"5.1.1.1", ""},
		{"5.1.1000", ""},
		{"5.+1.1", ""},
		{"5..1", ""},
		{"", ""},
	} {
		m, ok := Enhanced(c.code)
		if ok != (c.want != "") || m.En != c.want {
			t.Errorf("Enhanced(%q) = %q, %v, want %q", c.code, m.En, ok, c.want)
		}
	}
}

func TestKeyword(t *testing.T) {
	for _, c := range []struct{ name, params, want string }{
		{"SIZE", "10485760", "the client may announce a message's size before sending it, at most 10.5 MB (10485760 B)"},
		{"SIZE", "0", "the client may announce a message's size before sending it, no fixed limit"},
		{"SIZE", "", "the client may announce a message's size before sending it"},
		{"SIZE", "many", "the client may announce a message's size before sending it"},
		{"AUTH", "LOGIN  PLAIN", "login mechanisms: LOGIN, PLAIN"},
		{"AUTH=LOGIN", "PLAIN", "login mechanisms, in the spelling that old Outlook needs: LOGIN, PLAIN"},
		{"FUTURERELEASE", "86400 2030-01-01T00:00:00Z", "holds a message back until a given time, at most 86400 s ahead"},
		{"X-UNHEARD-OF", "", ""},
	} {
		m, ok := Keyword(c.name, c.params)
		if ok != (c.want != "") || m.En != c.want {
			t.Errorf("Keyword(%q, %q) = %q, %v, want %q", c.name, c.params, m.En, ok, c.want)
		}
	}
}

func TestParameter(t *testing.T) {
	for _, c := range []struct{ key, value, en, zh string }{
		{"SIZE", "1234", "size of the message: about 1.2 kB (1234 B)", "邮件大小：约 1.2 kB (1234 B)"},
		{"body", "8bitmime", "text may hold bytes above 127", "正文可含大于 127 的字节"},
		{"BODY", "odd", "type of text odd", "正文类型 odd"},
		{"AUTH", "a+2Bb@example.com", "submitted by a+b@example.com", "提交者 a+b@example.com"},
		{"AUTH", "<>", "the submitter is not known", "提交者未知"},
		{"ORCPT", "rfc822;a+3Db@example.com", "the original address: a=b@example.com", "原始地址：a=b@example.com"},
		{"ORCPT", "utf-8;[x]{value}@example.com", "the original address: [x]{value}@example.com (utf-8)", "原始地址：[x]{value}@example.com (utf-8)"},
		{"ENVID", "a+zz+2", "the sender's name for this message in reports: a+zz+2", "发件人在报告中对此邮件的标识：a+zz+2"},
		{"NOTIFY", "SUCCESS,failure,ODD", "send delivery reports on delivery, on failure, ODD", "发送投递报告：投递成功时、失败时、ODD"},
		{"NOTIFY", "never", "no delivery reports", "不要投递报告"},
		{"SMTPUTF8", "", "addresses or headers hold characters outside ASCII", "地址或邮件头含 ASCII 以外的字符"},
		{"X-ODD", "1", "", ""},
	} {
		m, ok := Parameter(c.key, c.value)
		if ok != (c.en != "") || m.En != c.en || m.Zh != c.zh {
			t.Errorf("Parameter(%q, %q) = %+v, %v, want %q", c.key, c.value, m, ok, c.en)
		}
	}
}

// TestTables holds every text to the same form, so that lists of them read well.
func TestTables(t *testing.T) {
	form := map[string]*regexp.Regexp{
		"phrase":    regexp.MustCompile(`^[a-z-]+$`),
		"class":     regexp.MustCompile(`^[1-5]$`),
		"about":     regexp.MustCompile(`^[0-9]$`),
		"reply":     regexp.MustCompile(`^[1-5][0-9]{2}$`),
		"reply-to":  regexp.MustCompile(`^[2-5][0-9]{2} [A-Z]+$`),
		"subject":   regexp.MustCompile(`^[0-7]$`),
		"detail":    regexp.MustCompile(`^[0-7]\.[0-9]{1,3}$`),
		"success":   regexp.MustCompile(`^2\.[0-7]\.[0-9]{1,3}$`),
		"verb":      regexp.MustCompile(`^[A-Z-]+$`),
		"parameter": regexp.MustCompile(`^[A-Z0-9-]+(=[A-Z0-9<>]+)?$`),
		"notify":    regexp.MustCompile(`^[A-Z]+$`),
		"keyword":   regexp.MustCompile(`^[A-Z0-9_-]+(=0?)?$`),
		"mechanism": regexp.MustCompile(`^[A-Z0-9_-]+$`),
	}
	for name, table := range tables() {
		if form[name] == nil {
			t.Errorf("nothing looks into [%s]", name)
			continue
		}
		for key, m := range table {
			where := name + " " + key
			if !form[name].MatchString(key) {
				t.Errorf("%s: not how a key of [%s] is written", where, name)
			}
			langtest.Text(t, where, m.Text)
			for _, text := range []string{m.En, m.Zh} {
				if m.Ref == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "。") || len(text) > 130 {
					t.Errorf("%s: %+v lacks a source, ends with a full stop or is too long for a line", where, m)
				}
			}
		}
	}
	// A row lost by accident must be noticed.
	for name, want := range map[string]int{"reply": 50, "reply-to": 62, "detail": 98, "keyword": 66, "mechanism": 23} {
		if n := len(tables()[name]); n < want {
			t.Errorf("[%s] has %d rows, want %d or more", name, n, want)
		}
	}
}
