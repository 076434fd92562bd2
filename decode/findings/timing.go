package findings

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
)

// Waits from which on they are worth telling.
const (
	slowGreeting = 5 * time.Second
	slowDNS      = 2 * time.Second
	slowAuth     = 5 * time.Second
	slowReply    = 10 * time.Second
	slowClient   = 30 * time.Second
)

// timeRules are about who was waited for.
var timeRules = []rule{
	{id: "GREETING-SLOW", severity: Warning, test: lateGreeting,
		text:    "the greeting took more than five seconds",
		cause:   "The server looks the client up in DNS and block lists, or makes it wait on purpose. Clients with a short timeout give up, or speak too early.",
		fix:     Fix{General: "Raise the client's timeout", PHPMailer: "$mail->Timeout = 300;", Nodemailer: "greetingTimeout: 60000"},
		sources: []string{"RFC 5321 section 4.5.3.2.1"}},
	{id: "DNS-SLOW", severity: Advice, test: lateDNS,
		text:    "DNS took more than two seconds",
		cause:   "A resolver does not answer, and the next is asked only after a while.",
		fix:     Fix{General: "Check the servers in /etc/resolv.conf, or give one with --resolver"},
		sources: []string{"resolv.conf(5)"}},
	{id: "AUTH-SLOW", severity: Advice, test: lateReplies(slowAuth, "AUTH"),
		text:    "the reply to the login took more than five seconds",
		cause:   "Servers delay the reply to a wrong password, and some to every login.",
		fix:     Fix{General: "Check the password if the login failed"},
		sources: []string{"RFC 4954 section 9"}},
	{id: "REPLY-SLOW", severity: Advice, test: lateReplies(slowReply, "EHLO", "HELO", "MAIL", "RCPT", "DATA", ".", "STARTTLS", "RSET", "QUIT"),
		text:    "a reply took more than ten seconds",
		cause:   "The server is busy, checks the message, or waits for another server.",
		fix:     Fix{General: "Give the client the times that RFC 5321 names: five minutes for a command, ten behind the final dot"},
		sources: []string{"RFC 5321 section 4.5.3.2"}},
	{id: "CLIENT-STALLED", severity: Advice, test: idleClient,
		text:    "the client was silent for more than half a minute while it was its turn",
		cause:   "The program did something else in the middle of the session: building an attachment, waiting for a user, a breakpoint.",
		fix:     Fix{General: "Prepare the message before connecting"},
		sources: []string{"RFC 5321 section 4.5.3.2.7"}},
	{id: "IDLE-TIMEOUT", severity: Failure, test: endedFor(facts.CauseIdle),
		text:    "nothing was said for so long that smtptap ended the session",
		cause:   "Both sides waited for each other.",
		fix:     Fix{General: "See who was to speak next; --idle-timeout sets the limit"},
		sources: []string{"RFC 5321 section 4.5.3.2"}},
}

func (v *view) timed() bool { return !v.t.Lack(decode.LackTimes) }

func lateGreeting(v *view) []int {
	if v.greeting < 0 || !v.timed() {
		return nil
	}
	from := time.Duration(0)
	for _, e := range v.t.Entries[:v.greeting] {
		if d, ok := e.Fact.(*facts.Dial); ok && d.Err == "" {
			from = e.At
		}
	}
	if v.t.Entries[v.greeting].At-from > slowGreeting {
		return []int{v.greeting}
	}
	return nil
}

func lateDNS(v *view) []int {
	var sum time.Duration
	var at []int
	for i, e := range v.t.Entries {
		if d, ok := e.Fact.(*facts.DNS); ok {
			sum += d.Took
			at = append(at, i)
		}
	}
	if sum > slowDNS {
		return firstFew(at)
	}
	return nil
}

func lateReplies(limit time.Duration, verbs ...string) func(*view) []int {
	return func(v *view) []int {
		if !v.timed() {
			return nil
		}
		var at []int
		for _, verb := range verbs {
			for _, a := range v.answersTo(verb) {
				if v.took(a) > limit {
					at = append(at, v.proof(a)...)
				}
			}
		}
		return firstFew(at)
	}
}

// idleClient finds a gap between a reply and the next thing the client said.
func idleClient(v *view) []int {
	if !v.timed() {
		return nil
	}
	last := -1
	for i, e := range v.t.Entries {
		if e.Event == nil {
			continue
		}
		if last >= 0 && e.Event.Side == decode.Client && v.event0(last).Side == decode.Server && e.Event.Begin-v.t.Entries[last].At > slowClient {
			return []int{last, i}
		}
		last = i
	}
	return nil
}

func endedFor(cause string) func(*view) []int {
	return func(v *view) []int {
		for i, e := range v.t.Entries {
			if end, ok := e.Fact.(*facts.End); ok && end.Cause == cause {
				return []int{i}
			}
		}
		return nil
	}
}
