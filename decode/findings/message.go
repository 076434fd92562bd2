package findings

import (
	"net/mail"
	"slices"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/message"
)

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
func (s *session) eachField(f func(h *decode.Header) (problem lang.Text)) *evidence {
	var proof []int
	var first lang.Text
	for _, i := range s.fields[:min(len(s.fields), mostFields)] {
		if problem := f(s.ev(i).Header); problem != none {
			if first == none {
				first = problem
			}
			proof = append(proof, i)
		}
	}
	if len(proof) == 0 {
		return nil
	}
	g := see(firstFew(proof)...)
	g.problem = first
	return g
}

// none is what a field or message without a problem is said to have.
var none lang.Text

// mostFields bounds how many header fields of a session are looked at.
const mostFields = 1000

// wordProblem finds encoded-words with one of these problems. Logs show header
// lines as text, so that only whole words can be judged there.
func wordProblem(ids ...string) finder {
	return func(s *session) *evidence {
		if s.lack(decode.LackBrackets) && slices.Contains(ids, message.WordMalformed) {
			return nil
		}
		return s.eachField(func(h *decode.Header) lang.Text {
			if !strings.Contains(h.Value, "=?") {
				return none
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

func firstProblem(problems []message.Problem, ids ...string) lang.Text {
	for _, p := range problems {
		if slices.Contains(ids, p.ID) {
			return p.Text
		}
	}
	return none
}

// lintedBody bounds the bytes of messages that are read in one go.
const lintedBody = 1 << 20

// wrongCharset finds header text and text parts that are not what they are
// declared to be.
func wrongCharset(s *session) *evidence {
	g := s.eachField(func(h *decode.Header) lang.Text {
		if !strings.Contains(h.Value, "=?") {
			return none
		}
		return firstProblem(message.ReadText(h.Value).Problems, message.WordMisfit)
	})
	if g != nil {
		return g
	}
	return s.eachTree(func(m *decode.Message, tree *message.Tree) lang.Text {
		for i := range tree.Parts {
			p := &tree.Parts[i]
			if !p.IsText() || p.Attachment() || p.Body.Len() > lintedBody {
				continue
			}
			preview, err := p.Preview(s.t.Open(m), message.Limits{Preview: 64 << 10})
			if err != nil {
				continue
			}
			if problem := firstProblem(preview.Problems, message.CharsetMisfit, message.CharsetMissing); problem != none {
				return problem
			}
		}
		return none
	})
}

// eachTree calls f with the structure of messages that are small enough to be
// read each time. What it says is a problem of the message.
func (s *session) eachTree(f func(m *decode.Message, tree *message.Tree) lang.Text) *evidence {
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
		if problem := f(m, tree); problem != none {
			g := see(m.Parts[len(m.Parts)-1])
			g.problem = problem
			return g
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

func brokenMIME(s *session) *evidence {
	return s.eachTree(func(_ *decode.Message, tree *message.Tree) lang.Text {
		for i := range tree.Parts {
			problem := firstProblem(tree.Parts[i].Problems, message.BoundaryMissing, message.BoundaryNotFound, message.BoundaryNotClosed,
				message.BoundaryTooLong, message.EncodingNotAllowed, message.EncodingUnknown, message.TypeMalformed)
			if problem != none {
				return problem
			}
		}
		return none
	})
}

func foldLost(s *session) *evidence {
	return s.eachField(func(h *decode.Header) lang.Text {
		if strings.Contains(h.Value, "?=  =?") {
			return lang.Text{En: h.Name, Zh: h.Name}
		}
		return none
	})
}

func eightBitFields(s *session) *evidence {
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

func eightBitBody(s *session) *evidence {
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

func duplicateFields(s *session) *evidence {
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
	return func(s *session) *evidence {
		for i := range s.linted() {
			if m := &s.messages[i]; s.wholeHeader(m) && s.field(m, name) < 0 {
				return see(m.Parts[0])
			}
		}
		return nil
	}
}

func badMessageID(s *session) *evidence {
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

func badFrom(s *session) *evidence {
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

func noRecipientField(s *session) *evidence {
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

func badDate(s *session) *evidence {
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
func noSeparator(s *session) *evidence {
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

// injected finds recipient fields that stand after the Subject in messages of
// a library that writes them before it and never writes Bcc.
func injected(s *session) *evidence {
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
