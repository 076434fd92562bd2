// Package verify judges the authentication of a message as its receiver would:
// the DKIM signatures (RFC 6376), SPF for the address that the server saw (RFC
// 7208), and whether one of the two speaks for the domain in From, as DMARC
// wants it (RFC 7489). Each result has its reason. It asks the DNS what it says
// today, which need not be what it said when the mail was sent.
package verify

import (
	"context"
	_ "embed"
	"net/netip"
	"slices"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/proxy/upstream"
)

// A Result is one of the results of RFC 8601 section 2.7, or Unknown.
type Result string

const (
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail"
	Neutral   Result = "neutral"
	None      Result = "none"
	TempError Result = "temperror"
	PermError Result = "permerror"
	Unknown   Result = "unknown" // what would decide it is not known here
)

// A Mail is a message and its envelope as a server saw them.
type Mail struct {
	Address netip.Addr // from which the server saw the client connect; invalid when that is not known
	Helo    string     // what the client said in EHLO or HELO
	From    string     // reverse-path, "" for the null one
	Author  string     // value of the message's From field
	Authors int        // number of From fields
	Message []byte     // nil when it is not whole
	Why     string     // the reason for that: a key of words.toml, or what reading it met
}

// A Signature is what became of one DKIM signature.
type Signature struct {
	Domain  string
	Result  Result
	Reason  string
	Aligned bool
}

// SPF is what the sender's domain says of the address.
type SPF struct {
	Domain  string
	Result  Result
	Reason  string
	Aligned bool
}

// DMARC is what the domain in From says of a message that neither speaks for.
type DMARC struct {
	Domain string // in From
	Record string // the domain whose record counts, "" for none
	Policy string // that record's, for this domain
	Result Result
	Reason string
}

// A Report holds the three.
type Report struct {
	DKIM  []Signature
	SPF   SPF
	DMARC DMARC
	lang  lang.Lang
}

// Failed reports that a receiver would hold something against the message.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Checks(), func(c decode.Check) bool { return c.Failed })
}

// Run judges a message, in words of that language.
func Run(ctx context.Context, resolver *upstream.Resolver, m Mail, l lang.Lang) Report {
	v := &verifier{ctx: ctx, dns: &upstream.Stdlib{Resolver: resolver}, mail: m, lang: l}
	author, problem := v.author()
	r := Report{DKIM: v.dkim(), SPF: v.spf(), lang: l}
	r.DMARC = v.dmarc(author, problem, &r)
	return r
}

// A verifier judges one message.
type verifier struct {
	ctx  context.Context
	dns  *upstream.Stdlib
	mail Mail
	lang lang.Lang
}

//go:embed words.toml
var wordsFile []byte

var texts = lang.NewTexts(wordsFile)

func (v *verifier) say(key string, words ...string) string { return texts.Say(v.lang, key, words...) }

func (v *verifier) txt(domain string) ([]string, error) { return v.dns.LookupTXT(v.ctx, domain) }
