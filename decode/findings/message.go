package findings

import (
	"net/mail"
	"slices"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/message"
)

// messageRules are the lint of messages: header fields, encoded-words and MIME.
var messageRules = []rule{
	{
		id: "DUPLICATE-HEADERS", severity: Failure, title: "a header field occurs twice",
		when:    []when{{text: `duplicate headers?|multiple '?"?(from|to|subject|date|message-id|cc|reply-to)|(more than one|two) (from|subject|date|to|message-id)|rfcmessagenoncompliant`, loose: true}},
		lint:    lint{find: duplicateFields, severity: Warning, text: "the field {field} occurs twice; Gmail and others refuse that"},
		text:    "the server refuses header fields that occur twice: {reply}",
		cause:   "A custom header repeats what the library writes itself, two layers build the message, or fields are left over from the message before.",
		fix:     Fix{General: "Keep one of each, set through the library's own properties", PHPMailer: "$mail->Subject = '…'; // not addCustomHeader('Subject', …); in loops $mail->clearCustomHeaders();", Nodemailer: "use subject, replyTo and the like, not headers", Smtplib: "del msg['Subject'] before it is set again"},
		sources: []string{"RFC 5322 section 3.6", "support.google.com/mail/?p=RfcMessageNonCompliant"},
	},
	{
		id: "MISSING-MESSAGE-ID", severity: Failure, title: "no proper Message-ID",
		when:    []when{{text: `(missing|no|valid|invalid|without).{0,30}message-?id`}},
		lint:    lint{find: badMessageID, severity: Advice, text: "the message has no Message-ID of the form <left@right>"},
		text:    "the server refuses mail without a proper Message-ID: {reply}",
		cause:   "The header was made by hand, or the host name that should stand in it is empty.",
		fix:     Fix{General: "Write a Message-ID of the form <unique@your-domain>", PHPMailer: "leave $mail->MessageID empty; PHPMailer makes one of $mail->Hostname", Smtplib: "msg['Message-ID'] = email.utils.make_msgid(domain='example.com')"},
		sources: []string{"RFC 5322 section 3.6.4"},
	},
	{
		id: "FROM-HEADER-MISSING", severity: Failure, title: "no usable From field",
		when:    []when{{text: `(missing|no|invalid|valid|without|having no|empty).{0,60}\bfrom\b:?"?.{0,10}(header|field|address)|"?from:?"? (header|field)?.{0,30}(missing|invalid|required|not)|from: header`, also: notLoginText}},
		lint:    lint{find: badFrom, severity: Warning, text: "the message has no From with an address"},
		text:    "the server refuses mail without a usable From field: {reply}",
		cause:   "The message was sent without header fields, or its From holds no address with a domain.",
		fix:     Fix{General: "Set From to a full address", PHPMailer: "$mail->setFrom('user@example.com', 'Name'); // the default root@localhost is none", Smtplib: "msg['From'] = 'user@example.com'"},
		sources: []string{"RFC 5322 section 3.6.2"},
	},
	{
		id: "EIGHTBIT-IN-HEADERS", severity: Failure, title: "raw 8-bit text in header fields",
		when:    []when{{text: `non[- ]?ascii header|8[- ]?bit.{0,30}header|header.{0,40}(8[- ]?bit|non[- ]?ascii)|improper use of 8-bit|headers? .{0,20}illegal characters`}, {to: ". DATA", enhanced: "5.6.7"}},
		lint:    lint{find: eightBitFields, severity: Warning, text: "header fields hold characters beyond ASCII that are not encoded"},
		text:    "the server refuses header fields with characters beyond ASCII: {reply}",
		cause:   "Header text is ASCII with encoded-words for the rest, unless MAIL says SMTPUTF8. Receivers guess the charset, or refuse.",
		fix:     Fix{General: "Let the library encode header text", PHPMailer: "$mail->CharSet = PHPMailer::CHARSET_UTF8; $mail->Subject = '中文'; // plain text", Smtplib: "use email.message.EmailMessage", Other: "mb_encode_mimeheader($subject, 'UTF-8')"},
		sources: []string{"RFC 5322 section 2.2", "RFC 2047", "RFC 6532"},
	},
	{
		id: "HEADER-SYNTAX-REJECTED", severity: Failure, title: "a header field is refused",
		when:    []when{{text: `header syntax|unqualified address|header error|headers? .{0,30}not (rfc )?compliant|(malformed|invalid|bad|failed to parse|unparseable|broken) (message )?header|syntax error in .{0,30}header|not rfc.{0,3}(5322|2822|822)|rfc.{0,3}(5322|2822) compliant|invalid message format|message (format|parse) error`}, {to: ".", enhanced: "5.6.0 5.6.1"}},
		text:    "the server refuses the message's header: {reply}",
		cause:   "A field is not of the form that it has to have: a comma in a name without quotes, a bracket that is missing, an address without a domain.",
		fix:     Fix{General: "Look at what smtptap noticed about the header; set names and addresses apart and let the library write the fields", PHPMailer: "$mail->addAddress($address, $name);", Nodemailer: "to: { name, address }", Smtplib: "email.headerregistry.Address"},
		sources: []string{"RFC 5322 section 3.6", "Exim: verify = header_syntax"},
	},
	{
		id: "NO-HEADER-BODY-SEPARATOR", severity: Warning, title: "no empty line behind the header",
		find:    noSeparator,
		text:    "the header ends in a line that is no header field, without an empty line",
		cause:   "The lines were joined with wrong line ends, or text stands before the first field.",
		fix:     Fix{General: "Put one empty line between header and body", Smtplib: "use email.message.EmailMessage"},
		sources: []string{"RFC 5322 section 2.1"},
	},
	{
		id: "MIME-BROKEN", severity: Failure, title: "the MIME structure is broken",
		when:    []when{{to: ". DATA", text: `\bmime\b|boundary|too many mime parts`}},
		lint:    lint{find: brokenMIME, severity: Warning, text: "the MIME structure is broken: {problem}"},
		text:    "the server refuses the message's MIME structure: {reply}",
		cause:   "A boundary is missing or never closed, or a part is encoded in a way that it must not be. Messages made by hand have that.",
		fix:     Fix{General: "Let the library build messages with parts", PHPMailer: "addAttachment(), isHTML(true), $mail->AltBody", Smtplib: "EmailMessage.add_attachment()"},
		sources: []string{"RFC 2046 section 5.1", "RFC 2045 section 6"},
	},
	{
		id: "HEADER-INJECTION", severity: Failure, title: "a line break inside a value",
		find:    injected,
		when:    []when{{said: `contained line breaks|header injection|newlines? (are )?not allowed|unexpected line break`}},
		text:    "a value with a line break makes header fields or commands of its own[: {says}]",
		cause:   "Text of a form was put into a header or address unchecked. That is how forms are made to send spam.",
		fix:     Fix{General: "Refuse CR and LF in names, subjects and addresses", PHPMailer: "update: 5.2.14 and later refuse them in commands"},
		sources: []string{"RFC 5322 section 2.2", "CVE-2015-8476"},
	},
	{
		id: "EIGHTBIT-BODY-NO-8BITMIME", severity: Warning, title: "an 8-bit body without 8BITMIME",
		find:    eightBitBody,
		text:    "the body holds 8-bit text, and the server did not offer 8BITMIME",
		cause:   "Such a server may strip the eighth bit, or refuse.",
		fix:     Fix{General: "Send the body as quoted-printable or base64", PHPMailer: "$mail->Encoding = PHPMailer::ENCODING_BASE64; // the default is 8bit", Smtplib: "msg.set_content(text, cte='base64')"},
		sources: []string{"RFC 6152"},
	},
	{
		id: "ENCWORD-NOT-ENCODED-CHARSET", severity: Warning, title: "the charset does not fit the text",
		find:    wrongCharset,
		text:    "the declared charset does not fit the text: {problem}",
		cause:   "The text is UTF-8 and goes out as iso-8859-1, which is PHPMailer's default, or no charset is given at all. Readers show garbage.",
		fix:     Fix{General: "Declare the charset that the text has", PHPMailer: "$mail->CharSet = PHPMailer::CHARSET_UTF8;", Smtplib: "msg.set_content(text, charset='utf-8')"},
		sources: []string{"RFC 2047 section 2", "RFC 2046 section 4.1.2", "PHPMailer#133"},
	},
	{
		id: "ENCWORD-SPLIT-CHAR", severity: Warning, title: "a character split over two encoded-words",
		find:    wordProblem(message.WordSplit),
		text:    "a character is split over two encoded-words; some readers show garbage",
		cause:   "The text was cut at bytes, not at characters.",
		fix:     Fix{General: "Cut between characters", PHPMailer: "install PHP's mbstring extension", Other: "mb_encode_mimeheader()"},
		sources: []string{"RFC 2047 section 5", "PHPMailer#3206"},
	},
	{
		id: "ENCWORD-BAD-SYNTAX", severity: Warning, title: "a malformed encoded-word",
		find:    wordProblem(message.WordMalformed, message.WordInQuotes),
		text:    "an encoded-word is malformed: {problem}",
		cause:   "It was made by hand: a space inside, a missing part, inside quotes or beside other text without a space.",
		fix:     Fix{General: "Give the library plain text", PHPMailer: "$mail->setFrom($address, $plainName);", Nodemailer: "from: { name, address }", Smtplib: "email.headerregistry.Address(display_name=…)"},
		sources: []string{"RFC 2047 sections 2, 5 and 6", "PHPMailer#818"},
	},
	{
		id: "ENCWORD-DOUBLE", severity: Warning, title: "header text encoded twice",
		find:    wordProblem(message.WordTwice),
		text:    "header text was encoded twice; readers show the inner encoding",
		cause:   "The program encodes, and the library does it again.",
		fix:     Fix{General: "Give the library plain text", PHPMailer: "$mail->Subject = $plain; // without mb_encode_mimeheader()"},
		sources: []string{"RFC 2047"},
	},
	{
		id: "ENCWORD-TOO-LONG", severity: Advice, title: "an encoded-word over 75 characters",
		find:    wordProblem(message.WordTooLong),
		text:    "an encoded-word is longer than 75 characters",
		cause:   "The whole subject went into one. Strict readers show it as it is.",
		fix:     Fix{General: "Split it into several with CRLF and a space between them", PHPMailer: "let PHPMailer encode: plain UTF-8 in $mail->Subject", Other: "mb_encode_mimeheader()"},
		sources: []string{"RFC 2047 section 2"},
	},
	{
		id: "HEADER-FOLD-LOST", severity: Advice, title: "a folded header on one line",
		find:    foldLost,
		text:    "the line end between two encoded-words was lost",
		cause:   "Something takes line breaks out of a header that was folded already; the line may become too long.",
		fix:     Fix{General: "Leave header text as the library made it", PHPMailer: "update PHPMailer"},
		sources: []string{"RFC 5322 section 2.2.3", "PHPMailer#147"},
	},
	{
		id: "MISSING-DATE", severity: Advice, title: "no Date",
		find:    lacksField("Date"),
		text:    "the message has no Date",
		cause:   "The header was made by hand. Filters count it, and some receivers refuse.",
		fix:     Fix{General: "Write a Date", PHPMailer: "leave it to PHPMailer", Smtplib: "msg['Date'] = email.utils.localtime()"},
		sources: []string{"RFC 5322 section 3.6.1"},
	},
	{
		id: "BAD-DATE", severity: Advice, title: "a Date that can't be right",
		find:    badDate,
		text:    "the Date can't be read, or lies far from now: {field}",
		cause:   "Names in another language, no zone, a year of two digits, or a wrong clock.",
		fix:     Fix{General: "Write it in English, as in Fri, 16 Jun 2017 14:29:13 +0000", PHPMailer: "$mail->MessageDate = PHPMailer::rfcDate();", Smtplib: "email.utils.formatdate(localtime=True)"},
		sources: []string{"RFC 5322 section 3.3"},
	},
	{
		id: "HEADER-TO-MISSING", severity: Advice, title: "neither To nor Cc",
		find:    noRecipientField,
		text:    "the message has neither To nor Cc, or an empty one",
		cause:   "Blind copies only, or a message made by hand. Filters count it.",
		fix:     Fix{General: "Write To, if only \"undisclosed-recipients:;\"", PHPMailer: "PHPMailer writes that by itself", Nodemailer: "to: 'undisclosed-recipients:;'"},
		sources: []string{"RFC 5322 section 3.6.3", "hitobito/hitobito#2671"},
	},
}

func notLoginText(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"login", "auth", "spf", "domain of", "different from"})
}

// field is the entry of the first header field of that name, or -1.
func (s *session) field(m *decode.Message, name string) int {
	for _, p := range m.Parts {
		if h := s.ev(p).Header; h != nil && strings.EqualFold(h.Name, name) {
			return p
		}
	}
	return -1
}

// mostLinted bounds how many messages of a session are looked at.
const mostLinted = 20

// linted are the messages that are worth looking at.
func (s *session) linted() []decode.Message { return s.messages[:min(len(s.messages), mostLinted)] }

// wholeHeader reports a message whose header the transcript shows in full.
func (s *session) wholeHeader(m *decode.Message) bool {
	if s.lack(decode.LackBody) || s.lack(decode.LackBrackets) || s.lack(decode.LackClientLines) || len(m.Parts) == 0 {
		return false
	}
	return s.ev(m.Parts[0]).Header != nil && s.ev(m.Parts[0]).Header.First && m.Complete
}

// eachField finds fields of which f says something. Raw bytes are looked at as
// they are in the transcript.
func (s *session) eachField(f func(h *decode.Header) (problem string)) *sighting {
	var proof []int
	word := ""
	for _, i := range s.fields[:min(len(s.fields), mostFields)] {
		if problem := f(s.ev(i).Header); problem != "" {
			if word == "" {
				word = problem
			}
			proof = append(proof, i)
		}
	}
	if len(proof) == 0 {
		return nil
	}
	return see(firstFew(proof)...).with("problem", word)
}

// mostFields bounds how many header fields of a session are looked at.
const mostFields = 1000

// wordProblem finds encoded-words with one of these problems. Logs show header
// lines as text, so that only whole words can be judged there.
func wordProblem(ids ...string) finder {
	return func(s *session) *sighting {
		if s.lack(decode.LackBrackets) && slices.Contains(ids, message.WordMalformed) {
			return nil
		}
		return s.eachField(func(h *decode.Header) string {
			if !strings.Contains(h.Value, "=?") {
				return ""
			}
			problems := message.ReadText(h.Value).Problems
			if message.HasAddresses(h.Name) {
				_, more := message.Addresses(h.Value)
				problems = append(problems, more...)
			}
			return firstProblem(problems, ids...)
		})
	}
}

func firstProblem(problems []message.Problem, ids ...string) string {
	for _, p := range problems {
		if slices.Contains(ids, p.ID) {
			return p.Text
		}
	}
	return ""
}

// lintedBody bounds the bytes of messages that are read in one go.
const lintedBody = 1 << 20

// wrongCharset finds header text and text parts that are not what they are
// declared to be.
func wrongCharset(s *session) *sighting {
	g := s.eachField(func(h *decode.Header) string {
		if !strings.Contains(h.Value, "=?") {
			return ""
		}
		return firstProblem(message.ReadText(h.Value).Problems, message.WordMisfit)
	})
	if g != nil {
		return g
	}
	return s.eachTree(func(m *decode.Message, tree *message.Tree) string {
		for i := range tree.Parts {
			p := &tree.Parts[i]
			if !p.IsText() || p.Attachment() || p.Body.Len() > lintedBody {
				continue
			}
			preview, err := p.Preview(s.t.Open(m), message.Limits{Preview: 64 << 10})
			if err != nil {
				continue
			}
			if problem := firstProblem(preview.Problems, message.CharsetMisfit, message.CharsetMissing); problem != "" {
				return problem
			}
		}
		return ""
	})
}

// eachTree calls f with the structure of messages that are small enough to be
// read each time. What it says is a problem of the message.
func (s *session) eachTree(f func(m *decode.Message, tree *message.Tree) string) *sighting {
	if s.t.Bytes == nil || s.lack(decode.LackBody) || s.lack(decode.LackBytes) {
		return nil
	}
	budget := int64(lintedBody)
	for i := range s.linted() {
		m := &s.messages[i]
		if !s.wholeHeader(m) || s.field(m, "Content-Type") < 0 {
			continue
		}
		if budget -= m.Size(); budget < 0 {
			return nil
		}
		tree := s.tree(i)
		if tree == nil {
			continue
		}
		if problem := f(m, tree); problem != "" {
			return see(m.Parts[len(m.Parts)-1]).with("problem", problem)
		}
	}
	return nil
}

// tree is the structure of a message, read once.
func (s *session) tree(i int) *message.Tree {
	if tree, read := s.trees[i]; read {
		return tree
	}
	tree, err := message.Scan(s.t.Open(&s.messages[i]), message.Limits{})
	if err != nil {
		tree = nil
	}
	if s.trees == nil {
		s.trees = map[int]*message.Tree{}
	}
	s.trees[i] = tree
	return tree
}

func brokenMIME(s *session) *sighting {
	return s.eachTree(func(_ *decode.Message, tree *message.Tree) string {
		for i := range tree.Parts {
			problem := firstProblem(tree.Parts[i].Problems, message.BoundaryMissing, message.BoundaryNotFound, message.BoundaryNotClosed,
				message.BoundaryTooLong, message.EncodingNotAllowed, message.EncodingUnknown, message.TypeMalformed)
			if problem != "" {
				return problem
			}
		}
		return ""
	})
}

func foldLost(s *session) *sighting {
	return s.eachField(func(h *decode.Header) string {
		if strings.Contains(h.Value, "?=  =?") {
			return h.Name
		}
		return ""
	})
}

func eightBitFields(s *session) *sighting {
	var proof []int
	for _, i := range s.notes["eight-bit"] {
		if ev := s.ev(i); ev.Header != nil && !s.inUTF8Transaction(i) {
			proof = append(proof, i)
		}
	}
	return see(proof...)
}

// inUTF8Transaction reports that the MAIL command before an entry asked for
// SMTPUTF8.
func (s *session) inUTF8Transaction(i int) bool {
	at := s.last("MAIL", i)
	return at >= 0 && hasParam(s.ev(at).Command, "SMTPUTF8")
}

func eightBitBody(s *session) *sighting {
	if s.ehlo < 0 || s.offers("8BITMIME") || s.lack(decode.LackServerLines) {
		return nil
	}
	for i := range s.linted() {
		for _, p := range s.messages[i].Parts {
			if b := s.ev(p).Body; b != nil && b.EightBit {
				return see(s.ehlo, p)
			}
		}
	}
	return nil
}

// single are the fields that may occur once (RFC 5322 section 3.6, RFC 2045
// section 3).
var single = []string{"from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "sender", "in-reply-to", "references",
	"mime-version", "content-type", "content-transfer-encoding"}

func duplicateFields(s *session) *sighting {
	for i := range s.linted() {
		seen := map[string]int{}
		for _, p := range s.messages[i].Parts {
			h := s.ev(p).Header
			if h == nil {
				continue
			}
			name := strings.ToLower(h.Name)
			if first, again := seen[name]; again && slices.Contains(single, name) {
				return see(first, p).with("field", h.Name)
			}
			seen[name] = p
		}
	}
	return nil
}

func lacksField(name string) finder {
	return func(s *session) *sighting {
		for i := range s.linted() {
			if m := &s.messages[i]; s.wholeHeader(m) && s.field(m, name) < 0 {
				return see(m.Parts[0])
			}
		}
		return nil
	}
}

func badMessageID(s *session) *sighting {
	for i := range s.linted() {
		m := &s.messages[i]
		if !s.wholeHeader(m) {
			continue
		}
		p := s.field(m, "Message-ID")
		if p < 0 {
			return see(m.Parts[0])
		}
		id := strings.TrimSpace(s.ev(p).Header.Value)
		left, right, at := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">"), "@")
		if !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, ">") || !at || left == "" || right == "" {
			return see(p)
		}
	}
	return nil
}

func badFrom(s *session) *sighting {
	for i := range s.linted() {
		m := &s.messages[i]
		if !s.wholeHeader(m) {
			continue
		}
		p := s.field(m, "From")
		if p < 0 {
			return see(m.Parts[0])
		}
		if !strings.Contains(s.ev(p).Header.Value, "@") {
			return see(p)
		}
	}
	return nil
}

func noRecipientField(s *session) *sighting {
	for i := range s.linted() {
		m := &s.messages[i]
		if !s.wholeHeader(m) {
			continue
		}
		to, cc := s.field(m, "To"), s.field(m, "Cc")
		if to < 0 && cc < 0 {
			return see(m.Parts[0])
		}
		if to >= 0 && strings.TrimSpace(s.ev(to).Header.Value) == "" && cc < 0 {
			return see(to)
		}
	}
	return nil
}

// farOff is how far from the session a Date may lie: a queue holds mail for
// five days (RFC 5321 section 4.5.4.1).
const farOff = 6 * 24 * time.Hour

func badDate(s *session) *sighting {
	for _, i := range s.fields[:min(len(s.fields), mostFields)] {
		h := s.ev(i).Header
		if !strings.EqualFold(h.Name, "Date") {
			continue
		}
		at, err := mail.ParseDate(strings.TrimSpace(h.Value))
		if err != nil || !s.pasted() && !s.t.Started.IsZero() && at.Sub(s.t.Started).Abs() > farOff {
			return see(i).with("field", strings.TrimSpace(h.Value))
		}
	}
	return nil
}

// noSeparator finds a header that ends in a line that is no field.
func noSeparator(s *session) *sighting {
	if s.lack(decode.LackBody) || s.lack(decode.LackBytes) {
		return nil
	}
	for i := range s.linted() {
		m := &s.messages[i]
		if !m.Stuffed || len(m.Parts) < 2 {
			continue
		}
		for _, p := range m.Parts[1:] {
			if s.ev(p).Body == nil {
				continue
			}
			if head := s.read(s.ev(p).Span, 1); len(head) > 0 && head[0] != '\r' && head[0] != '\n' {
				return see(p)
			}
			break
		}
	}
	return nil
}

// envelopeFields are fields that a form's text makes when it holds line breaks.
var envelopeFields = []string{"bcc", "cc", "to"}

// injected finds recipient fields that stand behind the Subject in messages of
// a library that writes them before it and never writes Bcc.
func injected(s *session) *sighting {
	if !s.isPHPMailer() {
		return nil
	}
	for i := range s.linted() {
		m := &s.messages[i]
		subject := s.field(m, "Subject")
		for _, p := range m.Parts {
			h := s.ev(p).Header
			if h == nil || subject < 0 || p < subject {
				continue
			}
			if name := strings.ToLower(h.Name); slices.Contains(envelopeFields, name) && (name == "bcc" || s.field(m, name) != p) {
				return see(subject, p)
			}
		}
	}
	return nil
}
