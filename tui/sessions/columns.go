package sessions

import (
	"strconv"
	"strings"
	"time"

	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/recordings/transcript"
	"smtptap/tui/amount"
	"smtptap/tui/theme"
)

// A column of the list. Columns stand in the order of the table; where not all
// find room, those with the lowest rank do.
type column struct {
	title    string
	rank     int
	min, max int
	right    bool // aligned to the right
	text     func(*transcript.Summary, *look) string
	style    func(*transcript.Summary, *theme.Theme) theme.Style
}

// look is what a row depends on beside its session.
type look struct {
	theme *theme.Theme
	now   time.Time
	dates bool
}

const gap = 2 // blanks between columns

// The last column tells sessions apart best: from wideScreen on, others give way
// so that it has leastSubject columns.
const (
	subjectTitle = "SUBJECT / REASON"
	wideScreen   = 100
	leastSubject = 30
)

func table(dates bool) []column {
	timeWidth := len("15:04:05")
	if dates {
		timeWidth = len("01-02 15:04")
	}
	return []column{
		{title: "STATE", rank: 0, min: 9, max: 9, text: state, style: outcomeStyle},
		{title: "TIME", rank: 2, min: timeWidth, max: timeWidth, text: started, style: dim},
		{title: "CODE", rank: 1, min: 4, max: 4, text: code, style: outcomeStyle},
		{title: "CLIENT", rank: 9, min: 9, max: 16, text: client},
		{title: "SERVER", rank: 8, min: 14, max: 24, text: server},
		{title: "FROM", rank: 7, min: 14, max: 26, text: from},
		{title: "TO", rank: 4, min: 16, max: 28, text: rcpt},
		{title: "SIZE", rank: 5, min: 7, max: 7, right: true, text: size, style: dim},
		{title: "TOOK", rank: 6, min: 7, max: 7, right: true, text: took, style: dim},
		{title: subjectTitle, rank: 3, min: 11, max: 1 << 16, text: subject},
	}
}

// A slot is a column with its width on this screen.
type slot struct {
	column
	width int
}

// arrange picks the columns that fit into width and shares the room out.
func arrange(width int, dates bool) []slot {
	all := table(dates)
	if width >= wideScreen {
		all[len(all)-1].min = leastSubject
	}
	left, taken := width, make([]bool, len(all))
	for rank := range len(all) {
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
		}
	}
	var slots []slot
	for i, c := range all {
		if taken[i] {
			slots = append(slots, slot{c, c.min})
		}
	}
	return share(slots, left)
}

// share gives the columns that can use it what is left: the subject, which
// tells sessions apart best, half of it and the rest of what the others leave.
func share(slots []slot, left int) []slot {
	last := len(slots) - 1
	if last < 0 {
		return slots
	}
	others := left
	if slots[last].title == subjectTitle {
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
	if s := &slots[last]; s.title == subjectTitle && s.width < len(subjectTitle) {
		s.title = "SUBJECT"
	}
	return slots
}

func state(s *transcript.Summary, l *look) string {
	word := string(s.Outcome)
	if s.Outcome == outcome.Abandoned {
		word = "gave up" // as long as the others
	}
	return mark(s.Outcome, l.theme.Marks) + " " + word
}

func mark(o outcome.Outcome, m theme.Marks) string {
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
	}
	return m.Nothing
}

func outcomeStyle(s *transcript.Summary, t *theme.Theme) theme.Style {
	switch s.Outcome {
	case outcome.Sent:
		return t.Good
	case outcome.Refused, outcome.Failed:
		return t.Bad
	case outcome.Partly, outcome.Disputed, outcome.Abandoned, outcome.Unknown:
		return t.Warn
	case outcome.Running:
		return t.Key
	}
	return t.Dim
}

func dim(_ *transcript.Summary, t *theme.Theme) theme.Style { return t.Dim }

func started(s *transcript.Summary, l *look) string {
	if l.dates {
		return s.Started.Local().Format("01-02 15:04")
	}
	return s.Started.Local().Format("15:04:05")
}

func code(s *transcript.Summary, _ *look) string {
	if s.Code == 0 {
		return ""
	}
	return strconv.Itoa(s.Code)
}

func client(s *transcript.Summary, _ *look) string {
	return visible.Text(hostOf(s.Client))
}

// hostOf is a host and port without the port and without brackets.
func hostOf(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 && (strings.HasSuffix(addr[:i], "]") || !strings.Contains(addr[:i], ":")) {
		addr = addr[:i]
	}
	return strings.Trim(addr, "[]")
}

func server(s *transcript.Summary, _ *look) string {
	name := s.Server
	if name == "" {
		name = s.Target
	}
	return visible.Text(hostOf(name))
}

func from(s *transcript.Summary, _ *look) string { return visible.Text(s.From) }

func rcpt(s *transcript.Summary, _ *look) string {
	if s.Rcpts > 1 {
		return "+" + strconv.Itoa(s.Rcpts-1) + " " + visible.Text(s.Rcpt)
	}
	return visible.Text(s.Rcpt)
}

func size(s *transcript.Summary, _ *look) string {
	if s.Size == 0 {
		return ""
	}
	return amount.Bytes(s.Size)
}

func took(s *transcript.Summary, l *look) string {
	if s.Live && !l.now.IsZero() {
		return amount.Time(l.now.Sub(s.Started))
	}
	return amount.Time(s.Took)
}

func subject(s *transcript.Summary, _ *look) string {
	switch s.Outcome {
	case outcome.Sent, outcome.Nothing, outcome.Running:
		if s.Subject != "" || s.Outcome == outcome.Sent {
			return visible.Text(s.Subject)
		}
	}
	if s.Verdict == "" {
		return visible.Text(s.Subject)
	}
	return visible.Text(s.Verdict) // why it was not sent says more than what it was about
}
