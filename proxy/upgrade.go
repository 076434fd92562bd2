package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/handshake"
	"smtptap/proxy/upstream"
)

// prepare does what comes before the first relayed byte: TLS with a peer that
// expects it from the first byte, and a STARTTLS with the server that the user
// asked for. Without any of it ph is returned as it is, with the stages that
// its mode needs. ph.server is nil when no server could be reached: then the
// client is made ready to be told so.
func (s *session) prepare(ctx context.Context, ph phase) (phase, error) {
	greeting, failed := s.prepareServer(&ph)
	if s.listen.TLS {
		if ph.target != nil && len(s.serverNames) == 0 {
			s.serverNames = []string{ph.target.Host.Name}
		}
		client, err := s.secureClient(ph.client, true)
		if err != nil {
			return ph, err
		}
		ph.client = client
	}
	if failed != nil {
		return ph, failed
	}
	s.noteSecured(isTLS(ph.client), isTLS(ph.server))
	if ph.server == nil {
		return ph, nil
	}
	if len(greeting) > 0 && s.say(s.client, ph.client, string(greeting)) != nil {
		return ph, errOver
	}
	return s.staged(ph), nil
}

// prepareServer brings up TLS with the server, when that is not left to the
// client. The server's greeting is returned when smtptap has taken it.
func (s *session) prepareServer(ph *phase) (greeting []byte, err error) {
	switch {
	case ph.server == nil:
		return nil, nil
	case ph.target.Implicit:
		ph.server, err = s.secureServer(ph.server, ph.target, true)
		if err != nil {
			err = refused(facts.CauseTLS, "421 4.7.0", "TLS with the server failed", err)
		}
		return nil, err
	case s.proxy.TLSToServer:
		return s.startTLS(ph)
	case s.listen.TLS:
		s.noteHalfTLS(ph.target)
	}
	return nil, nil
}

// noteHalfTLS warns of secrets that lose their protection on the way.
func (s *session) noteHalfTLS(to *upstream.Server) {
	if !to.Addr.Addr().IsLoopback() {
		s.note("server-leg-in-clear", "the client's leg is inside TLS and the server's is not: what the client says goes to the server in clear text, unless the client asks for STARTTLS; --tls-to-server does so for it")
	}
}

// staged gives the first relayed phase the stages of its mode. Where smtptap
// has used the server's STARTTLS, the server will not offer it to the client.
func (s *session) staged(ph phase) phase {
	if s.listen.TLS {
		return ph
	}
	switch used := isTLS(ph.server) && !ph.target.Implicit; {
	case s.mode() == Hide:
		s.hideSTARTTLS(&ph)
	case used:
		s.offerSTARTTLS(&ph)
	}
	s.watchForTLS(&ph)
	return ph
}

// upgrade takes the session on behind an accepted STARTTLS. The phase has the
// server's reply, which the client has not got yet, and what both said behind
// command and reply.
func (s *session) upgrade(ctx context.Context, ph phase) (phase, error) {
	ph.clientStage, ph.serverStage, ph.clientEnds, ph.serverEnds = nil, nil, nil, nil
	switch s.mode() {
	case Pass:
		return s.passOn(ph), nil
	case Hide:
		return s.refuseHidden(ph)
	}
	return s.intercept(ph)
}

func (s *session) mode() Mode { return orDefault(s.proxy.Mode, Intercept) }

func isTLS(conn net.Conn) bool {
	_, ok := conn.(*tls.Conn)
	return ok
}

// noteSecured tells the transcript on which legs TLS is up now.
func (s *session) noteSecured(client, server bool) {
	if !s.split {
		if client || server {
			s.log.Secured(who.ServerLeg)
		}
		return
	}
	if server {
		s.log.Secured(who.ServerLeg)
	}
	if client {
		s.log.Secured(who.ClientLeg)
	}
}

// secureServer shakes hands with the server, and remembers the names that its
// certificate is for.
func (s *session) secureServer(conn net.Conn, at *upstream.Server, implicit bool) (net.Conn, error) {
	secured, fact, err := s.proxy.TLS.WithServer(conn, handshake.Server{Name: at.Host.Name, Checked: at.Named, Implicit: implicit})
	if s.isOver() {
		return conn, errOver
	}
	s.log.Fact(fact)
	s.touch()
	s.serverNames = []string{at.Host.Name}
	s.certAsked, s.serverHeard = fact.ClientCert, s.server.bytes.Load()
	if len(fact.Chain) > 0 && (fact.Verified || s.proxy.TLS.Insecure) {
		s.serverNames = append(s.serverNames, fact.Chain[0].Names...)
	}
	var failed *handshake.Error
	switch {
	case !errors.As(err, &failed):
		return secured, nil
	case implicit && len(failed.Said) > 0:
		s.noteOwn(who.Server, failed.Said)
	default:
		// What was injected may have come just before the ServerHello.
		if text, _ := cutAtTLS(failed.Said); len(text) > 0 {
			s.log.Swallow(who.Server, text)
		}
	}
	return conn, failed
}

// secureClient shakes hands with the client, who sees the names of the server.
func (s *session) secureClient(conn net.Conn, implicit bool) (net.Conn, error) {
	secured, fact, err := s.proxy.TLS.WithClient(conn, handshake.Client{Names: s.serverNames, Implicit: implicit})
	if s.isOver() {
		return conn, errOver
	}
	s.log.Fact(fact)
	s.touch()
	s.clientHeard, s.clientHello = s.client.bytes.Load(), fact.Hello
	var failed *handshake.Error
	if errors.As(err, &failed) {
		return conn, s.clientRefuses(failed, implicit)
	}
	s.clientTLS = true
	return secured, nil
}
