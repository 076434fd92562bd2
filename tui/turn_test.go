package tui

import (
	"strings"
	"testing"
	"time"

	"smtptap/decode/lang"
)

// A session that runs says who is awaited, for what, and since when.
func TestWhoIsAwaited(t *testing.T) {
	mail := greetingLines + "C: MAIL FROM:<ann@example.org>\n"
	data := mail + "S: 250 ok\nC: RCPT TO:<lin@example.net>\nS: 250 ok\nC: DATA\n"
	for _, c := range []struct{ name, script, en, zh string }{
		{"greeting", "", "the server: greeting", "服务器发出问候"},
		{"first command", "S: 220 mail.example.com ESMTP", "the client: first command", "客户端发出第一条命令"},
		{"EHLO", "S: 220 mail.example.com ESMTP\nC: EHLO a", "the server: reply to EHLO", "服务器对 EHLO 的应答"},
		{"unfinished reply", "S: 220 mail.example.com ESMTP\nC: EHLO a\nS: 250-mail", "the server: reply to EHLO", "服务器对 EHLO 的应答"},
		{"next command", greetingLines, "the client: next command", "客户端发出下一条命令"},
		{"MAIL", mail, "the server: reply to MAIL FROM", "服务器对 MAIL FROM 的应答"},
		{"RCPT, pipelined", mail + "C: RCPT TO:<a@example.net>\nC: RCPT TO:<b@example.net>\nS: 250 ok", "the server: reply to RCPT TO", "服务器对 RCPT TO 的应答"},
		{"first of those pipelined", mail + "C: RCPT TO:<a@example.net>\nC: DATA", "the server: reply to MAIL FROM", "服务器对 MAIL FROM 的应答"},
		{"STARTTLS", greetingLines + "C: STARTTLS", "the server: reply to STARTTLS", "服务器对 STARTTLS 的应答"},
		{"handshake", greetingLines + "C: STARTTLS\nS: 220 go", "the client: TLS handshake", "客户端完成 TLS 握手"},
		{"after the handshake", greetingLines + "C: STARTTLS\nS: 220 go\ntls", "the client: next command", "客户端发出下一条命令"},
		{"login prompt", greetingLines + "C: AUTH LOGIN\nS: 334 " + b64("Username:"), "the client: answer to the login prompt", "客户端对登录提示的回答"},
		{"username", greetingLines + "C: AUTH LOGIN\nS: 334 " + b64("Username:") + "\nC: " + b64("ann"), "the server: reply to the username", "服务器对用户名的应答"},
		{"password", greetingLines + loginLines("ann", "secret"), "the server: reply to the password", "服务器对密码的应答"},
		{"AUTH PLAIN", greetingLines + "C: AUTH PLAIN " + b64("\x00ann\x00secret"), "the server: reply to AUTH", "服务器对 AUTH 的应答"},
		{"DATA", data, "the server: reply to DATA", "服务器对 DATA 的应答"},
		{"message", data + "S: 354 go", "the client: rest of the message", "客户端发完邮件"},
		{"header", data + "S: 354 go\n<<\nSubject: x\nTo: y\n>>", "the client: rest of the message", "客户端发完邮件"},
		{"end of data", data + "S: 354 go\n<<\nSubject: x\n\nhello\n.\n>>", "the server: reply to the message", "服务器对邮件的应答"},
		{"accepted", data + "S: 354 go\n<<\nSubject: x\n\nhello\n.\n>>\nS: 250 ok", "the client: next command", "客户端发出下一条命令"},
		{"chunk", mail + "S: 250 ok\nC: BDAT 4000 LAST\n<<\nSubject: x\n>>", "the client: rest of the chunk", "客户端发完数据块"},
		{"chunk that has come", mail + "S: 250 ok\nC: BDAT 12 LAST\n<<\nSubject: x\n>>", "the server: reply to BDAT", "服务器对 BDAT 的应答"},
		{"QUIT", greetingLines + "C: QUIT", "the server: reply to QUIT", "服务器对 QUIT 的应答"},
		{"goodbye", greetingLines + "C: QUIT\nS: 221 bye", "the client: end of the connection", "客户端关闭连接"},
	} {
		sim := emptySimulation(t, false)
		sim.Play("smtp://mail.example.com:587", c.script+"\nhalf")
		sim.Wait(2 * time.Second)
		for l, want := range map[lang.Lang]string{lang.English: "Waiting for " + c.en + ", 2.0 s", lang.Chinese: "等待" + c.zh + "，已 2.0 秒"} {
			s := newScreen(t, sim, 120, 40, func(o *Options) { o.Lang = l })
			if !s.has(want) {
				t.Errorf("%s: the screen does not say %q:\n%s", c.name, want, stripped(s.view()))
			}
		}
		settle(t, sim)
	}
}

func TestWaitingTicks(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", runningScript())
	s := newScreen(t, sim, 120, 40, nil)
	sim.Wait(9 * time.Second)
	s.update(tick{sim.Now()})
	s.expect("reply to RCPT TO, 9.0 s", "● running")
	s.press("5")
	s.expectWords("reply to RCPT TO server 9.0 s")
	sim.Wait(4 * time.Second)
	s.update(tick{sim.Now()})
	s.expectWords("reply to RCPT TO, 13.0 s", "reply to RCPT TO server 13.0 s", "◌ stalled", "silent for 13.0 s")
	settle(t, sim)
}

// What the steps took adds up to the whole session: nothing is left out, nothing
// counted twice.
func TestTimingIsWhole(t *testing.T) {
	scripts := map[string]string{
		"sent": sentScript(), "refused": wrongPasswordScript(), "partly": unknownRecipientScript(), "parts": attachmentScript(), "running": runningScript(),
		"pauses":    "+300us\nS: 220 x\n+20us\nC: EHLO a\n+4s\nS: 250 x\n+70ms\nC: NOOP\nS: 250 ok\n+2s",
		"pipelined": greetingLines + "C: MAIL FROM:<a@example.org>\nC: RCPT TO:<b@example.org>\nC: DATA\n+1s\nS: 250 ok\n+1s\nS: 250 ok\nS: 354 go\n+1s\n<<\nSubject: x\n\nhello\n.\n>>\nS: 250 ok",
	}
	for name, script := range scripts {
		sim := emptySimulation(t, false)
		sim.Play("smtp://mail.example.com:587", script)
		sim.Wait(3 * time.Second)
		s := newScreen(t, sim, 120, 60, func(o *Options) { o.ASCII = true })
		s.press("z", "enter", "5")
		var at, steps int
		for _, row := range strings.Split(stripped(s.view()), "\n") {
			bar := strings.Index(row, "#")
			if bar < 0 {
				continue
			}
			end := strings.LastIndex(row, "#") + 1
			if steps++; steps > 1 && bar > at {
				t.Errorf("%s: nothing is said of what is before %q", name, row)
			}
			at = end
		}
		settle(t, sim)
		if at != 120 || steps < 5 {
			t.Errorf("%s: %d steps end at column %d:\n%s", name, steps, at, stripped(s.view()))
		}
	}
}

// Times under a millisecond are told, and what the client took is.
func TestShortTimes(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", "S: 220 x\n+300us\nC: EHLO a\nS: 250 x")
	settle(t, sim)
	s := newScreen(t, sim, 120, 60, nil)
	s.press("enter", "5")
	s.expectWords("before EHLO client 2.3 ms", "EHLO server 9.0 ms")
}

// expectWords expects what is on the screen without its columns.
func (s *screen) expectWords(wants ...string) {
	s.t.Helper()
	text := strings.Join(strings.Fields(stripped(s.view())), " ")
	for _, want := range wants {
		if !strings.Contains(text, want) {
			s.t.Errorf("the screen does not say %q:\n%s", want, stripped(s.view()))
		}
	}
}
