package transcript_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// watching returns a Set that follows a folder until the end of the test.
func watching(t *testing.T, w transcript.Watch) *transcript.Set {
	t.Helper()
	s := transcript.NewSet(transcript.Options{})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.Watch(ctx, w) })
	t.Cleanup(func() { stop(); running.Wait(); s.Close() })
	return s
}

// summaryOf is the summary of the session of that id; empty if there is none.
func summaryOf(s *transcript.Set, id string) transcript.Summary {
	for _, sum := range s.Summaries(0) {
		if sum.ID == id {
			return sum
		}
	}
	return transcript.Summary{}
}

func now(o *transcript.Options) { o.Clock = time.Now }

// What others record is seen as it grows: by two recorders, in one folder.
func TestWatch(t *testing.T) {
	one := newSet(t, now)
	folder, err := recordings.OpenFolder(one.State().Folder)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	two := newSet(t, now, func(o *transcript.Options) { o.Folder = folder })
	s := watching(t, transcript.Watch{Dir: folder.Dir()})
	for _, from := range []*transcript.Set{one, two} {
		l := from.Begin(transcript.Session{})
		play(t, l, "S: 220 mx.example.org\nC: EHLO client.example.org\nS: 250 mx.example.org", whole)
		eventually(t, "a session that runs is seen", func() bool { return summaryOf(s, l.ID()).Outcome == outcome.Running })
		play(t, l, "C: MAIL FROM:<a@example.org>\nS: 250 ok\nC: RCPT TO:<b@example.net>\nS: 250 ok", whole)
		eventually(t, "it grows in the list", func() bool { return summaryOf(s, l.ID()).Accepted == 1 })
		tr, err := s.Open(l.ID())
		if err != nil || tr.Ended || tr.Lack(decode.LackEnd) || len(tr.CannotShow) > 0 {
			t.Fatalf("%v, %+v", err, tr)
		}
		before := len(tr.Entries)
		play(t, l, "C: DATA\nS: 354 go\nC: Subject: one\nC: \nC: hello\nC: .\nS: 250 queued", whole)
		eventually(t, "it grows when it is open", func() bool {
			tr, err = s.Open(l.ID())
			return err == nil && !tr.Ended && len(tr.Entries) > before && summaryOf(s, l.ID()).Sent == 1
		})
		message := tr.Messages()[0].Spans[0]
		if p, err := tr.Bytes(who.ClientLeg, who.Client, message); err != nil || string(p) != "Subject: one\r\n\r\nhello\r\n" {
			t.Errorf("the message of a session that runs: %q, %v", p, err)
		}
		l.End(facts.End{Cause: facts.CauseClosed})
		eventually(t, "its end is seen", func() bool {
			sum := summaryOf(s, l.ID())
			return sum.Outcome == outcome.Sent && !sum.Live
		})
		tr, err = s.Open(l.ID())
		loaded, damage, loadErr := transcript.Load(s.Path(l.ID()))
		if err != nil || loadErr != nil || damage != nil || !tr.Ended || !reflect.DeepEqual(tr.Entries, loaded.Entries) {
			t.Errorf("at the end: %v, %v, %v, %+v", err, loadErr, damage, tr)
		}
	}
	if st := s.State(); st.Live != 0 || st.Total != 2 || st.Folder != folder.Dir() {
		t.Errorf("%+v", st)
	}
}

// A recorder that is silent is taken for killed until it is heard again.
func TestWatchCutOff(t *testing.T) {
	dir := t.TempDir()
	started := time.Now()
	id, recorder := recordings.NewID(started), recordings.NewID(started)
	pulse := filepath.Join(dir, ".recorder-"+recorder)
	beat := func() {
		if err := os.WriteFile(pulse, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	beat()
	f, err := os.Create(filepath.Join(dir, id+recordings.Ext))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := recordings.NewWriter(f, recordings.Header{ID: id, Started: started, Recorder: recorder})
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		t.Helper()
		if err := w.Append(recordings.Record{Type: recordings.TypeData, From: who.Server, To: who.Client, Data: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	say("220 mx.example.org\r\n")
	s := watching(t, transcript.Watch{Dir: dir})
	live := func() bool { return summaryOf(s, id).Live }
	eventually(t, "it runs", live)
	os.Remove(pulse)
	eventually(t, "it is cut off", func() bool { return !live() })
	if sum := summaryOf(s, id); !sum.Incomplete || sum.Outcome == outcome.Running {
		t.Errorf("%+v", sum)
	}
	if tr, err := s.Open(id); err != nil || !tr.Ended || !tr.Lack(decode.LackEnd) {
		t.Errorf("%v, %+v", err, tr)
	}
	beat()
	eventually(t, "it runs again", live)
	say("421 shutting down\r\n")
	eventually(t, "it goes on", func() bool { tr, err := s.Open(id); return err == nil && !tr.Ended && len(tr.Entries) == 2 })
	os.Remove(f.Name())
	eventually(t, "it is gone", func() bool { return !live() })
}

// What is watched for is taken when it has become so, and what was known is not
// taken again.
func TestWatchPicks(t *testing.T) {
	from := newSet(t, now)
	dir := from.State().Folder
	known := from.Begin(transcript.Session{})
	play(t, known, "S: 220 mx.example.org", whole)
	known.End(facts.End{Cause: facts.CauseClosed})
	eventually(t, "it is recorded", func() bool { return released(known) })
	there, err := recordings.List(dir)
	if err != nil || len(there) != 1 {
		t.Fatal(there, err)
	}
	s := watching(t, transcript.Watch{Dir: dir, Known: there, Picks: func(sum transcript.Summary) bool { return sum.Outcome == outcome.Refused }})
	refused, nothing := from.Begin(transcript.Session{}), from.Begin(transcript.Session{})
	for _, l := range []*transcript.Log{nothing, refused} {
		play(t, l, "S: 220 mx.example.org\nC: EHLO client.example.org\nS: 250 mx.example.org", whole)
	}
	play(t, refused, "C: MAIL FROM:<a@example.org>\nS: 550 no", whole)
	nothing.End(facts.End{Cause: facts.CauseClosed})
	refused.End(facts.End{Cause: facts.CauseClosed})
	eventually(t, "what is wanted is taken", func() bool { return summaryOf(s, refused.ID()).Outcome == outcome.Refused })
	if n := s.Len(); n != 1 {
		t.Errorf("%d sessions were taken: %+v", n, s.Summaries(0))
	}
}

// A look at a session that runs reads what is new, not what came before; a look at
// a folder in which nothing is new reads no recording.
func TestWatchReadsOnce(t *testing.T) {
	from := newSet(t, now)
	s := watching(t, transcript.Watch{Dir: from.State().Folder})
	l := from.Begin(transcript.Session{})
	for range 200 {
		play(t, l, "C: NOOP\nS: 250 ok", whole)
	}
	eventually(t, "it is seen", func() bool { return summaryOf(s, l.ID()).Live })
	var first *decode.Event
	eventually(t, "it is open", func() bool {
		tr, err := s.Open(l.ID())
		if err == nil && len(tr.Entries) > 0 {
			first = tr.Entries[0].Event
		}
		return first != nil
	})
	play(t, l, "C: RSET\nS: 250 ok", whole)
	eventually(t, "it grows", func() bool {
		tr, err := s.Open(l.ID())
		return err == nil && tr.Entries[0].Event == first && tr.Entries[len(tr.Entries)-2].Event.Command != nil && tr.Entries[len(tr.Entries)-2].Event.Command.Verb == "RSET"
	})
	l.End(facts.End{Cause: facts.CauseClosed})
}
