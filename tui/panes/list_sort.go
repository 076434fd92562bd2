package panes

import (
	"cmp"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"smtptap/recordings/transcript"
)

// Columns are the names of the list's columns, from left to right. They end the
// keys of their texts.
var Columns = []string{"state", "time", "code", "client", "server", "from", "to", "size", "took", subject}

// A Choice is what somebody wants the list to be: its order, and without which
// columns.
type Choice struct {
	Sort    string   `json:"sort,omitempty"` // name of a column; "" for the order in which sessions came
	Reverse bool     `json:"reverse,omitempty"`
	Hidden  []string `json:"hidden,omitempty"` // names of columns
}

// ordered compares sessions by a column.
var ordered = map[string]func(a, b *transcript.Summary) int{
	"state":  byText(func(s *transcript.Summary) string { return string(s.Outcome) }),
	"time":   func(a, b *transcript.Summary) int { return a.Started.Compare(b.Started) },
	"code":   func(a, b *transcript.Summary) int { return cmp.Compare(a.Code, b.Code) },
	"client": byText(func(s *transcript.Summary) string { return clientText(s, nil) }),
	"server": byText(func(s *transcript.Summary) string { return serverText(s, nil) }),
	"from":   byText(func(s *transcript.Summary) string { return s.From }),
	"to":     byText(func(s *transcript.Summary) string { return s.Rcpt }),
	"size":   func(a, b *transcript.Summary) int { return cmp.Compare(a.Size, b.Size) },
	"took":   func(a, b *transcript.Summary) int { return cmp.Compare(a.Took, b.Took) },
	subject:  byText(func(s *transcript.Summary) string { return s.Subject + s.Verdict.String() }),
}

func byText(of func(*transcript.Summary) string) func(a, b *transcript.Summary) int {
	return func(a, b *transcript.Summary) int {
		return strings.Compare(strings.ToLower(of(a)), strings.ToLower(of(b)))
	}
}

// Arrange shows the list as somebody wants it. A list in another order than that in
// which sessions come follows none.
func (m *List) Arrange(c Choice) tea.Cmd {
	if ordered[c.Sort] == nil {
		c.Sort = ""
	}
	m.choice = c
	m.follow = m.follow && c.Sort == ""
	m.arrange()
	return m.SetFilter(m.filter)
}

// hides reports whether a column is not wanted. What became of a session always is.
func (c *Choice) hides(column string) bool {
	return column != Columns[0] && slices.Contains(c.Hidden, column)
}

// sort puts what was picked in order.
func (s *scan) sort() {
	compare := ordered[s.choice.Sort]
	if compare == nil {
		return
	}
	sums := make([]transcript.Summary, len(s.picked.rows))
	at := make([]int32, len(sums))
	for i, row := range s.picked.rows {
		sums[i], at[i] = s.source.Summary(int(row)), int32(i)
	}
	slices.SortStableFunc(at, func(a, b int32) int {
		if s.choice.Reverse {
			a, b = b, a
		}
		return compare(&sums[a], &sums[b])
	})
	s.picked.order = make([]int32, len(at))
	for i, n := range at {
		s.picked.order[i] = s.picked.rows[n]
	}
}
