package transcript

import (
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/recordings"
)

// A gap is what could not be recorded since the last record that was.
type gap struct {
	at      time.Duration // of the first
	lost    facts.Lost
	missing []passed
}

// passed counts the bytes of one route in a gap.
type passed struct {
	route
	bytes int64
}

// gapRoom is more than the records of a gap take up: one for each of six
// routes, and one with a reason of at most maxText bytes.
const gapRoom = 4 << 10

func (g *gap) empty() bool { return g.lost.Records == 0 }

// add counts a record that is lost.
func (g *gap) add(r recordings.Record) {
	if g.empty() {
		g.at = r.At
	}
	g.lost.Records++
	g.lost.Bytes += int64(len(r.Data))
	n := int64(len(r.Data))
	switch r.Type {
	case recordings.TypeMask:
		n = int64(len(decode.MaskText))
	case recordings.TypeSkip:
		if f, err := r.Fact(); err == nil {
			n = f.(*facts.Skip).Bytes
		}
	case recordings.TypeData:
	default:
		return
	}
	for i := range g.missing {
		m := &g.missing[i]
		if m.route == (route{r.From, r.To}) {
			m.add(n)
			return
		}
	}
	g.missing = append(g.missing, passed{route{r.From, r.To}, n})
}

// add counts n more bytes, -1 for an unknown number.
func (p *passed) add(n int64) {
	if n < 0 || p.bytes < 0 {
		p.bytes = -1
		return
	}
	p.bytes += n
}

// encode says what the gap is, in records: for the dialogue, how many bytes of
// each route are not there; for people, how much it is and why.
func (g *gap) encode(at time.Duration, why error) ([]byte, *facts.Lost) {
	var out []byte
	for _, m := range g.missing {
		out = appendRecord(out, encode(g.at, m.route, &facts.Skip{Bytes: m.bytes, Why: decode.WhyNotRecorded}))
	}
	lost := g.lost
	lost.Why = facts.Because(why)
	return appendRecord(out, encode(at, about(&lost), &lost)), &lost
}

// appendRecord appends a record that is known to be valid.
func appendRecord(dst []byte, r recordings.Record) []byte {
	dst, err := r.AppendHead(dst)
	if err != nil {
		panic(err)
	}
	return append(append(dst, r.Data...), '\n')
}
