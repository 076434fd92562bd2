// Package upstream finds and reaches the server that a session goes to: a
// fixed host, the mail servers of a domain, or those of a recipient's domain.
package upstream

import (
	"context"
	"net/netip"

	"smtptap/decode/facts"
)

// A Session is what a Dialer has to do with the session that it dials for.
type Session interface {
	// Fact notes a DNS answer or an attempt to connect, as soon as it is known.
	Fact(facts.Fact)
	// Ours reports whether smtptap itself is at addr: it listens there, or
	// is the client that has come from there. Dialling it would start another
	// session that does the same, and so on for ever.
	Ours(addr netip.AddrPort) bool
	// OursAt is Ours for the unix socket at path.
	OursAt(path string) bool
	// Destination is where the client wanted to go that was led here on its
	// way; not valid for any other.
	Destination() netip.AddrPort
}

// A Dialer knows from the start where sessions go. When it fails, the error is
// a Replier if there is more to say to a client than that it failed.
type Dialer interface {
	Dial(ctx context.Context, ses Session) (*Server, error)
}

// A Router finds the servers of a recipient's domain, once that is known.
// Errors are as a Dialer's.
type Router interface {
	Route(ctx context.Context, ses Session, d Domain) (*Route, error)
}

// A Replier is an error that knows what a client is to be told about it.
type Replier interface {
	error
	Reply() Reply
}
