package tui

import (
	"context"
	"testing"

	"smtptap/decode"
)

// A key on the Message tab has the message judged, which asks the DNS and is done
// for nobody who did not ask. The verdicts stand on the tab and in the findings.
func TestMessageIsVerified(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", greetingLines+"C: MAIL FROM:<ann@example.org>\nS: 250 ok\nC: RCPT TO:<lin@example.net>\nS: 250 ok\nC: DATA\nS: 354 go\n<<\nSubject: x\n\ntext\n.\n>>\nS: 550 5.7.23 no\n")
	settle(t, sim)
	asked := 0
	s := newScreen(t, sim, 120, 60, func(o *Options) {
		o.Verify = func(_ context.Context, t *decode.Transcript, message int) []decode.Check {
			asked++
			if t.Messages()[message].Reply < 0 {
				return nil
			}
			return []decode.Check{{Name: "SPF", Result: "fail", Domain: "example.org", Text: "example.org, because of this", Failed: true}, {Name: "DKIM", Result: "pass", Text: "signed"}}
		}
	})
	s.press("z", "enter", "4")
	s.expectNot("Checked now")
	s.press("c", "2")
	s.expectNot("authentication")
	if asked > 0 {
		t.Fatal("the DNS was asked before anybody wanted it")
	}
	s.press("c")
	s.expect("authentication, as a receiver sees it", "SPF fail", "example.org, because of this", "DKIM pass")
	s.press("4")
	s.expect("Checked now: SPF fail example.org")
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
