package codes

import (
	"regexp"
	"strings"
	"testing"
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
		{559, "RCPT", "no: the same try will fail again, about the mail system"},
		{434, "RCPT", "not now"},
		{299, "", "yes, done (a code"},
		{0, "", ""},
		{99, "", ""},
		{600, "", ""},
		{-1, "", ""},
	} {
		m, ok := ReplyTo(c.code, c.verb)
		if ok != (c.want != "") || !strings.Contains(m.Text, c.want) {
			t.Errorf("ReplyTo(%d, %q) = %+v, %v, want %q", c.code, c.verb, m, ok, c.want)
		}
	}
}

func TestEnhanced(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"5.7.8", "username, password or token not accepted; permanent"},
		{"4.7.1", "not allowed: refused by policy, such as relaying, a block list or content; a later try may succeed"},
		{"2.1.5", "recipient address fine"},
		{"2.1.10", "the recipient's domain says by a null MX that it takes no mail"},
		{"5.7.139", "login refused by the tenant: password logins are switched off, or a policy forbids it"},
		{"5.7.99", "something about security or policy; permanent (detail not registered)"},
		{"4.9.1", "unregistered subject; a later try may succeed"},
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
		if ok != (c.want != "") || m.Text != c.want {
			t.Errorf("Enhanced(%q) = %q, %v, want %q", c.code, m.Text, ok, c.want)
		}
	}
}

func TestKeyword(t *testing.T) {
	for _, c := range []struct{ name, params, want string }{
		{"SIZE", "10485760", "the client may announce a message's size before sending it, at most 10 MiB (10485760 bytes)"},
		{"SIZE", "0", "the client may announce a message's size before sending it, no fixed limit"},
		{"SIZE", "", "the client may announce a message's size before sending it (limit not told)"},
		{"SIZE", "many", "the client may announce a message's size before sending it"},
		{"AUTH", "LOGIN  PLAIN", "logins it understands: LOGIN, PLAIN"},
		{"AUTH=LOGIN", "PLAIN", "logins in the spelling that old Outlook needs: LOGIN, PLAIN"},
		{"FUTURERELEASE", "86400 2030-01-01T00:00:00Z", "holds a message back until a given time, at most 86400 s ahead"},
		{"X-UNHEARD-OF", "", ""},
	} {
		m, ok := Keyword(c.name, c.params)
		if ok != (c.want != "") || m.Text != c.want {
			t.Errorf("Keyword(%q, %q) = %q, %v, want %q", c.name, c.params, m.Text, ok, c.want)
		}
	}
}

func TestParameter(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"SIZE", "1234", "the message is about 1.2 KiB (1234 bytes)"},
		{"body", "8bitmime", "text may hold bytes above 127"},
		{"BODY", "odd", "kind of text odd"},
		{"AUTH", "a+2Bb@example.com", "submitted by a+b@example.com"},
		{"AUTH", "<>", "the submitter is not known"},
		{"ORCPT", "rfc822;a+3Db@example.com", "the address as it was at first: a=b@example.com"},
		{"ORCPT", "utf-8;x@example.com", "the address as it was at first: x@example.com (utf-8)"},
		{"ENVID", "a+zz+2", "the sender's name for this message in reports a+zz+2"},
		{"NOTIFY", "SUCCESS,failure,ODD", "send delivery reports on delivery, on failure, ODD"},
		{"NOTIFY", "never", "no delivery reports"},
		{"SMTPUTF8", "", "addresses or headers hold characters outside ASCII"},
		{"X-ODD", "1", ""},
	} {
		m, ok := Parameter(c.key, c.value)
		if ok != (c.want != "") || m.Text != c.want {
			t.Errorf("Parameter(%q, %q) = %q, %v, want %q", c.key, c.value, m.Text, ok, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0:        "0 bytes",
		1:        "1 byte",
		1023:     "1023 bytes",
		1024:     "1 KiB (1024 bytes)",
		35000000: "33.4 MiB (35000000 bytes)",
		1 << 50:  "1024 TiB (1125899906842624 bytes)",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestTables holds every text to the same form, so that lists of them read well.
func TestTables(t *testing.T) {
	check := func(name string, m Meaning) {
		if m.Text == "" || m.Ref == "" || strings.HasSuffix(m.Text, ".") || len(m.Text) > 130 {
			t.Errorf("%s: %+v lacks a text or source, ends with a full stop or is too long for a line", name, m)
		}
	}
	for _, table := range []map[string]Meaning{keywords, mechanisms, verbs, parameters, parameterValues, private, successes} {
		for name, m := range table {
			check(name, m)
			if name != strings.ToUpper(name) {
				t.Errorf("%s is looked up in upper case", name)
			}
		}
	}
	code := regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}$`)
	for _, table := range []map[string]Meaning{private, successes} {
		for name := range table {
			if !code.MatchString(name) {
				t.Errorf("%s is no enhanced status code", name)
			}
		}
	}
	for code, m := range replies {
		check("reply", m)
		if _, ok := replyClasses[code/100]; !ok {
			t.Errorf("%d is no reply code", code)
		}
	}
	for _, m := range repliesTo {
		check("reply to", m)
	}
	// A row lost by accident must be noticed: the number of details per subject.
	count := map[int]int{}
	for d, m := range details {
		check("detail", m)
		count[d.subject]++
	}
	for subject, want := range map[int]int{0: 1, 1: 11, 2: 5, 3: 7, 4: 8, 5: 7, 6: 11, 7: 31} {
		if count[subject] != want {
			t.Errorf("subject %d has %d details, want %d", subject, count[subject], want)
		}
	}
}
