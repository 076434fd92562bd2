package session

import "bytes"

// maxCommandLine is the longest command line that smtptap answers itself. RFC 5321
// section 4.5.3.1.4 allows 512 octets, extensions some hundreds more.
const maxCommandLine = 8 << 10

// commandLines cuts what a client says into command lines. It passes over chunks
// that nobody takes, and over endless lines.
type commandLines struct {
	skip int64 // octets of a chunk that are still to come, or of an endless line: -1
}

// next returns the command line with which p begins, and how long it is. Without
// one, n octets are passed over, after which the reply is due; 0 means that the
// rest of the line must come first.
func (c *commandLines) next(p []byte) (line []byte, n int, reply []byte) {
	if c.skip > 0 {
		n := min(int64(len(p)), c.skip)
		c.skip -= n
		return nil, int(n), nil
	}
	end := bytes.IndexByte(p, '\n') + 1
	switch {
	case c.skip == 0 && end == 0 && len(p) < maxCommandLine:
		return nil, 0, nil
	case end == 0:
		c.skip = -1
		return nil, len(p), nil
	case c.skip < 0 || end > maxCommandLine:
		c.skip = 0
		return nil, end, own(500, "5.5.2", "line too long")
	}
	return p[:end], end, nil
}
