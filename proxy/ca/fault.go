package ca

import (
	"crypto/tls"
	"time"
)

// A Fault is what is wrong with a certificate on purpose, to see what a client
// does about it.
type Fault string

const (
	Fail       Fault = "fail"        // there is none: the handshake ends
	Expired    Fault = "expired"     // it has expired
	WrongName  Fault = "wrong-name"  // it is for another host
	SelfSigned Fault = "self-signed" // no authority has signed it
)

// wrongName is within the constraints of every root, so that a client which
// trusts the root finds nothing wrong but the name.
const wrongName = "wrong-name.localhost"

// Faulty is Leaf with a fault, "" for none. Such a leaf is made anew each time.
func (a *Authority) Faulty(name string, fault Fault) (*tls.Certificate, error) {
	if fault == "" {
		return a.Leaf(name)
	}
	now := time.Now()
	by, err := a.rootFor(parseHost(name), now)
	if err != nil {
		return nil, err
	}
	return by.sign(now, fault)
}
