package check

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/units"
	"smtptap/proxy/upstream"
)

// A Policy is a domain's MTA-STS policy (RFC 8461 section 3.2).
type Policy struct {
	URL    string   `json:"url"`
	Mode   string   `json:"mode,omitempty"`   // "enforce", "testing", "none"
	MX     []string `json:"mx,omitempty"`     // patterns of host names
	MaxAge int64    `json:"maxAge,omitempty"` // seconds
	Err    string   `json:"err,omitempty"`    // why there is none, or why it does not count
	Note   string   `json:"note,omitempty"`   // what is odd about it
}

const (
	maxPolicy     = 64 << 10
	policyTimeout = 10 * time.Second
	maxMaxAge     = 31557600 // a year (RFC 8461 section 3.2)
)

// fetchPolicy gets the policy of the domain. The certificate must be good, and
// no redirect is followed (RFC 8461 section 3.3).
func (c *checker) fetchPolicy(ctx context.Context, domain string) *Policy {
	url := "https://mta-sts." + domain + "/.well-known/mta-sts.txt"
	if c.policyURL != nil {
		url = c.policyURL(domain)
	}
	p := &Policy{URL: url}
	c.progress(domain, "", c.report.say("step-policy"))
	text, err := c.fetch(ctx, url)
	if err != nil {
		p.Err = lang.Of(c.Lang, err)
		return p
	}
	p.parse(text)
	p.Err, p.Note = c.report.say(p.Err), c.report.say(p.Note)
	return p
}

// fetch gets a small text over https.
func (c *checker) fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, policyTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext:       c.dialPolicy,
		TLSClientConfig:   &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fetchError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 3 {
		return "", words.Error("policy-redirect", "code", resp.StatusCode)
	}
	if resp.StatusCode != http.StatusOK {
		return "", words.Error("policy-code", "code", resp.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return "", words.Error("policy-type")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPolicy+1))
	if err != nil {
		return "", fetchError(err)
	}
	if len(body) > maxPolicy {
		return "", words.Error("policy-long", "most", units.Bytes(maxPolicy))
	}
	return string(body), nil
}

// fetchError takes the request's line off an error of the http client.
func fetchError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return words.Error("policy-late", "time", policyTimeout)
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		var none *upstream.NoServerError
		if errors.As(err, &none) {
			return none
		}
		err = inner
	}
}

// dialPolicy connects to the policy's host with the same resolver and the same
// rules as to the domain's mail servers.
func (c *checker) dialPolicy(ctx context.Context, _, address string) (net.Conn, error) {
	name, digits, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return nil, err
	}
	h := upstream.Host{Name: name, Why: "MTA-STS policy"}
	if a, err := netip.ParseAddr(name); err == nil {
		h.Literal = a
	}
	addrs, err := c.resolver.Lookup(c.note).Addresses(ctx, h)
	if err != nil {
		return nil, err
	}
	connector := &upstream.Connector{Port: uint16(port), AllowPrivate: c.AllowPrivate, Timeout: policyTimeout}
	s, err := connector.Connect(ctx, func(facts.Fact) {}, h, addrs)
	if err != nil {
		return nil, err
	}
	return s.Conn, nil
}

// parse reads the lines of a policy. Unknown keys are passed over, and so are
// repetitions of all keys but mx (RFC 8461 section 3.2). What is wrong is the key of
// a text.
func (p *Policy) parse(text string) {
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || seen[key] && key != "mx" {
			continue
		}
		seen[key] = true
		switch key {
		case "version":
			if value != "STSv1" {
				p.Err = "policy-version"
			}
		case "mode":
			p.Mode = value
		case "mx":
			p.MX = append(p.MX, strings.ToLower(value))
		case "max_age":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 || len(value) > 10 {
				p.Err = "policy-age"
				continue
			}
			p.MaxAge = n
			if n > maxMaxAge {
				p.Note = "policy-age-long"
			}
		}
	}
	switch {
	case p.Err != "":
	case !seen["version"]:
		p.Err = "policy-no-version"
	case p.Mode != "enforce" && p.Mode != "testing" && p.Mode != "none":
		p.Err = "policy-mode"
	case !seen["max_age"]:
		p.Err = "policy-no-age"
	case len(p.MX) == 0 && p.Mode != "none":
		p.Err = "policy-no-mx"
	}
}

// Covers reports whether the policy allows mail to go to host: one of its
// patterns is the name, or has a wildcard in place of its first label (RFC
// 8461 section 4.1).
func (p *Policy) Covers(host string) bool {
	host = strings.ToLower(host)
	for _, pattern := range p.MX {
		if pattern == host {
			return true
		}
		if rest, ok := strings.CutPrefix(pattern, "*."); ok {
			if _, parent, ok := strings.Cut(host, "."); ok && parent == rest {
				return true
			}
		}
	}
	return false
}
