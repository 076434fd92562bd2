// smtptap stands between an SMTP client and the real server, forwards every
// byte unchanged, and shows and records what was said, decoded and explained.
package main

import (
	"context"
	"os"

	"smtptap/tui/cli"
)

func main() {
	smtptap := cli.New(cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	smtptap.Add(
		cli.Demo,     // a session to look at, nothing to set up
		cli.Run,      // a program with its mail going through smtptap
		cli.List,     // recordings
		cli.View,     // recordings in the terminal UI
		cli.Attach,   // the terminal UI of a smtptap that runs elsewhere
		cli.Web,      // recordings in a browser
		cli.Show,     // a recording as annotated text
		cli.Export,   // a recording in a format for somebody else
		cli.Explain,  // a pasted log or a capture file
		cli.Import,   // a session of a capture file as a recording
		cli.Diff,     // where two sessions part
		cli.Replay,   // a recording said again to another server
		cli.Rules,    // what --rule can wait for and do
		cli.Check,    // a server or domain, without sending anything
		cli.MCP,      // all of it for coding agents
		cli.Findings, // what can be recognised
		cli.CA,       // the local certificate authority
		cli.Howto,    // what is around smtptap, set up
		cli.Prune,    // old recordings
		cli.Config,   // what is in force, and where it comes from
		cli.Query,    // help on what --match and --expect ask for
	)
	os.Exit(smtptap.Run(context.Background(), os.Args[1:]))
}
