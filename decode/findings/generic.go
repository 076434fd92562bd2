package findings

// genericRules explain refusals that nothing more particular does.
var genericRules = []rule{
	{
		id: "LOOP-DETECTED", severity: Failure, title: "a mail loop",
		when:    []when{{text: `too many (hops|"?received"?)|mail loop|loop detected|loops? back|routing loop|mail for .* loops`}, {enhanced: "5.4.6 5.4.14"}},
		text:    "the message goes round in a circle: {reply}",
		cause:   "Two servers, a forwarding rule or an MX record that points back send it to each other.",
		fix:     Fix{General: "Mend the forwarding or the MX records"},
		sources: []string{"RFC 5321 section 6.3"},
	},
	{
		id: "TEMP-451-LOCAL", severity: Failure, title: "a passing fault of the server",
		when:    []when{{to: "MAIL RCPT DATA BDAT . EHLO HELO RSET", code: "451 452 450 432 453 454"}, {enhanced: "4.3.0 4.3.5"}, {to: "MAIL RCPT DATA . EHLO", code: "421"}},
		text:    "the server can't take the mail now: {reply}",
		cause:   "A fault or limit on its side that is meant to pass: a DNS lookup of the sender, a filter that is down, a full disk. In shared hosting a sender domain without DNS does it too.",
		fix:     Fix{General: "Try again later, which a queueing mail server does by itself; check the sender's domain"},
		sources: []string{"RFC 5321 section 4.2.1", "PHPMailer#254"},
	},
	{
		id: "MAIL-REFUSED", severity: Failure, title: "the sender is refused",
		when:    []when{{to: "MAIL", code: "5xx"}},
		text:    "the server refused the sender[ {from}]: {reply}",
		cause:   "The words of the reply tell the reason.",
		fix:     Fix{General: "Send from an address that the server takes from this login", PHPMailer: phpFrom, Nodemailer: nodeFrom, Symfony: symFrom, WordPress: wpFrom},
		sources: []string{"RFC 5321 section 3.3"},
	},
	{
		id: "RCPT-REFUSED", severity: Failure, title: "the recipient is refused",
		when:    []when{{to: "RCPT", code: "4xx 5xx"}},
		text:    "the server refused the recipient[ {rcpt}]: {reply}",
		cause:   "The words of the reply tell the reason.",
		fix:     Fix{General: "Check the address, and whether the client has to log in"},
		sources: []string{"RFC 5321 section 3.3"},
	},
	{
		id: "MESSAGE-REFUSED", severity: Failure, title: "the message is refused",
		when:    []when{{to: ". DATA BDAT", code: "4xx 5xx"}},
		text:    "the server refused the message: {reply}",
		cause:   "The words of the reply tell the reason.",
		fix:     Fix{General: "Look at the reply, and at what smtptap noticed about the message"},
		sources: []string{"RFC 5321 section 4.2.5"},
	},
	{
		id: "SERVICE-CLOSING-421", severity: Failure, title: "the server ends the session",
		when:    []when{{code: "421 521"}},
		text:    "the server ends the session: {reply}",
		cause:   "It is busy, being stopped, or has enough of this client.",
		fix:     Fix{General: "Try again later"},
		sources: []string{"RFC 5321 section 3.8"},
	},
	{
		id: "CONN-FAILED", severity: Failure, title: "no connection", role: lastHope,
		find:    dialFailed("CONN-FAILED"),
		when:    []when{{said: `(could|can) ?not connect|couldn't connect|failed to connect|unable to connect|connection could not be established|connect(ion)? (has )?failed|smtp connect\(\) failed|connection error`}},
		text:    "the server could not be reached[: {says}]",
		cause:   "The connection failed before anything was said; the client's own words tell no more.",
		fix:     Fix{General: "Check host name, port and firewall from the same machine; raise the client's debug level to see the socket's own error", PHPMailer: phpDebug, Nodemailer: "logger: true, debug: true", Smtplib: "smtp.set_debuglevel(1)"},
		sources: []string{"PHPMailer wiki: Troubleshooting"},
	},
}
