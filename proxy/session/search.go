package session

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"smtptap/decode/facts"
	"smtptap/decode/smtp"
	"smtptap/decode/who"
	"smtptap/proxy/upstream"
)

// A search is for a server that takes the client's EHLO and MAIL.
type search struct {
	domain  upstream.Domain
	inClear bool   // TLS with this one has failed before
	refusal []byte // the last reply that refused
	err     error  // why the last one without any could not be spoken to
}

// reach finds the server of a recipient and takes it to where the RCPT can
// follow, which then opens the transaction; or the RCPT is refused.
func (m *mx) reach(at *Place, domain string) {
	m.state = reaching
	at.Pause(who.Client)
	d, err := upstream.ParseDomain(domain)
	if err != nil {
		m.refuse(at, m.refusalOf(err))
		return
	}
	m.search = search{domain: d}
	switch known := m.answers[d.ASCII]; {
	case known != "":
		m.refuse(at, known)
	case m.server != nil && !m.gone && m.domain == d.ASCII && bytes.Equal(m.greeted, m.responder.hello):
		m.reuse(at)
	default:
		m.hangUp(at, func() { m.look(at) })
	}
}

// reuse begins another transaction with the server that is still connected to.
// Servers close a connection that has nothing to do, with a 421 or without: then
// another one is made.
func (m *mx) reuse(at *Place) {
	again := func() { m.hangUp(at, func() { m.look(at) }) }
	m.listen(at, true)
	m.talk.failed = func(error) { again() }
	m.talk.ask(string(m.responder.mail), func(reply []byte) {
		if codeOf(reply) == 421 {
			again()
			return
		}
		m.judge(at, reply)
	})
}

func (m *mx) look(at *Place) {
	d := m.search.domain
	at.Note("mx-rcpt", "domain", d.ASCII)
	at.Do(Action{Kind: Dial, Which: FirstServer, Domain: d})
}

// dialled goes on with a server, or says why there is none.
func (m *mx) dialled(at *Place, e Event) {
	s := &m.search
	switch {
	case e.Err == nil:
		m.server, m.gone = e.Server, false
		m.talk = talk{at: at, failed: func(err error) { m.tryNext(at, nil, err) }}
		m.listen(at, true)
		m.awaitGreeting(at)
	case s.inClear: // the same server, a second time
		m.server = nil
		s.err = fmt.Errorf("%w", e.Err)
		m.next(at)
	case s.refusal != nil:
		m.judge(at, s.refusal)
	case s.err != nil:
		m.refuse(at, m.remember(m.refusalOf(s.err)))
	default:
		m.refuse(at, m.remember(m.refusalOf(e.Err)))
	}
}

// tryNext passes over a server that refused with that reply, or failed.
func (m *mx) tryNext(at *Place, refusal []byte, err error) {
	if refusal != nil {
		m.search.refusal = bytes.Clone(refusal)
	} else {
		m.search.err = facts.Say("dial-at", "host", m.server.Host.Name, "address", m.server.Addr, "why", err)
	}
	m.hangUp(at, func() { m.next(at) })
}

func (m *mx) next(at *Place) {
	m.search.inClear = false
	at.Do(Action{Kind: Dial, Which: NextServer})
}

func (m *mx) awaitGreeting(at *Place) {
	m.talk.await(func(greeting []byte) {
		at.Hear(who.Server, m.talk.rest())
		if codeOf(greeting) != 220 {
			m.tryNext(at, greeting, nil)
			return
		}
		m.hello(at, false)
	})
}

// hello says the client's own EHLO or HELO. To a server that does not know
// EHLO it says HELO, as any client would.
func (m *mx) hello(at *Place, secured bool) {
	m.greeted = m.responder.hello
	said := smtp.ReadCommand(m.responder.hello)
	m.ask(at, string(m.responder.hello), func(reply []byte) {
		if said.Verb == "EHLO" && codeOf(reply)/100 == 5 {
			m.ask(at, "HELO "+string(said.Arg)+"\r\n", func(reply []byte) { m.welcomed(at, reply, nil, secured) })
			return
		}
		var offers []smtp.Keyword
		if said.Verb == "EHLO" {
			offers = keywords(reply)
		}
		m.welcomed(at, reply, offers, secured)
	})
}

// ask says a line to the server. What follows the reply without having been
// asked for is noted and passed over.
func (m *mx) ask(at *Place, line string, then func(reply []byte)) {
	m.talk.ask(line, func(reply []byte) {
		at.Hear(who.Server, m.talk.rest())
		then(reply)
	})
}

// welcomed goes on after the reply to EHLO or HELO: with STARTTLS, which is used
// whenever it is offered, as mail servers do among themselves (RFC 7435), or
// with MAIL.
func (m *mx) welcomed(at *Place, reply []byte, list []smtp.Keyword, secured bool) {
	has := func(name string) bool {
		return slices.ContainsFunc(list, func(k smtp.Keyword) bool { return k.Is(name) })
	}
	switch {
	case codeOf(reply) != 250:
		m.tryNext(at, reply, nil)
	case has("STARTTLS") && !secured && !m.search.inClear:
		m.talk.ask("STARTTLS\r\n", func(reply []byte) {
			if codeOf(reply) == 220 {
				at.Do(Action{Kind: Quiet, Peer: who.Server})
				return
			}
			at.Hear(who.Server, m.talk.rest())
			m.introduced(at, has)
		})
	default:
		m.introduced(at, has)
	}
}

func (m *mx) serverSecured(at *Place, err error) {
	if err == nil {
		at.Do(Action{Kind: TLSUp, Server: true})
		m.hello(at, true)
		return
	}
	at.Note("mx-in-clear", "host", m.server.Host.Name)
	m.drop(at)
	m.search.inClear = true
	at.Do(Action{Kind: Dial, Which: SameServer})
}

// introduced goes on with the client's own MAIL.
func (m *mx) introduced(at *Place, has func(string) bool) {
	m.chunking = has("CHUNKING")
	m.compare(at, has)
	m.ask(at, string(m.responder.mail), func(reply []byte) { m.judge(at, reply) })
}

// compare notes what the server lacks of the responder's offer.
func (m *mx) compare(at *Place, has func(string) bool) {
	if c := smtp.ReadCommand(m.responder.hello); c.Verb != "EHLO" {
		return
	}
	var lacks []string
	for _, k := range m.responder.offers() {
		if k != "STARTTLS" && k != "ENHANCEDSTATUSCODES" && !has(k) {
			lacks = append(lacks, k)
		}
	}
	if len(lacks) > 0 {
		at.Note("mx-lacks", "host", m.server.Host.Name, "keywords", lacks)
	}
}

// judge looks at the server's reply to MAIL, or to what came before it.
func (m *mx) judge(at *Place, reply []byte) {
	if codeOf(reply)/100 != 2 {
		at.Note("mx-refused")
		m.refuse(at, m.remember(string(reply)))
		return
	}
	m.domain, m.reached, m.unable = m.search.domain.ASCII, true, nil
	domain := m.domain
	m.tx = transaction{chunking: m.chunking, goesTo: func(other string) bool {
		d, err := upstream.ParseDomain(other)
		return err == nil && d.ASCII == domain
	}}
	m.replies, m.state = smtp.Replies{}, relaying
	held := m.held
	m.held = nil
	at.Resume(who.Client)
	m.relay(at, held)
}

// maxAnswers bounds how many domains of one transaction are remembered.
const maxAnswers = 100

// remember keeps the reply for other recipients of that domain in this
// transaction: for them nothing would be different.
func (m *mx) remember(refusal string) string {
	if len(m.answers) < maxAnswers {
		m.answers[m.search.domain.ASCII] = refusal
	}
	return refusal
}

// refusalOf is the reply to a RCPT whose server could not be found or reached.
func (m *mx) refusalOf(err error) string {
	if !m.reached {
		m.unable = err
	}
	var reply upstream.Replier
	if errors.As(err, &reply) {
		r := reply.Reply()
		return string(own(r.Code, r.Enhanced, r.Text))
	}
	return string(own(451, "4.4.2", err.Error()))
}

// refuse answers the RCPT with which held begins, and lets the responder go on.
func (m *mx) refuse(at *Place, reply string) {
	end := bytes.IndexByte(m.held, '\n') + 1
	at.Hear(who.Client, m.held[:end])
	at.Say(who.Client, reply)
	m.held, m.state = m.held[end:], answering
	m.listen(at, false)
	at.Resume(who.Client)
	m.answer(at)
}
