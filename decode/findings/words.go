package findings

import (
	"cmp"
	"regexp"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
)

// Words that a rule's text may hold in braces. A part of the text in square
// brackets is left out when a word in it is not known in this session.
//
//	{reply}    the reply that proves it        {says}    what the client's log says
//	{user}     who logged in                   {from}    the sender on the envelope
//	{rcpt}     the recipient it is about       {helo}    the name behind EHLO
//	{mech}     the login mechanism             {offered} the mechanisms on offer
//	{server}   whose server it is, or "the server"
//
// and what a sighting brings along.
var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

var bracketed = regexp.MustCompile(`\[([^\[\]]*)\]`)

// mostQuoted is how many characters of a peer's words a sentence quotes.
const mostQuoted = 160

// fill puts the session's own words into a rule's text.
func (s *session) fill(text string, g *sighting) string {
	if !strings.Contains(text, "{") {
		return text
	}
	words := s.words(g)
	text = bracketed.ReplaceAllStringFunc(text, func(part string) string {
		for _, p := range placeholder.FindAllString(part, -1) {
			if words[strings.Trim(p, "{}")] == "" {
				return ""
			}
		}
		if !strings.Contains(part, "{") {
			return part
		}
		return part[1 : len(part)-1]
	})
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		return visible.Text(shorten(cmp.Or(words[strings.Trim(p, "{}")], "?")))
	})
}

func (s *session) words(g *sighting) map[string]string {
	words := map[string]string{
		"user":    s.user,
		"server":  cmp.Or(s.provider.name(), "the server"),
		"offered": s.offered["AUTH"],
	}
	end := len(s.t.Entries)
	if len(g.entries) > 0 {
		end = g.entries[len(g.entries)-1] + 1
	}
	if at := s.last("MAIL", end); at >= 0 {
		words["from"] = s.ev(at).Command.Path
	}
	if at := max(s.last("EHLO", end), s.last("HELO", end)); at >= 0 {
		words["helo"] = strings.TrimSpace(s.ev(at).Command.Arg)
	}
	for _, i := range g.entries {
		s.entryWords(i, words)
	}
	if words["reply"] == "" {
		words["reply"] = words["says"] // a log that tells the reply in the client's words
	}
	for name, word := range g.words {
		words[name] = word
	}
	return words
}

// entryWords adds what an entry that proves a finding says.
func (s *session) entryWords(i int, words map[string]string) {
	e := &s.t.Entries[i]
	switch f := e.Fact.(type) {
	case *facts.Note:
		words["says"] = f.Text
	case *facts.Dial:
		words["says"] = f.Err
	case *facts.TLS:
		words["says"] = cmp.Or(f.Reason, f.Err)
	}
	if e.Event == nil {
		return
	}
	if e.Event.Reply != nil {
		if r := s.answers[i]; r != nil && r.entry == i {
			words["reply"] = r.quote()
		}
	}
	if c := e.Event.Command; c != nil && c.Verb == "RCPT" {
		words["rcpt"] = c.Path
	}
	if a := e.Event.Auth; a != nil && a.Mechanism != "" {
		words["mech"] = a.Mechanism
	}
}

// shorten keeps a quotation from filling the screen.
func shorten(s string) string {
	runes := []rune(s)
	if len(runes) <= mostQuoted {
		return s
	}
	return strings.TrimRight(string(runes[:mostQuoted]), " ") + "…"
}
