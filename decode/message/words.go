package message

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What can be wrong with encoded-words (RFC 2047).
const (
	WordMalformed    = "word-malformed"    // not the form of section 2
	WordTooLong      = "word-too-long"     // over 75 characters
	WordSplit        = "word-split"        // a character is cut between two words
	WordCharset      = "word-charset"      // the charset is unknown
	WordMisfit       = "word-misfit"       // the bytes do not fit the charset
	WordTwice        = "word-twice"        // encoded twice
	WordInQuotes     = "word-in-quotes"    // inside a quoted string
	WordInParameter  = "word-in-parameter" // in a parameter, where RFC 2231 applies
	RawEightBit      = "raw-eight-bit"     // bytes above 127, UTF-8
	RawUnknownChars  = "raw-unknown-chars" // bytes above 127, not UTF-8
	ParamMalformed   = "param-malformed"   // a parameter that cannot be read
	ParamDuplicate   = "param-duplicate"   // given twice
	ParamGap         = "param-gap"         // a numbered piece is missing
	ParamCharset     = "param-charset"     // the charset is unknown
	AddressMalformed = "address-malformed" // no address can be read
	TooMany          = "too-many"          // a limit ended the reading
)

// maxWord is the longest encoded-word (RFC 2047 section 2).
const maxWord = 75

// Text is a header value in readable form. It is as the peer meant it, not
// made visible: pass it through decode/visible before showing it.
type Text struct {
	Value    string
	Encoded  bool     // it held encoded-words that could be decoded
	Charsets []string // of these, as declared, each once
	Guessed  string   // charset that bytes above 127 of no declared charset were taken for; "" for none, and for raw UTF-8
	Problems problems
}

// Words decodes the encoded-words of an unfolded header value (RFC 2047, B and
// Q). What cannot be decoded stays as it is; raw bytes above 127 that are not
// UTF-8 are read in a guessed charset.
func Words(value string) string { return ReadText(value).Value }

// ReadText decodes the encoded-words of an unfolded header value and tells
// what it met.
func ReadText(value string) Text {
	if !strings.Contains(value, "=?") && isASCII(value) {
		return Text{Value: value}
	}
	var r textReader
	for value != "" {
		at := strings.Index(value, "=?")
		if at < 0 {
			break
		}
		w, size := readWord(value[at:])
		if size == 0 {
			// No word begins here; what follows "=?" may hold one.
			r.plain(value[:at+2])
			value = value[at+2:]
			continue
		}
		r.plain(value[:at])
		r.word(w)
		value = value[at+size:]
	}
	r.plain(value)
	return r.finish()
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// A word is one encoded-word.
type word struct {
	raw     string
	charset string
	bytes   []byte
	flaw    string // the text of what is malformed about it, "" for nothing
	broken  bool   // cannot be decoded at all
}

// readWord reads the encoded-word at the start of s: "=?" charset "?"
// encoding "?" text "?=". size is 0 if there is none. Where people get it
// wrong in a way that still has one meaning, the meaning is taken.
func readWord(s string) (w word, size int) {
	rest := s[len("=?"):]
	charset, rest, ok := strings.Cut(rest, "?")
	if !ok || strings.ContainsAny(charset, " \t=") || len(rest) < 2 {
		return word{}, 0
	}
	kind := rest[0] | 0x20
	if kind != 'b' && kind != 'q' || rest[1] != '?' {
		return word{}, 0
	}
	rest = rest[2:]
	end := wordEnd(rest)
	if end < 0 {
		return word{}, 0
	}
	size = len(s) - len(rest) + end + len("?=")
	w = word{raw: s[:size], charset: charset}
	if charset == "" {
		w.flaw, w.broken = "word-no-charset", true
		return w, size
	}
	if kind == 'b' {
		w.bytes, w.flaw, w.broken = base64Word(rest[:end])
	} else {
		w.bytes, w.flaw = quotedWord(rest[:end])
	}
	return w, size
}

// wordEnd finds the "?=" that ends a word's text. It gives up where another
// word seems to begin, so that reading a value takes time in proportion to its
// length whatever is in it.
func wordEnd(s string) int {
	for i := 0; i+1 < len(s); i++ {
		switch {
		case s[i] == '?' && s[i+1] == '=':
			return i
		case s[i] == '=' && s[i+1] == '?' && (i+2 == len(s) || s[i+2] != '='):
			return -1
		}
	}
	return -1
}

// base64Word decodes the text of a B word. White space and missing padding are
// forgiven.
func base64Word(s string) (b []byte, flaw string, broken bool) {
	if strings.ContainsAny(s, " \t") {
		flaw = "word-space"
		s = strings.Join(strings.Fields(s), "")
	}
	bare := strings.TrimRight(s, "=")
	if len(s)%4 != 0 {
		flaw = "word-base64-padding"
	}
	b, err := base64.RawStdEncoding.DecodeString(bare)
	if err != nil {
		return nil, "word-base64", true
	}
	return b, flaw, false
}

// quotedWord decodes the text of a Q word (RFC 2047 section 4.2). A bad escape
// stays as it is.
func quotedWord(s string) (b []byte, flaw string) {
	b = make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			b = append(b, ' ')
		case c == '=':
			v, ok := hexByte(s[i+1:])
			if !ok {
				flaw = "word-quoted-escape"
				b = append(b, c)
				continue
			}
			b = append(b, v)
			i += 2
		default:
			switch {
			case c == ' ' || c == '\t':
				flaw = "word-space"
			case c == '?':
				flaw = "word-quoted-question"
			case c >= utf8.RuneSelf:
				flaw = "word-quoted-high"
			}
			b = append(b, c)
		}
	}
	return b, flaw
}

// hexByte reads two hexadecimal digits.
func hexByte(s string) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	hi, lo := hexDigit(s[0]), hexDigit(s[1])
	return hi<<4 | lo, hi < 16 && lo < 16
}

// hexDigit is 255 for what is no digit.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// A textReader puts a value together from words and what stands between.
type textReader struct {
	text    Text
	out     strings.Builder
	pending []word // adjacent words of one charset that are not written yet
	gap     string // white space after the last word, dropped if a word follows
	seen    bool   // there was a word before
	last    byte   // last byte of plain text
	raw     []byte // all plain text, to guess its charset by
	plains  []int  // where in out plain text with bytes above 127 stands, as pairs
}

// plain takes text between words.
func (r *textReader) plain(s string) {
	if s == "" {
		return
	}
	if r.seen && strings.Trim(s, " \t\r\n") == "" {
		r.gap += s
		return
	}
	if r.seen && r.gap == "" && !separates(s[0]) {
		r.text.Problems.add(WordMalformed, "word-unspaced-after", "value", clip(r.lastWord()))
	}
	r.flush()
	r.seen = false
	r.last = s[len(s)-1]
	if isASCII(s) {
		r.out.WriteString(s)
		return
	}
	r.raw = append(r.raw, s...)
	r.plains = append(r.plains, r.out.Len(), r.out.Len()+len(s))
	r.out.WriteString(s)
}

// separates reports whether c may stand beside an encoded-word: white space,
// or a delimiter of a structured value.
func separates(c byte) bool { return strings.IndexByte(" \t\r\n()<>,;:\"", c) >= 0 }

func (r *textReader) lastWord() string {
	if n := len(r.pending); n > 0 {
		return r.pending[n-1].raw
	}
	return ""
}

// word takes an encoded-word.
func (r *textReader) word(w word) {
	switch {
	case r.seen && r.gap == "":
		r.text.Problems.add(WordMalformed, "word-unspaced-between", "value", clip(w.raw))
	case !r.seen && r.out.Len() > 0 && !separates(r.last):
		r.text.Problems.add(WordMalformed, "word-unspaced-before", "value", clip(w.raw))
	}
	if w.flaw != "" {
		r.text.Problems.add(WordMalformed, w.flaw, "value", clip(w.raw))
	}
	if len(w.raw) > maxWord {
		r.text.Problems.add(WordTooLong, "word-too-long", "n", strconv.Itoa(len(w.raw)))
	}
	if !w.broken && !knownCharset(w.charset) {
		r.text.Problems.add(WordCharset, "charset-unknown", "value", clip(w.charset))
		w.broken = true
	}
	if len(r.pending) > 0 {
		before := r.pending[len(r.pending)-1]
		if before.broken || w.broken || charsetName(before.charset) != charsetName(w.charset) {
			// White space between two words is dropped only if both
			// can be read.
			gap := r.gap
			r.gap = ""
			r.flush()
			if before.broken || w.broken {
				r.out.WriteString(gap)
			}
		}
	}
	r.gap = ""
	r.pending = append(r.pending, w)
	r.seen = true
}

// flush writes the pending words and the white space after them.
func (r *textReader) flush() {
	if len(r.pending) > 0 {
		r.out.WriteString(r.join(r.pending))
		r.pending = nil
	}
	r.out.WriteString(r.gap)
	r.gap = ""
}

// join decodes adjacent words of one charset: each alone, as the RFC wants it,
// and if that leaves bytes that do not fit, their bytes together.
func (r *textReader) join(words []word) string {
	charset := words[0].charset
	if words[0].broken {
		return words[0].raw
	}
	r.text.Encoded = true
	r.addCharset(charset)
	var each strings.Builder
	var all []byte
	bad := 0
	for _, w := range words {
		text, n, _ := convert(charset, w.bytes)
		each.WriteString(text)
		all = append(all, w.bytes...)
		bad += n
	}
	if looksLikeUTF8(charset, all) {
		r.text.Problems.add(WordMisfit, "charset-is-utf8", "value", clip(charset))
	}
	if bad == 0 {
		return r.unwrap(each.String())
	}
	if text, n, _ := convert(charset, all); len(words) > 1 && n < bad {
		r.text.Problems.add(WordSplit, "word-split")
		if n == 0 {
			return r.unwrap(text)
		}
		bad = n
		each.Reset()
		each.WriteString(text)
	}
	r.text.Problems.add(WordMisfit, "charset-misfit", "n", strconv.Itoa(bad), "value", clip(charset))
	if isASCIIName(charset) {
		text, guessed := Guess(all)
		r.text.Guessed = guessed
		return text
	}
	return each.String()
}

// unwrap looks whether what was decoded is an encoded-word again.
func (r *textReader) unwrap(text string) string {
	for at := strings.Index(text, "=?"); at >= 0; {
		if w, size := readWord(text[at:]); size > 0 && !w.broken {
			r.text.Problems.add(WordTwice, "word-twice", "value", clip(w.raw))
			break
		}
		next := strings.Index(text[at+2:], "=?")
		if next < 0 {
			break
		}
		at += 2 + next
	}
	return text
}

func (r *textReader) addCharset(name string) {
	for _, have := range r.text.Charsets {
		if strings.EqualFold(have, name) {
			return
		}
	}
	if len(r.text.Charsets) == maxProblems {
		return
	}
	r.text.Charsets = append(r.text.Charsets, name)
}

// finish reads the raw 8-bit stretches in one charset.
func (r *textReader) finish() Text {
	r.flush()
	r.text.Value = r.out.String()
	if len(r.plains) == 0 {
		return r.text
	}
	if utf8.Valid(r.raw) {
		r.text.Problems.add(RawEightBit, "raw-utf8")
		return r.text
	}
	_, charset := Guess(r.raw)
	r.text.Guessed = charset
	r.text.Problems.add(RawUnknownChars, "raw-unknown", "charset", charset)
	var b strings.Builder
	value, done := r.text.Value, 0
	for i := 0; i < len(r.plains); i += 2 {
		from, to := r.plains[i], r.plains[i+1]
		text, _, _ := convert(charset, []byte(value[from:to]))
		b.WriteString(value[done:from])
		b.WriteString(text)
		done = to
	}
	b.WriteString(value[done:])
	r.text.Value = b.String()
	return r.text
}
