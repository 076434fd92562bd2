package findings

import "smtptap/decode/facts"

// ownRules are about what smtptap itself did or could not do.
var ownRules = []rule{
	{
		id: "OTHER-DOMAIN-PUT-OFF", severity: Failure, title: "recipients of several domains in one transaction",
		when:    []when{{to: "RCPT", code: "452", text: `^\[smtptap\] the mail of this domain goes to another server`}},
		text:    "smtptap put off[ {rcpt}], whose domain has another mail server than the recipients before it",
		cause:   "With --to mx each transaction goes to the mail server of one domain. The reply to a recipient of another one asks for a transaction of its own, which a mail server then begins by itself.",
		fix:     Fix{General: "Nothing is to be done about a mail server; let a program that sends the mail itself send one message for each domain", PHPMailer: "$mail->clearAddresses(); $mail->addAddress($next); $mail->send(); // once for each recipient"},
		sources: []string{"RFC 5321 section 4.5.3.1.10"},
	},
	{
		id: "IDLE-TIMEOUT", severity: Failure, title: "both sides were silent",
		find:    endedFor(facts.CauseIdle),
		text:    "nothing was said for so long that smtptap ended the session",
		cause:   "Client and server waited for each other, or one of them was gone without a word.",
		fix:     Fix{General: "See whose turn it was; --idle-timeout sets the limit"},
		sources: []string{"RFC 5321 section 4.5.3.2"},
	},
	{
		id: "LOOP-TO-SELF", severity: Failure, title: "the session would come back",
		find:    dialFailed("LOOP-TO-SELF"),
		text:    "the session would have come back to smtptap itself",
		cause:   "The target is an address on which smtptap listens.",
		fix:     Fix{General: "Name the real server with --to"},
		sources: []string{"RFC 5321 section 6.3"},
	},
	{
		id: "MX-NOT-ALLOWED", severity: Failure, title: "a private address behind a public name",
		find:    dialFailed("MX-NOT-ALLOWED"),
		text:    "the domain's mail server has a private or otherwise special address",
		cause:   "smtptap does not follow MX records into private networks: a stranger's DNS could make it reach into yours.",
		fix:     Fix{General: "Use --allow-private if that is what you want"},
		sources: []string{"RFC 6890"},
	},
	{
		id: "DNS-NO-SERVER", severity: Failure, title: "DNS names no server",
		find:    noServer,
		text:    "DNS names no server for {domain}[: {why}]",
		cause:   "The domain does not exist, has no mail server, or its name servers don't answer.",
		fix:     Fix{General: "Check the spelling of the domain, and look at it with `smtptap check mx:DOMAIN`"},
		sources: []string{"RFC 5321 section 5.1"},
	},
}

// endedFor finds a session that smtptap ended itself.
func endedFor(cause string) finder {
	return func(s *session) *sighting {
		if s.end == nil || s.end.fact.Cause != cause {
			return nil
		}
		return see(s.end.entry)
	}
}

// noServer finds DNS questions that came to nothing where no server was
// reached.
func noServer(s *session) *sighting {
	if s.connected() || nullMX(s) != nil {
		return nil
	}
	for _, l := range s.lookups {
		if l.fact.Err == "" && (l.fact.Rcode == "" || l.fact.Rcode == "NOERROR") {
			continue
		}
		why := l.fact.Err
		if why == "" {
			why = l.fact.Rcode
		}
		return see(l.entry).with("domain", l.fact.Name).with("why", why)
	}
	return nil
}
