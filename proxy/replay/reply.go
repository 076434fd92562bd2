package replay

import (
	"bufio"
	"errors"
	"strings"
)

// A reply is what the server answered, as far as a client goes by it.
type reply struct {
	code int    // of its last line; 0 for none
	text string // behind the code of its last line

	keywords map[string]bool // the first word of each line but the first, in upper case
}

// maxReplyLine is how much of one line of a reply is looked at. RFC 5321
// section 4.5.3.1.5 allows 512 octets.
const maxReplyLine = 4 << 10

// maxKeywords bounds what is kept of a reply.
const maxKeywords = 200

// readReply reads a reply up to the line that ends it (RFC 5321 section 4.2.1).
// A line that is none ends it too, whatever it says.
func readReply(r *bufio.Reader) (reply, error) {
	all := reply{keywords: map[string]bool{}}
	for first := true; ; first = false {
		line, err := readLine(r)
		if err != nil {
			return all, err
		}
		var more bool
		all.code, more, all.text = parseReplyLine(line)
		if word, _, _ := strings.Cut(all.text, " "); !first && len(all.keywords) < maxKeywords {
			all.keywords[strings.ToUpper(word)] = true
		}
		if !more {
			return all, nil
		}
	}
}

// parseReplyLine reads a line: three digits, a hyphen where more lines follow,
// and a text.
func parseReplyLine(line string) (code int, more bool, text string) {
	for i := range 3 {
		if i >= len(line) || line[i] < '0' || line[i] > '9' {
			return 0, false, line
		}
		code = code*10 + int(line[i]-'0')
	}
	line = line[3:]
	if line == "" {
		return code, false, ""
	}
	return code, line[0] == '-', strings.TrimSpace(line[1:])
}

// readLine reads up to a LF. Of a line that is too long the beginning is kept.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		line = append(line, piece[:min(len(piece), maxReplyLine-len(line))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return strings.TrimRight(string(line), "\r\n"), err
		}
	}
}
