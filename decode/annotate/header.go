package annotate

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/message"
)

// Header explains one header field of a message that is read by itself; value
// is unfolded, as sent.
func Header(name, value string) []Line {
	var x explainer
	x.header(&decode.Header{Name: name, Value: value})
	return x.lines
}

// header shows a header field in readable form where that differs from how it
// was sent, and what is wrong with it.
func (x *explainer) header(h *decode.Header) {
	switch {
	case message.HasAddresses(h.Name):
		x.addresses(h.Value)
	case message.HasParameters(h.Name):
		x.structured(h.Value)
	default:
		t := message.ReadText(h.Value)
		if t.Value != h.Value {
			x.mean(readAs(t.Charsets, t.Guessed) + ": " + t.Value)
		}
		x.problems(t.Problems)
	}
}

// readAs says how something was decoded.
func readAs(charsets []string, guessed string) string {
	switch {
	case guessed != "":
		return "read as " + guessed + " (guessed)"
	case len(charsets) > 0:
		return "decoded (" + strings.Join(charsets, ", ") + ")"
	}
	return "decoded"
}

func (x *explainer) addresses(value string) {
	all, problems := message.Addresses(value)
	if whole := message.ReadText(value); whole.Encoded || whole.Guessed != "" {
		var texts []string
		for _, a := range all {
			texts = append(texts, a.String())
		}
		x.mean(readAs(whole.Charsets, whole.Guessed) + ": " + strings.Join(texts, ", "))
	}
	for i := range all {
		x.domain(all[i].Addr)
	}
	x.problems(problems)
}

// structured shows the parameters that are written in another way than they
// read: continued, percent-encoded, or with encoded-words.
func (x *explainer) structured(value string) {
	s := message.ReadStructured(value)
	for _, p := range s.Params {
		if p.Charset == "" && p.Guessed == "" && strings.Contains(value, p.Value) {
			continue
		}
		x.mean(p.Name + ", " + readAs(charsetList(p.Charset), p.Guessed) + ": " + p.Value)
	}
	x.problems(s.Problems)
}

func charsetList(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

func (x *explainer) problems(problems []message.Problem) {
	for _, p := range problems {
		x.say(Warning, p.Text)
	}
}
