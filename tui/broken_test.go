package tui

import (
	"os"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/recordings/transcript"
)

// The places where a set is asked: for a row while a frame is drawn, for its
// state while a message is handled, for a session by a command.

func (b broken) Summary(i int) transcript.Summary {
	if b.due(panicInView) {
		panic("fault in a frame \x1b[2J")
	}
	return b.Sessions.Summary(i)
}

func (b broken) State() transcript.State {
	if b.due(panicInUpdate) {
		panic("fault in an update \x1b[2J")
	}
	return b.Sessions.State()
}

func (b broken) Open(id string) (*decode.Transcript, error) {
	if b.due(panicBeside) {
		panic("fault in a command \x1b[2J")
	}
	return b.Sessions.Open(id)
}

func TestTerminalIsGivenBackAfterAPanic(t *testing.T) {
	needTmux(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for role, says := range map[string]string{
		panicInView:   `the screen failed: "fault in a frame \x1b[2J"`,
		panicInUpdate: `the screen failed: "fault in an update \x1b[2J"`,
		panicBeside:   `the screen failed: "fault in a command \x1b[2J"`,
	} {
		t.Run(role, func(t *testing.T) {
			m := run(t, 120, 100, []string{roleVariable + "=" + role}, self)
			text := m.givenBack()
			if !strings.Contains(text, says) {
				t.Errorf("the normal screen does not say %q:\n%s", says, text)
			}
		})
	}
}
