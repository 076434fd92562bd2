package tui

import (
	"bytes"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings/transcript"
	"smtptap/tui/keys"
)

// bigMessage is a recorded session with a message of about size bytes that the
// client sent in pieces of about so many bytes.
func bigMessage(t testing.TB, size, piece int) *simulation {
	sim := emptySimulation(t, false)
	l := sim.Set.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "smtp://mail.example.com:587"})
	say := func(from, to who.Party, text string) { l.Data(from, to, []byte(text)) }
	say(who.Server, who.Client, "220 mail.example.com\r\n")
	for _, ask := range []string{"EHLO a", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>"} {
		say(who.Client, who.Server, ask+"\r\n")
		say(who.Server, who.Client, "250 ok\r\n")
	}
	say(who.Client, who.Server, "DATA\r\n")
	say(who.Server, who.Client, "354 go\r\n")
	say(who.Client, who.Server, "Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	line := strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk", 2)[:76] + "\r\n"
	lines := bytes.Repeat([]byte(line), max(piece/len(line), 1))
	for sent := 0; sent < size; sent += len(lines) {
		l.Data(who.Client, who.Server, lines)
	}
	say(who.Client, who.Server, ".\r\n")
	say(who.Server, who.Client, "250 2.0.0 ok\r\n")
	l.End(facts.End{Cause: facts.CauseClosed})
	settle(t, sim)
	return sim
}

// BenchmarkOpen25MB is from the selection of a session to the first frame that
// shows its dialogue, and on to the one that shows the header of its message.
// A client such as PHPMailer sends line by line; inside TLS each line is then
// a record of its own.
func BenchmarkOpen25MB(b *testing.B) {
	for _, sent := range []struct {
		how   string
		piece int
	}{{"large pieces", 32 << 10}, {"line by line", 1}} {
		sim := bigMessage(b, 25_000_000, sent.piece)
		for _, part := range []struct {
			name string
			keys []keys.Action
		}{{"dialogue", nil}, {"message", []keys.Action{keys.Message}}} {
			b.Run(part.name+" sent in "+sent.how, func(b *testing.B) {
				for b.Loop() {
					s := newScreen(b, sim, 120, 40, nil)
					for _, a := range part.keys {
						s.update(firstOf(s.detail.Do(a)()))
					}
					s.view()
				}
				b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms-to-frame")
			})
		}
	}
}

// firstOf is the message that a command comes to, without those that follow.
func firstOf(msg tea.Msg) tea.Msg {
	if batch, ok := msg.(tea.BatchMsg); ok && len(batch) > 0 {
		return batch[0]()
	}
	return msg
}

func BenchmarkRawViewOf25MB(b *testing.B) {
	sim := bigMessage(b, 25_000_000, 32<<10)
	s := newScreen(b, sim, 120, 40, nil)
	s.press("enter", "2", "v")
	down := tea.KeyMsg{Type: tea.KeyPgDown}
	for b.Loop() {
		s.update(down)
		s.view()
	}
}
