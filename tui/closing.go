package tui

import (
	"fmt"
	"path/filepath"
	"strings"

	"smtptap/decode/outcome"
	"smtptap/decode/visible"
)

// shownAtEnd is how many recordings are named when the screen closes.
const shownAtEnd = 5

// closingSummary is what stays on the normal screen: how many sessions there were,
// how they ended, and where to find them again.
func (m *model) closingSummary() string {
	set := m.options.Set
	n := set.Len()
	if m.options.View || n == 0 {
		return ""
	}
	counts := map[outcome.Outcome]int{}
	for i := range n {
		counts[set.Summary(i).Outcome]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", plural(n, "session"), outcomeCounts(counts))
	st := set.State()
	if st.Folder == "" {
		return b.String()
	}
	fmt.Fprintf(&b, "recorded in %s\n", visible.Text(st.Folder))
	for i := max(0, n-shownAtEnd); i < n; i++ {
		s := set.Summary(i)
		if path := set.Path(s.ID); path != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", s.Outcome, visible.Text(filepath.Base(path)))
		}
	}
	fmt.Fprintf(&b, "look at the last one again: smtptap view\n")
	return b.String()
}

func outcomeCounts(counts map[outcome.Outcome]int) string {
	var parts []string
	for _, o := range outcome.All() {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
