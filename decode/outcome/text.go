package outcome

import (
	"strings"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/facts"
)

// replyText is a reply on one line.
func replyText(r *decode.Reply) facts.Sentence {
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
	return facts.Plain(clip(string(text), maxText))
}

// short is a sentence of bounded length. One of a peer's is cut.
func short(s facts.Sentence) facts.Sentence {
	if text := s.String(); len(s) > maxSentence || text == string(s) {
		return facts.Plain(clip(text, maxText))
	}
	return s
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
