package tui

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/outcome"
	"smtptap/recordings/transcript"
)

// manySessions is a set of n recordings that nobody opens.
func manySessions(n int) *simulation {
	sim := newSimulation(start, nil, false)
	addMany(sim.Set, n)
	return sim
}

func addMany(set *transcript.Set, n int) {
	for i := range n {
		set.AddSummary(transcript.Summary{
			ID: fmt.Sprintf("20260102-030405-%06d", i), Started: start.Add(time.Duration(i) * time.Second), Took: 261 * time.Millisecond,
			Client: "127.0.0.1:51000", Server: "mail.example.com:587", From: "shop@example.com", Rcpt: fmt.Sprintf("customer%d@example.net", i),
			Rcpts: 1, Messages: 1, Sent: 1, Size: 1843, Subject: fmt.Sprintf("易联云验证码 %06d", i), Outcome: outcome.Sent, Code: 250,
			Verdict: "250 2.0.0 Ok: queued",
		}, "/nowhere")
	}
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

// BenchmarkMemoryOf100k is what the sessions and a screen that shows them hold.
func BenchmarkMemoryOf100k(b *testing.B) {
	held := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	for b.Loop() {
		before := held()
		sim := manySessions(100_000)
		s := newScreen(b, sim, 200, 60, func(o *Options) { o.View = true })
		s.press("/", "subject:9", "enter")
		s.view()
		b.ReportMetric(held()-before, "MB-held")
		runtime.KeepAlive(sim)
		runtime.KeepAlive(s)
	}
}
