package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/units"
	"smtptap/proxy/handshake"
	"smtptap/proxy/upstream"
)

// farewell is how long a server has to answer QUIT.
const farewell = 2 * time.Second

// probe connects to one address and asks what the server offers. It returns
// the certificates that the server showed.
func (c *checker) probe(ctx context.Context, s server, a netip.Addr, p *Probe) []*x509.Certificate {
	begin := time.Now()
	defer func() { p.Took = time.Since(begin) }()
	c.progress(s.Name, p.Address, c.report.say("step-connecting"))
	connector := &upstream.Connector{Port: s.port, AllowPrivate: c.AllowPrivate || s.named, Timeout: c.Timeout}
	reached, err := connector.Connect(ctx, func(f facts.Fact) {
		if d, ok := f.(*facts.Dial); ok {
			p.Dial = d
		}
	}, s.Host, []netip.Addr{a})
	if err != nil {
		p.Err = p.Dial.Err.In(c.Lang)
		return nil
	}
	conn := reached.Conn
	defer conn.Close()
	d := &probing{end: begin.Add(c.Timeout), checker: c, server: s, p: p, talk: newConversation(conn)}
	d.bound(ctx, conn)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := d.run(ctx, conn); err != nil {
		p.Err = lang.Of(c.Lang, err)
	}
	p.OK = p.Err == "" && d.greeted && (!s.named || c.Insecure || p.TLS == nil || p.TLS.Verified)
	return d.chain
}

// A probing is a probe at work.
type probing struct {
	end     time.Time // when the probe's time is over
	checker *checker
	server  server
	p       *Probe
	talk    *conversation
	greeted bool // EHLO or HELO was answered with 250
	chain   []*x509.Certificate
}

func (d *probing) step(what string) { d.checker.progress(d.server.Name, d.p.Address, what) }

func (d *probing) run(ctx context.Context, conn net.Conn) error {
	if d.server.implicit {
		if err := d.secure(ctx, conn); err != nil {
			return err
		}
	}
	d.step(d.checker.report.say("step-greeting"))
	greeting, err := d.talk.hear()
	if err != nil {
		return words.Error("no-greeting", "why", err)
	}
	d.p.Greeting = replyOf(greeting)
	switch greeting.Code {
	case 220:
	case 0:
		d.quit()
		return words.Error("not-smtp")
	default:
		d.quit()
		return words.Error("unwilling", "code", greeting.Code)
	}
	offers, err := d.hello()
	if err != nil {
		return err
	}
	if d.server.implicit {
		d.p.OffersInTLS, d.p.AuthInTLS, d.p.EHLOInTLS, d.p.EHLO = keywords(offers), mechanisms(offers), d.p.EHLO, nil
	} else {
		d.p.Offers, d.p.Auth = keywords(offers), mechanisms(offers)
		if slices.ContainsFunc(offers, func(k decode.Keyword) bool { return k.Name == "STARTTLS" }) {
			return d.startTLS(ctx, conn)
		}
	}
	d.quit()
	return nil
}

// hello says EHLO, and HELO to a server that does not know it.
func (d *probing) hello() ([]decode.Keyword, error) {
	d.step("EHLO")
	name := d.checker.Hello
	if name == "" {
		name = literal(d.talk.conn.LocalAddr())
	}
	verb := "EHLO "
	if d.server.lmtp {
		verb = "LHLO "
	}
	r, err := d.talk.ask(verb + name)
	if err != nil {
		return nil, err
	}
	d.p.EHLO = replyOf(r)
	if r.Code/100 == 5 && !d.server.lmtp {
		if r, err = d.talk.ask("HELO " + name); err != nil {
			return nil, err
		}
		d.p.HELO = replyOf(r)
	}
	if r.Code != 250 {
		d.quit()
		return nil, words.Error("ehlo-refused", "code", r.Code)
	}
	d.greeted = true
	d.size(r.EHLO)
	return r.EHLO, nil
}

// literal is our own address as EHLO takes it from a client without a name
// (RFC 5321 section 4.1.3).
func literal(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return "localhost"
	}
	if ip := ap.Addr().Unmap().WithZone(""); ip.Is6() {
		return "[IPv6:" + ip.String() + "]"
	} else {
		return "[" + ip.String() + "]"
	}
}

// size keeps the largest message that the server takes (RFC 1870 section 3).
func (d *probing) size(offers []decode.Keyword) {
	for _, k := range offers {
		if k.Name == "SIZE" {
			n, err := strconv.ParseInt(k.Params, 10, 64)
			if err != nil && k.Params != "" {
				continue
			}
			d.p.Size = &n
		}
	}
}

func (d *probing) startTLS(ctx context.Context, conn net.Conn) error {
	d.step("STARTTLS")
	r, err := d.talk.ask("STARTTLS")
	if err != nil {
		return err
	}
	d.p.STARTTLS = replyOf(r)
	if r.Code != 220 {
		d.note("starttls-refused", "code", r.Code)
		d.quit()
		return nil
	}
	if d.talk.stray > 0 {
		d.note("stray", "size", units.Bytes(int64(d.talk.stray)))
	}
	if err := d.secure(ctx, conn); err != nil {
		if !d.server.named {
			d.note("tls-only-fail")
			return nil
		}
		return err
	}
	offers, err := d.helloInTLS()
	if err != nil {
		return err
	}
	d.p.OffersInTLS, d.p.AuthInTLS = keywords(offers), mechanisms(offers)
	d.quit()
	return nil
}

func (d *probing) helloInTLS() ([]decode.Keyword, error) {
	clear := d.p.EHLO
	offers, err := d.hello()
	d.p.EHLOInTLS, d.p.EHLO = d.p.EHLO, clear
	return offers, err
}

// secure makes the handshake. The certificate is judged, and the dialogue goes
// on whatever the verdict is.
func (d *probing) secure(ctx context.Context, conn net.Conn) error {
	settings := handshake.Settings{Roots: d.checker.Roots, Insecure: true, MinVersion: tls.VersionTLS10, Timeout: d.left()}
	secured, fact, err := settings.WithServer(conn, handshake.Server{Name: d.server.Name, Implicit: d.server.implicit})
	d.p.TLS = fact
	if err != nil {
		return words.Error("no-tls", "why", err)
	}
	d.bound(ctx, conn) // the handshake had a deadline of its own
	d.chain = secured.ConnectionState().PeerCertificates
	d.talk.secure(secured)
	return nil
}

// left is how much of the probe's time is left.
func (d *probing) left() time.Duration { return max(time.Until(d.end), time.Millisecond) }

// bound lets reading and writing fail when the probe's time is over or the
// check is called off.
func (d *probing) bound(ctx context.Context, conn net.Conn) {
	conn.SetDeadline(d.end)
	if ctx.Err() != nil {
		conn.SetDeadline(time.Unix(1, 0))
	}
}

// quit leaves in an orderly way. What the server says to it does not matter.
func (d *probing) quit() {
	d.talk.conn.SetDeadline(time.Now().Add(farewell))
	if _, err := d.talk.ask("QUIT"); err != nil {
		return // it has gone first
	}
	if t, ok := d.talk.conn.(*tls.Conn); ok {
		t.CloseWrite()
	}
}

func (d *probing) note(key string, filling ...any) {
	d.p.Notes = append(d.p.Notes, d.checker.report.say(key, filling...))
}

// keywords are extensions as sent.
func keywords(offers []decode.Keyword) []string {
	var list []string
	for _, k := range offers {
		list = append(list, strings.TrimSpace(k.Name+" "+k.Params))
	}
	return list
}

// mechanisms are the logins offered, also in the old form AUTH=.
func mechanisms(offers []decode.Keyword) []string {
	var list []string
	for _, k := range offers {
		if k.Name != "AUTH" && k.Name != "AUTH=" {
			continue
		}
		for _, m := range strings.Fields(strings.ToUpper(k.Params)) {
			if !slices.Contains(list, m) {
				list = append(list, m)
			}
		}
	}
	return list
}
