package proxy

import (
	"crypto/tls"
	"errors"
	"net"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
	"smtptap/proxy/session"
)

// errOver tells that the session was cut off meanwhile.
var errOver error = facts.Sentence("cut-off")

// tlsSeen is what the session's handshakes have shown.
type tlsSeen struct {
	client      bool  // TLS is up with the client
	clientHeard int64 // read from it before
	hello       *facts.Hello
	serverNames []string // of the server, and that its certificate is for
	serverHeard int64    // read from the server when TLS with it was up
	certAsked   bool     // by the server, of smtptap as its client
	fault       ca.Fault // of the certificate that the client is shown, by a rule; "" for none
}

// shakeHands brings up TLS with a peer. The client sees the names of the server.
func (d *driver) shakeHands(p *peer, a *session.Action) (net.Conn, error) {
	var secured *tls.Conn
	var fact *facts.TLS
	var err error
	if p.party == who.Server {
		at := d.reached
		secured, fact, err = d.proxy.TLS.WithServer(p.conn, handshake.Server{Name: at.Host.Name, Checked: at.Named, AnyName: at.AnyName, Implicit: a.Implicit})
	} else {
		names := d.tls.serverNames
		if len(names) == 0 && a.Implicit && d.reached != nil {
			names = []string{d.reached.Host.Name}
		}
		secured, fact, err = d.proxy.TLS.WithClient(withPrefix(p.conn, a.Data), handshake.Client{Names: names, Led: d.listen.Transparent, Implicit: a.Implicit, Fault: d.tls.fault})
	}
	if d.isOver() {
		return nil, errOver
	}
	d.log.Fact(fact)
	d.touch()
	d.mu.Lock()
	if p.party == who.Server {
		d.tls.serverSeen(d.reached.Host.Name, fact, d.bytes[who.Server].Load(), d.proxy.TLS.Insecure)
	} else {
		d.tls.clientHeard, d.tls.hello, d.tls.client = d.bytes[who.Client].Load(), fact.Hello, err == nil
	}
	d.mu.Unlock()
	var failed *handshake.Error
	if errors.As(err, &failed) {
		d.noteFailed(p.party, failed, a.Implicit)
		return nil, failed
	}
	return secured, err
}

// serverSeen remembers the server's names: those in a certificate count when it
// can be believed, or is to be.
func (t *tlsSeen) serverSeen(name string, fact *facts.TLS, heard int64, insecure bool) {
	t.serverNames = []string{name}
	t.certAsked, t.serverHeard = fact.ClientCert, heard
	if len(fact.Chain) > 0 && (fact.Verified || insecure) {
		t.serverNames = append(t.serverNames, fact.Chain[0].Names...)
	}
}

// noteFailed notes what a peer said in place of TLS, and what would fix it.
func (d *driver) noteFailed(peer who.Party, failed *handshake.Error, implicit bool) {
	said := failed.Said
	swallows := failed.Class == handshake.ClassNotTLS && !implicit
	if peer == who.Client {
		d.advise(failed)
	} else if !implicit {
		// What was injected may have come just before the ServerHello.
		said, _ = session.CutAtTLS(said)
		swallows = true
	}
	switch {
	case len(said) == 0:
	case swallows:
		d.log.Swallow(peer, said)
	default:
		d.log.Data(peer, who.Smtptap, said)
	}
}
