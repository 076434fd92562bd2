package tui

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/tui/panes"
)

// A fakeHolder holds what a test says, and notes what it is told.
type fakeHolder struct {
	held []panes.Held
	told []string
}

func (f *fakeHolder) Attend() func()     { return func() {} }
func (f *fakeHolder) Held() []panes.Held { return f.held }
func (f *fakeHolder) Hold(when string) error {
	if when == "NONSENSE" {
		return errors.New("that is nothing to wait for")
	}
	f.told = append(f.told, "hold "+when)
	return nil
}
func (f *fakeHolder) tell(h panes.Held, what string) error {
	f.told = append(f.told, what)
	for i := range f.held {
		if f.held[i].Session == h.Session {
			f.held = append(f.held[:i:i], f.held[i+1:]...)
			return nil
		}
	}
	return errors.New("it has gone on")
}
func (f *fakeHolder) LetGo(h panes.Held) error { return f.tell(h, "let go") }
func (f *fakeHolder) Edit(h panes.Held, line []byte) error {
	return f.tell(h, fmt.Sprintf("edit %q", line))
}
func (f *fakeHolder) Answer(h panes.Held, reply string) error { return f.tell(h, "answer "+reply) }
func (f *fakeHolder) CheckAnswer(_ panes.Held, reply string) error {
	if reply == "no" {
		return errors.New("a reply begins with its code")
	}
	return nil
}
func (f *fakeHolder) Drop(h panes.Held) error { return f.tell(h, "drop") }

// holding is a session that holds a line.
func holding(t *testing.T, from who.Party, line string) (*simulation, *fakeHolder) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", sentScript())
	l := sim.Begin("smtp://mail.example.com:587", greetingLines+"C: MAIL FROM:<ann@example.org>\nS: 250 2.1.0 Ok\n")
	l.Fact(&facts.Note{ID: facts.NoteRuleHeld, Text: `"RCPT=hold" (the screen): RCPT is held`})
	h := panes.Held{Session: l.ID(), From: from, Line: []byte(line), Since: sim.Now(), Until: sim.Now().Add(10 * time.Minute)}
	sim.Wait(12300 * time.Millisecond)
	t.Cleanup(func() { settle(t, sim) })
	return sim, &fakeHolder{held: []panes.Held{h}}
}

const heldRcpt = "RCPT TO:<bob@example.net>\r\n"

func TestGoldenHeld(t *testing.T) {
	if testing.Short() {
		t.Skip("the words on the frames change with other packages")
	}
	for look, change := range looks {
		for _, size := range sizes {
			for state, keys := range map[string][]string{"held": {"enter"}, "edit": {"enter", "e"}} {
				name := fmt.Sprintf("%s-%dx%d-%s", state, size[0], size[1], look)
				t.Run(name, func(t *testing.T) {
					sim, holder := holding(t, who.Client, heldRcpt)
					s := newScreen(t, sim, size[0], size[1], func(o *Options) {
						o.Holder = holder
						if change != nil {
							change(o)
						}
					})
					s.press(keys...)
					compareFrame(t, name, recordedAny.ReplaceAllString(s.view(), "REC 7.0 kB"))
				})
			}
		}
	}
}

var recordedAny = regexp.MustCompile(`REC [0-9.]+ kB`)

func TestHeldLine(t *testing.T) {
	for _, c := range []struct {
		name, line string
		from       who.Party
		keys       string
		want       string
	}{
		{"let go", heldRcpt, who.Client, "enter", "let go"},
		{"all", heldRcpt, who.Client, "A", "let go"},
		{"drop", heldRcpt, who.Client, "x x", "drop"},
		{"drop, thought better of", heldRcpt, who.Client, "x n", ""},
		{"answer", heldRcpt, who.Client, "a enter", "answer 550 5.1.1 no such user"},
		{"answer, no reply", heldRcpt, who.Client, "a ctrl+u no enter", ""},
		{"edit", heldRcpt, who.Client, "e backspace x> enter", `edit "RCPT TO:<bob@example.netx>\r\n"`},
		{"edit, a byte", heldRcpt, who.Client, `e \xff enter`, `edit "RCPT TO:<bob@example.net>\xff\r\n"`},
		{"edit, another end", heldRcpt, who.Client, `e \n enter`, `edit "RCPT TO:<bob@example.net>\n"`},
		{"edit, two commands", heldRcpt, who.Client, `e \r\nNOOP enter`, ""},
		{"edit, no escape", heldRcpt, who.Client, `e \xq enter`, ""},
		{"edit a line with odd bytes", "RCPT TO:<\x00\xffb\\n>\n", who.Client, "e enter", `edit "RCPT TO:<\x00\xffb\\n>\n"`},
		{"edit a password", "AUTH PLAIN AGFubgBzZWNyZXQ=\r\n", who.Client, "e left enter", `edit "AUTH PLAIN AGFubgBzZWNyZXQ=\r\n"`},
		{"edit the end of a message", ".\r\n", who.Client, "e enter", `edit ".\r\n"`},
		{"add to a message", ".\r\n", who.Client, `e one\r\n.two enter`, `edit "one\r\n..two\r\n.\r\n"`},
		{"edit the size of a chunk", "BDAT 5\r\n", who.Client, "e 0 enter", ""},
		{"edit a reply", "250-a\r\n250 b\r\n", who.Server, "e c enter", `edit "250-a\r\n250 bc\r\n"`},
		{"edit, not a reply", "250 b\r\n", who.Server, `e \r\n250 c enter`, ""},
	} {
		sim, holder := holding(t, c.from, c.line)
		s := newScreen(t, sim, 110, 30, func(o *Options) { o.Holder = holder })
		s.press("enter")
		s.press(strings.Fields(c.keys)...)
		if got := strings.Join(holder.told, "; "); got != c.want {
			t.Errorf("%s: the holder is told %q, want %q:\n%s", c.name, got, c.want, stripped(s.view()))
		}
		s.expectNot("AGFubgBzZWNyZXQ=")
	}
}

// The edit of several lines begins in the user's editor, if there is one.
func TestEditWithoutEditor(t *testing.T) {
	sim, holder := holding(t, who.Server, "250-a\r\n250 b\r\n")
	s := newScreen(t, sim, 120, 40, func(o *Options) { o.Holder = holder })
	s.press("enter", "e")
	s.expect(`edit: 250-a\r\n250 b`)
	s.expectNot("$EDITOR")
}

func TestHoldPrompt(t *testing.T) {
	sim, holder := holding(t, who.Client, heldRcpt)
	s := newScreen(t, sim, 120, 40, func(o *Options) { o.Holder = holder })
	s.expect("■ held", "1 line held", "Held for 12.0 s", "client 4 min 47 s")
	s.press("i", "enter", "i", "ctrl+u", "NONSENSE", "enter")
	s.expect("hold: NONSENSE", "that is nothing to wait for")
	s.press("ctrl+u", "enter")
	if got := strings.Join(holder.told, "; "); got != "hold RCPT; hold " {
		t.Errorf("the holder is told %q", got)
	}
	holder.held = nil
	s.carryOut(s.refresh())
	s.expectNot("■ held")
}

// A real client is held, edited and let go; what is held when the screen quits
// goes on.
func TestHoldARealClient(t *testing.T) {
	needTmux(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	m := run(t, 120, 40, nil, needProgram(t)+" -l 0")
	listen := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(m.until("Waiting for the first session", "127.0.0.1:"))
	send := func() chan string {
		said := make(chan string, 1)
		go func() {
			out, err := exec.Command(python, "-c", `
import smtplib, sys
s = smtplib.SMTP(sys.argv[1], timeout=60)
print(s.sendmail("ann@example.org", ["bob@example.net", "eve@example.net"], "Subject: held\r\n\r\nhello\r\n"))
s.quit()`, listen).CombinedOutput()
			said <- fmt.Sprint(string(out), err)
		}()
		return said
	}
	m.keys("i")
	m.until("hold: RCPT")
	m.keys("Enter")
	m.until("holding RCPT")
	said := send()
	m.until("■ held", "Held for")
	m.keys("Enter", "e")
	m.until("edit: rcpt TO:<bob@example.net>")
	m.keys("BSpace", "x", ">", "Enter")
	m.until("bob@example.netx", "rcpt TO:<eve@example.net>", "Held for")
	m.keys("a")
	m.until("answer: 550 5.1.1 no such user")
	m.keys("Enter")
	if got := <-said; !strings.Contains(got, "'eve@example.net': (550,") || !strings.HasSuffix(got, "<nil>") {
		t.Errorf("the client says %s", got)
	}
	said = send()
	m.until("1 line held")
	m.keys("q", "q", "q")
	if got := <-said; got != "{}\n<nil>" {
		t.Errorf("the client says %s", got)
	}
	m.givenBack()
}
