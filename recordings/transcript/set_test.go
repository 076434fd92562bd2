package transcript_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// unrecorded is a change of options: nothing is recorded.
func unrecorded(o *transcript.Options) { o.Folder = nil }

func TestSubscribe(t *testing.T) {
	s := newSet(t, unrecorded)
	one, cancelOne := s.Subscribe()
	two, cancelTwo := s.Subscribe()
	defer cancelTwo()
	l := s.Begin(transcript.Session{})
	for range 100 { // nobody takes them, and nobody waits
		play(t, l, "S: 220 mx.example.org ESMTP", whole)
	}
	for name, c := range map[string]<-chan struct{}{"one": one, "two": two} {
		select {
		case <-c:
		default:
			t.Errorf("subscriber %s was not woken", name)
		}
		select {
		case <-c:
			t.Errorf("subscriber %s was woken twice", name)
		default:
		}
	}
	cancelOne()
	cancelOne()
	l.Summary()
	l.End(ended)
	select {
	case <-one:
		t.Error("a subscriber that left was woken")
	case <-two:
	}
}

// Who has been woken and has not looked yet is not woken again.
func TestWokenOnce(t *testing.T) {
	s := newSet(t, unrecorded)
	wake, cancel := s.Subscribe()
	defer cancel()
	l := s.Begin(transcript.Session{})
	<-wake
	for range 2 {
		l.Transcript()
		for range 3 {
			play(t, l, "S: 220 mx.example.org ESMTP", whole)
		}
		<-wake
		play(t, l, "S: 220 mx.example.org ESMTP", whole)
		select {
		case <-wake:
			t.Error("woken twice for one look")
		default:
		}
	}
	l.End(ended)
}

// A snapshot does not change.
func TestSnapshot(t *testing.T) {
	s := newSet(t)
	l := s.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: "sink", Mode: "intercept"})
	play(t, l, hello, whole)
	was := l.Transcript()
	n := len(was.Entries)
	if was.ID != l.ID() || was.Ended || was.Source != decode.SourceLive || was.Listen != "127.0.0.1:2525" || was.Target != "sink" || was.Mode != "intercept" {
		t.Errorf("got %+v", was)
	}
	play(t, l, goodbye, whole)
	l.End(ended)
	if len(was.Entries) != n || was.Ended {
		t.Errorf("the snapshot has grown to %d entries", len(was.Entries))
	}
	_ = append(was.Entries, decode.Entry{}) // must not reach the log's own
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Open(l.ID()); err != nil || len(now.Entries) != n+3 || !now.Ended {
		t.Errorf("%v, %+v", err, now)
	}
}

func TestUnrecorded(t *testing.T) {
	s := newSet(t, unrecorded)
	_, was := live(t, s, dialogues[0], whole)
	got, err := s.Open(was.ID)
	if err != nil {
		t.Fatal(err)
	}
	sameEntries(t, got.Entries, was.Entries)
	if got.Bytes != nil || !got.Ended || s.Path(was.ID) != "" {
		t.Errorf("got %+v at %q", got, s.Path(was.ID))
	}
	sum := s.Summary(0)
	if sum.Outcome != outcome.Sent || sum.Incomplete || sum.Path != "" || sum.Live {
		t.Errorf("summary %+v", sum)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if st := s.State(); st.Recording || st.Folder != "" || st.Live != 0 || st.Total != 1 {
		t.Errorf("state %+v", st)
	}
}

// Sessions that are not recorded are held in memory, but not all for ever.
func TestUnrecordedIsBounded(t *testing.T) {
	s := newSet(t, unrecorded)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	line := []byte("NOOP " + strings.Repeat("x", 4000) + "\r\n")
	const sessions = 100
	for range sessions {
		l := s.Begin(transcript.Session{})
		for range 60 {
			l.Data(who.Client, who.Server, line)
		}
		l.End(ended)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 64<<20 {
		t.Errorf("%d bytes are held", used)
	}
	first, last := s.Summary(0), s.Summary(sessions-1)
	if tr, err := s.Open(last.ID); err != nil || len(tr.Entries) < 50 {
		t.Errorf("the last: %v", err)
	}
	if _, err := s.Open(first.ID); err == nil || !strings.Contains(err.Error(), "was not recorded") {
		t.Errorf("the first: %v", err)
	}
	if first.Outcome != outcome.Nothing {
		t.Errorf("the first's summary: %+v", first)
	}
}

// A long session holds its newest lines, and all of them again when it is
// opened from its recording.
func TestLongSession(t *testing.T) {
	s := newSet(t)
	l := s.Begin(transcript.Session{})
	play(t, l, "S: 220 mx.example.org ESMTP", whole)
	const commands = 10_000
	ask, answer := []byte("NOOP "+strings.Repeat("x", 400)+"\r\n"), []byte("250 2.0.0 ok\r\n")
	for range commands {
		l.Data(who.Client, who.Server, ask)
		l.Data(who.Server, who.Client, answer)
	}
	tr := l.Transcript()
	if tr.Earlier+len(tr.Entries) != 2*commands+1 || tr.Earlier == 0 || len(tr.CannotShow) != 1 {
		t.Errorf("%d entries, %d earlier, %q", len(tr.Entries), tr.Earlier, tr.CannotShow)
	}
	if last := tr.Entries[len(tr.Entries)-1]; last.Event.Seq != 2*commands {
		t.Errorf("the last is %s", show(last))
	}
	l.End(ended)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := s.Open(l.ID())
	if err != nil || len(got.Entries) != 2*commands+2 || got.Earlier != 0 {
		t.Errorf("%v, %d entries, %d earlier", err, len(got.Entries), got.Earlier)
	}
}

// A recording that is too long to be held is shown up to a bound.
func TestTooLongRecording(t *testing.T) {
	const commands = 8000
	var records []recordings.Record
	for range commands {
		records = append(records, recordings.Record{Type: "data", From: who.Client, To: who.Server, Data: []byte("NOOP " + strings.Repeat("x", 4000) + "\r\n")})
	}
	path := write(t, recordings.Header{}, append(records, recordings.Record{Type: "end", From: who.Smtptap, To: who.Smtptap, Data: []byte(`{"cause":"closed"}`)})...)
	tr, damage, err := transcript.Load(path)
	if err != nil || damage != nil {
		t.Fatal(err, damage)
	}
	left := commands + 1 - len(tr.Entries)
	if left <= 0 || len(tr.CannotShow) != 1 || !strings.Contains(tr.CannotShow[0].String(), fmt.Sprintf("last %d lines", left)) {
		t.Errorf("%d are left out, %q", left, tr.CannotShow)
	}
	if sum, err := transcript.Summarize(path); err != nil || sum.Live || sum.Incomplete {
		t.Errorf("%+v, %v", sum, err)
	}
}

// write makes a recording of these records.
func write(t testing.TB, h recordings.Header, records ...recordings.Record) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "x.smtptap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := recordings.NewWriter(f, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestAdd(t *testing.T) {
	first := newSet(t)
	_, was := live(t, first, dialogues[0], whole)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	path := first.Path(was.ID)
	s := newSet(t, unrecorded)
	if err := s.Add(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(path); err != nil { // the same again
		t.Fatal(err)
	}
	if s.Len() != 1 || s.Path(was.ID) != path {
		t.Errorf("%d sessions, path %q", s.Len(), s.Path(was.ID))
	}
	sum := s.Summary(0)
	if sum.Outcome != outcome.Sent || sum.Source != decode.SourceRecording || sum.Path != path || sum.Subject != "hello folded" {
		t.Errorf("summary %+v", sum)
	}
	got, err := s.Open(was.ID)
	if err != nil {
		t.Fatal(err)
	}
	sameEntries(t, got.Entries, was.Entries)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{was.ID, "renamed"} {
		other := filepath.Join(t.TempDir(), name+recordings.Ext)
		if err := os.WriteFile(other, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Add(other); err != nil {
			t.Fatal(err)
		}
		sum := s.Summary(i + 1)
		if want := []string{was.ID + " (2)", "renamed"}[i]; sum.ID != want || sum.Path != other || s.Path(want) != other {
			t.Errorf("a copy: %+v, want the id %q", sum, want)
		}
		if got, err := s.Open(sum.ID); err != nil || len(got.Entries) != len(was.Entries) {
			t.Errorf("open a copy: %v", err)
		}
	}
	if err := s.Add(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("a file that is not there was added")
	}
	if _, err := s.Open("nothing"); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("open nothing: %v", err)
	}
	if s.Path("nothing") != "" {
		t.Error("nothing has a path")
	}
}

// A recording that was only listed is read when somebody asks what became of it.
func TestAddUnread(t *testing.T) {
	first := newSet(t)
	_, was := live(t, first, dialogues[0], whole)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(first.Path(was.ID))
	if err := os.WriteFile(filepath.Join(dir, "broken"+recordings.Ext), []byte("no recording"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := recordings.List(dir)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	s := newSet(t, unrecorded)
	for _, r := range list {
		s.AddUnread(r)
	}
	for i, r := range list {
		want, err := transcript.Summarize(r.Path)
		got := s.Summary(i)
		switch {
		case err != nil:
			if got.ID != "broken" || got.Outcome != outcome.Unknown || !strings.Contains(got.Verdict.String(), "not a recording") || !got.Incomplete {
				t.Errorf("one that can't be read: %+v", got)
			}
		case got != want:
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if tr, err := s.Open(was.ID); err != nil || len(tr.Entries) != len(was.Entries) {
		t.Errorf("open: %v", err)
	}
}

// A Set remembers many sessions cheaply, and forgets the oldest of very many.
func TestManySummaries(t *testing.T) {
	s := newSet(t, unrecorded)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	running := s.Begin(transcript.Session{})
	const many = 100_000
	summary := func(i int) transcript.Summary {
		return transcript.Summary{ID: fmt.Sprintf("id-%d", i), Source: decode.SourceRecording, Client: fmt.Sprintf("127.0.0.1:%d", i%65536), Outcome: outcome.Sent}
	}
	for i := range many {
		s.AddSummary(summary(i), "")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := int64(after.HeapAlloc-before.HeapAlloc) / many; each > 700 {
		t.Errorf("%d bytes a session", each)
	} else {
		t.Logf("%d bytes a session", each)
	}
	for i := range many + 1000 {
		s.AddSummary(summary(many+i), "")
	}
	if s.Len() != 2*many+1001 {
		t.Errorf("%d sessions", s.Len())
	}
	all := s.Summaries(0)
	if len(all) != 200_000 || all[0].ID != running.ID() || all[1].ID != "id-1001" || s.Summary(5).ID != "" {
		t.Errorf("%d summaries, the first of %s and %s", len(all), all[0].ID, all[1].ID)
	}
	if some := s.Summaries(s.Len() - 2); len(some) != 2 || some[1].ID != fmt.Sprintf("id-%d", 2*many+999) {
		t.Errorf("the last two are %+v", some)
	}
	if rest := s.Summaries(s.Len() + 5); len(rest) != 0 {
		t.Errorf("behind the last come %+v", rest)
	}
	running.End(ended)
}

// What is too long to be a record still is a session.
func TestLargeChunk(t *testing.T) {
	s := newSet(t)
	l := inMessage(t, s)
	body := bodyOf(5 << 20)
	l.Data(who.Client, who.Server, body)
	play(t, l, "C: .\nS: 250 ok", whole)
	l.End(ended)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tr, damage, err := transcript.Load(s.Path(l.ID()))
	if err != nil || damage != nil {
		t.Fatal(err, damage)
	}
	for _, e := range tr.Entries {
		if e.Event != nil && e.Event.Kind == decode.KindBody {
			p, err := tr.Bytes(who.ClientLeg, who.Client, e.Event.Span)
			if err != nil || !bytes.Equal(p, append([]byte("\r\n"), body...)) {
				t.Errorf("%v, %d bytes", err, len(p))
			}
		}
	}
}

// A recording by a newer smtptap may hold records and fields of its own.
func TestNewerRecording(t *testing.T) {
	path := write(t, recordings.Header{},
		recordings.Record{Type: "open", From: who.Client, To: who.Smtptap, Data: []byte(`{"client":"127.0.0.1:1","mood":"good"}`)},
		recordings.Record{Type: "premonition", From: who.Smtptap, To: who.Smtptap, Data: []byte("\x00")},
		recordings.Record{Type: "dial", From: who.Smtptap, To: who.Server, Data: []byte(`{"addr":17}`)},
		recordings.Record{Type: "mask", From: who.Client, To: who.Server, Data: []byte(`[]`)},
		recordings.Record{Type: "end", From: who.Smtptap, To: who.Smtptap, Data: []byte(`{"cause":"closed"}`)},
	)
	tr, damage, err := transcript.Load(path)
	if err != nil || damage != nil || len(tr.Entries) != 2 {
		t.Fatalf("%v, %v, %+v", err, damage, tr)
	}
	if open := tr.Entries[0].Fact.(*facts.Open); open.Client != "127.0.0.1:1" {
		t.Errorf("open %+v", open)
	}
	if len(tr.CannotShow) != 2 || !strings.Contains(tr.CannotShow[0].String(), "dial") || !strings.Contains(tr.CannotShow[1].String(), "mask") {
		t.Errorf("cannot show %q", tr.CannotShow)
	}
}

// TestClockIsSetBack: nothing happened before what was there already, whatever
// the machine's clock says; nor does a session take less than no time.
func TestClockIsSetBack(t *testing.T) {
	c := newClock()
	s := newSet(t, func(o *transcript.Options) { o.Clock = c.Now })
	l := s.Begin(transcript.Session{})
	play(t, l, hello, whole)
	c.mu.Lock()
	c.now = c.now.Add(-time.Hour)
	c.mu.Unlock()
	play(t, l, goodbye, whole)
	l.End(ended)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := s.Open(l.ID())
	if err != nil {
		t.Fatal(err)
	}
	var last time.Duration
	for i, e := range got.Entries {
		if e.At < last {
			t.Errorf("entry %d came at %v, behind %v", i, e.At, last)
		}
		last = e.At
	}
	if took := s.Summaries(0)[0].Took; took < 0 || took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
