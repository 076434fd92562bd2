package proxy

import (
	"errors"
)

// hideSTARTTLS has the server's offer of STARTTLS taken out of what the client
// hears.
func (s *session) hideSTARTTLS(ph *phase) {
	a := &alteration{
		edit: func(reply []byte) ([]byte, bool) { return withoutKeyword(reply, "STARTTLS") },
		told: func(s *session) {
			s.note("starttls-hidden", "smtptap took STARTTLS out of the server's reply to EHLO, as --starttls hide asks for")
		},
	}
	ph.serverStage, ph.serverEnds = a.stage, a.serverEnds
}

// refuseHidden ends a session whose client has asked for STARTTLS though it was
// not offered, and whose server has accepted. Nothing but TLS can follow there.
func (s *session) refuseHidden(ph phase) (phase, error) {
	return s.takeBack(ph, "STARTTLS is hidden here (--starttls hide)", errNotOffered)
}

var errNotOffered = errors.New("the client asked for it without being offered it; switch TLS off in the client, or use --starttls intercept")
