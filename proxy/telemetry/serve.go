package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"smtptap/decode/visible"
)

// farewell is how long a request may go on when the server ends.
const farewell = time.Second

// ParseAddr reads PORT, :PORT or HOST:PORT. Without a host it is the loopback
// address.
func ParseAddr(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil && !strings.Contains(s, ":") {
		host, port, err = "", s, nil
	}
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > 65535 {
		return "", errors.New("not PORT, :PORT or HOST:PORT")
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// A Server answers /metrics, /healthz and /readyz.
type Server struct {
	http   http.Server
	listen net.Listener
	done   chan struct{}
}

// Serve answers at l until Close. ready says why no sessions should be sent
// here, nil when they should.
func Serve(l net.Listener, m *Metrics, ready func() error) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, visible.Text(err.Error()))
			return
		}
		fmt.Fprintln(w, "ok")
	})
	s := &Server{listen: l, done: make(chan struct{}), http: http.Server{
		Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // what a stranger can cause is no news
	}}
	go func() {
		defer close(s.done)
		s.http.Serve(l)
	}()
	return s
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.listen.Addr() }

// Close ends the server. Requests may go on for a moment.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	<-s.done
}
