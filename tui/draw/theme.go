package draw

import "smtptap/decode/lang"

// A Style is how a piece of text looks. The zero value leaves it as it is.
type Style struct{ on string }

const off = "\x1b[0m"

// Paint returns text in the style. The text must not be painted already.
func (s Style) Paint(text string) string {
	if s.on == "" || text == "" {
		return text
	}
	return s.on + text + off
}

// On is the sequence that switches the style on, "" for none.
func (s Style) On() string { return s.on }

// Tone is which colours suit the terminal's background.
type Tone uint8

const (
	Dark  Tone = iota // light text on a dark background
	Light             // the other way round
	Mono              // no colours: bold, faint, underline and reverse only
)

// A Theme is the look and the language of the whole screen. Its colours are the 16 of the
// terminal's own palette, so that they follow what its owner chose, and none of
// them says anything that a word or a mark does not say too.
type Theme struct {
	Plain   Style
	Strong  Style // headings, what was said first
	Dim     Style // times, rules, what is there for completeness
	Meaning Style // what a line means
	Client  Style // who speaks
	Server  Style
	Own     Style // smtptap itself
	Good    Style
	Bad     Style
	Warn    Style
	Cursor  Style // the selected row of the pane with the focus
	Resting Style // the selected row of a pane without it
	Match   Style // what a search found
	Tab     Style // the open tab
	Key     Style // a key to press

	Marks Marks
	Lang  lang.Lang // that the screen speaks
}

// NewTheme returns the theme for a background, with marks in Unicode or ASCII.
func NewTheme(tone Tone, ascii bool) Theme {
	t := Theme{Marks: unicodeMarks}
	if ascii {
		t.Marks = asciiMarks
	}
	sgr := func(dark, light, mono string) Style {
		code := [...]string{dark, light, mono}[tone]
		if code == "" {
			return Style{}
		}
		return Style{"\x1b[" + code + "m"}
	}
	t.Strong = sgr("1", "1", "1")
	t.Dim = sgr("90", "90", "")
	t.Meaning = sgr("2", "2", "2")
	t.Client = sgr("1;36", "1;34", "1")
	t.Server = sgr("1;35", "1;35", "1")
	t.Own = sgr("1;33", "1;36", "1")
	t.Good = sgr("32", "32", "")
	t.Bad = sgr("1;31", "1;31", "1")
	t.Warn = sgr("33", "35", "")
	t.Cursor = sgr("7", "7", "7")
	t.Resting = sgr("1", "1", "1")
	t.Match = sgr("1;7;33", "1;7;35", "1;7")
	t.Tab = sgr("1;4", "1;4", "1;4")
	t.Key = sgr("36", "34", "1")
	return t
}

// Marks are the signs of the screen. Each is one column wide, runs of Rule and
// the like excepted.
type Marks struct {
	Sent, Partly, Refused, Failed, Nothing, Abandoned, Unknown, Running, Stalled, Held string // outcomes

	Cursor   string // left of the selected line
	Pair     string // left of the line that belongs to it
	Chosen   string // marked for a comparison
	Meaning  string // before what a line means
	Note     string // before what was noticed
	Warning  string // before what is wrong
	Finding  string // before a finding
	Rule     string // repeated to a line
	Wait     string // repeated in a gap
	Bar      string // repeated in the waterfall
	Arrow    string // from, to
	Ellipsis string // something was cut off here
	Record   string // being recorded
	Bullet   string
	Branch   string // of a tree
	Last     string
	Trunk    string
	Caret    string // of the input
}

var unicodeMarks = Marks{
	Sent: "✓", Partly: "◐", Refused: "✗", Failed: "!", Nothing: "·", Abandoned: "⌁", Unknown: "?", Running: "●", Stalled: "◌", Held: "■",
	Cursor: "▌", Pair: "▏", Chosen: "◆", Meaning: "·", Note: "›", Warning: "!", Finding: "▸",
	Rule: "─", Wait: "┈", Bar: "█", Arrow: "→", Ellipsis: "…", Record: "●",
	Bullet: "•", Branch: "├─ ", Last: "└─ ", Trunk: "│  ", Caret: "▏",
}

var asciiMarks = Marks{
	Sent: "+", Partly: "~", Refused: "x", Failed: "!", Nothing: "-", Abandoned: "/", Unknown: "?", Running: "*", Stalled: "z", Held: "H",
	Cursor: ">", Pair: ":", Chosen: "#", Meaning: ".", Note: "-", Warning: "!", Finding: "=",
	Rule: "-", Wait: ".", Bar: "#", Arrow: ">", Ellipsis: "~", Record: "*",
	Bullet: "*", Branch: "|- ", Last: "`- ", Trunk: "|  ", Caret: "_",
}
