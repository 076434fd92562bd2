package recordings

import (
	"fmt"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A Fact is what a record of JSON tells. The types below are all that there are.
type Fact = facts.Fact

type (
	Open   = facts.Open   // a client connected
	DNS    = facts.DNS    // a question was asked
	Dial   = facts.Dial   // a server was tried
	TLS    = facts.TLS    // a handshake was done, or failed
	Hello  = facts.Hello  // a TLS ClientHello was seen
	Closed = facts.Closed // a peer ended its direction
	Note   = facts.Note   // something that smtptap did
	Lost   = facts.Lost   // some of the session is not recorded
	End    = facts.End    // the session is over
	Mask   = facts.Mask   // a secret stood here
	Skip   = facts.Skip   // bytes passed here that are not recorded
)

// NewFact returns the record of a fact about the connection between two parties,
// or of a mask or skip in what one sends to the other.
func NewFact(at time.Duration, from, to who.Party, f Fact) (Record, error) {
	data, err := facts.Marshal(f)
	if err != nil {
		return Record{}, fmt.Errorf("%s record: %w", f.Type(), err)
	}
	return Record{At: at, Type: f.Type(), From: from, To: to, Data: data}, nil
}

// Fact decodes what the record tells. It returns nil for the header, for records
// that hold no JSON, and for types of a newer version.
func (r *Record) Fact() (Fact, error) {
	if facts.New(r.Type) == nil {
		return nil, nil
	}
	return facts.Unmarshal(r.Type, r.Data)
}
