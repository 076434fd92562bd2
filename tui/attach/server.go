package attach

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"reflect"
	"time"

	"golang.org/x/net/netutil"

	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// A Server offers sessions to viewers.
type Server struct {
	Hello    Hello
	Sessions func() *transcript.Set // asked when the first viewer comes
	State    func() transcript.State
	Close    func(id string) error // ends a session
}

const (
	// mostConns is how many connections viewers may have, all together.
	mostConns = 64
	// patience is how long a viewer may take to read a line, and fetch a piece of a
	// recording.
	patience     = 10 * time.Second
	longPatience = 5 * time.Minute
)

// Serve answers at l, which it closes, until ctx is done.
func (s *Server) Serve(ctx context.Context, l net.Listener) {
	s.Hello.Protocol, s.Hello.Instance = protocol, recordings.NewID(time.Now())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sessions", s.follow)
	mux.HandleFunc("GET /sessions/{id}", s.recording)
	mux.HandleFunc("POST /sessions/{id}/close", s.close)
	server := http.Server{
		Handler: mux, ReadTimeout: patience, IdleTimeout: longPatience, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // what a stranger can cause is no news
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	server.Serve(netutil.LimitListener(owned{l}, mostConns))
}

// owned takes connections of this user only.
type owned struct{ net.Listener }

func (l owned) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if checkOwner(conn) == nil {
			return conn, nil
		}
		conn.Close()
	}
}

func (s *Server) recording(w http.ResponseWriter, r *http.Request) {
	path := s.Sessions().Path(r.PathValue("id"))
	f, err := os.Open(path)
	switch {
	case path == "":
		http.Error(w, "no such session", http.StatusNotFound)
		return
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "it is not recorded yet, or no longer", http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, "the recording can't be read", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longPatience))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, f)
}

func (s *Server) close(w http.ResponseWriter, r *http.Request) {
	if err := s.Close(r.PathValue("id")); err != nil {
		http.Error(w, visible.Text(err.Error()), http.StatusConflict)
	}
}

const (
	// leastPause is between two looks at what has changed.
	leastPause = 50 * time.Millisecond
	// idle is how often longer than a look the pause after it is.
	idle = 10
	// settled is how long after something has passed it is in the recording, if the
	// disk keeps up.
	settled = 200 * time.Millisecond
	// closed is how long after its end a session may still change.
	closed = 2 * time.Second
)

// follow tells a viewer of sessions as they change.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	set := s.Sessions()
	changes, cancel := set.Subscribe()
	defer cancel()
	v := &viewer{set: set, state: s.State, control: http.NewResponseController(w), to: json.NewEncoder(w), told: map[int]told{}}
	hello := s.Hello
	hello.Now = time.Now()
	if v.tell(news{Hello: &hello}) != nil {
		return
	}
	for wait := settled; ; {
		began := time.Now()
		if v.look() != nil {
			return
		}
		select {
		case <-time.After(max(idle*time.Since(began), leastPause)):
		case <-r.Context().Done():
			return
		}
		select {
		case <-changes:
			wait = settled
		case <-time.After(wait):
			wait = beat
		case <-r.Context().Done():
			return
		}
	}
}

// A viewer is somebody who is told of sessions.
type viewer struct {
	set     *transcript.Set
	state   func() transcript.State
	control *http.ResponseController
	to      *json.Encoder
	next    int          // the first session of which it was told nothing
	told    map[int]told // of those that may change
}

// told is what a viewer knows of a session.
type told struct {
	news
	at time.Time
}

func (v *viewer) tell(n news) error {
	v.control.SetWriteDeadline(time.Now().Add(patience))
	return v.to.Encode(n)
}

// look tells of what has changed.
func (v *viewer) look() error {
	for i := range v.told {
		if err := v.session(i); err != nil {
			return err
		}
	}
	for n := v.set.Len(); v.next < n; v.next++ {
		if err := v.session(v.next); err != nil {
			return err
		}
	}
	st := v.state()
	if err := v.tell(news{State: &st}); err != nil {
		return err
	}
	return v.control.Flush()
}

func (v *viewer) session(i int) error {
	sum := v.set.Summary(i)
	before, known := v.told[i]
	if sum.ID == "" { // it is forgotten
		delete(v.told, i)
		return nil
	}
	now := told{news{Session: &sum}, time.Now()}
	if info, err := os.Stat(sum.Path); err == nil {
		now.Bytes = info.Size()
	}
	sum.Path = ""
	over := !sum.Live && now.at.After(sum.Started.Add(sum.Took+closed))
	if known && before.same(now) {
		if over && now.at.After(before.at.Add(closed)) {
			delete(v.told, i)
		}
		return nil
	}
	if known || !over {
		v.told[i] = now
	}
	return v.tell(now.news)
}

// same reports whether there is nothing to tell: what a clock adds, the viewer can
// add as well.
func (t told) same(now told) bool {
	a, b := *t.Session, *now.Session
	if b.Live && b.Quiet < a.Quiet {
		return false
	}
	if b.Live {
		a.Took, a.Quiet = b.Took, b.Quiet
	}
	return t.Bytes == now.Bytes && reflect.DeepEqual(a, b)
}
