package draw_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtptap/tui/draw"
	"smtptap/tui/keys"
)

// items is a source whose i-th item has so many rows.
type items []int

func (s items) Len() int { return len(s) }

func (s items) Item(i, width int) draw.Item {
	var it draw.Item
	if i%3 == 2 {
		it.Lead = []string{fmt.Sprintf("lead %d", i)}
	}
	for row := range s[i] {
		it.Rows = append(it.Rows, fmt.Sprintf("item %d row %d", i, row))
	}
	return it
}

func (s items) Text(i int) string { return fmt.Sprintf("Item %d", i) }

var marks = draw.NewTheme(draw.Mono, true)

func newPager(s draw.Source, width, height int) *draw.Pager {
	p := draw.NewPager(s, &marks)
	p.SetSize(width, height)
	return p
}

// cursorRow is the line of the window that the cursor is on, -1 for none.
func cursorRow(p *draw.Pager) int {
	return slices.IndexFunc(p.View(), func(l string) bool { return strings.Contains(l, marks.Marks.Cursor) })
}

func TestMoving(t *testing.T) {
	ten := make(items, 10)
	for i := range ten {
		ten[i] = 1
	}
	for _, c := range []struct {
		name   string
		moves  []keys.Action
		cursor int
		first  string
	}{
		{"start", nil, 0, "item 0 row 0"},
		{"down", []keys.Action{keys.Down}, 1, "item 0 row 0"},
		{"down past the window", slices.Repeat([]keys.Action{keys.Down}, 4), 4, "lead 2"},
		{"up stops", []keys.Action{keys.Up, keys.Up}, 0, "item 0 row 0"},
		{"bottom", []keys.Action{keys.Bottom}, 9, "item 7 row 0"},
		{"page", []keys.Action{keys.PageDown}, 3, "item 2 row 0"},
		{"pages to the end", slices.Repeat([]keys.Action{keys.PageDown}, 9), 9, "item 7 row 0"},
		{"and back", append(slices.Repeat([]keys.Action{keys.PageDown}, 9), slices.Repeat([]keys.Action{keys.PageUp}, 9)...), 0, "item 0 row 0"},
		{"top", []keys.Action{keys.Bottom, keys.Top}, 0, "item 0 row 0"},
	} {
		p := newPager(ten, 40, 4)
		for _, m := range c.moves {
			if !p.Move(m) {
				t.Fatalf("%s: %s moves nothing", c.name, m)
			}
		}
		if p.Cursor() != c.cursor || !strings.Contains(p.View()[0], c.first) {
			t.Errorf("%s: cursor %d under %q, want %d under %q", c.name, p.Cursor(), p.View()[0], c.cursor, c.first)
		}
	}
}

// An item that is taller than the window is read row by row.
func TestTallItem(t *testing.T) {
	p := newPager(items{1, 10, 1}, 40, 4)
	var seen []string
	for range 14 {
		seen = append(seen, p.View()...)
		p.Move(keys.Down)
	}
	all := strings.Join(seen, "\n")
	for row := range 10 {
		if want := fmt.Sprintf("item 1 row %d", row); !strings.Contains(all, want) {
			t.Errorf("%q was never in sight", want)
		}
	}
	if p.Cursor() != 2 {
		t.Errorf("the cursor ends on item %d, want 2", p.Cursor())
	}
}

func TestFollowing(t *testing.T) {
	s := items{1, 1, 1}
	p := draw.NewPager(&s, &marks)
	p.SetSize(40, 2)
	p.Follow(true)
	s = append(s, 1, 1)
	p.Changed(3)
	if p.Cursor() != 4 || !p.AtEnd() {
		t.Errorf("the cursor is on %d, want the newest, 4", p.Cursor())
	}
	p.Move(keys.Up)
	s = append(s, 1)
	p.Changed(5)
	if p.Cursor() != 3 || p.Following() {
		t.Errorf("moving up does not end following: cursor %d", p.Cursor())
	}
}

func TestSearch(t *testing.T) {
	s := make(items, 50_000)
	for i := range s {
		s[i] = 1
	}
	p := newPager(s, 40, 10)
	find := func(query string, back, here bool) (draw.SearchResult, int) {
		p.Search(query)
		p.Begin(back, here)
		for steps := range 10 {
			if f := p.Find(); f != draw.Unfinished {
				return f, steps
			}
		}
		t.Fatal("the search does not end")
		return 0, 0
	}
	if f, steps := find("ITEM 49999", false, true); f != draw.Found || p.Cursor() != 49_999 || steps == 0 {
		t.Errorf("found %d at %d in %d steps", f, p.Cursor(), steps)
	}
	if row := cursorRow(p); row < 0 || !strings.Contains(p.View()[row], marks.Match.On()+"item 49999") {
		t.Error("what was found is not marked")
	}
	if f, _ := find("item 7", false, false); f != draw.Found || p.Cursor() != 7 {
		t.Errorf("the search does not go round: %d", p.Cursor())
	}
	if f, _ := find("item 4", true, false); f != draw.Found || p.Cursor() != 4 {
		t.Errorf("backwards: %d", p.Cursor())
	}
	if f, _ := find("nobody", false, true); f != draw.NotFound || p.Cursor() != 4 {
		t.Errorf("nothing to find: %d, cursor %d", f, p.Cursor())
	}
}

// painted is a source of rows that have colours.
type painted []string

func (s painted) Len() int                    { return len(s) }
func (s painted) Item(i, width int) draw.Item { return draw.Item{Rows: []string{s[i]}} }
func (s painted) Text(i int) string           { return s[i] }

func TestSearchMarksWithinColours(t *testing.T) {
	p := newPager(painted{"\x1b[31mred ab\x1b[0mc plain"}, 40, 1)
	p.Search("bc")
	m := marks.Match.On()
	want := "\x1b[31mred a\x1b[0m" + m + "bc\x1b[0m plain"
	if got := p.View()[0]; !strings.HasSuffix(got, want) {
		t.Errorf("row is %q, want %q", got, want)
	}
}

func FuzzMoves(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 1, 1}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 250})
	actions := []keys.Action{keys.Down, keys.Up, keys.PageDown, keys.PageUp, keys.HalfDown, keys.HalfUp, keys.Top, keys.Bottom}
	f.Fuzz(func(t *testing.T, sizes, moves []byte) {
		sizes, moves = sizes[:min(len(sizes), 40)], moves[:min(len(moves), 60)]
		s := make(items, len(sizes))
		for i, n := range sizes {
			s[i] = 1 + int(n)%30
		}
		p := newPager(&s, 40, 10)
		height := 10
		for _, m := range moves {
			switch n := int(m); {
			case n < 8*16:
				p.Move(actions[n%8])
			case n < 160:
				height = n - 128
				p.SetSize(20+n, height)
			case n < 200:
				p.Go(n - 170)
			case n < 220:
				p.Click(n - 200)
			case n < 230:
				p.Scroll(n - 225)
			case n < 240:
				s = append(s, n%7+1)
				p.Changed(len(s) - 1)
			case n < 250:
				p.Follow(n%2 == 0)
			default:
				s = s[:len(s)/2]
				p.Reset()
			}
			view := p.View()
			if len(view) != height {
				t.Fatalf("%d lines in a window of %d", len(view), height)
			}
			if len(s) > 0 && height > 0 && cursorRow(p) < 0 {
				t.Fatalf("after %d the cursor %d is out of sight: %q", m, p.Cursor(), view)
			}
			total := 0
			for i := range s {
				it := s.Item(i, 0)
				total += len(it.Lead) + len(it.Rows)
			}
			if total >= height && slices.Contains(view, "") {
				t.Fatalf("after %d the window is not filled: %q", m, view)
			}
		}
	})
}
