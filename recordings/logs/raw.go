package logs

import (
	"strings"

	"smtptap/decode/who"
)

// The bare protocol, as telnet, openssl s_client, nc and several libraries
// print it: lines with a reply code are the server's, the others the client's.

var rawMarks = []mark{
	m(1, `^[2-5]\d\d(?:[ -]\S|$)`),
	m(1, `^(?i:(?:EHLO|HELO) \S|MAIL FROM:|RCPT TO:|AUTH (?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2)|STARTTLS$|DATA$|QUIT$|RSET$|BDAT \d)`),
	m(1, `^(?:Escape character is|Connection closed by foreign host|CONNECTED\(0)`),
}

var rawJoint = jointOf(`\s((?:[2-5]\d\d)[ -](?:[A-Za-z]|\d\.\d\.\d)|(?:EHLO|HELO) [\w.\[-]+|STARTTLS\b|MAIL FROM:|RCPT TO:|AUTH (?:LOGIN|PLAIN|CRAM-MD5|XOAUTH2)\b|DATA\b|QUIT\b)`).many(4)

// rawNoise is what the programs print that show a bare dialogue.
var rawNoise = compile(`^(?:\$ |# |telnet |Trying |Connected to |Escape character|CONNECTED\(|depth=|verify |read R BLOCK|DONE$|-{3,}|\.{2,}$|` + "```" + `|Server certificate|subject=|issuer=|SSL|New, TLS|Verification|Certificate chain)`)

func parseRaw(rows []row) []line {
	p := rawLog{rows: rows, lines: make([]line, 0, len(rows))}
	for i := range rows {
		p.row(i)
	}
	return p.lines
}

// A rawLog follows the dialogue, because only its state tells whose a line is
// that has no code and no verb.
type rawLog struct {
	rows    []row
	lines   []line
	inData  bool // after 354, until the dot
	inAuth  bool // after AUTH or 334, until another reply
	inChunk bool // after BDAT, until a reply
	pem     bool // inside a certificate
	// remark, when set, reads the rows of a tool that prints the bare
	// dialogue among its own lines; it reports whether the row was one.
	remark func(string) ([]line, bool)

	dots []bool // by row: the message ends after it
}

func (p *rawLog) add(r row, ls ...line) {
	for _, l := range ls {
		l.at = r.at
		p.lines = append(p.lines, l)
	}
}

func (p *rawLog) row(i int) {
	r := p.rows[i]
	text := strings.TrimRight(r.text, " \r")
	if p.remark != nil {
		if ls, is := p.remark(text); is {
			p.add(r, ls...)
			return
		}
	}
	if p.certificate(text) {
		return
	}
	if p.inData {
		p.data(i, text)
		return
	}
	bare := strings.TrimSpace(text)
	switch {
	case code(bare) != 0:
		p.reply(r, bare)
	case bare == "":
	case p.inChunk:
		if len(p.lines) > 0 && p.lines[len(p.lines)-1].kind != unseen {
			p.add(r, bodyUnseen())
		}
	case verbOf(bare) != "" && !(p.inAuth && isCredential(bare)):
		p.command(r, bare)
	case p.continues(bare):
		extend(&p.lines[len(p.lines)-1].text, bare)
	case p.inAuth && (isCredential(bare) || isRedacted(bare)):
		p.add(r, client(bare))
	default:
		p.add(r, rawRemark(bare)...)
	}
}

// certificate skips what s_client prints before the dialogue.
func (p *rawLog) certificate(text string) bool {
	if strings.HasPrefix(text, "-----BEGIN") {
		p.pem = true
	}
	was := p.pem
	if strings.HasPrefix(text, "-----END") {
		p.pem = false
	}
	return was
}

func (p *rawLog) reply(r row, text string) {
	p.inAuth = code(text) == 334
	p.inChunk = false
	for _, l := range splitReply(text) {
		p.add(r, server(l))
	}
	if code(text) == 354 {
		p.inData = true
	}
}

func (p *rawLog) command(r row, text string) {
	switch verbOf(text) {
	case "AUTH":
		p.inAuth = true
	case "BDAT":
		p.inChunk = true
	}
	p.add(r, client(withoutComment(text)))
}

var typedEnd = compile(`\s*<CR>(?:<LF>)?$|\s+# .*$`)

// withoutComment cuts off what a poster wrote after a command: the keys that
// were pressed, or a comment.
func withoutComment(text string) string { return typedEnd.ReplaceAllString(text, "") }

// data takes a line after 354. When the paste leaves the message out, or its
// end, a reply ends it.
func (p *rawLog) data(i int, text string) {
	r := p.rows[i]
	if p.dots == nil {
		p.findDots()
	}
	switch {
	case text == ".":
		p.inData = false
		p.add(r, client("."))
	case code(text) != 0 && (!p.dots[i] || code(text) == 421):
		p.inData = false
		p.reply(r, text)
	default:
		p.add(r, client(text))
	}
}

// findDots notes for every row whether the message that it may belong to still
// ends in the log, before anything that only stands after a message.
func (p *rawLog) findDots() {
	p.dots = make([]bool, len(p.rows))
	ahead := false
	for i := len(p.rows) - 1; i >= 0; i-- {
		p.dots[i] = ahead
		switch t := strings.TrimSpace(p.rows[i].text); {
		case t == ".":
			ahead = true
		case t == "QUIT" || strings.HasPrefix(t, "221 ") || strings.HasPrefix(t, "MAIL FROM:<"):
			ahead = false
		}
	}
}

// continues reports a line of a reply that was wrapped in copying.
func (p *rawLog) continues(text string) bool {
	n := len(p.lines)
	return n > 0 && p.lines[n-1].side == who.Server && p.lines[n-1].kind == said && len(p.lines[n-1].text) > 60 &&
		!rawNoise.MatchString(text) && !strings.Contains(text, "Last ") && !isCredential(text)
}

var (
	rawTarget    = compile(`(?:telnet|nc(?:at)?(?: -\w+)*|-connect) ([\w.-]+)[ :](\d+)`)
	sClientError = compile(`^[0-9A-Fa-f]+:error:[0-9A-Fa-f]{8}:`)
	lastReply    = compile(`^(?:SMTP|mailsmtp) Last (?:Response(?: Code)?|Error (?:Code|Location)|Auth Type)`)
)

func rawRemark(text string) []line {
	switch {
	case rawTarget.MatchString(text):
		g := rawTarget.FindStringSubmatch(text)
		return []line{attempt(g[1], hostPort(g[1], g[2]))}
	case text == "RENEGOTIATING":
		return []line{troubled(text)} // s_client took the R of RCPT for a command of its own
	case sClientError.MatchString(text) && causeOf(text) != nil:
		return statement(text)
	case lastReply.MatchString(text), rawNoise.MatchString(text):
		return nil
	}
	return remark(text)
}
