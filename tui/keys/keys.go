// Package keys is the one table of keys. What a key does, the help and the
// hints of the bottom line all come from it.
package keys

import "strings"

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
	Copy         Action = "copy"
	Export       Action = "export"
	Compare      Action = "mark"
	OpenFile     Action = "open-recording"
	Zoom         Action = "zoom"
	Layout       Action = "layout"
	Mouse        Action = "mouse"
	Help         Action = "help"
	Quit         Action = "quit"
	Interrupt    Action = "interrupt"
	Suspend      Action = "suspend"
)

// A Place is where a key is pressed.
type Place uint8

const (
	Anywhere Place = iota
	InList
	InSession
)

// A Binding says which keys ask for an action.
type Binding struct {
	Action Action
	Keys   []string // names as Bubble Tea gives them
	Place  Place
	Group  string // heading in the help
	Does   string // what it does, for the help
	Hint   string // the same in one word for the bottom line, "" to leave it out
}

// Table is every binding, in the order of the help.
var Table = []Binding{
	{Down, []string{"j", "down"}, Anywhere, "Move", "down", ""},
	{Up, []string{"k", "up"}, Anywhere, "Move", "up", ""},
	{PageDown, []string{"pgdown", " ", "ctrl+f"}, Anywhere, "Move", "a page down", ""},
	{PageUp, []string{"pgup", "ctrl+b"}, Anywhere, "Move", "a page up", ""},
	{HalfDown, []string{"ctrl+d"}, Anywhere, "Move", "half a page down", ""},
	{HalfUp, []string{"ctrl+u"}, Anywhere, "Move", "half a page up", ""},
	{Top, []string{"g", "home"}, Anywhere, "Move", "to the first", ""},
	{Bottom, []string{"G", "end"}, Anywhere, "Move", "to the last", ""},
	{Follow, []string{"F"}, Anywhere, "Move", "follow the newest; moving up stops it", "follow"},

	{Open, []string{"enter"}, InList, "Sessions", "open the session", "open"},
	{Search, []string{"/"}, InList, "Sessions", "filter: code:5xx from:ann !tls:yes size>1M", "filter"},
	{ToggleFilter, []string{"!"}, InList, "Sessions", "switch the filter off and on again", ""},
	{Compare, []string{"d"}, InList, "Sessions", "mark for a comparison; the second mark shows it", "diff"},
	{OpenFile, []string{"o"}, InList, "Sessions", "open a recording", "open file"},

	{Dialogue, []string{"1"}, Anywhere, "Session", "the dialogue", ""},
	{Message, []string{"2"}, Anywhere, "Session", "the messages: header, parts, attachments", ""},
	{TLS, []string{"3"}, Anywhere, "Session", "TLS on both legs, certificates", ""},
	{Findings, []string{"4"}, Anywhere, "Session", "what is wrong, why, and how to fix it", ""},
	{Timing, []string{"5"}, Anywhere, "Session", "who kept whom waiting", ""},
	{NextTab, []string{"l", "right"}, InSession, "Session", "the next of these", ""},
	{PrevTab, []string{"h", "left"}, InSession, "Session", "the previous of these", ""},
	{Open, []string{"enter"}, InSession, "Session", "unfold the line, open the part", ""},
	{NextView, []string{"v"}, InSession, "Session", "decoded, raw, hex", "view"},
	{Explain, []string{"x"}, InSession, "Session", "explain everything, only what is unusual, nothing", "explain"},
	{Wrap, []string{"w"}, InSession, "Session", "break long lines or cut them off", ""},
	{Reveal, []string{"s"}, InSession, "Session", "show secrets, if they were kept", ""},
	{Search, []string{"/"}, InSession, "Session", "search", "search"},
	{SearchNext, []string{"n"}, InSession, "Session", "next place found", ""},
	{SearchPrev, []string{"N"}, InSession, "Session", "previous place found", ""},

	{Copy, []string{"y"}, Anywhere, "Copy and export", "copy: line, command, reply, header, body, session", "copy"},
	{Export, []string{"e"}, Anywhere, "Copy and export", "write the session to a file, in any format", "export"},

	{NextPane, []string{"tab"}, Anywhere, "Screen", "to the other pane", ""},
	{PrevPane, []string{"shift+tab"}, Anywhere, "Screen", "to the other pane", ""},
	{Zoom, []string{"z"}, Anywhere, "Screen", "one pane or two", ""},
	{Layout, []string{"-"}, Anywhere, "Screen", "panes side by side or one above the other", ""},
	{Mouse, []string{"%"}, Anywhere, "Screen", "mouse on and off; off, the terminal selects text", ""},
	{Help, []string{"?"}, Anywhere, "Screen", "this help", "help"},
	{Back, []string{"esc"}, Anywhere, "Screen", "back; clears a search or a filter", ""},
	{Quit, []string{"q"}, InSession, "Screen", "back to the list, from a session", "back"},
	{Quit, []string{"q"}, InList, "Screen", "quit, from the list", "quit"},
	{Interrupt, []string{"ctrl+c"}, Anywhere, "Screen", "quit; twice quits at once", ""},
	{Suspend, []string{"ctrl+z"}, Anywhere, "Screen", "suspend, where only recordings are shown", ""},
}

// Lookup is the action that a key asks for at a place, None if it asks for
// nothing there.
func Lookup(key string, at Place) Action {
	for _, b := range Table {
		if b.Place != Anywhere && b.Place != at {
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
	var first, hints []Binding
	for _, b := range Table {
		switch {
		case b.Hint == "" || b.Place != Anywhere && b.Place != at:
		case b.Action == Help, b.Action == Quit:
			first = append(first, b)
		default:
			hints = append(hints, b)
		}
	}
	return append(first, hints...)
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
