package upstream

import (
	"cmp"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"smtptap/decode/visible"
)

// Kind says how a Target finds its server.
type Kind string

const (
	KindSink   Kind = "sink"   // the embedded server
	KindHost   Kind = "host"   // one named server
	KindSocket Kind = "socket" // the server at a unix socket
	KindDomain Kind = "domain" // the mail servers of one domain
	KindRcpt   Kind = "rcpt"   // those of each recipient's domain
	KindRec    Kind = "rec"    // the server of a recording
)

// A Target is where the user wants sessions to go.
type Target struct {
	Kind     Kind
	Host     string // of KindHost: name in its ASCII form, or IP address
	Port     uint16 // of KindHost
	Implicit bool   // of KindHost: TLS from the first byte
	Path     string // of KindSocket: the socket's file; of KindRec: the recording, as it was typed
	LMTP     bool   // of KindHost and KindSocket: the server speaks LMTP
	Domain   Domain // of KindDomain
}

// Ports of a named server (RFC 6409 section 3.1, RFC 8314 section 7.3). LMTP has
// none of its own; 24 is for any private mail system, and is what Postfix takes.
const (
	portSubmission  = 587
	portSubmissions = 465
	portLMTP        = 24
)

// targetForms is what the errors of ParseTarget offer instead.
var targetForms = words.Error("target-forms")

// ParseTarget reads a target as CLI users write it:
//
//	sink               the embedded server
//	HOST[:PORT]        that server; port 587 if none is given; 465 means smtps
//	smtp://HOST:PORT   plain text, STARTTLS when the client asks for it
//	smtps://HOST:PORT  TLS from the first byte; port 465 if none is given
//	lmtp:HOST:PORT     LMTP in place of SMTP; port 24 if none is given
//	unix:PATH          the server at that unix socket; lmtp:unix:PATH for LMTP
//	mx:DOMAIN          the domain's mail servers
//	mx                 those of each recipient's own domain
//	rec:REC            the server's side of a recording stands in
//
// HOST is a name, which may be an internationalized one, or an IP address. An
// IPv6 address with a port stands in brackets.
func ParseTarget(s string) (Target, error) {
	t, err := parseTarget(s)
	if err != nil {
		return Target{}, words.Error("target", "target", visible.Text(s), "why", err)
	}
	return t, nil
}

func parseTarget(s string) (Target, error) {
	if s == "" {
		return Target{}, words.Error("target-empty", "forms", targetForms)
	}
	prefix, rest, found := strings.Cut(s, ":")
	prefix = strings.ToLower(prefix)
	switch {
	case !found:
	case prefix == "unix":
		return parseSocket(rest)
	case strings.HasPrefix(rest, "//"):
		return parseURL(prefix, rest[2:])
	case prefix == "lmtp":
		return parseLMTP(rest)
	case prefix == "mx":
		return parseMX(rest)
	case prefix == "rec":
		return parseRecording(rest)
	}
	switch strings.ToLower(s) {
	case "sink":
		return Target{Kind: KindSink}, nil
	case "mx":
		return Target{Kind: KindRcpt}, nil
	}
	t, err := parseHost(s, portSubmission)
	t.Implicit = t.Port == portSubmissions
	return t, err
}

// parseHost reads HOST or HOST:PORT.
func parseHost(s string, port uint16) (Target, error) {
	host, given, err := splitHost(s)
	if err != nil {
		return Target{}, err
	}
	return Target{Kind: KindHost, Host: host, Port: cmp.Or(given, port)}, nil
}

func parseLMTP(s string) (Target, error) {
	read := func(s string) (Target, error) { return parseHost(s, portLMTP) }
	if path, found := strings.CutPrefix(s, "unix:"); found {
		s, read = path, parseSocket
	}
	t, err := read(s)
	t.LMTP = true
	return t, err
}

func parseSocket(path string) (Target, error) {
	return Target{Kind: KindSocket, Path: path}, CheckSocketPath(path)
}

// longestSocketPath is what the address of a unix socket has room for on every
// system.
const longestSocketPath = 103

// CheckSocketPath says why a unix socket can't be at path.
func CheckSocketPath(path string) error {
	switch {
	case path == "":
		return words.Error("socket-no-path")
	case len(path) > longestSocketPath:
		return words.Error("socket-path-long", "most", longestSocketPath)
	case strings.ContainsRune(path, 0):
		return words.Error("socket-path-nul")
	}
	return nil
}

func parseURL(scheme, rest string) (Target, error) {
	var t Target
	switch scheme {
	case "smtp":
		t.Port = portSubmission
	case "smtps":
		t.Port, t.Implicit = portSubmissions, true
	case "lmtp":
		t.Port, t.LMTP = portLMTP, true
	default:
		return Target{}, words.Error("no-scheme", "scheme", visible.Text(scheme), "forms", targetForms)
	}
	rest = strings.TrimSuffix(rest, "/")
	if strings.Contains(rest, "@") {
		return Target{}, words.Error("login-in-target")
	}
	if strings.ContainsAny(rest, "/?#") {
		return Target{}, words.Error("path-in-target")
	}
	host, err := parseHost(rest, t.Port)
	host.Implicit, host.LMTP = t.Implicit, t.LMTP
	return host, err
}

// parseMX reads a domain, or the address whose domain is meant.
func parseMX(s string) (Target, error) {
	if s == "" {
		return Target{}, words.Error("mx-no-domain")
	}
	if strings.Contains(s, "@") {
		return Target{}, words.Error("mx-address", "domain", visible.Text(s[strings.LastIndexByte(s, '@')+1:]))
	}
	d, err := ParseDomain(s)
	if err != nil {
		return Target{}, err
	}
	return Target{Kind: KindDomain, Domain: d}, nil
}

func parseRecording(ref string) (Target, error) {
	if ref == "" {
		return Target{}, words.Error("rec-nothing")
	}
	return Target{Kind: KindRec, Path: ref}, nil
}

// splitHost reads HOST or HOST:PORT; port is 0 when there is none.
func splitHost(s string) (host string, port uint16, err error) {
	host, digits, found, err := cutPort(s)
	if err != nil {
		return "", 0, err
	}
	if found {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return "", 0, words.Error("not-a-port", "port", visible.Text(digits))
		}
		port = uint16(n)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if why := badName(cmp.Or(ip.Zone(), "zone")); why != "" {
			return "", 0, words.Error("not-an-interface", "name", visible.Text(ip.Zone()))
		}
		return ip.String(), port, nil
	}
	host, err = hostName(host)
	return host, port, err
}

// cutPort separates host and port; brackets around an IP address are removed.
func cutPort(s string) (host, port string, found bool, err error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, after, ok := strings.Cut(inner, "]")
		if !ok {
			return "", "", false, words.Error("bracket-open")
		}
		if _, err := netip.ParseAddr(host); err != nil {
			return "", "", false, words.Error("bracket-no-address", "host", visible.Text(host))
		}
		port, found = strings.CutPrefix(after, ":")
		if after != "" && !found {
			return "", "", false, words.Error("bracket-then")
		}
		return host, port, found, nil
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return s, "", false, nil
	}
	if strings.Count(s, ":") > 1 {
		return "", "", false, words.Error("ipv6-brackets")
	}
	host, port, found = strings.Cut(s, ":")
	return host, port, found, nil
}

// hostName checks a host's name and returns its ASCII form.
func hostName(s string) (string, error) {
	if s == "" {
		return "", words.Error("no-host", "forms", targetForms)
	}
	d, err := ParseDomain(s)
	var bad *NoServerError
	if errors.As(err, &bad) {
		return "", words.Error("not-a-host", "host", visible.Text(s), "why", bad.Detail)
	}
	return d.ASCII, err
}

// String is the target as ParseTarget reads it.
func (t Target) String() string {
	switch t.Kind {
	case KindDomain:
		return "mx:" + t.Domain.ASCII
	case KindRcpt:
		return "mx"
	case KindRec:
		return "rec:" + t.Path
	case KindSocket:
		if t.LMTP {
			return "lmtp:unix:" + t.Path
		}
		return "unix:" + t.Path
	case KindHost:
		scheme := "smtp://"
		switch {
		case t.Implicit:
			scheme = "smtps://"
		case t.LMTP:
			scheme = "lmtp:"
		}
		host := t.Host
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + host + ":" + strconv.Itoa(int(t.Port))
	}
	return string(KindSink)
}
