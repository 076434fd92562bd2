package decode

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"smtptap/decode/smtp"
)

const (
	shortestKnown = 3         // shorter secrets are not looked for
	strongKnown   = 8         // from this length on a text is no word by chance
	mostKnown     = 256 << 10 // bytes of what is looked for in one session
	longestKnown  = 4096      // of a longer secret the beginning is looked for
	mostSaid      = 8 << 10   // of what was said in clear before
	mostHeld      = 64 << 10  // of one reply that waits for its end
	deepest       = 2         // notations inside each other
)

// known are the secrets of a session, as texts to look for in what the server
// says.
type known struct {
	texts    map[uint16][]secretText // by their beginning
	begin    *[1 << 10]uint64        // which beginnings there are
	size     int                     // of all texts
	overflow bool                    // there were more than can be looked for
	said     []byte                  // what was said before in clear, in lower case
}

// A secretText is a secret in lower case. A weak one is short or a common word:
// it stands in many texts that have nothing to do with it, so that leaving it
// out of all of them would tell it. It is left out where the server answers the
// credentials, and only as a word of its own.
type secretText struct {
	text []byte
	weak bool
	cut  bool // the beginning of a longer one
}

// common are words of servers' replies.
var common = wordSet(`access account address allowed application authenticate authenticated authentication authorization
	authorized bad base64 blocked cancelled cannot challenge client closing command connection credential credentials
	data decode denied disabled does domain error expected failed failure help host incorrect invalid login long
	mail mailbox match mechanism message method missing name not null password permitted please plain recognized refused
	rejected relay required response secret security sender server service smtp support supported syntax temporary
	test too transport try undefined unknown unrecognized user username wrong`)

func wordSet(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// say notes what was said in clear: what a secret has in common with it is no
// secret.
func (k *known) saidInClear(p []byte) {
	if room := mostSaid - len(k.said); room > 0 && len(k.texts) == 0 {
		k.said = appendLower(k.said, p[:min(len(p), room)])
	}
}

// remember keeps a secret and its decoded parts.
func (k *known) remember(text []byte) {
	text = bytes.TrimSpace(text)
	if i := bytes.LastIndexAny(text, " \t"); i >= 0 {
		// A mechanism that is not known, or a command, stands before it.
		k.remember(text[i+1:])
	}
	k.add(text)
	k.add(bytes.Trim(text, `"'<>{}()[],;`))
	plain, _ := decodeBase64(bytes.Trim(text, `"'`))
	if i := bytes.LastIndexByte(plain, 0); i >= 0 {
		k.add(plain[i+1:]) // PLAIN: identities are no secrets
		return
	}
	for _, p := range bytes.FieldsFunc(plain, func(r rune) bool { return r == 1 }) {
		k.add(p)
		if _, token, found := bytes.Cut(p, []byte("earer ")); found {
			k.add(token)
		}
	}
	if i := bytes.LastIndexByte(plain, ' '); i >= 0 {
		k.add(plain[i+1:])
	}
}

// rememberWords keeps what a line or an argument held, and its words.
func (k *known) rememberWords(text []byte) {
	for _, w := range bytes.Fields(text) {
		k.remember(w)
	}
	k.remember(text)
}

// add keeps a secret, and how it would stand in other character sets and
// without its punctuation.
func (k *known) add(secret []byte) {
	text := lower(secret[:min(len(secret), longestKnown)])
	weak := common[string(text)] || len(text) < strongKnown && !(len(text) > strongKnown/2 && mixed(text)) || bytes.Contains(k.said, text)
	for _, form := range append([][]byte{text}, otherForms(text)...) {
		k.addText(secretText{form, weak, len(secret) > longestKnown})
	}
}

func otherForms(text []byte) [][]byte {
	var forms [][]byte
	if len(text) >= strongKnown {
		forms = append(forms, only(text, isWordByte).text)
	}
	if smtp.HasEightBit(text) && utf8.Valid(text) {
		var latin1, be, le []byte
		for _, r := range string(text) {
			latin1 = append(latin1, byte(r))
		}
		for _, u := range utf16.Encode([]rune(string(text))) {
			be, le = append(be, byte(u>>8), byte(u)), append(le, byte(u), byte(u>>8))
		}
		forms = append(forms, latin1, be, le)
	}
	return forms
}

func (k *known) addText(s secretText) {
	if len(s.text) < shortestKnown {
		return
	}
	b := beginning(s.text)
	if slices.ContainsFunc(k.texts[b], func(o secretText) bool { return bytes.Equal(o.text, s.text) }) {
		return
	}
	if k.size+len(s.text) > mostKnown {
		k.overflow = true
		return
	}
	if k.texts == nil {
		k.texts, k.begin = map[uint16][]secretText{}, new([1 << 10]uint64)
	}
	k.texts[b] = append(k.texts[b], s)
	k.begin[b/64] |= 1 << (b % 64)
	k.size += len(s.text)
}

// mixed reports a text of digits and other characters, which no word is.
func mixed(p []byte) bool {
	digits := 0
	for _, b := range p {
		if '0' <= b && b <= '9' {
			digits++
		}
	}
	return digits > 0 && digits < len(p)
}

// lower is a text in lower case, as far as that leaves every place where it is.
func lower(p []byte) []byte { return appendLower(make([]byte, 0, len(p)), p) }

func appendLower(to, p []byte) []byte {
	start := len(to)
	q := append(to, p...)
	for i := start; i < len(q); {
		r, n := rune(q[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(q[i:])
		}
		if l := unicode.ToLower(r); l != r && utf8.RuneLen(l) == n {
			utf8.EncodeRune(q[i:], l)
		}
		i += n
	}
	return q
}

// reversed is a text with its characters in the opposite order.
func reversed(p []byte) []byte {
	q := make([]byte, 0, len(p))
	for len(p) > 0 {
		_, n := utf8.DecodeLastRune(p)
		q, p = append(q, p[len(p)-n:]...), p[:len(p)-n]
	}
	return q
}

// match finds the secrets in a text, reversed and set apart as well. answering:
// the text answers credentials.
func (k *known) match(text []byte, answering bool) []part {
	folded := lower(text)
	found := k.matchFolded(folded, answering)
	for _, p := range k.matchFolded(reversed(folded), false) {
		found = append(found, part{len(text) - p.to, len(text) - p.from})
	}
	for _, keep := range []func(byte) bool{isInk, isWordByte} {
		v := only(folded, keep)
		if len(v.text) == len(text) {
			continue
		}
		for _, p := range k.matchFolded(v.text, false) {
			found = append(found, part{v.at[p.from], v.at[p.to-1] + 1})
		}
	}
	return found
}

func (k *known) matchFolded(folded []byte, answering bool) []part {
	var found []part
	end := 0
	for i := 0; i+shortestKnown <= len(folded); i++ {
		b := beginning(folded[i:])
		if k.begin[b/64]&(1<<(b%64)) == 0 {
			continue
		}
		for _, s := range k.texts[b] {
			p := part{i, i + len(s.text)}
			if p.to <= end || s.weak && !answering || !bytes.HasPrefix(folded[i:], s.text) || s.weak && !standsAlone(folded, p) {
				continue
			}
			if s.cut {
				p.to = len(folded)
			}
			found, end = append(found, p), p.to
		}
	}
	return found
}

// beginning is a hash of the first bytes of a text.
func beginning(p []byte) uint16 { return uint16(p[0])<<8 ^ uint16(p[1])<<4 ^ uint16(p[2]) }

// standsAlone reports a word of its own, and of a common word that it is quoted.
func standsAlone(text []byte, p part) bool {
	before, after := byte(' '), byte(' ')
	if p.from > 0 {
		before = text[p.from-1]
	}
	if p.to < len(text) {
		after = text[p.to]
	}
	if common[string(text[p.from:p.to])] {
		return strings.IndexByte(`"'<([{:`+"`", before) >= 0 && strings.IndexByte(`"'>)]}`+"`", after) >= 0
	}
	return !isWordByte(before) && !isWordByte(after)
}

func isWordByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b >= 0x80
}

// only is a text without the bytes that keep refuses.
func only(text []byte, keep func(byte) bool) view {
	v := view{text: make([]byte, 0, len(text)), at: make([]int, 0, len(text))}
	for i, b := range text {
		if keep(b) {
			v.text, v.at = append(v.text, b), append(v.at, i)
		}
	}
	return v
}

func isInk(b byte) bool { return b > ' ' }

// echoes finds secrets of the client in the lines of a reply: some servers
// quote what they did not understand, and some mechanisms end with a proof that
// a password can be guessed from. The secrets are given for each line.
func (d *Dialogue) echoes(lines []line) map[int][]secretSpan {
	if d.auth == nil && len(d.known.texts) == 0 && !d.known.overflow {
		if runs := saslRuns(smtp.TrimEnd(lines[0].buf)); len(runs) > 0 {
			return map[int][]secretSpan{0: spansOf(runs, "echo")}
		}
		return nil
	}
	found := map[int][]secretSpan{}
	var all view // the texts of the lines, and their places in the bytes of the lines
	starts := make([]int, 1, len(lines)+1)
	texts := make([]int, 0, len(lines)) // where each line's text begins: its code is no secret
	hidden := d.known.overflow
	for i := range lines {
		text := smtp.TrimEnd(lines[i].buf)
		r := parseReplyLine(text, i > 0 || d.reply != nil)
		from := len(text) - len(r.Text)
		if d.auth != nil && isServerProof(d.auth.mechanism, r.Text) {
			found[i] = append(found[i], secretSpan{from, len(text), &Mask{What: "digest", Mechanism: d.auth.mechanism}})
		}
		for k := from; k < len(text); k++ {
			all.at = append(all.at, starts[i]+k)
		}
		starts, texts = append(starts, starts[i]+len(text)), append(texts, starts[i]+from)
		all.text, all.at = append(append(all.text, r.Text...), '\n'), append(all.at, starts[i+1])
		hidden = hidden || lines[i].over == hiding
	}
	for _, p := range d.repeated(all.text, hidden) {
		from, to := all.at[p.from], all.at[p.to-1]+1
		for i := range lines {
			a, b := max(from, texts[i]), min(to, starts[i+1])
			if a < b {
				found[i] = addSpan(found[i], secretSpan{a - starts[i], b - starts[i], &Mask{What: "echo"}})
			}
		}
	}
	return found
}

// repeated finds what of a reply's text is a secret. hidden: it can't be told.
func (d *Dialogue) repeated(text []byte, hidden bool) []part {
	if hidden {
		return []part{{0, len(text)}}
	}
	found := saslRuns(text)
	if len(d.known.texts) == 0 {
		return found
	}
	answering := d.answersCredentials()
	match := func(p []byte) []part { return d.known.match(p, answering) }
	found = append(found, search(text, deepest, match)...)
	broken := only(text, isInk)
	for _, p := range search(broken.text, deepest, func(p []byte) []part { return d.known.matchFolded(lower(p), false) }) {
		found = append(found, part{broken.at[p.from], broken.at[p.to-1] + 1})
	}
	if plain, ok := decodeBase64(bytes.TrimSpace(text)); ok && len(search(plain, deepest, match)) > 0 {
		found = append(found, part{0, len(text)}) // a challenge
	}
	return found
}

// answersCredentials reports that the next reply answers a line that may have
// held a secret.
func (d *Dialogue) answersCredentials() bool {
	if !d.authTried && len(d.known.texts) == 0 {
		return false
	}
	verb := d.order.Due()
	if d.Lenient {
		verb = d.said.Verb
	}
	return verb == "AUTH" || !isVerbFirst([]byte(verb))
}

// addSpan adds a secret, joined with those it overlaps.
func addSpan(spans []secretSpan, s secretSpan) []secretSpan {
	kept := spans[:0]
	for _, t := range spans {
		if s.from < t.to && t.from < s.to {
			s.from, s.to = min(s.from, t.from), max(s.to, t.to)
			if t.mask.What != "echo" {
				s.mask = t.mask
			}
			continue
		}
		kept = append(kept, t)
	}
	return append(kept, s)
}

// mayRepeat reports that a line of the server may hold a secret of the client:
// what of it goes past MaxRaw can't be searched, and is not kept then.
func (d *Dialogue) mayRepeat([]byte) bool { return len(d.known.texts) > 0 }
