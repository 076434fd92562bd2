package decode

import (
	"bytes"
	"strings"

	"smtptap/decode/smtp"
)

// parseCommand reads a command line without its end.
func parseCommand(text []byte) *Command {
	line := smtp.ReadCommand(text)
	c := &Command{Verb: line.Verb, Known: line.Verb != "", Arg: string(line.Arg), Path: string(line.Path.Text), HasPath: line.Path.Found,
		ChunkSize: line.Size, Last: line.Last, Form: line.Form}
	if !c.Known {
		c.Verb = strings.ToUpper(string(line.Word))
	}
	for key, value, rest, found := line.Params.Next(); found; key, value, rest, found = rest.Next() {
		c.Params = append(c.Params, Param{strings.ToUpper(string(key)), string(value)})
	}
	return c
}

// hasVerb reports whether the line is a command with that verb.
func hasVerb(text []byte, verb string) bool { return smtp.ReadCommand(text).Verb == verb }

// formNotes are the notes for what is wrong with a command's form.
var formNotes = []struct {
	form smtp.Form
	id   string
}{
	{smtp.LeadingBlank | smtp.OddBlank | smtp.ManyBlanks | smtp.ColonBlank, "command-blanks"},
	{smtp.NoPath, "path-missing"},
	{smtp.PathBlank, "path-space"},
	{smtp.NoBrackets, "path-brackets"},
	{smtp.BadSize, "bdat-bad-size"},
}

// commandNotes tells what is wrong with a command's form.
func commandNotes(c *Command, text []byte) []Note {
	var notes []Note
	for _, n := range formNotes {
		if c.Known && c.Form&n.form != 0 {
			notes = append(notes, note(n.id, 1))
		}
	}
	switch c.Verb {
	case "PROXY":
		if bytes.HasPrefix(text, []byte("PROXY TCP")) || bytes.HasPrefix(text, []byte("PROXY UNKNOWN")) {
			notes = append(notes, note("proxy-protocol", 1))
		}
	case "GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT":
		if bytes.Contains(text, []byte(" HTTP/")) || bytes.HasPrefix(text, []byte("CONNECT ")) {
			notes = append(notes, note("not-smtp-http", 1))
		}
	}
	return notes
}
