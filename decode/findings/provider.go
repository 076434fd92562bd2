package findings

import (
	"strings"
	"sync"
)

// A provider is a mail service whose ways are known, by its id in the
// catalogue.
type provider string

// Providers that rules in Go look for.
const (
	gmail     provider = "gmail"
	microsoft provider = "microsoft"
	outlook   provider = "outlook"
	yahoo     provider = "yahoo"
	yandex    provider = "yandex"
	ses       provider = "ses"
	sendgrid  provider = "sendgrid"
	mailgun   provider = "mailgun"
	zoho      provider = "zoho"
	qq        provider = "qq"
	exmail    provider = "exmail"
	netease   provider = "netease"
	icloud    provider = "icloud"
	gmx       provider = "gmx"
)

// providerData tells how a provider's servers are recognised.
type providerData struct {
	ID    provider `toml:"id"`
	Name  string   `toml:"name"`
	Marks []string `toml:"marks"` // parts of host names, banners, first lines of EHLO replies and links in replies
}

// providers are those of the catalogue, more particular ones first.
var providers = sync.OnceValue(func() []providerData {
	var file struct {
		Provider []providerData `toml:"provider"`
	}
	readCatalogue("providers", &file)
	return file.Provider
})

// name is what people call it; "" for none.
func (p provider) name() string {
	for _, known := range providers() {
		if known.ID == p {
			return known.Name
		}
	}
	return ""
}

// findProvider finds the provider in what names a server; "" for none. The
// first that is found decides.
func findProvider(text string) provider {
	text = strings.ToLower(text)
	for _, p := range providers() {
		if containsAny(text, p.Marks) {
			return p.ID
		}
	}
	return ""
}

// isAt reports whether the session is with that provider's server.
func (s *session) isAt(p provider) bool {
	return s.provider == p || p == microsoft && s.provider == outlook || p == outlook && s.provider == microsoft
}

// greetingProvider finds out whose server it is: by what it says of itself, by
// where the session went, and last by what its refusals link to.
func (s *session) greetingProvider() provider {
	for r := range s.to(toGreeting) {
		if p := findProvider(r.text()); p != "" {
			return p
		}
	}
	if s.wanted != "" && redirected(s) == nil {
		return s.wanted
	}
	for r := range s.to("EHLO", "HELO") {
		// Further lines may name the client, or what it runs on.
		if lines := r.event.Reply.Lines; r.positive() && len(lines) > 0 {
			if p := findProvider(firstWord(lines[0].Text)); p != "" {
				return p
			}
		}
	}
	return s.refusalProvider()
}

// refusalProvider finds the provider in links and marks of replies. Addresses
// in them belong to senders and recipients, and count for nothing.
func (s *session) refusalProvider() provider {
	looked := 0
	for i := range s.replies {
		r := s.replies[i]
		if r.positive() && r.verb != toMessage {
			continue
		}
		if p := findProvider(withoutAddresses(r.folded())); p != "" {
			return p
		}
		if looked++; looked > mostExplained {
			break
		}
	}
	for _, said := range s.says {
		if p := findProvider(withoutAddresses(said.folded)); p != "" {
			return p
		}
	}
	return ""
}

func withoutAddresses(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	words := strings.Fields(text)
	kept := words[:0]
	for _, w := range words {
		if !strings.Contains(w, "@") {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// wantedProvider is whose server the client meant to reach.
func (s *session) wantedProvider() provider {
	for _, d := range s.dials {
		if p := findProvider(d.fact.Host); p != "" {
			return p
		}
	}
	for _, name := range []string{"host", "smtp_host", "mail_host", "server"} {
		if p := findProvider(s.settings[name]); p != "" {
			return p
		}
	}
	return findProvider(s.t.Target)
}

// publicDomains are domains whose addresses belong to people, and which
// nobody's own server may send for.
var publicDomains = map[string]bool{
	"gmail.com": true, "googlemail.com": true, "yahoo.com": true, "yahoo.co.uk": true, "yahoo.fr": true, "yahoo.de": true,
	"ymail.com": true, "aol.com": true, "outlook.com": true, "outlook.fr": true, "hotmail.com": true, "hotmail.fr": true,
	"hotmail.co.uk": true, "live.com": true, "msn.com": true, "icloud.com": true, "me.com": true, "mac.com": true,
	"gmx.net": true, "gmx.de": true, "gmx.com": true, "web.de": true, "t-online.de": true, "yandex.ru": true, "yandex.com": true,
	"mail.ru": true, "bk.ru": true, "qq.com": true, "foxmail.com": true, "163.com": true, "126.com": true, "sina.com": true,
	"protonmail.com": true, "proton.me": true, "orange.fr": true, "free.fr": true, "laposte.net": true, "libero.it": true,
	"comcast.net": true, "verizon.net": true, "att.net": true,
}
