package findings

import (
	"strings"
	"sync"
)

// A Fix says how to fix what was found: in general, and in the terms of
// clients.
type Fix struct {
	Steps   []string
	Clients []ClientFix // those of which something is known, in the catalogue's order
}

// A ClientFix is a fix in the terms of one client.
type ClientFix struct {
	Client string   // its id in the catalogue, such as "phpmailer"
	Name   string   // what people call it
	Steps  []string // what to do, beside Code
	Code   string   // code or settings; may have several lines
}

// For is the fix in the terms of that client, as Report.Client names it.
func (f Fix) For(client string) (ClientFix, bool) {
	for client != "" {
		for _, c := range f.Clients {
			if c.Client == client {
				return c, true
			}
		}
		client = clientWith(client).Uses
	}
	return ClientFix{}, false
}

// clientData is a client that the catalogue has fixes for.
type clientData struct {
	ID   string `toml:"id"`
	Name string `toml:"name"`
	Uses string `toml:"uses"` // the client that it sends through
}

// clients are those of the catalogue, in the order in which they are shown.
var clients = sync.OnceValue(func() []clientData {
	var file struct {
		Client []clientData `toml:"client"`
	}
	readCatalogue("clients", &file)
	return file.Client
})

func clientWith(id string) clientData {
	for _, c := range clients() {
		if c.ID == id {
			return c
		}
	}
	return clientData{}
}

// ClientName is what people call a client, as Report.Client names it.
func ClientName(id string) string { return clientWith(id).Name }

// fix joins what is said to clients with their code.
func (w *words) fix(code map[string]string) Fix {
	f := Fix{Steps: steps(w.Fix)}
	for _, c := range clients() {
		own := ClientFix{c.ID, c.Name, steps(w.Client[c.ID]), strings.TrimSpace(code[c.ID])}
		if len(own.Steps) > 0 || own.Code != "" {
			f.Clients = append(f.Clients, own)
		}
	}
	return f
}

// steps are the lines of a fix.
func steps(text string) []string {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
