package tui

// A place is a rectangle of the screen.
type place struct{ x, y, width, height int }

func (p place) shown() bool { return p.width > 0 && p.height > 0 }

func (p place) holds(x, y int) bool {
	return x >= p.x && x < p.x+p.width && y >= p.y && y < p.y+p.height
}

// places are where the panes are.
type places struct{ list, detail place }

// The least that the screen can be drawn on, and sizes from which on there is
// room for two panes.
const (
	minWidth, minHeight       = 40, 10
	splitHeight               = 28
	sideBySideWidth           = 150
	sideBySideGap             = 3
	maxListWidth              = 120 // columns of the list
	footHeight                = 2   // status and hints
	minListRows, maxListShare = 4, 0.34
)

func (m *model) tooSmall() bool { return m.width < minWidth || m.height < minHeight }

// sideBySide reports whether two panes stand side by side.
func (m *model) sideBySide() bool {
	if m.stacked != nil {
		return !*m.stacked && m.width >= 2*minWidth+sideBySideGap
	}
	return m.width >= sideBySideWidth
}

// listHeight is how many rows the list gets above the detail: as many as it
// fills, up to a third of the screen.
func (m *model) listHeight() int {
	rows := m.rowsAbove()
	return min(max(m.list.Len()+2, minListRows), int(float64(rows)*maxListShare))
}

// grown reports whether the list stands above the detail and wants another
// height than it has, because sessions came or went.
func (m *model) grown() bool {
	p := m.places
	return p.list.shown() && p.detail.shown() && p.detail.y > 0 && p.list.height != m.listHeight()
}

// rowsAbove is how many rows are left above notice, status and hints.
func (m *model) rowsAbove() int { return m.height - footHeight - len(m.noticeRows()) }

// arrange gives the panes their places.
func (m *model) arrange() {
	m.checked = nil
	if m.tooSmall() {
		m.places = places{}
		return
	}
	rows := m.rowsAbove()
	whole := place{0, 0, m.width, rows}
	switch {
	case m.zoomed || !m.sideBySide() && m.height < splitHeight:
		m.places = places{list: whole}
		if m.inDetail {
			m.places = places{detail: whole}
		}
	case m.sideBySide():
		left := min(max(m.width*45/100, minWidth), maxListWidth)
		m.places = places{
			list:   place{0, 0, left, rows},
			detail: place{left + sideBySideGap, 0, m.width - left - sideBySideGap, rows},
		}
	default:
		top := m.listHeight()
		m.places = places{
			list:   place{0, 0, m.width, top},
			detail: place{0, top, m.width, rows - top},
		}
	}
	if p := m.places.list; p.shown() {
		m.list.SetSize(p.width, p.height)
	}
	if p := m.places.detail; p.shown() {
		m.detail.SetSize(p.width, p.height)
	}
	if m.overlay != nil {
		m.overlay.SetSize(m.width, rows)
	}
}
