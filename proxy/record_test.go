package proxy_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// recordingTo makes the sessions of a bench record, passwords included.
func recordingTo(t *testing.T, dir string) func(*proxy.Proxy) {
	t.Helper()
	return func(p *proxy.Proxy) {
		folder, err := recordings.OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { folder.Close() })
		p.Transcripts = transcript.NewSet(transcript.Options{Folder: folder, KeepSecrets: true})
	}
}

// TestRecordingIsExact compares what each side said with what the recording of
// the session holds. Ciphertext that is handed through is only counted there.
func TestRecordingIsExact(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	b := setUp(t, recordingTo(t, dir))
	var scripts [][]line
	for _, name := range dialogues(t) {
		if strings.HasPrefix(name, "starttls-passed") || name == "starttls-behind-data" {
			continue
		}
		lines := readDialogue(t, name)
		b.playBoth(t, lines, cuts()[2])
		scripts = append(scripts, lines)
	}
	b.stop()
	if n := b.set.Len(); n != len(scripts) {
		t.Fatalf("%d sessions of %d dialogues", n, len(scripts))
	}
	for i, lines := range scripts {
		path := b.set.Path(b.set.Summary(i).ID)
		client, server, last := readRecording(t, path)
		if client != said(lines, true) || server != said(lines, false) {
			t.Errorf("session %d: the recording does not hold what was said: %+v", i, lines)
		}
		if end, ok := last.(*facts.End); !ok || end.Cause != facts.CauseClosed {
			t.Errorf("session %d: the recording ends with %+v", i, last)
		}
	}
}

// readRecording returns the digests of the two streams that a recording holds,
// and its last fact.
func readRecording(t *testing.T, path string) (client, server [sha256.Size]byte, last facts.Fact) {
	t.Helper()
	fromClient, fromServer := sha256.New(), sha256.New()
	eachRecord(t, path, func(rec recordings.Record) {
		switch {
		case rec.Type != recordings.TypeData:
			if fact, err := facts.Unmarshal(rec.Type, rec.Data); err == nil {
				last = fact
			}
		case rec.From == who.Client:
			fromClient.Write(rec.Data)
		case rec.From == who.Server:
			fromServer.Write(rec.Data)
		}
	})
	return [sha256.Size]byte(fromClient.Sum(nil)), [sha256.Size]byte(fromServer.Sum(nil)), last
}

// eachRecord reads a recording to its end.
func eachRecord(t *testing.T, path string, take func(recordings.Record)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := recordings.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		take(rec)
	}
}

// Sessions go on as they are when they can't be recorded.
func TestExactWithoutRecording(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	b := setUp(t, recordingTo(t, dir))
	b.loses = true
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // so that it can't be made again
		t.Fatal(err)
	}
	for _, name := range dialogues(t) {
		b.playBoth(t, readDialogue(t, name), cuts()[0])
	}
}
