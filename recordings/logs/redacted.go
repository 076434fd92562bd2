package logs

import (
	"encoding/base64"
	"strings"
)

var (
	hiddenWords = compile(`(?i)[\[<({*/=-]+\s*(?:credentials|secret|redacted|edited|hidden|removed|masked|password|passwd|pass|username|user|base64[^\]>]*|encoded[^\]>]*|plain_hash|token|my[_ ]?\w+|your[_ ]?\w+|snip|censored|obfuscated|filtered)[^\]>)}]*\s*[\]>)}*/=-]+`)
	onlyFill    = compile(`^(?i:x{3,}|[*.•#?_-]{3,}|x[x*.=-]{1,})=*$`)
	longFill    = compile(`[xX]{5,}|\*{3,}|\.{3,}|#{4,}|•{3,}|…`)
	base64Text  = compile(`^[A-Za-z0-9+/_-]{2,}={0,2}$`)
	// leftOutText is what tools write in place of a message that they do not show.
	leftOutText = compile(`^<(\d+) bytes (?:encoded )?mime message|^\{\.\.\.(\d+) bytes of data\.\.\.\}$|^\[(?:message|data|body) (?:not shown|hidden|omitted|truncated)|^writing message and terminating`)
)

// isRedacted recognises what people and tools put in place of a credential.
// It must not be judged as the base64 that it is not.
func isRedacted(text string) bool {
	text = strings.TrimSpace(text)
	if text == "" {
		return false
	}
	if strings.HasPrefix(text, "{...") || strings.Contains(strings.ToLower(text), "base64") || hiddenWords.MatchString(text) || onlyFill.MatchString(text) || longFill.MatchString(text) {
		return true
	}
	return strings.Contains(text, secretComment)
}

// isCredential recognises a line that may be a step of an AUTH exchange.
func isCredential(text string) bool {
	return text == "*" || text == "=" || base64Text.MatchString(text) && (verbOf(text) == "" || len(text) > 8)
}

// secretComment is what nodemailer puts into a credential before it encodes it.
const secretComment = "Lyogc2VjcmV0ICov"

// revealedUser is the user name in a credential whose password nodemailer
// replaced by a comment, "" if it shows none.
func revealedUser(text string) string {
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	parts := strings.Split(string(plain), "\x00")
	if len(parts) == 3 {
		return parts[1]
	}
	return ""
}
