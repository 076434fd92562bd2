package export

import (
	"fmt"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/smtp"
	"smtptap/decode/units"
	"smtptap/decode/visible"
)

// A row is a fact about the session as a whole, for the head of a report.
type row struct{ Label, Value string } // safe to show

// headOf are the facts that a maintainer asks for first.
func headOf(t *decode.Transcript, l lang.Lang) []row {
	var rows []row
	add := func(label, value string) {
		if value != "" {
			rows = append(rows, row{words.Say(l, label), visible.Text(value)})
		}
	}
	if !t.Started.IsZero() {
		add("started", t.Started.UTC().Format(time.RFC3339))
	}
	if n := len(t.Entries); n > 0 {
		add("took", units.Time(t.Entries[n-1].At))
	}
	add("target", t.Target)
	if t.Dialect != "" {
		add("dialect", t.Dialect)
	}
	add("client", clientOf(t))
	for _, e := range t.Entries {
		switch e.Fact.(type) {
		case *facts.DNS, *facts.Dial, *facts.TLS:
			rows = append(rows, row{words.Say(l, factLabel(e.Fact)), strings.Join(linesOf(e, l), words.Say(l, "semicolon"))})
		}
	}
	for _, missing := range t.CannotShow {
		add("missing", missing.In(l))
	}
	if t.SecretsKept {
		add("secrets", words.Say(l, "secrets-kept"))
	}
	if t.SecretsTaken {
		add("secrets", words.Say(l, "secrets-taken"))
	}
	return rows
}

// clientOf is the name that the client greeted with, and the program it seems
// to be.
func clientOf(t *decode.Transcript) string {
	name, program := "", ""
	for _, e := range t.Entries {
		if e.Event == nil {
			continue
		}
		if c := e.Event.Command; c != nil && smtp.Greets(c.Verb) {
			name = c.Arg
		}
		if h := e.Event.Header; h != nil && strings.EqualFold(h.Name, "X-Mailer") {
			program = h.Value
		}
	}
	if program != "" {
		return strings.TrimSpace(fmt.Sprintf("%s, %s", name, program))
	}
	return name
}

// factLabel is the key of the label of a fact.
func factLabel(f facts.Fact) string {
	switch f := f.(type) {
	case *facts.DNS:
		return "dns"
	case *facts.TLS:
		return "tls-" + f.Leg.String()
	}
	return "connection"
}

func linesOf(e decode.Entry, l lang.Lang) []string {
	var lines []string
	for _, line := range (annotate.View{Lang: l}).Entry(e) {
		lines = append(lines, line.Text)
	}
	return lines
}

// bodyHead reads the beginning of a body, and says how much there is beyond it.
func bodyHead(t *decode.Transcript, e decode.Entry, most int64) (lines []string, rest int64) {
	span := e.Event.Span
	head := span
	head.End = min(span.End, span.Start+most)
	if t.Bytes == nil || head.Len() == 0 {
		return nil, span.Len()
	}
	b, err := t.Bytes(e.Leg, e.Event.Side, head)
	if err != nil {
		return nil, span.Len()
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	return visible.Lines(text), span.Len() - head.Len()
}
