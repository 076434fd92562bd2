package logs

import "strings"

// A text may be far longer than anybody reads, and its middle the same again
// and again. Of such a text are read the beginning, the end, and what stands
// around signs of failure and of SMTP. Transcript.CannotShow says so.

// Bounds of what is read of a text. Time and memory beyond them grow with the
// text alone.
const (
	maxRows     = 30000   // rows
	maxWide     = 4 << 20 // bytes of a row
	maxSessions = 500     // sessions that are told
	maxShift    = 300     // rows by which an end of an excerpt moves to where a transaction begins
)

// A rank says how much a row of a long text matters, and how many rows before
// it and after it do with it.
type rank struct{ before, after int }

// ranks, the most important first; rows that tell nothing have none.
var ranks = [...]rank{{60, 20}, {20, 10}, {3, 3}}

// failureWords and protocolWords are what rows of the second and third rank
// hold one of.
var (
	failureWords  = []string{"rror", "ERROR", "ailed", "ailure", "xception", "efused", "eject", "imed out", "imeout", "denied", "fatal", "失败", "错误", "拒绝"}
	protocolWords = []string{"SMTP", "EHLO", "HELO", "MAIL FROM", "RCPT TO", "AUTH", "STARTTLS", "QUIT", "ehlo", "mail FROM", "rcpt TO", "CLIENT", "smtp"}
)

// rankOf is the index of a row's rank, len(ranks) for none.
func rankOf(text string) int {
	is := len(ranks)
	for i := 0; i+3 < len(text); i++ {
		if c := text[i]; '2' <= c && c <= '5' && (text[i+3] == ' ' || text[i+3] == '-') && (i == 0 || !wordByte(text[i-1])) && code(text[i:]) != 0 {
			if c >= '4' {
				return 0
			}
			is = 2
		}
	}
	switch {
	case containsAny(text, failureWords):
		return 1
	case is == len(ranks) && containsAny(text, protocolWords):
		return 2
	}
	return is
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// excerpt says which of n rows are read: all of few.
func excerpt(n int, text func(int) string) (read []bool, left int) {
	read = make([]bool, n)
	budget := maxRows
	take := func(from, to int) {
		for i := max(from, 0); i < min(to, n) && budget > 0; i++ {
			if !read[i] {
				read[i] = true
				budget--
			}
		}
	}
	take(0, maxRows/8)
	take(n-maxRows/8, n)
	of := make([]uint8, n)
	for i := range of {
		of[i] = uint8(rankOf(text(i)))
	}
	for is, r := range ranks {
		for i := 0; i < n && budget > 0; i++ {
			if int(of[i]) == is {
				take(i-r.before, i+r.after+1)
			}
		}
	}
	take(0, n)
	shiftEnds(read, of, text)
	for _, is := range read {
		if !is {
			left++
		}
	}
	return read, left
}

// begins are where an excerpt may begin and end so that what is left out are
// whole transactions, or whole exchanges.
var begins = []*pattern{
	compile(`(?:MAIL FROM|mail from|mail FROM|EHLO |ehlo |HELO |helo |^220 )`),
	commandBegins,
}

// shiftEnds moves the ends of excerpts.
func shiftEnds(read []bool, of []uint8, text func(int) string) {
	for i := 1; i < len(read); i++ {
		switch {
		case read[i] && !read[i-1]: // the excerpt begins later
			if to := beginning(i, 1, read, of, text); to >= 0 {
				for ; i < to; i++ {
					read[i] = false
				}
			}
		case !read[i] && read[i-1]: // it ends earlier
			for j := beginning(i, -1, read, of, text); j >= 0 && j < i; j++ {
				read[j] = false
			}
		}
	}
}

// beginning is where a transaction begins near row i in that direction, -1 for
// nowhere or after a failure.
func beginning(i, step int, read []bool, of []uint8, text func(int) string) int {
	for _, re := range begins {
		for j := i; j > 0 && j < len(read) && j != i+step*maxShift && (j == i || read[j] && of[j] > 1); j += step {
			if t := text(j); re.MatchString(t[:min(len(t), maxRow)]) {
				return j
			}
		}
	}
	return -1
}

// rowsOf cuts text into its lines, and leaves most of them out of very many.
func rowsOf(text string) (rows []row, left int) {
	text = strings.TrimSuffix(text, "\n")
	add := func(line string) {
		if n := len(line) - maxWide; n > 0 {
			rows = append(rows, row{text: line[:maxWide/2]})
			line = line[maxWide/2+n:]
			left++
		}
		rows = append(rows, row{text: strings.ReplaceAll(line, "\r", "")})
	}
	if n := strings.Count(text, "\n") + 1; n <= maxRows {
		rows = make([]row, 0, n)
		for line := range strings.SplitSeq(text, "\n") {
			add(line)
		}
		return rows, left
	}
	var starts []uint32 // of many blank rows in a row only the first
	for i, blank := 0, false; i <= len(text); {
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			n = len(text) - i
		}
		if !blank || n > 1 {
			starts = append(starts, uint32(i))
		}
		blank = n <= 1
		i += n + 1
	}
	at := func(i int) string {
		line, _, _ := strings.Cut(text[starts[i]:], "\n")
		return line
	}
	read, out := excerpt(len(starts), at)
	for i, is := range read {
		if is {
			add(at(i))
		}
	}
	return rows, left + out
}

// fewer are rows, of very many those that matter.
func fewer(rows []row) ([]row, int) {
	if len(rows) <= maxRows {
		return rows, 0
	}
	read, left := excerpt(len(rows), func(i int) string { return rows[i].text })
	out := make([]row, 0, maxRows)
	for i, is := range read {
		if is {
			out = append(out, rows[i])
		}
	}
	return out, left
}
