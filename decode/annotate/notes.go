package annotate

import (
	_ "embed"

	"smtptap/decode/lang"
)

//go:embed notes.toml
var notesDocument []byte

var noteTexts = lang.NewTexts(notesDocument)

// NoteText is what the note of the decoder with that id says.
func NoteText(l lang.Lang, id string) string { return noteTexts.Say(l, id) }
