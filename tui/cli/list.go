package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
	"smtptap/tui/draw"
)

// List is `smtptap list`.
func List(p *Program) *cobra.Command {
	var dir string
	var became string
	var asJSON bool
	var newer, older age
	var match matchFlag
	var most int
	cmd := &cobra.Command{
		Use: "list [ID...]",
		RunE: func(cmd *cobra.Command, ids []string) error {
			found, dir, err := recordingsIn(dir)
			if err != nil {
				return err
			}
			rows := p.summaries(found, listFilter{ids, outcome.Outcome(became), newer.duration(), older.duration(), &match}, most)
			if asJSON {
				return p.listJSON(p.streams.Out, rows)
			}
			if len(rows) == 0 {
				p.note("nothing-listed", "folder", dir)
				return nil
			}
			p.listTable(p.streams.Out, rows, width(p.streams.Out))
			return nil
		},
	}
	recordFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "")
	match.flag(p, cmd)
	outcomeFlag(cmd, &became)
	cmd.Flags().Var(&newer, "newer", "")
	cmd.Flags().Var(&older, "older", "")
	cmd.Flags().VarP(atLeast(&most, 0, 1), "number", "n", "")
	return cmd
}

type listFilter struct {
	ids          []string
	outcome      outcome.Outcome
	newer, older time.Duration
	match        *matchFlag
}

func (f listFilter) takes(info recordings.Info) bool {
	since := time.Since(info.Started)
	if f.newer > 0 && since > f.newer || f.older > 0 && since < f.older {
		return false
	}
	for _, id := range f.ids {
		if strings.HasPrefix(info.ID, id) || strings.HasPrefix(recordings.ShortID(info.ID), id) {
			return true
		}
	}
	return len(f.ids) == 0
}

// summaries reads the recordings that the filter takes, in the order in which
// they were found. One that can't be read is told on the error stream and left
// out.
func (p *Program) summaries(found []recordings.Info, f listFilter, most int) []transcript.Summary {
	taken := slices.DeleteFunc(slices.Clone(found), func(info recordings.Info) bool { return !f.takes(info) })
	rows := []transcript.Summary{}
	by := summarizer(transcript.Summarize)
	if most == 0 && len(taken) == len(found) && len(found) >= manyRecordings {
		all := transcript.OpenSummaries(filepath.Dir(found[0].Path), len(found))
		defer all.Save()
		by = all.Summarize
	}
	for some := range slices.Chunk(taken, cmp.Or(most, 1000)) {
		for i, r := range f.summarize(some, by) {
			switch {
			case r.err != nil:
				p.complain("%s: %s", some[i].Path, p.oneLine(r.err))
			case r.picked:
				rows = append(rows, r.summary)
			}
			if most > 0 && len(rows) == most {
				return rows
			}
		}
	}
	return rows
}

// manyRecordings are so many that their summaries are worth a file.
const manyRecordings = 500

// A summarizer reads the summary of a recording.
type summarizer func(path string) (transcript.Summary, error)

// A summarized is what reading a recording came to.
type summarized struct {
	summary transcript.Summary
	picked  bool
	err     error
}

// summarize reads recordings side by side: a folder may hold very many.
func (f listFilter) summarize(all []recordings.Info, by summarizer) []summarized {
	read := make([]summarized, len(all))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(all)) {
		readers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				read[i] = f.read(all[i].Path, by)
			}
		})
	}
	readers.Wait()
	return read
}

// read reads a recording as far as it takes to say whether the filter picks it.
func (f listFilter) read(path string, by summarizer) (r summarized) {
	if r.summary, r.err = by(path); r.err == nil {
		r.picked, r.err = f.picks(r.summary)
	}
	return r
}

func (f listFilter) picks(sum transcript.Summary) (bool, error) {
	if f.outcome != "" && sum.Outcome != f.outcome {
		return false, nil
	}
	return f.match.picks(sum)
}

// outcomeFlag adds --outcome.
func outcomeFlag(cmd *cobra.Command, became *string) {
	cmd.Flags().Var(oneOf(became, "", outcomes()...), "outcome", "")
}

func outcomes() []string {
	var names []string
	for _, o := range outcome.All() {
		names = append(names, string(o))
	}
	return names
}

// spare are the places of the columns that give way on a narrow terminal, the
// first first: server, took, size, from, code, to.
var spare = []int{4, 8, 7, 5, 3, 6}

// leastReason is the room that the last column gets, as long as others can give
// way to it.
const leastReason = 30

// listTable prints the columns of the screen's list, cut to so many columns of
// text; 0 is as many as it takes.
func (p *Program) listTable(w io.Writer, rows []transcript.Summary, room int) {
	head := strings.Split(p.say("list-columns"), "|")
	table := [][]string{slices.Clone(head)}
	for _, s := range rows {
		table = append(table, []string{
			recordings.ShortID(s.ID), s.Started.Local().Format("2006-01-02 15:04:05"), p.outcome(s.Outcome), codeText(s.Code),
			visible.Text(s.Server), visible.Text(s.From), recipients(s), units.Bytes(s.Size), units.Time(s.Took), p.reason(s),
		})
	}
	for _, place := range spare {
		if total(table)+leastReason <= room || room == 0 {
			break
		}
		i := slices.Index(table[0], head[place])
		for n := range table {
			table[n] = slices.Delete(table[n], i, i+1)
		}
	}
	if left := room - total(table); room > 0 {
		for _, row := range table {
			last := &row[len(row)-1]
			*last = visible.Truncate(*last, max(left, 1), "…")
		}
	}
	columns(w, table)
}

// outcome is an outcome in a table: the word that --outcome takes, or what it is
// called in Chinese.
func (p *Program) outcome(o outcome.Outcome) string {
	if p.lang == lang.English {
		return string(o)
	}
	return draw.Texts().Say(p.lang, "state-"+string(o))
}

// total is how wide a table is without its last column.
func total(table [][]string) int {
	n := 0
	for _, width := range widths(table) {
		n += width + gap
	}
	return n - gap
}

// reason is why mail was not sent, and its subject otherwise, after a warning
// where there are passwords.
func (p *Program) reason(s transcript.Summary) string {
	text := s.Subject
	if !s.Outcome.Good() && s.Verdict != "" || text == "" && s.Outcome != outcome.Sent {
		text = s.Verdict.In(p.lang)
	}
	if s.SecretsKept {
		text = p.say("holds-passwords") + " " + text
	}
	return strings.TrimSpace(visible.Text(text))
}

func codeText(code int) string {
	if code == 0 {
		return "-"
	}
	return fmt.Sprint(code)
}

func recipients(s transcript.Summary) string {
	to := visible.Text(s.Rcpt)
	if s.Rcpts > 1 {
		to += fmt.Sprintf(" +%d", s.Rcpts-1)
	}
	return to
}

// gap is between columns, and widest what one may have.
const gap, widest = 2, 40

// columns prints rows with their cells aligned, long ones cut.
func columns(to io.Writer, rows [][]string) {
	w := bufio.NewWriter(to)
	defer w.Flush()
	width := widths(rows)
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row[:len(row)-1] {
			cell = visible.Truncate(cell, widest, "…")
			b.WriteString(cell + strings.Repeat(" ", width[i]-visible.Width(cell)+gap))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String()+row[len(row)-1], " "))
	}
}

// widths are those of all columns; that of the last one is 0.
func widths(rows [][]string) []int {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			width[i] = min(max(width[i], visible.Width(cell)), widest)
		}
	}
	return width
}

// outlined is what `list --json` and `explain --json` say of a session alike.
type outlined struct {
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`
	Outcome  string    `json:"outcome"`
	Code     int       `json:"code,omitempty"`
	Verdict  string    `json:"verdict,omitempty"`
	Client   string    `json:"client,omitempty"`
	Server   string    `json:"server,omitempty"`
	From     string    `json:"from,omitempty"`
	Rcpt     string    `json:"rcpt,omitempty"`
	Rcpts    int       `json:"rcpts"`
	Messages int       `json:"messages"`
	Sent     int       `json:"sent"`
	Subject  string    `json:"subject,omitempty"`
}

func (p *Program) outlineOf(s transcript.Summary) outlined {
	return outlined{s.Started, s.Took.Seconds(), string(s.Outcome), s.Code, s.Verdict.In(p.lang), s.Client, s.Server, s.From, s.Rcpt, s.Rcpts, s.Messages, s.Sent, s.Subject}
}

// listed is a recording in `list --json`.
type listed struct {
	ID   string `json:"id"`
	Path string `json:"path"`
	outlined
	Target     string `json:"target,omitempty"`
	TLS        bool   `json:"tls"`
	User       string `json:"user,omitempty"`
	Accepted   int    `json:"accepted"`
	Bytes      int64  `json:"bytes"`
	Secrets    bool   `json:"secretsKept"`
	Incomplete bool   `json:"incomplete"`
}

func (p *Program) listJSON(w io.Writer, rows []transcript.Summary) error {
	out := []listed{}
	for _, s := range rows {
		out = append(out, listed{s.ID, s.Path, p.outlineOf(s), s.Target, s.TLS, s.User, s.Accepted, s.Size, s.SecretsKept, s.Incomplete})
	}
	return visible.WriteJSON(w, out, "  ")
}
