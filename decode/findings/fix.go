package findings

import (
	"slices"
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
	Shared bool     // the same for all findings with that remedy
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
	ID     string            `toml:"id"`
	Name   string            `toml:"name"`
	Uses   string            `toml:"uses"`   // the client that it sends through
	Remedy map[string]string `toml:"remedy"` // what remedies are in its terms

	Dialects   []string `toml:"dialects"`   // how the dialects of its logs begin
	Mailers    []string `toml:"mailers"`    // in X-Mailer or User-Agent
	Boundaries []string `toml:"boundaries"` // how the boundaries that it makes begin
	Marks      []string `toml:"marks"`      // in what its log says of errors
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

// fix joins what is said to clients with their code, and with a remedy for those
// to whom nothing more particular is said. tried is a port that is of no use.
func (w *words) fix(code map[string]string, remedy, tried string) Fix {
	untried := otherPorts(tried)
	f := Fix{Steps: steps(untried.Replace(w.Fix))}
	for _, c := range clients() {
		own := ClientFix{c.ID, c.Name, steps(untried.Replace(w.Client[c.ID])), strings.TrimSpace(untried.Replace(code[c.ID])), false}
		if len(own.Steps) == 0 && own.Code == "" {
			own.Code, own.Shared = untried.Replace(c.Remedy[remedy]), true
		}
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

// submission are the ports for submission, the best first.
var submission = []string{"587", "465", "2525"}

// otherPorts puts ports into a fix, without the one that was tried: {ports},
// {port} for the best, and {secure} for PHPMailer's encryption that belongs to
// it.
func otherPorts(tried string) *strings.Replacer {
	ports := slices.DeleteFunc(slices.Clone(submission), func(p string) bool { return p == tried })
	last := len(ports) - 1
	secure := "ENCRYPTION_STARTTLS"
	if implicitTLS[ports[0]] {
		secure = "ENCRYPTION_SMTPS"
	}
	return strings.NewReplacer("{ports}", strings.Join(ports[:last], ", ")+" or "+ports[last], "{port}", ports[0], "{secure}", secure)
}
