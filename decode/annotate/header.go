package annotate

import (
	"strings"

	"smtptap/decode"
	"smtptap/decode/message"
)

// Header explains one header field of a message that is read by itself; value
// is unfolded, as sent.
func (v View) Header(name, value string) []Line {
	x := explainer{view: v}
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
			x.tell(Meaning, x.readAs(t.Value, t.Charsets, t.Guessed))
		}
		x.problems(t.Problems)
	}
}

// readAs says what something decodes to, and how.
func (x *explainer) readAs(value string, charsets []string, guessed string) string {
	switch {
	case guessed != "":
		return x.text("read-guessed", "value", value, "charset", guessed)
	case len(charsets) > 0:
		return x.text("read-as", "value", value, "charset", strings.Join(charsets, ", "))
	}
	return x.text("read", "value", value)
}

func (x *explainer) addresses(value string) {
	all, problems := message.Addresses(value)
	if whole := message.ReadText(value); whole.Encoded || whole.Guessed != "" {
		var each []string
		for _, a := range all {
			each = append(each, a.String())
		}
		x.tell(Meaning, x.readAs(strings.Join(each, ", "), whole.Charsets, whole.Guessed))
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
		var charsets []string
		if p.Charset != "" {
			charsets = []string{p.Charset}
		}
		x.mean("of-parameter", "name", p.Name, "text", x.readAs(p.Value, charsets, p.Guessed))
	}
	x.problems(s.Problems)
}

func (x *explainer) problems(problems []message.Problem) {
	for _, p := range problems {
		x.tell(Warning, p.Text.In(x.view.Lang))
	}
}
