package draw

// A Source is what a pager shows. Items may be added at its end at any time;
// tell the pager with Changed when others change.
type Source interface {
	Len() int
	// Item lays item i out in rows of at most width columns.
	Item(i, width int) Item
	// Text is what a search sees of item i.
	Text(i int) string
}

// An Item is laid out for one width.
type Item struct {
	Lead []string // rows above the item that the cursor does not mark
	Rows []string
}

func (it Item) height() int { return len(it.Lead) + len(it.Rows) }

// Gutter is how many columns the pager needs left of the items.
const gutter = 2

// maxLaidOut bounds the layouts that are kept.
const maxLaidOut = 1 << 10

// A Pager shows a window over items that take one or more rows each. It lays out
// only what is in sight, so that its cost does not grow with the number of
// items. Create it with NewPager.
type Pager struct {
	// Pair gives the item that belongs to the one under the cursor, or -1;
	// it is marked too. May be nil.
	Pair func(cursor int) int

	source        Source
	theme         *Theme
	width, height int
	top, off      int // first row in sight: a row of an item
	cursor        int
	follow        bool
	laidOut       map[int]Item
	search        search
}

// NewPager returns a pager over a source.
func NewPager(s Source, t *Theme) *Pager {
	return &Pager{source: s, theme: t, laidOut: map[int]Item{}}
}

// SetSize says how much room there is, the gutter included.
func (p *Pager) SetSize(width, height int) {
	if width != p.width {
		clear(p.laidOut)
	}
	p.width, p.height = width, height
	p.settle()
}

// Changed says that items from the given one on look different, or are new.
func (p *Pager) Changed(from int) {
	for i := range p.laidOut {
		if i >= from {
			delete(p.laidOut, i)
		}
	}
	if p.follow {
		p.bottom()
	}
	p.settle()
}

// Reset shows the source from its start again.
func (p *Pager) Reset() {
	clear(p.laidOut)
	p.top, p.off, p.cursor = 0, 0, 0
	p.settle()
}

// Cursor is the item under the cursor.
func (p *Pager) Cursor() int { return p.cursor }

// Width is how many columns an item has.
func (p *Pager) itemWidth() int { return max(p.width-gutter, 1) }

// Follow says whether the cursor stays at the last item as items are added.
func (p *Pager) Follow(on bool) {
	p.follow = on
	p.Changed(p.source.Len())
}

// Following reports whether the cursor stays at the last item.
func (p *Pager) Following() bool { return p.follow }

// AtEnd reports whether the last row is in sight.
func (p *Pager) AtEnd() bool {
	rows := p.height
	for i, off := p.top, p.off; i < p.source.Len(); i, off = i+1, 0 {
		if rows -= p.item(i).height() - off; rows < 0 {
			return false
		}
	}
	return true
}

func (p *Pager) item(i int) Item {
	it, ok := p.laidOut[i]
	if !ok {
		if len(p.laidOut) >= maxLaidOut {
			clear(p.laidOut)
		}
		it = p.source.Item(i, p.itemWidth())
		p.laidOut[i] = it
	}
	return it
}

// View is the window: exactly as many lines as it is high.
func (p *Pager) View() []string {
	lines := make([]string, 0, p.height)
	pair := -1
	if p.Pair != nil && p.cursor < p.source.Len() {
		pair = p.Pair(p.cursor)
	}
	for i, off := p.top, p.off; i < p.source.Len() && len(lines) < p.height; i, off = i+1, 0 {
		it := p.item(i)
		gutter := "  "
		switch i {
		case p.cursor:
			gutter = p.theme.Key.Paint(p.theme.Marks.Cursor) + " "
		case pair:
			gutter = p.theme.Key.Paint(p.theme.Marks.Pair) + " "
		}
		lead := "  "
		if it.height() > p.height {
			lead = gutter // or the mark might be out of sight
		}
		for j := off; j < it.height() && len(lines) < p.height; j++ {
			if j < len(it.Lead) {
				lines = append(lines, lead+p.search.mark(it.Lead[j], p.theme.Match))
			} else {
				lines = append(lines, gutter+p.search.mark(it.Rows[j-len(it.Lead)], p.theme.Match))
			}
		}
	}
	for len(lines) < p.height {
		lines = append(lines, "")
	}
	return lines
}

// Len is how many items there are.
func (p *Pager) Len() int { return p.source.Len() }
