package logs

import (
	"slices"
	"testing"
)

func TestPrefilter(t *testing.T) {
	for expr, want := range map[string]prefilter{
		`^CLIENT -> (?:SERVER|SMTP): `:      {"CLIENT -> "},
		`(?:send: b?'|reply: )`:             {"send: ", "reply: "},
		`^[<>] \d{3}`:                       nil,
		`(?i)error: \d`:                     nil,
		`(?:status=(?:sent|bounced))+ \(`:   {"status="},
		`a?(?:lost connection)? from \S+\[`: {" from "},
	} {
		if got := prefilterOf(expr); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

// TestPrefilterIsSafe runs every mark of every dialect over the rows of a log
// with and without its prefilter.
func TestPrefilterIsSafe(t *testing.T) {
	texts := []string{"", "220 mail.example.org", "CLIENT -> SERVER: EHLO x", " ~> QUIT", "<~  250 HELP", "DEBUG SMTP: useEhlo true",
		"[2024-06-03 10:00:00] DEBUG [abc] S: 220 x", "send: 'ehlo x\\r\\n'", "++ Starting Swift_SmtpTransport", "* Connected to x", "└──220 x"}
	for _, d := range dialects {
		for _, k := range d.marks {
			for _, text := range texts {
				if k.Regexp.MatchString(text) && !k.pre.allows(text) {
					t.Errorf("%s: the prefilter of %s hides %q", d.id, k.Regexp, text)
				}
			}
		}
	}
}
