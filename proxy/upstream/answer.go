package upstream

import (
	"fmt"
	"smtptap/decode/facts"
	"strings"

	"github.com/miekg/dns"
)

// A mismatch is something that arrived from the resolver's address and is not
// the answer to the question: late, forged, or broken. Over UDP it is ignored
// and the real answer waited for.
type mismatch string

func (m mismatch) Error() string { return string(m) }

// readAnswer unpacks raw and checks that it is the answer to query: same ID, a
// response, the same opcode, and the very question. The library checks only
// the ID, and so takes an answer about another name for the one asked for.
func readAnswer(query *dns.Msg, raw []byte) (*dns.Msg, error) {
	m := new(dns.Msg)
	if err := m.Unpack(raw); err != nil {
		return nil, mismatch("malformed")
	}
	if m.Id != query.Id {
		return nil, mismatch("wrong id")
	}
	if !m.Response {
		return nil, mismatch("not a response")
	}
	if m.Opcode != query.Opcode {
		return nil, mismatch("wrong opcode")
	}
	if len(m.Question) != 1 {
		// A server that could not read the query may leave it out (RFC 1035 section 4.1.1).
		if len(m.Question) == 0 && m.Rcode == dns.RcodeFormatError {
			return m, nil
		}
		return nil, mismatch(fmt.Sprintf("%d questions", len(m.Question)))
	}
	asked, got := query.Question[0], m.Question[0]
	if got.Qtype != asked.Qtype || got.Qclass != asked.Qclass || !strings.EqualFold(got.Name, asked.Name) {
		return nil, mismatch("wrong question")
	}
	return m, nil
}

// maxAliases is how many CNAME records are followed for one question.
const maxAliases = 8

// follow picks the records of type qtype that belong to name out of an answer
// section, going through CNAME records on the way. Records that belong to
// other names are not looked at. It returns the name that the aliases end at
// and how many there were. The end may be another name and no records: then
// that name has to be asked for.
func follow(section []dns.RR, name string, qtype uint16) (end string, aliases int, records []dns.RR, err error) {
	end = name
	for {
		next := ""
		for _, rr := range section {
			h := rr.Header()
			if h.Class != dns.ClassINET || !strings.EqualFold(h.Name, end) {
				continue
			}
			if h.Rrtype == qtype {
				records = append(records, rr)
			} else if c, ok := rr.(*dns.CNAME); ok && next == "" {
				next = c.Target
			}
		}
		if len(records) > 0 || next == "" || qtype == dns.TypeCNAME {
			return end, aliases, records, nil
		}
		if aliases++; aliases > maxAliases {
			return end, aliases, nil, facts.Say("dns-aliases-many", "n", maxAliases)
		}
		end = next
	}
}
