package annotate

import (
	_ "embed"

	"smtptap/decode"
	"smtptap/decode/lang"
)

//go:embed notes.toml
var notesDocument []byte

var noteTexts = lang.NewTexts(notesDocument)

// NoteText is what a note of the decoder says.
func NoteText(l lang.Lang, n *decode.Note) string { return noteTexts.Say(l, n.ID, "of", n.Of) }
