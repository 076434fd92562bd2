package proxy

import (
	"context"
	"net"

	"smtptap/proxy/upstream"
)

// A phase is a stretch of a session in which bytes are relayed. It ends when a
// STARTTLS has been accepted, when a stage says so, or with the session. The
// owner then makes the next one.
type phase struct {
	client net.Conn         // with TLS on top, once there is; nil when it can't be talked to
	server net.Conn         // likewise; nil when there is none
	target *upstream.Server // the server; nil when there is none

	// Bytes that were read from a peer and not yet noted. Behind an accepted
	// STARTTLS they came in clear behind the command or its reply. What a
	// phase begins with, its pumps take first.
	fromClient, fromServer []byte

	// reply is what of the server's accepting reply to STARTTLS has been
	// noted but not sent on. It is the whole reply unless begun, which tells
	// that its beginning went to the client before its end came.
	reply []byte
	begun bool

	// clientStage and serverStage take what is read from that peer; nil
	// means to relay it.
	clientStage, serverStage stage

	// next makes the phase that follows; nil means upgrade.
	next func(ctx context.Context, ph phase) (phase, error)
	// clientEnds and serverEnds are called when that peer sends no more,
	// before that is noted, so that a stage can do something with what it
	// holds; may be nil.
	clientEnds, serverEnds func(r *relay)
}

// A stage does what there is to do with bytes that were read: it notes them and
// hands them on. It returns false when the phase ends with them; what it has
// left is in the phase then. The bytes are only lent. Calls of one stage do not
// overlap; the other direction's stage runs at the same time.
type stage func(r *relay, p []byte) (more bool)
