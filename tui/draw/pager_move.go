package draw

import "smtptap/tui/keys"

// Move takes an action that moves, and reports whether it was one.
func (p *Pager) Move(a keys.Action) bool {
	if p.source.Len() == 0 {
		return false
	}
	switch a {
	case keys.Down:
		p.down()
	case keys.Up:
		p.follow = false
		p.up()
	case keys.PageDown:
		p.page(max(p.height-1, 1))
	case keys.HalfDown:
		p.page(max(p.height/2, 1))
	case keys.PageUp:
		p.follow = false
		p.page(-max(p.height-1, 1))
	case keys.HalfUp:
		p.follow = false
		p.page(-max(p.height/2, 1))
	case keys.Top:
		p.follow = false
		p.top, p.off, p.cursor = 0, 0, 0
	case keys.Bottom:
		p.bottom()
	default:
		return false
	}
	p.settle()
	return true
}

// Scroll moves the window by rows and takes the cursor along.
func (p *Pager) Scroll(rows int) {
	if p.source.Len() == 0 {
		return
	}
	p.follow = p.follow && rows > 0
	p.page(rows)
	p.settle()
}

// Click puts the cursor on the item at a row of the window.
func (p *Pager) Click(row int) {
	for i, off := p.top, p.off; i < p.source.Len(); i, off = i+1, 0 {
		if row -= p.item(i).height() - off; row < 0 {
			p.Go(i)
			return
		}
	}
}

// Go puts the cursor on an item.
func (p *Pager) Go(i int) {
	i = min(max(i, 0), max(p.source.Len()-1, 0))
	p.cursor = i
	if i < p.top || i > p.top+p.height {
		p.top, p.off = i, 0 // far away: a third of the window above it
		p.rise(p.height / 3)
	}
	p.settle()
}

func (p *Pager) down() {
	if p.cursorTall() && p.below(p.cursor) > 0 {
		p.sink(1)
		return
	}
	if p.cursor < p.source.Len()-1 {
		p.cursor++
	}
}

func (p *Pager) up() {
	if p.cursor == p.top && p.off > 0 && p.cursorTall() {
		p.off--
		return
	}
	p.cursor = max(p.cursor-1, 0)
}

// page moves the window by rows, and the cursor into it where it would leave
// it. At either end the cursor goes all the way.
func (p *Pager) page(rows int) {
	if rows > 0 {
		if p.AtEnd() {
			p.cursor = max(p.source.Len()-1, 0)
			return
		}
		p.sink(rows)
		p.stopAtEnd()
		p.cursor = max(p.cursor, p.firstWhole())
		return
	}
	if p.top == 0 && p.off == 0 {
		p.cursor = 0
		return
	}
	p.rise(-rows)
	for p.cursor > p.top && p.below(p.cursor) > 0 {
		p.cursor--
	}
}

// firstWhole is the first item that begins in sight.
func (p *Pager) firstWhole() int {
	if p.off > 0 && p.item(p.top).height()-p.off < p.height {
		return min(p.top+1, max(p.source.Len()-1, 0))
	}
	return p.top
}

func (p *Pager) bottom() {
	p.cursor = max(p.source.Len()-1, 0)
	p.top, p.off = p.source.Len(), 0
	p.rise(p.height)
}

// sink moves the window down by rows, to the last row at most.
func (p *Pager) sink(rows int) {
	for rows > 0 && p.top < p.source.Len() {
		left := p.item(p.top).height() - p.off
		if rows < left {
			p.off += rows
			return
		}
		if p.top == p.source.Len()-1 {
			p.off += max(left-1, 0)
			return
		}
		rows -= left
		p.top, p.off = p.top+1, 0
	}
}

// rise moves the window up by rows, to the first row at most.
func (p *Pager) rise(rows int) {
	for rows > 0 {
		if p.off >= rows {
			p.off -= rows
			return
		}
		rows -= p.off
		p.off = 0
		if p.top == 0 {
			return
		}
		p.top--
		p.off = p.item(p.top).height()
	}
}

// stopAtEnd keeps the window filled while there are rows to fill it with.
func (p *Pager) stopAtEnd() {
	if !p.AtEnd() {
		return
	}
	p.top, p.off = p.source.Len(), 0
	p.rise(p.height)
}

// below is how many rows of item i are below the window.
func (p *Pager) below(i int) int {
	rows := -p.off
	for j := p.top; j <= i; j++ {
		if rows += p.item(j).height(); rows > p.height && j < i {
			return rows - p.height + 1
		}
	}
	return max(rows-p.height, 0)
}

// cursorTall reports whether the item under the cursor needs more rows than
// the window has, so that it is read row by row.
func (p *Pager) cursorTall() bool {
	return p.cursor < p.source.Len() && p.item(p.cursor).height() > p.height
}

// settle makes the window and the cursor fit the source, and each other.
func (p *Pager) settle() {
	n := p.source.Len()
	if n == 0 || p.height <= 0 {
		p.top, p.off, p.cursor = 0, 0, 0
		return
	}
	p.cursor = min(p.cursor, n-1)
	if p.top >= n {
		p.top, p.off = n-1, 0
	}
	p.off = min(p.off, max(p.item(p.top).height()-1, 0))
	switch {
	case p.cursor < p.top:
		p.top, p.off = p.cursor, 0
	case p.cursor == p.top && p.off > 0 && !p.cursorTall():
		p.off = 0
	case p.cursor > p.top+p.height:
		p.top, p.off = p.cursor, 0
		p.rise(p.height / 3)
	}
	if below := p.below(p.cursor); below > 0 && (!p.cursorTall() || p.cursor != p.top) {
		p.showCursor()
	}
	p.stopAtEnd()
}

// showCursor moves the window down until the item under the cursor is in sight
// to its end, or from its start when it is taller than the window.
func (p *Pager) showCursor() {
	height := p.item(p.cursor).height()
	p.top, p.off = p.cursor, 0
	if height < p.height {
		p.rise(p.height - height)
	}
}
