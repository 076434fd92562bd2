package query

import (
	"strings"
	"unicode"
)

// contains reports whether text holds part, which is in lower case. Most text
// is found, or has no capitals to look under, without the slow way.
func contains(text, part string) bool {
	if strings.Contains(text, part) {
		return true
	}
	if len(part) > len(text) {
		return false
	}
	if isASCII(part) {
		return containsFold(text, part)
	}
	return strings.IndexFunc(text, unicode.IsUpper) >= 0 && strings.Contains(strings.ToLower(text), part)
}

// containsFold looks for part around each capital of text, since text does not
// hold it in lower case.
func containsFold(text, part string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 'A' || c > 'Z' {
			continue
		}
		last := min(i, len(text)-len(part))
		for from := max(i-len(part)+1, 0); from <= last; from++ {
			if equalFold(text[from:from+len(part)], part) {
				return true
			}
		}
	}
	return false
}

func equalFold(text, part string) bool {
	for i := range len(part) {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != part[i] {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
