// Package codes says in one line each what the numbers and words of SMTP mean:
// reply codes, enhanced status codes, EHLO keywords, parameters of MAIL and
// RCPT, verbs and authentication mechanisms.
//
// The tables follow the RFCs and the IANA registries "SMTP Service Extensions",
// "Simple Mail Transfer Protocol Enhanced Status Codes" and "SASL Mechanisms",
// and add what is met in practice without being registered; Ref says which.
// The texts are constant. Where a function puts a peer's own words into one,
// they are as sent and must be made visible by the caller.
package codes

// A Meaning is what one code or word says.
type Meaning struct {
	Text string // no full stop, lower case
	Ref  string // "RFC 5321 section 4.2.3", or whose invention it is
}
