// Package redact makes a transcript fit to be shared. It does not cross things
// out in what was decoded: it says the session again with stand-ins in place
// of what is to stay private, and decodes that. So every export of a redacted
// session is consistent, and none can show what was taken out.
package redact

import (
	"strings"
)

// Levels say what beyond passwords is taken out. Passwords always are.
type Levels struct {
	Addresses   bool // mail addresses, the names beside them, and user names become stand-ins, the same one everywhere
	KeepDomains bool // of addresses: only the part before the @ is replaced
	Hosts       bool // host names and IP addresses become stand-ins
	Body        bool // message bodies keep their structure and sizes, not their text
	Links       bool // what follows the host in links, and long tokens, is taken out of messages
}

// Names of the levels, as users give them.
var names = []string{"auth", "addresses", "hosts", "body", "links", "all"}

// Names are the names of the levels.
func Names() []string { return append([]string(nil), names...) }

// Parse reads names of levels, separated by commas. "auth" is always on.
func Parse(list []string) (Levels, error) {
	var l Levels
	for _, item := range list {
		for _, name := range strings.Split(item, ",") {
			switch strings.TrimSpace(name) {
			case "auth", "":
			case "addresses":
				l.Addresses = true
			case "hosts":
				l.Hosts = true
			case "body":
				l.Body = true
			case "links":
				l.Links = true
			case "all":
				l.Addresses, l.Hosts, l.Body, l.Links = true, true, true, true
			default:
				return l, words.Error("no-level", "name", name, "names", names)
			}
		}
	}
	return l, nil
}

// message reports whether any level changes messages.
func (l Levels) message() bool { return l.Addresses || l.Hosts || l.Body || l.Links }
