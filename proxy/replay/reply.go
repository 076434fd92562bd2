package replay

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"smtptap/decode/smtp"
	"smtptap/decode/visible"
)

// A reply is what the server answered, as far as a client goes by it.
type reply struct {
	code int    // of its last line; 0 for none
	text string // after the code of its last line

	keywords map[string]bool // the first word of each line but the first, in upper case
}

// maxReplyLine is how much of one line of a reply is looked at. RFC 5321
// section 4.5.3.1.5 allows 512 octets.
const maxReplyLine = 4 << 10

// maxKeywords bounds what is kept of a reply.
const maxKeywords = 200

// readReply reads a reply up to the line that ends it (RFC 5321 section 4.2.1).
func readReply(r *bufio.Reader) (reply, error) {
	all := reply{keywords: map[string]bool{}}
	for first := true; ; first = false {
		line, err := readLine(r)
		if err != nil {
			return all, err
		}
		l := smtp.ReadReplyLine(line)
		if l.Code != 0 {
			all.code = l.Code
		}
		all.text = strings.TrimSpace(string(l.Enhanced) + " " + string(l.Text))
		if !first && len(all.keywords) < maxKeywords {
			all.keywords[strings.ToUpper(string(smtp.ReadKeyword(l.Text).Name))] = true
		}
		if l.Ends(!first) {
			return all, nil
		}
	}
}

// readLine reads up to a LF. Of a line that is too long the beginning is kept.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		line = append(line, piece[:min(len(piece), maxReplyLine-len(line))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// String is the reply in one line, safe to print.
func (r reply) String() string { return visible.Text(fmt.Sprintf("%03d %s", r.code, r.text)) }
