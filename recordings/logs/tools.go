package logs

import (
	"regexp"
	"strings"

	"smtptap/decode/who"
)

// Tools whose logs are a mark for the side and a text, and nothing more. The
// tools with forms of their own have files of their own.

const stampGroup = `(?:\[?(?P<at>(?:\d{2,4}[-/]\d\d[-/]\d\d[ T])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)\]?:?\s+)?`

func formOf(expr, server, client string) *form {
	return &form{row: regexp.MustCompile(expr), server: server, client: client}
}

var simpleTools = []dialect{
	tool("dokuwiki-smtp", "DokuWiki's SMTP plugin", &form{
		row: regexp.MustCompile(`^(?P<mark>Got|Sent): ?(?P<text>.*)$`), server: "Got", client: "Sent", follows: true,
	}, `(Got: |Sent: |Set: |Connecting to \S+ at \d)`, m(8, `^(?:Got|Sent): |^Set: the (?:server|auth)`)),

	tool("wiremailsmtp", "WireMailSmtp for ProcessWire", formOf(`^(?P<mark>[SC]) (?P<text>.*)$`, "S", "C"),
		`([SC] (?:\d{3}[ -]|EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT))`,
		m(5, `^S \d{3}[ -]|^C (?:EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT)`), m(8, `^(?:Resolving|Connecting to|Connected to) SMTP server`)),

	tool("postal", "Postal's SMTP server", formOf(`\[(?P<at>\d{4}-[^\]]+)\].*\[(?P<id>\w+)\]\s+(?P<mark><=|=>) (?P<text>.*)$`, "=>", "<="),
		"", m(10, `DEBUG -- : \[\w+\]\s+(?:<=|=>) |\[[A-Z0-9]{6}\]\s+(?:<=|=>) \S`)),

	tool("roundcube", "Roundcube", formOf(`^(?:\[(?P<at>[^\]]+)\]: )?(?:<(?P<id>\w+)> )?(?P<mark>Recv|Send): ?(?P<text>.*)$`, "Recv", "Send"),
		`(\[[^\]]+\]: <\w+> (?:Recv|Send): )`, m(10, `^\[[^\]]+\]: (?:<\w+> )?(?:Recv|Send): `)),

	tool("net-smtp", "PEAR Net_SMTP", formOf(`^(?:DEBUG: )?(?P<mark>Recv|Send): ?(?P<text>.*)$`, "Recv", "Send"),
		`(DEBUG: (?:Recv|Send): )`, m(9, `^DEBUG: (?:Recv|Send): `), m(6, `^(?:Recv|Send): `)),

	tool("snappymail", "RainLoop and SnappyMail", &form{
		row: regexp.MustCompile(`^(?:.*?\]\[(?P<id>\w+)\] )?.*?SMTP\[\w+\]: (?P<mark>[<>]) (?P<text>.*)$`), server: "<", client: ">", clean: writtenOut,
	}, "", m(12, `SMTP\[\w+\]: [<>] `)).withEscapes(),

	tool("vmime", "VMime's tracer", &form{
		row: regexp.MustCompile(`^(?P<id>smtps?:\d+)(?:->|<-)(?P<mark>\(\w+\)|)(?P<text>.*)$`), server: "(Server),", client: "(Client)", clean: vmimeText, drop: regexp.MustCompile(`^(?:Disconnecting|Connecting|Opening|Closing|Secured|Authenticat)`),
	}, `(smtps?:\d+(?:->|<-))`, m(12, `^smtps?:\d+(?:->|<-)`)),

	tool("fakesmtp", "FakeSMTP and SubEthaSMTP", formOf(`(?:^|\s)(?P<mark>Server|Client): ?(?P<text>.*)$`, "Server", "Client"),
		"", m(8, `(?:^|\s)(?:Server: \d{3}[ -]|Client: (?:EHLO|HELO|MAIL|RCPT|DATA|QUIT|AUTH|STARTTLS))`), m(2, `(?:^|\s)(?:Server|Client): `)),

	tool("haraka", "Haraka", formOf(`\[PROTOCOL\] \[(?P<id>[\w.-]+)\] \[[\w/.-]+\] (?P<mark>[CS]): (?P<text>.*?)(?: state=\d+)?$`, "S", "C"),
		"", m(12, `\[PROTOCOL\] \[[\w.-]+\] \[[\w/.-]+\] [CS]: `)),

	tool("opensmtpd", "OpenSMTPD", formOf(`smtp: (?P<id>0x[0-9a-f]+): (?P<mark>>>>|<<<) (?P<text>.*)$`, ">>>", "<<<"),
		"", m(12, `smtp: 0x[0-9a-f]+: (?:>>>|<<<) `)),

	tool("opensmtpd", "OpenSMTPD's mail transfer", formOf(`mta: (?:(?P<id>\S+): )?(?P<mark>->|<-) (?P<text>.*)$`, "<-", "->"),
		"", m(12, `mta: (?:\S+: )?(?:->|<-) `)),

	tool("hmailserver", "hMailServer", &form{
		row: regexp.MustCompile(`^"?SMTP[CD]"?\s+\d+\s+(?P<id>\d+)\s+"(?P<at>[^"]+)"\s+"[^"]*"\s+"(?P<mark>RECEIVED|SENT): (?P<text>.*?)"?$`), server: "SENT", client: "RECEIVED",
		clean: func(s string) string { return strings.ReplaceAll(s, "[nl]", "\n") },
	}, "", m(12, `"(?:RECEIVED|SENT): `)),

	tool("stalwart", "Stalwart Mail Server", &form{
		row: regexp.MustCompile(`^(?P<at>\S+) .*event="(?P<mark>read|write)" data="(?P<text>.*?)"(?: size=\d+)?$`), server: "write", client: "read", clean: writtenOut,
	}, "", m(12, `event="(?:read|write)" data="`)).withEscapes(),

	tool("stalwart", "Stalwart Mail Server", &form{
		row: regexp.MustCompile(`^(?P<at>\S+) .*Raw SMTP (?P<mark>input received|output sent) .*contents = "(?P<text>.*?)"?$`), server: "output sent", client: "input received", clean: writtenOut,
	}, "", m(12, `Raw SMTP (?:input received|output sent) `)).withEscapes(),

	tool("skpsmtpmessage", "skpsmtpmessage for iOS", &form{
		row: regexp.MustCompile(`^(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)(?:[+-]\d{4})? \S+\[\d+:\d+\] (?P<mark>[SC]): (?P<text>.*)$`), server: "S", client: "C", remark: nsLog, strict: true,
	}, "", m(10, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+(?:[+-]\d{4})? \S+\[\d+:\d+\] [SC]: `)),

	tool("nim-smtp", "Nim's smtp module", formOf(`^(?P<mark>[SC]):(?P<text>\S.*)$`, "S", "C"),
		"", m(6, `^S:\d{3}[ -]|^C:(?:EHLO|HELO|AUTH|MAIL|RCPT|DATA|QUIT|STARTTLS)`)),

	tool("net-smtp-perl", "Perl's Net::SMTP", formOf(`^(?P<id>Net::SMTP\w*(?:::\w+)*=GLOB\(0x[0-9a-f]+\))(?P<mark>>>>|<<<) ?(?P<text>.*)$`, "<<<", ">>>"),
		`(Net::SMTP\S*=GLOB\(0x[0-9a-f]+\)(?:>>>|<<<))`, m(12, `^Net::SMTP\S*=GLOB\(0x[0-9a-f]+\)(?:>>>|<<<)`)),

	tool("claws-mail", "Claws Mail", formOf(`^`+stampGroup+`\*?\s*(?P<mark>E?SMTP[<>]) (?P<text>.*)$`, "SMTP<,ESMTP<", "SMTP>,ESMTP>"),
		"", m(10, `(?:^|\s)E?SMTP[<>] `)),

	tool("exim-debug", "Exim -v", &form{
		row: regexp.MustCompile(`^(?:\d+ )?` + stampGroup + `\s*SMTP(?:\([Cc]lose\))?(?P<mark><<|[>|+]>)\s?(?P<text>.*)$`), server: "<<", client: ">>,|>,+>",
		drop: regexp.MustCompile(`^(?:close|\(close\))?$`), clean: eximText,
	}, `(SMTP(?:<<|[>|+]>) )`, m(12, `^(?:\d+ )?(?:[\d:.]+ )?\s*SMTP(?:<<|[>|+]>) `)),

	tool("crystal-email", "Crystal's email shard", &form{
		row: regexp.MustCompile(`^` + stampGroup + `(?:\[[^\]]*\] )?(?:DEBUG:? )?(?P<mark><--|-->) (?P<text>.*)$`), server: "<--", client: "-->", clean: crystalText, joins: " / ",
	}, "", m(12, `<-- (?:CONN|EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT) \d{3} `), m(4, `\] (?:DEBUG|INFO) (?:--> |Start (?:TCP|TLS) session)`)),

	tool("smtp-cli", "smtp-cli", &form{
		row: regexp.MustCompile(`^(?P<mark>>|\[\d{3}\]) ?'?(?P<text>.*?)'?$`), server: "", client: ">",
	}, "", m(10, `^\[\d{3}\] '`)).parsedBy(parseSMTPCLI),

	tool("cpp-smtpclient", "CPP-SMTPClient-library", &form{
		row: regexp.MustCompile(`^(?P<mark>[cs]): (?P<text>.*)$`), server: "s", client: "c", clean: writtenOut,
	}, "", m(7, `^s: \d{3}[ -]|^c: (?i:ehlo|helo|starttls|auth|mail|rcpt|data|quit|trying|connected|info)`)).withEscapes().parsedBy(parseCPP),

	tool("ruby-net-smtp", "Ruby's Net::SMTP", &form{
		row: regexp.MustCompile(`^(?P<mark>->|<-) (?P<text>".*)$`), server: "->", client: "<-", clean: func(s string) string { return withoutEOL(literal(s)) },
	}, `((?:->|<-) ")`, m(10, `^(?:->|<-) "`)).withEscapes(),

	tool("mutt", "Mutt and NeoMutt", formOf(`^`+stampGroup+`(?:\w+\(\) )?\d(?P<mark>[<>]) (?P<text>.*)$`, "<", ">"),
		"", m(8, `^(?:\S+ \S+ )?\d[<>] (?:\d{3}[ -]|EHLO|HELO|MAIL|RCPT|DATA|QUIT|AUTH|STARTTLS)`)),

	tool("ssmtp", "sSMTP", formOf(`^\[(?P<mark><-|->)\] (?P<text>.*)$`, "<-", "->"),
		`(\[(?:<-|->)\] )`, m(10, `^\[(?:<-|->)\] `)),

	tool("mdaemon", "MDaemon", formOf(`^(?:[A-Z][a-z]{2} )?(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?): (?:\d\d: )?\[(?P<id>\w+)\] (?P<mark>-->|<--) (?P<text>.*)$`, "-->", "<--"),
		"", m(12, `^(?:[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?: (?:\d\d: )?\[\w+\] (?:-->|<--) `)),

	tool("sendmail-verbose", "sendmail -v", formOf(`^(?:(?P<mark>>>>) )?(?P<text>.*)$`, "", ">>>"),
		"", m(5, `^>>> (?:EHLO|HELO|MAIL|RCPT|DATA|QUIT|AUTH|STARTTLS|RSET|\.)`), m(1, `^\d{3}[ -]`)).needing(`^>>> `).parsedBy(parseMarkedClient),

	tool("mailkit", "MailKit's ProtocolLogger", formOf(`^`+stampGroup+`(?P<mark>[SC]): (?P<text>.*)$`, "S", "C"),
		`([SC]: (?:\d{3}[ -]|EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT|BDAT))`, m(12, `^(?:\S+ )?Connected to smtps?://`), m(4, `(?:^|\s)[SC]: `)).needing(`Connected to smtps?://`),
}

// tool is a dialect of a form with marks.
func tool(id, name string, f *form, joint string, marks ...mark) dialect {
	d := dialect{id: id, name: name, marks: marks, parse: parseMarked}
	if joint != "" {
		d.joint = jointOf(joint)
	}
	return d
}

func (d dialect) withEscapes() dialect {
	d.escapes = true
	return d
}

func (d dialect) needing(expr string) dialect {
	d.needs = regexp.MustCompile(expr)
	return d
}

func (d dialect) parsedBy(parse func([]row) []line) dialect {
	d.parse = parse
	return d
}

var vmimeData = regexp.MustCompile(`^\{\.\.\.(SASL exchange: )?(\d+) bytes of data\.\.\.\}$`)

// eximText writes what Exim says in place of the message as others do.
func eximText(s string) string {
	if strings.HasPrefix(s, "writing message and terminating") {
		return "[message not shown]"
	}
	return s
}

// vmimeText keeps VMime's word that it left something out for complete to see.
func vmimeText(s string) string {
	if g := vmimeData.FindStringSubmatch(s); g != nil && g[1] != "" {
		return hiddenText
	}
	return s
}

// crystalText cuts off the command that the tool repeats in front of a reply.
func crystalText(s string) string {
	word, rest, _ := strings.Cut(s, " ")
	if (word == "CONN" || verbs[word]) && code(rest) != 0 {
		return rest
	}
	return s
}

var nsEcho = regexp.MustCompile(`^~~~~|^SocketStream`)

// nsLog reads what skpsmtpmessage prints besides. It prints each reply twice,
// once bare behind a row of tildes.
func nsLog(text string) []line {
	i := strings.Index(text, "] ")
	if i < 0 || !nsEcho.MatchString(text[i+2:]) {
		return nil
	}
	return remark(text[i+2:])
}

var smtpCLI = regexp.MustCompile(`^(?:> (.*)|\[(\d{3})\] '(.*?)'?)$`)

// parseSMTPCLI reads smtp-cli, which shows a reply as its code in brackets and
// its text, lines joined, in quotes.
func parseSMTPCLI(rows []row) []line {
	var lines []line
	for _, r := range rows {
		g := smtpCLI.FindStringSubmatch(r.text)
		switch {
		case g == nil:
			if i := strings.Index(r.text, " failed: '"); i > 0 {
				lines = append(lines, troubled(r.text))
			} else {
				lines = append(lines, remark(r.text)...)
			}
		case g[2] == "":
			lines = append(lines, client(g[1]))
		default:
			for _, reply := range strings.Split(unfoldReply(g[2]+" "+writtenOut(g[3]), "\n"), "\n") {
				lines = append(lines, server(reply))
			}
		}
	}
	return lines
}

var cppRow = regexp.MustCompile(`^(?P<mark>[cs]): (?P<text>.*)$`)

// parseCPP reads CPP-SMTPClient-library, which marks its own remarks as it
// marks commands; only a command ends with the line end written out.
func parseCPP(rows []row) []line {
	f := form{row: cppRow, server: "s", client: "c", clean: writtenOut}
	var kept []row
	var lines []line
	for _, r := range rows {
		if strings.HasPrefix(r.text, "c: ") && !strings.HasSuffix(strings.TrimSpace(r.text), `\n`) {
			lines = append(lines, f.parse(kept)...)
			kept = nil
			lines = append(lines, remark(strings.TrimPrefix(r.text, "c: "))...)
			continue
		}
		kept = append(kept, r)
	}
	return append(lines, f.parse(kept)...)
}

// parseMarkedClient reads a log that marks only the client's lines.
func parseMarkedClient(rows []row) []line {
	var lines []line
	for _, r := range rows {
		text, marked := strings.CutPrefix(r.text, ">>> ")
		switch {
		case marked:
			lines = append(lines, client(text))
		case code(text) != 0:
			lines = append(lines, server(text))
		default:
			lines = append(lines, remark(text)...)
		}
	}
	return lines
}

// sidesSeen reports which sides lines show.
func sidesSeen(lines []line) (fromClient, fromServer bool) {
	for _, l := range lines {
		if l.isWire() && !l.inferred {
			fromClient = fromClient || l.side == who.Client
			fromServer = fromServer || l.side == who.Server
		}
	}
	return fromClient, fromServer
}
