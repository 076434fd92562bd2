package proxy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/export"
	"smtptap/recordings/transcript"
)

// passwords are those that clients say in dialogues and tests.
var passwords = []string{"AGEAYg", "c2VzYW1l", "sesame"}

// leavesNothing checks, when a test is over, that it has left no goroutine and no
// open file.
func leavesNothing(t *testing.T) {
	t.Helper()
	before, running := openFiles(), goleak.IgnoreCurrent()
	t.Cleanup(func() {
		goleak.VerifyNone(t, running)
		if after := openFiles(); after > before {
			t.Errorf("%d files are open, before there were %d", after, before)
		}
	})
}

func openFiles() int {
	files, _ := os.ReadDir("/proc/self/fd") // none elsewhere
	return len(files)
}

// mostShown bounds, in bytes, the recordings whose sessions are shown too.
const mostShown = 64 << 10

// holds checks what is true of every session, whatever it meets. Its recording can
// be read to the end, which is one end record, and holds what either side was
// seen to say. No output has a password.
func (b *bench) holds(sessions []*decode.Transcript) {
	b.t.Helper()
	for _, live := range sessions {
		path := b.set.Path(live.ID)
		if path == "" {
			continue // nothing is recorded
		}
		b.ends(path)
		info, err := os.Stat(path)
		if err != nil || info.Size() > mostShown {
			continue
		}
		b.noPassword(live, path)
		loaded, damage, err := transcript.Load(path)
		if err != nil || damage != nil {
			b.t.Errorf("session %s: %v, %v", live.ID, err, damage)
			continue
		}
		for _, side := range []who.Party{who.Client, who.Server} {
			if got, want := saidBy(side, loaded), saidBy(side, live); live.Earlier == 0 && !slices.Equal(got, want) {
				b.t.Errorf("session %s: by the recording the %s said\n%q\nand it was\n%q", live.ID, side, got, want)
			}
		}
	}
}

// sessions are all that the proxy had, as they were seen.
func (b *bench) sessions() []*decode.Transcript {
	b.t.Helper()
	var all []*decode.Transcript
	for i := range b.set.Len() {
		t, err := b.set.Open(b.set.Summary(i).ID)
		if err != nil {
			b.t.Error(err)
			continue
		}
		all = append(all, t)
	}
	return all
}

// saidBy is what a side said, as far as it is kept.
func saidBy(side who.Party, t *decode.Transcript) []string {
	var said []string
	for _, e := range t.Entries {
		if e.Event != nil && e.From == side {
			said = append(said, e.Event.Kind.String()+" "+string(e.Event.Raw))
		}
	}
	return said
}

// ends checks that a recording can be read, and that its last record is its only
// end.
func (b *bench) ends(path string) {
	b.t.Helper()
	ends, last := 0, ""
	eachRecord(b.t, path, func(rec recordings.Record) {
		if last = rec.Type; last == recordings.TypeEnd {
			ends++
		}
	})
	if ends != 1 || last != recordings.TypeEnd {
		b.t.Errorf("%s: %d ends, and the last record is %s", path, ends, last)
	}
}

// noPassword looks for passwords in a recording and in what is shown of it.
func (b *bench) noPassword(t *decode.Transcript, path string) {
	b.t.Helper()
	if t.SecretsKept {
		return
	}
	var out bytes.Buffer
	if err := export.Text(&out, t, export.TextOptions{Lang: lang.English}); err != nil {
		b.t.Error(err)
	}
	if err := export.JSON(&out, t, lang.English); err != nil {
		b.t.Error(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Error(err)
	}
	out.Write(data)
	for _, p := range passwords {
		if bytes.Contains(out.Bytes(), []byte(p)) {
			b.t.Errorf("%s: a password leaves: %s", filepath.Base(path), p)
		}
	}
}
