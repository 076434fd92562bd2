package findings

import (
	"bytes"
	"io"
	"strings"

	"smtptap/decode"
	"smtptap/decode/who"
)

// dataRules are about DATA, its end, and the lines of a message.
var dataRules = []rule{
	{
		id: "BARE-LF", severity: Failure, title: "lines that end in LF alone",
		when:    []when{{text: `bare (<)?lf|bare (new ?line|line[- ]?feed)|smtplf|(lone|bare|stray|single) (cr or lf|lf)|lf (character )?without (a )?cr|barelinefeeds|<lf> received|line feeds? .{0,40}(illegal|not allowed)`, loose: true}},
		lint:    lint{find: noted("bare-lf"), severity: Warning, text: "lines end in LF without CR; servers that guard against smuggling refuse that"},
		text:    "the server refuses lines that end in LF without CR: {reply}",
		cause:   "The message was built with \\n and written to the socket as it is. SMTP lines end in CRLF, and since 2023 servers refuse others because of smuggling.",
		fix:     Fix{General: "Convert every line end to CRLF, once", PHPMailer: "PHPMailer 6 does it; look for fwrite() of your own, or mail() in place of isSMTP()", Smtplib: "smtp.send_message(msg), or msg.as_bytes(policy=email.policy.SMTP)", Nodemailer: "update: nodemailer converts line ends", Other: `preg_replace('/\r\n|\r|\n/', "\r\n", $text)`},
		sources: []string{"RFC 5321 section 2.3.8", "postfix.org: smtpd_forbid_bare_newline"},
	},
	{
		id: "BARE-CR", severity: Failure, title: "a lone carriage return",
		when:    []when{{text: `bare (<)?cr\b|(lone|stray) cr\b|cr (character )?without (a )?lf|bare carriage|822\.bis section 2\.3`, loose: true}},
		lint:    lint{find: noted("bare-cr"), severity: Warning, text: "a CR stands without LF; some servers take it for a line end"},
		text:    "the server refuses a CR without LF: {reply}",
		cause:   "Line ends were converted twice (CR CR LF), or text from a form holds a lone CR.",
		fix:     Fix{General: "Convert line ends to LF first, then once to CRLF", PHPMailer: "use isSMTP(): mail() and sendmail convert line ends again"},
		sources: []string{"RFC 5321 section 2.3.8", "RFC 5322 section 2.2", "PHPMailer#3012"},
	},
	{
		id: "LINE-TOO-LONG", severity: Failure, title: "a line is too long",
		when: []when{
			{to: ". DATA BDAT", text: longLine, also: notInChunk}, {text: longLine, also: answersNothing},
			{to: ".", code: "500 501 550 552 554", text: `line.{0,30}(too )?long|line length|boundary length`, also: notInChunk},
			{said: longLine},
		},
		lint:    lint{find: noted("text-line-too-long"), severity: Warning, text: "a line of the message is longer than 998 octets; servers may refuse or cut it"},
		text:    "the server refuses a line that is too long: {reply}",
		cause:   "A line may have 998 octets. HTML on one line, base64 without line breaks, or a very long header field goes beyond.",
		fix:     Fix{General: "Send the body as quoted-printable or base64, and fold header fields", PHPMailer: "$mail->Encoding = PHPMailer::ENCODING_QUOTED_PRINTABLE;", Nodemailer: "textEncoding: 'quoted-printable'", Smtplib: "msg.set_content(text, cte='quoted-printable')"},
		sources: []string{"RFC 5321 section 4.5.3.1.6", "RFC 5322 section 2.1.1"},
	},
	{
		id: "COMMAND-LINE-TOO-LONG", severity: Failure, title: "a command is too long",
		when:    []when{{to: "MAIL RCPT EHLO HELO NOOP VRFY HELP", text: `(line|command).{0,20}too long`}, {text: `command (line )?too long`}},
		lint:    lint{find: noted("command-too-long"), severity: Warning, text: "a command line is longer than 512 octets"},
		text:    "a command line is too long for the server: {reply}",
		cause:   "Commands have 512 octets. A very long address, a token, or message text where a command belongs goes beyond.",
		fix:     Fix{General: "Shorten the address; send tokens behind the 334"},
		sources: []string{"RFC 5321 section 4.5.3.1.4"},
	},
	{
		id: "SMUGGLING-EOD", severity: Warning, title: "a look-alike of the end of the message",
		find:    noted("eod-lookalike"),
		text:    "a line inside the message looks like its end to servers that are not strict about line ends",
		cause:   "A lone dot between line ends other than CRLF ends the message for some servers, and what follows is read as commands: that is SMTP smuggling. A broken conversion of line ends does it too.",
		fix:     Fix{General: "End all lines in CRLF and double leading dots; on servers take nothing but CRLF . CRLF for the end", PHPMailer: "PHPMailer 6 normalises the body; look for code of your own that writes to the socket", Other: "Postfix: smtpd_forbid_bare_newline = normalize; Exim 4.97.1 or later"},
		sources: []string{"RFC 5321 section 4.1.1.4", "postfix.org/smtp-smuggling.html", "CVE-2023-51764"},
	},
	{
		id: "EARLY-REPLY", severity: Warning, title: "the server saw the end before the client",
		find:    noted("early-reply"),
		text:    "the server accepted the message before the client had ended it",
		cause:   "A line in the message was its end for the server; the rest is read as commands. That is what smuggling makes use of.",
		fix:     Fix{General: "Send CRLF line ends with leading dots doubled, and mend the server: it takes other line ends for the end of the message"},
		sources: []string{"RFC 5321 section 4.1.1.4", "CVE-2023-51764"},
	},
	{
		id: "DOT-STUFFING-MISSING", severity: Warning, title: "a leading dot was not doubled",
		find:    dotsMissing,
		text:    "a line of the message begins with a dot that was not doubled[: {reply}]",
		cause:   "Within DATA a line that begins with a dot gets another in front. Without it the receiver loses the dot, and a line with a lone dot ends the message: the rest is read as commands.",
		fix:     Fix{General: "Double every leading dot, or let a library send the message", PHPMailer: "PHPMailer does it in SMTP::data()", Smtplib: "smtp.sendmail() does it"},
		sources: []string{"RFC 5321 section 4.5.2"},
	},
	{
		id: "DOT-STUFFING-DOUBLE", severity: Advice, title: "leading dots doubled twice",
		find:    dotsDoubled,
		text:    "lines begin with three dots on the wire, as if leading dots had been doubled twice",
		cause:   "The program doubles leading dots, and the library does it again; the receiver sees one too many, which breaks links and file names.",
		fix:     Fix{General: "Leave the doubling to the library"},
		sources: []string{"RFC 5321 section 4.5.2", "mikel/mail#1372"},
	},
	{
		id: "DATA-AS-COMMANDS", severity: Failure, title: "message text taken as commands", role: aftermath,
		find:    dataAsCommands,
		text:    "parts of a message arrive where commands belong[: {reply}]",
		cause:   "DATA was refused and the client sent the message all the same, or a lone dot in the text ended it early.",
		fix:     Fix{General: "Send the message behind a 354 only, with leading dots doubled"},
		sources: []string{"RFC 5321 section 4.1.1.4"},
	},
	{
		id: "FINAL-DOT-MISSING", severity: Failure, title: "the message has no end",
		find:    noFinalDot,
		text:    "the client sent its message and not the line with the lone dot that ends it",
		cause:   "It wrote the dot without a line end before it, ended its lines in LF, or forgot it. Both sides wait then.",
		fix:     Fix{General: "End the message with exactly CRLF . CRLF"},
		sources: []string{"RFC 5321 section 4.1.1.4", "RFC 5321 section 4.5.3.2.6"},
	},
	{
		id: "DATA-READ-421", severity: Failure, title: "the server did not get the whole message",
		when:    []when{{code: "4xx", text: `read data from client|error while reading|lost (incoming )?connection|data (read )?(error|timeout)|reading input|incoming data timeout|timeout waiting for data|message data.{0,30}(timeout|timed)`, loose: true}},
		text:    "the server did not get the whole message: {reply}",
		cause:   "The client stalled or was too slow, wrote a large block to a socket that does not block, or the network lost it.",
		fix:     Fix{General: "Write the message in blocks and wait until the socket takes more; try a small message first", PHPMailer: phpWait},
		sources: []string{"RFC 5321 section 4.5.3.2.5", "Exim: receive.c"},
	},
	{
		id: "SIZE-552", severity: Failure, title: "the message is too large",
		when:    []when{{text: `message (size|file|length|body)?.{0,60}(exceed|too (big|large|long)|over)|(size|mail|email|message|content).{0,30}(limit|maximum|allowed).{0,30}(exceed|size)|exceeded .{0,40}size|too (big|large)|max(imum)? (permitted )?(message )?size|552 5\.3\.4`, also: notLineLength, loose: true}, {enhanced: "5.3.4 5.2.3"}, {to: ". MAIL", code: "523 552", also: notQuota}},
		lint:    lint{find: overSize, severity: Warning, text: "the message is larger than the SIZE that the server announced"},
		text:    "the message is too large[: {reply}]",
		cause:   "Attachments grow by more than a third in base64. The limit stands behind SIZE in the EHLO reply: 25 MB at Gmail, 10 MB by default in Postfix.",
		fix:     Fix{General: "Send a link in place of the attachment, or make it smaller; on your own server raise the limit", PHPMailer: "strlen($mail->getSentMIMEMessage()) against $mail->getSMTPInstance()->getServerExt('SIZE')", Other: "Postfix: message_size_limit"},
		sources: []string{"RFC 1870 section 6", "PHPMailer#98"},
	},
	{
		id: "SIZE-DISK-452", severity: Failure, title: "the server is short of space",
		when:    []when{{code: "4xx", text: `insufficient (system )?(storage|resources|disk)|space shortage|disk (is )?full|(not enough|no) (free )?(disk )?space|out of (disk|storage)`}, {enhanced: "4.3.1"}},
		text:    "the server is short of space: {reply}",
		cause:   "Its disk or queue is full, or the message is larger than what is left.",
		fix:     Fix{General: "Try again later, and tell the server's administrator"},
		sources: []string{"RFC 5321 section 4.2.3", "postfix.org: queue_minfree"},
	},
	{
		id: "BDAT-MISUSE", severity: Failure, title: "BDAT used wrongly",
		find:    noted("bdat-bad-size"),
		when:    []when{{to: "BDAT", code: "5xx"}, {text: `\bbdat\b|not crlf terminated`}},
		text:    "the server refuses the chunk[: {reply}]",
		cause:   "The count differs from the bytes sent, DATA and BDAT are mixed, CHUNKING was not on offer, or the server reads the chunk as lines, which it must not.",
		fix:     Fix{General: "Count octets exactly and mark the last chunk LAST, or use DATA"},
		sources: []string{"RFC 3030 section 2", "emersion/go-smtp#81"},
	},
	{
		id: "DATA-NOT-354", severity: Failure, title: "DATA is not answered with 354",
		when:    []when{{to: "DATA", code: "451 503 554 550 450 552", also: nothingRefused}},
		text:    "the server does not want the message: {reply}",
		cause:   "No recipient was accepted, or a rule that looks at sender and recipients together says no.",
		fix:     Fix{General: "Look at the replies to MAIL and RCPT; send no message behind anything but 354", Smtplib: "catch smtplib.SMTPDataError"},
		sources: []string{"RFC 5321 section 4.3.2"},
	},
}

// longLine are servers' words for a line that is too long.
const longLine = `line (is |was )?too long|too long(er)? (a )?line|(maximum|max|allowed) (allowed )?line length|line length (limit|exceed)|lines? longer than|message line is too long|mime boundary length`

func notInChunk(s *session, r *reply) bool { return r.verb != "BDAT" && !s.said("BDAT") }

func notLineLength(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"line", "recipients", "mailbox", "quota", "header", "connections", "errors", "load"}) && r.verb != "AUTH"
}

func notQuota(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"quota", "recipient", "mailbox", "full", "virus", "security", "attachment", "mime", "cr "})
}

// nothingRefused reports that the refusal is the first of its transaction.
func nothingRefused(s *session, refused *reply) bool {
	from := s.last("MAIL", refused.entry)
	for i := range s.replies {
		r := &s.replies[i]
		if r.entry > from && r.entry < refused.entry && r.code >= 400 {
			return false
		}
	}
	return true
}

// dotsMissing finds lines with a single leading dot; of a line with nothing but
// the dot the message's rest tells, which the server reads as commands.
func dotsMissing(s *session) *sighting {
	if at := s.noted("dot-unstuffed"); len(at) > 0 {
		return see(at...)
	}
	for i := range s.messages {
		m := &s.messages[i]
		if m.End < 0 || !m.Stuffed || m.Reply < 0 {
			continue
		}
		if c := s.nextLine(m.End); c >= 0 && s.isText(c) {
			if r := s.answer(c); r != nil && (r.code >= 500 || r.code == 221) {
				g := see(m.End, c, r.entry)
				g.severity = Failure
				return g
			}
		}
	}
	return nil
}

// nextLine is the next line of the client behind an entry, or -1.
func (s *session) nextLine(behind int) int {
	for i := behind + 1; i < len(s.t.Entries); i++ {
		if ev := s.t.Entries[i].Event; ev != nil && ev.Side == who.Client && (ev.Kind == decode.KindCommand || ev.Kind == decode.KindAuth) {
			return i
		}
	}
	return -1
}

// isText reports a line behind DATA that is no command. The decoder hides such
// lines in sessions with a login: they might be credentials.
func (s *session) isText(i int) bool {
	ev := s.ev(i)
	if s.last("DATA", i) < 0 {
		return false
	}
	if ev.Auth != nil {
		return ev.Auth.Step == decode.StepStray
	}
	return ev.Command != nil && !ev.Command.Known && len(ev.Raw) > 2
}

// lintedLines bounds the bytes of a body that are looked at for dots.
const lintedLines = 64 << 10

// dotsDoubled finds lines that begin with three dots and a letter where no line
// begins with two: text with a leading dot, doubled twice.
func dotsDoubled(s *session) *sighting {
	if s.t.Bytes == nil || s.lack(decode.LackBody) || s.lack(decode.LackBytes) {
		return nil
	}
	for i := range s.messages {
		m := &s.messages[i]
		for _, p := range m.Parts {
			ev := s.ev(p)
			if ev.Body == nil || ev.Body.Chunk || !m.Stuffed {
				continue
			}
			if twoAndThree(s.read(ev.Span, lintedLines)) {
				return see(p)
			}
		}
	}
	return nil
}

func twoAndThree(body []byte) bool {
	two, three := 0, 0
	for line := range bytes.Lines(body) {
		dots := len(line) - len(bytes.TrimLeft(line, "."))
		rest := bytes.TrimRight(line[dots:], "\r\n")
		switch {
		case dots == 2 && len(rest) > 0:
			two++
		case dots == 3 && len(rest) > 0 && rest[0] != ' ':
			three++
		}
	}
	return three > 0 && two == 0
}

// read returns the first bytes of a span of the client's stream, nil when they
// were not kept.
func (s *session) read(span decode.Span, most int64) []byte {
	span.End = min(span.End, span.Start+most)
	p, err := io.ReadAll(s.t.Reader(who.ClientLeg, who.Client, span))
	if err != nil {
		return nil
	}
	return p
}

// dataAsCommands finds lines behind DATA that are no commands and that the
// server did not understand.
func dataAsCommands(s *session) *sighting {
	var proof []int
	for i := range s.replies {
		r := &s.replies[i]
		if r.asked >= 0 && (r.code >= 500 || r.code == 221) && s.isText(r.asked) {
			proof = append(proof, r.asked, r.entry)
		}
	}
	if len(proof) == 0 {
		proof = s.noted("data-after-refusal")
	}
	return see(firstFew(proof)...)
}

func noFinalDot(s *session) *sighting {
	if s.pasted() || s.running() || s.lack(decode.LackEnd) {
		return nil
	}
	for i := range s.messages {
		m := &s.messages[i]
		if m.Complete || !m.Stuffed || len(m.Parts) == 0 || s.refusedSince(m.Parts[0]) || s.serverLeft() >= 0 {
			continue
		}
		return see(m.Parts[len(m.Parts)-1])
	}
	return nil
}

// refusedSince reports a reply that says no behind an entry, other than one
// that says that the wait was too long.
func (s *session) refusedSince(i int) bool {
	for n := range s.replies {
		if r := &s.replies[n]; r.entry > i && r.code >= 400 && !strings.Contains(r.folded(), "time") {
			return true
		}
	}
	return false
}

// overSize finds a message larger than the server announced.
func overSize(s *session) *sighting {
	limit := int64(0)
	for _, c := range strings.TrimSpace(s.offered["SIZE"]) {
		if c < '0' || c > '9' || limit > 1<<50 {
			return nil
		}
		limit = limit*10 + int64(c-'0')
	}
	if limit == 0 {
		return nil
	}
	for i := range s.messages {
		m := &s.messages[i]
		if m.Size() > limit && len(m.Parts) > 0 {
			return see(s.ehlo, m.Parts[len(m.Parts)-1])
		}
	}
	for _, i := range s.byName["MAIL"] {
		for _, p := range s.ev(i).Command.Params {
			if p.Key == "SIZE" && overLimit(p.Value, limit) {
				return see(s.ehlo, i)
			}
		}
	}
	return nil
}

func overLimit(declared string, limit int64) bool {
	n := int64(0)
	for _, c := range declared {
		if c < '0' || c > '9' {
			return false
		}
		if n = n*10 + int64(c-'0'); n > limit {
			return true
		}
	}
	return false
}
