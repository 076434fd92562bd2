package cli

import (
	"errors"

	"smtptap/proxy"
	"smtptap/proxy/session"
	"smtptap/proxy/session/rules"
	"smtptap/tui/panes"
)

// holder lets the screen hold lines of a proxy's sessions.
type holder struct{ *proxy.Proxy }

// Hold has lines held by a rule, in place of the one that did before.
func (h holder) Hold(when string) error {
	if when == "" {
		h.Rules.Also(nil)
		return nil
	}
	r, err := rules.Parse(when+"=hold", "the screen")
	if err != nil {
		return plainly(err)
	}
	h.Rules.Also([]*rules.Rule{r})
	return nil
}

// plainly is what is wrong with a rule, without the rule.
func plainly(err error) error {
	var bad *rules.Error
	if errors.As(err, &bad) {
		return bad.What
	}
	return err
}

// Held lists what is held.
func (h holder) Held() []panes.Held {
	var all []panes.Held
	for _, l := range h.Proxy.Held() {
		all = append(all, panes.Held{Session: l.Session, From: l.From, Line: l.Line, Since: l.Since, Until: l.Since.Add(session.HoldTime)})
	}
	return all
}

// CheckAnswer says why something is no reply to a line.
func (h holder) CheckAnswer(_ panes.Held, reply string) error {
	_, err := rules.Parse("*="+reply, "")
	return plainly(err)
}

// LetGo lets a line go on unchanged.
func (h holder) LetGo(l panes.Held) error { return h.release(l, session.ReleaseUnchanged, nil) }

// Edit lets a line go on as another.
func (h holder) Edit(l panes.Held, line []byte) error {
	return h.release(l, session.ReleaseEdited, line)
}

// Answer answers a line in the server's place.
func (h holder) Answer(l panes.Held, reply string) error {
	return h.release(l, session.ReleaseAnswered, []byte(reply))
}

// Drop closes both connections.
func (h holder) Drop(l panes.Held) error { return h.release(l, session.ReleaseDropped, nil) }

func (h holder) release(l panes.Held, how session.ReleaseHow, data []byte) error {
	return h.Release(l.Session, l.From, session.Release{How: how, Data: data})
}
