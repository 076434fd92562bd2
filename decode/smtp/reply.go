package smtp

import "bytes"

// A ReplyLine is one line of a reply (RFC 5321 section 4.2). Its slices are
// parts of the line.
type ReplyLine struct {
	Code     int    // 0 for none
	More     bool   // a hyphen follows the code: the reply goes on
	Enhanced []byte // enhanced status code, such as 5.7.8 (RFC 2034); nil for none
	Text     []byte // after code, separator and enhanced code; the whole line when it has no code
}

// ReadReplyLine reads a line of a reply, with or without its end.
func ReadReplyLine(line []byte) ReplyLine {
	text := withoutEnd(line)
	code, more, found := replyHead(text)
	if !found {
		return ReplyLine{Text: text}
	}
	l := ReplyLine{Code: code, More: more, Text: text[min(len(text), 4):]}
	if n := enhancedLen(l.Text, text[0]); n > 0 {
		l.Enhanced = l.Text[:n]
		l.Text = l.Text[min(len(l.Text), n+1):]
	}
	return l
}

// Ends reports whether the line ends its reply. begun says that lines of the
// reply stand before it: then a line without a code is more of its text.
func (l ReplyLine) Ends(begun bool) bool { return !l.More && (l.Code != 0 || !begun) }

// replyHead reads code and separator at the start of a line without its end.
func replyHead(text []byte) (code int, more, found bool) {
	if len(text) < 3 || !isDigit(text[0]) || !isDigit(text[1]) || !isDigit(text[2]) {
		return 0, false, false
	}
	code = int(text[0]-'0')*100 + int(text[1]-'0')*10 + int(text[2]-'0')
	if len(text) == 3 {
		return code, false, code != 0
	}
	return code, text[3] == '-', code != 0 && (text[3] == ' ' || text[3] == '-' || text[3] == '\t')
}

// enhancedLen is the length of the enhanced status code at the start of p, 0
// for none (RFC 2034 section 4: class.subject.detail, class as in the code).
func enhancedLen(p []byte, class byte) int {
	if len(p) < 5 || p[0] != class || class != '2' && class != '4' && class != '5' {
		return 0
	}
	i := 1
	for range 2 {
		if i >= len(p) || p[i] != '.' {
			return 0
		}
		i++
		start := i
		for i < len(p) && i-start < 3 && isDigit(p[i]) {
			i++
		}
		if i == start {
			return 0
		}
	}
	if i < len(p) && p[i] != ' ' {
		return 0
	}
	return i
}

// Replies finds the ends of replies in a server's stream, cut anywhere. The zero
// value stands at the start of a reply. It holds no text.
type Replies struct {
	head  [32]byte // the start of the unfinished line
	n     int      // octets of that line, one more than head has room for when it is longer
	begun bool     // lines of the reply stand before it
	code  int      // of the lines before
	hello bool     // one of them lists an extension
}

// A Reply is what a stream tells of a reply that is complete.
type Reply struct {
	Code  int  // that of its last line that has one
	Hello bool // it lists extensions, as the reply to EHLO does
}

// Next goes through p up to the end of the first reply that p completes, and
// returns how far that is. n is len(p) when none is complete.
func (r *Replies) Next(p []byte) (n int, reply Reply, complete bool) {
	for n < len(p) {
		end := bytes.IndexByte(p[n:], '\n')
		if end < 0 {
			r.add(p[n:])
			return len(p), Reply{}, false
		}
		r.add(p[n : n+end])
		n += end + 1
		if reply, complete := r.line(); complete {
			return n, reply, true
		}
	}
	return n, Reply{}, false
}

// Pending reports that a reply has begun and not ended.
func (r *Replies) Pending() bool { return r.begun || r.n > 0 }

// add takes octets of a line, its LF excepted.
func (r *Replies) add(p []byte) {
	if r.n < len(r.head) {
		copy(r.head[r.n:], p)
	}
	r.n = min(r.n+len(p), len(r.head)+1)
}

// line ends the line.
func (r *Replies) line() (reply Reply, complete bool) {
	n := min(r.n, len(r.head))
	if n == r.n && n > 0 && r.head[n-1] == '\r' {
		n--
	}
	l := ReadReplyLine(r.head[:n])
	if l.Code != 0 {
		r.code = l.Code
	}
	r.hello = r.hello || r.begun && l.Offers()
	reply = Reply{Code: r.code, Hello: r.hello}
	if complete = l.Ends(r.begun); complete {
		*r = Replies{}
		return reply, true
	}
	*r = Replies{begun: true, code: r.code, hello: r.hello}
	return reply, false
}

// FirstReply is the length of the reply at the start of p, its lines' ends
// included, and its code; 0 if it is not complete.
func FirstReply(p []byte) (n, code int) {
	var r Replies
	n, reply, complete := r.Next(p)
	if !complete {
		return 0, 0
	}
	return n, reply.Code
}

// A Keyword is an extension that a line of the reply to EHLO offers (RFC 5321
// section 4.1.1.1). The form of before RFC 2554, AUTH=LOGIN, is a keyword of its
// own: "AUTH=".
type Keyword struct{ Name, Params []byte } // as sent

// ReadKeyword reads the text of a line of the reply to EHLO, any but the first.
func ReadKeyword(text []byte) Keyword {
	name, params := Word(text)
	if i := bytes.IndexByte(name, '='); i >= 0 {
		_, params = trimBlanks(text[bytes.IndexByte(text, '=')+1:])
		name = name[:i+1]
	}
	return Keyword{name, params}
}

// Is compares the name in any case.
func (k Keyword) Is(name string) bool { return equalFold(k.Name, name) }

// extensions are keywords that only a reply to EHLO lists.
var extensions = map[string]bool{
	"STARTTLS": true, "SIZE": true, "PIPELINING": true, "8BITMIME": true, "AUTH": true, "AUTH=": true, "ENHANCEDSTATUSCODES": true,
	"CHUNKING": true, "BINARYMIME": true, "SMTPUTF8": true, "DSN": true, "ETRN": true, "DELIVERBY": true, "REQUIRETLS": true,
	"LIMITS": true, "XCLIENT": true, "XFORWARD": true,
}

// Offers reports whether the line offers an extension that is known.
func (l ReplyLine) Offers() bool {
	var upper [len("ENHANCEDSTATUSCODES")]byte
	name := ReadKeyword(l.Text).Name
	if l.Code != 250 || len(name) > len(upper) {
		return false
	}
	return extensions[string(upperCase(upper[:], name))]
}
