package tui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/decode/outcome"
	"smtptap/tui/terminal"
)

// expect fails unless the screen shows all of these.
func (s *screen) expect(wants ...string) {
	s.t.Helper()
	for _, want := range wants {
		if !s.has(want) {
			s.t.Errorf("the screen does not show %q:\n%s", want, stripped(s.view()))
		}
	}
}

func (s *screen) expectNot(unwanted string) {
	s.t.Helper()
	if s.has(unwanted) {
		s.t.Errorf("the screen shows %q:\n%s", unwanted, stripped(s.view()))
	}
}

func TestOneGlanceTellsWhetherItWasSent(t *testing.T) {
	s := newScreen(t, played(t), 80, 24, nil)
	s.expect("✗ refused", "535", "易联云验证码", "+2 lin@example.n")
	s.press("enter")
	s.expect("✓ Sent")
	s.press("esc", "k", "enter")
	s.expect("Partly sent", "550 5.1.1 <nobody@example.net>")
	s.press("esc", "k", "enter")
	s.expect("✗ Not sent", "535 5.7.8 Error: authentication failed", "2.4 s waiting for the server")
}

func TestSelectionIsToldWithoutColour(t *testing.T) {
	s := newScreen(t, played(t), 80, 24, func(o *Options) { o.NoColor, o.ASCII = true, true })
	for _, line := range strings.Split(stripped(s.view()), "\n") {
		if strings.HasPrefix(line, "> + sent") {
			return
		}
	}
	t.Errorf("no row is marked:\n%s", stripped(s.view()))
}

func TestFilter(t *testing.T) {
	s := newScreen(t, played(t), 100, 24, nil)
	s.press("/", "code:5xx")
	s.expect("2 of 4", "✗ refused", "◐ partly")
	s.expectNot("✓ sent")
	s.press(" colour:red")
	s.expect(`there is no field colour:`, "✗ refused", "◐ partly") // the last good one stays
	s.press("ctrl+u")
	s.expect("✓ sent")
	s.press("finding:", "enter")
	s.expect("/finding: 2 of 4")
	s.press("!")
	s.expect("✓ sent")
	s.press("!")
	s.expectNot("✓ sent")
	s.press("/", "ctrl+u", "subject:nobody", "enter")
	s.expect("0 of 4 match subject:nobody: Esc clears the filter")
	s.press("esc")
	s.expect("✓ sent")
}

func TestFilterTakesSessionsAsTheyComeAndChange(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", sentScript())
	s := newScreen(t, sim, 100, 24, nil)
	s.press("/", "code:535", "enter")
	s.expect("0 of 1")
	sim.Play("smtp://mail.example.com:587", wrongPasswordScript())
	s.carryOut(s.refresh())
	s.expect("✗ refused", "1 of 2")
	settle(t, sim)
}

func TestSearchInASession(t *testing.T) {
	s := newScreen(t, played(t), 100, 40, nil)
	s.press("g", "enter", "/", "starttls", "enter")
	first := s.detail.Entry()
	s.press("n")
	second := s.detail.Entry()
	s.press("N")
	if first < 0 || second <= first || s.detail.Entry() != first {
		t.Errorf("n and N went from entry %d to %d and back to %d", first, second, s.detail.Entry())
	}
	s.press("/", "no such text", "enter")
	s.expect("not found: no such text")
}

func TestSecrets(t *testing.T) {
	sim := emptySimulation(t, true)
	sim.Play("smtp://mail.example.com:587", wrongPasswordScript())
	settle(t, sim)
	s := newScreen(t, sim, 100, 60, nil)
	s.press("enter")
	s.expect("[secret]")
	s.expectNot("old secret")
	s.press("s")
	s.expect("old secret", "secrets shown")
	s.press("s")
	s.expectNot("old secret")

	s = newScreen(t, played(t), 100, 60, nil)
	s.press("enter", "s")
	s.expect("Secrets were not kept. --keep-secrets records them.")
}

func TestViewsOfALine(t *testing.T) {
	s := newScreen(t, played(t), 100, 60, nil)
	s.press("g", "enter", "g")
	s.expect("EHLO app.example.net", "the client greets, and asks for extensions")
	s.press("v")
	s.expect(`EHLO app.example.net\r\n`)
	s.expectNot("the client greets, and asks for extensions")
	s.press("v")
	s.expect("45 48 4c 4f 20 61 70 70")
}

func TestMessage(t *testing.T) {
	s := newScreen(t, played(t), 120, 60, nil)
	s.press("enter", "2")
	s.expect("Angebot für März", "=?iso-8859-1?Q?Angebot_f=FCr_M=E4rz?=", "multipart/alternative", "Grüße aus Köln",
		"text/html as source", "<p>Grüße aus <b>Köln</b></p>", `"Angebot März.pdf"`, "attachment", "SHA-256")
	s.press("v")
	s.expect(`Subject: =?iso-8859-1?Q?Angebot_f=FCr_M=E4rz?=\r\n`)
	s.press("v")
	s.expect("46 72 6f 6d 3a 20 41 6e")
}

func TestFindingsLeadToTheLine(t *testing.T) {
	s := newScreen(t, played(t), 120, 40, nil)
	s.press("g", "j", "enter", "4")
	s.expect("why", "fix", "seen", "535 5.7.8")
	for range 3 {
		s.press("j")
		if strings.Contains(stripped(s.detail.View()[s.detailCursorRow()]), "seen") {
			break
		}
	}
	s.press("enter")
	s.expect("[1 Dialogue]")
}

func TestTimingLeadsToTheLine(t *testing.T) {
	s := newScreen(t, played(t), 120, 40, nil)
	s.press("g", "j", "enter", "5", "enter")
	s.expect("[5 Timing]") // the first line stands for no step
	s.press("G", "enter")
	s.expect("[1 Dialogue]")
	if e := s.detail.Session().Entries[s.detail.Entry()].Event; e == nil || e.Reply == nil || e.Reply.Code != 221 {
		t.Errorf("the last step leads to %+v", e)
	}
}

// detailCursorRow is the row of the detail that the cursor is on.
func (s *screen) detailCursorRow() int {
	for i, l := range s.detail.View() {
		if strings.Contains(l, s.theme.Marks.Cursor) {
			return i
		}
	}
	return 0
}

func TestCopy(t *testing.T) {
	s := newScreen(t, played(t), 120, 40, nil)
	s.press("g", "j", "enter", "y")
	s.expect("l line", "c command", "s session")
	s.press("r")
	s.expect("sent to the terminal's clipboard")
	want, _, err := terminal.ClipboardSequence("535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", func(string) string { return "" })
	if err != nil || s.out.String() != want {
		t.Errorf("written to the terminal: %q, want %q", s.out.String(), want)
	}
	s.out.Reset()
	s.press("y", "s")
	if s.out.Len() == 0 {
		t.Error("the session was not copied")
	}
}

func TestClipboardGetsNothingThatActs(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", hostileScript())
	settle(t, sim)
	s := newScreen(t, sim, 120, 40, nil)
	for _, what := range []string{"l", "c", "r", "h", "b", "s"} {
		for _, c := range copyables {
			if c.key != what {
				continue
			}
			for entry := range s.detail.Session().Entries {
				text, err := c.text(copying{s.detail.Session(), entry, false})
				if err == nil && strings.ContainsAny(text, "\x1b\x07\x08\r\u202e\u009b") {
					t.Fatalf("%s of entry %d: %q", c.name, entry, text)
				}
			}
		}
	}
}

func TestExport(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := newScreen(t, played(t), 120, 40, nil)
	s.press("e")
	s.expect("passwords always are", "contents: addresses 2, message bodies 1, secrets 0")
	s.press("b")
	s.expect("contents: addresses 2, message bodies 0")
	s.press("enter")
	s.expect("written")
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(string(text), "RCPT TO:<lin@example.net>") || strings.Contains(string(text), "Gr=FC=DFe") {
		t.Errorf("the file holds %s, %v", text, err)
	}
	s.press("enter")
	s.expect("exists. Tab gives another name.")
	s.press("tab", "ctrl+u", filepath.Join(dir, "other.txt"), "enter")
	s.expect("written")
	s.press("esc", "esc")
	s.expectNot("passwords always are")
}

func TestDiff(t *testing.T) {
	s := newScreen(t, played(t), 120, 40, nil)
	s.press("g", "d")
	s.expect("◆")
	s.press("j", "d")
	s.expect("The first difference:", "A  2026-01-02 03:04:05  sent", "B  2026-01-02 03:04:42  refused")
	s.press("esc")
	s.expectNot("◆")
}

func TestOpenRecording(t *testing.T) {
	made := played(t)
	path := made.Set.Summary(1).Path
	sim := emptySimulation(t, false)
	s := newScreen(t, sim, 120, 40, func(o *Options) { o.View = true })
	s.expect("No recording is open.")
	s.press("o", path+"x", "enter")
	s.expect("no such file")
	s.press("backspace", "enter")
	s.expect("✗ refused", "Not sent")
}

func TestEmptyScreenTeaches(t *testing.T) {
	s := newScreen(t, newSimulation(start, nil, false), 100, 30, func(o *Options) {
		o.Listen, o.CA = []string{"0.0.0.0:2526"}, "/tmp/ca.pem"
	})
	s.expect("swaks --server 127.0.0.1:2526", "$mail->Port = 2526", "nodemailer.createTransport", "/tmp/ca.pem", "not recording")
}

func TestLiveSessionGrows(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", runningScript())
	s := newScreen(t, sim, 100, 40, nil)
	s.expect("● running", "Waiting for the server: reply to RCPT TO", "RCPT TO:<lin@example.net>", "1 session, 1 active")
	sim.Wait(time.Minute)
	s.update(tick{sim.Now()}) // what comes of it is the next tick
	s.expect("1 min")
}

func TestQuitAsksWhileSessionsRun(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", runningScript())
	s := newScreen(t, sim, 100, 40, nil)
	s.press("q")
	s.expect("1 session is active")
	s.press("j")
	if s.done {
		t.Fatal("any key quits")
	}
	s.press("q", "q")
	if !s.done {
		t.Error("q q does not quit")
	}
	s.done = false
	s.press("ctrl+c", "ctrl+c")
	if !s.done {
		t.Error("ctrl+c twice does not quit")
	}
}

func TestQuitGoesBackFirst(t *testing.T) {
	s := newScreen(t, played(t), 80, 24, nil)
	s.press("enter", "q")
	if s.done || s.inDetail {
		t.Error("q in a session does not lead back to the list")
	}
	s.press("q")
	if !s.done {
		t.Error("q on the list does not quit")
	}
}

func TestKeysOfOneRead(t *testing.T) {
	s := newScreen(t, played(t), 80, 24, nil)
	s.press("g")
	s.take(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jjj")})
	if sum, _ := s.list.Selected(); sum.ID != s.options.Set.Summary(3).ID {
		t.Error("jjj does not move three rows")
	}
	s.take(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q\nq"), Paste: true})
	if s.done {
		t.Error("pasted text quits")
	}
}

func TestLiveProxyIsNotSuspended(t *testing.T) {
	s := newScreen(t, played(t), 120, 24, nil)
	s.press("ctrl+z")
	s.expect("Not suspended")
}

func TestFollowing(t *testing.T) {
	sim := emptySimulation(t, false)
	for range 3 {
		sim.Play("smtp://mail.example.com:587", sentScript())
	}
	s := newScreen(t, sim, 80, 24, nil)
	s.expect("follow")
	s.press("k")
	before, _ := s.list.Selected()
	sim.Play("smtp://mail.example.com:587", wrongPasswordScript())
	s.carryOut(s.refresh())
	if after, _ := s.list.Selected(); after.ID != before.ID {
		t.Error("the selection moves though following is off")
	}
	s.press("F")
	if now, _ := s.list.Selected(); now.Outcome != outcome.Refused {
		t.Errorf("F selects %s, not the newest", now.Outcome)
	}
	settle(t, sim)
}

func TestMouse(t *testing.T) {
	s := newScreen(t, played(t), 120, 40, func(o *Options) { o.Mouse = true })
	s.expect("mouse")
	s.take(tea.MouseMsg{X: 5, Y: 2, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
	s.expect("Not sent")
	row := s.places.detail.y
	s.take(tea.MouseMsg{X: 18, Y: row, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
	s.expect("[2 Message]")
	s.take(tea.MouseMsg{X: 5, Y: 2, Button: tea.MouseButtonWheelUp, Action: tea.MouseActionPress})
	s.expect("✓ Sent")
}

func TestFarewell(t *testing.T) {
	sim := emptySimulation(t, false)
	s := newScreen(t, sim, 80, 24, nil)
	sim.Play("smtp://mail.example.com:587", sentScript())
	id := sim.Play("smtp://mail.example.com:587", wrongPasswordScript())
	settle(t, sim)
	got := s.closingSummary()
	for _, want := range []string{"2 sessions: 1 sent, 1 refused\n", sim.Set.State().Folder, id + ".smtptap"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not hold %q", got, want)
		}
	}
	if lines := strings.Count(got, "\n"); lines > 8 {
		t.Errorf("%d lines", lines)
	}
}

func TestRecordingTrouble(t *testing.T) {
	s := newScreen(t, played(t), 100, 24, nil)
	s.state.Recording, s.state.Err = true, "no space left on device"
	s.expect("NOT RECORDING: no space left on device")
	s.state.Err, s.state.Lost = "", 12_300_000
	s.expect("REC with gaps: 12.3 MB lost")
}

func TestSessionThatCannotBeRead(t *testing.T) {
	sim := played(t)
	if err := os.Remove(sim.Set.Summary(3).Path); err != nil {
		t.Fatal(err)
	}
	s := newScreen(t, sim, 120, 40, nil)
	s.expect("The session can't be shown", "no such file")
	s.press("k")
	s.expect("Partly sent")
}

func TestPanicEndsTheScreenOnly(t *testing.T) {
	for _, where := range []string{"update", "view", "command"} {
		killed := false
		s := newScreen(t, played(t), 80, 24, nil)
		g := &guard{model: s.model, quitting: func() {}, kill: func() { killed = true }}
		switch where {
		case "update":
			s.list = nil
			g.Update(keyNamed("j"))
		case "view":
			s.list = nil
			g.View()
		case "command":
			g.wrap(func() tea.Msg { return tea.BatchMsg{func() tea.Msg { panic("\x1b[2J hostile") }} })().(tea.BatchMsg)[0]()
		}
		if !killed || g.panic() == nil || len(g.panic().Stack) == 0 {
			t.Errorf("%s: killed %v, panic %v", where, killed, g.panic())
		}
		if where == "command" && strings.Contains(g.panic().Error(), "\x1b") {
			t.Errorf("the error is %q", g.panic().Error())
		}
		if v := g.View(); v != " " {
			t.Errorf("%s: a dead model draws %q", where, v)
		}
	}
}

func TestHelpNamesEveryKey(t *testing.T) {
	s := newScreen(t, played(t), 100, 90, nil)
	s.press("?")
	s.expect("filter: code:5xx", "copy:", "Ctrl-Z", "Esc", "PgDn", "smtptap")
}

// One recording to look at is opened at once; several are listed.
func TestViewOpensTheOnlyOne(t *testing.T) {
	sim := emptySimulation(t, false)
	sim.Play("smtp://mail.example.com:587", "S: 220 mail.example.com\nC: QUIT\nS: 221 bye\n")
	settle(t, sim)
	view := func(o *Options) { o.View, o.Listen = true, nil }
	s := newScreen(t, sim, 80, 16, view)
	s.expect("[1 Dialogue]", "220 ")
	s.press("q")
	s.expect("STATE", "1 session")
}

// A key chooses how much is explained. What was said, and what was found to have
// happened, stays.
func TestHowMuchIsExplained(t *testing.T) {
	s := newScreen(t, played(t), 120, 60, nil)
	s.press("g", "j", "z", "enter", "g")
	said := []string{"EHLO app.example.net", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "221 2.0.0 Bye", "connected to 192.0.2.25:587"}
	routine := []string{"the client greets", "EHLO accepted", "smtptap accepts"}
	telling := []string{"username: shop@example.com", "535: ", "the base64 in it says: Password:", "▸ "}
	s.press("G")
	s.expect(append(said[1:3], telling[1:]...)...)
	s.press("x")
	s.expect(append(said[1:3], telling...)...)
	s.expect("only the unusual explained")
	for _, text := range routine {
		s.expectNot(text)
	}
	s.press("x")
	s.expect(said...)
	s.expect("unexplained")
	for _, text := range append(routine, telling...) {
		s.expectNot(text)
	}
	s.press("x", "g")
	s.expect("the client greets")
	s.expectNot("unexplained")
}

// What a line means is fainter than the line, with colours and without.
func TestExplanationIsSubordinate(t *testing.T) {
	for look, change := range looks {
		s := newScreen(t, played(t), 120, 60, change)
		s.press("g", "z", "enter")
		for _, row := range strings.Split(s.view(), "\n") {
			said, meant, found := strings.Cut(row, "EHLO app.example.net")
			if !found {
				continue
			}
			if !strings.HasPrefix(meant, "\x1b[2m  "+s.theme.Marks.Meaning+" ") || strings.HasSuffix(said, "\x1b[2m") {
				t.Errorf("%s: %q", look, row)
			}
		}
	}
}
