package proxy

import (
	"context"
	"fmt"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/visible"
	"smtptap/proxy/handshake"
	"smtptap/proxy/upstream"
)

// The legs of a session that the front desk serves are secured apart from each
// other: the client's when it says STARTTLS to the desk, the server's whenever
// that offers it, as mail servers do among themselves (RFC 7435).

// canStartTLS reports whether the front desk has a certificate to show.
func (s *session) canStartTLS() bool {
	return orDefault(s.proxy.Mode, Intercept) == Intercept && s.proxy.TLS.Authority != nil
}

// secureClient shakes hands with the client behind the reply to its STARTTLS.
// behind is what it has sent since: the beginning of TLS, or clear text, which
// goes nowhere.
func (rc *reception) secureClient(ph phase, behind []byte) (phase, error) {
	const recordHandshake = 22 // RFC 8446 section 5.1
	if len(behind) > 0 && behind[0] != recordHandshake {
		rc.s.log.Swallow(decode.PartyClient, behind)
		behind = nil
	}
	secured, fact, err := rc.s.proxy.TLS.WithClient(withPrefix(ph.client, behind), handshake.Client{})
	if rc.s.isOver() {
		return ph, errOver
	}
	rc.s.log.Fact(fact)
	if err != nil {
		rc.hangUp()
		return ph, &sessionEnd{cause: facts.CauseTLS, err: err}
	}
	rc.s.log.Secured(facts.ClientLeg)
	rc.desk.upgraded()
	ph.client = secured
	return ph, nil
}

// secureServer uses STARTTLS, which the server has offered, and greets again
// inside TLS. A server that refuses is spoken to in clear, and so is one with
// which the handshake fails, on a new connection. offers are those in clear;
// what it returns is as of hello.
func (rc *reception) secureServer(ctx context.Context, route *upstream.Route, offers []string) (refused []byte, now []string, err error) {
	reply, rest, err := rc.askWhole("STARTTLS\r\n")
	if err != nil {
		return nil, nil, err
	}
	if code, _ := replyHead(reply); code != 220 {
		return nil, offers, nil
	}
	if len(rest) > 0 {
		rc.s.log.Swallow(decode.PartyServer, rest)
	}
	secured, fact, err := rc.s.proxy.TLS.WithServer(rc.server.Conn, handshake.Server{Name: rc.server.Host.Name})
	if rc.s.isOver() {
		return nil, nil, errOver
	}
	rc.s.log.Fact(fact)
	if err == nil {
		rc.s.log.Secured(facts.ServerLeg)
		rc.server.Conn = secured
		return rc.hello()
	}
	rc.s.note("mx-in-clear", fmt.Sprintf("TLS with %s did not come about; smtptap connects again and goes on in clear, as mail servers do", visible.Text(rc.server.Host.Name)))
	if err := rc.again(ctx, route); err != nil {
		return nil, nil, err
	}
	return rc.greet()
}

// again connects anew to the server that is connected now.
func (rc *reception) again(ctx context.Context, route *upstream.Route) error {
	last := rc.server
	rc.drop()
	server, err := route.Again(ctx, last)
	if err != nil {
		return err
	}
	return rc.attach(server)
}

// attach makes server the one that rc speaks with.
func (rc *reception) attach(server *upstream.Server) error {
	if err := rc.s.attach(server.Conn); err != nil {
		return err
	}
	rc.server = server
	return nil
}

// drop closes the connection to the server without another word.
func (rc *reception) drop() {
	rc.server, rc.domain = nil, ""
	rc.s.detach()
}
