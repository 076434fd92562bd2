package proxy

import (
	"context"
	"errors"
	"fmt"

	"smtptap/decode/visible"
	"smtptap/proxy/upstream"
)

// The legs of a session that the front desk serves are secured apart from each
// other: the client's when it says STARTTLS to the desk, the server's whenever
// that offers it, as mail servers do among themselves (RFC 7435).

// canStartTLS reports whether the front desk has a certificate to show.
func (s *session) canStartTLS() bool {
	return s.mode() == Intercept && s.proxy.TLS.Authority != nil
}

// secureClient shakes hands with the client behind the reply to its STARTTLS.
// hello is what it has sent of that already.
func (rc *reception) secureClient(ph phase, hello []byte) (phase, error) {
	secured, err := rc.s.secureClient(withPrefix(ph.client, hello), false)
	if err != nil {
		rc.hangUp()
		return ph, err
	}
	rc.s.noteSecured(true, false)
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
	rc.s.swallow(rc.s.server, rc.server.Conn, rest)
	secured, err := rc.s.secureServer(rc.server.Conn, rc.server, false)
	switch {
	case errors.Is(err, errOver):
		return nil, nil, err
	case err == nil:
		rc.s.noteSecured(false, true)
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
