package tui

import (
	"fmt"
	"path/filepath"
	"strings"

	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/tui/draw"
)

// shownAtEnd is how many recordings are named when the screen closes.
const shownAtEnd = 5

// closingSummary is what stays on the normal screen: how many sessions there were,
// how they ended, and where to find them again.
func (m *model) closingSummary() string {
	set := m.options.Set
	n := set.Len()
	if !m.owns() || n == 0 {
		return ""
	}
	counts := map[outcome.Outcome]int{}
	for i := range n {
		counts[set.Summary(i).Outcome]++
	}
	var b strings.Builder
	b.WriteString(m.theme.Say("closing-sessions", "sessions", m.theme.Count("sessions", n), "outcomes", m.outcomeCounts(counts)) + "\n")
	st := set.State()
	if st.Folder == "" {
		return b.String()
	}
	b.WriteString(m.theme.Say("closing-recorded", "folder", visible.Text(st.Folder)) + "\n")
	for i := max(0, n-shownAtEnd); i < n; i++ {
		s := set.Summary(i)
		if path := set.Path(s.ID); path != "" {
			fmt.Fprintf(&b, "  %s %s\n", draw.Fit(m.theme.Say("state-"+string(s.Outcome)), 8, ""), visible.Text(filepath.Base(path)))
		}
	}
	b.WriteString(m.theme.Say("closing-again") + "\n")
	return b.String()
}

func (m *model) outcomeCounts(counts map[outcome.Outcome]int) string {
	var parts []string
	for _, o := range outcome.All() {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], m.theme.Say("state-"+string(o))))
		}
	}
	return strings.Join(parts, m.theme.Say("list-separator"))
}
