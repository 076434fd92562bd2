package logs

import (
	"strings"

	"smtptap/decode/who"
)

// Tools whose logs are a mark for the side and a text, and nothing more. The
// tools with forms of their own have files of their own.

var simpleTools = []dialect{
	tool("go-mail", "go-mail", `((?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?(?:DEBUG|ERROR| ?INFO| ?WARN): C (?:-->|<--) S: )`, m(12, `\bC (?:-->|<--) S: `)).withoutBody(),

	tool("codeigniter", "CodeIgniter's print_debugger", `(?:^|[\s\r])((?:hello|starttls|from|to|data|quit|reset): \d{3}[ -]|Failed to (?:send AUTH|authenticate))`,
		m(8, `^(?:hello|starttls|from|to|data|quit|reset): \d{3}[ -]`), m(8, `^Failed to (?:send AUTH LOGIN command|authenticate (?:username|password))\. Error: `),
		m(6, `The following SMTP error was encountered: |Unable to send email using PHP SMTP`), m(1, `^\d{3}[ -]\S`)).
		needing(`^(?:hello|from|to|data): \d{3}[ -]|^Failed to (?:send AUTH|authenticate)|The following SMTP error was encountered`),

	tool("testssl", "testssl.sh", "", m(12, `^=== sending "`), m(12, `^\.\.\. received result:`), m(6, `testssl\.sh`)),

	tool("dokuwiki-smtp", "DokuWiki's SMTP plugin", `(Got: |Sent: |Set: |Connecting to \S+ at \d)`, m(8, `^(?:Got|Sent): |^Set: the (?:server|auth)`)),

	tool("wiremailsmtp", "WireMailSmtp for ProcessWire", `([SC] (?:\d{3}[ -]|EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT))`,
		m(5, `^S \d{3}[ -]|^C (?:EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT)`), m(8, `^(?:Resolving|Connecting to|Connected to) SMTP server`)),

	tool("postal", "Postal's SMTP server", "", m(10, `DEBUG -- : \[\w+\]\s+(?:<=|=>) |\[[A-Z0-9]{6}\]\s+(?:<=|=>) \S`)),

	tool("roundcube", "Roundcube", `(\[[^\]]+\]: <\w+> (?:Recv|Send): )`, m(10, `^\[[^\]]+\]: (?:<\w+> )?(?:Recv|Send): `)),

	tool("net-smtp", "PEAR Net_SMTP", `(DEBUG: (?:Recv|Send): )`, m(9, `^DEBUG: (?:Recv|Send): `), m(6, `^(?:Recv|Send): `)),

	tool("snappymail", "RainLoop and SnappyMail", "", m(12, `SMTP\[\w+\]: [<>] `)).withEscapes(),

	tool("vmime", "VMime's tracer", `(smtps?:\d+(?:->|<-))`, m(12, `^smtps?:\d+(?:->|<-)`)),

	tool("fakesmtp", "FakeSMTP and SubEthaSMTP", "", m(8, `(?:^|\s)(?:Server: \d{3}[ -]|Client: (?:EHLO|HELO|MAIL|RCPT|DATA|QUIT|AUTH|STARTTLS))`), m(2, `(?:^|\s)(?:Server|Client): `)),

	tool("haraka", "Haraka", "", m(12, `\[PROTOCOL\] \[[\w.-]+\] \[[\w/.-]+\] [CS]: `)),

	tool("opensmtpd", "OpenSMTPD", "", m(12, `smtp: 0x[0-9a-f]+: (?:>>>|<<<) `)),

	tool("opensmtpd", "OpenSMTPD's mail transfer", "", m(12, `mta: (?:\S+: )?(?:->|<-) `)),

	tool("hmailserver", "hMailServer", "", m(12, `"(?:RECEIVED|SENT): `)),

	tool("stalwart", "Stalwart Mail Server", "", m(12, `event="(?:read|write)" data="`)).withEscapes(),

	tool("stalwart", "Stalwart Mail Server", "", m(12, `Raw SMTP (?:input received|output sent) `)).withEscapes(),

	tool("skpsmtpmessage", "skpsmtpmessage for iOS", "", m(10, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+(?:[+-]\d{4})? \S+\[\d+:\d+\] [SC]: `)),

	tool("nim-smtp", "Nim's smtp module", "", m(6, `^S:\d{3}[ -]|^C:(?:EHLO|HELO|AUTH|MAIL|RCPT|DATA|QUIT|STARTTLS)`)),

	tool("net-smtp-perl", "Perl's Net::SMTP", `(Net::SMTP\S*=GLOB\(0x[0-9a-f]+\)(?:>>>|<<<))`, m(12, `^Net::SMTP\S*=GLOB\(0x[0-9a-f]+\)(?:>>>|<<<)`)),

	tool("claws-mail", "Claws Mail", "", m(10, `(?:^|\s)E?SMTP[<>] `)),

	tool("exim-debug", "Exim -v", `(SMTP(?:<<|[>|+]>) )`, m(12, `^(?:\d+ )?(?:[\d:.]+ )?\s*SMTP(?:<<|[>|+]>) `)),

	tool("crystal-email", "Crystal's email shard", "", m(12, `<-- (?:CONN|EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT) \d{3} `), m(4, `\] (?:DEBUG|INFO) (?:--> |Start (?:TCP|TLS) session)`)),

	tool("smtp-cli", "smtp-cli", "", m(10, `^\[\d{3}\] '`)).parsedBy(parseSMTPCLI),

	tool("cpp-smtpclient", "CPP-SMTPClient-library", "", m(7, `^s: \d{3}[ -]|^c: (?i:ehlo|helo|starttls|auth|mail|rcpt|data|quit|trying|connected|info)`)).withEscapes(),

	tool("ruby-net-smtp", "Ruby's Net::SMTP", `((?:->|<-) ")`, m(10, `^(?:->|<-) "`)).withEscapes(),

	tool("mutt", "Mutt and NeoMutt", "", m(8, `^(?:\S+ \S+ )?\d[<>] (?:\d{3}[ -]|EHLO|HELO|MAIL|RCPT|DATA|QUIT|AUTH|STARTTLS)`)),

	tool("ssmtp", "sSMTP", `(\[(?:<-|->)\] )`, m(10, `^\[(?:<-|->)\] `)),

	tool("mdaemon", "MDaemon", "", m(12, `^(?:[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?: (?:\d\d: )?\[\w+\] (?:-->|<--) `)),

	tool("sendmail-verbose", "sendmail -v", "", m(5, `^>>> (?:EHLO|HELO|MAIL|RCPT|DATA|QUIT|AUTH|STARTTLS|RSET|\.)`), m(1, `^\d{3}[ -]`)).needing(`^>>> `),

	tool("mailkit", "MailKit's ProtocolLogger", `([SC]: (?:\d{3}[ -]|EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|QUIT|BDAT))`, m(12, `^(?:\S+ )?Connected to smtps?://`), m(4, `(?:^|\s)[SC]: `)).needing(`Connected to smtps?://`),
}

// tool is a dialect whose form is learnt from the text.
func tool(id, name, joint string, marks ...mark) dialect {
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

func (d dialect) withoutBody() dialect {
	d.bodyHidden = true
	return d
}

func (d dialect) needing(expr string) dialect {
	d.needs = compile(expr)
	return d
}

func (d dialect) parsedBy(parse func([]row) []line) dialect {
	d.parse = parse
	return d
}

var smtpCLI = compile(`^(?:> (.*)|\[(\d{3})\] '(.*?)'?)$`)

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

// sidesSeen reports which sides lines show.
func sidesSeen(lines []line) (fromClient, fromServer bool) {
	for _, l := range lines {
		if l.isWire() {
			fromClient = fromClient || l.side == who.Client
			fromServer = fromServer || l.side == who.Server
		}
	}
	return fromClient, fromServer
}
