package findings

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/who"
)

// Waits from which on they are worth telling.
const (
	slowGreeting = 5 * time.Second
	slowDNS      = 2 * time.Second
	slowTLS      = 3 * time.Second
	slowLogin    = 5 * time.Second
	slowReply    = 10 * time.Second
	slowClient   = 30 * time.Second
)

// timeRules are about who was waited for.
var timeRules = []rule{
	{
		id: "GREETING-SLOW", severity: Warning, title: "the greeting is late",
		find:    lateGreeting,
		text:    "the greeting took {took}",
		cause:   "The server looks the client up in DNS and block lists, or makes it wait on purpose: spam programs speak too early. Clients with a short timeout give up.",
		fix:     Fix{General: "Give the client five minutes for the greeting, and its address a PTR record", PHPMailer: phpWait, Nodemailer: "greetingTimeout: 300000", Smtplib: "smtplib.SMTP(host, 587, timeout=300)"},
		sources: []string{"RFC 5321 section 4.5.3.2.1", "PHPMailer#1003"},
	},
	{
		id: "DNS-SLOW", severity: Advice, title: "DNS is slow",
		find:    lateDNS,
		text:    "DNS took {took}",
		cause:   "A resolver does not answer, and the next one is asked only after a while.",
		fix:     Fix{General: "Check the servers in /etc/resolv.conf, or name one with --resolver"},
		sources: []string{"resolv.conf(5)"},
	},
	{
		id: "CONNECT-SLOW", severity: Advice, title: "connecting is slow",
		find:    lateDial,
		text:    "connecting took {took}",
		cause:   "The first address does not answer, often an IPv6 address without a route, and the next was tried only after a while.",
		fix:     Fix{General: "Mend the IPv6 route, or connect to an address that answers"},
		sources: []string{"RFC 8305"},
	},
	{
		id: "TLS-SLOW", severity: Advice, title: "the TLS handshake is slow",
		find:    lateTLS,
		text:    "the TLS handshake took {took}",
		cause:   "The server is busy, or one side looks up whether certificates are revoked.",
		fix:     Fix{General: "Keep connections for several messages"},
		sources: []string{"RFC 8446"},
	},
	{
		id: "AUTH-SLOW", severity: Advice, title: "the login is slow",
		find:    lateReplies(slowLogin, "AUTH"),
		text:    "the server took {took} for the login",
		cause:   "Servers delay the reply to a wrong password, and some to every login.",
		fix:     Fix{General: "Keep one connection for several messages", PHPMailer: phpKeep, Nodemailer: nodePool},
		sources: []string{"RFC 4954 section 9"},
	},
	{
		id: "REPLY-SLOW", severity: Advice, title: "a reply is slow",
		find:    lateReplies(slowReply, "EHLO", "HELO", "MAIL", "RCPT", "DATA", "BDAT", toMessage, "STARTTLS", "RSET"),
		text:    "the server took {took} for a reply",
		cause:   "It is busy, checks the message, slows the client down on purpose, or waits for another server.",
		fix:     Fix{General: "Give the client the times of RFC 5321: five minutes for a command, ten behind the final dot", PHPMailer: phpWait, Nodemailer: "socketTimeout: 600000"},
		sources: []string{"RFC 5321 section 4.5.3.2"},
	},
	{
		id: "CLIENT-STALLED", severity: Advice, title: "the client stopped talking",
		find:    idleClient,
		text:    "the client was silent for {took} while it was its turn",
		cause:   "It did something else in the middle of the session: built an attachment, waited for a user, stood at a breakpoint. Servers end such sessions.",
		fix:     Fix{General: "Prepare the message before connecting"},
		sources: []string{"RFC 5321 section 4.5.3.2.7"},
	},
}

// duration is a time in words.
func duration(d time.Duration) string { return annotate.Duration(d) }

// timed reports whether the transcript knows when something was said.
func (s *session) timed() bool { return !s.lack(decode.LackTimes) }

func lateGreeting(s *session) *sighting {
	if s.greeting < 0 || !s.timed() {
		return nil
	}
	from := time.Duration(0)
	for _, d := range s.dials {
		if d.entry < s.greeting {
			from = s.t.Entries[d.entry].At
		}
	}
	for _, f := range s.tls {
		if f.entry < s.greeting {
			from = s.t.Entries[f.entry].At
		}
	}
	if took := s.ev(s.greeting).Begin - from; took > slowGreeting {
		return see(s.greeting).with("took", duration(took))
	}
	return nil
}

func lateDNS(s *session) *sighting {
	var sum time.Duration
	var proof []int
	for _, l := range s.lookups {
		sum += l.fact.Took
		proof = append(proof, l.entry)
	}
	if sum <= slowDNS {
		return nil
	}
	return see(firstFew(proof)...).with("took", duration(sum))
}

func lateDial(s *session) *sighting {
	var sum time.Duration
	var proof []int
	for _, d := range s.dials {
		sum += d.fact.Took
		proof = append(proof, d.entry)
	}
	if sum <= slowGreeting || s.dialFault != nil {
		return nil
	}
	return see(firstFew(proof)...).with("took", duration(sum))
}

func lateTLS(s *session) *sighting {
	for _, f := range s.tls {
		if f.fact.Took > slowTLS && f.fact.Err == "" {
			return see(f.entry).with("took", duration(f.fact.Took))
		}
	}
	return nil
}

// lateReplies finds the slowest reply to one of these verbs, if it is slow.
func lateReplies(limit time.Duration, verbs ...string) finder {
	return func(s *session) *sighting {
		if !s.timed() {
			return nil
		}
		var slowest *reply
		longest := limit
		for r := range s.to(verbs...) {
			if r.asked < 0 {
				continue
			}
			if took := r.event.Begin - s.ev(r.asked).At; took > longest {
				slowest, longest = r, took
			}
		}
		if slowest == nil {
			return nil
		}
		return see(slowest.proof()...).with("took", duration(longest))
	}
}

// idleClient finds the longest gap between a reply and what the client said
// next, if it is long.
func idleClient(s *session) *sighting {
	if !s.timed() {
		return nil
	}
	var longest *sighting
	most := slowClient
	last := -1
	for i := range s.t.Entries {
		ev := s.t.Entries[i].Event
		if ev == nil {
			continue
		}
		if last >= 0 && ev.Side == who.Client && s.ev(last).Side == who.Server {
			if gap := ev.Begin - s.ev(last).At; gap > most {
				longest, most = see(last, i), gap
			}
		}
		last = i
	}
	if longest == nil {
		return nil
	}
	return longest.with("took", duration(most))
}
