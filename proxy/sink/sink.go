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
}

const defaultName = "sink.localhost"

// Serve takes sessions on l until ctx is done. It closes l and all sessions
// then, waits for them and returns nil; otherwise it returns the error of l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	sessions, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer end()
	for wait := shortestBackOff; ; {
		conn, err := l.Accept()
		if err == nil {
			wait = shortestBackOff
			wg.Go(func() { s.Talk(sessions, conn, unscripted{}) })
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if temporary, ok := err.(interface{ Temporary() bool }); !ok || !temporary.Temporary() {
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

// Talk speaks with one client, as the script has it, until one of them hangs up or
// ctx is done. It closes conn.
func (s *Server) Talk(ctx context.Context, conn net.Conn, script Script) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	newSession(ctx, s, conn, script).run()
	conn.Close()
}

func (s *Server) name() string {
	if s.Name != "" {
		return s.Name
	}
	return defaultName
}
