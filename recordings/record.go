// Package recordings reads and writes recordings of SMTP sessions: text files
// that a pager can show and that are still exact. FORMAT.md is their
// specification. The package knows bytes, times and directions, and nothing
// of what the bytes mean.
package recordings

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// magic is the first line of every recording. Its number is the version of the
// format. Only a changed meaning makes a new one: additions are new record types
// and new JSON fields.
const magic = "smtptap recording 1\n"

// Ext ends the names of recordings.
const Ext = ".smtptap"

// SummariesName is the name of a folder's file that holds what was read of many
// recordings. It may be removed at any time.
const SummariesName = ".summaries"

const (
	// MaxData is how many bytes one record may carry. Who has more to say
	// of one kind uses several records.
	MaxData = 4 << 20
	// maxHeader is how many bytes the header record may carry.
	maxHeader = 64 << 10
	// maxHead is the longest head line, without its line end. The longest
	// that the grammar allows is 93 bytes.
	maxHead = 96
	// maxType is the longest name of a record type.
	maxType = 32
)

// Types of records that the format itself gives a meaning. The others, such
// as "open" or "dial", carry facts as JSON; FORMAT.md lists them.
const (
	TypeHeader    = "header"    // the first record: JSON of a Header
	TypeData      = "data"      // bytes that passed
	TypeMask      = "mask"      // JSON: a secret stood here
	TypeSkip      = "skip"      // JSON: bytes passed that are not here
	TypeSwallowed = "swallowed" // bytes that smtptap kept back at a TLS boundary
	TypeSecured   = "secured"   // no data: what follows was said inside TLS
	TypeUnopened  = "unopened"  // no data: what follows is TLS handed through
	TypeEnd       = "end"       // JSON: how the session ended; no recording is whole without it
)

// A Header says what a recording is of.
type Header struct {
	ID          string    `json:"id"`
	Started     time.Time `json:"started"` // when the client connected; all times count from here
	Program     string    `json:"program,omitempty"`
	Recorder    string    `json:"recorder,omitempty"` // whose pulse beats while the session runs; see Running
	Listen      string    `json:"listen,omitempty"`
	Target      string    `json:"target,omitempty"`
	Mode        string    `json:"mode,omitempty"`
	SplitLegs   bool      `json:"splitLegs,omitempty"`   // smtptap spoke to the server on its own account
	SecretsKept bool      `json:"secretsKept,omitempty"` // passwords are in here
}

// A Record is one thing that happened. From Client to Server means relayed;
// to or from Smtptap means that smtptap kept the bytes, or said them itself.
type Record struct {
	At       time.Duration // since Header.Started; never negative
	Type     string        // one to 32 of a-z, 0-9 and hyphen
	From, To who.Party
	Data     []byte // at most MaxData
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendHead appends the record's head line to dst. In the file its Data and
// one line feed follow.
func (r *Record) AppendHead(dst []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return dst, err
	}
	start := len(dst)
	dst = append(dst, r.Type...)
	dst = append(dst, ' ')
	dst = appendTime(dst, r.At)
	dst = append(dst, ' ', r.From.Letter(), ' ', r.To.Letter(), ' ')
	dst = strconv.AppendInt(dst, int64(len(r.Data)), 10)
	dst = append(dst, ' ')
	sum := crc32.Update(crc32.Checksum(dst[start:], castagnoli), castagnoli, r.Data)
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, digits[sum>>shift&15])
	}
	return append(dst, '\n'), nil
}

func (r *Record) check() error {
	switch {
	case !validType(r.Type):
		return fmt.Errorf("record type %q is not made of a-z, 0-9 and hyphen", r.Type)
	case r.From.Letter() == 0 || r.To.Letter() == 0:
		return fmt.Errorf("%s record from party %d to %d: there are three", r.Type, r.From, r.To)
	case r.At < 0:
		return fmt.Errorf("%s record at %v: before the session began", r.Type, r.At)
	case len(r.Data) > MaxData:
		return fmt.Errorf("%s record of %d bytes: at most %d go into one", r.Type, len(r.Data), MaxData)
	}
	return nil
}

func validType(t string) bool {
	if t == "" || len(t) > maxType {
		return false
	}
	for i := range len(t) {
		c := t[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// appendTime writes seconds with nine decimals.
func appendTime(dst []byte, at time.Duration) []byte {
	dst = strconv.AppendInt(dst, int64(at/time.Second), 10)
	dst = append(dst, '.')
	fraction := int64(at % time.Second)
	for unit := int64(time.Second / 10); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+fraction/unit%10))
	}
	return dst
}

// A head is a parsed head line.
type head struct {
	record Record // without Data
	length int
	sum    uint32
	upTo   int // the bytes of the line that the checksum covers
}

// parseHead reads a head line without its line end. It accepts only what
// AppendHead writes, so that no two files hold the same records.
func parseHead(line []byte) (head, error) {
	var h head
	kind, rest, _ := cut(line, ' ')
	at, rest, _ := cut(rest, ' ')
	from, rest, _ := cut(rest, ' ')
	to, rest, _ := cut(rest, ' ')
	length, sum, found := cut(rest, ' ')
	if !found {
		return h, facts.Sentence("head-parts")
	}
	var ok bool
	if h.record.Type, ok = parseType(kind); !ok {
		return h, facts.Sentence("head-type")
	}
	if h.record.At, ok = parseTime(at); !ok {
		return h, facts.Sentence("head-time")
	}
	if h.record.From, ok = parseParty(from); !ok {
		return h, facts.Sentence("head-from")
	}
	if h.record.To, ok = parseParty(to); !ok {
		return h, facts.Sentence("head-to")
	}
	n, ok := parseNumber(length)
	if !ok {
		return h, facts.Sentence("head-length")
	}
	if n > MaxData {
		return h, facts.Say("head-large", "n", n, "most", MaxData)
	}
	h.length = int(n)
	if h.sum, ok = parseSum(sum); !ok {
		return h, facts.Sentence("head-checksum")
	}
	h.upTo = len(line) - len(sum)
	return h, nil
}

// cut is bytes.Cut at a single byte, which costs a fifth of it. A recording of
// a large message that came line by line has a head for each line.
func cut(p []byte, sep byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(p, sep); i >= 0 {
		return p[:i], p[i+1:], true
	}
	return p, nil, false
}

// parseType reads a record type. The most frequent ones cost no memory.
func parseType(p []byte) (string, bool) {
	switch string(p) {
	case TypeData:
		return TypeData, true
	case TypeMask:
		return TypeMask, true
	}
	t := string(p)
	return t, validType(t)
}

func parseParty(p []byte) (who.Party, bool) {
	if len(p) != 1 {
		return 0, false
	}
	party := who.FromLetter(p[0])
	return party, party != 0
}

// parseNumber reads decimal digits without a leading zero.
func parseNumber(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > 18 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// parseTime reads what appendTime writes.
func parseTime(s []byte) (time.Duration, bool) {
	whole, fraction, _ := cut(s, '.')
	seconds, ok := parseNumber(whole)
	if !ok || seconds > math.MaxInt64/int64(time.Second) || len(fraction) != 9 {
		return 0, false
	}
	var nanos int64
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return 0, false
		}
		nanos = nanos*10 + int64(c-'0')
	}
	at := time.Duration(seconds)*time.Second + time.Duration(nanos)
	return at, at >= 0
}

// noDigit is what hexValues has for bytes that are no digit of a checksum.
const noDigit = 0xff

// hexValues are the values of hexadecimal digits in lower case. Digits of a
// checksum are random: a table has no branches to guess wrong.
var hexValues = func() (values [256]byte) {
	for c := range values {
		values[c] = noDigit
	}
	for i, c := range []byte("0123456789abcdef") {
		values[c] = byte(i)
	}
	return values
}()

func parseSum(s []byte) (uint32, bool) {
	if len(s) != 8 {
		return 0, false
	}
	var n uint32
	var seen byte
	for _, c := range s {
		v := hexValues[c]
		seen |= v
		n = n<<4 | uint32(v)
	}
	return n, seen < 16
}
