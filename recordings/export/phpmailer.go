package export

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// PHPMailer writes the log that PHPMailer 6 prints of the session at
// SMTPDebug = 2 with Debugoutput = 'echo' and exceptions on: what its SMTP
// class says of every line, and what its PHPMailer class makes of failures.
// Clients other than PHPMailer are written as if they were it.
//
// Bytes that a terminal would act on are made visible; PHPMailer prints them
// as they are.
func PHPMailer(w io.Writer, t *decode.Transcript) error {
	out := bufio.NewWriter(w)
	p := &phpmailer{w: out, t: t}
	for i := range t.Entries {
		if err := p.entry(i); err != nil {
			return err
		}
	}
	return out.Flush()
}

// phpmailer follows a session as PHPMailer does.
type phpmailer struct {
	w     *bufio.Writer
	t     *decode.Transcript
	at    time.Duration // of the entry at hand
	step  string        // PHPMailer's name for what it sent last
	from  string        // of MAIL
	rcpt  string        // of the last RCPT
	bad   []string      // refused recipients, with the server's words
	fault string        // told again when the connection is over
}

func (p *phpmailer) entry(i int) error {
	entry := p.t.Entries[i]
	e := entry.Event
	p.at = entry.At
	if e == nil || entry.Leg == who.ServerLeg || entry.To == who.Smtptap && e.Side == who.Server {
		return nil
	}
	switch e.Kind {
	case decode.KindGreeting:
		p.print("SERVER -> CLIENT: " + wire(e))
	case decode.KindReply:
		p.reply(e)
	case decode.KindCommand:
		p.command(e)
	case decode.KindAuth:
		p.auth(e)
	case decode.KindHeader, decode.KindBody:
		return p.data(e)
	case decode.KindEndOfData:
		p.step = "DATA END"
		p.print("CLIENT -> SERVER: .")
	}
	return nil
}

// command prints a command and remembers PHPMailer's name for it.
func (p *phpmailer) command(e *decode.Event) {
	c := e.Command
	p.step = c.Verb
	switch c.Verb {
	case "MAIL":
		p.step, p.from = "MAIL FROM", c.Path
	case "RCPT":
		p.step, p.rcpt = "RCPT TO", c.Path
	case "AUTH":
		if e.Auth != nil && e.Auth.Mechanism == "CRAM-MD5" {
			p.step = "AUTH CRAM-MD5"
		}
	case "QUIT":
		p.failedAuth()
	}
	p.print("CLIENT -> SERVER: " + wire(e))
}

// auth prints a line of an AUTH exchange. PHPMailer hides all of them.
func (p *phpmailer) auth(e *decode.Event) {
	switch {
	case e.Auth.Step == decode.StepPassword:
		p.step = "Password"
	case e.Auth.Mechanism == "PLAIN":
		p.step = "User & Password"
	default:
		p.step = "Username"
	}
	p.print("CLIENT -> SERVER: [credentials hidden]")
}

// expected are the codes that PHPMailer takes for success (SMTP.php).
var expected = map[string][]int{
	"EHLO": {250}, "HELO": {250}, "STARTTLS": {220}, "AUTH": {334}, "AUTH CRAM-MD5": {334},
	"Username": {334}, "Password": {235}, "User & Password": {235},
	"MAIL FROM": {250}, "RCPT TO": {250, 251}, "DATA": {354}, "DATA END": {250},
	"RSET": {250}, "QUIT": {221}, "NOOP": {250}, "XCLIENT": {250},
}

// reply prints a reply, and the error that PHPMailer makes of one that it did
// not expect.
func (p *phpmailer) reply(e *decode.Event) {
	p.print("SERVER -> CLIENT: " + wire(e))
	if e.Reply.To < 0 {
		return
	}
	if p.accepts(e.Reply) {
		p.over()
		return
	}
	p.print("SMTP ERROR: " + p.step + " command failed: " + wire(e))
	detail := detailOf(e)
	switch p.step {
	case "Username", "Password", "User & Password", "AUTH", "AUTH CRAM-MD5":
		p.fault = "SMTP Error: Could not authenticate."
	case "MAIL FROM":
		p.print(p.senderFailed(e.Reply, detail))
	case "RCPT TO":
		p.bad = append(p.bad, p.rcpt+": "+detail)
	case "DATA", "DATA END":
		p.print("SMTP Error: data not accepted.")
	case "QUIT":
		p.over()
	}
}

func (p *phpmailer) accepts(r *decode.Reply) bool {
	for _, code := range expected[p.step] {
		if r.Code == code {
			return true
		}
	}
	last := p.step == "Username" || p.step == "AUTH"
	return last && r.Code == 235
}

// failedAuth prints the error of a failed AUTH, which comes before the QUIT.
func (p *phpmailer) failedAuth() {
	if p.fault != "" {
		p.print(p.fault)
	}
}

// over prints what PHPMailer says once the connection is closed or reset.
func (p *phpmailer) over() {
	if p.step != "QUIT" && p.step != "RSET" {
		return
	}
	if p.fault != "" {
		p.print(p.fault)
		p.fault = ""
	}
	if len(p.bad) > 0 {
		p.print("SMTP Error: The following recipients failed: " + strings.Join(p.bad, ""))
		p.bad = nil
	}
}

// senderFailed is PHPMailer's message for a refused MAIL: its own sentence,
// then the parts of the error twice, in two layouts.
func (p *phpmailer) senderFailed(r *decode.Reply, detail string) string {
	code := ""
	if r.Code != 0 {
		code = fmt.Sprint(r.Code)
	}
	enhanced := shortEnhanced(r.Enhanced)
	s := "The following From address failed: " + p.from + " : MAIL FROM command failed," + detail + "," + code + "," + enhanced
	s += "SMTP server error: MAIL FROM command failed"
	for _, part := range []struct{ label, value string }{{" Detail: ", detail}, {" SMTP code: ", code}, {" Additional SMTP info: ", enhanced}} {
		if part.value != "" {
			s += part.label + part.value
		}
	}
	return s
}

// shortEnhanced is the enhanced code if PHPMailer recognises it: it knows one
// digit, one digit, and one or two.
func shortEnhanced(code string) string {
	if shortCode.MatchString(code) {
		return code
	}
	return ""
}

var (
	shortCode = regexp.MustCompile(`^\d\.\d\.\d{1,2}$`)
	replyHead = regexp.MustCompile(`^\d{3}[ -](?:(\d\.\d\.\d{1,2}) )?`)
)

// detailOf is a reply's text with the code cut off every line.
func detailOf(e *decode.Event) string {
	text := string(e.Raw)
	head := replyHead.FindStringSubmatch(text)
	if head == nil {
		return text[min(4, len(text)):]
	}
	pattern := text[:3] + "[ -]"
	if head[1] != "" {
		pattern += regexp.QuoteMeta(head[1]) + " "
	}
	return regexp.MustCompile("(?m)"+pattern).ReplaceAllString(text, "")
}

// data prints a part of the message, a line of the wire at a time.
func (p *phpmailer) data(e *decode.Event) error {
	lines := bufio.NewReader(p.t.Reader(who.ClientLeg, e.Side, e.Span))
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			p.print("CLIENT -> SERVER: " + line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// phpTrimmed is what PHP's trim removes.
const phpTrimmed = " \t\n\r\x00\x0b"

// print writes one entry of the log: the time, a tab, the text with the lines
// after its first indented.
func (p *phpmailer) print(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	text = strings.Trim(text, phpTrimmed)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		cells := strings.Split(l, "\t")
		for j, c := range cells {
			cells[j] = visible.Text(c)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	text = strings.Trim(strings.Join(lines, "\n                   \t                  "), phpTrimmed)
	fmt.Fprintf(p.w, "%s\t%s\n", p.t.Started.Add(p.at).UTC().Format("2006-01-02 15:04:05"), text)
}

// wire is an event as it passed.
func wire(e *decode.Event) string { return string(e.Raw) }
