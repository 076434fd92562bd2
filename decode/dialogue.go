package decode

import "time"

// A Piece is a run of a side's stream for the recorder: either bytes, or a
// secret that was left out.
type Piece struct {
	Side  Side
	Bytes []byte // shares memory with what was fed; copy it to keep it
	Mask  *Mask  // when set, Bytes is nil; recorded as itself, shown as MaskText
	Fed   int    // how many fed bytes it stands for: len(Bytes), or the secret's length, which is never kept
}

// Out is what one call made of its bytes.
type Out struct {
	// N is how many of the bytes were consumed. It is less than what was
	// given only at a boundary whose far side is the caller's to decide; see
	// HoldClient and Accepted.
	N int
	// Events that are now complete, in order.
	Events []Event
	// Pieces to record, in order. Pieces may lag behind Feed by up to a line
	// (a secret is known for one only at its end), never past Closed.
	Pieces []Piece
	// HoldClient: a STARTTLS command has ended and its reply has not come.
	// What the client sends now must be held until it has.
	HoldClient bool
	// Refused: the reply to STARTTLS was not 220. Held bytes go on as text.
	Refused bool
	// Accepted: the reply to STARTTLS was 220 and ends here. Nothing that
	// follows in clear on either side may enter TLS. The caller goes on
	// with Secured, Unopened, or (a peer that ignores its own 220) Feed.
	Accepted bool
}

// A Dialogue decodes the session of one client and one server. The zero value
// is ready to use. It is not safe for concurrent use.
type Dialogue struct {
	// KeepSecrets leaves secrets in pieces and events instead of masking them.
	KeepSecrets bool
}

// Feed consumes bytes that side sent at time at. It consumes all of p unless
// it meets a boundary (Out.HoldClient, Out.Refused, Out.Accepted).
func (d *Dialogue) Feed(at time.Duration, side Side, p []byte) Out { return Out{N: len(p)} }

// FeedMask takes a secret that a recording or a log has left out, at its place
// in the stream.
func (d *Dialogue) FeedMask(at time.Duration, side Side, m Mask) Out { return Out{} }

// Skip tells that n bytes of side (-1: an unknown number) passed unseen.
func (d *Dialogue) Skip(at time.Duration, side Side, n int64, why string) Out { return Out{} }

// Swallow takes bytes that side sent and that went no further: clear text
// behind STARTTLS or behind its reply. They are an event of their own and
// change nothing in the dialogue.
func (d *Dialogue) Swallow(at time.Duration, side Side, p []byte) Out { return Out{N: len(p)} }

// Secured tells that TLS is up and that what follows is its clear text. The
// dialogue starts again at EHLO (RFC 3207 section 4.2), or at the greeting
// when nothing was said before.
func (d *Dialogue) Secured(at time.Duration) Out { return Out{} }

// Unopened tells that TLS is being handed through: what follows is not for reading.
func (d *Dialogue) Unopened(at time.Duration) Out { return Out{} }

// Closed tells that side sends no more. What was incomplete becomes an event.
func (d *Dialogue) Closed(at time.Duration, side Side) Out { return Out{} }
