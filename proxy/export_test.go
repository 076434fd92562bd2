package proxy

import "time"

// SetLinger shortens the wait for a peer that has not noticed that the other
// one is gone.
func (p *Proxy) SetLinger(d time.Duration) { p.linger = d }

// SetWait shortens the wait for a reply to STARTTLS in proportion.
func (p *Proxy) SetWait(d time.Duration) { p.wait = d }

// SetHeaderTimeout shortens the wait for a PROXY header.
func (p *Proxy) SetHeaderTimeout(d time.Duration) { p.header = d }
