package query

import "strings"

// A node is a part of a filter.
type node interface {
	match(*Session) bool
	String() string // as Parse reads it
}

type test = func(*Session) bool

// A term is one condition.
type term struct {
	token
	test    test
	saw     func(*Session) string // what a session has where the condition looks; may be nil
	finding func(Finding) bool    // for conditions on findings: one that it means
}

func (t *term) match(s *Session) bool { return t.test(s) }

func (t *term) String() string {
	if t.quoted {
		return t.field + t.op + `"` + strings.ReplaceAll(t.value, `"`, `""`) + `"`
	}
	return t.field + t.op + t.value
}

type (
	both   []node
	either []node
	not    struct{ node }
)

func (n both) match(s *Session) bool {
	for _, part := range n {
		if !part.match(s) {
			return false
		}
	}
	return true
}

func (n either) match(s *Session) bool {
	for _, part := range n {
		if part.match(s) {
			return true
		}
	}
	return false
}

func (n not) match(s *Session) bool { return !n.node.match(s) }

func (n both) String() string   { return join(n, " ", true) }
func (n either) String() string { return join(n, " | ", false) }
func (n not) String() string    { return "!" + grouped(n.node, true) }

func join(parts []node, sign string, tight bool) string {
	var all []string
	for _, part := range parts {
		all = append(all, grouped(part, tight))
	}
	return strings.Join(all, sign)
}

// grouped puts parentheses around what binds less than what it stands in.
func grouped(n node, tight bool) string {
	switch n.(type) {
	case either:
		return "(" + n.String() + ")"
	case both:
		if tight {
			return "(" + n.String() + ")"
		}
	}
	return n.String()
}
