// smtptap stands between an SMTP client and the real server, forwards every
// byte unchanged, and shows and records what was said, decoded and explained.
package main

import (
	"context"
	"os"

	"smtptap/tui/command"
)

func main() {
	smtptap := command.New(command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	smtptap.Add(
		command.Demo,     // a session to look at, nothing to set up
		command.List,     // recordings
		command.View,     // recordings in the terminal UI
		command.Show,     // a recording as annotated text
		command.Export,   // a recording in a format for somebody else
		command.Explain,  // a pasted log or a capture file
		command.Import,   // a session of a capture file as a recording
		command.Diff,     // where two sessions part
		command.Replay,   // a recording said again to another server
		command.Check,    // a server or domain, without sending anything
		command.Findings, // what can be recognised
		command.CA,       // the local certificate authority
		command.Prune,    // old recordings
	)
	os.Exit(smtptap.Run(context.Background(), os.Args[1:]))
}
