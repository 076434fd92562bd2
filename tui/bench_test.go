package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/recordings/transcript"
	"smtptap/tui/keys"
	"smtptap/tui/scene"
)

// manySessions is a set of n recordings that nobody opens.
func manySessions(n int) *scene.Stage {
	stage := scene.New(start, nil, false)
	for i := range n {
		stage.Set.AddSummary(transcript.Summary{
			ID: fmt.Sprintf("20260102-030405-%06d", i), Started: start.Add(time.Duration(i) * time.Second), Took: 261 * time.Millisecond,
			Client: "127.0.0.1:51000", Server: "mail.example.com:587", From: "shop@example.com", Rcpt: fmt.Sprintf("customer%d@example.net", i),
			Rcpts: 1, Messages: 1, Sent: 1, Size: 1843, Subject: fmt.Sprintf("易联云验证码 %06d", i), Outcome: transcript.OutcomeSent, Code: 250,
			Verdict: "250 2.0.0 Ok: queued",
		}, "/nowhere")
	}
	return stage
}

func BenchmarkViewOf100k(b *testing.B) {
	s := newScreen(b, manySessions(100_000), 200, 60, func(o *Options) { o.View = true })
	s.press("z")
	for b.Loop() {
		s.view()
	}
}

func BenchmarkKeyToFrameIn100k(b *testing.B) {
	s := newScreen(b, manySessions(100_000), 200, 60, func(o *Options) { o.View = true })
	s.press("z")
	up := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("k")}
	for b.Loop() {
		s.update(up)
		s.view()
	}
}

func BenchmarkFilter100k(b *testing.B) {
	s := newScreen(b, manySessions(100_000), 200, 60, func(o *Options) { o.View = true })
	s.press("z")
	for _, text := range []string{"code:5xx", "验证码 !from:ann", "subject:099999", "nobody"} {
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				s.carryOut(s.apply(text))
			}
		})
	}
}

// bigMessage is a session with a message of about n bytes.
func bigMessage(b *testing.B, n int) *scene.Stage {
	stage := emptyStage(b, false)
	line := strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk", 2)[:76]
	head := "Subject: large\nMIME-Version: 1.0\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
	stage.Play("smtp://mail.example.com:587", "S: 220 mail.example.com\nC: EHLO a\nS: 250 ok\nC: MAIL FROM:<a@example.com>\nS: 250 ok\nC: RCPT TO:<b@example.net>\nS: 250 ok\nC: DATA\nS: 354 go\n<<\n"+
		head+strings.Repeat(line+"\n", n/78)+".\n>>\nS: 250 2.0.0 ok\nC: QUIT\nS: 221 bye\n")
	settle(b, stage)
	return stage
}

// BenchmarkOpen25MB is from the selection of a session to the frame that shows
// its dialogue, and on to the one that shows its message.
func BenchmarkOpen25MB(b *testing.B) {
	stage := bigMessage(b, 25_000_000)
	for _, part := range []struct {
		name string
		keys []keys.Action
	}{{"dialogue", nil}, {"message", []keys.Action{keys.Message}}} {
		b.Run(part.name, func(b *testing.B) {
			for b.Loop() {
				s := newScreen(b, stage, 120, 40, nil)
				for _, a := range part.keys {
					s.update(firstOf(s.detail.Do(a)())) // without the checksums, which come later
				}
				s.view()
			}
		})
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
	stage := bigMessage(b, 25_000_000)
	s := newScreen(b, stage, 120, 40, nil)
	s.press("enter", "2", "v")
	down := tea.KeyMsg{Type: tea.KeyPgDown}
	for b.Loop() {
		s.update(down)
		s.view()
	}
}
