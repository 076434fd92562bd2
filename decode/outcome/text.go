package outcome

import (
	"strings"
	"unicode/utf8"

	"smtptap/decode"
)

// replyText is a reply on one line.
func replyText(r *decode.Reply) string {
	text := append(make([]byte, 0, maxText), byte('0'+r.Code/100%10), byte('0'+r.Code/10%10), byte('0'+r.Code%10))
	if r.Enhanced != "" {
		text = append(append(text, ' '), r.Enhanced...)
	}
	for _, l := range r.Lines {
		if len(text) > maxText {
			break
		}
		text = append(append(text, ' '), l.Text...)
	}
	return clip(string(text), maxText)
}

// clip is s, cut to most bytes and free of the memory around it.
func clip(s string, most int) string {
	if len(s) <= most {
		return strings.Clone(s)
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
