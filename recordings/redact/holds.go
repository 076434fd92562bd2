package redact

import (
	"io"
	"regexp"
	"strconv"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/who"
)

// The ids of the notes that tell of a body that was taken out, and of a part
// that was because it could not be searched.
const (
	bodyRedacted = "body-redacted"
	partRedacted = "part-redacted"
)

// Contents are what of a private nature a session holds.
type Contents struct {
	Addresses int // different ones
	Messages  int // with a body of more than stand-ins
	Secrets   int
}

// Count counts what a session holds, with the exception of the inside of
// message bodies, which count as a whole.
func Count(t *decode.Transcript) Contents {
	var c Contents
	addresses := NewCounter(t)
	blanked := false
	for _, e := range t.Entries {
		if n, ok := e.Fact.(*facts.Note); ok && n.ID == bodyRedacted {
			blanked = true
		}
		if e.Fact != nil {
			if data, err := facts.Marshal(e.Fact); err == nil {
				identitiesIn(string(data), addresses.tell)
			}
			continue
		}
		ev := e.Event
		identitiesIn(string(ev.Raw), addresses.tell)
		if ev.Auth != nil {
			identitiesIn(ev.Auth.User+" "+ev.Auth.Authzid, addresses.tell)
			if ev.Auth.Revealed != "" {
				c.Secrets++
			}
		}
	}
	c.Addresses = addresses.Addresses()
	if !blanked {
		for _, m := range t.Messages() {
			if m.Size() > 0 && hasBody(t, &m) {
				c.Messages++
			}
		}
	}
	return c
}

// standInAddress is an address as Apply gives them out.
var standInAddress = regexp.MustCompile(`^user\d+@(?:domain|host)\d+\.example$`)

// hasBody reports whether there is more to a message than its header.
func hasBody(t *decode.Transcript, m *decode.Message) bool {
	for _, i := range m.Parts {
		if t.Entries[i].Event.Kind != decode.KindBody {
			continue
		}
		n, _ := io.Copy(io.Discard, io.LimitReader(t.Reader(who.ClientLeg, who.Client, t.Entries[i].Event.Span), 3))
		if n > 2 {
			return true
		}
	}
	return false
}

// In is the count in one language: "addresses: 2, message bodies: 1, secrets: 0".
func (c Contents) In(l lang.Lang) string {
	return words.Say(l, "contents", "addresses", strconv.Itoa(c.Addresses), "messages", strconv.Itoa(c.Messages), "secrets", strconv.Itoa(c.Secrets))
}
