package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"io"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"smtptap/decode"
	"smtptap/decode/findings"
)

// ErrIdentity says that something was about to be written that redaction had
// taken out.
var ErrIdentity = words.Error("identity")

// identitiesIn tells the addresses, host names and IP addresses in a text, one
// spelling of each, in whatever notation its reader may decode.
func identitiesIn(text string, tell func(string)) {
	text = encodedRun.ReplaceAllStringFunc(unescaped(text), openWords)
	plainIdentities(text, tell)
	for _, decoded := range readings(text) {
		plainIdentities(decoded, func(name string) {
			if !misread.MatchString(name) {
				tell(name)
			}
		})
	}
}

// misread is what decoding makes of RCPT@2=450, in which =45 is no octet.
var misread = regexp.MustCompile(`@\d[^.]*$`)

// unescaped is a text without what JSON and Markdown put before characters.
func unescaped(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	return escapePattern.ReplaceAllStringFunc(text, func(e string) string {
		if e[1] != 'u' {
			return e[1:]
		}
		n, _ := strconv.ParseUint(e[2:], 16, 16) // four digits, as matched
		return string(rune(n))
	})
}

var escapePattern = regexp.MustCompile(`\\(?:u[0-9a-fA-F]{4}|[!-/:-@\[-` + "`" + `{-~])`)

func plainIdentities(text string, tell func(string)) {
	for _, m := range addressPattern.FindAllStringSubmatch(text, -1) {
		domain := m[3][:domainEnd(m[3])]
		if noDomain(m[2], domain) {
			continue
		}
		local := m[1][len(keyPattern.FindString(m[1])):]
		if m[2] == "+40" {
			local = fromXtext(local)
		}
		tell(spelling(local, domain))
	}
	for _, name := range namePattern.FindAllString(text, -1) {
		tell(canonical(name))
	}
	for _, pattern := range []*regexp.Regexp{ip4Pattern, ip6Pattern} {
		for _, found := range pattern.FindAllString(text, -1) {
			if ip, err := netip.ParseAddr(found); err == nil {
				tell(ip.String())
			}
		}
	}
}

// spelling is an address in the one spelling that it is compared in.
func spelling(local, domain string) string {
	return strings.ToLower(strings.Trim(local, `"`)) + "@" + canonical(domain)
}

var octetEscape = regexp.MustCompile(`=[0-9A-F]{2}`)

// readings is what a text says in the notations that are found in it.
func readings(text string) []string {
	var all []string
	add := func(sign string, read func(string) string) {
		if strings.Contains(text, sign) {
			if plain := read(text); plain != text {
				all = append(all, plain)
			}
		}
	}
	add("%", func(t string) string {
		return percentEscape.ReplaceAllStringFunc(t, func(e string) string { p, _ := url.PathUnescape(e); return p })
	})
	add("&", html.UnescapeString)
	add("+", fromXtext)
	add(`\x{`, fromXtext)
	add("=", func(t string) string {
		return octetEscape.ReplaceAllStringFunc(t, func(e string) string { b, _ := hex.DecodeString(e[1:]); return string(b) })
	})
	for _, run := range encodedPattern.FindAllString(text, -1) {
		bare := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(run, "="))
		if plain, err := base64.RawStdEncoding.DecodeString(bare); err == nil && readable(plain) {
			all = append(all, string(plain))
		}
	}
	for _, digits := range hexPattern.FindAllString(text, -1) {
		if plain, err := hex.DecodeString(digits); err == nil {
			all = append(all, string(plain))
		}
	}
	return all
}

var percentEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// A census is a writer that tells the identities in what goes through it, line
// by line.
type census struct {
	w    io.Writer
	held []byte
	tell func(string)
	stop func() error
}

// longestLine is how much of a line is looked at together.
const longestLine = 64 << 10

func (c *census) Write(p []byte) (int, error) {
	size := len(p)
	for len(p) > 0 {
		k := min(len(p), longestLine)
		c.held, p = append(c.held, p[:k]...), p[k:]
		n := bytes.LastIndexByte(c.held, '\n') + 1
		if n == 0 && len(c.held) > longestLine {
			n = len(c.held) - longestLine/16
		}
		if err := c.pass(n); err != nil {
			return 0, err
		}
	}
	return size, nil
}

func (c *census) pass(n int) error {
	identitiesIn(string(c.held[:n]), c.tell)
	if err := c.stop(); err != nil {
		return err
	}
	_, err := c.w.Write(c.held[:n])
	c.held = append(c.held[:0], c.held[n:]...)
	return err
}

func (c *census) Close() error { return c.pass(len(c.held)) }

// refusing returns a writer to w that refuses to write any of the identities.
func refusing(w io.Writer, withheld []string) *census {
	set := map[string]bool{}
	for _, name := range withheld {
		set[name] = !ourOwn()[name]
	}
	found := false
	return &census{w: w, tell: func(name string) { found = found || set[name] }, stop: func() error {
		if found {
			return ErrIdentity
		}
		return nil
	}}
}

// ourOwn are the identities in the texts of the catalogue of findings, which
// stand in any export.
var ourOwn = sync.OnceValue(func() map[string]bool {
	own := map[string]bool{}
	identitiesIn(named(findings.Words()), func(name string) { own[name] = true })
	return own
})

// named are the lines of a text that hold an address, and of the others the words
// that may be a name: searching all of the catalogue would take a second.
func named(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "@") {
			b.WriteString(line)
			continue
		}
		for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Han, r) }) {
			if strings.ContainsAny(strings.Trim(word, ".,:;()。，：；（）"), ".:+") {
				b.WriteString(word + "\n")
			}
		}
	}
	return b.String()
}

// A Counter counts the addresses in what is written to it.
type Counter struct {
	census
	not   map[string]bool
	found map[string]bool
}

// NewCounter returns a counter of the addresses in an export of t. Identifiers
// of messages, which look like addresses, do not count, nor do stand-ins.
func NewCounter(t *decode.Transcript) *Counter {
	c := &Counter{not: messageIDs(t), found: map[string]bool{}}
	c.census = census{w: io.Discard, stop: func() error { return nil }, tell: func(name string) {
		if strings.Contains(name, "@") && !c.not[name] && !ourOwn()[name] && !standInAddress.MatchString(name) {
			c.found[name] = true
		}
	}}
	return c
}

// Addresses is how many different ones there were.
func (c *Counter) Addresses() int { return len(c.found) }

func messageIDs(t *decode.Transcript) map[string]bool {
	ids := map[string]bool{}
	for _, e := range t.Entries {
		if e.Event != nil && e.Event.Header != nil && hasMessageIDs(e.Event.Header.Name) {
			identitiesIn(string(e.Event.Raw), func(name string) { ids[name] = true })
		}
	}
	return ids
}

// withheld is all that has a stand-in, as identitiesIn tells it. A local part or
// a host of one label on its own is a word, and is not looked for again.
func (s *standIns) withheld() []string {
	var all []string
	add := func(name, stand string) {
		if name != stand && strings.ContainsAny(name, ".:@") {
			all = append(all, name)
		}
	}
	for key, stand := range s.people {
		if i := strings.LastIndexByte(key, '@'); i >= 0 && s.levels.Addresses {
			add(spelling(key[:i], key[i+1:]), stand+"@"+s.domainOf(key[i+1:]))
		}
	}
	for _, names := range []map[string]string{s.domains, s.hosts} {
		for name, stand := range names {
			add(name, stand)
		}
	}
	for ip, stand := range s.ips {
		add(ip.String(), stand)
	}
	return all
}
