package tui

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rowsOf are the outcomes of the list's rows.
func (s *screen) rowsOf() (rows []string) {
	for _, line := range strings.Split(stripped(strings.Join(s.list.View(), "\n")), "\n") {
		if word := regexp.MustCompile(`(sent|refused|partly) `).FindString(line); word != "" {
			rows = append(rows, strings.TrimSpace(word)+" "+regexp.MustCompile(`03:0\d`).FindString(line))
		}
	}
	return rows
}

func TestSort(t *testing.T) {
	memory := filepath.Join(t.TempDir(), "smtptap", "screen.json")
	sim := played(t)
	s := newScreen(t, sim, 120, 24, func(o *Options) { o.Memory = memory })
	byTime := s.rowsOf()
	for _, c := range []struct{ keys, status, first string }{
		{"S 8", "by SIZE, rising", "refused"},
		{"S 8", "by SIZE, falling", "sent"},
		{"S 3", "by CODE, rising", "sent"},
		{"S 3", "by CODE, falling", "partly"},
		{"S 1", "by STATE, rising", "partly"},
	} {
		s.press(strings.Fields(c.keys)...)
		s.expect(c.status)
		if rows := s.rowsOf(); len(rows) != 4 || !strings.HasPrefix(rows[0], c.first) {
			t.Errorf("%s: the rows are %q", c.status, rows)
		}
	}
	s.press("/", "code:250", "enter")
	if rows := s.rowsOf(); len(rows) != 2 {
		t.Errorf("a filter in another order picks %q", rows)
	}
	again := newScreen(t, sim, 120, 24, func(o *Options) { o.Memory = memory })
	again.carryOut(again.remember())
	again.expect("by STATE, rising")
	again.press("S", "2")
	if rows := again.rowsOf(); !slices.Equal(rows, byTime) {
		t.Errorf("by time again, the rows are %q, and were %q", rows, byTime)
	}
	again.press("S", "2")
	slices.Reverse(byTime)
	if rows := again.rowsOf(); !slices.Equal(rows, byTime) {
		t.Errorf("the newest first, the rows are %q", rows)
	}
}

func TestColumns(t *testing.T) {
	memory := filepath.Join(t.TempDir(), "screen.json")
	sim := played(t)
	s := newScreen(t, sim, 120, 24, func(o *Options) { o.Memory = memory })
	s.expect("SIZE", "SUBJECT", "TIME")
	s.press("C", "8", "0", "1", "esc")
	s.expect("STATE", "TIME")
	s.expectNot("SIZE")
	s.expectNot("SUBJECT")
	s = newScreen(t, sim, 120, 24, func(o *Options) { o.Memory = memory })
	s.carryOut(s.remember())
	s.expectNot("SIZE")
	s.press("C", "8", "esc")
	s.expect("SIZE")
	for _, broken := range []string{"{", `{"sort":"nonsense","hidden":["x"]}`, `{"hidden":["time","code","client","server","from","to","size","took","subject","state"]}`} {
		os.WriteFile(memory, []byte(broken), 0o600)
		s := newScreen(t, sim, 120, 24, func(o *Options) { o.Memory = memory })
		s.carryOut(s.remember())
		s.expect("STATE", "✓ sent")
	}
}
