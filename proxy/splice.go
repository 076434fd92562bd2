package proxy

import (
	"context"
	"errors"

	"smtptap/decode/facts"
)

// frontDesk speaks with the client until the server is known, connects to it,
// and returns the phase in which bytes are relayed. Where its own stage ends
// that phase, ph.next leads back here.
func (s *session) frontDesk(ctx context.Context, ph phase) (phase, error) {
	return ph, &sessionEnd{
		cause: facts.CauseRefused,
		reply: "421 4.3.5 [smtptap] choosing the server by recipient is not supported",
		err:   errors.New("choosing the server by recipient is not supported"),
	}
}
