package findings

import (
	"cmp"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// mostQuoted is how many characters of a peer's words a sentence quotes.
const mostQuoted = 160

// fill puts the session's own words into a text's placeholders:
//
//	{says}     what the client's log says
//	{user}     who logged in                   {from}    the sender on the envelope
//	{rcpt}     the recipient it is about       {helo}    the name after EHLO
//	{mech}     the login mechanism             {offered} the mechanisms on offer
//	{server}   whose server it is              {checks}  what fails of the message, once verified
//
// and what the evidence brings along.
func (s *session) fill(text string, g *evidence, l lang.Lang) string {
	var words map[string]string
	return lang.Fill(text, func(name string) string {
		if words == nil {
			words = s.words(g, l)
			words["problem"] = g.problem.In(l)
			words["server"] = cmp.Or(words["server"], verdicts.Say(l, "the-server"))
		}
		return visible.Text(shorten(words[name]))
	})
}

func (s *session) words(g *evidence, l lang.Lang) map[string]string {
	words := map[string]string{
		"user":    s.user,
		"server":  s.provider.name(),
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
		s.entryWords(i, words, l)
	}
	for name, word := range g.words {
		words[name] = word
	}
	return words
}

// entryWords adds what an entry that proves a finding says.
func (s *session) entryWords(i int, words map[string]string, l lang.Lang) {
	e := &s.t.Entries[i]
	switch f := e.Fact.(type) {
	case *facts.Note:
		words["says"] = f.Text.In(l)
	case *facts.Dial:
		words["says"] = f.Err.In(l)
	case *facts.TLS:
		words["says"] = cmp.Or(f.Reason, f.Err).In(l)
	}
	if e.Event == nil {
		return
	}
	if failed := s.failedChecks(i); failed != "" {
		words["checks"] = failed
	}
	if c := e.Event.Command; c != nil && c.Verb == "RCPT" {
		words["rcpt"] = c.Path
	}
	if a := e.Event.Auth; a != nil && a.Mechanism != "" {
		words["mech"] = a.Mechanism
	}
}

// failedChecks names what was found to fail of the message that a reply is about.
func (s *session) failedChecks(reply int) string {
	if len(s.t.Checks) == 0 {
		return ""
	}
	var failed []string
	for n, m := range s.t.Messages() {
		for _, c := range s.t.Checks[n] {
			if c.Failed && m.Reply == reply {
				failed = append(failed, strings.TrimSpace(c.Name+" "+c.Result+" "+c.Domain))
			}
		}
	}
	return strings.Join(failed, ", ")
}

// shorten keeps a quotation from filling the screen.
func shorten(s string) string {
	runes := []rune(s)
	if len(runes) <= mostQuoted {
		return s
	}
	return strings.TrimRight(string(runes[:mostQuoted]), " ") + "…"
}
