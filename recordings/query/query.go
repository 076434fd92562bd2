// Package query is the small language that picks sessions: from a list, to be
// deleted, or as what a session must fulfil. Help says what can be written.
package query

import (
	"smtptap/decode/findings"
	"smtptap/recordings/transcript"
)

// A Session is what a filter looks at.
type Session struct {
	transcript.Summary
	Findings []Finding // only looked at when NeedsFindings
}

// A Finding is what a filter looks at of one.
type Finding struct {
	ID       string
	Severity findings.Severity
}

// Findings are those of a report.
func Findings(r findings.Report) []Finding {
	all := make([]Finding, len(r.Findings))
	for i, f := range r.Findings {
		all[i] = Finding{f.ID, f.Severity}
	}
	return all
}

// A Filter picks sessions. The zero value picks all.
type Filter struct {
	root          node
	needsFindings bool
	uses          []Use
}

// A Use is a place in a filter where it asks for a field of sessions, by its name
// or, of outcomes, by a value.
type Use struct {
	At   int
	Name string
}

// Uses are where the filter asks for fields.
func (f *Filter) Uses() []Use { return f.uses }

// Match reports whether the filter picks s.
func (f *Filter) Match(s *Session) bool { return f.root == nil || f.root.match(s) }

// All reports whether the filter picks every session.
func (f *Filter) All() bool { return f.root == nil }

// NeedsFindings reports whether Match looks at a session's findings.
func (f *Filter) NeedsFindings() bool { return f.needsFindings }

// String is the filter as Parse reads it.
func (f *Filter) String() string {
	if f.root == nil {
		return ""
	}
	return f.root.String()
}

// A Miss is a part of a filter for which a session is not picked.
type Miss struct {
	Part     string   // of the filter, as Parse reads it
	Saw      string   // what the session has in its place; "" for nothing
	Findings []string // ids of those that should not be there
}

// Misses are the parts of the filter that do not hold for s; none when it is
// picked. What they saw is told of shown, which may be s without what is private.
func (f *Filter) Misses(s, shown *Session) []Miss {
	if f.Match(s) {
		return nil
	}
	return misses(f.root, s, shown)
}

func misses(n node, s, shown *Session) []Miss {
	if all, ok := n.(both); ok {
		var missed []Miss
		for _, part := range all {
			if !part.match(s) {
				missed = append(missed, misses(part, s, shown)...)
			}
		}
		return missed
	}
	m := Miss{Part: n.String()}
	inner, negated := n, false
	if no, ok := n.(not); ok {
		inner, negated = no.node, true
	}
	t, ok := inner.(*term)
	switch {
	case !ok:
	case t.finding != nil && negated:
		for _, f := range s.Findings {
			if t.finding(f) {
				m.Findings = append(m.Findings, f.ID)
			}
		}
	case t.saw != nil:
		m.Saw = t.saw(shown)
	}
	return []Miss{m}
}

// Parse reads a filter. Its errors are all of type *Error.
func Parse(s string) (*Filter, error) {
	p := parser{text: s}
	p.next()
	if p.token.kind == end && p.err == nil {
		return &Filter{}, nil
	}
	root := p.either()
	if p.err == nil && p.token.kind != end {
		p.fail("closes-nothing")
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Filter{root, p.needsFindings, p.uses}, nil
}
