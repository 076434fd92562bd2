// Package keys is the one table of keys. What a key does, the help and the
// hints of the bottom line all come from it.
package keys

import (
	"slices"
	"strings"
)

// An Action is what a key asks for.
type Action string

// The actions of the screen.
const (
	None Action = ""

	Down     Action = "down"
	Up       Action = "up"
	PageDown Action = "page-down"
	PageUp   Action = "page-up"
	HalfDown Action = "half-down"
	HalfUp   Action = "half-up"
	Top      Action = "top"
	Bottom   Action = "bottom"

	Open         Action = "open"
	Back         Action = "back"
	NextPane     Action = "next-pane"
	PrevPane     Action = "previous-pane"
	NextTab      Action = "next-tab"
	PrevTab      Action = "previous-tab"
	Dialogue     Action = "dialogue"
	Message      Action = "message"
	TLS          Action = "tls"
	Findings     Action = "findings"
	Timing       Action = "timing"
	Follow       Action = "follow"
	Search       Action = "search"
	SearchNext   Action = "search-next"
	SearchPrev   Action = "search-previous"
	ToggleFilter Action = "filter-off"
	NextView     Action = "view"
	Explain      Action = "explain"
	Wrap         Action = "wrap"
	Reveal       Action = "reveal"
	Verify       Action = "verify"
	Copy         Action = "copy"
	Export       Action = "export"
	Compare      Action = "mark"
	CloseSession Action = "close-session"
	OpenFile     Action = "open-recording"
	Zoom         Action = "zoom"
	Layout       Action = "layout"
	Mouse        Action = "mouse"
	Help         Action = "help"
	Quit         Action = "quit"
	Hold         Action = "hold"
	LetGo        Action = "let-go"
	EditHeld     Action = "edit"
	AnswerHeld   Action = "answer"
	DropHeld     Action = "drop"
	LetAllGo     Action = "let-all-go"
	Mark         Action = "flag"
	Tag          Action = "tag"
	Note         Action = "note"
	Delete       Action = "delete"
	Sort         Action = "sort"
	ShowColumns  Action = "columns"
	TakePart     Action = "take-part"
	Interrupt    Action = "interrupt"
	Suspend      Action = "suspend"
)

// A Place is where a key is pressed.
type Place uint8

const (
	Anywhere Place = iota
	InList
	InSession
	OnHeld // in a session, on a line that is held
)

// A Binding says which keys ask for an action.
type Binding struct {
	Action Action
	Keys   []string // names as Bubble Tea gives them
	Place  Place
	Group  string // of the help
	Hinted bool   // the bottom line names it
}

// Text is the end of the keys of its texts: does-TEXT, hint-TEXT.
func (b Binding) Text() string {
	return string(b.Action) + [...]string{Anywhere: "", InList: "-in-list", InSession: "-in-session", OnHeld: "-on-held"}[b.Place]
}

// Table is every binding, in the order of the help.
var Table = []Binding{
	{Down, []string{"j", "down"}, Anywhere, "move", false},
	{Up, []string{"k", "up"}, Anywhere, "move", false},
	{PageDown, []string{"pgdown", " ", "ctrl+f"}, Anywhere, "move", false},
	{PageUp, []string{"pgup", "ctrl+b"}, Anywhere, "move", false},
	{HalfDown, []string{"ctrl+d"}, Anywhere, "move", false},
	{HalfUp, []string{"ctrl+u"}, Anywhere, "move", false},
	{Top, []string{"g", "home"}, Anywhere, "move", false},
	{Bottom, []string{"G", "end"}, Anywhere, "move", false},
	{Follow, []string{"F"}, Anywhere, "move", true},

	{Open, []string{"enter"}, InList, "sessions", true},
	{Search, []string{"/"}, InList, "sessions", true},
	{ToggleFilter, []string{"!"}, InList, "sessions", false},
	{Compare, []string{"d"}, InList, "sessions", true},
	{OpenFile, []string{"o"}, InList, "sessions", true},
	{Sort, []string{"S"}, InList, "sessions", false},
	{ShowColumns, []string{"C"}, InList, "sessions", false},
	{Mark, []string{"m"}, Anywhere, "sessions", false},
	{Tag, []string{"t"}, Anywhere, "sessions", false},
	{Note, []string{"n"}, InList, "sessions", false},
	{Delete, []string{"D"}, InList, "sessions", false},

	{CloseSession, []string{"X"}, Anywhere, "session", false},
	{Dialogue, []string{"1"}, Anywhere, "session", false},
	{Message, []string{"2"}, Anywhere, "session", false},
	{TLS, []string{"3"}, Anywhere, "session", false},
	{Findings, []string{"4"}, Anywhere, "session", false},
	{Timing, []string{"5"}, Anywhere, "session", false},
	{NextTab, []string{"l", "right"}, InSession, "session", false},
	{PrevTab, []string{"h", "left"}, InSession, "session", false},
	{Open, []string{"enter"}, InSession, "session", false},
	{NextView, []string{"v"}, InSession, "session", true},
	{Explain, []string{"x"}, InSession, "session", true},
	{Wrap, []string{"w"}, InSession, "session", false},
	{Reveal, []string{"s"}, InSession, "session", false},
	{Verify, []string{"c"}, InSession, "session", true},
	{Search, []string{"/"}, InSession, "session", true},
	{SearchNext, []string{"n"}, InSession, "session", false},
	{SearchPrev, []string{"N"}, InSession, "session", false},

	{Hold, []string{"i"}, Anywhere, "held", true},
	{LetGo, []string{"enter"}, OnHeld, "held", true},
	{EditHeld, []string{"e"}, OnHeld, "held", true},
	{AnswerHeld, []string{"a"}, OnHeld, "held", true},
	{DropHeld, []string{"x"}, OnHeld, "held", true},
	{LetAllGo, []string{"A"}, Anywhere, "held", true},

	{Copy, []string{"y"}, Anywhere, "out", true},
	{Export, []string{"e"}, Anywhere, "out", true},
	{TakePart, []string{"o"}, InSession, "out", true},

	{NextPane, []string{"tab"}, Anywhere, "screen", false},
	{PrevPane, []string{"shift+tab"}, Anywhere, "screen", false},
	{Zoom, []string{"z"}, Anywhere, "screen", false},
	{Layout, []string{"-"}, Anywhere, "screen", false},
	{Mouse, []string{"%"}, Anywhere, "screen", false},
	{Help, []string{"?"}, Anywhere, "screen", true},
	{Back, []string{"esc"}, Anywhere, "screen", false},
	{Quit, []string{"q"}, InSession, "screen", true},
	{Quit, []string{"q"}, InList, "screen", true},
	{Interrupt, []string{"ctrl+c"}, Anywhere, "screen", false},
	{Suspend, []string{"ctrl+z"}, Anywhere, "screen", false},
}

// Lookup is the action that a key asks for at a place, None if it asks for
// nothing there. On a held line its own keys come first, then those of a session.
func Lookup(key string, at Place) Action {
	if at == OnHeld {
		if a := lookup(key, func(p Place) bool { return p == OnHeld }); a != None {
			return a
		}
		at = InSession
	}
	return lookup(key, func(p Place) bool { return p == Anywhere || p == at })
}

func lookup(key string, there func(Place) bool) Action {
	for _, b := range Table {
		if !there(b.Place) {
			continue
		}
		for _, k := range b.Keys {
			if k == key {
				return b.Action
			}
		}
	}
	return None
}

// Hints are the bindings for the bottom line at a place. The help and the way out
// come first, so that they are there on the narrowest screen.
func Hints(at Place) []Binding {
	var first, held, hints []Binding
	for _, b := range Table {
		switch {
		case !b.Hinted || b.Place == InList && at != InList || b.Place == InSession && at == InList || Lookup(b.Keys[0], at) != b.Action:
		case b.Action == Help, b.Action == Quit:
			first = append(first, b)
		case b.Place == OnHeld:
			held = append(held, b)
		default:
			hints = append(hints, b)
		}
	}
	return slices.Concat(first, held, hints)
}

var names = map[string]string{
	" ": "space", "pgdown": "PgDn", "pgup": "PgUp", "home": "Home", "end": "End",
	"enter": "Enter", "esc": "Esc", "tab": "Tab", "shift+tab": "Shift-Tab",
}

// Name is a key as people call it.
func Name(key string) string {
	if n, ok := names[key]; ok {
		return n
	}
	if rest, ok := strings.CutPrefix(key, "ctrl+"); ok {
		return "Ctrl-" + strings.ToUpper(rest)
	}
	return key
}

// Names are the keys of a binding as people call them, "down" and the like as
// their mark.
func (b Binding) Names(arrows bool) string {
	all := make([]string, len(b.Keys))
	for i, k := range b.Keys {
		all[i] = Name(k)
		if mark, ok := arrowMarks[k]; ok && arrows {
			all[i] = mark
		}
	}
	return strings.Join(all, " ")
}

var arrowMarks = map[string]string{"up": "↑", "down": "↓", "left": "←", "right": "→"}
