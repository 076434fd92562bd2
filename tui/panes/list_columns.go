package panes

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"smtptap/decode/outcome"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/recordings/transcript"
	"smtptap/tui/draw"
)

// A listColumn of the list. Columns stand in the order of the table; where not all
// find room, those with the lowest rank do.
type listColumn struct {
	name     string // end of its texts' keys
	rank     int
	min, max int
	right    bool // aligned to the right
	text     func(*transcript.Summary, *listContext) string
	style    func(*transcript.Summary, *listContext) draw.Style
}

// listContext is what a row depends on beside its session.
type listContext struct {
	theme *draw.Theme
	now   time.Time
	dates bool
	held  map[string]bool // sessions that hold a line
}

const gap = 2 // blanks between columns

// The last column tells sessions apart best: from wideList on, others give way
// so that it has leastSubject columns.
const (
	subject      = "subject"
	wideList     = 85 // beside a session on a screen of 200 columns
	leastSubject = 30
)

func listColumns(t *draw.Theme, dates bool) []listColumn {
	state := 0
	for _, o := range append(outcome.All(), stalledState, heldState) {
		state = max(state, visible.Width(stateWords(t, o)))
	}
	timeWidth := len("15:04:05")
	if dates {
		timeWidth = len("01-02 15:04")
	}
	return []listColumn{
		{name: "state", rank: 0, min: state, max: state, text: stateText, style: outcomeStyle},
		{name: "time", rank: 2, min: timeWidth, max: timeWidth, text: startedText, style: dimStyle},
		{name: "code", rank: 1, min: 4, max: 4, text: codeText, style: outcomeStyle},
		{name: "client", rank: 9, min: 9, max: 16, text: clientText},
		{name: "server", rank: 8, min: 14, max: 24, text: serverText},
		{name: "from", rank: 7, min: 14, max: 26, text: fromText},
		{name: "to", rank: 4, min: 16, max: 28, text: rcptText},
		{name: "size", rank: 5, min: 7, max: 7, right: true, text: sizeText, style: dimStyle},
		{name: "took", rank: 6, min: 7, max: 7, right: true, text: tookText, style: dimStyle},
		{name: subject, rank: 3, min: 11, max: 1 << 16, text: subjectText},
	}
}

// A columnSlot is a column with its width on this screen.
type columnSlot struct {
	listColumn
	width int
}

// arrangeColumns picks the columns that fit into width and shares the room out.
// Those that say the same in all rows are the first to go.
func arrangeColumns(t *draw.Theme, width int, dates bool, same, hidden func(column string) bool) []columnSlot {
	all := slices.DeleteFunc(listColumns(t, dates), func(c listColumn) bool { return hidden(c.name) })
	last := len(Columns)
	for i := range all {
		if same(all[i].name) {
			all[i].rank += last
		}
	}
	if width >= wideList && all[len(all)-1].name == subject {
		all[len(all)-1].min = leastSubject
	}
	left, taken := width, make([]bool, len(all))
	starved := false
	for rank := range 2 * last {
		if rank == last && starved {
			break
		}
		for i, c := range all {
			if c.rank != rank {
				continue
			}
			need := c.min
			if rank > 0 {
				need += gap
			}
			if taken[i] = need <= left; taken[i] {
				left -= need
			}
			starved = starved || !taken[i]
		}
	}
	var slots []columnSlot
	for i, c := range all {
		if taken[i] {
			slots = append(slots, columnSlot{c, c.min})
		}
	}
	return shareRoom(slots, left)
}

// shareRoom gives the columns that can use it what is left: the subject, which
// tells sessions apart best, half of it and the rest of what the others leave.
func shareRoom(slots []columnSlot, left int) []columnSlot {
	last := len(slots) - 1
	if last < 0 {
		return slots
	}
	others := left
	if slots[last].name == subject {
		others = left / 2
	}
	for given := true; given && others > 0; {
		given = false
		for i := range slots[:last] {
			if s := &slots[i]; s.width < s.max && others > 0 {
				s.width++
				others--
				left--
				given = true
			}
		}
	}
	slots[last].width += min(left, slots[last].max-slots[last].width)
	return slots
}

// stalledAfter is how long a session may be silent before the list says so.
const stalledAfter = 10 * time.Second

// stalledState is what the list says of one in place of its outcome.
const stalledState = outcome.Outcome("stalled")

// heldState likewise, of one that holds a line.
const heldState = outcome.Outcome("held")

func stalled(s *transcript.Summary) bool { return s.Live && s.Quiet > stalledAfter }

// title is the heading of a column, in short where it is narrow.
func (c *columnSlot) title(t *draw.Theme) string {
	title := t.Say("column-" + c.name)
	if c.name == subject && visible.Width(title) > c.width {
		return t.Say("column-subject-short")
	}
	return title
}

func stateText(s *transcript.Summary, l *listContext) string {
	if l.held[s.ID] {
		return stateWords(l.theme, heldState)
	}
	if stalled(s) {
		return stateWords(l.theme, stalledState)
	}
	return stateWords(l.theme, s.Outcome)
}

// stateWords are an outcome's mark and word.
func stateWords(t *draw.Theme, o outcome.Outcome) string {
	return outcomeMark(o, t.Marks) + " " + t.Say("state-"+string(o))
}

func outcomeMark(o outcome.Outcome, m draw.Marks) string {
	switch o {
	case outcome.Sent:
		return m.Sent
	case outcome.Partly:
		return m.Partly
	case outcome.Refused:
		return m.Refused
	case outcome.Failed:
		return m.Failed
	case outcome.Abandoned:
		return m.Abandoned
	case outcome.Disputed, outcome.Unknown:
		return m.Unknown
	case outcome.Running:
		return m.Running
	case stalledState:
		return m.Stalled
	case heldState:
		return m.Held
	}
	return m.Nothing
}

func outcomeStyle(s *transcript.Summary, l *listContext) draw.Style {
	t := l.theme
	switch s.Outcome {
	case outcome.Sent:
		return t.Good
	case outcome.Refused, outcome.Failed:
		return t.Bad
	case outcome.Partly, outcome.Disputed, outcome.Abandoned, outcome.Unknown:
		return t.Warn
	case outcome.Running:
		if stalled(s) || l.held[s.ID] {
			return t.Warn
		}
		return t.Key
	}
	return t.Dim
}

func dimStyle(_ *transcript.Summary, l *listContext) draw.Style { return l.theme.Dim }

func startedText(s *transcript.Summary, l *listContext) string {
	if l.dates {
		return s.Started.Local().Format("01-02 15:04")
	}
	return s.Started.Local().Format("15:04:05")
}

func codeText(s *transcript.Summary, _ *listContext) string {
	if s.Code == 0 {
		return ""
	}
	return strconv.Itoa(s.Code)
}

func clientText(s *transcript.Summary, _ *listContext) string {
	return visible.Text(hostOf(s.Client))
}

// hostOf is a host and port without the port and without brackets.
func hostOf(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 && (strings.HasSuffix(addr[:i], "]") || !strings.Contains(addr[:i], ":")) {
		addr = addr[:i]
	}
	return strings.Trim(addr, "[]")
}

func serverText(s *transcript.Summary, _ *listContext) string {
	name := s.Server
	if name == "" {
		name = s.Target
	}
	return visible.Text(hostOf(name))
}

func fromText(s *transcript.Summary, _ *listContext) string { return visible.Text(s.From) }

func rcptText(s *transcript.Summary, _ *listContext) string {
	if s.Rcpts > 1 {
		return "+" + strconv.Itoa(s.Rcpts-1) + " " + visible.Text(s.Rcpt)
	}
	return visible.Text(s.Rcpt)
}

func sizeText(s *transcript.Summary, _ *listContext) string {
	if s.Size == 0 {
		return ""
	}
	return units.Bytes(s.Size)
}

func tookText(s *transcript.Summary, l *listContext) string {
	if s.Live && !l.now.IsZero() {
		return units.Roughly(l.now.Sub(s.Started))
	}
	return units.Roughly(s.Took)
}

func subjectText(s *transcript.Summary, l *listContext) string {
	if stalled(s) && !l.held[s.ID] {
		return strings.TrimSpace(l.theme.Say("stalled", "time", l.theme.Time(s.Quiet)) + "  " + visible.Text(s.Subject))
	}
	switch s.Outcome {
	case outcome.Sent, outcome.Nothing, outcome.Running:
		if s.Subject != "" || s.Outcome == outcome.Sent {
			return visible.Text(s.Subject)
		}
	}
	if s.Verdict == "" {
		return visible.Text(s.Subject)
	}
	return visible.Text(s.Verdict.In(l.theme.Lang)) // why it was not sent says more than what it was about
}
