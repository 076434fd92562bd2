package logs_test

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/recordings/logs"
)

// eachLine puts every line of a text through f.
func eachLine(text string, f func(string) string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		lines[i] = f(lines[i])
	}
	return strings.Join(lines, "\n") + "\n"
}

func prefix(with string) func(string) string {
	return func(text string) string { return eachLine(text, func(l string) string { return with + l }) }
}

var tag = regexp.MustCompile(`<[A-Za-z/!][^<>\n]*>`)

// damages are what happens to a log on its way into a question. None of them
// loses what was said.
var damages = map[string]func(string) string{
	"quoted":         prefix("> "),
	"quoted twice":   prefix(">> "),
	"quoted tightly": prefix(">"),
	"indented":       prefix("    "),
	"tabbed":         prefix("\t"),
	"list":           prefix("- "),
	"commented":      prefix("# "),
	"fenced":         func(text string) string { return "Here is the log:\n```\n" + text + "```\nAny ideas?\n" },
	"crlf":           func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") },
	"spaces behind":  func(text string) string { return eachLine(text, func(l string) string { return l + "  " }) },
	"escaped":        html.EscapeString,
	"typographic": func(text string) string {
		return strings.NewReplacer("->", "→", "<-", "←").Replace(text)
	},
	"html lines": func(text string) string {
		return eachLine(html.EscapeString(text), func(l string) string { return l + "<br>" })
	},
	"byte order":  func(text string) string { return "\ufeff" + text },
	"no-break":    func(text string) string { return strings.ReplaceAll(text, " ", "\u00a0") },
	"composition": prefix("web-1  | "),
	"syslog":      prefix("Jun  3 10:00:00 web1 php-fpm[812]: "),
	"container": func(text string) string {
		return eachLine(text, func(l string) string {
			log, _ := json.Marshal(l + "\n")
			return fmt.Sprintf(`{"log":%s,"stream":"stderr","time":"2024-06-03T10:00:00.5Z"}`, log)
		})
	},
	"monolog": func(text string) string {
		return eachLine(text, func(l string) string { return "[2024-06-03 10:00:00] mail.DEBUG: " + l + " [] []" })
	},
	"numbered": func(text string) string {
		n := 0
		return eachLine(text, func(l string) string { n++; return fmt.Sprintf("%4d  %s", n, l) })
	},
	"blank between": func(text string) string { return strings.ReplaceAll(text, "\n", "\n\n") },
	"newest first": func(text string) string {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		slices.Reverse(lines)
		return strings.Join(lines, "\n") + "\n"
	},
	"quoted and escaped": func(text string) string {
		return prefix("> ")(html.EscapeString(text))
	},
}

// spine is what must survive: who said which command or reply, in order.
func spine(t *decode.Transcript) []string {
	var s []string
	for _, e := range t.Entries {
		ev := e.Event
		if ev == nil {
			continue
		}
		switch ev.Kind {
		case decode.KindGreeting, decode.KindReply:
			s = append(s, fmt.Sprintf("S %d to %s", ev.Reply.Code, ev.Reply.ToVerb))
		case decode.KindCommand:
			s = append(s, "C "+ev.Command.Verb)
		case decode.KindAuth:
			s = append(s, fmt.Sprintf("C auth %d", ev.Auth.Step))
		case decode.KindEndOfData:
			s = append(s, "C .")
		case decode.KindHeader:
			s = append(s, "C "+ev.Header.Name+":")
		}
	}
	return s
}

// immune are the damages that a form does not stand, with the reason.
func immune(name, damage string) bool {
	switch damage {
	case "blank between":
		// A blank line inside a reply or a message is one of its own there.
		return false
	case "typographic":
		// Only marks in front of a line are turned into arrows by people's
		// tools; a reply that quotes an arrow does not come into it.
		return false
	case "newest first":
		// Its only step of a session is the failure to connect.
		return name == "phpmailer-6-html-level3-ssl-on-plain-port"
	case "no-break":
		// Python's repr shows a no-break space as what it is.
		return strings.HasPrefix(name, "smtplib")
	}
	return false
}

// few thins out the logs for a quick run, and for one with the race detector.
func few(names []string) []string {
	if !testing.Short() && !raced {
		return names
	}
	var some []string
	for i := 0; i < len(names); i += 6 {
		some = append(some, names[i])
	}
	return some
}

// everyNth is how many logs share the damages: each log takes its turn with a
// part of them, and each damage meets a part of the logs.
const everyNth = 8

// TestDamage reads every log in several states of damage and expects the same
// dialogue.
func TestDamage(t *testing.T) {
	t.Parallel()
	kinds := slices.Sorted(maps.Keys(damages))
	for i, name := range few(logFiles(t)) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole := parseAll(t, name)[0]
		base := strings.TrimSuffix(filepath.Base(name), ".txt")
		for j, damage := range kinds {
			do := damages[damage]
			if (i+j)%everyNth != 0 || immune(base, damage) {
				continue
			}
			t.Run(base+"/"+damage, func(t *testing.T) {
				t.Parallel()
				readsLike(t, whole, do(string(data)), spine)
			})
		}
	}
}

// readsLike reads a text and expects the dialect, the dialogue and the verdict
// of whole.
func readsLike(t *testing.T, whole *decode.Transcript, text string, dialogue func(*decode.Transcript) []string) *decode.Transcript {
	t.Helper()
	tr, err := logs.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if tr.Dialect != whole.Dialect {
		t.Errorf("dialect %s, want %s", tr.Dialect, whole.Dialect)
	}
	if got, want := dialogue(tr), dialogue(whole); !slices.Equal(got, want) {
		t.Errorf("dialogue\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, want := verdict(tr), verdict(whole); got != want {
		t.Errorf("verdict %s, want %s", got, want)
	}
	return tr
}

func verdict(t *decode.Transcript) string { return findings.Analyze(t, lang.English).Verdict.ID }

var spaces = regexp.MustCompile(`\s+`)

// commands is the spine without the lines of messages.
func commands(t *decode.Transcript) []string {
	return slices.DeleteFunc(spine(t), func(s string) bool { return strings.HasSuffix(s, ":") })
}

// eachLog runs a test for its part of the logs; see everyNth.
func eachLog(t *testing.T, test func(t *testing.T, text string, whole *decode.Transcript)) {
	for i, name := range few(logFiles(t)) {
		if (i+len(t.Name()))%(everyNth/2) != 0 {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			test(t, string(data), parseAll(t, name)[0])
		})
	}
}

// TestJoined reads every log after a page has put all of it on one line.
func TestJoined(t *testing.T) {
	eachLog(t, func(t *testing.T, text string, whole *decode.Transcript) {
		readsLike(t, whole, spaces.ReplaceAllString(text, " "), commands)
	})
}

// TestEaten reads every log after a browser has taken everything in angle
// brackets for tags.
func TestEaten(t *testing.T) {
	eachLog(t, func(t *testing.T, text string, whole *decode.Transcript) {
		tr := readsLike(t, whole, tag.ReplaceAllString(text, ""), spine)
		mails := slices.Contains(spine(whole), "C MAIL")
		if mails && !strings.Contains(text, "&lt;") && !tr.Lack(decode.LackBrackets) {
			t.Errorf("lacks %v: the lost addresses were not noticed", tr.Lacks)
		}
	})
}

// TestCut reads every log cut off at either end, at every fourth line.
func TestCut(t *testing.T) {
	eachLog(t, func(t *testing.T, text string, whole *decode.Transcript) {
		lines := strings.SplitAfter(text, "\n")
		for i := 4; i < len(lines)-4; i += 4 {
			for part, text := range map[string]string{"from": strings.Join(lines[i:], ""), "up to": strings.Join(lines[:i], "")} {
				tr, err := logs.Parse(strings.NewReader(text))
				if err != nil {
					continue // nothing of the dialogue is left in it
				}
				if wrong := wrongSide(tr); len(wrong) > 0 {
					t.Errorf("%s line %d: said by the wrong side: %q", part, i, wrong)
				}
				got := spine(tr)
				if part == "up to" && len(got) > 2 && !isPart(spine(whole), got[:len(got)-2]) {
					t.Errorf("up to line %d: dialogue\n%s", i, strings.Join(got, "\n"))
				}
			}
		}
	})
}

// isPart reports whether the items of part stand in whole in the same order.
func isPart(whole, part []string) bool {
	for _, s := range whole {
		if len(part) > 0 && part[0] == s {
			part = part[1:]
		}
	}
	return len(part) == 0
}
