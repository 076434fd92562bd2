package transcript_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// eventually waits until it is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("not so: %s", what)
}

// released reports whether a session's memory was given back: it is recorded.
func released(l *transcript.Log) bool {
	tr := l.Transcript()
	return tr.Ended && len(tr.Entries) == 0
}

// killed makes the recorders of a folder look as if they were killed a while ago.
func killed(t testing.TB, dir string) {
	t.Helper()
	pulses, err := filepath.Glob(filepath.Join(dir, ".recorder-*"))
	if err != nil || len(pulses) == 0 {
		t.Fatalf("pulses %q, %v", pulses, err)
	}
	for _, p := range pulses {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
}

// What is said is on disk a moment later, though the session goes on.
func TestRecordsPromptly(t *testing.T) {
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	for _, text := range []string{"220 mx.example.org ESMTP", "250 one", "250 two"} {
		play(t, l, "S: "+text, whole)
		began := time.Now()
		eventually(t, text+" is on disk", func() bool {
			p, err := os.ReadFile(s.Path(l.ID()))
			return err == nil && strings.Contains(string(p), text)
		})
		t.Logf("%q was on disk after %v", text, time.Since(began))
	}
	tr, damage, err := transcript.Load(s.Path(l.ID()))
	if err != nil || damage != nil || tr.Ended || len(tr.Entries) != 3 {
		t.Fatalf("while it runs: %v, %v, %+v", err, damage, tr)
	}
	p, err := os.ReadFile(s.Path(l.ID()))
	elsewhere := filepath.Join(t.TempDir(), l.ID()+recordings.Ext)
	if err != nil || os.WriteFile(elsewhere, p, 0o600) != nil {
		t.Fatal(err)
	}
	tr, damage, err = transcript.Load(elsewhere)
	if err != nil || damage == nil || !damage.Torn || !tr.Ended || len(tr.Entries) != 3 {
		t.Fatalf("cut off: %v, %v, %+v", err, damage, tr)
	}
	if !tr.Lack(decode.LackEnd) || len(tr.CannotShow) != 1 || !strings.Contains(tr.CannotShow[0].String(), "no end record") {
		t.Errorf("cannot show %q, lacks %q", tr.CannotShow, tr.Lacks)
	}
}

func TestFileIsPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	l.End(ended)
	eventually(t, "recorded", func() bool { return released(l) })
	info, err := os.Stat(s.Path(l.ID()))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Records that find no room in the queue leave a gap that the recording tells
// of, and nobody waits for them.
func TestQueueIsFull(t *testing.T) {
	s := newSet(t, func(o *transcript.Options) { o.Queue = 32 << 10 })
	l := inMessage(t, s)
	body := bodyOf(1 << 20) // more than ever fits
	for range 3 {
		l.Data(who.Client, who.Server, body)
	}
	if st := s.State(); st.Lost != int64(3*len(body)) {
		t.Errorf("state %+v, want %d lost", st, 3*len(body))
	}
	if _, err := l.Transcript().Bytes(who.ClientLeg, who.Client, decode.Span{Start: 0, End: 1 << 20}); err == nil {
		t.Error("bytes were read over the gap")
	}
	if p, err := l.Transcript().Bytes(who.ClientLeg, who.Client, decode.Span{Start: 0, End: 4}); string(p) != "EHLO" {
		t.Errorf("bytes before the gap: %q, %v", p, err)
	}
	play(t, l, "C: .\nS: 250 ok\n"+goodbye, whole)
	l.End(ended)
	eventually(t, "recorded", func() bool { return released(l) })
	if sum := s.Summary(0); !sum.Incomplete || sum.Outcome != outcome.Sent {
		t.Errorf("summary %+v", sum)
	}
	tr, damage, err := transcript.Load(s.Path(l.ID()))
	if err != nil || damage != nil {
		t.Fatal(err, damage)
	}
	var missing, lost int64
	for _, e := range tr.Entries {
		if e.Event != nil && e.Event.Kind == decode.KindMissing {
			missing += e.Event.Missing.Bytes
		}
		if f, ok := e.Fact.(*facts.Lost); ok {
			lost += f.Bytes
			if f.Records != 3 || f.Why == "" {
				t.Errorf("lost %+v", f)
			}
		}
	}
	if missing != int64(3*len(body)) || lost != missing {
		t.Errorf("%d bytes are missing, %d lost, want %d", missing, lost, 3*len(body))
	}
	if last := tr.Entries[len(tr.Entries)-1]; last.Fact == nil || last.Fact.Type() != "end" {
		t.Errorf("the last entry is %s", show(last))
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), fmt.Sprint(3*len(body))) {
		t.Errorf("close: %v", err)
	}
}

// block keeps the recording of a session from being created.
func block(t *testing.T, s *transcript.Set, l *transcript.Log) {
	t.Helper()
	if err := os.Mkdir(s.Path(l.ID()), 0o700); err != nil {
		t.Fatal(err)
	}
}

// A disk that fails for a while costs nothing.
func TestDiskFailsForAWhile(t *testing.T) {
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	block(t, s, l)
	play(t, l, "S: 220 mx.example.org ESMTP", whole)
	eventually(t, "the failure shows", func() bool { return s.State().Err != "" })
	if err := s.State().Err; !strings.Contains(err, "file exists") {
		t.Errorf("the reason is %q", err)
	}
	play(t, l, goodbye, whole)
	l.End(ended)
	if err := os.Remove(s.Path(l.ID())); err != nil {
		t.Fatal(err)
	}
	eventually(t, "recorded", func() bool { return released(l) })
	tr, err := s.Open(l.ID())
	if err != nil || len(tr.Entries) != 4 || tr.Source != decode.SourceRecording {
		t.Errorf("%v, %+v", err, tr)
	}
	if st := s.State(); st.Err != "" || st.Lost != 0 {
		t.Errorf("state %+v", st)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A recording that can't be written is given up at the end, and said so. The
// session stays in memory.
func TestDiskFailsForGood(t *testing.T) {
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	block(t, s, l)
	play(t, l, "S: 220 mx.example.org ESMTP\n"+goodbye, whole)
	l.End(ended)
	began := time.Now()
	err := s.Close()
	if err == nil || !strings.Contains(err.Error(), "file exists") || !strings.Contains(err.Error(), "of recordings were lost") {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("close took %v", took)
	}
	if sum := s.Summary(0); !sum.Incomplete || sum.Live {
		t.Errorf("summary %+v", sum)
	}
	if tr, err := s.Open(l.ID()); err != nil || len(tr.Entries) != 4 {
		t.Errorf("%v, %+v", err, tr)
	}
}

// A folder that vanishes before anything was written is made again.
func TestFolderIsMadeAgain(t *testing.T) {
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	if err := os.RemoveAll(s.State().Folder); err != nil {
		t.Fatal(err)
	}
	play(t, l, "S: 220 mx.example.org ESMTP\n"+goodbye, whole)
	l.End(ended)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, damage, err := transcript.Load(s.Path(l.ID())); err != nil || damage != nil {
		t.Error(err, damage)
	}
}

// recordedLine begins a session whose first line is in its recording. The file
// is open then for a moment; idle says to wait until it is closed.
func recordedLine(t *testing.T, s *transcript.Set, idle bool) (l *transcript.Log, path string) {
	t.Helper()
	l = s.Begin(transcript.Session{})
	play(t, l, "S: 220 mx.example.org ESMTP", whole)
	path = s.Path(l.ID())
	eventually(t, "begun", func() bool {
		p, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(p), "220 mx") && (!idle || openFiles(t, path) == 0)
	})
	return l, path
}

// A recording that is deleted while its session runs goes on in a new file,
// which says so.
func TestRecordingIsDeleted(t *testing.T) {
	for name, idle := range map[string]bool{"open": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			s := newSet(t)
			l, path := recordedLine(t, s, idle)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			play(t, l, goodbye, whole)
			l.End(ended)
			if err := s.Close(); err == nil || !strings.Contains(err.Error(), "deleted while the session ran") {
				t.Errorf("close: %v", err)
			}
			tr, damage, err := transcript.Load(path)
			if err != nil || damage != nil {
				t.Fatal(err, damage)
			}
			missing, lost := 0, 0
			for _, e := range tr.Entries {
				if f, ok := e.Fact.(*facts.Lost); ok && strings.Contains(f.Why.String(), "deleted") {
					lost++
				}
				if e.Event != nil && e.Event.Kind == decode.KindMissing && e.Event.Missing.Bytes == -1 {
					missing++
				}
			}
			if lost != 1 || missing != 2 || len(tr.Entries) != 6 {
				t.Errorf("%d lost, %d missing, %d entries", lost, missing, len(tr.Entries))
			}
		})
	}
}

// A recording that another program cut or wrote to is not written on as if
// nothing had happened.
func TestRecordingIsCut(t *testing.T) {
	for name, idle := range map[string]bool{"open": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			s := newSet(t)
			l, path := recordedLine(t, s, idle)
			if err := os.Truncate(path, 30); err != nil {
				t.Fatal(err)
			}
			play(t, l, goodbye, whole)
			l.End(ended)
			if err := s.Close(); err == nil || !strings.Contains(err.Error(), "of recordings were lost: the recording was cut") {
				t.Errorf("close: %v", err)
			}
			p, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(p), "recording-cut") || !strings.Contains(string(p), "\nend ") {
				t.Errorf("the recording does not go on: %v\n%s", err, p)
			}
			left, err := filepath.Glob(strings.TrimSuffix(path, recordings.Ext) + "-cut1" + recordings.Ext)
			if err != nil || len(left) != 1 {
				t.Errorf("what was left of the recording is not set aside: %q, %v", left, err)
			}
		})
	}
}

// A folder that is deleted while sessions run is made again, and everybody who
// looks is told.
func TestFolderIsDeleted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rec")
	folder, err := recordings.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	troubles := make(chan error, 10)
	s := transcript.NewSet(transcript.Options{Folder: folder, Trouble: func(err error, _ int64) { troubles <- err }})
	l := s.Begin(transcript.Session{})
	play(t, l, "S: 220 mx.example.org ESMTP", whole)
	path := s.Path(l.ID())
	eventually(t, "begun", func() bool { _, err := os.Stat(path); return err == nil && openFiles(t, path) == 0 })
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	play(t, l, goodbye, whole)
	if err := <-troubles; err == nil || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("told %v", err)
	}
	if err := <-troubles; err != nil {
		t.Errorf("told %v, want that it is over", err)
	}
	l.End(ended)
	if err := s.Close(); err == nil {
		t.Error("nothing is said to be lost")
	}
	if _, damage, err := transcript.Load(path); err != nil || damage != nil {
		t.Error(err, damage)
	}
}

// openFiles counts the descriptors of this process that lead below a path.
func openFiles(t testing.TB, below string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system does not tell a process its descriptors")
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && strings.HasPrefix(to, below) && strings.HasSuffix(to, recordings.Ext) {
			n++
		}
	}
	return n
}

// Idle sessions hold no descriptors and little memory.
func TestIdleSessions(t *testing.T) {
	const sessions = 2000
	s := newSet(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	logs := make([]*transcript.Log, sessions)
	for i := range logs {
		logs[i] = s.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "mx.example.org:25"})
		logs[i].Fact(&facts.Open{Client: "127.0.0.1:40000", Listen: "127.0.0.1:2525"})
		play(t, logs[i], hello, whole)
	}
	eventually(t, "all is written", func() bool { return s.State().Bytes > sessions*500 && openFiles(t, s.State().Folder) == 0 })
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int64(after.HeapAlloc-before.HeapAlloc) / sessions
	t.Logf("%d bytes a session", each)
	if each > 8<<10 {
		t.Errorf("an idle session costs %d bytes", each)
	}
	for _, l := range logs {
		l.End(ended)
	}
	logs = nil
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each = int64(after.HeapAlloc-before.HeapAlloc) / sessions
	t.Logf("%d bytes a session that has ended", each)
	if each > 2<<10 {
		t.Errorf("a session that has ended costs %d bytes", each)
	}
}

// Many sessions at once, with everybody looking at them: nothing is lost, all
// is as it was live.
func TestManyAtOnce(t *testing.T) {
	s := newSet(t, func(o *transcript.Options) { o.Clock = time.Now })
	wake, cancel := s.Subscribe()
	defer cancel()
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-wake:
			case <-done:
				return
			}
			for _, sum := range s.Summaries(0) {
				if tr, err := s.Open(sum.ID); err == nil && len(tr.Entries) > 0 {
					e := tr.Entries[len(tr.Entries)-1]
					if e.Event != nil && tr.Bytes != nil {
						tr.Bytes(e.Leg, e.Event.Side, e.Event.Span)
					}
				}
			}
			s.State()
		}
	})
	var sessions sync.WaitGroup
	for i := range 8 {
		sessions.Go(func() {
			for range 5 {
				d := dialogues[i%len(dialogues)]
				l := s.Begin(transcript.Session{SplitLegs: d.split})
				play(t, l, d.text, func(n int) int { return min(n, rand.IntN(20)+1) })
				l.Closed(who.Client, facts.Closed{Leg: who.ClientLeg, How: "fin"})
				l.End(ended)
			}
		})
	}
	sessions.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	close(done)
	looking.Wait()
	if n := s.Len(); n != 40 {
		t.Fatalf("%d sessions", n)
	}
	for _, sum := range s.Summaries(0) {
		if tr, err := s.Open(sum.ID); err != nil || len(tr.Entries) < 2 || tr.Source != decode.SourceRecording || len(tr.CannotShow) > 0 {
			t.Errorf("%s: %v, %+v", sum.ID, err, tr)
		}
	}
}

// Both directions of a session may be told at once.
func TestBothPumpsAtOnce(t *testing.T) {
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	var pumps sync.WaitGroup
	pumps.Go(func() { play(t, l, strings.Repeat("C: NOOP\n", 200), whole) })
	pumps.Go(func() { play(t, l, strings.Repeat("S: 250 ok\n", 200), whole) })
	pumps.Wait()
	l.End(ended)
	l.End(ended) // once is enough, twice does no harm
	l.Data(who.Client, who.Server, []byte("late\r\n"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tr, err := s.Open(l.ID())
	if err != nil || len(tr.Entries) != 401 {
		t.Errorf("%v, %d entries", err, len(tr.Entries))
	}
}

// A large flow keeps its file open, and closes it when it stops.
func TestLargeFlow(t *testing.T) {
	s := newSet(t)
	l := inMessage(t, s)
	body := bodyOf(64 << 10)
	for range 64 {
		l.Data(who.Client, who.Server, body)
	}
	eventually(t, "written and closed", func() bool {
		return s.State().Bytes > int64(64*len(body)) && openFiles(t, s.State().Folder) == 0
	})
	play(t, l, "C: .\nS: 250 ok", whole)
	l.End(ended)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if sum, err := transcript.Summarize(s.Path(l.ID())); err != nil || sum.Size < int64(64*len(body)) || sum.Sent != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// The tests below run this binary again, as a program to be killed or kept
// from writing.
const playing = "SMTPTAP_TEST_PLAYING"

func TestMain(m *testing.M) {
	switch os.Getenv(playing) {
	case "endless":
		playEndless()
	case "limited":
		playLimited()
	}
	verify(m)
}

// playEndless records sessions until it is killed.
func playEndless() {
	folder, err := recordings.OpenFolder(os.Args[1])
	if err != nil {
		panic(err)
	}
	s := transcript.NewSet(transcript.Options{Folder: folder})
	play := func(l *transcript.Log, commands int) {
		for range commands {
			l.Data(who.Client, who.Server, []byte("NOOP\r\n"))
			l.Data(who.Server, who.Client, []byte("250 ok\r\n"))
		}
	}
	var all sync.WaitGroup
	endless := s.Begin(transcript.Session{})
	all.Go(func() {
		for {
			play(endless, 10)
			time.Sleep(time.Millisecond)
		}
	})
	for range 3 {
		all.Go(func() {
			for {
				l := s.Begin(transcript.Session{})
				play(l, rand.IntN(2000))
				l.End(ended)
			}
		})
	}
	fmt.Println(s.Path(endless.ID()))
	all.Wait()
}

// A killed program leaves recordings that can be read up to where they stop.
func TestKilled(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	read, torn := 0, 0
	for range rounds {
		isTorn := false
		dir := filepath.Join(t.TempDir(), "recordings")
		program := exec.Command(os.Args[0], dir)
		program.Env = append(os.Environ(), playing+"=endless")
		out, err := program.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		endless, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		endless = strings.TrimSpace(endless)
		eventually(t, "sessions are recorded", func() bool {
			list, err := recordings.List(dir)
			_, begun := os.Stat(endless)
			return err == nil && len(list) > 4 && begun == nil
		})
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond) // a random moment, not a wait for something
		program.Process.Kill()
		program.Wait()
		killed(t, dir)
		list, err := recordings.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			_, damage, err := transcript.Load(r.Path)
			var inHeader *recordings.Damage
			switch {
			case errors.As(err, &inHeader) && inHeader.Torn, damage != nil && damage.Torn:
				torn++
				isTorn = isTorn || r.Path == endless
			case err != nil || damage != nil:
				t.Errorf("%s: %v, %v", r.ID, err, damage)
			}
			read++
		}
		if !isTorn {
			t.Error("the session that did not end is not torn")
		}
	}
	t.Logf("%d recordings, %d of them torn", read, torn)
}

// limit is the size of files past which playLimited can't write at first.
const limit = 3000

// playLimited records a session while files can't grow, then while they can.
func playLimited() {
	signal.Ignore(syscall.SIGXFSZ)
	folder, err := recordings.OpenFolder(os.Args[1])
	if err != nil {
		panic(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		panic(err)
	}
	syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: old.Max})
	s := transcript.NewSet(transcript.Options{Folder: folder})
	l := s.Begin(transcript.Session{})
	for range 200 {
		l.Data(who.Client, who.Server, []byte("NOOP\r\n"))
		l.Data(who.Server, who.Client, []byte("250 ok\r\n"))
	}
	for s.State().Err == "" {
		time.Sleep(time.Millisecond)
	}
	fmt.Println(s.State().Err)
	syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)
	l.End(ended)
	if err := s.Close(); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// A write that a full disk cuts in the middle of a record is gone on with
// there.
func TestCutWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	program := exec.Command(os.Args[0], dir)
	program.Env = append(os.Environ(), playing+"=limited")
	out, err := program.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "file too large") {
		t.Fatalf("%v: %s", err, out)
	}
	path, err := recordings.Find(dir, "latest")
	if err != nil {
		t.Fatal(err)
	}
	tr, damage, err := transcript.Load(path)
	if err != nil || damage != nil || len(tr.Entries) != 401 {
		t.Errorf("%v, %v, %d entries", err, damage, len(tr.Entries))
	}
	if info, err := os.Stat(path); err != nil || info.Size() < limit*2 {
		t.Errorf("the file is too small to have met its limit: %v, %v", info.Size(), err)
	}
}
