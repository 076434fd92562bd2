package message

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// aliases are names that mail uses and the registries lack, or whose
// registered meaning is narrower than what is sent under them: text called
// gb2312 holds characters of GBK and GB18030, text called ks_c_5601 those of
// code page 949. nil marks names that say nothing.
var aliases = map[string]encoding.Encoding{
	"utf8": unicode.UTF8, "utf8mb4": unicode.UTF8, "utf-8mb4": unicode.UTF8, "utf": unicode.UTF8,
	"unicode-1-1-utf-8": unicode.UTF8, "x-utf_8j": unicode.UTF8, "utf8mb3": unicode.UTF8,
	"utf-32":   utf32.UTF32(utf32.BigEndian, utf32.UseBOM),
	"utf-32be": utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
	"utf-32le": utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM),

	"gb2312": simplifiedchinese.GB18030, "gb_2312-80": simplifiedchinese.GB18030, "x-gbk": simplifiedchinese.GB18030,
	"gbk": simplifiedchinese.GB18030, "cp936": simplifiedchinese.GB18030, "ms936": simplifiedchinese.GB18030,
	"windows-936": simplifiedchinese.GB18030, "euc-cn": simplifiedchinese.GB18030, "gb-18030": simplifiedchinese.GB18030,
	"gb_18030": simplifiedchinese.GB18030, "gb18030-2000": simplifiedchinese.GB18030,
	"hz": simplifiedchinese.HZGB2312, "hz-gb-2312": simplifiedchinese.HZGB2312,
	"cp950": traditionalchinese.Big5, "ms950": traditionalchinese.Big5, "windows-950": traditionalchinese.Big5,
	"big-5": traditionalchinese.Big5, "big5-hkscs": traditionalchinese.Big5, "x-x-big5": traditionalchinese.Big5,

	"cp932": japanese.ShiftJIS, "ms932": japanese.ShiftJIS, "windows-932": japanese.ShiftJIS, "cp943": japanese.ShiftJIS,
	"windows-31j": japanese.ShiftJIS, "shift-jis": japanese.ShiftJIS, "sjis-win": japanese.ShiftJIS,
	"eucjp": japanese.EUCJP, "eucjp-win": japanese.EUCJP, "cp51932": japanese.EUCJP,
	"iso-2022-jp-ms": japanese.ISO2022JP, "cp50220": japanese.ISO2022JP, "cp50221": japanese.ISO2022JP,
	"iso-2022-jp-1": japanese.ISO2022JP, "jis": japanese.ISO2022JP,
	"cp949": korean.EUCKR, "ms949": korean.EUCKR, "windows-949": korean.EUCKR, "uhc": korean.EUCKR,
	"euckr": korean.EUCKR, "ksc5601": korean.EUCKR, "ks_c_5601-1987": korean.EUCKR, "ks_c_5601": korean.EUCKR,

	"latin-1": charmap.Windows1252, "iso8859-1": charmap.Windows1252, "iso88591": charmap.Windows1252,
	"ansi_x3.110-1983": charmap.Windows1252, "iso-8859-1-windows-1252": charmap.Windows1252,
	"iso-8859-8-i": charmap.ISO8859_8, "koi8r": charmap.KOI8R, "koi8u": charmap.KOI8U,
	"cp437": charmap.CodePage437, "cp850": charmap.CodePage850, "cp852": charmap.CodePage852,
	"cp855": charmap.CodePage855, "cp858": charmap.CodePage858, "cp866": charmap.CodePage866,

	// Decoders of these exist in no library that is used here; the index of
	// HTML would turn their text into a single replacement character.
	"iso-2022-cn": nil, "iso-2022-cn-ext": nil, "iso-2022-kr": nil, "csiso2022kr": nil, "replacement": nil,
	"unknown-8bit": nil, "x-unknown": nil, "unknown": nil, "default": nil, "none": nil, "binary": nil,
	"8bit": nil, "7bit": nil, "x-user-defined": nil,
}

// charsetName reduces a charset's name to the form of the tables: no quotes,
// no language suffix (RFC 2231 section 5), nothing after a semicolon.
func charsetName(name string) string {
	name, _, _ = strings.Cut(name, ";")
	name, _, _ = strings.Cut(name, "*")
	return strings.ToLower(strings.Trim(name, " \t\r\n\"'"))
}

// isASCIIName reports whether the charset says that there are no bytes above
// 127. The index of HTML takes these names for Windows-1252.
func isASCIIName(name string) bool {
	switch charsetName(name) {
	case "", "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us", "iso-ir-6", "646":
		return true
	}
	return false
}

// lookup finds the encoding of a charset. nil means that it is unknown.
func lookup(name string) encoding.Encoding {
	name = charsetName(name)
	if e, ok := aliases[name]; ok {
		return e
	}
	if number, ok := strings.CutPrefix(name, "cp125"); ok {
		name = "windows-125" + number
	}
	// HTML's index comes first: it takes ISO 8859-1 as its superset
	// Windows-1252, as mail readers do.
	if e, err := htmlindex.Get(name); err == nil {
		return e
	}
	if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil {
		return e
	}
	if e, err := ianaindex.MIME.Encoding("cs" + name); err == nil && e != nil {
		return e
	}
	return nil
}

// knownCharset reports whether text in that charset can be decoded.
func knownCharset(name string) bool { return isASCIIName(name) || lookup(name) != nil }

// convert turns b into UTF-8. Bytes that do not fit are counted; they become
// U+FFFD, except in UTF-8 and ASCII, where they stay as they are. ok is false
// for an unknown charset.
func convert(name string, b []byte) (text string, bad int, ok bool) {
	if isASCIIName(name) {
		return string(b), countHigh(b), true
	}
	e := lookup(name)
	if e == nil {
		return "", 0, false
	}
	if e == unicode.UTF8 {
		return string(b), countInvalid(b), true
	}
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return string(b), len(b), true
	}
	text = string(out)
	return text, strings.Count(text, "\ufffd"), true
}

func countHigh(b []byte) int {
	n := 0
	for _, c := range b {
		if c >= utf8.RuneSelf {
			n++
		}
	}
	return n
}

func countInvalid(b []byte) int {
	n := 0
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			n++
		}
		b = b[size:]
	}
	return n
}

// Guess reads text whose charset nobody declared: as UTF-8 if it is that, then
// as GB18030, Big5 or Shift_JIS if its bytes fall into the ranges of these,
// else as Windows-1252. For text without bytes above 127 the charset is
// "us-ascii". EUC-KR and EUC-JP use the ranges of GB18030 and cannot be told
// apart from it in a short text.
func Guess(b []byte) (text, charset string) {
	high := countHigh(b)
	switch {
	case high == 0:
		return string(b), "us-ascii"
	case utf8.Valid(b):
		return string(b), "utf-8"
	}
	for _, g := range guesses {
		if text, ok := g.try(b); ok {
			return text, g.charset
		}
	}
	text, _, _ = convert("windows-1252", b)
	return text, "windows-1252"
}

// A guess is a two-byte charset with the pairs that ordinary text uses.
type guess struct {
	charset string
	usual   func(lead, trail byte) bool
}

var guesses = []guess{
	{"gb18030", func(lead, trail byte) bool {
		return trail >= 0xA1 && (lead >= 0xA1 && lead <= 0xA3 || lead >= 0xB0 && lead <= 0xF7)
	}},
	{"big5", func(lead, trail byte) bool {
		return lead >= 0xA1 && lead <= 0xC6 && (trail >= 0x40 && trail <= 0x7E || trail >= 0xA1)
	}},
	{"shift_jis", func(lead, trail byte) bool {
		return lead >= 0x81 && lead <= 0x83 && trail >= 0x40 || lead >= 0x88 && lead <= 0x97 && trail >= 0x40
	}},
}

// try decodes b if it fits without error and four fifths of its pairs are usual.
func (g guess) try(b []byte) (string, bool) {
	pairs, usual := 0, 0
	for i := 0; i < len(b); i++ {
		if b[i] < utf8.RuneSelf {
			continue
		}
		if i+1 == len(b) {
			return "", false
		}
		pairs++
		if g.usual(b[i], b[i+1]) {
			usual++
		}
		i++
	}
	if pairs == 0 || usual*5 < pairs*4 {
		return "", false
	}
	text, bad, ok := convert(g.charset, b)
	return text, ok && bad == 0
}

// looksLikeUTF8 reports whether text declared as another charset is UTF-8 in
// truth. One accented letter is proof enough against a charset of one byte
// per letter, where its bytes would be an odd pair of signs; against Chinese,
// Japanese and Korean charsets it takes two characters of three bytes.
func looksLikeUTF8(charset string, b []byte) bool {
	e := lookup(charset)
	if e == nil || e == unicode.UTF8 || countHigh(b) == 0 || !utf8.Valid(b) {
		return false
	}
	if _, single := e.(*charmap.Charmap); single {
		return true
	}
	long := 0
	for _, r := range string(b) {
		if utf8.RuneLen(r) >= 3 {
			long++
		}
	}
	return long >= 2
}
