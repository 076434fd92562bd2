package tui

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/recordings"
	"smtptap/recordings/query"
	"smtptap/recordings/transcript"
)

// inFolder is a screen over what was played, with the folder of its recordings.
func inFolder(t *testing.T, width, height int) (*screen, *recordings.Folder) {
	sim := played(t)
	folder, err := recordings.OpenFolder(sim.Set.State().Folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	s := newScreen(t, sim, width, height, func(o *Options) { o.Folder = folder })
	s.carryOut(s.readNotes(nil))
	return s, folder
}

func TestNotes(t *testing.T) {
	s, folder := inFolder(t, 100, 30)
	s.press("m", "t", "urgent qq urgent", "enter", "n", "ask Lin", "enter")
	s.expect("▌•✓ sent", "• qq urgent  ask Lin")
	s.press("k", "t", "qqmail", "enter")
	for filter, want := range map[string]string{
		"tag:qq": "2 of 4", "tag=qq": "1 of 4", "tag:": "2 of 4", "marked:yes": "1 of 4", "marked:no": "3 of 4", "note:lin": "1 of 4", "note:": "1 of 4", "tag:urgent !marked:yes": "0 of 4",
	} {
		s.press("/", "ctrl+u", filter, "enter")
		if !s.has("/" + filter + " " + want) {
			t.Errorf("%s does not pick %s:\n%s", filter, want, stripped(s.view()))
		}
	}
	s.press("esc", "G", "m", "t", "ctrl+u", "enter", "n", "ctrl+u", "enter", "k", "t", "ctrl+u", "enter")
	if all := recordings.AllNotes(folder.Dir()); len(all) != 0 {
		t.Errorf("left are %v", all)
	}
}

// What is said of a recording is found by the language of queries elsewhere too.
func TestNotesAreSearchable(t *testing.T) {
	s, _ := inFolder(t, 100, 30)
	s.press("t", "urgent", "enter")
	sum, _ := s.list.Selected()
	for text, want := range map[string]bool{"tag:urg": true, "tag=urg": false, "marked:yes": false} {
		f, err := query.Parse(text)
		if err != nil || f.Match(&query.Session{Summary: transcript.Summary{Path: sum.Path}}) != want {
			t.Errorf("%s: not %v (%v)", text, want, err)
		}
	}
}

func TestDelete(t *testing.T) {
	s, folder := inFolder(t, 100, 30)
	s.press("g", "j", "m", "D", "n")
	if all, _ := folder.List(); len(all) != 4 {
		t.Errorf("%d recordings are left, though it was thought better of", len(all))
	}
	s.press("D", "D")
	s.expect("Deleted", "✓ sent", "◐ partly")
	s.expectNot("✗ refused")
	if all, _ := folder.List(); len(all) != 3 || len(recordings.AllNotes(folder.Dir())) != 0 {
		t.Errorf("%d recordings are left", len(all))
	}
	s.press("/", "code:5xx", "enter")
	s.expect("1 of 3")
}

func TestTakePart(t *testing.T) {
	s, _ := inFolder(t, 120, 40)
	t.Chdir(t.TempDir())
	s.press("enter", "2", "o")
	s.expect("save to: ", "Angebot März.pdf", "Enter saves")
	s.press("enter")
	s.expect("15 B saved to")
	if b, err := os.ReadFile("Angebot März.pdf"); err != nil || !strings.HasPrefix(string(b), "%PDF-1.7") {
		t.Errorf("saved is %q (%v)", b, err)
	}
	s.press("o", "enter")
	s.expect("exists")
	s.press("k", "1", "o")
	s.expect("Open the Message tab")
}

func TestNamesAreSafe(t *testing.T) {
	sim := emptySimulation(t, false)
	names := map[string]string{
		"../../etc/passwd": "passwd", `..\..\boot.ini`: "boot.ini", ".bashrc": "bashrc", "-rf": "rf", "a\u202egpj.exe": "a_gpj.exe", "..": "part-2.txt", "con:x": "con_x", "/": "part-2.txt",
	}
	for name := range names {
		sim.Play("smtp://mail.example.com:587", strings.Replace(attachmentScript(), `attachment; filename*=utf-8''Angebot%20M%C3%A4rz.pdf`, `attachment; filename="=?utf-8?B?`+base64.StdEncoding.EncodeToString([]byte(name))+`?="`, 1))
	}
	settle(t, sim)
	s := newScreen(t, sim, 140, 40, nil)
	s.press("g", "2")
	for range names {
		part, ok := s.detail.Part()
		if !ok || strings.ContainsAny(part.Name, `/\`) || strings.HasPrefix(part.Name, ".") || strings.HasPrefix(part.Name, "-") || part.Name != filepath.Base(part.Name) {
			t.Errorf("the name of the file would be %q", part.Name)
		}
		s.press("j")
	}
}

func TestCopyAsCommand(t *testing.T) {
	for _, c := range []struct{ script, key, want string }{
		{sentScript(), "w", `swaks --server=mail.example.com --port=587 --tls --ehlo=app.example.net --auth=LOGIN --auth-user=shop@example.com --auth-password="$SMTP_PASSWORD" --from=shop@example.com --to=lin@example.net --header='Subject: 易联云验证码'`},
		{unknownRecipientScript(), "u", `printf '%s\r\n' 'From: shop@example.com' 'To: lin@example.net, nobody@example.net, ann@example.org' 'Subject: 易联云验证码' '' test | curl --url smtp://mail.example.com:587/app.example.net --login-options AUTH=LOGIN --user shop@example.com:"$SMTP_PASSWORD" --mail-from shop@example.com --mail-rcpt lin@example.net --mail-rcpt nobody@example.net --mail-rcpt ann@example.org --upload-file -`},
		{greetingLines + "C: MAIL FROM:<--pipe=x>\nS: 250 ok\nC: RCPT TO:<a'$(id)`\\x1b@b>\nS: 250 ok", "w", `swaks --server=mail.example.com --port=587 --ehlo=app.example.net --from='<--pipe=x>' --to='a'\''$(id)` + "`" + `\x1b@b'`},
	} {
		sim := emptySimulation(t, true)
		sim.Play("smtp://mail.example.com:587", c.script)
		settle(t, sim)
		s := newScreen(t, sim, 120, 40, nil)
		s.press("enter", "y", c.key)
		_, sent, _ := strings.Cut(s.out.String(), "\x1b]52;c;")
		sent, _, _ = strings.Cut(sent, "\x07")
		if got, err := base64.StdEncoding.DecodeString(sent); err != nil || string(got) != c.want {
			t.Errorf("copied is %s\nwant %s (%v)", got, c.want, err)
		}
		if err := exec.Command("sh", "-n", "-c", c.want).Run(); err != nil {
			t.Errorf("no shell reads %s", c.want)
		}
	}
}
