package findings

import (
	"io"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/message"
)

// messageRules are the lint of messages: what is wrong with them on the wire,
// whether the server minded or not.
var messageRules = []rule{
	{id: "BARE-LF-SENT", severity: Warning, test: noted("bare-lf"),
		text:    "lines end in LF without CR",
		cause:   "SMTP lines end in CRLF. Some servers refuse others, some take them for smuggling.",
		fix:     Fix{General: "Convert line ends to CRLF before sending", PHPMailer: "update PHPMailer", Smtplib: "policy=email.policy.SMTP"},
		sources: []string{"RFC 5321 section 2.3.8"}},
	{id: "BARE-CR-SENT", severity: Warning, test: noted("bare-cr"),
		text:    "a CR stands without LF",
		cause:   "Line ends were converted twice, or a CR stands inside a line. Some servers take it for a line end.",
		fix:     Fix{General: "Convert line ends once, to CRLF"},
		sources: []string{"RFC 5321 section 2.3.8"}},
	{id: "LINE-TOO-LONG-SENT", severity: Warning, test: noted("text-line-too-long"),
		text:    "a line of the message is longer than 998 octets",
		cause:   "Servers may refuse it, or cut it in two.",
		fix:     Fix{General: "Send the body as quoted-printable or base64", PHPMailer: "$mail->Encoding = PHPMailer::ENCODING_QUOTED_PRINTABLE;"},
		sources: []string{"RFC 5321 section 4.5.3.1.6"}},
	{id: "DOT-STUFFING-MISSING", severity: Warning, test: notStuffed,
		text:    "a line begins with a dot that was not doubled; the receiver loses it",
		cause:   "Within DATA a line that begins with a dot gets another one in front. A line with a single dot would even end the message.",
		fix:     Fix{General: "Let the library send the message, or double dots at line starts"},
		sources: []string{"RFC 5321 section 4.5.2"}},
	{id: "DOT-STUFFING-DOUBLE", severity: Advice,
		any:     []when{{client: `^\s*\.\.\.[^.]`}},
		text:    "dots at line starts were doubled twice",
		cause:   "The program doubled them and the library did again.",
		fix:     Fix{General: "Leave the doubling to the library"},
		sources: []string{"RFC 5321 section 4.5.2"}},
	{id: "EIGHTBIT-IN-HEADERS", severity: Warning, test: eightBitHeaders,
		any:     []when{{to: ".", code: "5..", text: `non-?ascii|8-?bit.{0,20}header|header.{0,30}(8-?bit|non-?ascii)`}},
		text:    "header fields hold characters beyond ASCII that are not encoded",
		cause:   "Without SMTPUTF8 header text must be ASCII, with encoded-words for the rest. Receivers guess the charset, or refuse.",
		fix:     Fix{General: "Encode header text (RFC 2047)", PHPMailer: "$mail->CharSet = PHPMailer::CHARSET_UTF8; $mail->Subject = '…';", Smtplib: "use email.message.EmailMessage", Other: "PHP mail(): mb_encode_mimeheader($subject, 'UTF-8')"},
		sources: []string{"RFC 5322 section 2.2", "RFC 2047", "RFC 6532"}},
	{id: "EIGHTBIT-BODY-NO-8BITMIME", severity: Warning, test: eightBitBody,
		text:    "the body holds 8-bit text, but the server did not offer 8BITMIME",
		cause:   "Such a server may strip the eighth bit or refuse the message.",
		fix:     Fix{General: "Encode the body as quoted-printable or base64", PHPMailer: "$mail->Encoding = PHPMailer::ENCODING_BASE64;"},
		sources: []string{"RFC 6152"}},
	{id: "ENCWORD-TOO-LONG", severity: Advice, test: wordProblem(message.WordTooLong),
		text:    "an encoded-word is longer than 75 characters",
		cause:   "Long text must be cut into several encoded-words, each on a line of at most 76.",
		fix:     Fix{General: "Let the library encode the subject", PHPMailer: "put plain UTF-8 into $mail->Subject, nothing encoded"},
		sources: []string{"RFC 2047 section 2"}},
	{id: "ENCWORD-SPLIT-CHAR", severity: Warning, test: wordProblem(message.WordSplit),
		text:    "a character is split over two encoded-words; some readers show garbage",
		cause:   "Each encoded-word must hold whole characters. PHP without mbstring cuts anywhere.",
		fix:     Fix{General: "Cut between characters", PHPMailer: "install the mbstring extension"},
		sources: []string{"RFC 2047 section 5", "PHPMailer#3206"}},
	{id: "ENCWORD-BAD-SYNTAX", severity: Warning, test: wordProblem(message.WordMalformed),
		text:    "an encoded-word is malformed; it will be shown as it is",
		cause:   "Spaces inside, a missing part, or a wrong encoding letter.",
		fix:     Fix{General: "Let the library encode the field"},
		sources: []string{"RFC 2047 section 2"}},
	{id: "ENCWORD-DOUBLE", severity: Warning, test: doubleEncoded,
		text:    "header text was encoded twice",
		cause:   "The program encoded the subject and the library did again.",
		fix:     Fix{General: "Hand the library plain text", PHPMailer: "$mail->Subject = $plain; // without mb_encode_mimeheader"},
		sources: []string{"RFC 2047"}},
	{id: "ENCWORD-NOT-ENCODED-CHARSET", severity: Warning, test: wrongCharset,
		text:    "the declared charset does not fit the bytes",
		cause:   "UTF-8 text goes out as iso-8859-1 or another charset, so receivers show garbage.",
		fix:     Fix{General: "Declare the charset that the text really has", PHPMailer: "$mail->CharSet = PHPMailer::CHARSET_UTF8;"},
		sources: []string{"RFC 2047 section 2", "RFC 2046 section 4.1.2"}},
	{id: "HEADER-FOLD-LOST", severity: Advice, test: foldLost,
		text:    "the line end between two encoded-words was lost",
		cause:   "Something removed line breaks from the header; the line may become too long.",
		fix:     Fix{General: "Leave folded header lines as they are"},
		sources: []string{"RFC 5322 section 2.2.3", "PHPMailer#147"}},
	{id: "DUPLICATE-HEADER-SENT", severity: Warning, test: duplicateFields,
		text:    "a header field that may occur once occurs twice",
		cause:   "A custom header repeats one that the library writes itself. Gmail and others refuse that.",
		fix:     Fix{General: "Set the field through the library's own property only", PHPMailer: "not addCustomHeader('Subject', …)"},
		sources: []string{"RFC 5322 section 3.6"}},
	{id: "MISSING-DATE", severity: Advice, test: lacksField("Date"),
		text:    "the message has no Date",
		cause:   "Date is required; spam filters count its absence.",
		fix:     Fix{General: "Write a Date", Smtplib: "msg['Date'] = email.utils.formatdate(localtime=True)"},
		sources: []string{"RFC 5322 section 3.6.1"}},
	{id: "BAD-DATE", severity: Advice, test: badDate,
		text:    "the Date can't be read, or lies far from now",
		cause:   "Month names of another language, no time zone, or a wrong clock.",
		fix:     Fix{General: "Use the form \"Fri, 16 Jun 2017 14:29:13 +0000\"", PHPMailer: "leave $mail->MessageDate empty"},
		sources: []string{"RFC 5322 section 3.3"}},
	{id: "MISSING-MESSAGE-ID-SENT", severity: Advice, test: lacksField("Message-ID"),
		text:    "the message has no Message-ID",
		cause:   "Some receivers refuse such mail, spam filters count it.",
		fix:     Fix{General: "Write a Message-ID", Smtplib: "msg['Message-ID'] = email.utils.make_msgid()"},
		sources: []string{"RFC 5322 section 3.6.4"}},
	{id: "MISSING-FROM-SENT", severity: Warning, test: lacksField("From"),
		text:    "the message has no From",
		cause:   "From is required.",
		fix:     Fix{General: "Set From", PHPMailer: "$mail->setFrom('user@example.com');"},
		sources: []string{"RFC 5322 section 3.6.2"}},
	{id: "HEADER-TO-MISSING", severity: Advice, test: noRecipientField,
		text:    "the message has neither To nor Cc",
		cause:   "It is allowed, but spam filters count it.",
		fix:     Fix{General: "Write To, at least \"undisclosed-recipients:;\""},
		sources: []string{"RFC 5322 section 3.6.3"}},
	{id: "NO-HEADER-BODY-SEPARATOR", severity: Warning, test: noSeparator,
		text:    "the header ends in a line that is no header field, without an empty line",
		cause:   "Text stands where a header field belongs, or the empty line was lost.",
		fix:     Fix{General: "Put an empty line between header and body"},
		sources: []string{"RFC 5322 section 2.1"}},
	{id: "MIME-BROKEN-SENT", severity: Warning, test: brokenMIME,
		text:    "the MIME structure of the message is broken",
		cause:   "A boundary is missing, never closed, or not found in the body.",
		fix:     Fix{General: "Let the library build multipart messages"},
		sources: []string{"RFC 2046 section 5.1.1"}},
	{id: "SIZE-EXCEEDED-SENT", severity: Warning, test: overSize,
		text:    "the message is larger than the SIZE that the server announced",
		cause:   "The client did not look at the limit in the EHLO reply.",
		fix:     Fix{General: "Check the size before sending; attachments grow by a third in base64"},
		sources: []string{"RFC 1870 section 4"}},
	{id: "DATA-AS-COMMANDS", severity: Failure, test: dataAsCommands, noise: true,
		text:    "parts of a message arrive where commands belong",
		cause:   "DATA was refused or the message ended early, and the client sent the message all the same.",
		fix:     Fix{General: "Look at the reply to DATA; wait for 354 before sending the message"},
		sources: []string{"RFC 5321 section 4.1.1.4"}},
	{id: "FINAL-DOT-MISSING", severity: Failure, test: noFinalDot,
		text:    "the message was never ended: the line with the single dot is missing",
		cause:   "The client stopped in the middle, or ended the last line without CRLF before the dot.",
		fix:     Fix{General: "End the message with CRLF . CRLF"},
		sources: []string{"RFC 5321 section 4.1.1.4"}},
}

// notStuffed finds dots that were not doubled; a later command that is part of
// the message tells the same of a line with nothing but a dot.
func notStuffed(v *view) []int { return noted("dot-unstuffed")(v) }

func eightBitHeaders(v *view) []int {
	if v.usesSMTPUTF8() {
		return nil
	}
	var at []int
	for i, e := range v.t.Entries {
		if e.Event != nil && e.Event.Header != nil && hasNote(e.Event, "eight-bit") {
			at = append(at, i)
		}
	}
	return firstFew(at)
}

func (v *view) usesSMTPUTF8() bool {
	for _, i := range v.mails {
		for _, p := range v.event0(i).Command.Params {
			if p.Key == "SMTPUTF8" {
				return true
			}
		}
	}
	return false
}

func eightBitBody(v *view) []int {
	if _, offered := v.offered["8BITMIME"]; offered || v.ehlo < 0 {
		return nil
	}
	for i, e := range v.t.Entries {
		if e.Event != nil && e.Event.Body != nil && e.Event.Body.EightBit {
			return []int{i}
		}
	}
	return nil
}

// eachField calls f with every header field of every message.
func (v *view) eachField(f func(h *decode.Header) bool) []int {
	var at []int
	for i, e := range v.t.Entries {
		if e.Event != nil && e.Event.Header != nil && f(e.Event.Header) {
			at = append(at, i)
		}
	}
	return firstFew(at)
}

func wordProblem(id string) func(*view) []int {
	return func(v *view) []int {
		return v.eachField(func(h *decode.Header) bool {
			if !strings.Contains(h.Value, "=?") {
				return false
			}
			for _, p := range message.ReadText(h.Value).Problems {
				if p.ID == id {
					return true
				}
			}
			return false
		})
	}
}

func doubleEncoded(v *view) []int {
	return v.eachField(func(h *decode.Header) bool {
		if !strings.Contains(h.Value, "=?") {
			return false
		}
		once := message.Words(h.Value)
		return once != h.Value && strings.Contains(once, "=?") && message.Words(once) != once
	})
}

// wrongCharset finds text that, read as declared, shows the marks of UTF-8 read
// as a single-byte charset, or 8-bit text declared as US-ASCII.
func wrongCharset(v *view) []int {
	return v.eachField(func(h *decode.Header) bool {
		lower := strings.ToLower(h.Value)
		single := strings.Contains(lower, "=?iso-8859-1?") || strings.Contains(lower, "=?windows-1252?") || strings.Contains(lower, "=?us-ascii?")
		if !single {
			return false
		}
		text := message.Words(h.Value)
		bytes := make([]byte, 0, len(text))
		for _, r := range text {
			if r > 255 {
				return false
			}
			bytes = append(bytes, byte(r))
		}
		return !isASCII(text) && utf8.Valid(bytes)
	})
}

func foldLost(v *view) []int {
	return v.eachField(func(h *decode.Header) bool {
		return strings.Contains(h.Value, "?=  =?") && len(h.Value) > 76
	})
}

// once are the fields that may occur once (RFC 5322 section 3.6, RFC 2045).
var once = map[string]bool{"from": true, "to": true, "cc": true, "subject": true, "date": true, "message-id": true,
	"reply-to": true, "sender": true, "mime-version": true, "content-type": true, "content-transfer-encoding": true}

func duplicateFields(v *view) []int {
	for _, m := range v.messages {
		seen := map[string]int{}
		for _, p := range m.Parts {
			h := v.event0(p).Header
			if h == nil {
				continue
			}
			name := strings.ToLower(h.Name)
			if first, again := seen[name]; again && once[name] {
				return []int{first, p}
			}
			seen[name] = p
		}
	}
	return nil
}

// wholeHeader reports a message whose header the transcript shows in full.
func (v *view) wholeHeader(m *decode.Message) bool {
	return len(m.Parts) > 1 && v.event0(m.Parts[0]).Header != nil && !v.t.Lack(decode.LackBody) && !v.t.Lack(decode.LackBrackets) && !v.t.Lack(decode.LackEnd) && m.Complete
}

func (v *view) field(m *decode.Message, name string) *decode.Header {
	for _, p := range m.Parts {
		if h := v.event0(p).Header; h != nil && strings.EqualFold(h.Name, name) {
			return h
		}
	}
	return nil
}

func lacksField(name string) func(*view) []int {
	return func(v *view) []int {
		for i := range v.messages {
			m := &v.messages[i]
			if v.wholeHeader(m) && v.field(m, name) == nil {
				return []int{m.Parts[0]}
			}
		}
		return nil
	}
}

func noRecipientField(v *view) []int {
	for i := range v.messages {
		m := &v.messages[i]
		if v.wholeHeader(m) && v.field(m, "To") == nil && v.field(m, "Cc") == nil {
			return []int{m.Parts[0]}
		}
	}
	return nil
}

func badDate(v *view) []int {
	return v.eachField(func(h *decode.Header) bool {
		if !strings.EqualFold(h.Name, "Date") {
			return false
		}
		at, err := mail.ParseDate(strings.TrimSpace(h.Value))
		if err != nil {
			return true
		}
		if v.t.Source == decode.SourceLog {
			return false
		}
		const far = 48 * time.Hour
		return at.Sub(v.t.Started).Abs() > far
	})
}

func noSeparator(v *view) []int {
	if v.t.Lack(decode.LackBody) || v.t.Lack(decode.LackBytes) {
		return nil
	}
	for _, m := range v.messages {
		for n, p := range m.Parts {
			ev := v.event0(p)
			if ev.Body == nil || n == 0 || ev.Body.Chunk || v.t.Bytes == nil {
				continue
			}
			head := make([]byte, 2)
			got, _ := io.ReadFull(v.t.Reader(false, decode.Client, ev.Span), head)
			if got > 0 && head[0] != '\r' && head[0] != '\n' {
				return []int{p}
			}
			break
		}
	}
	return nil
}

// lintedBytes bounds the message bytes that are read for linting its structure.
const lintedBytes = 4 << 20

func brokenMIME(v *view) []int {
	if v.t.Bytes == nil || v.t.Lack(decode.LackBody) || v.t.Lack(decode.LackBytes) {
		return nil
	}
	for i := range v.messages {
		m := &v.messages[i]
		if !m.Complete || m.Size() > lintedBytes || v.field(m, "Content-Type") == nil {
			continue
		}
		tree, err := message.Scan(v.t.Open(m), message.Limits{})
		if err != nil {
			continue
		}
		for _, p := range tree.Parts {
			for _, problem := range p.Problems {
				switch problem.ID {
				case message.BoundaryMissing, message.BoundaryNotFound, message.BoundaryNotClosed, message.BoundaryTooLong, message.EncodingNotAllowed:
					return []int{m.Parts[len(m.Parts)-1]}
				}
			}
		}
	}
	return nil
}

func overSize(v *view) []int {
	var limit int64
	for _, c := range v.offered["SIZE"] {
		if c < '0' || c > '9' {
			break
		}
		limit = limit*10 + int64(c-'0')
		if limit > 1<<50 {
			return nil
		}
	}
	for _, m := range v.messages {
		if limit > 0 && m.Size() > limit {
			return []int{v.ehlo, m.Parts[0]}
		}
	}
	return nil
}

func dataAsCommands(v *view) []int {
	if at := noted("data-after-refusal")(v); at != nil {
		return at
	}
	var at []int
	for _, i := range v.commands {
		c := v.event0(i).Command
		if c == nil || c.Known {
			continue
		}
		line := c.Verb + " " + c.Arg
		looksLikeField := strings.Contains(c.Arg, ": ") && c.Verb == "" || strings.HasPrefix(line, "--")
		if a := v.answerTo(i); looksLikeField && a != nil && a.reply.Code >= 500 {
			at = append(at, i)
		}
	}
	if len(at) > 1 {
		return firstFew(at)
	}
	return nil
}

func noFinalDot(v *view) []int {
	if v.t.Source == decode.SourceLog || !v.t.Ended {
		return nil
	}
	for _, m := range v.messages {
		if !m.Complete && m.Stuffed && len(m.Parts) > 0 {
			return []int{m.Parts[len(m.Parts)-1]}
		}
	}
	return nil
}
