package logs

import (
	"io"
	"smtptap/decode/units"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxLog is how many bytes of a log are read. A longer one is refused, so that
// nobody takes the first part of a session for the whole.
const MaxLog = 64 << 20

// readText reads the whole log as text with LF line ends.
func readText(r io.Reader) (string, error) {
	var b strings.Builder
	n, err := io.Copy(&b, io.LimitReader(r, MaxLog+1))
	if err != nil {
		return "", words.Error("read", "why", err)
	}
	if n > MaxLog {
		return "", words.Error("too-long", "most", units.Bytes(MaxLog))
	}
	text := decodeText(b.String())
	text = strings.ReplaceAll(text, "\r\n", "\n")
	// A CR alone ends a line only in text that has no other line ends.
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	return text, nil
}

// decodeText turns UTF-16 (what PowerShell's redirection writes) into UTF-8
// and removes byte order marks. Other bytes stay as they are: a reply in GBK
// is for the decoder to judge.
func decodeText(data string) string {
	if rest, found := strings.CutPrefix(data, "\xff\xfe"); found {
		return fromUTF16(rest, 0, 1)
	}
	if rest, found := strings.CutPrefix(data, "\xfe\xff"); found {
		return fromUTF16(rest, 1, 0)
	}
	return strings.TrimPrefix(data, "\xef\xbb\xbf")
}

// fromUTF16 decodes units whose low and high bytes are at those places.
func fromUTF16(data string, low, high int) string {
	var b strings.Builder
	for i := 0; i+1 < len(data); i += 2 {
		r := rune(data[i+low]) | rune(data[i+high])<<8
		if utf16.IsSurrogate(r) && i+3 < len(data) {
			if pair := utf16.DecodeRune(r, rune(data[i+2+low])|rune(data[i+2+high])<<8); pair != utf8.RuneError {
				r = pair
				i += 2
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}
