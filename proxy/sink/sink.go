// Package sink is an SMTP and LMTP server that accepts everything, delivers
// nothing and keeps nothing: every user name and password, every address, every
// message of any size and any bytes. It is what sessions go to that are only to be looked
// at.
//
// It takes commands as leniently as servers in the field do, but it is strict
// about where a message ends (RFC 5321 section 4.1.1.4): a client that gets
// this wrong should find out here.
package sink

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// A Server takes SMTP sessions. The zero value is ready to use.
type Server struct {
	Name     string      // how it calls itself; "" means "sink.localhost"
	TLS      *tls.Config // makes it offer STARTTLS
	Implicit bool        // TLS begins with the first byte, as TLS says

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	over  bool
	wg    sync.WaitGroup
}

const defaultName = "sink.localhost"

// Serve takes sessions on l until ctx is done. It closes l and all sessions
// then, waits for them and returns nil; otherwise it returns the error of l. A
// Server serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		s.closeConns()
	})
	defer stop()
	defer s.wg.Wait()
	for wait := shortestBackOff; ; {
		conn, err := l.Accept()
		if err == nil {
			wait = shortestBackOff
			s.start(conn)
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if temporary, ok := err.(interface{ Temporary() bool }); !ok || !temporary.Temporary() {
			s.closeConns()
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, longestBackOff)
	}
}

// How long to wait when there are no file descriptors left for a client.
const (
	shortestBackOff = 5 * time.Millisecond
	longestBackOff  = time.Second
)

func (s *Server) start(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		conn.Close()
		return
	}
	if s.conns == nil {
		s.conns = map[net.Conn]struct{}{}
	}
	s.conns[conn] = struct{}{}
	s.wg.Go(func() {
		newSession(s, conn).run()
		conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	})
}

func (s *Server) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for conn := range s.conns {
		conn.Close()
	}
}

func (s *Server) name() string {
	if s.Name != "" {
		return s.Name
	}
	return defaultName
}
