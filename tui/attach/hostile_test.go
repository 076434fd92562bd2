package attach

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"smtptap/decode/outcome"
	"smtptap/recordings/transcript"
)

const someID = "20261128-000702-644-w1tbz"

// hear has a viewer hear lines, as after a good beginning.
func hear(r *Remote, lines string) error {
	scanner := bufio.NewScanner(strings.NewReader(lines))
	scanner.Buffer(nil, maxLine)
	alive := time.NewTimer(silence)
	defer alive.Stop()
	return r.listen(&feed{lines: scanner, alive: alive})
}

// remote is a viewer of a server that answers every request in the same way.
func remote(t testing.TB, answer http.HandlerFunc) *Remote {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sessions" {
			json.NewEncoder(w).Encode(news{Hello: &Hello{Protocol: protocol, Instance: "x"}})
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		answer(w, r)
	})}
	go server.Serve(l)
	r, err := Dial(context.Background(), "unix", l.Addr().String(), Secret{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); server.Close() })
	return r
}

// What a server says can't be more than a session could have.
func TestHostileNews(t *testing.T) {
	r := remote(t, http.NotFound)
	long := strings.Repeat("x", 100_000)
	if err := hear(r, `{"Session":{"ID":"`+someID+`","Live":true,"Outcome":"\u001b[31m","From":"`+long+`","Rcpts":-5,"Took":-1,"Path":"/etc/passwd"}}`+"\n"); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	s := r.Summary(0)
	if len(s.From) > 300 || s.Rcpts < 0 || s.Took < 0 || s.Outcome != outcome.Unknown || r.Path(someID) == "/etc/passwd" {
		t.Errorf("it takes %+v", s)
	}
	for name, lines := range map[string]string{
		"a path":      `{"Session":{"ID":"../../etc/passwd"}}`,
		"no id":       `{"Session":{}}`,
		"no JSON":     "\x1b[2J",
		"a long line": `{"Session":{"ID":"` + strings.Repeat("x", maxLine) + `"}}`,
		"a bad type":  `{"Session":7}`,
	} {
		if err := hear(r, lines); err == nil || err == io.ErrUnexpectedEOF {
			t.Errorf("%s is taken", name)
		}
	}
	if r.Len() != 1 {
		t.Errorf("%d sessions", r.Len())
	}
}

// A recording that is none, or not what was asked for, is an error and no more.
func TestHostileRecordings(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"nothing":   func(http.ResponseWriter, *http.Request) {},
		"rubbish":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "\x1b[2J") },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"a range": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 900-/*")
			w.WriteHeader(http.StatusPartialContent)
		},
		"a cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "smtptap recording 1\n")
		},
		"status 100000": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(conn, "HTTP/1.1 100000 x\r\n\r\n")
				conn.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := remote(t, answer)
			hear(r, `{"Session":{"ID":"`+someID+`","Live":true}}`)
			for range 3 {
				if tr, err := r.Open(someID); err == nil {
					t.Errorf("it is %+v", tr)
				} else if strings.ContainsRune(err.Error(), 0x1b) {
					t.Errorf("it says %q", err)
				}
			}
		})
	}
}

func FuzzNews(f *testing.F) {
	one, _ := json.Marshal(news{Session: &transcript.Summary{ID: someID, Live: true, Also: &transcript.Also{From: []string{"a"}}}})
	two, _ := json.Marshal(news{State: &transcript.State{Recording: true, Err: "x"}})
	f.Add(string(one) + "\n" + string(two) + "\n")
	f.Add(`{"Session":{"ID":"` + someID + `","Also":{"From":null}}}` + "\n" + `{"Session":{"ID":"` + someID + `"}}`)
	r := remote(f, http.NotFound)
	f.Fuzz(func(t *testing.T, lines string) {
		hear(r, lines)
		for i := range r.Len() {
			if s := r.Summary(i); s.Rcpts < 0 || len(s.Subject) > 300 || s.ID == "" {
				t.Errorf("it takes %+v", s)
			}
		}
		r.State()
	})
}
