package decode

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf8"
)

// A view is a text as somebody reads it who knows the notation that it is
// written in.
type view struct {
	text     []byte
	at       []int // where each of its bytes, and its end, stands in what it was read from; nil: all of it stands in from..to
	from, to int
}

// place is where a part of the view stands in what it was read from.
func (v *view) place(p part) part {
	if v.at == nil {
		return part{v.from, v.to}
	}
	return part{v.at[p.from], v.at[p.to]}
}

// A part is a half-open range of a text.
type part struct{ from, to int }

// search applies match to a text and to what it says in other notations, one
// inside the other down to that depth, and returns the parts of the text.
func search(text []byte, depth int, match func([]byte) []part) []part {
	found := match(text)
	if depth == 0 {
		return found
	}
	for _, v := range views(text) {
		for _, p := range search(v.text, depth-1, match) {
			found = append(found, v.place(p))
		}
	}
	return found
}

// views reads a text in all notations that something of it could be written in.
func views(text []byte) []view {
	var found []view
	for _, escape := range escapes {
		if v, ok := unescape(text, escape); ok {
			found = append(found, v)
		}
	}
	found = append(found, hexRuns(text)...)
	return append(found, base64Runs(text)...)
}

// An escape reads one escaped character at the start of a text: what it stands
// for, and how long it is, 0 when none stands there.
type escape func(p []byte) (char []byte, n int)

var escapes = []escape{percent, quotedPrintable, xtext, backslash, entity, nul}

// unescape reads the escapes of one notation, and reports whether any is there.
func unescape(text []byte, read escape) (view, bool) {
	var v view
	for i := 0; i < len(text); {
		char, n := read(text[i:])
		if n == 0 {
			if v.text != nil {
				v.text, v.at = append(v.text, text[i]), append(v.at, i)
			}
			i++
			continue
		}
		if v.text == nil {
			v.text, v.at = make([]byte, i, len(text)), make([]int, i, len(text)+1)
			copy(v.text, text)
			for k := range v.at {
				v.at[k] = k
			}
		}
		for range char {
			v.at = append(v.at, i)
		}
		v.text = append(v.text, char...)
		i += n
	}
	v.at = append(v.at, len(text))
	return v, v.text != nil
}

// percent is URL encoding (RFC 3986 section 2.1), with the plus of forms.
func percent(p []byte) ([]byte, int) {
	if p[0] == '+' {
		return []byte{' '}, 1
	}
	return hexAfter(p, '%')
}

// quotedPrintable is the encoding of RFC 2045 section 6.7.
func quotedPrintable(p []byte) ([]byte, int) { return hexAfter(p, '=') }

// xtext is the encoding of RFC 3461 section 4.
func xtext(p []byte) ([]byte, int) { return hexAfter(p, '+') }

func hexAfter(p []byte, mark byte) ([]byte, int) {
	if len(p) < 3 || p[0] != mark {
		return nil, 0
	}
	hi, lo := hexDigit(p[1]), hexDigit(p[2])
	if hi < 0 || lo < 0 {
		return nil, 0
	}
	return []byte{byte(hi<<4 | lo)}, 3
}

func hexDigit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b && b <= 'f':
		return int(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// backslash is the notation of string literals: \x41, \u0041, \101, \".
func backslash(p []byte) ([]byte, int) {
	if len(p) < 2 || p[0] != '\\' {
		return nil, 0
	}
	number := func(from, digits, base int) ([]byte, int) {
		if len(p) < from+digits {
			return nil, 0
		}
		n, err := strconv.ParseUint(string(p[from:from+digits]), base, 21)
		if err != nil {
			return nil, 0
		}
		if n < 256 && p[1] != 'u' {
			return []byte{byte(n)}, from + digits
		}
		return utf8.AppendRune(nil, rune(n)), from + digits
	}
	switch b := p[1]; {
	case b == 'x':
		return number(2, 2, 16)
	case b == 'u':
		return number(2, 4, 16)
	case '0' <= b && b <= '7':
		return number(1, 3, 8)
	case b < 0x20 || 'a' <= b && b <= 'z':
		return nil, 0
	default:
		return []byte{b}, 2
	}
}

// entity is a character reference of HTML.
func entity(p []byte) ([]byte, int) {
	const longest = 10
	if p[0] != '&' {
		return nil, 0
	}
	end := bytes.IndexByte(p[:min(len(p), longest)], ';')
	if end < 0 {
		return nil, 0
	}
	char := html.UnescapeString(string(p[:end+1]))
	if char == string(p[:end+1]) {
		return nil, 0
	}
	return []byte(char), end + 1
}

// nul leaves NULs out, which turns UTF-16 of ASCII into ASCII.
func nul(p []byte) ([]byte, int) {
	if p[0] != 0 {
		return nil, 0
	}
	return nil, 1
}

// hexRuns reads runs of hexadecimal octets, together or apart.
func hexRuns(text []byte) []view {
	const shortest = 3
	var found []view
	for i := 0; i < len(text); {
		start := i
		var plain [2][]byte // from the first digit on, and from the second
		digits, high := 0, [2]int{}
		for i < len(text) {
			v := hexDigit(text[i])
			if v < 0 {
				if !bytes.ContainsAny(text[i:i+1], " :,;-xX\\") || digits == 0 {
					break
				}
				i++
				continue
			}
			for k := range plain {
				switch {
				case digits < k:
				case (digits-k)%2 == 0:
					high[k] = v
				default:
					plain[k] = append(plain[k], byte(high[k]<<4|v))
				}
			}
			digits++
			i++
		}
		for _, p := range plain {
			if len(p) >= shortest {
				found = append(found, view{text: p, from: start, to: i})
			}
		}
		i = max(i, start+1)
	}
	return found
}

// base64Runs reads runs of base64 in both of its alphabets, from each of the
// four places where a group of it may begin.
func base64Runs(text []byte) []view {
	const shortest = 4
	var found []view
	eachBase64(text, func(start, end, padded int) {
		for lead := 0; lead < 4 && end-start-lead >= shortest-1; lead++ {
			found = append(found, view{text: unbase64(text[start+lead : end]), from: start, to: padded})
		}
	})
	return found
}

// eachBase64 calls run for each run of base64 digits: where it starts, where its
// digits end, and where the equals signs after them do.
func eachBase64(text []byte, run func(start, end, padded int)) {
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && base64Digit(text[i]) >= 0 {
			i++
		}
		end := i
		for i < len(text) && text[i] == '=' {
			i++
		}
		if end > start {
			run(start, end, i)
		}
		i = max(i, start+1)
	}
}

func base64Digit(b byte) int {
	switch {
	case 'A' <= b && b <= 'Z':
		return int(b - 'A')
	case 'a' <= b && b <= 'z':
		return int(b-'a') + 26
	case '0' <= b && b <= '9':
		return int(b-'0') + 52
	case b == '+' || b == '-':
		return 62
	case b == '/' || b == '_':
		return 63
	}
	return -1
}

// unbase64 decodes digits of base64, with or without an end.
func unbase64(digits []byte) []byte {
	plain := make([]byte, 0, len(digits)*3/4)
	bits, n := 0, 0
	for _, b := range digits {
		bits, n = bits<<6|base64Digit(b), n+6
		if n >= 8 {
			n -= 8
			plain = append(plain, byte(bits>>n))
			bits &= 1<<n - 1
		}
	}
	return plain
}
