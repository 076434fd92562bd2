package panes

import "smtptap/tui/draw"

// sameColumns finds out which columns say the same in all rows, as sessions
// come.
type sameColumns struct {
	seen    int   // sessions that were looked at
	running []int // those among them to look at again
	rows    int
	first   map[string]string // value of each column
	varies  map[string]bool
}

// mayBeSame are the columns that are looked at: who speaks to whom. What became
// of a session is worth its place even where it is the same in all.
var mayBeSame = map[string]bool{"client": true, "server": true, "from": true, "to": true}

// in reports whether a column says the same in all rows, of which there are
// several.
func (s *sameColumns) in(column string) bool {
	return mayBeSame[column] && s.rows > 1 && !s.varies[column]
}

// look looks at sessions that are new, or that ran when it last did, and reports
// whether another column varies now.
func (s *sameColumns) look(source Source, t *draw.Theme) (changed bool) {
	if s.first == nil {
		s.first, s.varies = map[string]string{}, map[string]bool{}
	}
	columns, l := listColumns(t, false), listContext{theme: t}
	rows := s.rows
	look := s.running
	s.running = nil
	if len(s.varies) == len(mayBeSame) {
		s.seen = source.Len()
		return false
	}
	for ; s.seen < source.Len(); s.seen++ {
		look = append(look, s.seen)
	}
	for _, i := range look {
		sum := source.Summary(i)
		if sum.Live {
			s.running = append(s.running, i)
			if sum.Server == "" {
				sum.Target = "" // what stands in its place until a server is found
			}
		}
		s.rows = max(s.rows, i+1)
		for _, c := range columns {
			if mayBeSame[c.name] && !s.varies[c.name] && s.another(c.name, c.text(&sum, &l)) {
				s.varies[c.name], changed = true, true
			}
		}
	}
	return changed || rows < 2 && s.rows > 1
}

// another reports whether a value is not the one that a column has had so far.
func (s *sameColumns) another(column, value string) bool {
	first, known := s.first[column]
	if value != "" && !known {
		s.first[column] = value
	}
	return value != "" && known && value != first
}
