package decode

import (
	"bytes"
	"regexp"
	"strings"

	"smtptap/decode/smtp"
)

// What may be secret in a client's line is told by the state of the dialogue
// and by the form of the line, not by its verb alone: clients misspell AUTH,
// say it too early, or speak another protocol. The argument of a command that
// no RFC defines is kept only when its form proves it harmless.

// credentialVerbs are commands of other protocols, and old or private forms of
// AUTH, that carry credentials. After one of them other lines may as well.
var credentialVerbs = wordSet("user pass apop acct login authenticate authinfo auth xauth x-auth x-exps")

// takesNothing are commands without an argument: what is said after them is as
// little known as after a word that is no command.
var takesNothing = wordSet("DATA QUIT RSET STARTTLS TURN")

// userInfo is user and password before a host, as in a URL.
var userInfo = regexp.MustCompile(`^[^\s@:]+:[^\s@]+@`)

// authWord is a word that begins a login wherever it stands at the start of a
// line or after a control character, whatever is written on to it.
var authWord = regexp.MustCompile(`(?i)(?:^[^a-z0-9]*|[\x00-\x1f])((?:x-?)?auth(?:enticate|info)?|x-exps)`)

// authInside is a login inside a line, where only the name of a mechanism
// tells it from other text.
var authInside = regexp.MustCompile(`(?i)[^a-z0-9](?:(?:x-?)?auth(?:enticate)?|x-exps)[ \t:="']+([a-z0-9_-]+)(?:[ \t:="']|$)`)

var (
	requestLine  = regexp.MustCompile(`^([A-Z]{3,16}) (\S+) ((?:HTTP|RTSP|SIP|ICAP)/[0-9.]+)\s*$`)
	plainTarget  = regexp.MustCompile(`^(?:\*|(?:/[a-z.-]{0,16}){1,6}|[A-Za-z0-9.-]{1,253}:[0-9]{1,5})$`)
	pathArgument = regexp.MustCompile(`(?i)^(?:from|to)\s*:\s*<[^<>\s]*>(?:\s+(?:size=[0-9]+|body=[a-z0-9]+|ret=[a-z]+|smtputf8|notify=[a-z,]+))*\s*$`)
	proxyHeader  = regexp.MustCompile(`^(?:UNKNOWN\b|TCP4 [0-9. ]{10,45}$|TCP6 [0-9a-fA-F:. ]{7,95}$)`)
	attribute    = regexp.MustCompile(`([^\s=]+)=(\S+)`)
	verbForm     = regexp.MustCompile(`^(?:[A-Z][A-Z0-9-]{0,15}|[A-Z]?[a-z-]{1,15})$`)
)

// labels tell what a value is by what stands beside it. One of the signs must be
// there before the form is looked for.
var labels = []struct {
	signs []string
	form  *regexp.Regexp
}{
	{[]string{"pass", "pwd", "secret", "token", "key", "urlauth", "credential", "signature"}, regexp.MustCompile(`(?i)\b(?:[a-z_-]*pass(?:word|wd|phrase)?|pwd|secret|token|[a-z_-]*(?:api|access|auth|private)[_-]?(?:key|token)|urlauth|credentials?|signature)["']?\s*[=:]\s*["']?([^\s&;"'>]+)`)},
	{[]string{"://"}, regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://([^\s/@]+)@`)},
	{[]string{"bearer", "basic"}, regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+([A-Za-z0-9+/._~=-]{6,})`)},
}

// harmlessFields are fields of HTTP and of messages whose values are shown in
// a line that no command is.
var harmlessFields = wordSet(`host: user-agent: accept: accept-encoding: accept-language: accept-charset: connection: content-length:
	content-type: cache-control: pragma: upgrade: via: dnt: expect: te: date: mime-version: content-transfer-encoding: x-mailer:
	from: to: cc: subject: message-id: reply-to: return-path: received:`)

// lineSecrets finds what may be secret in a line of the client outside any
// AUTH exchange.
func (d *Dialogue) lineSecrets(text []byte) []secretSpan {
	if from := loginIn(text); from == len(text) {
		return nil
	} else if from >= 0 {
		return []secretSpan{{from, len(text), &Mask{What: "credentials"}}}
	}
	if i := bytes.IndexByte(text, '\r'); i >= 0 {
		found := d.lineSecrets(text[:i])
		for _, s := range d.lineSecrets(text[i+1:]) {
			found = append(found, secretSpan{s.from + i + 1, s.to + i + 1, s.mask})
		}
		return found
	}
	c := smtp.ReadCommand(text)
	verb, arg := c.Verb, len(text)-len(c.Arg)
	switch {
	case verb == "XCLIENT":
		return xclientSecrets(text)
	case d.http && !isStrictCommand(text):
		return d.httpSecrets(text)
	case takesNothing[verb] && letters(c.Arg) >= shortestKnown:
		return []secretSpan{{arg, len(text), &Mask{What: "text"}}}
	case smtp.Greets(verb) && userInfo.Match(c.Arg):
		return []secretSpan{{arg, arg + bytes.LastIndexByte(c.Arg, '@'), &Mask{What: "credentials"}}}
	case verb != "":
		return spansOf(append(saslRuns(text), labelled(text)...), "credentials")
	}
	return d.unknownSecrets(text)
}

// loginIn is where the response of a login begins, -1 in a line without one.
func loginIn(text []byte) int {
	if !namesLogin(text) {
		return -1
	}
	if m := authWord.FindSubmatchIndex(text); m != nil {
		return afterMechanism(text, m[3])
	}
	for _, m := range authInside.FindAllSubmatchIndex(text, -1) {
		if mechanisms[strings.ToUpper(string(text[m[2]:m[3]]))] {
			return m[3]
		}
	}
	return -1
}

// namesLogin reports that a word for a login stands somewhere in the text: the
// expressions that tell where take too long for all that is no login.
func namesLogin(text []byte) bool {
	var room [fewBytes]byte
	folded := appendLower(room[:0], text)
	return bytes.Contains(folded, []byte("auth")) || bytes.Contains(folded, []byte("exps"))
}

// afterMechanism is where the response of a login begins whose word ends at
// from: after the name of a mechanism, if one follows.
func afterMechanism(text []byte, from int) int {
	skip := func(i int) int {
		for i < len(text) && strings.IndexByte(" \t:=\"'\r", text[i]) >= 0 {
			i++
		}
		return i
	}
	from = skip(from)
	end := from
	for end < len(text) && (isWordByte(text[end]) || text[end] == '-' || text[end] == '_') {
		end++
	}
	if !mechanisms[strings.ToUpper(string(text[from:end]))] {
		return from
	}
	return skip(end)
}

// unknownSecrets finds the argument of a command that no RFC defines, or all
// of a line that has not the form of a command.
func (d *Dialogue) unknownSecrets(text []byte) []secretSpan {
	text = bytes.TrimRight(text, " \t")
	if n := proxyV2(text); n > 0 {
		found := d.lineSecrets(text[n:])
		for i := range found {
			found[i].from, found[i].to = found[i].from+n, found[i].to+n
		}
		return found
	}
	if isRequest(text) {
		m := requestLine.FindSubmatchIndex(text)
		if plainTarget.Match(text[m[4]:m[5]]) {
			return nil
		}
		return []secretSpan{{m[4], m[5], &Mask{What: "text"}}}
	}
	word, rest := smtp.Word(text)
	arg := len(text) - len(rest)
	name := strings.ToLower(string(word))
	tagged, rest := smtp.Word(rest)
	switch {
	case credentialVerbs[name] && arg < len(text):
		return []secretSpan{{arg, len(text), &Mask{What: "credentials"}}}
	case isTag(word) && credentialVerbs[strings.ToLower(string(tagged))]:
		return []secretSpan{{len(text) - len(rest), len(text), &Mask{What: "credentials"}}}
	case harmlessFields[name]:
		return spansOf(append(saslRuns(text), labelled(text)...), "text")
	case letters(text) < shortestKnown:
		return nil
	case !verbForm.Match(word), !bytes.HasPrefix(text, word):
		return []secretSpan{{0, len(text), &Mask{What: "text"}}}
	case arg == len(text), pathArgument.Match(text[arg:]), name == "proxy" && proxyHeader.Match(text[arg:]):
		return nil
	}
	return []secretSpan{{arg, len(text), &Mask{What: "text"}}}
}

// letters is how many letters and digits a text has.
func letters(text []byte) int { return len(only(text, isWordByte).text) }

// httpSecrets finds what may be secret in a line of an HTTP request: what its
// fields hold but for harmless ones, and all of its body.
func (d *Dialogue) httpSecrets(text []byte) []secretSpan {
	if len(text) == 0 {
		return nil
	}
	if !d.httpBody && isRequest(text) {
		return d.unknownSecrets(text)
	}
	name, value, found := bytes.Cut(text, []byte(":"))
	if d.httpBody || !found || len(fieldName(text)) == 0 {
		return []secretSpan{{0, len(text), &Mask{What: "text"}}}
	}
	if harmlessFields[strings.ToLower(string(name))+":"] {
		return spansOf(append(saslRuns(text), labelled(text)...), "text")
	}
	from := len(text) - len(bytes.TrimLeft(value, " \t"))
	if from == len(text) {
		return nil
	}
	return []secretSpan{{from, len(text), &Mask{What: "text"}}}
}

// readHTTP follows an HTTP request: fields follow its first line, and the body
// an empty line.
func (d *Dialogue) readHTTP(text []byte) {
	switch {
	case isRequest(text):
		d.http = true
	case d.http && len(text) == 0:
		d.httpBody = true
	}
}

// isRequest recognises the first line of a request of HTTP or its kin.
func isRequest(text []byte) bool {
	const version = 8
	return bytes.IndexByte(text[max(0, len(text)-version):], '/') >= 0 && requestLine.Match(text)
}

// isStrictCommand recognises a command of SMTP by all of its line, where other
// text, or a credential, might stand as well.
func isStrictCommand(text []byte) bool {
	c := smtp.ReadCommand(text)
	switch c.Verb {
	case "MAIL", "RCPT":
		return c.Plain() && len(saslRuns(text)) == 0 && len(labelled(text)) == 0
	case "AUTH":
		mech, _, _ := splitAuth(text)
		return mech != ""
	}
	return c.Plain()
}

// isVerbFirst reports a line that begins with the verb of a command.
func isVerbFirst(text []byte) bool { return smtp.ReadCommand(text).Verb != "" }

// isBareCommand recognises a command that is nothing but its verb.
func isBareCommand(text []byte) bool {
	c := smtp.ReadCommand(text)
	return c.Verb != "" && len(c.Arg) == 0
}

// isTag recognises what IMAP puts before a command (RFC 9051 section 2.2.1).
func isTag(word []byte) bool {
	return len(word) <= 8 && bytes.IndexFunc(word, func(r rune) bool { return r >= 0x80 || !isWordByte(byte(r)) && r != '.' && r != '*' }) < 0
}

// proxyV2 is how long the binary header of the PROXY protocol, version 2, is
// without its extensions, 0 for none (section 2.2 of its specification; its
// signature ends in a line that reads as QUIT).
func proxyV2(text []byte) int {
	const fixed = 4
	if len(text) < fixed || text[0] != 0x20 && text[0] != 0x21 || text[1]&0x0f > 2 || text[1]>>4 > 3 {
		return 0
	}
	n := int(text[2])<<8 | int(text[3])
	addresses := [...]int{0, 12, 36, 216}[text[1]>>4]
	if n < addresses || n > len(text)-fixed {
		return 0
	}
	return fixed + addresses
}

// saslRuns finds base64 of messages of SASL, and such messages themselves.
func saslRuns(text []byte) []part {
	const shortest = 8
	var found []part
	eachBase64(text, func(start, end, padded int) {
		if end-start >= shortest && isSASL(unbase64(text[start:end])) {
			found = append(found, part{start, padded})
		}
	})
	for _, sign := range []string{"NTLMSSP\x00", "auth=Bearer "} {
		if i := bytes.Index(text, []byte(sign)); i >= 0 {
			found = append(found, part{i, len(text)})
		}
	}
	return found
}

// labelled finds values that a name beside them calls a secret, and what
// stands before the @ of a URL.
func labelled(text []byte) []part {
	var found []part
	var room [fewBytes]byte
	folded := appendLower(room[:0], text)
	for _, l := range labels {
		for _, sign := range l.signs {
			if !bytes.Contains(folded, []byte(sign)) {
				continue
			}
			for _, m := range l.form.FindAllSubmatchIndex(text, -1) {
				found = append(found, part{m[2], m[3]})
			}
			break
		}
	}
	return found
}

// fewBytes is room for the common line.
const fewBytes = 128

// spansOf makes secrets of parts.
func spansOf(parts []part, what string) []secretSpan {
	var spans []secretSpan
	for _, p := range parts {
		spans = addSpan(spans, secretSpan{p.from, p.to, &Mask{What: what}})
	}
	return inOrder(spans)
}

// harmlessAttributes are those of XCLIENT that hold no secret (Postfix
// XCLIENT_README). LOGIN names an account that the server is to believe in
// without a password.
var harmlessAttributes = wordSet("name addr port proto helo destaddr destport")

// xclientSecrets finds the values of all other attributes.
func xclientSecrets(text []byte) []secretSpan {
	var found []secretSpan
	for _, m := range attribute.FindAllSubmatchIndex(text, -1) {
		name, value := strings.ToLower(string(text[m[2]:m[3]])), string(text[m[4]:m[5]])
		if harmlessAttributes[name] || strings.EqualFold(value, "[UNAVAILABLE]") {
			continue
		}
		what := "credentials"
		if name == "login" {
			what = "login"
		}
		found = append(found, secretSpan{m[4], m[5], &Mask{What: what}})
	}
	return found
}

// looksLikeCredential recognises a line of nothing but base64, which no
// command is.
func looksLikeCredential(text []byte) bool {
	text = bytes.TrimSpace(text)
	if len(text) < 8 || len(text)%4 != 0 || len(text) <= 16 && verbForm.Match(text) && bytes.Equal(text, bytes.ToUpper(text)) {
		return false
	}
	_, ok := decodeBase64(text)
	return ok && !bytes.ContainsAny(text, "\r\n")
}
