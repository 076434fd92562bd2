package proxy

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
)

// An offer is the two stages in which a client may take a STARTTLS of
// smtptap's own: the server can't offer its own any more, because smtptap has
// used it. It lasts until the client takes it, or begins to send mail without.
type offer struct {
	alteration
	line []byte      // an unfinished command line of the client
	over atomic.Bool // the client goes on without
}

// offerSTARTTLS has smtptap offer STARTTLS to the client.
func (s *session) offerSTARTTLS(ph *phase) {
	o := new(offer)
	o.edit = func(reply []byte) ([]byte, bool) {
		if o.over.Load() {
			return reply, false
		}
		return withKeyword(reply, "STARTTLS")
	}
	o.told = func(s *session) {
		s.note("starttls-offered", "smtptap has used the server's STARTTLS itself (--tls-to-server) and offers its own to the client")
	}
	ph.clientStage, ph.serverStage = o.client, o.stage
	ph.clientEnds, ph.serverEnds = o.clientEnds, o.serverEnds
}

// client is the stage of the client's bytes. Until the client has decided, it
// takes them by the line: a STARTTLS must not reach the server.
func (o *offer) client(r *relay, p []byte) (more bool) {
	p = slices.Concat(o.line, p)
	o.line = nil
	for len(p) > 0 && !o.over.Load() {
		end := bytes.IndexByte(p, '\n') + 1
		if end == 0 && len(p) < maxDeskLine {
			o.line = p
			return true
		}
		line, rest := p[:end], p[end:]
		switch c := smtp.ReadCommand(line); {
		case c.Verb == "STARTTLS" && len(c.Arg) == 0 && r.awaitReplies():
			r.s.noteOwn(who.Client, line)
			r.ph.fromClient, r.ph.next = rest, r.s.acceptSTARTTLS
			return false
		case !precedesMail[c.Verb]:
			o.over.Store(true)
			continue
		}
		if !r.relayClient(line) {
			r.ph.fromClient = slices.Concat(r.ph.fromClient, rest)
			return false
		}
		p = rest
	}
	return r.relayClient(p)
}

// precedesMail are the commands that a client may give before it decides.
var precedesMail = map[string]bool{
	"EHLO": true, "HELO": true, "NOOP": true, "RSET": true, "HELP": true, "VRFY": true, "EXPN": true, "STARTTLS": true,
}

// clientEnds sends on the line that the client left unfinished.
func (o *offer) clientEnds(r *relay) {
	if len(o.line) > 0 {
		r.relayClient(o.line)
	}
}

// awaitReplies waits until the server has answered all commands, or a while, in
// which it may have left one unanswered. It returns false when no reply can come.
func (r *relay) awaitReplies() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	late := false
	t := time.AfterFunc(longestWait/defaultWait*orDefault(r.s.proxy.wait, defaultWait), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		late = true
		r.changed.Broadcast()
	})
	defer t.Stop()
	for r.due != "" && !r.mute && !late {
		r.changed.Wait()
	}
	return !r.mute
}

// acceptSTARTTLS answers a STARTTLS of the client that is smtptap's to answer,
// and brings up TLS with the client.
func (s *session) acceptSTARTTLS(_ context.Context, ph phase) (phase, error) {
	ph.next, ph.clientStage, ph.serverStage, ph.clientEnds, ph.serverEnds = nil, nil, nil, nil, nil
	client, err := s.answerSTARTTLS(ph.client, ph.fromClient)
	if err != nil {
		return ph, err
	}
	ph.client, ph.fromClient = client, nil
	return ph, nil
}

// answerSTARTTLS says 220 to a client and shakes hands with it. came is what
// the client has said behind its STARTTLS. When smtptap has no certificate to
// show, the client is told so, and that is an error.
func (s *session) answerSTARTTLS(client net.Conn, came []byte) (net.Conn, error) {
	if _, err := s.proxy.TLS.Ready(); err != nil {
		return client, refused(facts.CauseTLS, "454 4.7.0", "TLS can't be opened here", err)
	}
	hello := s.swallow(s.client, client, came)
	if s.say(s.client, client, "220 2.0.0 [smtptap] go ahead\r\n") != nil {
		return client, errOver
	}
	secured, err := s.secureClient(withPrefix(client, hello), false)
	if err != nil {
		return client, err
	}
	s.noteSecured(true, false)
	return secured, nil
}
