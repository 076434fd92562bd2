package message

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strconv"
)

// What can be wrong with the text of a part.
const (
	CharsetUnknown = "charset-unknown" // no decoder for it
	CharsetMissing = "charset-missing" // bytes above 127 and no charset
	CharsetMisfit  = "charset-misfit"  // the bytes are of another charset
)

// A Preview is the beginning of a part in readable form. Neither Text nor Data
// is made visible.
type Preview struct {
	Data     []byte // encoding undone, at most Limits.Preview bytes
	Text     string // of a text part, in UTF-8
	Charset  string // that Text was read in
	Guessed  bool   // nobody declared it
	Cut      bool   // the part goes on
	Problems problems
}

// Preview decodes the beginning of the part; message is as for Raw. An error
// is one of the reader.
func (p *Part) Preview(message io.Reader, l Limits) (Preview, error) {
	l = l.withDefaults()
	content, err := p.Content(message)
	if err != nil {
		return Preview{}, err
	}
	var v Preview
	v.Data, err = io.ReadAll(io.LimitReader(content, l.Preview))
	if err != nil {
		return v, err
	}
	if n, _ := io.ReadFull(content, make([]byte, 1)); n == 1 {
		v.Cut = true
	}
	v.Problems = content.Problems()
	if p.IsText() {
		v.decode(p.Type.Get("charset"))
	}
	return v, nil
}

// decode reads Data in the declared charset, or in the one that it seems to be.
func (v *Preview) decode(declared string) {
	data := v.Data
	text, bad, known := convert(declared, data)
	switch {
	case !known:
		v.Text, v.Charset = Guess(data)
		v.Guessed = true
		v.Problems.add(CharsetUnknown, "charset-unknown-read", "value", clip(declared), "charset", v.Charset)
	case isASCIIName(declared):
		v.Text, v.Charset = Guess(data)
		v.Guessed = v.Charset != "us-ascii"
		switch {
		case bad == 0:
		case declared == "":
			v.Problems.add(CharsetMissing, "charset-missing", "charset", v.Charset)
		default:
			v.Problems.add(CharsetMisfit, "charset-too-small", "n", strconv.Itoa(bad), "value", clip(declared), "charset", v.Charset)
		}
	default:
		v.Text, v.Charset = text, charsetName(declared)
		switch {
		case looksLikeUTF8(declared, data):
			v.Problems.add(CharsetMisfit, "charset-is-utf8", "value", clip(declared))
		case bad > 0 && !(v.Cut && bad == 1): // a cut may go through a character
			v.Problems.add(CharsetMisfit, "charset-misfit", "n", strconv.Itoa(bad), "value", clip(declared))
		}
	}
}

// Facts are what can be said about a part's content without showing it.
type Facts struct {
	Size     int64  // encoding undone, in bytes
	SHA256   string // of these bytes, hexadecimal
	Problems problems
}

// Facts reads the whole message once and returns the facts of every part that
// is no container, by its index in Parts. message begins at the first byte.
func (t *Tree) Facts(message io.Reader) (map[int]Facts, error) {
	all := make(map[int]Facts)
	var pos int64
	for i := range t.Parts {
		p := &t.Parts[i]
		if p.Container {
			continue
		}
		if _, err := io.CopyN(io.Discard, message, p.Body.Start-pos); err != nil {
			return all, err
		}
		facts, err := p.facts(io.LimitReader(message, p.Body.Len()))
		if err != nil {
			return all, err
		}
		all[i] = facts
		pos = p.Body.End
	}
	return all, nil
}

func (p *Part) facts(raw io.Reader) (Facts, error) {
	content := newContent(p.Encoding, raw)
	hash := sha256.New()
	size, err := io.Copy(hash, content)
	if err != nil {
		return Facts{}, err
	}
	return Facts{Size: size, SHA256: hex.EncodeToString(hash.Sum(nil)), Problems: content.Problems()}, nil
}
