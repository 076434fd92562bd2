// Package check connects to the servers of a mail domain, or to one server,
// and reports what stands between them and a message: the DNS, the greeting,
// the extensions, TLS and its certificate, the logins offered. It never logs
// in and never sends mail.
package check

import (
	"fmt"
	"io"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// A Report is what a check found. Its strings are as the peers and the DNS
// sent them: they are made visible where they are shown. Durations are in
// nanoseconds.
type Report struct {
	Lang     lang.Lang     `json:"lang"`              // of what is in words
	Target   string        `json:"target"`            // as given
	Kind     Kind          `json:"kind"`              // what it was taken for
	Name     string        `json:"name"`              // domain or host, in its ASCII form
	Unicode  string        `json:"unicode,omitempty"` // with U-labels, when that differs
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took"`
	OK       bool          `json:"ok"` // at least one server would take mail
	Verdict  string        `json:"verdict"`
	Problem  string        `json:"problem,omitempty"`  // why there is no server, such as "no-such-domain"
	NoServer string        `json:"noServer,omitempty"` // the same in words
	Hosts    []*Host       `json:"hosts"`              // in the order in which mail goes to them
	Notes    []string      `json:"notes,omitempty"`    // what is odd about it all, in sentences
	Records  *Records      `json:"records,omitempty"`  // of a domain
	DNS      []*facts.DNS  `json:"dns,omitempty"`      // every question that was asked
}

// Kind is what a target was taken for.
type Kind string

const (
	KindDomain Kind = "domain" // the servers of this domain were checked
	KindHost   Kind = "host"   // this one server was
)

// A Host is one server of the target.
type Host struct {
	Name       string   `json:"name"`
	Port       uint16   `json:"port"`
	Preference *uint16  `json:"preference,omitempty"` // of its MX record
	Why        string   `json:"why"`                  // as in facts.Dial
	Err        string   `json:"err,omitempty"`        // why it has no address
	Probes     []*Probe `json:"probes"`               // one for each address
	TLSA       []string `json:"tlsa,omitempty"`       // records in zone-file form
	TLSAErr    string   `json:"tlsaErr,omitempty"`    // why it is not known whether there are any
	InPolicy   *bool    `json:"inPolicy,omitempty"`   // whether the domain's MTA-STS policy names it
}

// A Probe is one address of a host, and what was heard there.
type Probe struct {
	Address    string      `json:"address"`              // with its port
	Reverse    []string    `json:"reverse,omitempty"`    // names of the address
	ReverseErr string      `json:"reverseErr,omitempty"` // why there are none
	Dial       *facts.Dial `json:"dial,omitempty"`

	Greeting  *Reply     `json:"greeting,omitempty"`
	EHLO      *Reply     `json:"ehlo,omitempty"`
	HELO      *Reply     `json:"helo,omitempty"` // asked only when EHLO was refused
	STARTTLS  *Reply     `json:"starttls,omitempty"`
	TLS       *facts.TLS `json:"tls,omitempty"`
	EHLOInTLS *Reply     `json:"ehloInTLS,omitempty"`

	Offers      []string `json:"offers,omitempty"`      // extensions before TLS, as sent
	OffersInTLS []string `json:"offersInTLS,omitempty"` // inside TLS
	Auth        []string `json:"auth,omitempty"`        // login mechanisms before TLS
	AuthInTLS   []string `json:"authInTLS,omitempty"`
	Size        *int64   `json:"size,omitempty"` // largest message in octets; 0 when the server tells no limit

	DANE  DANE          `json:"dane,omitempty"`
	Notes []string      `json:"notes,omitempty"` // what is odd, in sentences
	Took  time.Duration `json:"took"`
	Err   string        `json:"err,omitempty"` // what ended the dialogue early
	OK    bool          `json:"ok"`            // it would take mail
}

// A Reply is a server's reply.
type Reply struct {
	Code int    `json:"code"`
	Text string `json:"text"` // lines joined by LF
}

// JSON writes the report as one indented object.
func (r *Report) JSON(w io.Writer) error {
	if err := visible.WriteJSON(w, r, "  "); err != nil {
		return fmt.Errorf("report of %s: %w", visible.Text(r.Target), err)
	}
	return nil
}
