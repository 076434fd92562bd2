package store_test

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"smtptap/recordings"
	"smtptap/recordings/store"
)

const place = "s3://bucket/team/a"

// A fake is what the tests need of S3, in memory.
type fake struct {
	mu      sync.Mutex
	down    bool
	objects map[string][]byte
	puts    int
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key, inside := strings.CutPrefix(r.URL.Path, "/bucket/")
	body, stored := f.objects[key]
	switch {
	case f.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Method == "PUT" && inside:
		f.objects[key] = unchunked(r.Body)
		f.puts++
		w.Header().Set("ETag", `"1"`)
	case r.URL.Query().Get("list-type") == "2":
		f.list(w, r.URL.Query().Get("prefix"))
	case !stored:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", modified.Format(http.TimeFormat))
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body)
	}
}

var modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (f *fake) list(w io.Writer, prefix string) {
	type object struct {
		Key, LastModified, ETag string
		Size                    int
	}
	var answer struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}
	for key, body := range f.objects {
		if strings.HasPrefix(key, prefix) {
			answer.Contents = append(answer.Contents, object{key, modified.Format(time.RFC3339), `"1"`, len(body)})
		}
	}
	slices.SortFunc(answer.Contents, func(a, b object) int { return strings.Compare(a.Key, b.Key) })
	xml.NewEncoder(w).Encode(answer)
}

// unchunked is a body without the signatures of its chunks.
func unchunked(body io.Reader) (all []byte) {
	for r := bufio.NewReader(body); ; {
		head, _ := r.ReadString('\n')
		size, _, _ := strings.Cut(head, ";")
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil || n == 0 {
			return all
		}
		chunk := make([]byte, n)
		io.ReadFull(r, chunk)
		all = append(all, chunk...)
		r.Discard(len("\r\n"))
	}
}

// fakeServer points the variables to a fake.
func fakeServer(t *testing.T) *fake {
	t.Helper()
	f := &fake{objects: map[string][]byte{}}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	variables(t, s.URL)
	return f
}

func variables(t *testing.T, endpoint string) {
	t.Helper()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": "", "AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_REGION": "us-east-1", "XDG_STATE_HOME": t.TempDir()} {
		t.Setenv(name, value)
	}
}

// realServer starts the S3 server that .ci/run builds, with an empty bucket.
func realServer(t *testing.T) {
	t.Helper()
	program := os.Getenv("SMTPTAP_VERSITYGW")
	if program == "" {
		t.Skip("SMTPTAP_VERSITYGW names no S3 server: .ci/run builds one")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := l.Addr().String(), t.TempDir()
	l.Close()
	if err := os.Mkdir(filepath.Join(dir, "bucket"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--access", "testkey", "--secret", "testsecret", "--port", addr, "--quiet", "posix", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	variables(t, "http://"+addr)
	eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(time.Minute); !done(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it never happens")
		}
	}
}

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// spool opens the folder of what is to go to the store.
func spool(t *testing.T, s *store.Store) *recordings.Folder {
	t.Helper()
	f, err := recordings.OpenFolder(s.Spool())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// record makes a recording that is whole, and returns its id.
func record(t *testing.T, f *recordings.Folder, at time.Time, text string) string {
	t.Helper()
	id := recordings.NewID(at)
	file, err := f.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.WriteString(file, text); err != nil {
		t.Fatal(err)
	}
	return id
}

func silent(error) {}

// contents are the recordings of the store, as copies.
func contents(t *testing.T, s *store.Store, ref *string) map[string]string {
	t.Helper()
	dir, err := s.Copies(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	list, err := recordings.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, r := range list {
		text, err := os.ReadFile(r.Path)
		if err != nil {
			t.Fatal(err)
		}
		all[r.ID] = string(text)
	}
	return all
}

// Recordings get to the store and back, to a real server and to the fake.
func TestRoundTrip(t *testing.T) {
	for name, server := range map[string]func(*testing.T){"versitygw": realServer, "fake": func(t *testing.T) { fakeServer(t) }} {
		t.Run(name, func(t *testing.T) {
			server(t)
			s := open(t)
			f := spool(t, s)
			want := map[string]string{}
			for i := range 20 {
				text := strings.Repeat(fmt.Sprintf("recording %d\n", i), i*1000)
				want[record(t, f, modified.Add(time.Duration(i)*time.Hour), text)] = text
			}
			if left := s.Upload(f, silent).Close(time.Minute); left != 0 {
				t.Errorf("%d recordings wait", left)
			}
			if list, err := f.List(); err != nil || len(list) > 0 {
				t.Errorf("the spool holds %v, %v", list, err)
			}
			if got := contents(t, s, nil); !maps.Equal(got, want) {
				t.Errorf("%d recordings of %d came back as they were", len(got), len(want))
			}
		})
	}
}

// What could not be sent waits in the spool for another start, and is sent once.
func TestRestart(t *testing.T) {
	server := fakeServer(t)
	server.down = true
	s := open(t)
	f := spool(t, s)
	first := record(t, f, modified, "first\n")
	if left := s.Upload(f, silent).Close(time.Minute); left != 1 {
		t.Errorf("%d recordings wait", left)
	}
	server.down = false
	second := record(t, f, modified, "second\n")
	if left := s.Upload(f, silent).Close(time.Minute); left != 0 {
		t.Errorf("%d recordings wait", left)
	}
	if got := contents(t, s, nil); got[first] != "first\n" || got[second] != "second\n" || server.puts != 2 {
		t.Errorf("%v after %d requests", got, server.puts)
	}
}

// Trouble is told once, and that it is over; the recording goes to the store while
// smtptap runs.
func TestTrouble(t *testing.T) {
	server := fakeServer(t)
	server.down = true
	s := open(t)
	f := spool(t, s)
	told := make(chan error, 10)
	u := s.Upload(f, func(err error) { told <- err })
	id := record(t, f, modified, "text\n")
	if err := <-told; err == nil {
		t.Error("no trouble with a server that is down")
	}
	server.mu.Lock()
	server.down = false
	server.mu.Unlock()
	if err := <-told; err != nil {
		t.Error(err)
	}
	if contents(t, s, nil)[id] != "text\n" {
		t.Error("the recording is not in the store")
	}
	if left := u.Close(time.Minute); left != 0 || len(told) > 0 {
		t.Errorf("%d wait, %d more words of trouble", left, len(told))
	}
}

// A store that answers nothing holds up the end for as long as it may.
func TestCloseIsBounded(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	variables(t, server.URL)
	s := open(t)
	f := spool(t, s)
	record(t, f, modified, "text\n")
	began := time.Now()
	left := s.Upload(f, silent).Close(100 * time.Millisecond)
	if took := time.Since(began); left != 1 || took > 10*time.Second {
		t.Errorf("%d wait after %v", left, took)
	}
}

// A session that runs stays in the spool.
func TestRunningSession(t *testing.T) {
	server := fakeServer(t)
	s := open(t)
	f := spool(t, s)
	pulse := f.NewPulse(func() bool { return true })
	pulse.Start()
	start, err := recordings.AppendStart(nil, recordings.Header{Recorder: pulse.ID()})
	if err != nil {
		t.Fatal(err)
	}
	id := record(t, f, modified, string(start))
	if left := s.Upload(f, silent).Close(time.Minute); left != 0 || server.puts != 0 {
		t.Errorf("%d wait, %d requests", left, server.puts)
	}
	pulse.Close()
	if s.Upload(f, silent).Close(time.Minute); contents(t, s, nil)[id] != string(start) {
		t.Error("the recording is not in the store")
	}
}

// Only what is named is fetched; names that lead out of the folder are left alone,
// and copies of what is gone go too.
func TestCopies(t *testing.T) {
	server := fakeServer(t)
	s := open(t)
	old, latest := recordings.NewID(modified), recordings.NewID(modified.Add(time.Hour))
	for _, name := range []string{old + recordings.Ext, latest + recordings.Ext, "../../evil.smtptap", ".hidden.smtptap", "notes.txt", "deeper/x.smtptap"} {
		server.objects["team/a/"+name] = []byte(name)
	}
	for _, ref := range []string{"latest", "", latest, recordings.ShortID(latest), latest[:12], latest + recordings.Ext} {
		if got := contents(t, s, &ref); got[latest] == "" {
			t.Errorf("%q: %v", ref, got)
		}
	}
	if got := contents(t, s, nil); len(got) != 2 || got[old] == "" {
		t.Errorf("copies: %v", got)
	}
	delete(server.objects, "team/a/"+old+recordings.Ext)
	if got := contents(t, s, nil); len(got) != 1 {
		t.Errorf("copies: %v", got)
	}
}

func TestOpen(t *testing.T) {
	variables(t, "http://127.0.0.1:1")
	for _, name := range []string{"s3://", "s3:///x", "s3://u:p@b/x", "s3://b/x?y", "s3://b/x#y", "S3://b", "/tmp", "https://b/x"} {
		if _, err := store.Open(name); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	spools := map[string]bool{}
	for _, name := range []string{"s3://b", "s3://b/x", "s3://b/x/y", "s3://c/x", "s3://b/../../x"} {
		s, err := store.Open(name)
		if err != nil {
			t.Fatal(name, err)
		}
		spools[s.Spool()] = true
		if rest, _ := filepath.Rel(os.Getenv("XDG_STATE_HOME"), s.Spool()); !filepath.IsLocal(rest) || strings.Count(rest, "/") != 3 {
			t.Errorf("%s is spooled in %s", name, rest)
		}
	}
	if len(spools) != 5 {
		t.Errorf("%d places share a spool: %v", 5-len(spools), spools)
	}
	t.Setenv("AWS_ENDPOINT_URL", "localhost:9000")
	if _, err := store.Open("s3://b"); err == nil {
		t.Error("an endpoint without scheme is taken")
	}
}
