package meaning_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"smtptap/decode/meaning"
)

// best is what a reply is taken for, "" for nothing.
func best(r meaning.Reply) string {
	if all := meaning.Of(r); len(all) > 0 {
		return all[0].ID
	}
	return ""
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		reply meaning.Reply
		want  string
	}{
		{"words against the enhanced code", meaning.Reply{Stage: "MAIL", Code: 553, Enhanced: "5.1.8", Words: "You may only send from your own address"}, "SENDER-NOT-OWNED-553"},
		{"words against the stage", meaning.Reply{Stage: "RCPT", Code: 550, Words: "Sender domain does not exist"}, "MAILFROM-DOMAIN-NOT-FOUND"},
		{"the stage against the enhanced code", meaning.Reply{Stage: "MAIL", Code: 550, Enhanced: "5.1.1", Words: "sender unknown in our user table"}, "MAIL-REFUSED"},
		{"a code that says later", meaning.Reply{Stage: "RCPT", Code: 451, Words: "192.0.2.1 is not yet authorized to deliver mail, please try later"}, "GREYLIST-45X"},
		{"a report that quotes no server", meaning.Reply{Code: 550, Enhanced: "5.4.317", Words: "Message expired, can't connect to the remote server"}, "CONN-FAILED"},
		{"the enhanced code alone", meaning.Reply{Stage: "RCPT", Code: 550, Enhanced: "5.1.1"}, "RCPT-UNKNOWN-550"},
		{"nothing but a code", meaning.Reply{Stage: "RCPT", Code: 550, Words: "go away please"}, ""},
		{"a host name is not words", meaning.Reply{Stage: ".", Code: 550, Words: "spam-filter.example.org"}, ""},
		{"an address is not words", meaning.Reply{Stage: "RCPT", Code: 550, Words: "<unknown.user@example.org> hm"}, ""},
		{"no word at all", meaning.Reply{}, ""},
	} {
		if got := best(c.reply); got != c.want {
			t.Errorf("%s: %q, want %q (%v)", c.name, got, c.want, meaning.Concepts(c.reply.Words))
		}
	}
}

// What makes no difference to a reader makes none to the reading.
func TestFolding(t *testing.T) {
	for _, same := range [][]string{
		{"Boîte aux lettres saturée", "BOITE AUX LETTRES SATUREE", "boîte  aux\r\nlettres saturée"},
		{"Ёмкость ящика: переполнен", "емкость ЯЩИКА: Переполнен"},
		{"Posta kutusu dolmuş", "POSTA KUTUSU DOLMUS"},
		{"ＴＬＳが必要です", "tlsが必要です"},
		{"isn't allowed", "isn’t allowed"},
	} {
		want := meaning.Concepts(same[0])
		if len(want) == 0 {
			t.Errorf("%q holds nothing", same[0])
		}
		for _, s := range same[1:] {
			if got := meaning.Concepts(s); !slices.Equal(got, want) {
				t.Errorf("%q holds %v, %q %v", s, got, same[0], want)
			}
		}
	}
}

// A negation turns only what stands near it.
func TestNegation(t *testing.T) {
	for s, want := range map[string]bool{
		"the mailbox does not exist":   true,
		"das Postfach existiert nicht": true,
		"la boîte n'existe pas":        true,
		"the mailbox exists":           false,
		"exists, says the server, and I do hope that this is not the end": false,
	} {
		if got := slices.Contains(meaning.Concepts(s), "absent"); got != want {
			t.Errorf("%q: absent is %v", s, got)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("RCPT", 550, "5.1.1", "no such user")
	f.Add("", 0, "", "…!*=…")
	f.Add(".", 554, "5.7.1", "\xff\xfe존재하지\x00")
	f.Fuzz(func(t *testing.T, stage string, code int, enhanced, words string) {
		r := meaning.Reply{Stage: stage, Code: code, Enhanced: enhanced, Words: words}
		all := meaning.Of(r)
		if !slices.IsSortedFunc(all, func(a, b meaning.Reading) int { return b.Score - a.Score }) {
			t.Errorf("not the best first: %v", all)
		}
		if again := meaning.Of(r); !slices.Equal(all, again) {
			t.Errorf("%v, and again %v", all, again)
		}
		if utf8.ValidString(words) && strings.EqualFold(strings.ToLower(words), words) && !slices.Equal(meaning.Concepts(words), meaning.Concepts(strings.ToLower(words))) {
			t.Errorf("case matters in %q", words)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	r := meaning.Reply{Stage: "RCPT", Code: 550, Enhanced: "5.1.1", Words: "The email account that you tried to reach does not exist. Please try double-checking the recipient's email address for typos or unnecessary spaces."}
	for b.Loop() {
		meaning.Of(r)
	}
}
